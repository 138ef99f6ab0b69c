// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {BillingMode, MeterId} from "contracts/Types.sol";
import {IClearingHouse} from "contracts/interfaces/IClearingHouse.sol";
import {IDayAheadMarket} from "contracts/interfaces/IDayAheadMarket.sol";
import {DayAheadMarket} from "contracts/market/DayAheadMarket.sol";
import {MembersTest} from "./MembersTest.sol";

/// place: who, when, which tick and energy, how many, own crossings, money, arrears, paused
/// placeSigned: what the signature binds; expired, replayed, foreign
/// cancel: who, when, what, money back, crossing after it
/// clear: when, once, in parts; nothing to trade; no orders
/// claim: buyers' and sellers' money, part fills, twice, unknown, before clearing, limits
/// deliver: by the pool only
contract DayAheadMarketTest is MembersTest {
    uint64 internal slot;
    uint256 internal bobKey;

    function setUp() public override {
        super.setUp();
        (, bobKey) = makeAccount("bob");
        slot = _nextSlot();
    }

    // ---- placing

    function test_aBidLocksItsLimit() public {
        vm.expectEmit(address(dayAhead));
        emit IDayAheadMarket.OrderPlaced(1, HOUSE, slot, alice, IDayAheadMarket.Side.Bid, 501, 333, 1_668_330);
        assertEq(_place(HOUSE, _bid(slot, 501, 333)), 1);
        assertEq(house.lockedOf(alice), 1_668_330, "333 Wh at Rs 5.01, up");
        assertEq(house.escrowOf(address(dayAhead)), 1_668_330);
        (uint64[] memory bids, uint64[] memory offers) = dayAhead.bookOf(slot);
        assertEq(bids.length, TICKS);
        assertEq(bids[500], 333);
        assertEq(offers[500], 0);
        IDayAheadMarket.Order memory order = dayAhead.order(1);
        assertEq(MeterId.unwrap(order.meter), MeterId.unwrap(HOUSE));
        assertEq(order.slot, slot);
        assertTrue(order.state == IDayAheadMarket.OrderState.Open);
    }

    function test_anOfferLocksABondAtTheRetailPrice() public {
        _place(ROOF, _offer(slot, 400, 333));
        assertEq(house.lockedOf(bob), 2_331_000, "333 Wh at Rs 7");
        assertEq(dayAhead.order(1).bondPrice, RETAIL);
    }

    function test_manyOrdersOfManySlots() public {
        IDayAheadMarket.Placement[] memory orders = new IDayAheadMarket.Placement[](16);
        for (uint64 i = 0; i < 16; ++i) {
            orders[i] = IDayAheadMarket.Placement(slot + i / 8, IDayAheadMarket.Side.Bid, uint16(1 + i), 1_000);
        }
        assertEq(_place(HOUSE, orders), 1);
        assertEq(dayAhead.unclaimed(HOUSE, slot).length, 8);
        assertEq(dayAhead.unclaimed(HOUSE, slot + 1)[7], 16);
        assertEq(dayAhead.pendingSlots(HOUSE), 2);
        assertEq(house.lockedOf(alice), 136 * uint256(TICK));
        vm.expectRevert(
            abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_TooManyOrders.selector, HOUSE, slot, 8)
        );
        vm.prank(alice);
        dayAhead.place(HOUSE, _bid(slot, 1, 1_000));
    }

    function test_onlyTheTraderPlaces() public {
        _expectNotTrader(HOUSE, bob, alice);
        _expectNotTrader(CAR, bob, address(0));
        vm.prank(alice);
        registry.setBillingMode(HOUSE, BillingMode.Prepaid);
        _expectNotTrader(HOUSE, alice, address(0));
    }

    function _expectNotTrader(MeterId meter, address caller, address trader) private {
        vm.expectRevert(
            abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_NotTrader.selector, meter, caller, trader)
        );
        vm.prank(caller);
        dayAhead.place(meter, _bid(slot, 1, 1_000));
    }

    function test_theGateAndTheHorizon() public {
        uint256 closesAt = dayAhead.gateClosesAt(slot);
        assertEq(closesAt, uint256(slot) * SLOT_SECONDS - GATE_SECONDS);
        vm.warp(closesAt - 1);
        _place(HOUSE, _bid(slot, 1, 1_000));
        vm.warp(closesAt);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_GateClosed.selector, slot, closesAt));
        dayAhead.place(HOUSE, _bid(slot, 1, 1_000));
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_GateClosed.selector, slot, closesAt));
        dayAhead.cancel(_one(1));
        uint64 last = uint64((closesAt + 2 days) / SLOT_SECONDS);
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_TooFarAhead.selector, last + 1, last));
        dayAhead.place(HOUSE, _bid(last + 1, 1, 1_000));
        dayAhead.place(HOUSE, _bid(last, 1, 1_000));
        vm.expectPartialRevert(IDayAheadMarket.DayAheadMarket_TooFarAhead.selector);
        dayAhead.place(HOUSE, _bid(type(uint64).max, 1, 1_000));
        vm.expectPartialRevert(IDayAheadMarket.DayAheadMarket_GateClosed.selector);
        dayAhead.place(HOUSE, _bid(0, 1, 1_000));
        vm.stopPrank();
    }

    function test_ticksAndEnergy() public {
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_BadTick.selector, 0, TICKS));
        dayAhead.place(HOUSE, _bid(slot, 0, 1_000));
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_BadTick.selector, TICKS + 1, TICKS));
        dayAhead.place(HOUSE, _bid(slot, TICKS + 1, 1_000));
        uint32 most = dayAhead.MAX_ORDER_WH();
        vm.expectRevert(
            abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_BadEnergy.selector, 9, MIN_ORDER_WH, most)
        );
        dayAhead.place(HOUSE, _bid(slot, 1, 9));
        vm.expectRevert(
            abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_BadEnergy.selector, most + 1, MIN_ORDER_WH, most)
        );
        dayAhead.place(HOUSE, _bid(slot, 1, most + 1));
        vm.expectRevert(IDayAheadMarket.DayAheadMarket_NoOrders.selector);
        dayAhead.place(HOUSE, new IDayAheadMarket.Placement[](0));
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_BatchTooLong.selector, 257, 256));
        dayAhead.place(HOUSE, new IDayAheadMarket.Placement[](257));
        vm.stopPrank();
    }

    function test_nobodyTradesWithItself() public {
        _place(ROOF, _bid(slot, 300, 1_000));
        _place(ROOF, _offer(slot, 301, 1_000));
        vm.startPrank(bob);
        vm.expectRevert(
            abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_CrossesOwn.selector, ROOF, slot, 301, 301)
        );
        dayAhead.place(ROOF, _bid(slot, 301, 1_000));
        vm.expectRevert(
            abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_CrossesOwn.selector, ROOF, slot, 300, 300)
        );
        dayAhead.place(ROOF, _offer(slot, 300, 1_000));
        // Of another slot, or after the one is cancelled, it may.
        dayAhead.place(ROOF, _bid(slot + 1, 500, 1_000));
        dayAhead.cancel(_one(2));
        dayAhead.place(ROOF, _bid(slot, 301, 1_000));
        vm.stopPrank();
    }

    function test_whatIsNotThereCannotBeLocked() public {
        vm.prank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(
                IClearingHouse.ClearingHouse_TooLittleFree.selector, alice, 1_000 * RUPEE, 1_010 * RUPEE
            )
        );
        dayAhead.place(HOUSE, _bid(slot, 1_000, 101_000));
        assertEq(dayAhead.orderCount(), 0);
    }

    function test_pauseStopsPlacingOnly() public {
        _place(HOUSE, _bid(slot, 500, 1_000));
        _expectUnauthorized(alice);
        vm.prank(alice);
        dayAhead.pause();
        vm.startPrank(pauser);
        dayAhead.pause();
        vm.stopPrank();
        vm.startPrank(alice);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        dayAhead.place(HOUSE, _bid(slot, 500, 1_000));
        vm.expectRevert(Pausable.EnforcedPause.selector);
        dayAhead.placeSigned(HOUSE, _bid(slot, 500, 1_000), type(uint256).max, "");
        dayAhead.cancel(_one(1));
        vm.stopPrank();
        assertEq(house.lockedOf(alice), 0);
        vm.prank(pauser);
        dayAhead.unpause();
        _place(HOUSE, _bid(slot, 500, 1_000));
    }

    // ---- dust

    /// Rs 5.01 by 11 and 13 Wh: 55.11 and 65.13 thousandths of a rupee; three bids and three offers of odd sizes.
    function test_dustGoesToTheBackerAndNothingElseDoes() public {
        vm.expectRevert(IDayAheadMarket.DayAheadMarket_NoDust.selector);
        dayAhead.sweepDust();
        // With a tick of Rs 0.01 a kWh, 10 000 micro-rupees, no rounding is left: energy times price is whole.
        DayAheadMarket odd = _oddMarket();
        _placeAt(odd, HOUSE, _bid(slot, 5, 33));
        _placeAt(odd, COTTAGE, _bid(slot, 5, 34));
        _placeAt(odd, ROOF, _offer(slot, 5, 31));
        _placeAt(odd, BARN, _offer(slot, 5, 36));
        vm.warp(odd.gateClosesAt(slot));
        assertTrue(odd.clear(slot, type(uint256).max));
        uint256[] memory ids = new uint256[](4);
        for (uint256 i = 0; i < 4; ++i) {
            ids[i] = i + 1;
        }
        uint256 wealth = _wealth(alice) + _wealth(bob) + _wealth(carol) + _wealth(dave);
        odd.claim(ids);
        // 5 x 333 micro-rupees a kWh: 54.945 -> 55, 56.61 -> 57; 51.615 -> 51, 59.94 -> 59.
        uint256 lost = wealth - (_wealth(alice) + _wealth(bob) + _wealth(carol) + _wealth(dave));
        assertEq(lost, 2);
        assertEq(odd.dustMicroInr(), 2);
        uint256 before = house.balanceOf(operator);
        uint256 escrow = house.escrowOf(address(odd));
        vm.expectEmit(address(odd));
        emit IDayAheadMarket.DustSwept(operator, 2);
        vm.prank(makeAddr("anybody"));
        assertEq(odd.sweepDust(), 2);
        assertEq(house.balanceOf(operator), before + 2);
        assertEq(house.escrowOf(address(odd)), escrow - 2);
        vm.expectRevert(IDayAheadMarket.DayAheadMarket_NoDust.selector);
        odd.sweepDust();
    }

    function _oddMarket() private returns (DayAheadMarket odd) {
        odd = new DayAheadMarket(
            address(manager), house, pool, SLOT_SECONDS, DayAheadMarket.Rules(333, TICKS, GATE_SECONDS, 2 days, 10)
        );
        manager.grantRole(CLEARING, address(odd), 0);
    }

    function _placeAt(DayAheadMarket at, MeterId meter, IDayAheadMarket.Placement[] memory orders) private {
        vm.prank(pool.traderOf(meter));
        at.place(meter, orders);
    }

    // ---- signed orders

    function _sign(MeterId meter, IDayAheadMarket.Placement[] memory orders, uint256 nonce, uint256 deadline)
        private
        view
        returns (bytes memory)
    {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(bobKey, dayAhead.orderDigest(meter, orders, nonce, deadline));
        return abi.encodePacked(r, s, v);
    }

    function test_signedOrdersCountOnce() public {
        uint256 deadline = block.timestamp + 60;
        bytes memory signature = _sign(ROOF, _offer(slot, 300, 2_000), 0, deadline);
        vm.prank(carol);
        assertEq(dayAhead.placeSigned(ROOF, _offer(slot, 300, 2_000), deadline, signature), 1);
        assertEq(dayAhead.position(ROOF, slot).holder, bob);
        assertEq(house.lockedOf(bob), 14 * RUPEE);
        assertEq(dayAhead.nonces(bob), 1);
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_BadSignature.selector, bob));
        dayAhead.placeSigned(ROOF, _offer(slot, 300, 2_000), deadline, signature);
    }

    function test_aSignatureBindsEverything() public {
        uint256 deadline = block.timestamp + 60;
        bytes memory signature = _sign(ROOF, _offer(slot, 300, 2_000), 0, deadline);
        bytes memory refusal = abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_BadSignature.selector, bob);
        vm.expectRevert(refusal);
        dayAhead.placeSigned(ROOF, _offer(slot, 299, 2_000), deadline, signature);
        vm.expectRevert(refusal);
        dayAhead.placeSigned(ROOF, _offer(slot, 300, 2_001), deadline, signature);
        vm.expectRevert(refusal);
        dayAhead.placeSigned(ROOF, _offer(slot + 1, 300, 2_000), deadline, signature);
        vm.expectRevert(refusal);
        dayAhead.placeSigned(ROOF, _bid(slot, 300, 2_000), deadline, signature);
        vm.expectRevert(refusal);
        dayAhead.placeSigned(ROOF, _offer(slot, 300, 2_000), deadline + 1, signature);
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_BadSignature.selector, dave));
        dayAhead.placeSigned(BARN, _offer(slot, 300, 2_000), deadline, signature);
        vm.expectPartialRevert(IDayAheadMarket.DayAheadMarket_NotTrader.selector);
        dayAhead.placeSigned(CAR, _offer(slot, 300, 2_000), deadline, signature);
        vm.warp(deadline + 1);
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_Expired.selector, deadline));
        dayAhead.placeSigned(ROOF, _offer(slot, 300, 2_000), deadline, signature);
    }

    // ---- cancelling

    function test_cancel() public {
        _place(HOUSE, _bid(slot, 500, 1_000));
        _place(HOUSE, _bid(slot, 400, 3_000));
        vm.expectEmit(address(dayAhead));
        emit IDayAheadMarket.OrderCancelled(1, 5 * RUPEE);
        vm.prank(alice);
        dayAhead.cancel(_one(1));
        assertEq(house.lockedOf(alice), 12 * RUPEE);
        (uint64[] memory bids,) = dayAhead.bookOf(slot);
        assertEq(bids[499], 0);
        assertEq(bids[399], 3_000);
        uint256[] memory open = dayAhead.unclaimed(HOUSE, slot);
        assertEq(open.length, 1);
        assertEq(open[0], 2);
    }

    function test_cancelRefusals() public {
        _place(HOUSE, _bid(slot, 500, 1_000));
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_NotOwner.selector, 1, bob));
        vm.prank(bob);
        dayAhead.cancel(_one(1));
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_UnknownOrder.selector, 2));
        dayAhead.cancel(_one(2));
        vm.expectRevert(
            abi.encodeWithSelector(
                IDayAheadMarket.DayAheadMarket_NotOpen.selector, 1, IDayAheadMarket.OrderState.Cancelled
            )
        );
        dayAhead.cancel(_two(1, 1));
        vm.expectPartialRevert(IDayAheadMarket.DayAheadMarket_BatchTooLong.selector);
        dayAhead.cancel(new uint256[](257));
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_UnknownOrder.selector, 3));
        dayAhead.order(3);
    }

    // ---- clearing

    function test_clear() public {
        _place(HOUSE, _bid(slot, 600, 1_000));
        _place(COTTAGE, _bid(slot, 500, 3_000));
        _place(ROOF, _offer(slot, 300, 2_000));
        vm.expectRevert(
            abi.encodeWithSelector(
                IDayAheadMarket.DayAheadMarket_GateOpen.selector, slot, dayAhead.gateClosesAt(slot)
            )
        );
        dayAhead.clear(slot, 1_000);
        _shut(slot);
        vm.expectEmit(address(dayAhead));
        emit IDayAheadMarket.SlotCleared(
            slot, 500, 5_000_000, 2_000, IDayAheadMarket.Rationed.Bids, 1_000, 3_000
        );
        assertTrue(dayAhead.clear(slot, type(uint256).max));
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_AlreadyCleared.selector, slot));
        dayAhead.clear(slot, 1);
    }

    function test_aSlotWithoutOrdersClears() public {
        _clear(slot);
        assertEq(dayAhead.clearing(slot).tick, 0);
    }

    function test_whatDoesNotCrossTradesNothing() public {
        _place(HOUSE, _bid(slot, 299, 1_000));
        _place(ROOF, _offer(slot, 300, 2_000));
        _clear(slot);
        _claimAll();
        assertEq(dayAhead.clearing(slot).volumeWh, 0);
        assertEq(_wealth(alice), 1_000 * RUPEE);
        assertEq(house.lockedOf(bob), 0);
    }

    function testFuzz_inPartsOrAtOnce(uint256 seed, uint256 part) public {
        _placeRandom(seed, slot);
        _shut(slot);
        uint256 snapshot = vm.snapshotState();
        assertTrue(dayAhead.clear(slot, type(uint256).max));
        bytes32 atOnce = keccak256(abi.encode(dayAhead.clearing(slot)));
        vm.revertToState(snapshot);
        part = bound(part, 1, 700);
        uint256 calls = 0;
        while (!dayAhead.clear(slot, part)) ++calls;
        assertEq(keccak256(abi.encode(dayAhead.clearing(slot))), atOnce);
        assertLe(calls * part, 2 * uint256(TICKS));
        assertTrue(!_tryClear(slot));
    }

    function _tryClear(uint64 which) private returns (bool) {
        try dayAhead.clear(which, 1) returns (bool) {
            return true;
        } catch {
            return false;
        }
    }

    /// A few orders of each member that do not cross their own.
    function _placeRandom(uint256 seed, uint64 which) private {
        MeterId[] memory members = _all();
        for (uint256 i = 0; i < 12; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint16 tick = uint16(1 + (seed >> 8) % 1000);
            uint32 wh = uint32(10 + (seed >> 64) % 5_000);
            address trader = pool.traderOf(members[seed % 4]);
            vm.prank(trader);
            try dayAhead.place(members[seed % 4], seed % 3 == 0 ? _bid(which, tick, wh) : _offer(which, tick, wh)) {}
                catch {}
        }
    }

    // ---- claiming

    function test_claim() public {
        _place(HOUSE, _bid(slot, 600, 1_000));
        _place(COTTAGE, _bid(slot, 500, 3_000));
        _place(ROOF, _offer(slot, 300, 2_000));
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_NotCleared.selector, slot));
        dayAhead.claim(_one(1));
        _clear(slot);
        vm.expectEmit(address(dayAhead));
        emit IDayAheadMarket.OrderClaimed(3, ROOF, slot, 2_000, 0, 10 * RUPEE, 0);
        dayAhead.claim(_one(3));
        assertEq(house.balanceOf(bob), 996 * RUPEE, "paid before any buyer has claimed");
        assertEq(house.lockedOf(bob), 14 * RUPEE, "the bond stays");
        vm.expectEmit(address(dayAhead));
        emit IDayAheadMarket.OrderClaimed(1, HOUSE, slot, 1_000, 5 * RUPEE, 0, 1 * RUPEE);
        dayAhead.claim(_two(1, 2));
        assertEq(_wealth(alice), 995 * RUPEE);
        assertEq(_wealth(carol), 995 * RUPEE, "1 of 3 kWh");
        assertEq(house.lockedOf(carol), 0);
        assertEq(dayAhead.positionWh(ROOF, slot), 2_000);
        assertEq(dayAhead.positionWh(HOUSE, slot), -1_000);
        assertEq(dayAhead.position(ROOF, slot).bondMicroInr, 14 * RUPEE);
        assertEq(dayAhead.order(2).filledWh, 1_000);

        // Once more changes nothing.
        vm.recordLogs();
        _claimAll();
        assertEq(vm.getRecordedLogs().length, 0);
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_UnknownOrder.selector, 4));
        dayAhead.claim(_one(4));
        vm.expectPartialRevert(IDayAheadMarket.DayAheadMarket_BatchTooLong.selector);
        dayAhead.claim(new uint256[](257));
    }

    function testFuzz_conservationAndLimits(uint256 seed, bool backwards) public {
        _placeRandom(seed, slot);
        _clear(slot);
        uint256 count = dayAhead.orderCount();
        uint256[] memory ids = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            ids[i] = backwards ? count - i : i + 1;
        }
        dayAhead.claim(ids);
        IDayAheadMarket.Clearing memory clearing = dayAhead.clearing(slot);
        uint256 bought;
        uint256 sold;
        for (uint256 id = 1; id <= count; ++id) {
            IDayAheadMarket.Order memory order = dayAhead.order(id);
            assertLe(order.filledWh, order.energyWh);
            if (order.filledWh == 0) continue;
            if (order.side == IDayAheadMarket.Side.Bid) {
                bought += order.filledWh;
                assertGe(order.tick, clearing.tick, "nobody pays more than its limit");
            } else {
                sold += order.filledWh;
                assertLe(order.tick, clearing.tick, "nobody gets less than its limit");
            }
        }
        assertEq(bought, sold);
        assertEq(bought, clearing.volumeWh);
        assertEq(clearing.claimedWh, clearing.rationed == IDayAheadMarket.Rationed.Nobody ? 0 : clearing.atTickWh);
        uint256 bonds;
        uint256 wealth = _wealth(alice) + _wealth(bob) + _wealth(carol) + _wealth(dave);
        MeterId[] memory members = _all();
        for (uint256 i = 0; i < 4; ++i) {
            bonds += dayAhead.position(members[i], slot).bondMicroInr;
        }
        uint256 roundings = 4_000 * RUPEE - wealth;
        assertLt(roundings, count + 1, "less than a micro-rupee an order");
        assertEq(house.escrowOf(address(dayAhead)), bonds + roundings);
    }

    function test_deliverIsForThePool() public {
        _expectUnauthorized(alice);
        vm.prank(alice);
        dayAhead.deliver(HOUSE, 0, slot);
    }

    // ---- set-up

    function test_rulesAreChecked() public {
        _expectBad("tickSizeMicroInrPerKwh", DayAheadMarket.Rules(0, 1000, 60, 3600, 10));
        _expectBad("tickSizeMicroInrPerKwh", DayAheadMarket.Rules(2 ** 31, 2, 60, 3600, 10));
        _expectBad("tickCount", DayAheadMarket.Rules(1, 0, 60, 3600, 10));
        _expectBad("tickCount", DayAheadMarket.Rules(1, 1001, 60, 3600, 10));
        _expectBad("horizonSeconds", DayAheadMarket.Rules(1, 1000, 60, 60, 10));
        _expectBad("minOrderWh", DayAheadMarket.Rules(1, 1000, 60, 3600, 0));
        _expectBad("minOrderWh", DayAheadMarket.Rules(1, 1000, 60, 3600, 2 ** 31));
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_BadParameter.selector, "slotSeconds"));
        new DayAheadMarket(address(manager), house, pool, 0, _rules());
        assertEq(dayAhead.tickSizeMicroInrPerKwh(), TICK);
        assertEq(dayAhead.tickCount(), TICKS);
        assertEq(dayAhead.gateSeconds(), GATE_SECONDS);
        assertEq(dayAhead.horizonSeconds(), 2 days);
        assertEq(dayAhead.minOrderWh(), MIN_ORDER_WH);
    }

    function _expectBad(string memory name, DayAheadMarket.Rules memory rules) private {
        vm.expectRevert(abi.encodeWithSelector(IDayAheadMarket.DayAheadMarket_BadParameter.selector, name));
        new DayAheadMarket(address(manager), house, pool, SLOT_SECONDS, rules);
    }
}
