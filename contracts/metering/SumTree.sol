// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EntityKind, Leaf, Registers} from "../Types.sol";
import {IMeterLedger} from "../interfaces/IMeterLedger.sol";
import {FlowLib} from "./FlowLib.sol";
import {RegisterLib} from "./RegisterLib.sol";

/// @title Merkle sum tree over a slot's meters
/// @notice Leaf and node hashes as in IMeterLedger. A node's hash covers both children's sums, so a root and its
/// totals fix every sum below them. Leaf and node hashes start with different bytes, so neither passes for the
/// other. A leaf's flows follow from its registers and the kind that the registry knows, never from the prover.
///
/// Multiproof. The known nodes of a level are read from left to right, at first the leaves; each step has two bits, the
/// first step in the lowest bits of the first byte:
///   0 PROMOTE  the next known node goes up unchanged (an odd last node of its level)
///   1 LEFT     the next known node is the left child, the next proof node the right one
///   2 RIGHT    the next known node is the right child, the next proof node the left one
///   3 BOTH     the next two known nodes are the left and the right child
/// What the steps make are the known nodes of the next level. At the end one node is left and no proof node is unused.
/// The unused steps of the last byte are 0, which changes nothing when one node is left. The steps need no trust:
/// every known node ends in a hash that the root covers, or the proof fails.
library SumTree {
    using RegisterLib for Registers;

    struct Node {
        bytes32 hash;
        uint256 lo;
        uint256 hi;
    }

    uint256 private constant PROMOTE = 0;
    uint256 private constant LEFT = 1;
    uint256 private constant BOTH = 3;

    /// @notice The node of a meter's leaf. Reverts with MeterLedger_BadProof if bits above the registers are set.
    function leafNode(Leaf calldata leaf, EntityKind kind) internal pure returns (Node memory node) {
        if (!leaf.registers.isValid()) revert IMeterLedger.MeterLedger_BadProof();
        node.hash = keccak256(abi.encodePacked(bytes1(0x00), leaf.meter, leaf.registers, leaf.salt));
        (node.lo, node.hi) = FlowLib.flowsOf(kind, leaf.registers);
    }

    /// @notice The parent of two nodes. Lanes add without carry, or the call reverts with MeterLedger_BadProof.
    function parent(Node memory left, Node memory right) internal pure returns (Node memory node) {
        if (!FlowLib.inRange(left.lo | right.lo, left.hi | right.hi)) revert IMeterLedger.MeterLedger_BadProof();
        unchecked {
            // All lanes are below 2^63: no lane overflows into the next.
            node.lo = left.lo + right.lo;
            node.hi = left.hi + right.hi;
        }
        bytes32 hash;
        // keccak256(abi.encodePacked(bytes1(0x01), left.hash, left.lo, left.hi, right.hash, right.lo, right.hi)) at a
        // third of the gas: a node's three words are adjacent in memory and are copied at once.
        assembly ("memory-safe") {
            let preimage := mload(0x40) // nothing is in use beyond it
            mstore8(preimage, 1)
            mcopy(add(preimage, 1), left, 96)
            mcopy(add(preimage, 97), right, 96)
            hash := keccak256(preimage, 193)
        }
        node.hash = hash;
    }

    /// @notice The root that one leaf's proof leads to.
    /// @param proof siblings from the leaf up
    /// @param path bit i set: the i-th sibling is on the left; bits beyond the proof must be zero
    function root(Node memory node, bytes32[3][] calldata proof, uint256 path) internal pure returns (Node memory) {
        uint256 length = proof.length;
        // A tree of 2^32 leaves has 32 levels; a longer proof is none.
        if (length > 32 || path >> length != 0) revert IMeterLedger.MeterLedger_BadProof();
        for (uint256 i = 0; i < length; ++i) {
            Node memory sibling = _proofNode(proof[i]);
            node = (path >> i) & 1 == 0 ? parent(node, sibling) : parent(sibling, node);
        }
        return node;
    }

    /// @notice The root that many leaves' common proof leads to. `nodes` is overwritten, level by level.
    function multiRoot(Node[] memory nodes, bytes32[3][] calldata proof, bytes calldata flags)
        internal
        pure
        returns (Node memory)
    {
        uint256 count = nodes.length; // of the level's known nodes
        if (count == 0) revert IMeterLedger.MeterLedger_BadProof();
        uint256 read = 0;
        uint256 written = 0; // of the next level's, over those already read
        uint256 used = 0;
        for (uint256 step = 0; step < flags.length * 4; ++step) {
            if (read == count) (count, read, written) = (written, 0, 0);
            uint256 flag = (uint8(flags[step >> 2]) >> ((step & 3) << 1)) & 3;
            Node memory node = nodes[read];
            ++read;
            if (flag == BOTH) {
                if (read == count) revert IMeterLedger.MeterLedger_BadProof();
                node = parent(node, nodes[read]);
                ++read;
            } else if (flag != PROMOTE) {
                if (used == proof.length) revert IMeterLedger.MeterLedger_BadProof();
                Node memory sibling = _proofNode(proof[used]);
                ++used;
                node = flag == LEFT ? parent(node, sibling) : parent(sibling, node);
            }
            nodes[written] = node;
            ++written;
        }
        if (read == count) count = written;
        if (count != 1 || used != proof.length) revert IMeterLedger.MeterLedger_BadProof();
        return nodes[0];
    }

    function _proofNode(bytes32[3] calldata words) private pure returns (Node memory) {
        return Node(words[0], uint256(words[1]), uint256(words[2]));
    }
}
