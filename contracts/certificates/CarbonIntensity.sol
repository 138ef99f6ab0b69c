// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ICarbonIntensity} from "../interfaces/ICarbonIntensity.sol";
import {IOracleQuorum} from "../interfaces/IOracleQuorum.sol";

/// @title CarbonIntensity
/// @notice See ICarbonIntensity. Sixteen hours share a storage word; a lane holds the figure plus one, so that 0 means
/// unknown.
contract CarbonIntensity is ICarbonIntensity, EIP712, AccessManaged {
    // ------------------------------------------------------------------ constants

    /// @inheritdoc ICarbonIntensity
    uint256 public constant MAX_HOURS = 48;

    bytes32 private constant PUBLICATION_TYPEHASH =
        keccak256("CarbonIntensity(uint64 firstHour,uint16[] gramsPerKwh,uint64 epoch)");
    uint256 private constant LANES = 16;
    uint256 private constant LANE_BITS = 16;

    // ------------------------------------------------------------------ immutables

    IOracleQuorum public immutable QUORUM;

    // ------------------------------------------------------------------ storage

    Bounds private _bounds;
    mapping(uint256 word => uint256) private _figures;

    // ------------------------------------------------------------------ constructor

    constructor(address manager, IOracleQuorum quorum, Bounds memory firstBounds)
        AccessManaged(manager)
        EIP712("Ohmstead CarbonIntensity", "1")
    {
        QUORUM = quorum;
        _setBounds(firstBounds);
    }

    // ------------------------------------------------------------------ admin

    /// @inheritdoc ICarbonIntensity
    function setBounds(Bounds calldata newBounds) external restricted {
        _setBounds(newBounds);
    }

    // ------------------------------------------------------------------ everyone

    /// @inheritdoc ICarbonIntensity
    function publish(uint64 firstHour, uint16[] calldata gramsPerKwh, bytes[] calldata signatures) external {
        uint256 count = gramsPerKwh.length;
        if (count == 0 || count > MAX_HOURS) revert CarbonIntensity_BadLength(count, MAX_HOURS);
        QUORUM.requireQuorum(_digest(firstHour, gramsPerKwh), signatures);
        Bounds memory limits = _bounds;
        for (uint256 i = 0; i < count; ++i) {
            _write(firstHour + uint64(i), gramsPerKwh[i], limits); // i is below MAX_HOURS
        }
        emit IntensityPublished(firstHour, gramsPerKwh);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc ICarbonIntensity
    function bounds() external view returns (Bounds memory) {
        return _bounds;
    }

    /// @inheritdoc ICarbonIntensity
    function intensityOf(uint64 hour) external view returns (bool known, uint16 gramsPerKwh) {
        (uint256 word, uint256 shift) = _place(hour);
        uint256 lane = (_figures[word] >> shift) & type(uint16).max;
        // A lane is the figure plus one.
        return lane == 0 ? (false, 0) : (true, uint16(lane - 1));
    }

    /// @inheritdoc ICarbonIntensity
    function publicationDigest(uint64 firstHour, uint16[] calldata gramsPerKwh) external view returns (bytes32) {
        return _digest(firstHour, gramsPerKwh);
    }

    // ------------------------------------------------------------------ internal

    function _write(uint64 hour, uint16 gramsPerKwh, Bounds memory limits) private {
        if (gramsPerKwh < limits.minGramsPerKwh || gramsPerKwh > limits.maxGramsPerKwh) {
            revert CarbonIntensity_OutOfBounds(hour, gramsPerKwh);
        }
        uint256 end = (uint256(hour) + 1) * 1 hours;
        if (end > block.timestamp + limits.leadSeconds) revert CarbonIntensity_TooEarly(hour);
        if (end + limits.maxAgeSeconds < block.timestamp) revert CarbonIntensity_TooOld(hour);
        (uint256 word, uint256 shift) = _place(hour);
        uint256 figures = _figures[word];
        if ((figures >> shift) & type(uint16).max != 0) revert CarbonIntensity_AlreadyPublished(hour);
        // The figure plus one fits its lane: the highest bound is below 65535.
        _figures[word] = figures | ((uint256(gramsPerKwh) + 1) << shift);
    }

    function _place(uint64 hour) private pure returns (uint256 word, uint256 shift) {
        return (hour / LANES, (hour % LANES) * LANE_BITS);
    }

    /// An array is encoded as the hash of its elements, each in a word of its own; so does encodePacked.
    function _digest(uint64 firstHour, uint16[] calldata gramsPerKwh) private view returns (bytes32) {
        bytes32 figures = keccak256(abi.encodePacked(gramsPerKwh));
        return _hashTypedDataV4(keccak256(abi.encode(PUBLICATION_TYPEHASH, firstHour, figures, QUORUM.epoch())));
    }

    function _setBounds(Bounds memory limits) private {
        if (limits.maxGramsPerKwh == type(uint16).max || limits.maxGramsPerKwh < limits.minGramsPerKwh) {
            revert CarbonIntensity_BadBounds("maxGramsPerKwh");
        }
        if (limits.maxAgeSeconds == 0) revert CarbonIntensity_BadBounds("maxAgeSeconds");
        if (limits.leadSeconds > 1 hours) revert CarbonIntensity_BadBounds("leadSeconds");
        _bounds = limits;
        emit BoundsChanged(limits);
    }
}
