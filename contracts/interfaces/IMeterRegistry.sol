// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MeterId, EntityKind, BillingMode, Registers, Standing} from "../Types.sol";

/// @title Metering points and who answers for them
/// @notice The operator registers a metering point and hands the household a one-time code. The code is a
/// private key; its address is stored here; the household's wallet claims the meter with the code's
/// EIP-712 signature over (meter, wallet, subscription), so a copied transaction is worth nothing.
/// Names and addresses of people never come here; the chain knows subscription numbers.
///
/// Terms are who holds a meter and how it pays. They change at a register value, not in the middle of a slot:
/// after `claim`, `setBillingMode` or `requestRelease` the old terms go on (`changing` is true) up to the first
/// settlement of a slot not before `changeSlot`, the slot that ran at the request. All energy up to the registers
/// of that settlement belongs to the old terms, all after it to the new. Settling is permissionless, so nobody
/// can hold a change back. Every start of terms stays readable (`termsAt`), which is what bills count from.
interface IMeterRegistry {
    /// @param holder wallet that claimed the meter; zero = the community
    /// @param mode as chosen; applies once `changing` is false
    /// @param leaving the holder has asked to be released
    /// @param changing the terms below apply only after a settlement of `changeSlot` or later
    /// @param maxPowerW largest physical power, W, the bound of what a reading may step
    /// @param subscription number of the current or, if unclaimed, the next holding, from 1
    /// @param changeSlot slot that ran when the last change was requested
    struct Meter {
        address holder;
        EntityKind kind;
        BillingMode mode;
        bool leaving;
        bool changing;
        uint16 feederNode;
        uint32 maxPowerW;
        address claimKey;
        uint32 subscription;
        uint64 changeSlot;
        bytes32 deviceKeyHash;
    }

    /// Terms that began with a settlement; they end where the next ones of the meter begin.
    /// @param mode Community if nobody holds the meter
    /// @param afterSlot slot whose settlement ended the old terms: these apply after its end
    /// @param startRegisters registers from which they count
    struct Terms {
        address holder;
        BillingMode mode;
        uint32 subscription;
        uint48 afterSlot;
        Registers startRegisters;
    }

    event MeterRegistered(MeterId indexed meter, EntityKind kind, uint16 feederNode, uint32 maxPowerW);
    event DeviceKeyRotated(MeterId indexed meter, bytes32 oldKeyHash, bytes32 newKeyHash);
    event ClaimCodeIssued(MeterId indexed meter, address claimKey);
    event MeterClaimed(MeterId indexed meter, uint32 indexed subscription, address indexed holder, BillingMode mode);
    event BillingModeChanged(MeterId indexed meter, BillingMode oldMode, BillingMode newMode);
    event ReleaseRequested(MeterId indexed meter, uint32 indexed subscription, uint64 changeSlot);
    event MeterReleased(
        MeterId indexed meter, uint32 indexed subscription, address indexed holder, Registers atRegisters
    );
    event TermsStarted(
        MeterId indexed meter,
        uint32 indexed subscription,
        address indexed holder,
        BillingMode mode,
        uint64 afterSlot,
        Registers startRegisters
    );
    /// A device was replaced or reset: from now on booked = device register + (before - after), lane by lane.
    event RegistersRebased(MeterId indexed meter, Registers before, Registers afterReset, string reason);

    error MeterRegistry_ZeroId();
    error MeterRegistry_AlreadyRegistered(MeterId meter);
    error MeterRegistry_Unknown(MeterId meter);
    error MeterRegistry_BadKind(EntityKind kind);
    error MeterRegistry_ZeroMaxPower();
    /// The bits above the six registers must be zero.
    error MeterRegistry_BadRegisters(Registers registers);
    error MeterRegistry_BadSlotSeconds();
    /// Somebody holds the meter already.
    error MeterRegistry_AlreadyClaimed(MeterId meter, address holder);
    /// The one-time code is wrong, used, or bound to another wallet.
    error MeterRegistry_BadClaimCode(MeterId meter);
    error MeterRegistry_NotHolder(MeterId meter, address caller);
    /// Households choose Prepaid, Billed or Market; OnRequest and Community are set by the operator.
    error MeterRegistry_ModeNotAllowed(BillingMode mode);
    /// An earlier change waits for a settlement of `changeSlot` or later.
    error MeterRegistry_ChangePending(MeterId meter, uint64 changeSlot);
    error MeterRegistry_NoSuchTerms(MeterId meter, uint256 index);
    error MeterRegistry_AlreadyLeaving(MeterId meter);
    error MeterRegistry_TooManyMeters(uint256 max);

    /// @notice Role: OPERATOR.
    function register(MeterId meter, EntityKind kind, uint16 feederNode, uint32 maxPowerW, bytes32 deviceKeyHash)
        external;
    /// @notice Role: OPERATOR. Keys keep their history in the log.
    function rotateDeviceKey(MeterId meter, bytes32 newKeyHash) external;
    /// @notice Sets the address of a fresh one-time code for a consumer, prosumer or EV that nobody holds; zero
    /// withdraws the code. Role: OPERATOR.
    function issueClaimCode(MeterId meter, address claimKey) external;
    /// @notice Community or OnRequest for a consumer, prosumer or EV nobody holds. Role: OPERATOR.
    function setCommunityMode(MeterId meter, BillingMode mode) external;
    /// @notice The caller becomes the meter's holder; the terms begin with the next settlement.
    /// @param mode Prepaid, Billed or Market
    /// @param codeSignature by the code: EIP-712 Claim(uint32 meter,address wallet,uint32 subscription) in the
    /// domain "Ohmstead MeterRegistry", version "1" (see eip712Domain)
    function claim(MeterId meter, BillingMode mode, bytes calldata codeSignature) external;
    /// @notice The holder switches between Prepaid, Billed and Market, from the next settlement. Refused while a change
    /// is pending, so that nobody can put one off by asking for another.
    function setBillingMode(MeterId meter, BillingMode mode) external;
    /// @notice The holder moves out and answers up to the first settlement of the slot now running or a later one.
    /// A change that is still pending is dropped.
    function requestRelease(MeterId meter) external;
    /// @notice Tells that a meter with a pending change was settled: if `slot` is not before its `changeSlot`, the new
    /// terms begin at `registers`. Role: LEDGER.
    /// @return released true if that ended a holding
    function startTerms(MeterId meter, uint64 slot, Registers registers) external returns (bool released);
    /// @notice Records a device's replacement or reset. Role: OPERATOR. Booked registers never go back.
    function recordRebase(MeterId meter, Registers before, Registers afterReset, string calldata reason) external;

    function get(MeterId meter) external view returns (Meter memory);
    /// @notice What settlement needs, one storage read.
    /// @dev trackSlot: true if the ledger must keep the slot of the last settlement (leaving, or OnRequest)
    function settlementOf(MeterId meter)
        external
        view
        returns (address holder, EntityKind kind, BillingMode mode, bool changing, bool trackSlot);
    /// @notice The same for many meters, packed: see StandingLib. 0 = unknown meter.
    function standingsOf(MeterId[] calldata ids) external view returns (Standing[] memory);
    /// @notice Counts of metering points by kind (FindEntities). Index = EntityKind.
    function findEntities() external view returns (uint32[7] memory counts);
    function meterCount() external view returns (uint256);
    /// @notice At most `limit` meter ids from `offset` on, in order of registration.
    function meters(uint256 offset, uint256 limit) external view returns (MeterId[] memory);
    function metersOf(address holder) external view returns (MeterId[] memory);
    /// @notice How often terms began; 0 = the community's since registration, from register 0.
    function termsCount(MeterId meter) external view returns (uint256);
    function termsAt(MeterId meter, uint256 index) external view returns (Terms memory);
    /// @notice Block time of the meter's newest `recordRebase`; 0 = never.
    function rebasedAt(MeterId meter) external view returns (uint64);
    function slotSeconds() external view returns (uint32);
    /// @notice The slot now running.
    function currentSlot() external view returns (uint64);
    /// @notice EIP-712 digest that a claim code signs for `wallet`.
    function claimDigest(MeterId meter, address wallet) external view returns (bytes32);
}
