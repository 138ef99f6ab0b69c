// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IPriorityRegistry} from "contracts/interfaces/IPriorityRegistry.sol";
import {Test} from "../Test.sol";
import {PriorityHandler} from "./PriorityHandler.sol";

/// A relay's state follows from order, charge, supply, override and minimum times, and from nothing else.
contract PriorityInvariants is Test {
    PriorityHandler internal handler;

    function setUp() public {
        handler = new PriorityHandler();
        handler.setUp();
        bytes4[] memory actions = new bytes4[](9);
        actions[0] = handler.report.selector;
        actions[1] = handler.drift.selector;
        actions[2] = handler.drift.selector;
        actions[3] = handler.wait_.selector;
        actions[4] = handler.reorder.selector;
        actions[5] = handler.setThresholds.selector;
        actions[6] = handler.setMargin.selector;
        actions[7] = handler.supply.selector;
        actions[8] = handler.force.selector;
        targetContract(address(handler));
        targetSelector(address(handler), actions);
    }

    function invariant_relaysFollowFromTheirCauses() public view {
        (uint256 shed, uint256 ghostShed) = handler.shedMask();
        assertEq(shed, ghostShed, "shed switches, by position in the order");
        for (uint16 id = 1; id <= handler.SWITCHES(); ++id) {
            (bool closed, bool ghostClosed) = handler.isClosed(id);
            assertEq(closed, ghostClosed, "a relay is not as order, charge, supply and override say");
            IPriorityRegistry.SwitchState memory state = handler.stateOf(id);
            assertEq(state.supplied, handler.ghostSupplied(id));
            if (!state.supplied && !state.closed) assertEq(uint256(state.cutoffWh), 0, "a cut-off outlived its supply");
        }
        assertTrue(!handler.anythingDue(), "a poke left something due");
    }
}
