// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {IAccessManager} from "@openzeppelin/contracts/access/manager/IAccessManager.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {EntityKind, Leaf, MeterId, Registers} from "../Types.sol";
import {IClearingHouse} from "../interfaces/IClearingHouse.sol";
import {IInterconnection} from "../interfaces/IInterconnection.sol";
import {IMeterLedger} from "../interfaces/IMeterLedger.sol";
import {IMeterRegistry} from "../interfaces/IMeterRegistry.sol";
import {MeterLedger} from "../metering/MeterLedger.sol";
import {RegisterLib} from "../metering/RegisterLib.sol";
import {FlowSettlement} from "./FlowSettlement.sol";

/// @title Interconnection
/// @notice See IInterconnection. Agreement numbers start at 1. Nobody has a role here: all power is the parties'.
/// @dev Money locked for it in the ClearingHouse = guarantees + frozen amounts.
contract Interconnection is IInterconnection, EIP712, ReentrancyGuardTransient {
    using RegisterLib for Registers;
    using SafeCast for uint256;
    using SafeCast for int256;

    /// What an end has shown for a slot.
    struct Shown {
        int64 netWh;
        uint40 shownAt;
    }

    /// A settlement under way.
    struct Interval {
        uint256 id;
        uint64 slot;
        uint64 previousSlot;
        int256 a;
        int256 b;
        bool hasA;
        bool hasB;
    }

    // ------------------------------------------------------------------ constants

    /// @notice Bounds of `silenceSeconds` and `resolveSeconds`.
    uint256 public constant MIN_WAIT = 60;
    uint256 public constant MAX_WAIT = 90 days;
    /// @notice Largest slot number, price and limit an agreement may name.
    uint256 public constant MAX_SLOT = type(uint40).max;
    uint256 public constant MAX_PRICE = type(uint32).max;
    uint256 public constant MAX_LIMIT_WH = type(uint40).max;

    uint64 private constant OPERATOR = 1;
    uint256 private constant BPS = 10_000;

    bytes32 private constant AGREEMENT_TYPEHASH = keccak256(
        "Agreement(address ledgerA,address ledgerB,uint32 meterA,uint32 meterB,address partyA,address partyB,"
        "address arbiter,uint64 firstSlot,uint64 lastSlot,uint64 limitWhPerSlot,uint32 maxPowerW,uint64 priceAToB,"
        "uint64 priceBToA,uint16 toleranceBps,uint32 toleranceWh,uint128 guaranteeMicroInr,uint32 silenceSeconds,"
        "uint32 resolveSeconds,uint32 noticeSlots,bytes32 salt)"
    );
    bytes32 private constant VERDICT_TYPEHASH =
        keccak256("Verdict(uint256 agreementId,uint64 slot,int256 settledWh)");

    // ------------------------------------------------------------------ immutables

    IClearingHouse private immutable HOUSE;

    // ------------------------------------------------------------------ storage

    /// @inheritdoc IInterconnection
    uint256 public agreementCount;
    mapping(uint256 agreementId => Terms) private _terms;
    mapping(uint256 agreementId => Progress) private _progress;
    mapping(uint256 agreementId => mapping(End end => Account)) private _accounts;
    mapping(uint256 agreementId => mapping(uint64 slot => mapping(End end => Shown))) private _shown;
    mapping(uint256 agreementId => mapping(uint64 slot => Dispute)) private _disputes;
    mapping(bytes32 digest => bool) private _begun;

    // ------------------------------------------------------------------ constructor

    constructor(IClearingHouse house) EIP712("Ohmstead Interconnection", "1") {
        HOUSE = house;
    }

    // ------------------------------------------------------------------ agreements

    /// @inheritdoc IInterconnection
    function begin(Terms calldata agreed, bytes calldata signatureA, bytes calldata signatureB)
        external
        nonReentrant
        returns (uint256 id)
    {
        _requireGood(agreed);
        _requireEnd(agreed.ledgerA, agreed.meterA, agreed.partyA, agreed.maxPowerW);
        if (_isTwoEnded(agreed.ledgerB)) {
            _requireEnd(agreed.ledgerB, agreed.meterB, agreed.partyB, agreed.maxPowerW);
            bool alike = agreed.ledgerA.slotSeconds() == agreed.ledgerB.slotSeconds();
            if (!alike) revert Interconnection_BadTerms("ledgerB");
        }
        bytes32 digest = agreementDigest(agreed);
        if (_begun[digest]) revert Interconnection_AlreadyBegun(digest);
        _requireSignature(agreed.partyA, digest, signatureA);
        _requireSignature(agreed.partyB, digest, signatureB);

        _begun[digest] = true;
        id = ++agreementCount;
        _terms[id] = agreed;
        _progress[id].lastSlot = uint40(agreed.lastSlot); // compared with MAX_SLOT
        _accounts[id][End.A].guarantee = agreed.guaranteeMicroInr;
        _accounts[id][End.B].guarantee = agreed.guaranteeMicroInr;
        emit AgreementBegun(id, agreed.partyA, agreed.partyB, agreed);
        if (agreed.guaranteeMicroInr != 0) {
            HOUSE.lock(agreed.partyA, agreed.guaranteeMicroInr);
            HOUSE.lock(agreed.partyB, agreed.guaranteeMicroInr);
        }
    }

    /// @inheritdoc IInterconnection
    function giveNotice(uint256 id) external {
        _endOf(id, msg.sender);
        Terms storage agreed = _terms[id];
        uint256 last = uint256(agreed.ledgerA.currentSlot()) + agreed.noticeSlots;
        Progress storage state = _progress[id];
        if (last < state.lastSlot) state.lastSlot = uint40(last); // below a value of this type
        emit NoticeGiven(id, msg.sender, state.lastSlot);
    }

    // ------------------------------------------------------------------ readings

    /// @inheritdoc IInterconnection
    function show(
        uint256 id,
        uint64 slot,
        End end,
        Leaf calldata leaf,
        bytes32[3][] calldata proof,
        uint256 path
    ) external nonReentrant {
        Terms storage agreed = _known(id);
        _requireOpen(id, slot);
        _requireDue(agreed, id, slot, end, leaf.meter);
        (end == End.A ? agreed.ledgerA : agreed.ledgerB).requireLeaf(slot, leaf, proof, path);

        int256 outWh = int256(leaf.registers.exportedWh()) - int256(leaf.registers.importedWh());
        int256 netWh = end == End.A ? outWh : -outWh;
        _shown[id][slot][end] = Shown(netWh.toInt64(), uint40(block.timestamp));
        emit ReadingShown(id, slot, end, netWh);
        End other = end == End.A ? End.B : End.A;
        bool whole = !_isTwoEnded(agreed.ledgerB) || _shown[id][slot][other].shownAt != 0;
        if (whole) _settle(id, slot, false);
    }

    /// @inheritdoc IInterconnection
    function settleSilent(uint256 id, uint64 slot) external nonReentrant {
        Terms storage agreed = _known(id);
        _requireOpen(id, slot);
        // Had both been shown, the slot would be settled.
        uint256 shownAt = Math.max(_shown[id][slot][End.A].shownAt, _shown[id][slot][End.B].shownAt);
        if (shownAt == 0) revert Interconnection_NoReading(slot);
        uint256 allowedAt = shownAt + agreed.silenceSeconds;
        if (block.timestamp < allowedAt) revert Interconnection_TooEarly(allowedAt);
        _settle(id, slot, true);
    }

    // ------------------------------------------------------------------ disputes

    /// @inheritdoc IInterconnection
    function agree(
        uint256 id,
        uint64 slot,
        int256 settledWh,
        bytes calldata signatureA,
        bytes calldata signatureB
    ) external nonReentrant {
        Terms storage agreed = _known(id);
        bytes32 digest = verdictDigest(id, slot, settledWh);
        _requireSignature(agreed.partyA, digest, signatureA);
        _requireSignature(agreed.partyB, digest, signatureB);
        _conclude(id, slot, settledWh, Verdict.Agreed);
    }

    /// @inheritdoc IInterconnection
    function arbitrate(uint256 id, uint64 slot, int256 settledWh) external nonReentrant {
        Terms storage agreed = _known(id);
        if (msg.sender != agreed.arbiter) revert Interconnection_NotArbiter(msg.sender);
        _requireWaited(id, slot, agreed.resolveSeconds);
        _conclude(id, slot, settledWh, Verdict.Arbitrated);
    }

    /// @inheritdoc IInterconnection
    function timeOut(uint256 id, uint64 slot) external nonReentrant {
        _requireWaited(id, slot, 2 * uint256(_known(id).resolveSeconds));
        Dispute storage disputed = _disputes[id][slot];
        int256 settledWh = FlowSettlement.lower(disputed.readingAWh, disputed.readingBWh);
        _conclude(id, slot, settledWh, Verdict.TimedOut);
    }

    // ------------------------------------------------------------------ money

    /// @inheritdoc IInterconnection
    function fund(uint256 id, uint128 microInr) external nonReentrant {
        if (microInr == 0) revert Interconnection_ZeroAmount();
        End end = _endOf(id, msg.sender);
        _accounts[id][end].guarantee += microInr;
        emit GuaranteeFunded(id, msg.sender, microInr);
        HOUSE.lock(msg.sender, microInr);
        _pay(id, end, 0);
    }

    /// @inheritdoc IInterconnection
    function withdrawGuarantee(uint256 id, uint128 microInr) external nonReentrant {
        if (microInr == 0) revert Interconnection_ZeroAmount();
        End end = _endOf(id, msg.sender);
        Account storage own = _accounts[id][end];
        bool released = block.timestamp >= releasedAt(id) && own.owed == 0;
        uint256 available =
            released ? own.guarantee : Math.saturatingSub(own.guarantee, _terms[id].guaranteeMicroInr);
        if (own.owed != 0) available = 0;
        if (microInr > available) revert Interconnection_GuaranteeBound(microInr, available);
        own.guarantee -= microInr;
        emit GuaranteeWithdrawn(id, msg.sender, microInr);
        HOUSE.unlock(msg.sender, microInr);
    }

    /// @inheritdoc IInterconnection
    function payOwed(uint256 id, End end) external nonReentrant returns (uint256 owedMicroInr) {
        _known(id);
        _pay(id, end, 0);
        return _accounts[id][end].owed;
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IInterconnection
    function terms(uint256 id) external view returns (Terms memory) {
        return _terms[id];
    }

    /// @inheritdoc IInterconnection
    function progress(uint256 id) external view returns (Progress memory) {
        return _progress[id];
    }

    /// @inheritdoc IInterconnection
    function account(uint256 id, End end) external view returns (Account memory) {
        return _accounts[id][end];
    }

    /// @inheritdoc IInterconnection
    function dispute(uint256 id, uint64 slot) external view returns (Dispute memory) {
        return _disputes[id][slot];
    }

    /// @inheritdoc IInterconnection
    function reading(uint256 id, uint64 slot, End end) external view returns (int256 netWh, uint256 shownAt) {
        Shown storage found = _shown[id][slot][end];
        return (found.netWh, found.shownAt);
    }

    /// @inheritdoc IInterconnection
    function releasedAt(uint256 id) public view returns (uint256) {
        // One wait to show the last reading, one for the other end's silence, one to settle it.
        return _endedAt(id) + 3 * uint256(_known(id).silenceSeconds);
    }

    /// @inheritdoc IInterconnection
    function agreementDigest(Terms calldata agreed) public view returns (bytes32) {
        // Every field is one word, as EIP-712 encodes it.
        return _hashTypedDataV4(keccak256(abi.encode(AGREEMENT_TYPEHASH, agreed)));
    }

    /// @inheritdoc IInterconnection
    function verdictDigest(uint256 id, uint64 slot, int256 settledWh) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(VERDICT_TYPEHASH, id, slot, settledWh)));
    }

    // ------------------------------------------------------------------ internal: checks

    function _requireGood(Terms calldata agreed) private pure {
        if (agreed.partyA == agreed.partyB || agreed.partyB == address(0)) revert Interconnection_BadTerms("partyB");
        address arbiter = agreed.arbiter;
        if (arbiter == address(0) || arbiter == agreed.partyA || arbiter == agreed.partyB) {
            revert Interconnection_BadTerms("arbiter");
        }
        if (agreed.firstSlot == 0) revert Interconnection_BadTerms("firstSlot");
        if (agreed.lastSlot < agreed.firstSlot || agreed.lastSlot > MAX_SLOT) {
            revert Interconnection_BadTerms("lastSlot");
        }
        if (agreed.limitWhPerSlot == 0 || agreed.limitWhPerSlot > MAX_LIMIT_WH) {
            revert Interconnection_BadTerms("limitWhPerSlot");
        }
        if (agreed.priceAToB > MAX_PRICE) revert Interconnection_BadTerms("priceAToB");
        if (agreed.priceBToA > MAX_PRICE) revert Interconnection_BadTerms("priceBToA");
        if (agreed.toleranceBps > BPS) revert Interconnection_BadTerms("toleranceBps");
        if (agreed.silenceSeconds < MIN_WAIT || agreed.silenceSeconds > MAX_WAIT) {
            revert Interconnection_BadTerms("silenceSeconds");
        }
        if (agreed.resolveSeconds < MIN_WAIT || agreed.resolveSeconds > MAX_WAIT) {
            revert Interconnection_BadTerms("resolveSeconds");
        }
        bool strayMeter = !_isTwoEnded(agreed.ledgerB) && MeterId.unwrap(agreed.meterB) != 0;
        if (strayMeter) revert Interconnection_BadTerms("meterB");
    }

    /// The meter is a connection of that strength, and the party speaks for its microgrid.
    function _requireEnd(IMeterLedger ledger, MeterId meter, address party, uint256 maxPowerW) private view {
        IMeterRegistry.Meter memory known = MeterLedger(address(ledger)).REGISTRY().get(meter);
        if (known.kind != EntityKind.Grid) revert Interconnection_WrongMeter(meter, meter);
        if (maxPowerW == 0 || maxPowerW > known.maxPowerW) revert Interconnection_BadTerms("maxPowerW");
        IAccessManager manager = IAccessManager(IAccessManaged(address(ledger)).authority());
        (bool holds,) = manager.hasRole(OPERATOR, party);
        if (!holds) revert Interconnection_NotOperator(party);
    }

    function _requireSignature(address party, bytes32 digest, bytes calldata signature) private view {
        if (!SignatureChecker.isValidSignatureNowCalldata(party, digest, signature)) {
            revert Interconnection_BadSignature(party);
        }
    }

    /// The reading of `end` may still be shown, has not been, and is of the agreed meter.
    function _requireDue(Terms storage agreed, uint256 id, uint64 slot, End end, MeterId shown) private view {
        if (end == End.B && !_isTwoEnded(agreed.ledgerB)) revert Interconnection_NoSuchEnd();
        uint256 deadline = _endedAt(id) + agreed.silenceSeconds;
        if (block.timestamp >= deadline) revert Interconnection_TooLate(deadline);
        MeterId meter = end == End.A ? agreed.meterA : agreed.meterB;
        if (MeterId.unwrap(shown) != MeterId.unwrap(meter)) revert Interconnection_WrongMeter(shown, meter);
        if (_shown[id][slot][end].shownAt != 0) revert Interconnection_AlreadyShown(slot, end);
    }

    function _known(uint256 id) private view returns (Terms storage agreed) {
        if (id == 0 || id > agreementCount) revert Interconnection_UnknownAgreement(id);
        return _terms[id];
    }

    function _endOf(uint256 id, address party) private view returns (End) {
        Terms storage agreed = _known(id);
        if (party == agreed.partyA) return End.A;
        if (party == agreed.partyB) return End.B;
        revert Interconnection_NotParty(id, party);
    }

    /// The slot before the first may be shown too: energy counts from there.
    function _requireOpen(uint256 id, uint64 slot) private view {
        Progress storage state = _progress[id];
        uint64 from = state.settledSlot == 0 ? _terms[id].firstSlot - 1 : state.settledSlot + 1;
        if (slot < from || slot > state.lastSlot) revert Interconnection_SlotNotOpen(slot, from, state.lastSlot);
    }

    function _requireWaited(uint256 id, uint64 slot, uint256 secs) private view {
        uint256 allowedAt = uint256(_disputes[id][slot].openedAt) + secs;
        if (block.timestamp < allowedAt) revert Interconnection_TooEarly(allowedAt);
    }

    function _endedAt(uint256 id) private view returns (uint256) {
        return (uint256(_progress[id].lastSlot) + 1) * _known(id).ledgerA.slotSeconds();
    }

    function _isTwoEnded(IMeterLedger ledgerB) private pure returns (bool) {
        return address(ledgerB) != address(0);
    }

    // ------------------------------------------------------------------ internal: settlement

    /// Counts from the slot settled before to this one, whose readings then are the new start.
    function _settle(uint256 id, uint64 slot, bool silent) private {
        Progress memory state = _progress[id];
        Interval memory span = Interval(id, slot, state.settledSlot, 0, 0, false, false);
        Shown memory a = _shown[id][slot][End.A];
        Shown memory b = _shown[id][slot][End.B];
        if (a.shownAt != 0 && state.knownA) (span.a, span.hasA) = (int256(a.netWh) - state.netAWh, true);
        if (b.shownAt != 0 && state.knownB) (span.b, span.hasB) = (int256(b.netWh) - state.netBWh, true);
        (state.settledSlot, state.knownA, state.knownB) = (slot, a.shownAt != 0, b.shownAt != 0);
        (state.netAWh, state.netBWh) = (a.netWh, b.netWh);
        _progress[id] = state;

        if (!span.hasA && !span.hasB) {
            emit FlowSettled(id, slot, span.previousSlot, 0, 0, 0, 0, Basis.Opening);
        } else if (span.hasA && span.hasB) {
            _compare(span);
        } else {
            _book(span, span.hasA ? span.a : span.b, silent ? Basis.Silence : Basis.OneEnd);
        }
    }

    function _compare(Interval memory span) private {
        Terms storage agreed = _terms[span.id];
        if (FlowSettlement.agree(span.a, span.b, agreed.toleranceBps, agreed.toleranceWh)) {
            _book(span, FlowSettlement.lower(span.a, span.b), Basis.BothEnds);
            return;
        }
        // What either would have to pay at most.
        int256 forward = SignedMath.max(SignedMath.max(span.a, span.b), 0);
        int256 back = SignedMath.min(SignedMath.min(span.a, span.b), 0);
        uint128 frozenB = _draw(span.id, End.B, _costOf(span.id, span.slot - span.previousSlot, forward));
        uint128 frozenA = _draw(span.id, End.A, _costOf(span.id, span.slot - span.previousSlot, back));
        _disputes[span.id][span.slot] = Dispute({
            readingAWh: span.a.toInt64(),
            readingBWh: span.b.toInt64(),
            previousSlot: span.previousSlot,
            openedAt: uint40(block.timestamp),
            open: true,
            frozenA: frozenA,
            frozenB: frozenB
        });
        emit FlowDisputed(span.id, span.slot, span.previousSlot, span.a, span.b, frozenA, frozenB);
    }

    function _book(Interval memory span, int256 wh, Basis basis) private {
        uint256 slots = span.slot - span.previousSlot;
        int256 settledWh = _capped(span.id, slots, wh);
        uint256 cost = _costOf(span.id, slots, wh);
        emit FlowSettled(
            span.id, span.slot, span.previousSlot, span.a, span.b, settledWh, cost, basis
        );
        _pay(span.id, wh > 0 ? End.B : End.A, cost);
    }

    /// Ends a dispute: what was frozen goes back, and the verdict is paid of it.
    function _conclude(uint256 id, uint64 slot, int256 wh, Verdict verdict) private {
        Dispute memory disputed = _disputes[id][slot];
        if (!disputed.open) revert Interconnection_NoDispute(slot);
        int256 min = SignedMath.min(SignedMath.min(disputed.readingAWh, disputed.readingBWh), 0);
        int256 max = SignedMath.max(SignedMath.max(disputed.readingAWh, disputed.readingBWh), 0);
        if (wh < min || wh > max) revert Interconnection_VerdictOutside(wh, min, max);

        _disputes[id][slot].open = false;
        (_disputes[id][slot].frozenA, _disputes[id][slot].frozenB) = (0, 0);
        _accounts[id][End.A].guarantee += disputed.frozenA;
        _accounts[id][End.B].guarantee += disputed.frozenB;
        uint256 slots = slot - disputed.previousSlot;
        uint256 cost = _costOf(id, slots, wh);
        emit DisputeEnded(id, slot, _capped(id, slots, wh), cost, verdict);
        _pay(id, wh > 0 ? End.B : End.A, cost);
    }

    function _capped(uint256 id, uint256 slots, int256 wh) private view returns (int256) {
        return FlowSettlement.capped(wh, _terms[id].limitWhPerSlot * slots);
    }

    /// What the receiver of `wh` pays for `slots` slots, at most their limit.
    function _costOf(uint256 id, uint256 slots, int256 wh) private view returns (uint256) {
        uint256 price = wh > 0 ? _terms[id].priceAToB : _terms[id].priceBToA;
        return FlowSettlement.costDown(SignedMath.abs(_capped(id, slots, wh)), price);
    }

    // ------------------------------------------------------------------ internal: money

    /// Pays `microInr` and what is owed from before; what is not there stays owed.
    function _pay(uint256 id, End end, uint256 microInr) private {
        Account storage payer = _accounts[id][end];
        uint256 owedBefore = payer.owed;
        uint256 due = owedBefore + microInr;
        if (due == 0) return;
        uint256 paid = _draw(id, end, due);
        (address from, address to) = _parties(id, end);
        if (due - paid != owedBefore) {
            payer.owed = (due - paid).toUint128();
            emit OwedChanged(id, from, due - paid);
        }
        if (paid != 0) HOUSE.payFromLocked(from, to, paid);
    }

    /// Takes up to `microInr` of a party's free INR, then of its guarantee. What it returns is locked, in no account.
    function _draw(uint256 id, End end, uint256 microInr) private returns (uint128 drawn) {
        (address from,) = _parties(id, end);
        uint256 free = 0;
        // A paused clearing house locks nothing; then the guarantee pays.
        uint256 wanted = Math.min(HOUSE.balanceOf(from), microInr);
        try HOUSE.lock(from, wanted) {
            free = wanted;
        } catch {
            free = 0;
        }
        Account storage own = _accounts[id][end];
        uint256 secured = Math.min(own.guarantee, microInr - free);
        own.guarantee -= uint128(secured); // at most the guarantee itself
        return (free + secured).toUint128();
    }

    function _parties(uint256 id, End end) private view returns (address from, address to) {
        Terms storage agreed = _terms[id];
        return end == End.A ? (agreed.partyA, agreed.partyB) : (agreed.partyB, agreed.partyA);
    }
}
