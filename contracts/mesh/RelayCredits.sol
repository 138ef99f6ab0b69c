// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {MeterId, Standing} from "../Types.sol";
import {IGridToken} from "../interfaces/IGridToken.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {IOracleQuorum} from "../interfaces/IOracleQuorum.sol";
import {IRelayCredits} from "../interfaces/IRelayCredits.sol";
import {StandingLib} from "../metering/StandingLib.sol";
import {INR} from "../tokens/TokenIds.sol";
import {TokenReceiver} from "../tokens/TokenReceiver.sol";
import {HashChainLib} from "./HashChainLib.sol";

/// @title RelayCredits
/// @notice See IRelayCredits.
contract RelayCredits is IRelayCredits, EIP712, AccessManaged, Pausable, ReentrancyGuardTransient, TokenReceiver {
    using SafeCast for uint256;
    using StandingLib for Standing;

    struct Account {
        uint128 prepaid;
        uint128 earned;
    }

    struct Refund {
        uint128 microInr;
        uint64 availableAt;
    }

    /// Sessions that began before `fromStart` pay `before`, others `current`.
    struct Fee {
        uint96 current;
        uint96 before;
        uint64 fromStart;
    }

    // ------------------------------------------------------------------ constants

    /// @inheritdoc IRelayCredits
    uint256 public constant MAX_BATCH = 64;
    /// @inheritdoc IRelayCredits
    uint256 public constant MAX_ROUTE = 8;
    /// @inheritdoc IRelayCredits
    uint256 public constant MAX_CHAIN = 64;
    /// @inheritdoc IRelayCredits
    uint256 public constant MAX_AGE = 7 days;
    /// @inheritdoc IRelayCredits
    uint256 public constant NOTICE = 1 days;
    /// @inheritdoc IRelayCredits
    uint8 public constant NOT_BROKEN = type(uint8).max;
    /// @notice Highest fee for one message and relay: Rs 1.
    uint256 public constant MAX_FEE = 1e6;

    /// Nodes' clocks and the chain's differ.
    uint256 private constant MAX_SKEW = 5 minutes;
    uint256 private constant NODE_BYTES = 6;
    bytes32 private constant RECEIPT_TYPEHASH = keccak256(
        "Receipt(uint32 startedAt,uint16 sent,uint16 delivered,uint8 brokenHop,uint8 reporters,"
        "bytes16 sRoot,bytes16 sValue,bytes16 hRoot,bytes16 hValue,bytes route)"
    );
    bytes32 private constant RECEIPTS_TYPEHASH = keccak256(
        "Receipts(Receipt[] receipts,uint64 epoch)Receipt(uint32 startedAt,uint16 sent,uint16 delivered,"
        "uint8 brokenHop,uint8 reporters,bytes16 sRoot,bytes16 sValue,bytes16 hRoot,bytes16 hValue,bytes route)"
    );

    // ------------------------------------------------------------------ immutables

    IOracleQuorum public immutable QUORUM;
    IMeterRegistry public immutable REGISTRY;

    // ------------------------------------------------------------------ storage

    /// @inheritdoc IRelayCredits
    address public community;
    Fee private _fee;
    mapping(address account => Account) private _accounts;
    mapping(address account => Refund) private _refunds;
    /// sent << 16 | delivered
    mapping(bytes32 id => uint256) private _cleared;

    // ------------------------------------------------------------------ constructor

    constructor(
        address manager,
        IGridToken token,
        IOracleQuorum quorum,
        IMeterRegistry registry,
        address firstCommunity,
        uint256 feeMicroInr
    ) AccessManaged(manager) TokenReceiver(token) EIP712("Ohmstead RelayCredits", "1") {
        (QUORUM, REGISTRY) = (quorum, registry);
        _setCommunity(firstCommunity);
        _setFee(feeMicroInr, 0);
    }

    // ------------------------------------------------------------------ operator and admin

    /// @inheritdoc IRelayCredits
    function setFee(uint256 microInrPerMessage) external restricted {
        uint256 until = _fee.fromStart == 0 ? 0 : _fee.fromStart + MAX_AGE;
        if (block.timestamp < until) revert RelayCredits_FeeChangePending(until);
        // Not before a session that runs already, as far as clocks differ.
        _setFee(microInrPerMessage, block.timestamp + MAX_SKEW);
    }

    /// @inheritdoc IRelayCredits
    function setCommunity(address account) external restricted {
        _setCommunity(account);
    }

    function pause() external restricted {
        _pause();
    }

    function unpause() external restricted {
        _unpause();
    }

    // ------------------------------------------------------------------ accounts

    /// @inheritdoc IRelayCredits
    function depositFor(address account, uint256 microInr) external whenNotPaused nonReentrant {
        if (account == address(0)) revert RelayCredits_ZeroAccount();
        if (microInr == 0) revert RelayCredits_ZeroAmount();
        _accounts[account].prepaid += microInr.toUint128();
        emit Deposited(msg.sender, account, microInr);
        TOKEN.safeTransferFrom(msg.sender, address(this), INR, microInr, "");
    }

    /// @inheritdoc IRelayCredits
    /// @dev The receiver's hook runs when all books are written.
    function withdraw(uint256 microInr) external nonReentrant {
        _takeEarned(microInr);
        emit Withdrawn(msg.sender, microInr);
        TOKEN.safeTransferFrom(address(this), msg.sender, INR, microInr, "");
    }

    /// @inheritdoc IRelayCredits
    function keepEarned(uint256 microInr) external nonReentrant {
        _takeEarned(microInr);
        _accounts[msg.sender].prepaid += microInr.toUint128();
        emit EarnedKept(msg.sender, microInr);
    }

    /// @inheritdoc IRelayCredits
    function requestRefund(uint256 microInr) external {
        uint256 prepaid = _accounts[msg.sender].prepaid;
        if (microInr > prepaid) revert RelayCredits_TooLittlePrepaid(msg.sender, prepaid, microInr);
        uint256 availableAt = microInr == 0 ? 0 : block.timestamp + NOTICE;
        _refunds[msg.sender] = Refund(microInr.toUint128(), availableAt.toUint64());
        emit RefundRequested(msg.sender, microInr, availableAt);
    }

    /// @inheritdoc IRelayCredits
    /// @dev The receiver's hook runs when all books are written.
    function refund() external nonReentrant returns (uint256 microInr) {
        Refund memory asked = _refunds[msg.sender];
        if (asked.microInr == 0) revert RelayCredits_NoRefundRequested(msg.sender);
        if (block.timestamp < asked.availableAt) revert RelayCredits_RefundNotYet(msg.sender, asked.availableAt);
        delete _refunds[msg.sender];
        uint256 prepaid = _accounts[msg.sender].prepaid;
        microInr = Math.min(asked.microInr, prepaid);
        if (microInr == 0) revert RelayCredits_TooLittlePrepaid(msg.sender, 0, asked.microInr);
        _accounts[msg.sender].prepaid = uint128(prepaid - microInr); // not more than is there
        emit Refunded(msg.sender, microInr);
        TOKEN.safeTransferFrom(address(this), msg.sender, INR, microInr, "");
    }

    // ------------------------------------------------------------------ clearing

    /// @inheritdoc IRelayCredits
    function clear(Receipt[] calldata receipts, bytes[] calldata signatures)
        external
        whenNotPaused
        nonReentrant
        returns (uint256 cleared)
    {
        if (receipts.length == 0 || receipts.length > MAX_BATCH) {
            revert RelayCredits_BadBatch(receipts.length, MAX_BATCH);
        }
        QUORUM.requireQuorum(receiptsDigest(receipts), signatures);
        for (uint256 i = 0; i < receipts.length; ++i) {
            if (_clear(receipts[i], i)) ++cleared;
        }
        if (cleared == 0) revert RelayCredits_NothingToClear();
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IRelayCredits
    function prepaidOf(address account) external view returns (uint256 microInr) {
        return _accounts[account].prepaid;
    }

    /// @inheritdoc IRelayCredits
    function earnedOf(address account) external view returns (uint256 microInr) {
        return _accounts[account].earned;
    }

    /// @inheritdoc IRelayCredits
    function refundOf(address account) external view returns (uint256 microInr, uint256 availableAt) {
        Refund memory asked = _refunds[account];
        return (asked.microInr, asked.availableAt);
    }

    /// @inheritdoc IRelayCredits
    function clearedOf(bytes32 id) external view returns (uint256 sent, uint256 delivered) {
        uint256 counts = _cleared[id];
        return (counts >> 16, counts & type(uint16).max);
    }

    /// @inheritdoc IRelayCredits
    function accountOf(uint32 node) external view returns (address) {
        (address holder,,,,) = REGISTRY.settlementOf(MeterId.wrap(node));
        return holder == address(0) ? community : holder;
    }

    /// @inheritdoc IRelayCredits
    function receiptId(uint32 startedAt, uint32[] calldata nodes) external pure returns (bytes32) {
        return keccak256(abi.encode(startedAt, nodes));
    }

    /// @inheritdoc IRelayCredits
    function receiptsDigest(Receipt[] calldata receipts) public view returns (bytes32) {
        bytes32[] memory hashes = new bytes32[](receipts.length);
        for (uint256 i = 0; i < receipts.length; ++i) {
            hashes[i] = _structHash(receipts[i]);
        }
        bytes32 all = keccak256(abi.encodePacked(hashes));
        return _hashTypedDataV4(keccak256(abi.encode(RECEIPTS_TYPEHASH, all, QUORUM.epoch())));
    }

    /// @inheritdoc IRelayCredits
    function feeAt(uint32 startedAt) public view returns (uint256 microInrPerMessage) {
        return startedAt < _fee.fromStart ? _fee.before : _fee.current;
    }

    // ------------------------------------------------------------------ internal

    /// True if the receipt told something new and was paid.
    function _clear(Receipt calldata receipt, uint256 index) private returns (bool) {
        MeterId[] memory route = _checked(receipt, index);
        bytes32 id = keccak256(abi.encode(receipt.startedAt, route));
        uint256 counts = _cleared[id];
        (uint256 sent, uint256 delivered) = (counts >> 16, counts & type(uint16).max);
        if (receipt.sent < sent || receipt.delivered < delivered || _pack(receipt) == counts) {
            return _skip(id, Skipped.Known);
        }
        if (block.timestamp > uint256(receipt.startedAt) + MAX_AGE) return _skip(id, Skipped.TooOld);
        Standing[] memory standings = REGISTRY.standingsOf(route);
        address payer = _accountIn(standings, 0);
        uint256 fee = (receipt.delivered - delivered) * feeAt(receipt.startedAt);
        uint256 paid = fee * (route.length - 2);
        if (_accounts[payer].prepaid < paid) return _skip(id, Skipped.Unfunded);
        _cleared[id] = _pack(receipt);
        if (paid != 0) _pay(payer, standings, fee, paid);
        _tell(id, receipt, payer, paid);
        return true;
    }

    function _pay(address payer, Standing[] memory standings, uint256 fee, uint256 paid) private {
        _accounts[payer].prepaid -= uint128(paid); // not more than is there
        for (uint256 i = 1; i + 1 < standings.length; ++i) {
            _accounts[_accountIn(standings, i)].earned += fee.toUint128();
        }
    }

    function _skip(bytes32 id, Skipped reason) private returns (bool) {
        emit ReceiptSkipped(id, reason);
        return false;
    }

    function _tell(bytes32 id, Receipt calldata receipt, address payer, uint256 paid) private {
        emit ReceiptCleared(
            id,
            _nodeAt(receipt.route, 0),
            payer,
            receipt.startedAt,
            receipt.sent,
            receipt.delivered,
            receipt.brokenHop,
            receipt.reporters,
            receipt.route,
            paid
        );
    }

    function _takeEarned(uint256 microInr) private {
        if (microInr == 0) revert RelayCredits_ZeroAmount();
        uint256 earned = _accounts[msg.sender].earned;
        if (earned < microInr) revert RelayCredits_TooLittleEarned(msg.sender, earned, microInr);
        _accounts[msg.sender].earned = uint128(earned - microInr); // not more than is there
    }

    function _accountIn(Standing[] memory standings, uint256 i) private view returns (address holder) {
        holder = standings[i].holder();
        if (holder == address(0)) holder = community;
    }

    /// The route of a receipt that nothing is wrong with.
    function _checked(Receipt calldata receipt, uint256 index) private view returns (MeterId[] memory route) {
        route = _routeOf(receipt.route, index);
        if (receipt.sent == 0 || receipt.sent > MAX_CHAIN || receipt.delivered > receipt.sent) {
            revert RelayCredits_BadCounts(index);
        }
        if (receipt.brokenHop != NOT_BROKEN) {
            bool none = receipt.sent == receipt.delivered;
            if (none || receipt.brokenHop + 1 >= route.length) revert RelayCredits_BadHop(index);
        }
        if (receipt.startedAt > block.timestamp + MAX_SKEW) revert RelayCredits_TooEarly(index);
        (uint32 source, uint32 startedAt) = (_nodeAt(receipt.route, 0), receipt.startedAt);
        bytes16 sRoot = HashChainLib.descend(receipt.sValue, receipt.sent, source, startedAt, HashChainLib.SOURCE);
        bytes16 hRoot =
            HashChainLib.descend(receipt.hValue, receipt.delivered, source, startedAt, HashChainLib.DESTINATION);
        if (sRoot != receipt.sRoot || hRoot != receipt.hRoot) revert RelayCredits_BadChain(index);
    }

    function _routeOf(bytes calldata packed, uint256 index) private pure returns (MeterId[] memory route) {
        uint256 count = packed.length / NODE_BYTES;
        if (count < 2 || count > MAX_ROUTE || packed.length % NODE_BYTES != 0) revert RelayCredits_BadRoute(index);
        route = new MeterId[](count);
        for (uint256 i = 0; i < count; ++i) {
            uint32 node = _nodeAt(packed, i);
            for (uint256 j = 0; j < i; ++j) {
                if (MeterId.unwrap(route[j]) == node) revert RelayCredits_BadRoute(index);
            }
            route[i] = MeterId.wrap(node);
        }
    }

    function _nodeAt(bytes calldata packed, uint256 i) private pure returns (uint32) {
        return uint32(bytes4(packed[i * NODE_BYTES:i * NODE_BYTES + 4]));
    }

    function _pack(Receipt calldata receipt) private pure returns (uint256) {
        return uint256(receipt.sent) << 16 | receipt.delivered;
    }

    function _structHash(Receipt calldata receipt) private pure returns (bytes32) {
        return keccak256(
            abi.encode(
                RECEIPT_TYPEHASH,
                receipt.startedAt,
                receipt.sent,
                receipt.delivered,
                receipt.brokenHop,
                receipt.reporters,
                receipt.sRoot,
                receipt.sValue,
                receipt.hRoot,
                receipt.hValue,
                keccak256(receipt.route)
            )
        );
    }

    function _setFee(uint256 microInr, uint256 fromStart) private {
        if (microInr > MAX_FEE) revert RelayCredits_FeeTooHigh(microInr, MAX_FEE);
        _fee = Fee(microInr.toUint96(), _fee.current, fromStart.toUint64());
        emit FeeChanged(microInr, fromStart);
    }

    function _setCommunity(address account) private {
        if (account == address(0)) revert RelayCredits_ZeroAccount();
        emit CommunityChanged(community, account);
        community = account;
    }

    /// INR comes in by a deposit and in no other way.
    function _accepts(uint256 id) internal view override returns (bool) {
        return id == INR && _reentrancyGuardEntered();
    }
}
