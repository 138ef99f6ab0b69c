// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {DemoRupee} from "contracts/mocks/DemoRupee.sol";
import {Test} from "../Test.sol";

/// Money without value stays where money has none.
contract DemoRupeeTest is Test {
    function test_livesOnTestChainsOnly(uint64 chain) public {
        uint64[5] memory allowed = [uint64(31337), 1337, 11155111, 17000, 560048];
        for (uint256 i = 0; i < 5; ++i) {
            vm.chainId(allowed[i]);
            new DemoRupee(address(this));
            vm.assume(chain != allowed[i]);
        }
        vm.assume(chain > 0);
        vm.chainId(chain);
        vm.expectRevert(abi.encodeWithSelector(DemoRupee.DemoRupee_NotATestChain.selector, chain));
        new DemoRupee(address(this));
    }

    function test_issuedByItsOwnerAlone() public {
        DemoRupee coin = new DemoRupee(address(this));
        coin.mint(address(0xA), 5);
        assertEq(coin.balanceOf(address(0xA)), 5);
        assertEq(uint256(coin.decimals()), 6);
        vm.prank(address(0xA));
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, address(0xA)));
        coin.mint(address(0xA), 5);
    }
}
