// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EntityKind, Leaf, MeterId, Registers} from "contracts/Types.sol";
import {FlowLib} from "contracts/metering/FlowLib.sol";
import {SumTree} from "contracts/metering/SumTree.sol";

/// A slot's sum tree over few meters, built level by level, for tests.
library SlotTree {
    /// Nodes of the leaves in order.
    function leafNodes(Leaf[] memory leaves, EntityKind[] memory kinds)
        internal
        pure
        returns (SumTree.Node[] memory nodes)
    {
        nodes = new SumTree.Node[](leaves.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            Leaf memory leaf = leaves[i];
            nodes[i].hash = keccak256(
                abi.encodePacked(bytes1(0), MeterId.unwrap(leaf.meter), Registers.unwrap(leaf.registers), leaf.salt)
            );
            (nodes[i].lo, nodes[i].hi) = FlowLib.flowsOf(kinds[i], leaf.registers);
        }
    }

    /// The level above; an odd last node is promoted unchanged.
    function above(SumTree.Node[] memory level) internal pure returns (SumTree.Node[] memory next) {
        next = new SumTree.Node[]((level.length + 1) / 2);
        for (uint256 i = 0; i < next.length; ++i) {
            next[i] = 2 * i + 1 < level.length ? SumTree.parent(level[2 * i], level[2 * i + 1]) : level[2 * i];
        }
    }

    function root(SumTree.Node[] memory level) internal pure returns (SumTree.Node memory) {
        while (level.length > 1) level = above(level);
        return level[0];
    }

    /// Siblings of the leaf at `index` from the leaf up, and the path's bits.
    function proof(SumTree.Node[] memory level, uint256 index)
        internal
        pure
        returns (bytes32[3][] memory siblings, uint256 path)
    {
        bytes32[3][] memory found = new bytes32[3][](32);
        uint256 count;
        for (; level.length > 1; level = above(level)) {
            uint256 sibling = index ^ 1;
            if (sibling < level.length) {
                SumTree.Node memory node = level[sibling];
                found[count] = [node.hash, bytes32(node.lo), bytes32(node.hi)];
                if (sibling < index) path |= 1 << count;
                ++count;
            }
            index /= 2;
        }
        siblings = new bytes32[3][](count);
        for (uint256 i = 0; i < count; ++i) {
            siblings[i] = found[i];
        }
    }

    /// What SumTree.multiRoot takes for the leaves at `indices`, which ascend.
    function multiproof(SumTree.Node[] memory level, uint256[] memory indices)
        internal
        pure
        returns (bytes32[3][] memory siblings, bytes memory flags)
    {
        bytes32[3][] memory found = new bytes32[3][](indices.length * 32);
        bytes memory steps = new bytes(indices.length * 8);
        uint256 count;
        uint256 step;
        for (; level.length > 1; level = above(level)) {
            uint256 kept;
            for (uint256 i = 0; i < indices.length; ++i) {
                uint256 index = indices[i];
                uint256 flag;
                if (index ^ 1 < level.length) {
                    if (i + 1 < indices.length && indices[i + 1] == index ^ 1) {
                        flag = 3;
                        ++i;
                    } else {
                        SumTree.Node memory node = level[index ^ 1];
                        found[count++] = [node.hash, bytes32(node.lo), bytes32(node.hi)];
                        flag = 1 + (index & 1);
                    }
                }
                steps[step >> 2] |= bytes1(uint8(flag << ((step & 3) << 1)));
                ++step;
                indices[kept++] = index / 2;
            }
            assembly ("memory-safe") {
                mstore(indices, kept)
            }
        }
        assembly ("memory-safe") {
            mstore(found, count)
            mstore(steps, shr(2, add(step, 3)))
        }
        return (found, steps);
    }
}
