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
/// Multiproof. The known nodes stand in a queue, at first the leaves from left to right. Each step has two bits, the
/// first step in the lowest bits of the first byte:
///   0 PROMOTE  the first node goes to the end of the queue unchanged (an odd last node of its level)
///   1 LEFT     the first node is the left child, the next proof node the right one
///   2 RIGHT    the first node is the right child, the next proof node the left one
///   3 BOTH     the first two nodes are the left and the right child
/// and each parent goes to the end of the queue. At the end one node is left and no proof node is unused. The unused
/// steps of the last byte are 0, which changes nothing when one node is left. What order the steps come in needs no
/// trust: every node that enters the queue leaves it only into a hash that the root covers.
library SumTree {
    using RegisterLib for Registers;

    struct Node {
        bytes32 hash;
        uint256 lo;
        uint256 hi;
    }

    uint256 private constant PROMOTE = 0;
    uint256 private constant LEFT = 1;
    uint256 private constant RIGHT = 2;

    /// @notice The node of a meter's leaf. Reverts with MeterLedger_BadProof if bits above the registers are set.
    function leafNode(Leaf calldata leaf, EntityKind kind) internal pure returns (Node memory node) {
        if (!leaf.registers.isValid()) revert IMeterLedger.MeterLedger_BadProof();
        node.hash = keccak256(abi.encodePacked(bytes1(0x00), leaf.meter, leaf.registers, leaf.salt));
        (node.lo, node.hi) = FlowLib.flowsOf(kind, leaf.registers);
    }

    /// @notice The parent of two nodes. Lanes add without carry, or the call reverts with MeterLedger_BadProof.
    function parent(Node memory left, Node memory right) internal pure returns (Node memory node) {
        if (!FlowLib.inRange(left.lo | right.lo, left.hi | right.hi)) revert IMeterLedger.MeterLedger_BadProof();
        node.hash = keccak256(
            abi.encodePacked(bytes1(0x01), left.hash, left.lo, left.hi, right.hash, right.lo, right.hi)
        );
        unchecked {
            // All lanes are below 2^63: no lane overflows into the next.
            node.lo = left.lo + right.lo;
            node.hi = left.hi + right.hi;
        }
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

    /// @notice The root that many leaves' common proof leads to. `nodes` serves as the queue and is overwritten.
    function multiRoot(Node[] memory nodes, bytes32[3][] calldata proof, bytes calldata flags)
        internal
        pure
        returns (Node memory)
    {
        uint256 size = nodes.length;
        uint256 waiting = size;
        uint256 head;
        uint256 used;
        for (uint256 step = 0; step < flags.length * 4; ++step) {
            uint256 flag = (uint8(flags[step / 4]) >> (2 * (step % 4))) & 3;
            uint256 queued = flag == PROMOTE || flag == LEFT || flag == RIGHT ? 1 : 2;
            if (waiting < queued || (queued == 1 && flag != PROMOTE && used == proof.length)) {
                revert IMeterLedger.MeterLedger_BadProof();
            }
            Node memory node = nodes[head];
            if (flag == LEFT) node = parent(node, _proofNode(proof[used++]));
            else if (flag == RIGHT) node = parent(_proofNode(proof[used++]), node);
            else if (flag != PROMOTE) node = parent(node, nodes[(head + 1) % size]);
            // Each step takes at least one node and adds one: the ring never overflows.
            head = (head + queued) % size;
            waiting -= queued;
            nodes[(head + waiting) % size] = node;
            ++waiting;
        }
        if (waiting != 1 || used != proof.length) revert IMeterLedger.MeterLedger_BadProof();
        return nodes[head];
    }

    function _proofNode(bytes32[3] calldata words) private pure returns (Node memory) {
        return Node(words[0], uint256(words[1]), uint256(words[2]));
    }
}
