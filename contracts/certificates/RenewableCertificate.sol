// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC721} from "@openzeppelin/contracts/token/ERC721/ERC721.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EntityKind, MeterId, Registers} from "../Types.sol";
import {ICarbonIntensity} from "../interfaces/ICarbonIntensity.sol";
import {ICertificateFace} from "../interfaces/ICertificateFace.sol";
import {IGridToken} from "../interfaces/IGridToken.sol";
import {IMeterLedger} from "../interfaces/IMeterLedger.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {IRenewableCertificate} from "../interfaces/IRenewableCertificate.sol";
import {RegisterLib} from "../metering/RegisterLib.sol";
import {PeriodLib} from "./PeriodLib.sol";

/// @title RenewableCertificate
/// @notice See IRenewableCertificate. A withdrawal is written once, at the lot: what state a certificate is in follows
/// from its own and its lot's.
contract RenewableCertificate is IRenewableCertificate, ERC721, AccessManaged, ReentrancyGuardTransient {
    using PeriodLib for mapping(uint256 word => uint256);
    using RegisterLib for Registers;
    using SafeCast for uint256;

    // ------------------------------------------------------------------ constants

    /// @notice Most lots in one call.
    uint256 public constant MAX_BATCH = 64;
    /// @notice Most parts of one split.
    uint256 public constant MAX_PARTS = 32;
    /// @notice Most bytes of a reason or a purpose.
    uint256 public constant MAX_TEXT = 200;
    /// @notice Longest period, seconds.
    uint256 public constant MAX_PERIOD = 1 hours;

    // ------------------------------------------------------------------ immutables

    IMeterLedger public immutable LEDGER;
    IMeterRegistry public immutable REGISTRY;
    IGridToken public immutable TOKEN;
    ICarbonIntensity public immutable INTENSITY;
    ICertificateFace public immutable FACE;
    uint256 private immutable SLOT_SECONDS;

    // ------------------------------------------------------------------ storage

    // slot: both counters; ids begin with 1
    uint64 private _lotCount;
    uint64 private _certificateCount;

    mapping(uint256 lotId => Lot) private _lots;
    mapping(uint256 lotId => string) private _reasons;
    mapping(uint256 id => Certificate) private _certificates;
    mapping(uint256 id => Retirement) private _retirements;
    mapping(uint256 id => string) private _purposes;
    mapping(MeterId meter => Tally) private _tallies;
    mapping(MeterId meter => mapping(uint256 word => uint256)) private _taken;

    // ------------------------------------------------------------------ constructor

    constructor(
        address manager,
        IMeterLedger ledger,
        IMeterRegistry registry,
        IGridToken token,
        ICarbonIntensity intensity,
        ICertificateFace face
    ) AccessManaged(manager) ERC721("Ohmstead Renewable Certificate", "OREC") {
        LEDGER = ledger;
        REGISTRY = registry;
        TOKEN = token;
        INTENSITY = intensity;
        FACE = face;
        SLOT_SECONDS = registry.slotSeconds();
    }

    // ------------------------------------------------------------------ producers

    /// @inheritdoc IRenewableCertificate
    function request(Claim calldata claim, Declaration calldata declaration) external returns (uint256 lotId) {
        return _request(claim, declaration, msg.sender);
    }

    /// @inheritdoc IRenewableCertificate
    function requestForCommunity(Claim calldata claim, Declaration calldata declaration)
        external
        restricted
        returns (uint256 lotId)
    {
        return _request(claim, declaration, address(0));
    }

    // ------------------------------------------------------------------ certifier

    /// @inheritdoc IRenewableCertificate
    function approveRequests(uint256[] calldata lotIds) external restricted {
        _requireBatch(lotIds.length);
        for (uint256 i = 0; i < lotIds.length; ++i) {
            _decide(lotIds[i], LotState.Approved);
            emit RequestApproved(lotIds[i], msg.sender);
        }
    }

    /// @inheritdoc IRenewableCertificate
    function refuseRequest(uint256 lotId, string calldata reason) external restricted {
        _requireText("reason", reason);
        Lot storage lot = _decide(lotId, LotState.Refused);
        _taken[lot.meter].free(lot.fromSlot, lot.toSlot);
        _tallies[lot.meter].certifiedWh -= lot.wh;
        _reasons[lotId] = reason;
        emit RequestRefused(lotId, msg.sender, reason);
    }

    /// @inheritdoc IRenewableCertificate
    function withdrawLot(uint256 lotId, string calldata reason) external restricted {
        _requireText("reason", reason);
        Lot storage lot = _lots[lotId];
        LotState state = lot.state;
        if (state != LotState.Approved && state != LotState.Issued) {
            revert RenewableCertificate_NotWithdrawable(lotId, state);
        }
        (lot.state, lot.issuer, lot.decidedAt) = (LotState.Withdrawn, msg.sender, uint40(block.timestamp));
        _reasons[lotId] = reason;
        emit LotWithdrawn(lotId, msg.sender, reason);
    }

    // ------------------------------------------------------------------ everyone

    /// @inheritdoc IRenewableCertificate
    function issue(uint256[] calldata lotIds) external nonReentrant {
        _requireBatch(lotIds.length);
        for (uint256 i = 0; i < lotIds.length; ++i) {
            Lot storage lot = _lots[lotIds[i]];
            if (lot.state != LotState.Approved) revert RenewableCertificate_NotApproved(lotIds[i], lot.state);
            lot.state = LotState.Issued;
            uint256 id = _create(uint64(lotIds[i]), 0, lot.wh); // lots are counted in 64 bits
            emit CertificateIssued(id, lotIds[i], lot.producer, lot.wh);
            _safeMint(lot.producer, id);
        }
    }

    /// @inheritdoc IRenewableCertificate
    function credit(uint256 id) external nonReentrant returns (uint256 grams) {
        Certificate storage certificate = _certificates[id];
        if (certificate.state != CertificateState.Retired) revert RenewableCertificate_NotRetired(id);
        if (_retirements[id].credited) revert RenewableCertificate_AlreadyCredited(id);
        LotState lotState = _lots[certificate.lot].state;
        if (lotState != LotState.Issued) {
            revert RenewableCertificate_NotActive(id, certificate.state, lotState);
        }
        bool known;
        (known, grams) = gramsDown(certificate.lot, certificate.wh);
        if (!known) revert RenewableCertificate_IntensityUnknown(_firstUnknownHour(certificate.lot));
        _credit(id, grams);
    }

    // ------------------------------------------------------------------ owners

    /// @inheritdoc IRenewableCertificate
    function split(uint256 id, uint256[] calldata wh) external nonReentrant returns (uint256 firstChild) {
        address owner = _requireActiveOf(id, msg.sender);
        uint256 parts = wh.length;
        if (parts < 2 || parts > MAX_PARTS) revert RenewableCertificate_BadParts(parts, MAX_PARTS);
        uint256 sum = 0;
        for (uint256 i = 0; i < parts; ++i) {
            if (wh[i] == 0) revert RenewableCertificate_EmptyPart(i);
            sum += wh[i];
        }
        if (sum != _certificates[id].wh) revert RenewableCertificate_SumDiffers(sum, _certificates[id].wh);
        return _split(id, owner, wh);
    }

    /// @inheritdoc IRenewableCertificate
    function retire(uint256 id, uint256 wh, address beneficiary, string calldata purpose)
        external
        nonReentrant
        returns (uint256 retiredId)
    {
        address owner = _requireActiveOf(id, msg.sender);
        _requireText("purpose", purpose);
        if (beneficiary == address(0)) revert RenewableCertificate_ZeroBeneficiary();
        uint256 whole = _certificates[id].wh;
        if (wh == 0 || wh > whole) revert RenewableCertificate_BadAmount(wh, whole);
        retiredId = id;
        if (wh < whole) {
            uint256[] memory parts = new uint256[](2);
            (parts[0], parts[1]) = (wh, whole - wh);
            retiredId = _split(id, owner, parts);
        }

        Certificate storage certificate = _certificates[retiredId];
        (certificate.state, certificate.changedAt) = (CertificateState.Retired, uint40(block.timestamp));
        _retirements[retiredId] = Retirement(beneficiary, 0, uint40(block.timestamp), false);
        _purposes[retiredId] = purpose;
        emit CertificateRetired(retiredId, owner, beneficiary, wh, purpose);
        (bool known, uint256 grams) = gramsDown(certificate.lot, wh);
        if (known) _credit(retiredId, grams);
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IRenewableCertificate
    function verify(uint256 id)
        external
        view
        returns (bool valid, Certificate memory certificate, Lot memory lot, address owner)
    {
        certificate = certificateOf(id);
        lot = _lots[certificate.lot];
        owner = _ownerOf(id);
        valid = certificate.state == CertificateState.Active && lot.state == LotState.Issued;
    }

    /// @inheritdoc IRenewableCertificate
    function certificateOf(uint256 id) public view returns (Certificate memory certificate) {
        certificate = _certificates[id];
        if (certificate.state == CertificateState.None) revert RenewableCertificate_Unknown(id);
    }

    /// @inheritdoc IRenewableCertificate
    function lotOf(uint256 lotId) public view returns (Lot memory lot) {
        lot = _lots[lotId];
        if (lot.state == LotState.None) revert RenewableCertificate_UnknownLot(lotId);
    }

    /// @inheritdoc IRenewableCertificate
    function reasonOf(uint256 lotId) external view returns (string memory) {
        return _reasons[lotId];
    }

    /// @inheritdoc IRenewableCertificate
    function retirementOf(uint256 id) external view returns (Retirement memory retirement, string memory purpose) {
        if (_certificates[id].state != CertificateState.Retired) revert RenewableCertificate_NotRetired(id);
        return (_retirements[id], _purposes[id]);
    }

    /// @inheritdoc IRenewableCertificate
    function tallyOf(MeterId meter) external view returns (Tally memory) {
        return _tallies[meter];
    }

    /// @inheritdoc IRenewableCertificate
    function isCertified(MeterId meter, uint64 slot) external view returns (bool) {
        return _taken[meter].isTaken(slot);
    }

    /// @inheritdoc IRenewableCertificate
    function periodOf(uint256 lotId) public view returns (uint256 start, uint256 end) {
        Lot memory lot = lotOf(lotId);
        return ((uint256(lot.fromSlot) + 1) * SLOT_SECONDS, (uint256(lot.toSlot) + 1) * SLOT_SECONDS);
    }

    /// @inheritdoc IRenewableCertificate
    function gramsDown(uint256 lotId, uint256 wh) public view returns (bool known, uint256 grams) {
        (uint64 first, uint64 last) = _hoursOf(lotId);
        uint256 lowest;
        (known, lowest) = INTENSITY.intensityOf(first);
        if (last != first && known) {
            uint256 other;
            (known, other) = INTENSITY.intensityOf(last);
            lowest = Math.min(lowest, other);
        }
        grams = known ? wh * lowest / 1000 : 0;
    }

    /// @inheritdoc IRenewableCertificate
    function lotCount() external view returns (uint256) {
        return _lotCount;
    }

    /// @inheritdoc IRenewableCertificate
    function certificateCount() external view returns (uint256) {
        return _certificateCount;
    }

    /// @notice JSON with a picture, on chain: source, period, Wh and state.
    function tokenURI(uint256 id) public view override returns (string memory) {
        _requireOwned(id);
        Certificate memory certificate = _certificates[id];
        (uint256 start, uint256 end) = periodOf(certificate.lot);
        return FACE.tokenUri(id, certificate, _lots[certificate.lot], start, end);
    }

    // ------------------------------------------------------------------ internal: requests

    /// @param holder who must have held the meter; zero for the community
    function _request(Claim calldata claim, Declaration calldata declaration, address holder)
        private
        returns (uint256 lotId)
    {
        if (declaration.source == Source.None) revert RenewableCertificate_NoSource();
        if (declaration.evidenceHash == bytes32(0)) revert RenewableCertificate_NoEvidence();
        MeterId meter = claim.toLeaf.meter;
        if (MeterId.unwrap(claim.fromLeaf.meter) != MeterId.unwrap(meter)) {
            revert RenewableCertificate_TwoMeters(claim.fromLeaf.meter, meter);
        }
        _requirePeriod(claim.fromSlot, claim.toSlot);
        IMeterRegistry.Meter memory details = REGISTRY.get(meter);
        _requireTerms(claim, details, holder);
        uint256 wh = _generatedWh(claim, details.kind);
        _take(claim, wh, details.kind);

        Lot memory lot;
        (lot.meter, lot.fromSlot, lot.toSlot) = (meter, uint48(claim.fromSlot), uint48(claim.toSlot));
        lot.wh = uint48(wh); // a register has 40 bits
        (lot.source, lot.technology) = (declaration.source, declaration.technology);
        (lot.zone, lot.storageBehindMeter) = (details.feederNode, declaration.storageBehindMeter);
        (lot.state, lot.producer, lot.requestedAt) = (LotState.Requested, msg.sender, uint40(block.timestamp));
        lot.evidenceHash = declaration.evidenceHash;
        lotId = ++_lotCount;
        _lots[lotId] = lot;
        emit CertificateRequested(lotId, meter, msg.sender, lot);
    }

    function _requirePeriod(uint64 fromSlot, uint64 toSlot) private view {
        if (toSlot <= fromSlot) revert RenewableCertificate_EmptyPeriod(fromSlot, toSlot);
        uint256 length = uint256(toSlot - fromSlot) * SLOT_SECONDS;
        if (length > MAX_PERIOD) revert RenewableCertificate_PeriodTooLong(length, MAX_PERIOD);
    }

    /// The terms given cover the whole period, whatever is settled later, and are `holder`'s.
    function _requireTerms(Claim calldata claim, IMeterRegistry.Meter memory details, address holder) private view {
        MeterId meter = claim.toLeaf.meter;
        uint256 index = claim.termsIndex;
        uint256 count = REGISTRY.termsCount(meter);
        bool theirs = index <= count;
        if (theirs && index == 0) {
            theirs = holder == address(0);
        } else if (theirs) {
            IMeterRegistry.Terms memory terms = REGISTRY.termsAt(meter, index - 1);
            theirs = terms.holder == holder && claim.fromSlot >= terms.afterSlot;
        }
        if (theirs && index < count) theirs = claim.toSlot <= REGISTRY.termsAt(meter, index).afterSlot;
        if (!theirs) revert RenewableCertificate_NotProducer(meter, msg.sender);
        // The next terms begin with a settlement of `changeSlot` or later, maybe of a slot that is long committed.
        if (index == count && details.changing && claim.toSlot > details.changeSlot) {
            revert RenewableCertificate_TermsPending(meter, details.changeSlot);
        }
    }

    function _generatedWh(Claim calldata claim, EntityKind kind) private view returns (uint256) {
        MeterId meter = claim.toLeaf.meter;
        if (kind != EntityKind.Prosumer && kind != EntityKind.Der) {
            revert RenewableCertificate_NotAGenerator(meter, kind);
        }
        LEDGER.requireLeaf(claim.fromSlot, claim.fromLeaf, claim.fromProof, claim.fromPath);
        LEDGER.requireLeaf(claim.toSlot, claim.toLeaf, claim.toProof, claim.toPath);
        uint256 before = _generation(claim.fromLeaf.registers, kind);
        uint256 afterwards = _generation(claim.toLeaf.registers, kind);
        if (afterwards <= before) revert RenewableCertificate_NothingGenerated(meter);
        return afterwards - before;
    }

    function _generation(Registers registers, EntityKind kind) private pure returns (uint256) {
        return kind == EntityKind.Prosumer ? registers.generatedWh() : registers.exportedWh();
    }

    /// No slot twice, and never more than the register shows, even if the oracle let a register go back.
    function _take(Claim calldata claim, uint256 wh, EntityKind kind) private {
        MeterId meter = claim.toLeaf.meter;
        uint256 taken = _taken[meter].take(claim.fromSlot, claim.toSlot);
        // A slot below 2^48: the ledger has committed it.
        if (taken != 0) revert RenewableCertificate_AlreadyCertified(meter, uint64(taken));
        Tally memory tally = _tallies[meter];
        uint256 metered = Math.max(tally.highestWh, _generation(claim.toLeaf.registers, kind));
        uint256 certified = tally.certifiedWh + wh;
        if (certified > metered) revert RenewableCertificate_MoreThanMetered(meter, certified, metered);
        // Both are at most a register.
        _tallies[meter] = Tally(uint64(certified), uint64(metered));
    }

    function _decide(uint256 lotId, LotState state) private returns (Lot storage lot) {
        lot = _lots[lotId];
        if (lot.state != LotState.Requested) revert RenewableCertificate_NotRequested(lotId, lot.state);
        (lot.state, lot.issuer, lot.decidedAt) = (state, msg.sender, uint40(block.timestamp));
    }

    function _requireBatch(uint256 length) private pure {
        if (length > MAX_BATCH) revert RenewableCertificate_BatchTooLong(length, MAX_BATCH);
    }

    function _requireText(string memory field, string calldata text) private pure {
        uint256 length = bytes(text).length;
        if (length == 0 || length > MAX_TEXT) revert RenewableCertificate_BadText(field, length, MAX_TEXT);
    }

    // ------------------------------------------------------------------ internal: certificates

    function _create(uint64 lot, uint64 parent, uint48 wh) private returns (uint256 id) {
        id = ++_certificateCount;
        _certificates[id] = Certificate(lot, parent, wh, uint40(block.timestamp), CertificateState.Active, 0);
    }

    /// The owner of an active certificate, if `caller` may dispose of it.
    function _requireActiveOf(uint256 id, address caller) private view returns (address owner) {
        _requireActive(id);
        owner = _requireOwned(id);
        _checkAuthorized(owner, caller, id);
    }

    function _requireActive(uint256 id) private view {
        Certificate memory certificate = certificateOf(id);
        LotState lotState = _lots[certificate.lot].state;
        if (certificate.state != CertificateState.Active || lotState != LotState.Issued) {
            revert RenewableCertificate_NotActive(id, certificate.state, lotState);
        }
    }

    /// Ends a certificate and begins its parts. The owner has one of the lot already: no callback.
    function _split(uint256 id, address owner, uint256[] memory wh) private returns (uint256 firstChild) {
        Certificate storage parent = _certificates[id];
        _burn(id);
        (parent.state, parent.changedAt) = (CertificateState.Split, uint40(block.timestamp));
        firstChild = uint256(_certificateCount) + 1;
        emit CertificateSplit(id, firstChild, wh);
        for (uint256 i = 0; i < wh.length; ++i) {
            // Ids are counted in 64 bits; a part is less than the whole.
            _mint(owner, _create(parent.lot, uint64(id), uint48(wh[i])));
        }
    }

    /// Only active certificates change hands; a burn is a split.
    function _update(address to, uint256 id, address auth) internal override returns (address from) {
        if (to != address(0) && _ownerOf(id) != address(0)) {
            _requireActive(id);
            ++_certificates[id].transfers;
        }
        return super._update(to, id, auth);
    }

    // ------------------------------------------------------------------ internal: CO2

    /// Books the credits, then mints them: the beneficiary's contract is called last.
    function _credit(uint256 id, uint256 grams) private {
        Retirement storage retirement = _retirements[id];
        (retirement.grams, retirement.credited) = (grams.toUint48(), true);
        address beneficiary = retirement.beneficiary;
        emit CreditsMinted(id, beneficiary, grams);
        if (grams != 0) TOKEN.mintCo2(beneficiary, grams);
    }

    /// Hours of the clock that a lot's period touches: one or two.
    function _hoursOf(uint256 lotId) private view returns (uint64 first, uint64 last) {
        (uint256 start, uint256 end) = periodOf(lotId);
        // Slots have 48 bits: hours fit.
        return (uint64(start / 1 hours), uint64((end - 1) / 1 hours));
    }

    function _firstUnknownHour(uint256 lotId) private view returns (uint64) {
        (uint64 first, uint64 last) = _hoursOf(lotId);
        (bool known,) = INTENSITY.intensityOf(first);
        return known ? last : first;
    }
}
