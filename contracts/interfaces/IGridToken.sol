// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";

/// @title The community's units: INR, energy, CO2 (ERC-1155)
/// @notice Id 0 INR in micro-rupees (1e6 = Rs 1), id 1 energy in Wh, id 2 CO2 credits in grams.
/// An energy unit is the right to draw 1 Wh from the community's pool. Each id has one issuer:
/// the coin desk (INR), the meter ledger (energy), certificate retirement (CO2).
interface IGridToken is IERC1155 {
    /// Metered energy could not be credited because the receiving contract refused it; it waits for `withdrawParked`.
    event EnergyParked(address indexed account, uint256 energyWh);
    event ParkedWithdrawn(address indexed account, address indexed to, uint256 energyWh);

    /// Arrays of one call must have equal lengths.
    error GridToken_LengthMismatch(uint256 receivers, uint256 ids, uint256 amounts);
    /// At most MAX_BATCH entries in one call.
    error GridToken_BatchTooLong(uint256 length, uint256 max);
    error GridToken_NothingParked(address account);
    error GridToken_UnknownId(uint256 id);
    /// Too little gas is left to give a receiving contract its full allowance; send more with the call.
    error GridToken_TooLittleGas(uint256 left, uint256 needed);
    /// Only GridToken itself may call this.
    error GridToken_OnlySelf(address caller);

    function INR() external view returns (uint256);
    function ENERGY() external view returns (uint256);
    function CO2() external view returns (uint256);

    /// @notice Sends `amounts[i]` of `ids[i]` from the caller to `receivers[i]`. Receivers' hooks are honoured.
    /// @dev Reverts with GridToken_LengthMismatch unless the three arrays have one length.
    function batchTransfer(address[] calldata receivers, uint256[] calldata ids, uint256[] calldata amounts) external;

    /// @notice Mints INR against reserve. Role: DESK.
    function mintInr(address to, uint256 microInr) external;

    /// @notice Burns INR for redemption. Role: DESK. The desk burns only from its own caller.
    function burnInr(address from, uint256 microInr) external;

    /// @notice Mints CO2 credits. Role: CERTIFICATE.
    function mintCo2(address to, uint256 grams) external;

    /// @notice Books metered energy for many accounts in one call. Role: LEDGER.
    /// A positive delta mints, a negative one burns down to zero, parked energy last. A contract that refuses
    /// the ERC-1155 hook (called with bounded gas) does not block the batch: its credit is parked.
    /// A hook that runs inside a batch sees a `totalSupply` from before the batch.
    /// @param accounts may repeat
    /// @param deltasWh signed Wh, same length
    /// @return unmetWh for each entry, what could not be burned for lack of balance
    function settleEnergy(address[] calldata accounts, int256[] calldata deltasWh)
        external
        returns (uint256[] memory unmetWh);

    /// @notice Sends the caller's parked energy to `to`.
    function withdrawParked(address to) external returns (uint256 energyWh);

    function parkedEnergy(address account) external view returns (uint256 energyWh);

    /// @notice Units in existence, parked energy included.
    function totalSupply(uint256 id) external view returns (uint256);
}
