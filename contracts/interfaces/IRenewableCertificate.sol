// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC721} from "@openzeppelin/contracts/token/ERC721/IERC721.sol";
import {EntityKind, Leaf, MeterId} from "../Types.sol";

/// @title Granular renewable energy certificates (ERC-721)
/// @notice One certificate stands for the Wh that one meter generated in one period of at most an hour. The way of one:
///   1. request   by who held the meter in the period, with proofs of its registers at both ends (MeterLedger)
///   2. approve   or refuse with a reason, by the certifier
///   3. issue     the producer's token comes into being; anyone may call
///   4. split, transfer (ERC-721), retire in part or whole for a beneficiary and a purpose
///   5. withdraw  for cause, by the certifier: everything of that request that is not retired becomes void
/// What one request covers is a lot. Splitting ends a certificate and begins others of the same lot with the same sum.
/// Per meter no slot belongs to two lots that were not refused, and all lots together never exceed what its registers
/// show: neither overlapping nor shifted nor split periods can be certified twice.
/// Retiring says: this energy's attribute is used up by the beneficiary. Retired and withdrawn certificates neither
/// move nor retire again; they and the ended ones stay readable.
/// CO2 credits (GridToken, grams) go to the beneficiary, once, when the grid's intensity of the period is known: at the
/// retirement or later by `credit`. A period that touches two hours counts the lower figure. Rounded down.
/// @dev Energy in Wh, CO2 in grams, time in Unix seconds. A period (fromSlot, toSlot] begins at the end of `fromSlot`.
///      Generation is the register "generated" of a prosumer and "exported" of a DER; other kinds generate nothing.
///      Trusted: the ledger for what was metered; role CERTIFIER for what a source is, and for evidence behind
///      `evidenceHash`; the intensity feed within its bounds. Nothing is pushed to anybody but the caller, the producer
///      (`issue`) and the beneficiary (CO2 credits): whose contract refuses only stops its own certificate.
///      Gas: see forge-test/snapshots/certificates.json.
interface IRenewableCertificate is IERC721 {
    enum Source {
        None,
        Solar,
        Wind,
        Hydro,
        Biomass,
        Other
    }

    enum Technology {
        Unspecified,
        RooftopPhotovoltaic,
        GroundPhotovoltaic,
        WindTurbine,
        RunOfRiver,
        Biogas,
        SolidBiomass
    }

    enum LotState {
        None,
        Requested,
        Approved,
        Refused,
        Issued,
        Withdrawn
    }

    /// Active certificates of a withdrawn lot are void: see `verify`.
    enum CertificateState {
        None,
        Active,
        Split,
        Retired
    }

    /// What a request proves.
    /// @param fromSlot committed slot at whose end the period begins
    /// @param toSlot committed slot at whose end it ends
    /// @param termsIndex terms of the meter in the period: 0 the community's since registration, else one more than
    /// the index in IMeterRegistry.termsAt
    /// @param fromProof, fromPath as in IMeterLedger.requireLeaf
    struct Claim {
        uint64 fromSlot;
        uint64 toSlot;
        uint256 termsIndex;
        Leaf fromLeaf;
        bytes32[3][] fromProof;
        uint256 fromPath;
        Leaf toLeaf;
        bytes32[3][] toProof;
        uint256 toPath;
    }

    /// What the producer states and the certifier checks.
    /// @param storageBehindMeter a battery is behind the same meter
    /// @param evidenceHash of the documents that the certifier was shown; not zero
    struct Declaration {
        Source source;
        Technology technology;
        bool storageBehindMeter;
        bytes32 evidenceHash;
    }

    /// A request and what all its certificates have in common.
    /// @param zone feeder node of the meter at the request
    /// @param issuer certifier who decided last; zero while nobody has
    struct Lot {
        // slot 0
        MeterId meter;
        uint48 fromSlot;
        uint48 toSlot;
        uint48 wh;
        Source source;
        Technology technology;
        uint16 zone;
        bool storageBehindMeter;
        LotState state;
        // slot 1
        address producer;
        uint40 requestedAt;
        // slot 2
        address issuer;
        uint40 decidedAt;
        // slot 3
        bytes32 evidenceHash;
    }

    /// @param parent certificate that was split into this one; 0 for the first of a lot
    /// @param changedAt when it came into this state
    /// @param transfers how often it has changed hands, so that a promise of one owner can be told from the next one's
    struct Certificate {
        uint64 lot;
        uint64 parent;
        uint48 wh;
        uint40 changedAt;
        CertificateState state;
        uint32 transfers;
    }

    /// @param grams CO2 credits, once `credited`
    struct Retirement {
        address beneficiary;
        uint48 grams;
        uint40 retiredAt;
        bool credited;
    }

    /// What of a meter is certified.
    /// @param certifiedWh of all lots that were not refused
    /// @param highestWh largest generation that a request has shown
    struct Tally {
        uint64 certifiedWh;
        uint64 highestWh;
    }

    event CertificateRequested(uint256 indexed lotId, MeterId indexed meter, address indexed producer, Lot lot);
    event RequestApproved(uint256 indexed lotId, address indexed certifier);
    event RequestRefused(uint256 indexed lotId, address indexed certifier, string reason);
    event CertificateIssued(uint256 indexed id, uint256 indexed lotId, address indexed producer, uint256 wh);
    event CertificateSplit(uint256 indexed id, uint256 firstChild, uint256[] wh);
    event CertificateRetired(
        uint256 indexed id, address indexed owner, address indexed beneficiary, uint256 wh, string purpose
    );
    event CreditsMinted(uint256 indexed id, address indexed beneficiary, uint256 grams);
    event LotWithdrawn(uint256 indexed lotId, address indexed certifier, string reason);

    /// The period must end after it begins.
    error RenewableCertificate_EmptyPeriod(uint64 fromSlot, uint64 toSlot);
    error RenewableCertificate_PeriodTooLong(uint256 periodSeconds, uint256 maxSeconds);
    /// The two leaves are of different meters.
    error RenewableCertificate_TwoMeters(MeterId from, MeterId to);
    /// Consumers, batteries, vehicles and the grid connection do not generate.
    error RenewableCertificate_NotAGenerator(MeterId meter, EntityKind kind);
    /// Under the terms given, somebody else held the meter in the period, or for part of it.
    error RenewableCertificate_NotProducer(MeterId meter, address caller);
    /// A change of the meter's terms waits for its settlement: only what lies up to `changeSlot` can be claimed yet.
    error RenewableCertificate_TermsPending(MeterId meter, uint64 changeSlot);
    error RenewableCertificate_NothingGenerated(MeterId meter);
    /// A slot of the period belongs to another lot.
    error RenewableCertificate_AlreadyCertified(MeterId meter, uint64 slot);
    /// All lots of the meter together would exceed what its register shows.
    error RenewableCertificate_MoreThanMetered(MeterId meter, uint256 certifiedWh, uint256 meteredWh);
    error RenewableCertificate_NoSource();
    error RenewableCertificate_NoEvidence();
    /// The request is decided already (or was never made).
    error RenewableCertificate_NotRequested(uint256 lotId, LotState state);
    error RenewableCertificate_NotApproved(uint256 lotId, LotState state);
    /// Only approved and issued lots can be withdrawn.
    error RenewableCertificate_NotWithdrawable(uint256 lotId, LotState state);
    error RenewableCertificate_BatchTooLong(uint256 length, uint256 max);
    /// 1 to MAX_TEXT bytes.
    error RenewableCertificate_BadText(string field, uint256 length, uint256 max);
    error RenewableCertificate_UnknownLot(uint256 lotId);
    error RenewableCertificate_Unknown(uint256 id);
    /// The certificate was split, retired or withdrawn.
    error RenewableCertificate_NotActive(uint256 id, CertificateState state, LotState lotState);
    error RenewableCertificate_BadParts(uint256 parts, uint256 max);
    /// A part of 0 Wh is none.
    error RenewableCertificate_EmptyPart(uint256 index);
    error RenewableCertificate_SumDiffers(uint256 sumWh, uint256 certificateWh);
    error RenewableCertificate_BadAmount(uint256 wh, uint256 certificateWh);
    error RenewableCertificate_ZeroBeneficiary();
    error RenewableCertificate_NotRetired(uint256 id);
    error RenewableCertificate_AlreadyCredited(uint256 id);
    /// The grid's intensity of this hour (Unix seconds / 3600) is not published yet.
    error RenewableCertificate_IntensityUnknown(uint64 hour);

    /// @notice Asks for a certificate of what the caller's meter generated. The caller held it under `termsIndex`.
    function request(Claim calldata claim, Declaration calldata declaration) external returns (uint256 lotId);

    /// @notice The same for a meter while the community held it; the certificate goes to the caller. Role: OPERATOR.
    function requestForCommunity(Claim calldata claim, Declaration calldata declaration)
        external
        returns (uint256 lotId);

    /// @notice Role: CERTIFIER. At most MAX_BATCH.
    function approveRequests(uint256[] calldata lotIds) external;

    /// @notice Frees the period for a better request. Role: CERTIFIER.
    function refuseRequest(uint256 lotId, string calldata reason) external;

    /// @notice Voids all certificates of a lot that are not retired. Its slots stay taken. Role: CERTIFIER.
    function withdrawLot(uint256 lotId, string calldata reason) external;

    /// @notice Mints approved certificates to their producers. Permissionless. At most MAX_BATCH.
    function issue(uint256[] calldata lotIds) external;

    /// @notice Ends a certificate and begins 2 to MAX_PARTS others of its owner. By the owner or who is approved.
    /// @param wh of each part, summing up to the certificate's
    /// @return firstChild id of the first part; the others follow
    function split(uint256 id, uint256[] calldata wh) external returns (uint256 firstChild);

    /// @notice Uses up `wh` of a certificate; what is left becomes a certificate of its own. By the owner or who is
    /// approved. Mints the CO2 credits if the intensity is known.
    /// @return retiredId the certificate itself if it is retired whole, else a new one
    function retire(uint256 id, uint256 wh, address beneficiary, string calldata purpose)
        external
        returns (uint256 retiredId);

    /// @notice Mints the CO2 credits of a retirement whose hour was not known then. Permissionless.
    function credit(uint256 id) external returns (uint256 grams);

    /// @notice Whether a certificate stands: issued, neither split nor retired nor withdrawn; and what it is.
    function verify(uint256 id)
        external
        view
        returns (bool valid, Certificate memory certificate, Lot memory lot, address owner);

    function certificateOf(uint256 id) external view returns (Certificate memory);
    function lotOf(uint256 lotId) external view returns (Lot memory);
    /// @notice Why a lot was refused or withdrawn; empty otherwise.
    function reasonOf(uint256 lotId) external view returns (string memory);
    function retirementOf(uint256 id) external view returns (Retirement memory retirement, string memory purpose);
    function tallyOf(MeterId meter) external view returns (Tally memory);
    /// @notice Whether a slot of a meter belongs to a lot that was not refused.
    function isCertified(MeterId meter, uint64 slot) external view returns (bool);
    /// @notice Unix seconds of a lot's period.
    function periodOf(uint256 lotId) external view returns (uint256 start, uint256 end);
    /// @notice CO2 of `wh` in a lot's period; not known before all its hours are published.
    function gramsDown(uint256 lotId, uint256 wh) external view returns (bool known, uint256 grams);
    function lotCount() external view returns (uint256);
    function certificateCount() external view returns (uint256);
}
