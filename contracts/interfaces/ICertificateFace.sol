// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRenewableCertificate} from "./IRenewableCertificate.sol";

/// @title What a certificate looks like: ERC-721 metadata and its picture
interface ICertificateFace {
    /// @notice A data URI of JSON (name, description, image, attributes) that holds a data URI of an SVG, which shows
    /// the source, the period, the Wh and the state.
    /// @param start, end of the period, Unix seconds
    function tokenUri(
        uint256 id,
        IRenewableCertificate.Certificate calldata certificate,
        IRenewableCertificate.Lot calldata lot,
        uint256 start,
        uint256 end
    ) external pure returns (string memory);
}
