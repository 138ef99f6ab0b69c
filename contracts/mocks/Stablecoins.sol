// SPDX-License-Identifier: MIT
/* solhint-disable one-contract-per-file, avoid-low-level-calls */
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

// Stablecoins with habits that have cost others money. For tests only.

/// Keeps a hundredth of every transfer.
contract FeeStablecoin is ERC20Permit {
    constructor() ERC20("Fee rupee", "FEE") ERC20Permit("Fee rupee") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override {
        super._update(from, to, amount);
        if (from != address(0) && to != address(0)) super._update(to, address(0xFEE), amount / 100);
    }
}

/// Calls back in the middle of a transfer, as ERC-777 tokens do.
contract CallbackStablecoin is ERC20 {
    address private _target;
    bytes private _data;
    bool public called;
    bool public callSucceeded;
    bytes public callAnswer;

    constructor() ERC20("Callback rupee", "CALL") {}

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function arm(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (_target != address(0)) {
            called = true;
            (callSucceeded, callAnswer) = _target.call(_data);
        }
        super._update(from, to, amount);
    }
}
