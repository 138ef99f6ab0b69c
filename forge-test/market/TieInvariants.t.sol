// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Test} from "../Test.sol";
import {TieHandler} from "./TieHandler.sol";

/// Money between microgrids, whatever flows and whoever stays silent.
contract TieInvariantsTest is Test {
    TieHandler internal handler;
    uint256 private _wealth;

    function setUp() public {
        handler = new TieHandler();
        handler.setUp();
        _wealth = handler.wealth();
        bytes4[] memory selectors = new bytes4[](11);
        selectors[0] = handler.flow.selector;
        selectors[1] = handler.flow.selector;
        selectors[2] = handler.showLate.selector;
        selectors[3] = handler.settleSilent.selector;
        selectors[4] = handler.agree.selector;
        selectors[5] = handler.arbitrate.selector;
        selectors[6] = handler.timeOut.selector;
        selectors[7] = handler.fund.selector;
        selectors[8] = handler.withdraw.selector;
        selectors[9] = handler.spend.selector;
        selectors[10] = handler.payOwed.selector;
        targetContract(address(handler));
        targetSelector(address(handler), selectors);
    }

    function invariant_lockedIsGuaranteesAndDisputes() public view {
        assertEq(handler.escrow(), handler.secured());
    }

    function invariant_moneyIsConserved() public view {
        assertEq(handler.wealth(), _wealth);
    }

    function invariant_disputesHoldOnlyTheirSlots() public view {
        assertTrue(handler.mostFrozen());
        assertEq(handler.broken(), "");
    }
}
