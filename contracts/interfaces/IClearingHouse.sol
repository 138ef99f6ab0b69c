// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title INR accounts of the markets
/// @notice Holds all INR that the markets settle in. An account has free INR, which it withdraws at any time, and
/// locked INR, which secures what it has promised in some market; it is one of the two or neither, never both.
/// Markets hold no tokens: what is locked for a market, and what it has collected and not paid out yet, is that
/// market's escrow, and no market can spend another's.
/// What an account owes and cannot pay becomes its arrears: the backer (the operator's account) pays in its place, and
/// whatever the account is credited later goes to the backer first. Arrears block new locks, never withdrawals of
/// others. An account in arrears has no free INR.
/// INR held = sum of free INR + sum of escrows, to the micro-rupee. INR sent here in any other way than by a deposit
/// is refused.
/// Money is in micro-rupees. Nothing is pushed to anybody but the caller of `withdraw`.
/// @dev Trusted: contracts with role CLEARING, each for the accounts that have dealt with it.
interface IClearingHouse {
    event Deposited(address indexed payer, address indexed account, uint256 microInr);
    event Withdrawn(address indexed account, uint256 microInr);
    event Locked(address indexed market, address indexed account, uint256 microInr);
    event Unlocked(address indexed market, address indexed account, uint256 microInr);
    /// The lock of an account now secures what it owes in another market.
    event LockPassed(address indexed market, address indexed toMarket, address indexed account, uint256 microInr);
    /// `from` or `to` is a market where its escrow pays or is paid.
    event Paid(address indexed market, address indexed from, address indexed to, uint256 microInr);
    event ArrearsGrown(address indexed account, uint256 microInr, uint256 arrearsMicroInr);
    event ArrearsRepaid(address indexed account, uint256 microInr, uint256 arrearsMicroInr);
    event BackerChanged(address indexed oldBacker, address indexed newBacker);

    error ClearingHouse_ZeroAmount();
    error ClearingHouse_ZeroAccount();
    /// The account has less free INR than the operation needs: deposit the difference.
    error ClearingHouse_TooLittleFree(address account, uint256 freeMicroInr, uint256 neededMicroInr);
    /// Arrears block new orders: a deposit repays them first.
    error ClearingHouse_InArrears(address account, uint256 arrearsMicroInr);
    /// A market asks for more of an account than is locked.
    error ClearingHouse_NotLocked(address account, uint256 lockedMicroInr, uint256 wantedMicroInr);
    /// A market asks for more than its escrow holds.
    error ClearingHouse_EscrowShort(address market, uint256 escrowMicroInr, uint256 wantedMicroInr);

    /// @notice Credits the caller: `microInr` of INR units, which must be approved, or, if ether is sent, all the INR
    /// that it buys at the coin desk, at least `microInr`. Arrears are repaid first. Stopped while paused.
    /// @return credited micro-rupees, arrears that they repaid included
    function deposit(uint256 microInr) external payable returns (uint256 credited);
    /// @notice The same for another account.
    function depositFor(address account, uint256 microInr) external payable returns (uint256 credited);
    /// @notice Sends free INR to the caller as INR units. Never paused.
    function withdraw(uint256 microInr) external;

    /// @notice Turns free INR of the account into locked. Role: CLEARING. Stopped while paused.
    function lock(address account, uint256 microInr) external;
    /// @notice Turns locked INR of the account into free. Role: CLEARING.
    function unlock(address account, uint256 microInr) external;
    /// @notice Locked INR of `from` goes to `to`; if that is the calling market itself, to its escrow, out of which
    /// it pays later. Role: CLEARING.
    function payFromLocked(address from, address to, uint256 microInr) external;
    /// @notice The calling market's escrow pays `to`. Role: CLEARING.
    function pay(address to, uint256 microInr) external;
    /// @notice Hands a lock of the account, with its INR, from the calling market to another. Role: CLEARING.
    function passLock(address account, address toMarket, uint256 microInr) external;
    /// @notice Free INR of `from` goes to `to` (as in `payFromLocked`). What `from` lacks the backer pays, and it
    /// becomes arrears of `from`. Role: CLEARING.
    /// @return unpaid 0, or what neither of them has: then nothing was moved
    function charge(address from, address to, uint256 microInr) external returns (uint256 unpaid);

    /// @notice Whose account pays for those who cannot; it must not be in arrears itself. What others owe then goes to
    /// the new backer. Role: admin.
    function setBacker(address newBacker) external;
    /// @notice Role: PAUSER. Stops deposits and new locks only.
    function pause() external;
    function unpause() external;

    /// @notice Free INR.
    function balanceOf(address account) external view returns (uint256 microInr);
    function lockedOf(address account) external view returns (uint256 microInr);
    function arrearsOf(address account) external view returns (uint256 microInr);
    /// @notice What `charge` can take of the account: its free INR and the backer's.
    function coverOf(address account) external view returns (uint256 microInr);
    /// @notice INR that a market holds here for those who deal with it.
    function escrowOf(address market) external view returns (uint256 microInr);
    function backer() external view returns (address);
}
