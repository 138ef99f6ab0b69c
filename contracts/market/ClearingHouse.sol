// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IClearingHouse} from "../interfaces/IClearingHouse.sol";
import {IGridToken} from "../interfaces/IGridToken.sol";
import {IPowerCoinDesk} from "../interfaces/IPowerCoinDesk.sol";
import {INR} from "../tokens/TokenIds.sol";
import {TokenReceiver} from "../tokens/TokenReceiver.sol";

/// @title ClearingHouse
/// @notice See IClearingHouse.
contract ClearingHouse is IClearingHouse, AccessManaged, Pausable, ReentrancyGuardTransient, TokenReceiver {
    using SafeCast for uint256;

    /// One word; 80 bits are a trillion times a trillion micro-rupees.
    struct Account {
        uint96 free;
        uint80 locked;
        uint80 arrears;
    }

    // ------------------------------------------------------------------ immutables

    IPowerCoinDesk private immutable DESK;

    // ------------------------------------------------------------------ storage

    /// @inheritdoc IClearingHouse
    address public backer;
    mapping(address account => Account) private _accounts;
    /// @inheritdoc IClearingHouse
    mapping(address market => uint256 microInr) public escrowOf;

    // ------------------------------------------------------------------ constructor

    constructor(address manager, IGridToken token, IPowerCoinDesk desk, address firstBacker)
        AccessManaged(manager)
        TokenReceiver(token)
    {
        DESK = desk;
        _setBacker(firstBacker);
    }

    // ------------------------------------------------------------------ admin

    /// @inheritdoc IClearingHouse
    function setBacker(address newBacker) external restricted {
        _setBacker(newBacker);
    }

    /// @inheritdoc IClearingHouse
    function pause() external restricted {
        _pause();
    }

    /// @inheritdoc IClearingHouse
    function unpause() external restricted {
        _unpause();
    }

    // ------------------------------------------------------------------ accounts

    /// @inheritdoc IClearingHouse
    function deposit(uint256 microInr) external payable returns (uint256 credited) {
        return depositFor(msg.sender, microInr);
    }

    /// @inheritdoc IClearingHouse
    function depositFor(address account, uint256 microInr)
        public
        payable
        whenNotPaused
        nonReentrant
        returns (uint256 credited)
    {
        if (account == address(0)) revert ClearingHouse_ZeroAccount();
        if (msg.value == 0) {
            credited = microInr;
            TOKEN.safeTransferFrom(msg.sender, address(this), INR, microInr, "");
        } else {
            credited = DESK.buyWithEther{value: msg.value}(address(this), microInr);
        }
        if (credited == 0) revert ClearingHouse_ZeroAmount();
        emit Deposited(msg.sender, account, credited);
        _credit(account, credited);
    }

    /// @inheritdoc IClearingHouse
    /// @dev The receiver's hook runs when all books are written.
    function withdraw(uint256 microInr) external {
        if (microInr == 0) revert ClearingHouse_ZeroAmount();
        _takeFree(msg.sender, microInr);
        emit Withdrawn(msg.sender, microInr);
        TOKEN.safeTransferFrom(address(this), msg.sender, INR, microInr, "");
    }

    // ------------------------------------------------------------------ markets

    /// @inheritdoc IClearingHouse
    function lock(address account, uint256 microInr) external restricted whenNotPaused {
        uint256 arrears = _accounts[account].arrears;
        if (arrears != 0) revert ClearingHouse_InArrears(account, arrears);
        if (microInr == 0) return;
        _takeFree(account, microInr);
        _accounts[account].locked += microInr.toUint80();
        escrowOf[msg.sender] += microInr;
        emit Locked(msg.sender, account, microInr);
    }

    /// @inheritdoc IClearingHouse
    function unlock(address account, uint256 microInr) external restricted {
        if (microInr == 0) return;
        _takeLocked(account, microInr);
        _takeEscrow(microInr);
        emit Unlocked(msg.sender, account, microInr);
        _credit(account, microInr);
    }

    /// @inheritdoc IClearingHouse
    function payFromLocked(address from, address to, uint256 microInr) external restricted {
        if (microInr == 0) return;
        _takeLocked(from, microInr);
        _takeEscrow(microInr);
        _pay(from, to, microInr);
    }

    /// @inheritdoc IClearingHouse
    function pay(address to, uint256 microInr) external restricted {
        if (microInr == 0) return;
        _takeEscrow(microInr);
        _pay(msg.sender, to, microInr);
    }

    /// @inheritdoc IClearingHouse
    function passLock(address account, address toMarket, uint256 microInr) external restricted {
        if (microInr == 0) return;
        uint256 locked = _accounts[account].locked;
        if (locked < microInr) revert ClearingHouse_NotLocked(account, locked, microInr);
        _takeEscrow(microInr);
        escrowOf[toMarket] += microInr;
        emit LockPassed(msg.sender, toMarket, account, microInr);
    }

    /// @inheritdoc IClearingHouse
    function charge(address from, address to, uint256 microInr) external restricted returns (uint256 unpaid) {
        if (microInr == 0) return 0;
        uint256 own = Math.min(_accounts[from].free, microInr);
        uint256 lacking = microInr - own;
        if (from == backer && lacking != 0) return lacking;
        // What is owed to the backer itself needs nobody to advance it.
        bool advanced = to != backer;
        if (advanced && lacking != 0) {
            uint256 cover = _accounts[backer].free;
            if (cover < lacking) return lacking - cover;
        }
        if (own != 0) _takeFree(from, own);
        if (lacking != 0) _fallBehind(from, lacking, advanced);
        uint256 paid = advanced ? microInr : own;
        if (paid != 0) _pay(from, to, paid);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IClearingHouse
    function balanceOf(address account) external view returns (uint256 microInr) {
        return _accounts[account].free;
    }

    /// @inheritdoc IClearingHouse
    function lockedOf(address account) external view returns (uint256 microInr) {
        return _accounts[account].locked;
    }

    /// @inheritdoc IClearingHouse
    function arrearsOf(address account) external view returns (uint256 microInr) {
        return _accounts[account].arrears;
    }

    /// @inheritdoc IClearingHouse
    function coverOf(address account) external view returns (uint256 microInr) {
        microInr = _accounts[account].free;
        if (account != backer) microInr += _accounts[backer].free;
    }

    // ------------------------------------------------------------------ internal

    function _takeFree(address account, uint256 microInr) private {
        uint256 free = _accounts[account].free;
        if (free < microInr) revert ClearingHouse_TooLittleFree(account, free, microInr);
        unchecked {
            _accounts[account].free = uint96(free - microInr); // not more than is there
        }
    }

    function _takeLocked(address account, uint256 microInr) private {
        uint256 locked = _accounts[account].locked;
        if (locked < microInr) revert ClearingHouse_NotLocked(account, locked, microInr);
        unchecked {
            _accounts[account].locked = uint80(locked - microInr); // not more than is there
        }
    }

    /// Takes from the calling market's escrow.
    function _takeEscrow(uint256 microInr) private {
        uint256 escrow = escrowOf[msg.sender];
        if (escrow < microInr) revert ClearingHouse_EscrowShort(msg.sender, escrow, microInr);
        unchecked {
            escrowOf[msg.sender] = escrow - microInr; // not more than is there
        }
    }

    /// INR taken from somewhere reaches `to`: a person's account, or the calling market's escrow.
    function _pay(address from, address to, uint256 microInr) private {
        if (to == address(0)) revert ClearingHouse_ZeroAccount();
        emit Paid(msg.sender, from, to, microInr);
        if (to == msg.sender) escrowOf[to] += microInr;
        else _credit(to, microInr);
    }

    /// Arrears first, to the backer; the rest is the account's.
    function _credit(address account, uint256 microInr) private {
        uint256 arrears = _accounts[account].arrears;
        if (arrears != 0) {
            uint256 repaid = Math.min(arrears, microInr);
            microInr -= repaid;
            arrears -= repaid;
            _accounts[account].arrears = uint80(arrears); // less than before
            emit ArrearsRepaid(account, repaid, arrears);
            _accounts[backer].free += repaid.toUint96();
        }
        if (microInr != 0) _accounts[account].free += microInr.toUint96();
    }

    /// The account owes more; if `advanced`, the backer pays it now.
    function _fallBehind(address account, uint256 microInr, bool advanced) private {
        if (advanced) _takeFree(backer, microInr);
        uint256 arrears = _accounts[account].arrears + microInr;
        _accounts[account].arrears = arrears.toUint80();
        emit ArrearsGrown(account, microInr, arrears);
    }

    function _setBacker(address newBacker) private {
        if (newBacker == address(0)) revert ClearingHouse_ZeroAccount();
        uint256 arrears = _accounts[newBacker].arrears;
        if (arrears != 0) revert ClearingHouse_InArrears(newBacker, arrears);
        emit BackerChanged(backer, newBacker);
        backer = newBacker;
    }

    /// INR comes in by a deposit and in no other way.
    function _accepts(uint256 id) internal view override returns (bool) {
        return id == INR && _reentrancyGuardEntered();
    }
}
