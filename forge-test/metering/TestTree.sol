// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EntityKind, Leaf, MeterId, Registers} from "contracts/Types.sol";

/// A sum tree as IMeterLedger describes it, written a second time and slowly: sums lane by lane, nothing packed
/// until it is hashed. Proofs for one leaf and for many.
library TestTree {
    struct Line {
        uint32 meter;
        EntityKind kind;
        uint40[6] registers; // generated, consumed, exported, imported, charged, discharged
        bytes32 salt;
    }

    struct Node {
        bytes32 hash;
        uint64[8] flows;
    }

    struct Tree {
        Node[][] levels;
    }

    uint256 internal constant PROMOTE = 0;
    uint256 internal constant LEFT = 1;
    uint256 internal constant RIGHT = 2;
    uint256 internal constant BOTH = 3;

    // ---- words

    function pack(uint40[6] memory registers) internal pure returns (uint256 word) {
        for (uint256 i = 6; i > 0; --i) {
            word = (word << 40) | registers[i - 1];
        }
    }

    function lo(uint64[8] memory flows) internal pure returns (uint256) {
        return flows[0] + (uint256(flows[1]) << 64) + (uint256(flows[2]) << 128) + (uint256(flows[3]) << 192);
    }

    function hi(uint64[8] memory flows) internal pure returns (uint256) {
        return flows[4] + (uint256(flows[5]) << 64) + (uint256(flows[6]) << 128) + (uint256(flows[7]) << 192);
    }

    function toLeaf(Line memory line) internal pure returns (Leaf memory) {
        return Leaf(MeterId.wrap(line.meter), Registers.wrap(pack(line.registers)), line.salt);
    }

    // ---- nodes

    function flowsOf(EntityKind kind, uint40[6] memory r) internal pure returns (uint64[8] memory f) {
        if (kind == EntityKind.Consumer) f[0] = r[3];
        if (kind == EntityKind.Prosumer) (f[0], f[1], f[7]) = (r[3], r[2], r[0]);
        if (kind == EntityKind.Der) (f[0], f[2]) = (r[3], r[2]);
        if (kind == EntityKind.Battery || kind == EntityKind.Ev) (f[3], f[4]) = (r[4], r[5]);
        if (kind == EntityKind.Grid) (f[5], f[6]) = (r[3], r[2]);
    }

    function leafNode(Line memory line) internal pure returns (Node memory) {
        bytes memory preimage = abi.encodePacked(uint8(0), line.meter, pack(line.registers), line.salt);
        return Node(keccak256(preimage), flowsOf(line.kind, line.registers));
    }

    function parent(Node memory l, Node memory r) internal pure returns (Node memory node) {
        bytes memory preimage = abi.encodePacked(
            uint8(1), l.hash, lo(l.flows), hi(l.flows), r.hash, lo(r.flows), hi(r.flows)
        );
        node.hash = keccak256(preimage);
        for (uint256 i = 0; i < 8; ++i) {
            node.flows[i] = l.flows[i] + r.flows[i];
        }
    }

    function build(Line[] memory lines) internal pure returns (Tree memory tree) {
        uint256 height = 1;
        for (uint256 n = lines.length; n > 1; n = (n + 1) / 2) ++height;
        tree.levels = new Node[][](height);
        tree.levels[0] = new Node[](lines.length);
        for (uint256 i = 0; i < lines.length; ++i) {
            tree.levels[0][i] = leafNode(lines[i]);
        }
        for (uint256 h = 1; h < height; ++h) {
            Node[] memory below = tree.levels[h - 1];
            Node[] memory level = new Node[]((below.length + 1) / 2);
            for (uint256 i = 0; i < level.length; ++i) {
                bool promoted = 2 * i + 1 == below.length;
                level[i] = promoted ? below[2 * i] : parent(below[2 * i], below[2 * i + 1]);
            }
            tree.levels[h] = level;
        }
    }

    function root(Tree memory tree) internal pure returns (Node memory) {
        return tree.levels[tree.levels.length - 1][0];
    }

    // ---- proofs

    function words(Node memory node) internal pure returns (bytes32[3] memory) {
        return [node.hash, bytes32(lo(node.flows)), bytes32(hi(node.flows))];
    }

    function proof(Tree memory tree, uint256 index) internal pure returns (bytes32[3][] memory siblings, uint256 path) {
        bytes32[3][] memory found = new bytes32[3][](tree.levels.length);
        uint256 count;
        for (uint256 h = 0; h + 1 < tree.levels.length; ++h) {
            Node[] memory level = tree.levels[h];
            if ((index ^ 1) < level.length) {
                if (index % 2 == 1) path |= 1 << count;
                found[count++] = words(level[index ^ 1]);
            }
            index /= 2;
        }
        siblings = _first(found, count);
    }

    /// @param indices ascending
    function multiproof(Tree memory tree, uint256[] memory indices)
        internal
        pure
        returns (bytes32[3][] memory siblings, bytes memory flags)
    {
        bytes32[3][] memory found = new bytes32[3][](indices.length * tree.levels.length);
        uint256[] memory steps = new uint256[](indices.length * tree.levels.length);
        uint256 foundCount;
        uint256 stepCount;
        for (uint256 h = 0; h + 1 < tree.levels.length; ++h) {
            Node[] memory level = tree.levels[h];
            uint256[] memory above = new uint256[](indices.length);
            uint256 count;
            for (uint256 i = 0; i < indices.length; ++i) {
                uint256 index = indices[i];
                bool withNext = i + 1 < indices.length && indices[i + 1] == (index ^ 1);
                if ((index ^ 1) >= level.length) {
                    steps[stepCount++] = PROMOTE;
                } else if (withNext) {
                    steps[stepCount++] = BOTH;
                    ++i;
                } else {
                    steps[stepCount++] = index % 2 == 0 ? LEFT : RIGHT;
                    found[foundCount++] = words(level[index ^ 1]);
                }
                above[count++] = index / 2;
            }
            indices = _first(above, count);
        }
        siblings = _first(found, foundCount);
        flags = packSteps(_first(steps, stepCount));
    }

    function packSteps(uint256[] memory steps) internal pure returns (bytes memory flags) {
        flags = new bytes((steps.length + 3) / 4);
        for (uint256 i = 0; i < steps.length; ++i) {
            flags[i / 4] |= bytes1(uint8(steps[i] << (2 * (i % 4))));
        }
    }

    function _first(bytes32[3][] memory from, uint256 count) private pure returns (bytes32[3][] memory cut) {
        cut = new bytes32[3][](count);
        for (uint256 i = 0; i < count; ++i) {
            cut[i] = from[i];
        }
    }

    function _first(uint256[] memory from, uint256 count) private pure returns (uint256[] memory cut) {
        cut = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            cut[i] = from[i];
        }
    }
}
