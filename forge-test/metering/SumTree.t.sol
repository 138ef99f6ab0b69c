// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EntityKind, Flows, Leaf, Registers} from "contracts/Types.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {FlowLib} from "contracts/metering/FlowLib.sol";
import {RegisterLib} from "contracts/metering/RegisterLib.sol";
import {SumTree} from "contracts/metering/SumTree.sol";
import {Test} from "../Test.sol";
import {TestTree} from "./TestTree.sol";

/// The library behind a door, so that its reverts can be expected and its calldata is calldata.
contract SumTreeDoor {
    function root(Leaf calldata leaf, EntityKind kind, bytes32[3][] calldata proof, uint256 path)
        external
        pure
        returns (SumTree.Node memory)
    {
        return SumTree.root(SumTree.leafNode(leaf, kind), proof, path);
    }

    function multiRoot(
        Leaf[] calldata leaves,
        EntityKind[] calldata kinds,
        bytes32[3][] calldata proof,
        bytes calldata flags
    ) external pure returns (SumTree.Node memory) {
        SumTree.Node[] memory nodes = new SumTree.Node[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            nodes[i] = SumTree.leafNode(leaves[i], kinds[i]);
        }
        return SumTree.multiRoot(nodes, proof, flags);
    }

    function parent(SumTree.Node memory left, SumTree.Node memory right) external pure returns (SumTree.Node memory) {
        return SumTree.parent(left, right);
    }
}

/// Every proof of TestTree's leads to TestTree's root; nothing else does.
contract SumTreeTest is Test {
    using TestTree for TestTree.Tree;
    using TestTree for TestTree.Line;
    using RegisterLib for Registers;
    using FlowLib for Flows;

    SumTreeDoor internal door = new SumTreeDoor();

    // ---- proofs that must hold

    function test_singleProofs(uint8 size, uint256 seed) public view {
        TestTree.Line[] memory lines = _randomLines(bound(size, 1, 40), seed);
        TestTree.Tree memory tree = TestTree.build(lines);
        for (uint256 i = 0; i < lines.length; ++i) {
            (bytes32[3][] memory proof, uint256 path) = tree.proof(i);
            _assertRoot(tree, door.root(lines[i].toLeaf(), lines[i].kind, proof, path));
        }
    }

    function test_multiproofs(uint8 size, uint256 seed, uint256 chosen) public view {
        TestTree.Line[] memory lines = _randomLines(bound(size, 1, 40), seed);
        TestTree.Tree memory tree = TestTree.build(lines);
        uint256[] memory indices = _subset(lines.length, chosen);
        (bytes32[3][] memory proof, bytes memory flags) = tree.multiproof(indices);
        (Leaf[] memory leaves, EntityKind[] memory kinds) = _chosen(lines, indices);
        _assertRoot(tree, door.multiRoot(leaves, kinds, proof, flags));
    }

    /// The totals are the sums of the leaves, lane by lane.
    function test_totalsAreTheSumOfTheLeaves(uint8 size, uint256 seed) public pure {
        TestTree.Line[] memory lines = _randomLines(bound(size, 1, 40), seed);
        uint64[8] memory sums;
        for (uint256 i = 0; i < lines.length; ++i) {
            uint64[8] memory flows = TestTree.flowsOf(lines[i].kind, lines[i].registers);
            for (uint256 lane = 0; lane < 8; ++lane) {
                sums[lane] += flows[lane];
            }
        }
        TestTree.Node memory root = TestTree.build(lines).root();
        for (uint256 lane = 0; lane < 8; ++lane) {
            assertEq(uint256(root.flows[lane]), sums[lane]);
        }
    }

    // ---- proofs that must not

    /// Whatever word of a proof, of the leaf or of the path changes, the root differs or the call is refused.
    function test_anyChangedBitBreaksASingleProof(uint8 size, uint256 seed, uint256 where, uint8 bit) public view {
        TestTree.Line[] memory lines = _randomLines(bound(size, 2, 40), seed);
        TestTree.Tree memory tree = TestTree.build(lines);
        uint256 index = seed % lines.length;
        (bytes32[3][] memory proof, uint256 path) = tree.proof(index);
        Leaf memory leaf = lines[index].toLeaf();
        bytes32 flip = bytes32(uint256(1) << bit);
        where = where % (3 * proof.length + 3);
        if (where < 3 * proof.length) proof[where / 3][where % 3] ^= flip;
        else if (where == 3 * proof.length) leaf.salt ^= flip;
        else if (where == 3 * proof.length + 1) leaf.registers = Registers.wrap(Registers.unwrap(leaf.registers) ^ uint256(flip));
        else path ^= uint256(flip);
        _assertNotRoot(tree, leaf, lines[index].kind, proof, path);
    }

    function test_foreignKindBreaksTheProof(uint8 size, uint256 seed, uint8 other) public view {
        TestTree.Line[] memory lines = _randomLines(bound(size, 1, 40), seed);
        for (uint256 i = 0; i < lines.length; ++i) {
            for (uint256 lane = 0; lane < 6; ++lane) {
                lines[i].registers[lane] |= 1; // no flow is zero, so that kinds differ in their flows
            }
        }
        TestTree.Tree memory tree = TestTree.build(lines);
        uint256 index = seed % lines.length;
        EntityKind kind = EntityKind(bound(other, 1, 6));
        bool alike = _stores(kind) && _stores(lines[index].kind);
        vm.assume(kind != lines[index].kind && !alike);
        (bytes32[3][] memory proof, uint256 path) = tree.proof(index);
        _assertNotRoot(tree, lines[index].toLeaf(), kind, proof, path);
    }

    function test_truncatedAndExtendedProofs() public view {
        TestTree.Line[] memory lines = _randomLines(13, 7);
        TestTree.Tree memory tree = TestTree.build(lines);
        (bytes32[3][] memory proof, uint256 path) = tree.proof(5);
        bytes32[3][] memory shorter = new bytes32[3][](proof.length - 1);
        bytes32[3][] memory longer = new bytes32[3][](proof.length + 1);
        for (uint256 i = 0; i < proof.length; ++i) {
            longer[i] = proof[i];
            if (i < shorter.length) shorter[i] = proof[i];
        }
        _assertNotRoot(tree, lines[5].toLeaf(), lines[5].kind, shorter, path);
        _assertNotRoot(tree, lines[5].toLeaf(), lines[5].kind, shorter, path & ((1 << shorter.length) - 1));
        _assertNotRoot(tree, lines[5].toLeaf(), lines[5].kind, longer, path);
    }

    function test_proofLongerThanAnyTree() public {
        TestTree.Line[] memory lines = _randomLines(1, 7);
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        door.root(lines[0].toLeaf(), lines[0].kind, new bytes32[3][](33), 0);
    }

    /// An inner node's 193 bytes cannot be told as a leaf's 69, nor the other way round.
    function test_leafIsNoNodeAndNodeIsNoLeaf() public view {
        TestTree.Line[] memory lines = _randomLines(4, 3);
        TestTree.Tree memory tree = TestTree.build(lines);
        // A node offered as a leaf: the upper half of the tree with the left child's words in the leaf's fields.
        TestTree.Node memory inner = tree.levels[1][0];
        Leaf memory forged = lines[0].toLeaf();
        forged.salt = inner.hash;
        bytes32[3][] memory proof = new bytes32[3][](1);
        proof[0] = TestTree.words(tree.levels[1][1]);
        _assertNotRoot(tree, forged, lines[0].kind, proof, 0);
    }

    function test_bitsAboveTheRegisters(uint8 bit) public {
        TestTree.Line[] memory lines = _randomLines(1, 7);
        Leaf memory leaf = lines[0].toLeaf();
        leaf.registers = Registers.wrap(Registers.unwrap(leaf.registers) | (1 << bound(bit, 240, 255)));
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        door.root(leaf, lines[0].kind, new bytes32[3][](0), 0);
    }

    /// A lane whose top bit is set could carry into the next one: no such node is joined.
    function test_lanesNeverCarry(uint8 lane, bool inLo, bool onLeft) public {
        SumTree.Node memory full = SumTree.Node(bytes32(uint256(1)), 0, 0);
        uint256 top = uint256(1) << (64 * bound(lane, 0, 3) + 63);
        if (inLo) full.lo = top;
        else full.hi = top;
        SumTree.Node memory empty = SumTree.Node(bytes32(uint256(2)), 0, 0);
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        if (onLeft) door.parent(full, empty);
        else door.parent(empty, full);
    }

    function test_lanesAddAloneWhateverTheirNeighbours(uint64[8] memory a, uint64[8] memory b) public view {
        uint64 inRange = type(uint64).max >> 1;
        uint64[8] memory sum;
        for (uint256 i = 0; i < 8; ++i) {
            a[i] &= inRange;
            b[i] &= inRange;
            sum[i] = a[i] + b[i];
        }
        SumTree.Node memory left = SumTree.Node(0, TestTree.lo(a), TestTree.hi(a));
        SumTree.Node memory right = SumTree.Node(0, TestTree.lo(b), TestTree.hi(b));
        SumTree.Node memory node = door.parent(left, right);
        assertEq(node.lo, TestTree.lo(sum));
        assertEq(node.hi, TestTree.hi(sum));
    }

    // ---- multiproofs that must not hold

    function test_anyChangedBitBreaksAMultiproof(uint256 seed, uint256 where, uint8 bit) public view {
        TestTree.Line[] memory lines = _randomLines(2 + seed % 30, seed);
        TestTree.Tree memory tree = TestTree.build(lines);
        uint256[] memory indices = _subset(lines.length, seed >> 8);
        (bytes32[3][] memory proof, bytes memory flags) = tree.multiproof(indices);
        (Leaf[] memory leaves, EntityKind[] memory kinds) = _chosen(lines, indices);
        bytes32 flip = bytes32(uint256(1) << bit);
        where = where % (3 * proof.length + leaves.length);
        if (where < 3 * proof.length) proof[where / 3][where % 3] ^= flip;
        else leaves[where - 3 * proof.length].salt ^= flip;
        _assertNotMultiRoot(tree, leaves, kinds, proof, flags);
    }

    /// Other steps than the tree's own lead elsewhere, whatever they are.
    function test_otherStepsLeadElsewhere(uint256 seed, uint256 otherSteps) public view {
        TestTree.Line[] memory lines = _randomLines(2 + seed % 30, seed);
        TestTree.Tree memory tree = TestTree.build(lines);
        uint256[] memory indices = _subset(lines.length, seed >> 8);
        (bytes32[3][] memory proof, bytes memory flags) = tree.multiproof(indices);
        (Leaf[] memory leaves, EntityKind[] memory kinds) = _chosen(lines, indices);
        bytes memory other = abi.encodePacked(otherSteps);
        uint256 length = flags.length < 32 ? flags.length : 32;
        bool same = true;
        for (uint256 i = 0; i < length; ++i) {
            if (flags[i] != other[i]) same = false;
            flags[i] = other[i];
        }
        vm.assume(!same);
        // One node that is promoted for ever is the only way to say the same differently.
        vm.assume(leaves.length > 1 || proof.length > 0);
        _assertNotMultiRootUnlessEquivalent(tree, leaves, kinds, proof, flags);
    }

    function test_duplicatedLeafIsNotTwice() public view {
        TestTree.Line[] memory lines = _randomLines(8, 5);
        TestTree.Tree memory tree = TestTree.build(lines);
        uint256[] memory one = new uint256[](1);
        (bytes32[3][] memory proof, bytes memory flags) = tree.multiproof(one);
        uint256[] memory twice = new uint256[](2);
        (Leaf[] memory leaves, EntityKind[] memory kinds) = _chosen(lines, twice);
        _assertNotMultiRoot(tree, leaves, kinds, proof, flags);
        // Joined with itself or left waiting: neither gives the root.
        flags[0] = 0x17;
        _assertNotMultiRoot(tree, leaves, kinds, proof, flags);
    }

    function test_unusedProofNodesAndWaitingNodes() public view {
        TestTree.Line[] memory lines = _randomLines(9, 5);
        TestTree.Tree memory tree = TestTree.build(lines);
        uint256[] memory indices = _subset(9, 0x111);
        (bytes32[3][] memory proof, bytes memory flags) = tree.multiproof(indices);
        (Leaf[] memory leaves, EntityKind[] memory kinds) = _chosen(lines, indices);
        bytes32[3][] memory longer = new bytes32[3][](proof.length + 1);
        for (uint256 i = 0; i < proof.length; ++i) {
            longer[i] = proof[i];
        }
        _assertNotMultiRoot(tree, leaves, kinds, longer, flags);
        _assertNotMultiRoot(tree, leaves, kinds, proof, "");
        _assertNotMultiRoot(tree, leaves, kinds, new bytes32[3][](0), flags);
        _assertNotMultiRoot(tree, new Leaf[](0), new EntityKind[](0), proof, flags);
        // Steps of nothing after the root change nothing.
        _assertRoot(tree, door.multiRoot(leaves, kinds, proof, abi.encodePacked(flags, uint16(0))));
    }

    // ---- words

    function test_registers_lanes(uint40[6] memory r) public pure {
        Registers registers = Registers.wrap(TestTree.pack(r));
        assertTrue(registers.isValid());
        assertEq(registers.generatedWh(), r[0]);
        assertEq(registers.exportedWh(), r[2]);
        assertEq(registers.importedWh(), r[3]);
        assertEq(registers.chargedWh(), r[4]);
        assertEq(registers.dischargedWh(), r[5]);
    }

    function test_registers_isAtLeast(uint40[6] memory a, uint40[6] memory b, uint8 equalLanes) public pure {
        bool expected = true;
        for (uint256 i = 0; i < 6; ++i) {
            if (equalLanes & (1 << i) != 0) b[i] = a[i];
            if (a[i] < b[i]) expected = false;
        }
        assertEq(Registers.wrap(TestTree.pack(a)).isAtLeast(Registers.wrap(TestTree.pack(b))), expected);
        assertTrue(Registers.wrap(TestTree.pack(a)).isAtLeast(Registers.wrap(TestTree.pack(a))));
    }

    function test_registers_oneLowerLaneIsEnough(uint40[6] memory a, uint8 lane) public pure {
        lane = uint8(bound(lane, 0, 5));
        vm.assume(a[lane] < type(uint40).max);
        uint40[6] memory b = [a[0], a[1], a[2], a[3], a[4], a[5]];
        ++b[lane];
        assertTrue(!Registers.wrap(TestTree.pack(a)).isAtLeast(Registers.wrap(TestTree.pack(b))));
        assertTrue(Registers.wrap(TestTree.pack(b)).isAtLeast(Registers.wrap(TestTree.pack(a))));
    }

    /// What a meter is credited is what it adds to the flows: supply to the pool less draw from it.
    function test_netSupplyIsTheFlows(uint8 kindIndex, uint40[6] memory r) public pure {
        EntityKind kind = EntityKind(bound(kindIndex, 1, 6));
        uint64[8] memory f = TestTree.flowsOf(kind, r);
        int256 supply = int256(uint256(f[1]) + f[2] + f[4] + f[5]);
        int256 draw = int256(uint256(f[0]) + f[3] + f[6]);
        assertEq(Registers.wrap(TestTree.pack(r)).netSupplyWh(kind), supply - draw);
        (uint256 lo, uint256 hi) = FlowLib.flowsOf(kind, Registers.wrap(TestTree.pack(r)));
        assertEq(lo, TestTree.lo(f));
        assertEq(hi, TestTree.hi(f));
    }

    function test_firstBackward(uint64[8] memory previous, uint64[8] memory step, uint8 lane, uint64 back) public pure {
        uint64 limit = type(uint64).max >> 2;
        uint64[8] memory current;
        for (uint256 i = 0; i < 8; ++i) {
            previous[i] &= limit;
            current[i] = previous[i] + (step[i] & limit);
        }
        assertEq(uint256(_flows(current).firstBackward(_flows(previous))), 8);
        lane = uint8(bound(lane, 0, 7));
        if (previous[lane] > 0) {
            current[lane] = uint64(bound(back, 0, previous[lane] - 1));
            assertEq(uint256(_flows(current).firstBackward(_flows(previous))), lane);
        }
        current[lane] = uint64(1 << 63);
        assertEq(uint256(_flows(current).firstBackward(_flows(previous))), lane, "out of range");
    }

    // ---- helpers

    function _flows(uint64[8] memory lanes) private pure returns (Flows memory) {
        return Flows(TestTree.lo(lanes), TestTree.hi(lanes));
    }

    function _stores(EntityKind kind) private pure returns (bool) {
        return kind == EntityKind.Battery || kind == EntityKind.Ev;
    }

    function _randomLines(uint256 size, uint256 seed) private pure returns (TestTree.Line[] memory lines) {
        lines = new TestTree.Line[](size);
        uint32 meter = 0;
        for (uint256 i = 0; i < size; ++i) {
            uint256 random = uint256(keccak256(abi.encode(seed, i)));
            meter += 1 + uint32(random % 1000);
            lines[i].meter = meter;
            lines[i].kind = EntityKind(1 + (random >> 32) % 6);
            lines[i].salt = keccak256(abi.encode(random));
            for (uint256 lane = 0; lane < 6; ++lane) {
                lines[i].registers[lane] = uint40(uint256(keccak256(abi.encode(random, lane))));
            }
        }
    }

    /// At least one index below `size`, ascending.
    function _subset(uint256 size, uint256 mask) private pure returns (uint256[] memory indices) {
        mask &= (1 << size) - 1;
        if (mask == 0) mask = 1;
        uint256 count;
        for (uint256 i = 0; i < size; ++i) {
            count += (mask >> i) & 1;
        }
        indices = new uint256[](count);
        uint256 next;
        for (uint256 i = 0; i < size; ++i) {
            if ((mask >> i) & 1 == 1) indices[next++] = i;
        }
    }

    function _chosen(TestTree.Line[] memory lines, uint256[] memory indices)
        private
        pure
        returns (Leaf[] memory leaves, EntityKind[] memory kinds)
    {
        leaves = new Leaf[](indices.length);
        kinds = new EntityKind[](indices.length);
        for (uint256 i = 0; i < indices.length; ++i) {
            leaves[i] = lines[indices[i]].toLeaf();
            kinds[i] = lines[indices[i]].kind;
        }
    }

    function _isRoot(TestTree.Tree memory tree, SumTree.Node memory node) private pure returns (bool) {
        TestTree.Node memory root = tree.root();
        return node.hash == root.hash && node.lo == TestTree.lo(root.flows) && node.hi == TestTree.hi(root.flows);
    }

    function _assertRoot(TestTree.Tree memory tree, SumTree.Node memory node) private pure {
        assertTrue(_isRoot(tree, node), "the proof does not lead to the root");
    }

    function _assertNotRoot(
        TestTree.Tree memory tree,
        Leaf memory leaf,
        EntityKind kind,
        bytes32[3][] memory proof,
        uint256 path
    ) private view {
        try door.root(leaf, kind, proof, path) returns (SumTree.Node memory node) {
            assertTrue(!_isRoot(tree, node), "a forged proof leads to the root");
        } catch (bytes memory reason) {
            assertEq(bytes32(reason), bytes32(IMeterLedger.MeterLedger_BadProof.selector));
        }
    }

    function _assertNotMultiRoot(
        TestTree.Tree memory tree,
        Leaf[] memory leaves,
        EntityKind[] memory kinds,
        bytes32[3][] memory proof,
        bytes memory flags
    ) private view {
        try door.multiRoot(leaves, kinds, proof, flags) returns (SumTree.Node memory node) {
            assertTrue(!_isRoot(tree, node), "a forged multiproof leads to the root");
        } catch (bytes memory reason) {
            assertEq(bytes32(reason), bytes32(IMeterLedger.MeterLedger_BadProof.selector));
        }
    }

    /// Other flags may say the same (steps of nothing at the end); then the result is the root of the same leaves.
    function _assertNotMultiRootUnlessEquivalent(
        TestTree.Tree memory tree,
        Leaf[] memory leaves,
        EntityKind[] memory kinds,
        bytes32[3][] memory proof,
        bytes memory flags
    ) private view {
        try door.multiRoot(leaves, kinds, proof, flags) returns (SumTree.Node memory node) {
            if (!_isRoot(tree, node)) return;
            // It led to the root although its bytes differ: then without one of its leaves it must not.
            leaves[0].salt = ~leaves[0].salt;
            assertTrue(!_isRoot(tree, door.multiRoot(leaves, kinds, proof, flags)));
        } catch (bytes memory reason) {
            assertEq(bytes32(reason), bytes32(IMeterLedger.MeterLedger_BadProof.selector));
        }
    }
}
