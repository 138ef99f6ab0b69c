// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {P256 as Whole} from "@openzeppelin/contracts/utils/cryptography/P256.sol";

/// What coverage runs in place of OpenZeppelin's library (foundry.toml): the same checks and the precompile, without
/// the part in Solidity, which compiles optimised only.
library P256 {
    function verify(bytes32 h, bytes32 r, bytes32 s, bytes32 x, bytes32 y) internal view returns (bool) {
        return Whole.verifyNative(h, r, s, x, y);
    }

    function isValidPublicKey(bytes32 x, bytes32 y) internal pure returns (bool) {
        return Whole.isValidPublicKey(x, y);
    }
}
