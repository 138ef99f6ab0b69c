// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Hash chains of mesh sessions
/// @notice element(i - 1) = first 16 bytes of SHA-256(element(i), u32 source, u32 startedAt, u8 role), as nodes compute
/// it (docs/mesh.md). Named by session and role, so that an element is worth nothing in any other chain.
library HashChainLib {
    /// @notice Role of the source's chain and of the destination's.
    uint8 internal constant SOURCE = 0;
    uint8 internal constant DESTINATION = 1;

    /// @notice The element `steps` nearer to the root. About 250 gas a step.
    function descend(bytes16 element, uint256 steps, uint32 source, uint32 startedAt, uint8 role)
        internal
        view
        returns (bytes16 found)
    {
        bytes32 named =
            bytes32(bytes4(source)) >> 128 | bytes32(bytes4(startedAt)) >> 160 | bytes32(bytes1(role)) >> 192;
        bool ok = true;
        assembly ("memory-safe") {
            let mask := not(sub(shl(128, 1), 1))
            found := and(element, mask)
            for {} steps { steps := sub(steps, 1) } {
                mstore(0, or(found, named))
                // The precompile for SHA-256 of 25 bytes; it fails only for lack of gas.
                ok := and(ok, staticcall(gas(), 2, 0, 25, 0, 32))
                found := and(mload(0), mask)
            }
        }
        assert(ok);
    }
}
