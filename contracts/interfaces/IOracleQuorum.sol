// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Who may speak for the meters: k of n oracle nodes
/// @notice One mechanism for everything the oracle states: slots, battery reports, prices.
/// The consumer builds an EIP-712 digest in its own domain (chain, contract) that contains the
/// current `epoch`, so a signature counts for one contract on one chain under one set of signers.
/// @dev Trusted: that fewer than k of the n signers lie together.
interface IOracleQuorum {
    /// The signer set was replaced; signatures of earlier epochs no longer count.
    event SignersChanged(uint64 indexed epoch, address[] signers, uint8 threshold);

    /// Signers must be non-zero and strictly ascending.
    error OracleQuorum_SignersNotAscending();
    /// The threshold must be 1..n and more than half of n.
    error OracleQuorum_BadThreshold(uint256 threshold, uint256 signers);
    error OracleQuorum_TooManySigners(uint256 signers, uint256 max);
    /// Fewer signatures than the threshold (which is 0 until signers are set: then nothing is enough).
    error OracleQuorum_TooFewSignatures(uint256 given, uint256 needed);
    /// A signature is malformed (zero address), not of a current signer, or not after the one before it (duplicates).
    error OracleQuorum_BadSigner(address signer);
    error OracleQuorum_LengthMismatch(uint256 digests, uint256 signatures);

    /// @notice Replaces the signer set and starts a new epoch. Role: admin.
    /// @param newSigners strictly ascending addresses, 1..32
    /// @param newThreshold k, more than half of n
    function setSigners(address[] calldata newSigners, uint8 newThreshold) external;

    /// @notice Reverts unless `signatures` holds at least `threshold` valid 65-byte signatures of `digest`
    /// by distinct current signers, ordered by ascending signer address. Gas: about 5 500 a signature.
    function requireQuorum(bytes32 digest, bytes[] calldata signatures) external view;

    /// @notice Reverts unless each `signatures[i]` is a valid signature of its own `digests[i]`, by distinct current
    /// signers in ascending order, and there are `observersNeeded` or more. For statements that differ from node to
    /// node and are brought together by their median. Gas: about 5 500 a signature.
    function requireObservers(bytes32[] calldata digests, bytes[] calldata signatures) external view;

    /// @notice How many different statements it takes: the threshold, and 2f+1 where 3f+1 of the signers are there,
    /// so that f liars cannot move the median out of what honest nodes stated. 0 before signers are set.
    function observersNeeded() external view returns (uint256);

    function epoch() external view returns (uint64);
    function threshold() external view returns (uint8);
    function signerCount() external view returns (uint8);
    function signers() external view returns (address[] memory);
    function isSigner(address account) external view returns (bool);
}
