// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title What oracle nodes stand to lose
/// @notice Anybody may put ether behind an oracle node's signing key; only that key may ask for it back, which takes
/// `unbondingSeconds`, longer than a commitment can be accused. Until it is paid out it can be slashed. While an
/// accusation is open (IMeterWitness) nothing is paid out. A slashed bond goes in part to who proved the lie, the
/// rest to the community. Who is owed ether fetches it (`withdraw`).
/// @dev Always: balance >= bonds + unbonding + credits, and equal unless ether was forced in.
///      Trusted: holders of the role WITNESS, a contract, for when to slash.
interface IOracleBond {
    /// @param bondWei stands behind the signer
    /// @param unbondingWei asked back, still liable
    /// @param readyAt Unix seconds from which the latter can be released
    /// @param holds open accusations
    /// @param to who gets it
    struct Bond {
        uint128 bondWei;
        uint128 unbondingWei;
        uint64 readyAt;
        uint32 holds;
        address to;
    }

    event BondDeposited(address indexed signer, address indexed payer, uint256 amountWei);
    event UnbondingStarted(address indexed signer, address indexed to, uint256 unbondingWei, uint64 readyAt);
    event BondReleased(address indexed signer, address indexed to, uint256 amountWei);
    event BondSlashed(address indexed signer, address indexed prover, uint256 proverWei, uint256 communityWei);
    event CreditMoved(address indexed from, address indexed to, uint256 amountWei);
    event Credited(address indexed account, uint256 amountWei);
    event Withdrawn(address indexed account, uint256 amountWei);

    error OracleBond_ZeroAddress();
    error OracleBond_ZeroAmount();
    error OracleBond_BadShare(uint256 bps);
    error OracleBond_TooMuch(uint256 askedWei, uint256 bondWei);
    error OracleBond_NothingUnbonding(address signer);
    error OracleBond_NotReady(uint64 readyAt);
    /// An accusation is open.
    error OracleBond_Held(address signer, uint32 holds);
    error OracleBond_NothingToWithdraw(address account);
    error OracleBond_PaymentRefused(address account);
    error OracleBond_NotHeld(address signer);
    error OracleBond_TooLittleCredit(address account, uint256 creditWei, uint256 neededWei);

    /// @notice Puts ether behind `signer`. It is the signer's from then on.
    function deposit(address signer) external payable;
    /// @notice The caller, an oracle node's key, asks for part of its bond back. What is unbonding already is added and
    /// waits anew.
    function startUnbonding(uint256 amountWei, address to) external;
    /// @notice Credits what has waited long enough to whom the signer named. Anyone may call.
    function release(address signer) external;
    /// @notice Pays the caller what it is owed.
    function withdraw() external;
    /// @notice Adds the ether sent to what `account` is owed.
    function creditTo(address account) external payable;

    /// @notice An accusation was opened: nothing is released until `drop`. Role: WITNESS.
    function hold(address signer) external;
    /// @notice An accusation was closed. Role: WITNESS.
    function drop(address signer) external;
    /// @notice Takes all that stands behind `signer`, unbonding or not. Role: WITNESS.
    function slash(address signer, address prover) external returns (uint256 amountWei);

    /// @notice Moves what `from` is owed to another account: an accuser's deposit. Role: WITNESS.
    function moveCredit(address from, address to, uint256 amountWei) external;

    function bondOf(address signer) external view returns (Bond memory);
    function creditOf(address account) external view returns (uint256 amountWei);
    function unbondingSeconds() external view returns (uint64);
    function community() external view returns (address);
    /// @notice The prover's part of a slashed bond in 1/10000, rounded down; below one half, so that a liar does not
    /// save much by proving its own lie.
    function proverShareBps() external view returns (uint256);
    function totalBondedWei() external view returns (uint256);
    function totalCreditedWei() external view returns (uint256);
}
