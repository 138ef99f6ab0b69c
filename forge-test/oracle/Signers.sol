// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {OracleQuorum} from "contracts/oracle/OracleQuorum.sol";
import {Test} from "../Test.sol";

/// Oracle nodes with keys, in ascending order of address, and what they sign.
abstract contract Signers is Test {
    uint256 internal constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    address[] internal nodes;
    uint256[] internal nodeKeys;

    function _makeNodes(uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            (address node, uint256 key) = makeAccount(string.concat("oracle node ", vm.toString(i)));
            nodes.push(node);
            nodeKeys.push(key);
            for (uint256 j = i; j > 0 && nodes[j] < nodes[j - 1]; --j) {
                (nodes[j], nodes[j - 1]) = (nodes[j - 1], nodes[j]);
                (nodeKeys[j], nodeKeys[j - 1]) = (nodeKeys[j - 1], nodeKeys[j]);
            }
        }
    }

    function _sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    /// Signatures of the first `count` nodes.
    function _signatures(bytes32 digest, uint256 count) internal view returns (bytes[] memory signatures) {
        signatures = new bytes[](count);
        for (uint256 i = 0; i < count; ++i) {
            signatures[i] = _sign(nodeKeys[i], digest);
        }
    }
}
