// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Payment of those whose nodes carry other people's messages
/// @notice A session is one source's messages over one route, named by route and start. The source shows element i of
/// its hash chain with message i, the destination releases element i of its own on receiving it: a receipt with both
/// proves that i messages were sent and delivered. For each delivered message the source's account pays every relay of
/// the route the fee in force when the session began; source and destination earn nothing by it.
/// An account prepays in INR units and withdraws what its nodes earned at any time; what it prepaid it gets back after
/// a notice, so that nobody can empty an account before the receipts come.
/// INR held = sum of prepaid + sum of earned, to the micro-rupee. Whose account a node's is: its meter's holder at the
/// clearing, the community's for a node that nobody holds.
/// Money is in micro-rupees. Nothing is pushed to anybody but the caller of `withdraw` and `refund`.
/// @dev Trusted: a quorum of oracle nodes, for the devices' tags under the agreement and the last message (devices
/// cannot afford signatures) and for where a route broke. Not trusted, as it is checked here: the counts.
interface IRelayCredits {
    /// @param startedAt Unix seconds; with the source and route it names the session
    /// @param sent messages that some node of the route saw, 1..MAX_CHAIN
    /// @param delivered messages that the destination answered, at most `sent`
    /// @param brokenHop node of the route (0 = source) behind which nothing arrived; NOT_BROKEN if none
    /// @param reporters bit i set: node i of the route has told what it holds of the session
    /// @param sRoot root of the source's chain, `sValue` its element `sent`
    /// @param hRoot root of the destination's chain, `hValue` its element `delivered`
    /// @param route 6 bytes a node from source to destination: u32 node, u16 the energy it stated
    struct Receipt {
        uint32 startedAt;
        uint16 sent;
        uint16 delivered;
        uint8 brokenHop;
        uint8 reporters;
        bytes16 sRoot;
        bytes16 sValue;
        bytes16 hRoot;
        bytes16 hValue;
        bytes route;
    }

    /// Why a receipt of a batch was passed over.
    enum Skipped {
        /// Cleared before with these counts or higher ones.
        Known,
        /// Older than MAX_AGE.
        TooOld,
        /// The source's account has prepaid too little; it can be cleared after a deposit.
        Unfunded
    }

    event Deposited(address indexed payer, address indexed account, uint256 microInr);
    event Withdrawn(address indexed account, uint256 microInr);
    event RefundRequested(address indexed account, uint256 microInr, uint256 availableAt);
    event Refunded(address indexed account, uint256 microInr);
    event EarnedKept(address indexed account, uint256 microInr);
    event FeeChanged(uint256 microInrPerMessage, uint256 fromStart);
    event CommunityChanged(address oldAccount, address newAccount);
    /// @param paid micro-rupees debited from `payer` and credited to the relays' accounts by this clearing
    event ReceiptCleared(
        bytes32 indexed id,
        uint32 indexed source,
        address indexed payer,
        uint32 startedAt,
        uint16 sent,
        uint16 delivered,
        uint8 brokenHop,
        uint8 reporters,
        bytes route,
        uint256 paid
    );
    event ReceiptSkipped(bytes32 indexed id, Skipped reason);

    error RelayCredits_ZeroAmount();
    error RelayCredits_ZeroAccount();
    error RelayCredits_TooLittlePrepaid(address account, uint256 prepaidMicroInr, uint256 neededMicroInr);
    error RelayCredits_TooLittleEarned(address account, uint256 earnedMicroInr, uint256 neededMicroInr);
    error RelayCredits_NoRefundRequested(address account);
    error RelayCredits_RefundNotYet(address account, uint256 availableAt);
    /// 1 to MAX_BATCH receipts in one call.
    error RelayCredits_BadBatch(uint256 receipts, uint256 max);
    /// Every receipt of the batch was passed over.
    error RelayCredits_NothingToClear();
    /// 2 to MAX_ROUTE nodes of 6 bytes, no node twice.
    error RelayCredits_BadRoute(uint256 index);
    /// Not 1 <= sent <= MAX_CHAIN, delivered <= sent.
    error RelayCredits_BadCounts(uint256 index);
    /// A broken hop outside the route, or where everything was delivered.
    error RelayCredits_BadHop(uint256 index);
    /// Hashing an element does not lead to its root.
    error RelayCredits_BadChain(uint256 index);
    /// The session begins in the future.
    error RelayCredits_TooEarly(uint256 index);
    error RelayCredits_FeeTooHigh(uint256 microInr, uint256 max);
    /// Receipts at the fee before the last change may still come.
    error RelayCredits_FeeChangePending(uint256 until);

    /// @notice Prepays for `account` with the caller's INR units, which must be approved. Stopped while paused.
    function depositFor(address account, uint256 microInr) external;
    /// @notice Sends the caller what its nodes earned. Never paused.
    function withdraw(uint256 microInr) external;
    /// @notice Turns what the caller's nodes earned into prepaid.
    function keepEarned(uint256 microInr) external;
    /// @notice Announces that the caller wants `microInr` of its prepaid back after NOTICE, not what it asked before.
    /// What receipts cost until then is paid first. Zero takes the request back.
    function requestRefund(uint256 microInr) external;
    /// @notice Sends the caller what it asked back, or what is left of it. Never paused.
    /// @return microInr what was sent
    function refund() external returns (uint256 microInr);

    /// @notice Clears receipts that a quorum has signed. Permissionless; stopped while paused.
    /// @param signatures of `receiptsDigest(receipts)`, as OracleQuorum.requireQuorum takes them
    /// @return cleared how many were not passed over
    function clear(Receipt[] calldata receipts, bytes[] calldata signatures) external returns (uint256 cleared);

    /// @notice The fee per relay and message of sessions that begin from now on. Role: OPERATOR. Once in MAX_AGE.
    function setFee(uint256 microInrPerMessage) external;
    /// @notice Whose account speaks for nodes that nobody holds. Role: admin.
    function setCommunity(address account) external;

    function prepaidOf(address account) external view returns (uint256 microInr);
    function earnedOf(address account) external view returns (uint256 microInr);
    /// @notice What is asked back, and from when it can be had; 0, 0 if nothing is.
    function refundOf(address account) external view returns (uint256 microInr, uint256 availableAt);
    /// @notice Highest counts cleared of a session; 0, 0 if it is unknown.
    function clearedOf(bytes32 id) external view returns (uint256 sent, uint256 delivered);
    /// @notice Names a session; `nodes` from source to destination.
    function receiptId(uint32 startedAt, uint32[] calldata nodes) external pure returns (bytes32);
    function feeAt(uint32 startedAt) external view returns (uint256 microInrPerMessage);
    function accountOf(uint32 node) external view returns (address);
    function community() external view returns (address);
    /// @notice EIP-712 digest of Receipts(Receipt[] receipts,uint64 epoch) in the quorum's epoch.
    function receiptsDigest(Receipt[] calldata receipts) external view returns (bytes32);

    function MAX_BATCH() external view returns (uint256);
    function MAX_ROUTE() external view returns (uint256);
    function MAX_CHAIN() external view returns (uint256);
    function MAX_AGE() external view returns (uint256);
    function NOTICE() external view returns (uint256);
    function NOT_BROKEN() external view returns (uint8);
}
