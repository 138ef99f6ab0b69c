// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {IOracleQuorum} from "../interfaces/IOracleQuorum.sol";

/// @title OracleQuorum
/// @notice See IOracleQuorum. Before the first `setSigners` nobody speaks for the meters.
contract OracleQuorum is IOracleQuorum, AccessManaged {
    // ------------------------------------------------------------------ constants

    /// @notice Most signers, so that replacing them and verifying all of them stay bounded.
    uint256 public constant MAX_SIGNERS = 32;

    // ------------------------------------------------------------------ storage

    /// @inheritdoc IOracleQuorum
    uint64 public epoch;
    /// @inheritdoc IOracleQuorum
    uint8 public threshold;
    /// @inheritdoc IOracleQuorum
    uint8 public signerCount;
    address[] private _signers;
    /// By epoch, so that nothing has to be cleared when the set is replaced.
    mapping(uint64 epoch => mapping(address account => bool)) private _isSigner;

    // ------------------------------------------------------------------ constructor

    constructor(address manager) AccessManaged(manager) {}

    // ------------------------------------------------------------------ admin

    /// @inheritdoc IOracleQuorum
    function setSigners(address[] calldata newSigners, uint8 newThreshold) external restricted {
        uint256 count = newSigners.length;
        if (newThreshold > count || uint256(newThreshold) * 2 <= count) {
            revert OracleQuorum_BadThreshold(newThreshold, count);
        }
        if (count > MAX_SIGNERS) revert OracleQuorum_TooManySigners(count, MAX_SIGNERS);

        uint64 newEpoch = epoch + 1;
        address previous = address(0);
        for (uint256 i = 0; i < count; ++i) {
            address signer = newSigners[i];
            if (signer <= previous) revert OracleQuorum_SignersNotAscending();
            _isSigner[newEpoch][signer] = true;
            previous = signer;
        }
        (epoch, threshold, _signers) = (newEpoch, newThreshold, newSigners);
        signerCount = uint8(count); // at most MAX_SIGNERS
        emit SignersChanged(newEpoch, newSigners, newThreshold);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IOracleQuorum
    function requireQuorum(bytes32 digest, bytes[] calldata signatures) external view {
        _requireEnough(signatures.length, threshold);
        mapping(address account => bool) storage isCurrent = _isSigner[epoch];
        address previous = address(0);
        for (uint256 i = 0; i < signatures.length; ++i) {
            previous = _signerAfter(previous, digest, signatures[i], isCurrent);
        }
    }

    /// @inheritdoc IOracleQuorum
    function requireObservers(bytes32[] calldata digests, bytes[] calldata signatures) external view {
        if (digests.length != signatures.length) revert OracleQuorum_LengthMismatch(digests.length, signatures.length);
        _requireEnough(signatures.length, observersNeeded());
        mapping(address account => bool) storage isCurrent = _isSigner[epoch];
        address previous = address(0);
        for (uint256 i = 0; i < signatures.length; ++i) {
            previous = _signerAfter(previous, digests[i], signatures[i], isCurrent);
        }
    }

    /// @inheritdoc IOracleQuorum
    function observersNeeded() public view returns (uint256) {
        if (threshold == 0) return 0;
        // 2f + 1 with the largest f for which there are 3f + 1 signers
        uint256 outvotingLiars = 2 * ((uint256(signerCount) - 1) / 3) + 1;
        return Math.max(threshold, outvotingLiars);
    }

    /// @inheritdoc IOracleQuorum
    function signers() external view returns (address[] memory) {
        return _signers;
    }

    /// @inheritdoc IOracleQuorum
    function isSigner(address account) external view returns (bool) {
        return _isSigner[epoch][account];
    }

    // ------------------------------------------------------------------ internal

    function _requireEnough(uint256 given, uint256 needed) private pure {
        if (given < needed || needed == 0) revert OracleQuorum_TooFewSignatures(given, needed);
    }

    /// Who signed, if a current signer whose address is above `previous`.
    function _signerAfter(
        address previous,
        bytes32 digest,
        bytes calldata signature,
        mapping(address account => bool) storage isCurrent
    ) private view returns (address signer) {
        // Refuses high s, v other than 27 and 28, and any length but 65: one signature has one form.
        (signer,,) = ECDSA.tryRecoverCalldata(digest, signature);
        if (signer <= previous || !isCurrent[signer]) revert OracleQuorum_BadSigner(signer);
    }
}
