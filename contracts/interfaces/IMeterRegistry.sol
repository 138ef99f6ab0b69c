// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MeterId, EntityKind, BillingMode, Registers} from "../Types.sol";

/// @title Metering points and who answers for them
/// @notice The operator registers a metering point and hands the household a one-time code. The code is a
/// private key; its address is stored here; the household's wallet claims the meter with the code's
/// EIP-712 signature over (meter, wallet, subscription), so a copied transaction is worth nothing.
/// Names and addresses of people never come here; the chain knows subscription numbers.
interface IMeterRegistry {
    /// @param holder wallet that answers for the meter; zero = the community
    /// @param maxPowerW largest physical power, W, the bound of what a reading may step
    /// @param subscription number of the current or, if unclaimed, the next holding
    /// @param releaseSlot if leaving, the slot from which the holder no longer answers
    struct Meter {
        address holder;
        EntityKind kind;
        BillingMode mode;
        bool leaving;
        bool hasSecureElement;
        uint16 feederNode;
        uint32 maxPowerW;
        address claimKey;
        uint32 subscription;
        uint64 releaseSlot;
        bytes32 deviceKeyHash;
    }

    event MeterRegistered(MeterId indexed meter, EntityKind kind, uint16 feederNode, uint32 maxPowerW);
    event DeviceKeyRotated(MeterId indexed meter, bytes32 oldKeyHash, bytes32 newKeyHash);
    event ClaimCodeIssued(MeterId indexed meter, address claimKey);
    event MeterClaimed(MeterId indexed meter, uint32 indexed subscription, address indexed holder, BillingMode mode);
    event BillingModeChanged(MeterId indexed meter, BillingMode oldMode, BillingMode newMode);
    event ReleaseRequested(MeterId indexed meter, uint32 indexed subscription, uint64 releaseSlot);
    event MeterReleased(MeterId indexed meter, uint32 indexed subscription, address indexed holder, Registers atRegisters);
    /// A device was replaced or reset: from now on booked = device register + (before - after), lane by lane.
    event RegistersRebased(MeterId indexed meter, Registers before, Registers afterReset, string reason);

    error MeterRegistry_ZeroId();
    error MeterRegistry_AlreadyRegistered(MeterId meter);
    error MeterRegistry_Unknown(MeterId meter);
    error MeterRegistry_BadKind(EntityKind kind);
    /// Somebody holds the meter already.
    error MeterRegistry_AlreadyClaimed(MeterId meter, address holder);
    /// The one-time code is wrong, used, or bound to another wallet.
    error MeterRegistry_BadClaimCode(MeterId meter);
    error MeterRegistry_NotHolder(MeterId meter, address caller);
    /// Households choose Prepaid or Billed; OnRequest and Community are set by the operator.
    error MeterRegistry_ModeNotAllowed(BillingMode mode);
    error MeterRegistry_NotLeaving(MeterId meter);
    error MeterRegistry_AlreadyLeaving(MeterId meter);
    error MeterRegistry_TooManyMeters(uint256 max);

    /// @notice Role: OPERATOR.
    function register(MeterId meter, EntityKind kind, uint16 feederNode, uint32 maxPowerW, bytes32 deviceKeyHash) external;
    /// @notice Role: OPERATOR. Keys keep their history in the log.
    function rotateDeviceKey(MeterId meter, bytes32 newKeyHash) external;
    /// @notice Sets the address of a fresh one-time code for an unheld meter. Role: OPERATOR.
    function issueClaimCode(MeterId meter, address claimKey) external;
    /// @notice Community or OnRequest for meters nobody holds. Role: OPERATOR.
    function setCommunityMode(MeterId meter, BillingMode mode) external;
    /// @notice The caller becomes the meter's holder. @param codeSignature EIP-712 Claim(meter, wallet, subscription) by the code
    function claim(MeterId meter, BillingMode mode, bytes calldata codeSignature) external;
    /// @notice The holder switches between Prepaid and Billed.
    function setBillingMode(MeterId meter, BillingMode mode) external;
    /// @notice The holder moves out: answers for slots before the one now running, settled by the ledger.
    function requestRelease(MeterId meter) external;
    /// @notice Ends a requested holding at a register value. Role: LEDGER.
    function finishRelease(MeterId meter, Registers atRegisters) external;
    /// @notice Records a device's replacement or reset. Role: OPERATOR. Booked registers never go back.
    function recordRebase(MeterId meter, Registers before, Registers afterReset, string calldata reason) external;

    function get(MeterId meter) external view returns (Meter memory);
    /// @notice What settlement needs, one storage read.
    /// @dev trackSlot: true if the ledger must keep the slot of the last settlement (leaving, or OnRequest)
    function settlementOf(MeterId meter)
        external
        view
        returns (address holder, EntityKind kind, BillingMode mode, bool leaving, bool trackSlot);
    /// @notice Counts of metering points by kind (FindEntities). Index = EntityKind.
    function findEntities() external view returns (uint32[7] memory counts);
    function meterCount() external view returns (uint256);
    /// @notice A page of meter ids in order of registration.
    function meters(uint256 offset, uint256 limit) external view returns (MeterId[] memory);
    function metersOf(address holder) external view returns (MeterId[] memory);
    /// @notice EIP-712 digest that a claim code signs for `wallet`.
    function claimDigest(MeterId meter, address wallet) external view returns (bytes32);
}
