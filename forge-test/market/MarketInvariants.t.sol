// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IEnergyMarket} from "contracts/interfaces/IEnergyMarket.sol";
import {Test} from "../Test.sol";
import {MarketHandler} from "./MarketHandler.sol";

/// Where all money and energy of the market is, whatever happens.
contract MarketInvariantsTest is Test {
    MarketHandler internal handler;
    IEnergyMarket internal market;

    function setUp() public {
        handler = new MarketHandler();
        handler.setUp();
        market = handler.theMarket();
        bytes4[] memory selectors = new bytes4[](16);
        selectors[0] = handler.buy.selector;
        selectors[1] = handler.buyWithEther.selector;
        selectors[2] = handler.sell.selector;
        selectors[3] = handler.topUp.selector;
        selectors[4] = handler.requestSupply.selector;
        selectors[5] = handler.useAndAcknowledge.selector;
        selectors[6] = handler.drawDown.selector;
        selectors[7] = handler.cancel.selector;
        selectors[8] = handler.cut.selector;
        selectors[9] = handler.finish.selector;
        selectors[10] = handler.withdrawRefund.selector;
        selectors[11] = handler.live.selector;
        selectors[12] = handler.enforce.selector;
        selectors[13] = handler.setPrices.selector;
        selectors[14] = handler.withdrawTakings.selector;
        selectors[15] = handler.pauseOrNot.selector;
        targetContract(address(handler));
        targetSelector(address(handler), selectors);
        bytes4[] memory behave = new bytes4[](1);
        behave[0] = handler.behave.selector;
        targetSelector(address(handler), behave);
    }

    function invariant_escrowAndReservationAreTheOpenRequests() public view {
        uint256 escrow;
        uint256 reserved;
        for (uint256 id = 1; id <= market.requestCount(); ++id) {
            IEnergyMarket.SupplyRequest memory supply = market.request(id);
            bool finished = supply.state == IEnergyMarket.RequestState.Finished;
            escrow += supply.escrowMicroInr;
            if (!finished) reserved += supply.boughtWh - supply.usedWh;
            if (finished) assertEq(supply.escrowMicroInr, 0);
            assertEq(handler.openRequestOf(handler.isSwitchOf(supply.switchId, true)) == id, !finished);
        }
        assertEq(market.escrowMicroInr(), escrow);
        assertEq(market.reservedWh(), reserved);
    }

    function invariant_everyRupeeHasItsPlace() public view {
        uint256 costs;
        uint256 used;
        for (uint256 id = 1; id <= market.requestCount(); ++id) {
            IEnergyMarket.SupplyRequest memory supply = market.request(id);
            uint256 due = (supply.usedWh * supply.priceMicroInrPerKwh + 999) / 1000;
            assertLe(due, handler.costOf(id), "nobody pays above the agreed cost");
            assertLe(supply.usedWh, supply.boughtWh);
            costs += handler.costOf(id);
            used += due;
        }
        assertEq(handler.inrOfMarket(), market.escrowMicroInr() + handler.refundsOwed() + market.takingsMicroInr());
        assertEq(
            market.takingsMicroInr() + handler.takingsWithdrawn() + handler.paidForEnergy(),
            handler.earnedFromSales() + used
        );
        assertEq(costs, used + market.escrowMicroInr() + handler.refundsOwed() + handler.refundsWithdrawn());
    }

    function invariant_unitsAreBackedAndPromisesKept() public view {
        (uint256 supply, uint256 sum) = handler.energySupplyAndSum();
        assertEq(supply, sum, "energy is conserved");
        (uint256 reserve, uint256 inr) = handler.reserveAndSupply();
        assertGe(reserve, inr, "the reserve covers the supply");
        assertEq(handler.broken(), "");
    }
}
