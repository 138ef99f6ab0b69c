// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Leaf, MeterId} from "../Types.sol";
import {IMeterLedger} from "./IMeterLedger.sol";

/// @title Energy between microgrids, and between a microgrid and the main grid
/// @notice Two operators sign an agreement; what crosses the tie is metered at both ends, each by a Grid meter in its
/// own microgrid's MeterLedger, and settled in INR for every slot that both ledgers have committed. Energy is signed:
/// positive flows from end A to end B, and B pays for it; negative flows back, and A pays.
///
/// Readings are cumulative registers, proven by a leaf of a committed slot. What is settled is the difference to the
/// slot settled before, so a slot that one end missed is in the next one and nothing is paid twice.
/// Within the tolerance (the larger of `toleranceBps` of the larger reading and `toleranceWh`) the lower of the two
/// counts; readings of opposite direction count as 0. Above it the slot is in dispute: the larger amount is frozen and
/// the following slots are settled as ever. A dispute ends by both signatures, after `resolveSeconds` by the arbiter,
/// after twice that by anybody at the lower reading. It never holds more than its own slots.
/// An end that shows no reading within `silenceSeconds` of the other's has accepted the other's reading, also of a slot
/// that its own ledger has missed.
/// Energy above `limitWhPerSlot` is not paid.
///
/// With the main grid as end B there is no second ledger: `ledgerB` is zero, the agreement says so (Basis.OneEnd), and
/// the utility has signed that end A's meter counts.
///
/// Money. Each party locks the guarantee when the agreement begins. A payment takes the payer's free INR in the
/// ClearingHouse first (the signature allows it), then its guarantee; the rest is owed, shown, and paid first as soon
/// as there is money. Nobody's money but the two parties' is ever touched.
/// @dev EIP-712 domain "Ohmstead Interconnection", version "1". Signatures: EOA or ERC-1271.
/// Trusted: each ledger's oracle quorum for its end; the ClearingHouse; the arbiter both have signed for.
interface IInterconnection {
    enum End {
        A,
        B
    }

    /// What a settlement rests on. Opening: first reading, nothing is paid. BothEnds: the lower of two. OneEnd: one
    /// meter only, as agreed, or the other's last reading is unknown. Silence: the other end showed none in time.
    enum Basis {
        Opening,
        BothEnds,
        OneEnd,
        Silence
    }

    enum Verdict {
        Agreed,
        Arbitrated,
        TimedOut
    }

    /// What both operators sign.
    /// @param ledgerA, ledgerB the microgrids' ledgers, of one slot length; ledgerB zero: main grid, metered at A only
    /// @param meterA, meterB Grid meters in them; meterB 0 with the main grid
    /// @param partyA, partyB who pay and are paid; hold OPERATOR in their ledger's AccessManager
    /// @param arbiter decides disputes that the parties do not; neither of them
    /// @param firstSlot, lastSlot slots whose energy is settled, inclusive
    /// @param limitWhPerSlot most energy a slot that is paid, either way
    /// @param maxPowerW most power of the tie, within what both meters are registered for; the devices hold it
    /// @param priceAToB, priceBToA micro-rupees per kWh of the receiver
    /// @param toleranceBps, toleranceWh the larger of both is allowed between the readings
    /// @param guaranteeMicroInr locked by each party at the beginning
    /// @param silenceSeconds after which one end's reading stands alone
    /// @param resolveSeconds after which the arbiter, and after twice that anybody, ends a dispute
    /// @param noticeSlots slots that the agreement still runs when a party has given notice
    /// @param salt makes equal terms different agreements
    struct Terms {
        IMeterLedger ledgerA;
        IMeterLedger ledgerB;
        MeterId meterA;
        MeterId meterB;
        address partyA;
        address partyB;
        address arbiter;
        uint64 firstSlot;
        uint64 lastSlot;
        uint64 limitWhPerSlot;
        uint32 maxPowerW;
        uint64 priceAToB;
        uint64 priceBToA;
        uint16 toleranceBps;
        uint32 toleranceWh;
        uint128 guaranteeMicroInr;
        uint32 silenceSeconds;
        uint32 resolveSeconds;
        uint32 noticeSlots;
        bytes32 salt;
    }

    /// @param settledSlot slot of the last reading that was settled; 0 = none yet
    /// @param netAWh, netBWh cumulative Wh from A to B by each end's meter then, if known
    /// @param lastSlot of the terms, or earlier after a notice
    struct Progress {
        uint64 settledSlot;
        int64 netAWh;
        int64 netBWh;
        bool knownA;
        bool knownB;
        uint40 lastSlot;
    }

    /// A party's money in an agreement, micro-rupees.
    /// @param guarantee locked and not frozen
    /// @param owed due to the other party and not paid yet
    struct Account {
        uint128 guarantee;
        uint128 owed;
    }

    /// @param readingAWh, readingBWh what the ends counted since `previousSlot`
    /// @param frozenA, frozenB each party's money held until the verdict
    struct Dispute {
        int64 readingAWh;
        int64 readingBWh;
        uint64 previousSlot;
        uint40 openedAt;
        bool open;
        uint128 frozenA;
        uint128 frozenB;
    }

    event AgreementBegun(uint256 indexed agreementId, address indexed partyA, address indexed partyB, Terms agreed);
    event NoticeGiven(uint256 indexed agreementId, address indexed party, uint256 lastSlot);
    event ReadingShown(uint256 indexed agreementId, uint64 indexed slot, End end, int256 netWh);
    event FlowSettled(
        uint256 indexed agreementId,
        uint64 indexed slot,
        uint64 previousSlot,
        int256 readingAWh,
        int256 readingBWh,
        int256 settledWh,
        uint256 microInr,
        Basis basis
    );
    event FlowDisputed(
        uint256 indexed agreementId,
        uint64 indexed slot,
        uint64 previousSlot,
        int256 readingAWh,
        int256 readingBWh,
        uint256 frozenA,
        uint256 frozenB
    );
    event DisputeEnded(
        uint256 indexed agreementId, uint64 indexed slot, int256 settledWh, uint256 microInr, Verdict verdict
    );
    event GuaranteeFunded(uint256 indexed agreementId, address indexed party, uint256 microInr);
    event GuaranteeWithdrawn(uint256 indexed agreementId, address indexed party, uint256 microInr);
    event OwedChanged(uint256 indexed agreementId, address indexed party, uint256 owedMicroInr);

    error Interconnection_BadTerms(string field);
    /// The party does not hold OPERATOR in its ledger's AccessManager.
    error Interconnection_NotOperator(address party);
    /// The signature is not the party's over these very terms or this very verdict.
    error Interconnection_BadSignature(address party);
    error Interconnection_AlreadyBegun(bytes32 digest);
    error Interconnection_UnknownAgreement(uint256 agreementId);
    error Interconnection_NotParty(uint256 agreementId, address caller);
    /// Only slots after the settled one, of the agreed period, can be shown.
    error Interconnection_SlotNotOpen(uint64 slot, uint64 from, uint64 until);
    /// The time to show readings is over.
    error Interconnection_TooLate(uint256 endedAt);
    error Interconnection_WrongMeter(MeterId given, MeterId agreed);
    error Interconnection_NoSuchEnd();
    error Interconnection_AlreadyShown(uint64 slot, End end);
    error Interconnection_NoReading(uint64 slot);
    /// Whoever waits for the other end may go on alone only then.
    error Interconnection_TooEarly(uint256 allowedAt);
    error Interconnection_NoDispute(uint64 slot);
    error Interconnection_NotArbiter(address caller);
    error Interconnection_VerdictOutside(int256 settledWh, int256 min, int256 max);
    /// While the agreement runs, or something is owed, the guarantee stays.
    error Interconnection_GuaranteeBound(uint256 wanted, uint256 available);
    error Interconnection_ZeroAmount();

    /// @notice Begins an agreement: locks both guarantees. Anyone may send it; the signatures of EIP-712
    /// Agreement(address ledgerA,address ledgerB,uint32 meterA,uint32 meterB,address partyA,address partyB,
    /// address arbiter,uint64 firstSlot,uint64 lastSlot,uint64 limitWhPerSlot,uint32 maxPowerW,uint64 priceAToB,
    /// uint64 priceBToA,uint16 toleranceBps,uint32 toleranceWh,uint128 guaranteeMicroInr,uint32 silenceSeconds,
    /// uint32 resolveSeconds,uint32 noticeSlots,bytes32 salt) count.
    function begin(Terms calldata agreed, bytes calldata signatureA, bytes calldata signatureB)
        external
        returns (uint256 agreementId);

    /// @notice A party ends the agreement `noticeSlots` after the slot now running.
    function giveNotice(uint256 agreementId) external;

    /// @notice Shows an end's reading of a committed slot. Anyone who has the proof may. When both ends' readings of a
    /// slot are there, or one where one is agreed, the slot is settled or disputed.
    /// @param proof siblings from the leaf up; path as in IMeterLedger.settle
    function show(
        uint256 agreementId,
        uint64 slot,
        End end,
        Leaf calldata leaf,
        bytes32[3][] calldata proof,
        uint256 path
    ) external;

    /// @notice Settles on the one reading shown, `silenceSeconds` after it. Permissionless.
    function settleSilent(uint256 agreementId, uint64 slot) external;

    /// @notice Ends a dispute as both have signed: EIP-712 Verdict(uint256 agreementId,uint64 slot,int256 settledWh),
    /// between the readings or down to 0.
    function agree(
        uint256 agreementId,
        uint64 slot,
        int256 settledWh,
        bytes calldata signatureA,
        bytes calldata signatureB
    ) external;
    /// @notice The arbiter's word, `resolveSeconds` after the dispute began.
    function arbitrate(uint256 agreementId, uint64 slot, int256 settledWh) external;
    /// @notice Ends a dispute at the lower reading, twice `resolveSeconds` after it began. Permissionless.
    function timeOut(uint256 agreementId, uint64 slot) external;

    /// @notice A party locks more of its free INR; what it owes is paid of it first.
    function fund(uint256 agreementId, uint128 microInr) external;
    /// @notice A party frees what is above the agreed guarantee; all of it when the agreement is over and settled.
    function withdrawGuarantee(uint256 agreementId, uint128 microInr) external;
    /// @notice Pays what a party owes out of what it has now. Permissionless: it is due.
    function payOwed(uint256 agreementId, End end) external returns (uint256 owedMicroInr);

    function agreementCount() external view returns (uint256);
    function terms(uint256 agreementId) external view returns (Terms memory);
    function progress(uint256 agreementId) external view returns (Progress memory);
    function account(uint256 agreementId, End end) external view returns (Account memory);
    function dispute(uint256 agreementId, uint64 slot) external view returns (Dispute memory);
    /// @notice What an end has shown for a slot: cumulative Wh from A to B, and when (0 = nothing yet).
    function reading(uint256 agreementId, uint64 slot, End end) external view returns (int256 netWh, uint256 shownAt);
    /// @notice When guarantees are free again: all readings shown, all silence over.
    function releasedAt(uint256 agreementId) external view returns (uint256);
    function agreementDigest(Terms calldata agreed) external view returns (bytes32);
    function verdictDigest(uint256 agreementId, uint64 slot, int256 settledWh) external view returns (bytes32);
}
