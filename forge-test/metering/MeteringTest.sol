// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {BillingMode, EntityKind, Flows, Leaf, MeterId, Registers} from "contracts/Types.sol";
import {IGridToken} from "contracts/interfaces/IGridToken.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {IMeterRegistry} from "contracts/interfaces/IMeterRegistry.sol";
import {MeterLedger} from "contracts/metering/MeterLedger.sol";
import {MeterRegistry} from "contracts/metering/MeterRegistry.sol";
import {OracleQuorum} from "contracts/oracle/OracleQuorum.sol";
import {GridToken} from "contracts/tokens/GridToken.sol";
import {Signers} from "../oracle/Signers.sol";
import {TestTree} from "./TestTree.sol";

/// A community with its meters, three oracle nodes (two must sign), and the means to commit and settle slots.
/// The test contract is the admin; the inventory is an account without code.
abstract contract MeteringTest is Signers {
    using TestTree for TestTree.Tree;
    using TestTree for TestTree.Line;

    uint64 internal constant OPERATOR = 1;
    uint64 internal constant LEDGER = 11;
    uint32 internal constant SLOT_SECONDS = 900;
    uint256 internal constant ENERGY = 1;

    AccessManager internal manager;
    OracleQuorum internal quorum;
    GridToken internal token;
    MeterRegistry internal registry;
    MeterLedger internal ledger;

    address internal operator = makeAddr("operator");
    address internal inventory = makeAddr("inventory");
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");

    function setUp() public virtual {
        vm.warp(1_000_000_000);
        manager = new AccessManager(address(this));
        quorum = new OracleQuorum(address(manager));
        token = new GridToken(address(manager));
        registry = new MeterRegistry(address(manager), SLOT_SECONDS);
        ledger = new MeterLedger(address(manager), quorum, IGridToken(address(token)), registry);
        _makeNodes(3);
        quorum.setSigners(nodes, 2);
        ledger.setInventory(inventory);
        manager.grantRole(OPERATOR, operator, 0);
        manager.grantRole(LEDGER, address(ledger), 0);
        manager.setTargetFunctionRole(address(token), _selectors(token.settleEnergy.selector), LEDGER);
        manager.setTargetFunctionRole(address(registry), _selectors(registry.startTerms.selector), LEDGER);
        bytes4[] memory operated = new bytes4[](5);
        operated[0] = registry.register.selector;
        operated[1] = registry.rotateDeviceKey.selector;
        operated[2] = registry.issueClaimCode.selector;
        operated[3] = registry.setCommunityMode.selector;
        operated[4] = registry.recordRebase.selector;
        manager.setTargetFunctionRole(address(registry), operated, OPERATOR);
    }

    // ---- meters

    function _register(uint32 meter, EntityKind kind) internal {
        vm.prank(operator);
        registry.register(MeterId.wrap(meter), kind, 1, 10_000, bytes32(uint256(meter)));
    }

    /// `wallet` claims the meter with a code of its own; the terms begin with the next settlement.
    function _claim(uint32 meter, address wallet, BillingMode mode) internal {
        (address code, uint256 key) = makeAccount(string.concat("code ", vm.toString(uint256(meter))));
        vm.prank(operator);
        registry.issueClaimCode(MeterId.wrap(meter), code);
        bytes memory signature = _sign(key, registry.claimDigest(MeterId.wrap(meter), wallet));
        vm.prank(wallet);
        registry.claim(MeterId.wrap(meter), mode, signature);
    }

    // ---- lines

    function _line(uint32 meter, uint40[6] memory registers) internal view returns (TestTree.Line memory) {
        (, EntityKind kind,,,) = registry.settlementOf(MeterId.wrap(meter));
        return TestTree.Line(meter, kind, registers, keccak256(abi.encode("salt", meter)));
    }

    /// A line that only imported and exported.
    function _line(uint32 meter, uint40 importedWh, uint40 exportedWh) internal view returns (TestTree.Line memory) {
        return _line(meter, [uint40(0), 0, exportedWh, importedWh, 0, 0]);
    }

    function _lines(TestTree.Line memory a) internal pure returns (TestTree.Line[] memory lines) {
        lines = new TestTree.Line[](1);
        lines[0] = a;
    }

    function _lines(TestTree.Line memory a, TestTree.Line memory b)
        internal
        pure
        returns (TestTree.Line[] memory lines)
    {
        lines = new TestTree.Line[](2);
        (lines[0], lines[1]) = (a, b);
    }

    // ---- slots

    /// Lets the slot now running end and returns it.
    function _endSlot() internal returns (uint64 slot) {
        slot = registry.currentSlot();
        vm.warp((uint256(slot) + 1) * SLOT_SECONDS);
    }

    function _commitment(uint64 slot, TestTree.Line[] memory lines)
        internal
        view
        returns (IMeterLedger.Commitment memory)
    {
        TestTree.Node memory root = TestTree.build(lines).root();
        Flows memory totals = Flows(TestTree.lo(root.flows), TestTree.hi(root.flows));
        return IMeterLedger.Commitment(slot, ledger.latestSlot(), root.hash, totals, uint32(lines.length));
    }

    function _commit(uint64 slot, TestTree.Line[] memory lines) internal {
        IMeterLedger.Commitment memory commitment = _commitment(slot, lines);
        ledger.commitSlot(commitment, _signatures(ledger.commitmentDigest(commitment), 2));
    }

    /// Ends the running slot and commits it.
    function _commit(TestTree.Line[] memory lines) internal returns (uint64 slot) {
        slot = _endSlot();
        _commit(slot, lines);
    }

    function _settle(uint64 slot, TestTree.Line[] memory lines, uint256 index) internal {
        (bytes32[3][] memory siblings, uint256 path) = TestTree.build(lines).proof(index);
        ledger.settle(slot, lines[index].toLeaf(), siblings, path);
    }

    function _settleMany(uint64 slot, TestTree.Line[] memory lines, uint256[] memory indices) internal {
        (bytes32[3][] memory siblings, bytes memory flags) = TestTree.build(lines).multiproof(indices);
        ledger.settleMany(slot, _leaves(lines, indices), siblings, flags);
    }

    function _settleAll(uint64 slot, TestTree.Line[] memory lines) internal {
        uint256[] memory indices = new uint256[](lines.length);
        for (uint256 i = 0; i < indices.length; ++i) {
            indices[i] = i;
        }
        _settleMany(slot, lines, indices);
    }

    /// Ends, commits and settles the running slot, all meters at once.
    function _book(TestTree.Line[] memory lines) internal returns (uint64 slot) {
        slot = _commit(lines);
        _settleAll(slot, lines);
    }

    // ---- small things

    function _leaves(TestTree.Line[] memory lines, uint256[] memory indices)
        internal
        pure
        returns (Leaf[] memory leaves)
    {
        leaves = new Leaf[](indices.length);
        for (uint256 i = 0; i < indices.length; ++i) {
            leaves[i] = lines[indices[i]].toLeaf();
        }
    }

    function _energy(address account) internal view returns (uint256) {
        return token.balanceOf(account, ENERGY);
    }

    function _selectors(bytes4 selector) internal pure returns (bytes4[] memory selectors) {
        selectors = new bytes4[](1);
        selectors[0] = selector;
    }

    function _id(uint32 meter) internal pure returns (MeterId) {
        return MeterId.wrap(meter);
    }

    function _wrap(uint40[6] memory registers) internal pure returns (Registers) {
        return Registers.wrap(TestTree.pack(registers));
    }
}
