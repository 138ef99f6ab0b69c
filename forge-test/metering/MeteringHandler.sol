// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode, EntityKind, Leaf, MeterId, Registers} from "contracts/Types.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {IMeterRegistry} from "contracts/interfaces/IMeterRegistry.sol";
import {RegisterLib} from "contracts/metering/RegisterLib.sol";
import {MeteringTest} from "./MeteringTest.sol";
import {TestTree} from "./TestTree.sol";

/// A community in which anything happens in any order: meters count, slots are committed or missed, meters are settled
/// late, twice, out of order or together, households come, change, leave, owe and repay. Beside it the books are kept a
/// second time, from what the meters counted alone.
contract MeteringHandler is MeteringTest {
    using TestTree for TestTree.Tree;
    using TestTree for TestTree.Line;
    using RegisterLib for Registers;

    uint32 public constant METERS = 7;
    address[3] public wallets;

    TestTree.Line[] private _now; // what the meters show
    mapping(uint64 slot => bytes) private _committed;
    uint64[] private _slots;
    mapping(uint32 meter => uint256) private _lastSettled;

    // What must stay zero.
    uint256 public forgeriesAccepted;
    uint256 public registersWentBack;
    uint256 public slotsCommittedTwice;
    uint256 public totalsDiffer;
    uint256 public advancedBeyondLimit;
    /// All that the inventory ever sold ahead.
    uint256 public advancedWh;
    /// Transfers in less transfers out, to tell them from metered energy.
    mapping(address wallet => int256) public receivedWh;

    function setUp() public override {
        super.setUp();
        wallets = [makeAddr("wallet 0"), makeAddr("wallet 1"), makeAddr("wallet 2")];
        EntityKind[7] memory kinds = [
            EntityKind.Consumer,
            EntityKind.Prosumer,
            EntityKind.Prosumer,
            EntityKind.Ev,
            EntityKind.Der,
            EntityKind.Battery,
            EntityKind.Grid
        ];
        for (uint32 i = 0; i < METERS; ++i) {
            _register(i + 1, kinds[i]);
            _now.push(_line(i + 1, 0, 0));
        }
        _claim(1, wallets[0], BillingMode.Prepaid);
        _claim(2, wallets[0], BillingMode.Prepaid);
        _claim(3, wallets[1], BillingMode.Billed);
    }

    // ---- what happens

    function count(uint256 seed) external {
        for (uint256 i = 0; i < METERS; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            if (random % 3 == 0) continue;
            for (uint256 lane = 0; lane < 6; ++lane) {
                _now[i].registers[lane] += uint40((random >> (40 * lane)) % 5_000);
            }
        }
    }

    function commit(uint8 slotsMissed) external {
        skip(uint256(slotsMissed % 3) * SLOT_SECONDS);
        uint64 slot = _endSlot();
        _commit(slot, _now);
        _committed[slot] = abi.encode(_now);
        _slots.push(slot);
        _checkTotals(slot);
        try this.commitAgain(slot) {
            ++slotsCommittedTwice;
        } catch {}
    }

    function commitAgain(uint64 slot) external {
        IMeterLedger.Commitment memory commitment = _commitment(slot, _now);
        commitment.leafCount += 1;
        ledger.commitSlot(commitment, _signatures(ledger.commitmentDigest(commitment), 3));
    }

    /// One meter at any committed slot, old ones too.
    function settleOne(uint256 whichSlot, uint256 whichMeter) external {
        if (_slots.length == 0) return;
        (uint64 slot, TestTree.Line[] memory lines) = _slotAt(whichSlot);
        uint256 index = whichMeter % METERS;
        (bytes32[3][] memory siblings, uint256 path) = TestTree.build(lines).proof(index);
        try ledger.settle(slot, lines[index].toLeaf(), siblings, path) {} catch {} // refused if it is outdated
        _checkRegisters();
    }

    function settleSome(uint256 whichSlot, uint8 chosen) external {
        if (_slots.length == 0) return;
        (uint64 slot, TestTree.Line[] memory lines) = _slotAt(whichSlot);
        uint256[] memory indices = _chosenIndices(chosen);
        if (indices.length == 0) return;
        _settleMany(slot, lines, indices); // never refused
        _checkRegisters();
    }

    /// A proof with one thing wrong.
    function forge(uint256 whichSlot, uint256 whichMeter, uint256 how) external {
        if (_slots.length == 0) return;
        (uint64 slot, TestTree.Line[] memory lines) = _slotAt(whichSlot);
        uint256 index = whichMeter % METERS;
        (bytes32[3][] memory siblings, uint256 path) = TestTree.build(lines).proof(index);
        Leaf memory leaf = lines[index].toLeaf();
        uint256 way = how % 7;
        how /= 7;
        uint256 flip = 1 << (how % 256);
        if (way == 0) leaf.registers = Registers.wrap(Registers.unwrap(leaf.registers) ^ flip);
        if (way == 1) leaf.salt ^= bytes32(flip);
        if (way == 2) path ^= flip;
        if (way == 3) leaf.meter = _id((lines[index].meter + uint32(how % 6)) % METERS + 1);
        if (way == 4) siblings[how % siblings.length][how % 3] ^= bytes32(flip);
        if (way == 5) siblings = new bytes32[3][](siblings.length - 1);
        if (way == 6) slot ^= uint64(1 + how % 3);
        if (way == 3 && MeterId.unwrap(leaf.meter) == lines[index].meter) return;
        if (way == 6 && _committed[slot].length != 0) return; // the same tree may be in both
        try ledger.settle(slot, leaf, siblings, path) {
            ++forgeriesAccepted;
        } catch {}
    }

    function claim(uint256 whichMeter, uint256 whichWallet, bool prepaid) external {
        uint32 meter = uint32(1 + whichMeter % 4);
        IMeterRegistry.Meter memory record = registry.get(_id(meter));
        if (record.holder != address(0) || record.mode != BillingMode.Community) return;
        _claim(meter, wallets[whichWallet % 3], prepaid ? BillingMode.Prepaid : BillingMode.Billed);
    }

    function setMode(uint256 whichMeter, bool prepaid) external {
        IMeterRegistry.Meter memory record = registry.get(_id(uint32(1 + whichMeter % 4)));
        if (record.holder == address(0) || record.changing) return;
        vm.prank(record.holder);
        registry.setBillingMode(
            _id(uint32(1 + whichMeter % 4)), prepaid ? BillingMode.Prepaid : BillingMode.Billed
        );
    }

    function setCommunityMode(uint256 whichMeter, bool onRequest) external {
        IMeterRegistry.Meter memory record = registry.get(_id(uint32(1 + whichMeter % 4)));
        if (record.holder != address(0)) return;
        vm.prank(operator);
        registry.setCommunityMode(
            _id(uint32(1 + whichMeter % 4)), onRequest ? BillingMode.OnRequest : BillingMode.Community
        );
    }

    function moveOut(uint256 whichMeter) external {
        IMeterRegistry.Meter memory record = registry.get(_id(uint32(1 + whichMeter % 4)));
        if (record.holder == address(0) || record.leaving) return;
        vm.prank(record.holder);
        registry.requestRelease(_id(uint32(1 + whichMeter % 4)));
    }

    function transfer(uint256 from, uint256 to, uint256 wh) external {
        address sender = from % 4 == 3 ? inventory : wallets[from % 4];
        address receiver = to % 4 == 3 ? inventory : wallets[to % 4];
        wh = bound(wh, 0, _energy(sender));
        vm.prank(sender);
        token.safeTransferFrom(sender, receiver, ENERGY, wh, "");
        receivedWh[sender] -= int256(wh);
        receivedWh[receiver] += int256(wh);
    }

    function repay(uint256 which) external {
        if (which % 2 == 0) ledger.repayDebt(_id(uint32(1 + (which / 2) % METERS)));
        else ledger.repayFormerDebt(wallets[(which / 2) % 3]);
    }

    /// The limit may have changed below what is owed.
    function advance(uint256 wh, uint256 limitWh) external {
        ledger.setAdvanceLimit(bound(limitWh, 0, 50_000));
        wh = bound(wh, 0, 60_000);
        vm.prank(inventory);
        try ledger.advance(wh) {
            advancedWh += wh;
            if (ledger.inventoryDebtWh() > ledger.advanceLimitWh()) ++advancedBeyondLimit;
        } catch {}
    }

    // ---- the books, kept a second time

    /// Supply and draw of all that is settled, by what the meters counted.
    function settledWh() external view returns (uint256 suppliedWh, uint256 drawnWh) {
        for (uint32 i = 0; i < METERS; ++i) {
            uint40[6] memory r = _unpack(ledger.settledRegisters(_id(i + 1)));
            uint64[8] memory f = TestTree.flowsOf(_now[i].kind, r);
            suppliedWh += uint256(f[1]) + f[2] + f[4] + f[5];
            drawnWh += uint256(f[0]) + f[3] + f[6];
        }
    }

    function debtsWh() external view returns (uint256 wh) {
        wh = ledger.inventoryDebtWh();
        for (uint32 i = 0; i < METERS; ++i) {
            wh += ledger.debtOf(_id(i + 1));
        }
        for (uint256 i = 0; i < 3; ++i) {
            wh += ledger.formerDebtOf(wallets[i]);
        }
    }

    /// What the terms in force say that a wallet has been credited with, net, over all meters and times.
    function creditedByTermsWh(address wallet) external view returns (int256 wh) {
        for (uint32 meter = 1; meter <= METERS; ++meter) {
            uint256 terms = registry.termsCount(_id(meter));
            for (uint256 i = 0; i < terms; ++i) {
                IMeterRegistry.Terms memory t = registry.termsAt(_id(meter), i);
                if (t.holder != wallet || t.mode != BillingMode.Prepaid) continue;
                Registers end = i + 1 < terms
                    ? registry.termsAt(_id(meter), i + 1).startRegisters
                    : ledger.settledRegisters(_id(meter));
                wh += _netWh(meter, end) - _netWh(meter, t.startRegisters);
            }
        }
    }

    /// What a wallet owes: for meters it holds and for those it held.
    function owedWh(address wallet) external view returns (uint256 wh) {
        wh = ledger.formerDebtOf(wallet);
        for (uint32 meter = 1; meter <= METERS; ++meter) {
            if (registry.get(_id(meter)).holder == wallet) wh += ledger.debtOf(_id(meter));
        }
    }

    // ---- helpers

    function _netWh(uint32 meter, Registers registers) private view returns (int256) {
        uint64[8] memory f = TestTree.flowsOf(_now[meter - 1].kind, _unpack(registers));
        return int256(uint256(f[1]) + f[2] + f[4] + f[5]) - int256(uint256(f[0]) + f[3] + f[6]);
    }

    function _unpack(Registers registers) private pure returns (uint40[6] memory r) {
        for (uint256 lane = 0; lane < 6; ++lane) {
            r[lane] = uint40(Registers.unwrap(registers) >> (40 * lane));
        }
    }

    function _slotAt(uint256 which) private view returns (uint64 slot, TestTree.Line[] memory lines) {
        slot = _slots[which % _slots.length];
        lines = abi.decode(_committed[slot], (TestTree.Line[]));
    }

    function _chosenIndices(uint8 chosen) private pure returns (uint256[] memory indices) {
        uint256 length;
        for (uint256 i = 0; i < METERS; ++i) {
            length += (chosen >> i) & 1;
        }
        indices = new uint256[](length);
        length = 0;
        for (uint256 i = 0; i < METERS; ++i) {
            if ((chosen >> i) & 1 == 1) indices[length++] = i;
        }
    }

    function _checkRegisters() private {
        for (uint32 meter = 1; meter <= METERS; ++meter) {
            uint40[6] memory before = _unpack(Registers.wrap(_lastSettled[meter]));
            uint256 word = Registers.unwrap(ledger.settledRegisters(_id(meter)));
            uint40[6] memory later = _unpack(Registers.wrap(word));
            for (uint256 lane = 0; lane < 6; ++lane) {
                if (later[lane] < before[lane]) ++registersWentBack;
            }
            _lastSettled[meter] = word;
        }
    }

    /// The committed totals against the sum of what the meters show, lane by lane.
    function _checkTotals(uint64 slot) private {
        uint64[8] memory sums;
        for (uint256 i = 0; i < METERS; ++i) {
            uint64[8] memory f = TestTree.flowsOf(_now[i].kind, _now[i].registers);
            for (uint256 lane = 0; lane < 8; ++lane) {
                sums[lane] += f[lane];
            }
        }
        IMeterLedger.SlotRecord memory record = ledger.slotRecord(slot);
        if (record.totals.lo != TestTree.lo(sums) || record.totals.hi != TestTree.hi(sums)) ++totalsDiffer;
    }

    function energyOf(address wallet) external view returns (uint256) {
        return _energy(wallet);
    }

    function supplyWh() external view returns (uint256) {
        return token.totalSupply(ENERGY);
    }

    function inventoryWallet() external view returns (address) {
        return inventory;
    }

    function inventoryDebtWh() external view returns (uint256) {
        return ledger.inventoryDebtWh();
    }
}
