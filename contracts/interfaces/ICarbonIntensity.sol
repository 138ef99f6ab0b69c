// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title How much CO2 a kWh of the main grid carried, hour by hour
/// @notice What a retired certificate is worth in avoided CO2. Each hour of the clock (Unix seconds / 3600) gets one
/// figure, in grams of CO2 per kWh, signed by k of n oracle nodes like a slot; it is final.
/// @dev EIP-712 domain: "Ohmstead CarbonIntensity", version "1" (see eip712Domain).
///      Trusted: a quorum of oracle nodes for what the grid emitted (IOracleQuorum), within the bounds.
///      Gas: see forge-test/snapshots/certificates.json.
interface ICarbonIntensity {
    /// What publications are held to.
    /// @param minGramsPerKwh lowest figure
    /// @param maxGramsPerKwh highest figure, below 65535
    /// @param maxAgeSeconds how long after its end an hour may still be published
    /// @param leadSeconds how long before its end it may be: 0 for measured averages, up to an hour for a table
    struct Bounds {
        uint16 minGramsPerKwh;
        uint16 maxGramsPerKwh;
        uint32 maxAgeSeconds;
        uint32 leadSeconds;
    }

    /// Hours `firstHour`, `firstHour + 1`, ... have these figures.
    event IntensityPublished(uint64 indexed firstHour, uint16[] gramsPerKwh);
    event BoundsChanged(Bounds bounds);

    /// 1 to MAX_HOURS hours in one publication.
    error CarbonIntensity_BadLength(uint256 hoursGiven, uint256 max);
    /// An hour's figure is final.
    error CarbonIntensity_AlreadyPublished(uint64 hour);
    error CarbonIntensity_OutOfBounds(uint64 hour, uint16 gramsPerKwh);
    /// The hour ends later than the lead allows.
    error CarbonIntensity_TooEarly(uint64 hour);
    error CarbonIntensity_TooOld(uint64 hour);
    /// `field` is the first that cannot be: max below 65535 and at least min, an age, a lead of an hour at most.
    error CarbonIntensity_BadBounds(string field);

    /// @notice Publishes hours that follow each other. Anyone may send it; the signatures count.
    /// @param signatures of EIP-712 CarbonIntensity(uint64 firstHour,uint16[] gramsPerKwh,uint64 epoch)
    function publish(uint64 firstHour, uint16[] calldata gramsPerKwh, bytes[] calldata signatures) external;

    /// @notice Role: admin. Hours that are published stay as they are.
    function setBounds(Bounds calldata newBounds) external;

    function bounds() external view returns (Bounds memory);
    /// @notice The figure of an hour, if it is known.
    function intensityOf(uint64 hour) external view returns (bool known, uint16 gramsPerKwh);
    /// @notice What a node signs in the present epoch.
    function publicationDigest(uint64 firstHour, uint16[] calldata gramsPerKwh) external view returns (bytes32);
    function MAX_HOURS() external view returns (uint256);
}
