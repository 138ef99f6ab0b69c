// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC1155Utils} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Utils.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {IGridToken} from "../interfaces/IGridToken.sol";
import {INR as INR_ID, ENERGY as ENERGY_ID, CO2 as CO2_ID} from "./TokenIds.sol";

/// @title GridToken
/// @notice See IGridToken. Units are balances of OpenZeppelin's ERC1155; supplies are kept here, one write a call,
/// because ERC1155Supply would write once an account. Parked energy is a balance of this contract.
contract GridToken is IGridToken, ERC1155, AccessManaged {
    // ------------------------------------------------------------------ constants

    /// @inheritdoc IGridToken
    uint256 public constant INR = INR_ID;
    /// @inheritdoc IGridToken
    uint256 public constant ENERGY = ENERGY_ID;
    /// @inheritdoc IGridToken
    uint256 public constant CO2 = CO2_ID;

    /// @notice Most entries in one batch.
    uint256 public constant MAX_BATCH = 512;

    /// @notice What crediting one contract may cost in a settlement, hook included: enough for a wallet that writes
    /// a few words, too little for one that wants to make the batch fail.
    uint256 public constant CREDIT_GAS = 120_000;

    // ------------------------------------------------------------------ storage

    mapping(uint256 id => uint256) private _supply;
    mapping(address account => uint256 energyWh) private _parked;

    // ------------------------------------------------------------------ constructor

    constructor(address authority) ERC1155("") AccessManaged(authority) {}

    // ------------------------------------------------------------------ issuers

    /// @inheritdoc IGridToken
    function mintInr(address to, uint256 microInr) external restricted {
        _supply[INR] += microInr;
        _mint(to, INR, microInr, "");
    }

    /// @inheritdoc IGridToken
    function burnInr(address from, uint256 microInr) external restricted {
        _burn(from, INR, microInr);
        _supply[INR] -= microInr;
    }

    /// @inheritdoc IGridToken
    function mintCo2(address to, uint256 grams) external restricted {
        _supply[CO2] += grams;
        _mint(to, CO2, grams, "");
    }

    /// @inheritdoc IGridToken
    /// @dev Gas of one more entry, balance not zero before and after: 8 000 to burn, 10 600 to mint (the receiver's
    /// code must be looked at). The arrays handed to ERC1155 are made once and used for every entry.
    function settleEnergy(address[] calldata accounts, int256[] calldata deltasWh)
        external
        restricted
        returns (uint256[] memory unmetWh)
    {
        uint256 length = accounts.length;
        if (length != deltasWh.length) revert GridToken_LengthMismatch(length, length, deltasWh.length);
        if (length > MAX_BATCH) revert GridToken_BatchTooLong(length, MAX_BATCH);

        unmetWh = new uint256[](length);
        uint256[] memory ids = new uint256[](1);
        uint256[] memory values = new uint256[](1);
        ids[0] = ENERGY;
        uint256 minted;
        uint256 burned;
        for (uint256 i = 0; i < length; ++i) {
            int256 delta = deltasWh[i];
            if (delta > 0) {
                values[0] = uint256(delta);
                minted += uint256(delta);
                _credit(accounts[i], ids, values);
            } else if (delta < 0) {
                uint256 wanted = _magnitude(delta);
                uint256 taken = _debitUpTo(accounts[i], wanted, ids, values);
                burned += taken;
                unmetWh[i] = wanted - taken;
            }
        }
        if (minted != burned) _supply[ENERGY] = _supply[ENERGY] + minted - burned;
    }

    /// @notice Mints to a contract and calls its hook, all or nothing. Only `settleEnergy` calls this, on itself, so
    /// that whatever the hook does can be undone and its gas is bounded.
    function creditContract(address account, uint256 energyWh, address operator) external {
        if (msg.sender != address(this)) revert GridToken_OnlySelf(msg.sender);
        uint256[] memory ids = new uint256[](1);
        uint256[] memory values = new uint256[](1);
        (ids[0], values[0]) = (ENERGY, energyWh);
        _update(address(0), account, ids, values);
        ERC1155Utils.checkOnERC1155Received(operator, address(0), account, ENERGY, energyWh, "");
    }

    // ------------------------------------------------------------------ users

    /// @inheritdoc IGridToken
    function batchTransfer(address[] calldata receivers, uint256[] calldata ids, uint256[] calldata amounts) external {
        uint256 length = receivers.length;
        if (length != ids.length || length != amounts.length) {
            revert GridToken_LengthMismatch(length, ids.length, amounts.length);
        }
        if (length > MAX_BATCH) revert GridToken_BatchTooLong(length, MAX_BATCH);
        for (uint256 i = 0; i < length; ++i) {
            _safeTransferFrom(msg.sender, receivers[i], ids[i], amounts[i], "");
        }
    }

    /// @inheritdoc IGridToken
    function withdrawParked(address to) external returns (uint256 energyWh) {
        energyWh = _parked[msg.sender];
        if (energyWh == 0) revert GridToken_NothingParked(msg.sender);
        delete _parked[msg.sender];
        emit ParkedWithdrawn(msg.sender, to, energyWh);
        _safeTransferFrom(address(this), to, ENERGY, energyWh, "");
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc IGridToken
    function parkedEnergy(address account) external view returns (uint256 energyWh) {
        return _parked[account];
    }

    /// @inheritdoc IGridToken
    function totalSupply(uint256 id) external view returns (uint256) {
        return _supply[id];
    }

    /// @notice ERC-1155 metadata as a data URI: name, display decimals and what one unit is.
    function uri(uint256 id) public pure override returns (string memory) {
        bytes memory json;
        if (id == INR) {
            json = '{"name":"Ohmstead INR","decimals":6,"description":"Rupees backed by the coin desk\'s reserve. '
                'One unit is one micro-rupee; 1000000 units are Rs 1.","properties":{"unit":"INR","baseUnit":"micro-rupee"}}';
        } else if (id == ENERGY) {
            json = '{"name":"Ohmstead energy","decimals":3,"description":"The right to draw energy from the '
                'community\'s pool. One unit is 1 Wh; 1000 units are 1 kWh.","properties":{"unit":"kWh","baseUnit":"Wh"}}';
        } else if (id == CO2) {
            json = '{"name":"Ohmstead CO2 credit","decimals":3,"description":"Avoided carbon dioxide of retired '
                'certificates. One unit is 1 g; 1000 units are 1 kg.","properties":{"unit":"kg CO2","baseUnit":"g CO2"}}';
        } else {
            revert GridToken_UnknownId(id);
        }
        return string.concat("data:application/json;base64,", Base64.encode(json));
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override(ERC1155, IERC165) returns (bool) {
        return interfaceId == type(IGridToken).interfaceId || super.supportsInterface(interfaceId);
    }

    // ------------------------------------------------------------------ internal

    /// Mints to `account`; what a contract refuses is parked. An account without code has no hook to ask.
    function _credit(address account, uint256[] memory ids, uint256[] memory values) private {
        if (account == address(0)) revert ERC1155InvalidReceiver(account);
        if (account.code.length == 0) {
            _update(address(0), account, ids, values);
            return;
        }
        // A call gets at most 63/64 of what is left. Without this check a caller who sends too little gas could make
        // any contract's credit look refused.
        uint256 needed = CREDIT_GAS + CREDIT_GAS / 32;
        if (gasleft() < needed) revert GridToken_TooLittleGas(gasleft(), needed);
        try this.creditContract{gas: CREDIT_GAS}(account, values[0], msg.sender) {}
        catch {
            _parked[account] += values[0];
            emit EnergyParked(account, values[0]);
            _update(address(0), address(this), ids, values);
        }
    }

    /// Burns up to `wanted` of the account's energy, then of its parked energy; returns what was burned.
    function _debitUpTo(address account, uint256 wanted, uint256[] memory ids, uint256[] memory values)
        private
        returns (uint256 taken)
    {
        taken = _burnUpTo(account, wanted, balanceOf(account, ENERGY), ids, values);
        if (taken == wanted) return taken;
        uint256 parked = _parked[account];
        if (parked == 0) return taken;
        uint256 fromParked = _burnUpTo(address(this), wanted - taken, parked, ids, values);
        _parked[account] = parked - fromParked;
        taken += fromParked;
    }

    function _burnUpTo(address from, uint256 wanted, uint256 available, uint256[] memory ids, uint256[] memory values)
        private
        returns (uint256 taken)
    {
        taken = wanted < available ? wanted : available;
        if (taken == 0) return 0;
        values[0] = taken;
        _update(from, address(0), ids, values);
    }

    function _magnitude(int256 negative) private pure returns (uint256) {
        unchecked {
            // Two's complement: also right for type(int256).min, whose negation does not fit an int256.
            return uint256(-negative);
        }
    }
}
