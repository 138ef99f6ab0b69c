// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {IOracleBond} from "../interfaces/IOracleBond.sol";

/// @title OracleBond
/// @notice See IOracleBond.
contract OracleBond is IOracleBond, AccessManaged {
    // ------------------------------------------------------------------ constants

    uint256 private constant MAX_SHARE_BPS = 5_000;

    // ------------------------------------------------------------------ immutables

    uint64 private immutable UNBONDING_SECONDS;
    uint256 private immutable PROVER_SHARE_BPS;
    address private immutable COMMUNITY;

    // ------------------------------------------------------------------ storage

    mapping(address signer => Bond) private _bonds;
    /// @inheritdoc IOracleBond
    mapping(address account => uint256) public creditOf;
    /// @inheritdoc IOracleBond
    uint256 public totalBondedWei;
    /// @inheritdoc IOracleBond
    uint256 public totalCreditedWei;

    // ------------------------------------------------------------------ constructor

    constructor(address manager, uint64 secondsOfUnbonding, uint256 shareBps, address communityAccount)
        AccessManaged(manager)
    {
        if (communityAccount == address(0)) revert OracleBond_ZeroAddress();
        if (shareBps >= MAX_SHARE_BPS) revert OracleBond_BadShare(shareBps);
        (UNBONDING_SECONDS, PROVER_SHARE_BPS, COMMUNITY) = (secondsOfUnbonding, shareBps, communityAccount);
    }

    // ------------------------------------------------------------------ anyone

    /// @inheritdoc IOracleBond
    function deposit(address signer) external payable {
        if (signer == address(0)) revert OracleBond_ZeroAddress();
        if (msg.value == 0) revert OracleBond_ZeroAmount();
        _bonds[signer].bondWei += uint128(msg.value); // there are far fewer than 2^128 wei
        totalBondedWei += msg.value;
        emit BondDeposited(signer, msg.sender, msg.value);
    }

    /// @inheritdoc IOracleBond
    function release(address signer) external {
        Bond storage bond = _bonds[signer];
        uint256 amountWei = bond.unbondingWei;
        if (amountWei == 0) revert OracleBond_NothingUnbonding(signer);
        if (bond.holds != 0) revert OracleBond_Held(signer, bond.holds);
        if (block.timestamp < bond.readyAt) revert OracleBond_NotReady(bond.readyAt);
        address to = bond.to;
        (bond.unbondingWei, bond.readyAt, bond.to) = (0, 0, address(0));
        totalBondedWei -= amountWei;
        emit BondReleased(signer, to, amountWei);
        _credit(to, amountWei);
    }

    /// @inheritdoc IOracleBond
    function withdraw() external {
        uint256 amountWei = creditOf[msg.sender];
        if (amountWei == 0) revert OracleBond_NothingToWithdraw(msg.sender);
        delete creditOf[msg.sender];
        totalCreditedWei -= amountWei;
        emit Withdrawn(msg.sender, amountWei);
        (bool paid,) = msg.sender.call{value: amountWei}("");
        if (!paid) revert OracleBond_PaymentRefused(msg.sender);
    }

    /// @inheritdoc IOracleBond
    function creditTo(address account) external payable {
        if (account == address(0)) revert OracleBond_ZeroAddress();
        if (msg.value == 0) revert OracleBond_ZeroAmount();
        _credit(account, msg.value);
    }

    // ------------------------------------------------------------------ signers

    /// @inheritdoc IOracleBond
    function startUnbonding(uint256 amountWei, address to) external {
        if (to == address(0)) revert OracleBond_ZeroAddress();
        if (amountWei == 0) revert OracleBond_ZeroAmount();
        Bond storage bond = _bonds[msg.sender];
        if (amountWei > bond.bondWei) revert OracleBond_TooMuch(amountWei, bond.bondWei);
        bond.bondWei -= uint128(amountWei); // at most the bond
        bond.unbondingWei += uint128(amountWei);
        bond.readyAt = uint64(block.timestamp) + UNBONDING_SECONDS;
        bond.to = to;
        emit UnbondingStarted(msg.sender, to, bond.unbondingWei, bond.readyAt);
    }

    // ------------------------------------------------------------------ witness

    /// @inheritdoc IOracleBond
    function hold(address signer) external restricted {
        ++_bonds[signer].holds;
    }

    /// @inheritdoc IOracleBond
    function drop(address signer) external restricted {
        if (_bonds[signer].holds == 0) revert OracleBond_NotHeld(signer);
        --_bonds[signer].holds;
    }

    /// @inheritdoc IOracleBond
    function slash(address signer, address prover) external restricted returns (uint256 amountWei) {
        Bond storage bond = _bonds[signer];
        amountWei = uint256(bond.bondWei) + bond.unbondingWei;
        if (amountWei == 0) return 0;
        (bond.bondWei, bond.unbondingWei, bond.readyAt, bond.to) = (0, 0, 0, address(0));
        totalBondedWei -= amountWei;
        uint256 proverWei = amountWei * PROVER_SHARE_BPS / 10_000; // rounded down, in favour of the community
        emit BondSlashed(signer, prover, proverWei, amountWei - proverWei);
        _credit(prover, proverWei);
        _credit(COMMUNITY, amountWei - proverWei);
    }

    /// @inheritdoc IOracleBond
    function moveCredit(address from, address to, uint256 amountWei) external restricted {
        uint256 creditWei = creditOf[from];
        if (creditWei < amountWei) revert OracleBond_TooLittleCredit(from, creditWei, amountWei);
        creditOf[from] = creditWei - amountWei;
        creditOf[to] += amountWei;
        emit CreditMoved(from, to, amountWei);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IOracleBond
    function bondOf(address signer) external view returns (Bond memory) {
        return _bonds[signer];
    }

    /// @inheritdoc IOracleBond
    function unbondingSeconds() external view returns (uint64) {
        return UNBONDING_SECONDS;
    }

    /// @inheritdoc IOracleBond
    function community() external view returns (address) {
        return COMMUNITY;
    }

    /// @inheritdoc IOracleBond
    function proverShareBps() external view returns (uint256) {
        return PROVER_SHARE_BPS;
    }

    // ------------------------------------------------------------------ internal

    function _credit(address account, uint256 amountWei) private {
        creditOf[account] += amountWei;
        totalCreditedWei += amountWei;
        emit Credited(account, amountWei);
    }
}
