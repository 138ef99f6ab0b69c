// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC1155Utils} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Utils.sol";
import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IGridToken} from "../interfaces/IGridToken.sol";
import {INR as INR_ID, ENERGY as ENERGY_ID, CO2 as CO2_ID} from "./TokenIds.sol";

/// @title GridToken
/// @notice See IGridToken. OpenZeppelin's ERC1155 with balances of its own: what one account has of the three ids is
/// one storage word, since INR and energy change hands together. Supplies are written once a call. Parked energy
/// is a balance of this contract.
contract GridToken is IGridToken, ERC1155, AccessManaged {
    using SafeCast for uint256;
    using SafeCast for int256;

    /// One word: micro-rupees, Wh and grams. No balance exceeds its supply, and no supply its field.
    struct Holdings {
        uint128 microInr;
        uint64 energyWh;
        uint64 co2Grams;
    }

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

    Holdings private _supply;
    mapping(address account => Holdings) private _holdings;
    mapping(address account => uint256 energyWh) private _parked;

    // ------------------------------------------------------------------ constructor

    constructor(address manager) ERC1155("") AccessManaged(manager) {}

    // ------------------------------------------------------------------ issuers

    /// @inheritdoc IGridToken
    function mintInr(address to, uint256 microInr) external restricted {
        _increase(_supply, INR, microInr);
        _mint(to, INR, microInr, "");
    }

    /// @inheritdoc IGridToken
    function burnInr(address from, uint256 microInr) external restricted {
        _burn(from, INR, microInr);
        _supply.microInr -= microInr.toUint128();
    }

    /// @inheritdoc IGridToken
    function mintCo2(address to, uint256 grams) external restricted {
        _increase(_supply, CO2, grams);
        _mint(to, CO2, grams, "");
    }

    /// @inheritdoc IGridToken
    /// @dev Gas of one more entry, balance not zero before and after: 8 400 to burn, 11 000 to mint. Of it 5 000 are
    /// the balance, 2 400 the event and, for a mint, 2 600 the look at the receiver's code.
    function settleEnergy(address[] calldata accounts, int256[] calldata deltasWh)
        external
        restricted
        returns (uint256[] memory unmetWh)
    {
        uint256 length = accounts.length;
        if (length != deltasWh.length) revert GridToken_LengthMismatch(length, length, deltasWh.length);
        if (length > MAX_BATCH) revert GridToken_BatchTooLong(length, MAX_BATCH);

        unmetWh = new uint256[](length);
        int256 net = 0;
        for (uint256 i = 0; i < length; ++i) {
            int256 delta = deltasWh[i];
            // The sum cannot overflow: at most MAX_BATCH amounts, each of which has been in a balance of 64 bits.
            if (delta > 0) {
                _credit(accounts[i], uint256(delta));
                unchecked {
                    net += delta;
                }
            } else if (delta < 0) {
                uint256 wanted = _magnitude(delta);
                uint256 taken = _debitUpTo(accounts[i], wanted);
                if (taken != wanted) unmetWh[i] = wanted - taken;
                unchecked {
                    net -= int256(taken);
                }
            }
        }
        if (net != 0) {
            int256 supply = int256(uint256(_supply.energyWh)) + net;
            _supply.energyWh = supply.toUint256().toUint64();
        }
    }

    /// @notice Mints to a contract and calls its hook, all or nothing. Only `settleEnergy` calls this, on itself, so
    /// that whatever the hook does can be undone and its gas is bounded.
    function creditContract(address account, uint256 energyWh, address operator) external {
        if (msg.sender != address(this)) revert GridToken_OnlySelf(msg.sender);
        _mintEnergy(operator, account, energyWh);
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

    /// @inheritdoc IERC1155
    function balanceOf(address account, uint256 id) public view override(ERC1155, IERC1155) returns (uint256) {
        return _amountOf(_holdings[account], id);
    }

    /// @inheritdoc IGridToken
    function parkedEnergy(address account) external view returns (uint256 energyWh) {
        return _parked[account];
    }

    /// @inheritdoc IGridToken
    function totalSupply(uint256 id) external view returns (uint256) {
        return _amountOf(_supply, id);
    }

    /// @notice ERC-1155 metadata as a data URI: name, display decimals and what one unit is.
    function uri(uint256 id) public pure override returns (string memory) {
        if (id == INR) {
            return _metadata("INR", "6", "Rs 1", "1000000 micro-rupees, backed by the coin desk's reserve");
        }
        if (id == ENERGY) return _metadata("energy", "3", "1 kWh", "1000 Wh, the right to draw from the pool");
        if (id == CO2) return _metadata("CO2 credit", "3", "1 kg", "1000 g of CO2 avoided, certificate retired");
        revert GridToken_UnknownId(id);
    }

    /// @inheritdoc IERC165
    function supportsInterface(bytes4 interfaceId) public view override(ERC1155, IERC165) returns (bool) {
        return interfaceId == type(IGridToken).interfaceId || super.supportsInterface(interfaceId);
    }

    // ------------------------------------------------------------------ internal: metadata

    function _metadata(string memory name, string memory decimals, string memory shown, string memory units)
        private
        pure
        returns (string memory)
    {
        bytes memory json = abi.encodePacked(
            "{\"name\":\"Ohmstead ",
            name,
            "\",\"decimals\":",
            decimals,
            ",\"description\":\"",
            shown,
            " is ",
            units,
            ".\"}"
        );
        return string.concat("data:application/json;base64,", Base64.encode(json));
    }

    // ------------------------------------------------------------------ internal: balances

    /// Every transfer, mint and burn of ERC1155 comes here; this is its rule on the words above.
    function _update(address from, address to, uint256[] memory ids, uint256[] memory values) internal override {
        if (ids.length != values.length) revert ERC1155InvalidArrayLength(ids.length, values.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            if (from != address(0)) _decrease(from, ids[i], values[i]);
            if (to != address(0)) _increase(_holdings[to], ids[i], values[i]);
        }
        if (ids.length == 1) emit TransferSingle(msg.sender, from, to, ids[0], values[0]);
        else emit TransferBatch(msg.sender, from, to, ids, values);
    }

    function _amountOf(Holdings storage holdings, uint256 id) private view returns (uint256) {
        if (id == INR) return holdings.microInr;
        if (id == ENERGY) return holdings.energyWh;
        return id == CO2 ? holdings.co2Grams : 0;
    }

    function _increase(Holdings storage holdings, uint256 id, uint256 value) private {
        uint256 amount = _amountOf(holdings, id) + value;
        if (id == INR) holdings.microInr = amount.toUint128();
        else if (id == ENERGY) holdings.energyWh = amount.toUint64();
        else if (id == CO2) holdings.co2Grams = amount.toUint64();
        // Of another id there is none to receive: value is 0.
    }

    function _decrease(address from, uint256 id, uint256 value) private {
        Holdings storage holdings = _holdings[from];
        uint256 amount = _amountOf(holdings, id);
        if (amount < value) revert ERC1155InsufficientBalance(from, amount, value, id);
        amount -= value;
        // What is left fits where the whole did.
        if (id == INR) holdings.microInr = uint128(amount);
        else if (id == ENERGY) holdings.energyWh = uint64(amount);
        else if (id == CO2) holdings.co2Grams = uint64(amount);
    }

    // ------------------------------------------------------------------ internal: settlement

    function _mintEnergy(address operator, address to, uint256 energyWh) private {
        Holdings storage holdings = _holdings[to];
        uint256 amount = holdings.energyWh + energyWh;
        holdings.energyWh = amount.toUint64();
        emit TransferSingle(operator, address(0), to, ENERGY, energyWh);
    }

    /// Mints to `account`; what a contract refuses is parked. An account without code has no hook to ask.
    function _credit(address account, uint256 energyWh) private {
        if (account == address(0)) revert ERC1155InvalidReceiver(account);
        if (account.code.length == 0) {
            _mintEnergy(msg.sender, account, energyWh);
            return;
        }
        // A hook that got less than its allowance would look as if it refused. It would run out of gas below anyway (a
        // call leaves a 64th, too little to park), but so it is said plainly.
        uint256 needed = CREDIT_GAS + CREDIT_GAS / 32;
        if (gasleft() < needed) revert GridToken_TooLittleGas(gasleft(), needed);
        try this.creditContract{gas: CREDIT_GAS}(account, energyWh, msg.sender) {
            return;
        } catch {
            _parked[account] += energyWh;
            emit EnergyParked(account, energyWh);
            _mintEnergy(msg.sender, address(this), energyWh);
        }
    }

    /// Burns up to `wanted` of the account's energy, then of its parked energy; returns what was burned.
    function _debitUpTo(address account, uint256 wanted) private returns (uint256 taken) {
        taken = _burnUpTo(account, wanted);
        if (taken == wanted) return taken;
        uint256 fromParked = Math.min(wanted - taken, _parked[account]);
        if (fromParked == 0) return taken;
        _parked[account] -= fromParked;
        taken += _burnUpTo(address(this), fromParked);
    }

    /// Burns `wanted`, or what `from` has if that is less.
    function _burnUpTo(address from, uint256 wanted) private returns (uint256 taken) {
        Holdings storage holdings = _holdings[from];
        uint256 available = holdings.energyWh;
        taken = wanted < available ? wanted : available;
        if (taken == 0) return 0;
        unchecked {
            // Not more than is there, and what is left fits where the whole did.
            holdings.energyWh = uint64(available - taken);
        }
        emit TransferSingle(msg.sender, from, address(0), ENERGY, taken);
    }

    function _magnitude(int256 negative) private pure returns (uint256) {
        unchecked {
            // Two's complement: also right for type(int256).min, whose negation does not fit an int256.
            return uint256(-negative);
        }
    }
}
