// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "../Test.sol";
import {MeteringHandler} from "./MeteringHandler.sol";

/// What holds of the meters' books whatever happens, see MeteringHandler.
contract MeteringInvariants is Test {
    MeteringHandler internal handler;

    function setUp() public {
        handler = new MeteringHandler();
        handler.setUp();
        bytes4[] memory actions = new bytes4[](15);
        actions[0] = handler.count.selector;
        actions[1] = handler.count.selector;
        actions[2] = handler.commit.selector;
        actions[3] = handler.commit.selector;
        actions[4] = handler.settleOne.selector;
        actions[5] = handler.settleSome.selector;
        actions[6] = handler.settleSome.selector;
        actions[7] = handler.forge.selector;
        actions[8] = handler.claim.selector;
        actions[9] = handler.setMode.selector;
        actions[10] = handler.moveOut.selector;
        actions[11] = handler.transfer.selector;
        actions[12] = handler.repay.selector;
        actions[13] = handler.setCommunityMode.selector;
        actions[14] = handler.advance.selector;
        targetContract(address(handler));
        targetSelector(address(handler), actions);
    }

    /// Energy in existence + drawn = supplied + owed: nothing is minted but what was metered or is owed, nothing lost.
    function invariant_energyIsConserved() public view {
        (uint256 suppliedWh, uint256 drawnWh) = handler.settledWh();
        assertEq(handler.supplyWh() + drawnWh, suppliedWh + handler.debtsWh());
        assertLe(handler.supplyWh(), suppliedWh + handler.advancedWh(), "minted <= metered + sold ahead");
    }

    /// A household has what its own terms gave it, less what it owes: not a Wh of the one before or after.
    function invariant_termsSayWhoseEnergyItIs() public view {
        int256 householdsWh;
        for (uint256 i = 0; i < 3; ++i) {
            address wallet = handler.wallets(i);
            int256 metered = int256(handler.energyOf(wallet)) - handler.receivedWh(wallet);
            int256 credited = handler.creditedByTermsWh(wallet);
            assertEq(metered - int256(handler.owedWh(wallet)), credited);
            householdsWh += credited;
        }
        // And the inventory has the rest.
        (uint256 suppliedWh, uint256 drawnWh) = handler.settledWh();
        address inventory = handler.inventoryWallet();
        int256 inventoryWh = int256(handler.energyOf(inventory)) - handler.receivedWh(inventory)
            - int256(handler.inventoryDebtWh());
        assertEq(inventoryWh + householdsWh, int256(suppliedWh) - int256(drawnWh));
    }

    function invariant_nothingForbiddenHappens() public view {
        assertEq(handler.registersWentBack(), 0, "settled registers never go back");
        assertEq(handler.totalsDiffer(), 0, "totals are the sum of the leaves");
        assertEq(handler.slotsCommittedTwice(), 0, "a slot is committed once");
        assertEq(handler.forgeriesAccepted(), 0, "no forged proof settles");
        assertEq(handler.advancedBeyondLimit(), 0, "nobody sells ahead beyond the limit");
    }
}
