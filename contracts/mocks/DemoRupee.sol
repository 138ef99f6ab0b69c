// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title A rupee stablecoin for local and test chains, worth nothing
/// @notice 6 decimals, EIP-2612 permit. Its owner issues it freely, so it refuses to live where money is real.
contract DemoRupee is ERC20Permit, Ownable {
    /// Only on a local chain (31337, 1337), Sepolia (11155111), Holesky (17000) or Hoodi (560048).
    error DemoRupee_NotATestChain(uint256 chainId);

    constructor(address issuer) ERC20("Demo rupee (no value)", "dINR") ERC20Permit("Demo rupee") Ownable(issuer) {
        uint256 id = block.chainid;
        bool isLocal = id == 31337 || id == 1337;
        bool isTest = id == 11155111 || id == 17000 || id == 560048;
        if (!isLocal && !isTest) revert DemoRupee_NotATestChain(id);
    }

    /// @notice Issues `amount` millionths of a demo rupee to `to`.
    function mint(address to, uint256 amount) external onlyOwner {
        _mint(to, amount);
    }

    /// @inheritdoc ERC20
    function decimals() public pure override returns (uint8) {
        return 6;
    }
}
