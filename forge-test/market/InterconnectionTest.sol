// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Leaf, MeterId} from "contracts/Types.sol";
import {IInterconnection} from "contracts/interfaces/IInterconnection.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {ClearingHouse} from "contracts/market/ClearingHouse.sol";
import {Interconnection} from "contracts/market/Interconnection.sol";
import {PowerCoinDesk} from "contracts/tokens/PowerCoinDesk.sol";
import {MoneyTest} from "../tokens/MoneyTest.sol";
import {Microgrid} from "./Microgrid.sol";

/// Two microgrids with a tie between them, a clearing house, and the means to let energy flow and show it.
abstract contract InterconnectionTest is MoneyTest {
    uint64 internal constant CLEARING = 14;
    uint32 internal constant SLOT_SECONDS = 900;
    uint64 internal constant PRICE_A_TO_B = 5_000_000; // Rs 5 a kWh
    uint64 internal constant PRICE_B_TO_A = 4_000_000;
    uint128 internal constant GUARANTEE = uint128(100 * RUPEE);
    uint256 internal constant DEPOSIT = 1_000 * RUPEE;
    uint32 internal constant SILENCE = 1 days;
    uint32 internal constant RESOLVE = 2 days;
    uint64 internal constant LIMIT_WH = 10_000;

    Microgrid internal gridA;
    Microgrid internal gridB;
    PowerCoinDesk internal desk;
    ClearingHouse internal house;
    Interconnection internal tie;
    address internal partyA;
    address internal partyB;
    address internal arbiter = makeAddr("arbiter");
    address internal utility;
    uint256 internal utilityKey;
    uint256 private _salts;

    function setUp() public virtual override {
        super.setUp();
        gridA = new Microgrid("A", SLOT_SECONDS);
        gridB = new Microgrid("B", SLOT_SECONDS);
        (partyA, partyB) = (gridA.operator(), gridB.operator());
        (utility, utilityKey) = makeAccount("utility");
        desk = _newDesk(_newCoin());
        house = new ClearingHouse(address(manager), token, desk, operator);
        tie = new Interconnection(house);
        manager.grantRole(CLEARING, address(tie), 0);
        _assign(address(house), ClearingHouse.lock.selector, CLEARING);
        _assign(address(house), ClearingHouse.unlock.selector, CLEARING);
        _assign(address(house), ClearingHouse.payFromLocked.selector, CLEARING);
        _assign(address(house), ClearingHouse.pause.selector, PAUSER);
        _deposit(partyA, DEPOSIT);
        _deposit(partyB, DEPOSIT);
        _deposit(utility, DEPOSIT);
    }

    // ---- agreements

    function _terms() internal returns (IInterconnection.Terms memory) {
        uint64 slot = gridA.ledger().currentSlot();
        return IInterconnection.Terms({
            ledgerA: IMeterLedger(address(gridA.ledger())),
            ledgerB: IMeterLedger(address(gridB.ledger())),
            meterA: gridA.TIE(),
            meterB: gridB.TIE(),
            partyA: partyA,
            partyB: partyB,
            arbiter: arbiter,
            firstSlot: slot + 1,
            lastSlot: slot + 1_000,
            limitWhPerSlot: LIMIT_WH,
            maxPowerW: 20_000,
            priceAToB: PRICE_A_TO_B,
            priceBToA: PRICE_B_TO_A,
            toleranceBps: 200,
            toleranceWh: 10,
            guaranteeMicroInr: GUARANTEE,
            silenceSeconds: SILENCE,
            resolveSeconds: RESOLVE,
            noticeSlots: 10,
            salt: bytes32(++_salts)
        });
    }

    function _begin(IInterconnection.Terms memory terms) internal returns (uint256 id) {
        bytes32 digest = tie.agreementDigest(terms);
        return tie.begin(terms, _signA(digest), _signB(digest));
    }

    /// An agreement whose opening reading is shown: energy counts from now.
    function _opened() internal returns (uint256 id) {
        id = _begin(_terms());
        _flow(id, 0, 0);
    }

    function _withUtility() internal returns (IInterconnection.Terms memory terms) {
        terms = _terms();
        (terms.ledgerB, terms.meterB, terms.partyB) = (IMeterLedger(address(0)), MeterId.wrap(0), utility);
    }

    // ---- energy

    /// Lets `a` flow by A's meter and `b` by B's, from A to B if positive.
    function _count(int256 a, int256 b) internal {
        gridA.count(a < 0 ? uint256(-a) : 0, a > 0 ? uint256(a) : 0);
        gridB.count(b > 0 ? uint256(b) : 0, b < 0 ? uint256(-b) : 0);
    }

    /// Ends the running slot and commits it in both ledgers.
    function _commit() internal returns (uint64 slot) {
        slot = _endSlot();
        gridA.commit(slot);
        gridB.commit(slot);
    }

    function _endSlot() internal returns (uint64 slot) {
        slot = gridA.ledger().currentSlot();
        vm.warp((uint256(slot) + 1) * SLOT_SECONDS);
    }

    /// A slot of `a` and `b`, committed and shown by both ends.
    function _flow(uint256 id, int256 a, int256 b) internal returns (uint64 slot) {
        _count(a, b);
        slot = _commit();
        _showA(id, slot);
        _showB(id, slot);
    }

    function _showA(uint256 id, uint64 slot) internal {
        (Leaf memory leaf, bytes32[3][] memory proof, uint256 path) = gridA.line(slot);
        tie.show(id, slot, IInterconnection.End.A, leaf, proof, path);
    }

    function _showB(uint256 id, uint64 slot) internal {
        (Leaf memory leaf, bytes32[3][] memory proof, uint256 path) = gridB.line(slot);
        tie.show(id, slot, IInterconnection.End.B, leaf, proof, path);
    }

    // ---- money and signatures

    function _deposit(address to, uint256 microInr) internal {
        uint256 weiAmount = desk.etherFor(microInr);
        vm.deal(address(this), weiAmount);
        vm.prank(operator);
        desk.setEtherRate(ETHER_RATE);
        house.depositFor{value: weiAmount}(to, 0);
        // Ether buys a little more than asked for: give exactly what was meant.
        uint256 spare = house.balanceOf(to) % RUPEE;
        if (spare == 0) return;
        vm.prank(to);
        house.withdraw(spare);
    }

    /// What a party has in the clearing house, in whatever form.
    function _wealth(address party) internal view returns (uint256) {
        return house.balanceOf(party) + house.lockedOf(party);
    }

    function _signA(bytes32 digest) internal view returns (bytes memory) {
        return _sign(gridA.operatorKey(), digest);
    }

    function _signB(bytes32 digest) internal view returns (bytes memory) {
        return _sign(gridB.operatorKey(), digest);
    }

    function _sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external pure returns (bytes4) {
        return this.onERC1155Received.selector;
    }
}
