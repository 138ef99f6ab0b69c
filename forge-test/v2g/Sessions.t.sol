// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode, EntityKind, EvId, Leaf, MeterId, Registers} from "contracts/Types.sol";
import {IClearingHouse} from "contracts/interfaces/IClearingHouse.sol";
import {IEvRegistry} from "contracts/interfaces/IEvRegistry.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {IOracleQuorum} from "contracts/interfaces/IOracleQuorum.sol";
import {IOrderRules} from "contracts/interfaces/IOrderRules.sol";
import {IV2GExchange} from "contracts/interfaces/IV2GExchange.sol";
import {V2GTest} from "./V2GTest.sol";

/// A wallet that is a contract: it takes one digest for signed, or misbehaves when asked.
contract SigningWallet {
    bytes32 public accepted;
    bool public burnsGas;

    function accept(bytes32 digest) external {
        accepted = digest;
    }

    function burnGas() external {
        burnsGas = true;
    }

    function execute(address target, bytes calldata data) external returns (bytes memory) {
        (bool done, bytes memory answer) = target.call(data);
        require(done, "refused");
        return answer;
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        while (burnsGas) {}
        return digest == accepted ? this.isValidSignature.selector : bytes4(0xffffffff);
    }
}

contract SessionsTest is V2GTest {
    bytes4 private constant BUSY = IV2GExchange.V2GExchange_EvBusy.selector;

    // ------------------------------------------------------------------ cars and charge points

    function test_register_car() public {
        vm.prank(alice);
        EvId ev = vehicles.registerEv(60_000, 1_000);
        assertEq(EvId.unwrap(ev), 3);
        IEvRegistry.Ev memory found = vehicles.evOf(ev);
        assertEq(found.owner, alice);
        assertEq(found.capacityWh, 60_000);
        assertEq(found.reserveBps, 1_000);
        assertEq(vehicles.evCount(), 3);
    }

    function test_register_refusesWhatCannotBe() public {
        vm.expectRevert(abi.encodeWithSelector(IEvRegistry.EvRegistry_BadCapacity.selector, 0));
        vehicles.registerEv(0, 0);
        vm.expectRevert(abi.encodeWithSelector(IEvRegistry.EvRegistry_BadCapacity.selector, 1_000_001));
        vehicles.registerEv(1_000_001, 0);
        vm.expectRevert(abi.encodeWithSelector(IEvRegistry.EvRegistry_BadShare.selector, 10_001));
        vehicles.registerEv(1, 10_001);
    }

    function test_reserve_isTheOwners() public {
        vm.prank(alice);
        vehicles.setReserve(car, 7_000);
        assertEq(vehicles.evOf(car).reserveBps, 7_000);
        vm.expectRevert(abi.encodeWithSelector(IEvRegistry.EvRegistry_NotOwner.selector, car, bob));
        vm.prank(bob);
        vehicles.setReserve(car, 0);
        EvId nobodys = EvId.wrap(9);
        vm.expectRevert(abi.encodeWithSelector(IEvRegistry.EvRegistry_UnknownEv.selector, nobodys));
        vehicles.setReserve(nobodys, 0);
    }

    function test_retired_startsNoSession() public {
        vm.prank(alice);
        vehicles.retireEv(car);
        bytes memory refused = abi.encodeWithSelector(IEvRegistry.EvRegistry_EvRetired.selector, car);
        this.tryBegin(_authorisation(car, POINT), aliceKey, 5_000, refused);
        vm.expectRevert(refused);
        vm.prank(alice);
        vehicles.retireEv(car);
    }

    function test_chargePoint_mustBeACommunityEvMeter() public {
        vm.startPrank(operator);
        vm.expectRevert(abi.encodeWithSelector(IEvRegistry.EvRegistry_BadMeter.selector, HOUSE));
        vehicles.setChargePoint(HOUSE, 1, 1);
        vm.stopPrank();
        _claim(CAR, bob, BillingMode.Prepaid);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IEvRegistry.EvRegistry_BadMeter.selector, CAR));
        vehicles.setChargePoint(CAR, 1, 1);
        _expectUnauthorized(alice);
        vm.prank(alice);
        vehicles.setChargePoint(POINT, 0, 0);
    }

    function test_chargePoint_takenOutOrClaimedStartsNoSession() public {
        vm.prank(operator);
        vehicles.setChargePoint(POINT, 0, 0);
        bytes memory refused = abi.encodeWithSelector(IEvRegistry.EvRegistry_NoChargePoint.selector, POINT);
        this.tryBegin(_authorisation(car, POINT), aliceKey, 5_000, refused);
        _claim(OTHER_POINT, bob, BillingMode.Prepaid);
        refused = abi.encodeWithSelector(IEvRegistry.EvRegistry_BadMeter.selector, OTHER_POINT);
        this.tryBegin(_authorisation(car, OTHER_POINT), aliceKey, 5_000, refused);
    }

    function test_limits_areChecked() public {
        IEvRegistry.Limits memory limits = _limits();
        limits.minEfficiencyBps = 4_999;
        _refuseLimits(limits, "minEfficiencyBps");
        limits = _limits();
        limits.socToleranceBps = 1_001;
        _refuseLimits(limits, "socToleranceBps");
        limits = _limits();
        limits.gapSeconds = 0;
        _refuseLimits(limits, "gapSeconds");
        limits = _limits();
        limits.abandonSeconds = limits.gapSeconds - 1;
        _refuseLimits(limits, "abandonSeconds");
    }

    function _refuseLimits(IEvRegistry.Limits memory limits, string memory field) private {
        vm.expectRevert(abi.encodeWithSelector(IEvRegistry.EvRegistry_BadLimits.selector, field));
        vm.prank(operator);
        vehicles.setLimits(limits);
    }

    // ------------------------------------------------------------------ start

    function test_start_locksTheEscrow() public {
        uint256 id = _begin();
        IV2GExchange.Session memory session = exchange.session(id);
        assertEq(session.owner, alice);
        assertEq(session.socBps, 5_000);
        assertEq(session.capacityWh, CAPACITY);
        assertEq(house.lockedOf(alice), ESCROW);
        assertEq(house.escrowOf(address(exchange)), ESCROW + BUDGET);
        (uint64 nonce, uint256 sessionId) = exchange.evState(car);
        assertEq(nonce, 1);
        assertEq(sessionId, id);
        assertEq(exchange.sessionAt(POINT), id);
    }

    function test_start_twoSessionsOnOneCar() public {
        uint256 id = _begin();
        IV2GExchange.Authorisation memory second = _authorisation(car, OTHER_POINT);
        this.tryBegin(second, aliceKey, 5_000, abi.encodeWithSelector(BUSY, car, id));
    }

    function test_start_twoCarsAtOnePoint() public {
        uint256 id = _begin();
        bytes memory refused = abi.encodeWithSelector(IV2GExchange.V2GExchange_ChargePointBusy.selector, POINT, id);
        this.tryBegin(_authorisation(otherCar, POINT), bobKey, 5_000, refused);
    }

    function test_start_replay() public {
        IV2GExchange.Authorisation memory agreed = _authorisation(car, POINT);
        uint256 id = _begin(agreed, aliceKey, 5_000);
        vm.prank(alice);
        exchange.end(id);
        bytes memory refused = abi.encodeWithSelector(IV2GExchange.V2GExchange_WrongNonce.selector, 0, 1);
        this.tryBegin(agreed, aliceKey, 5_000, refused);
    }

    function test_start_cancelledAuthorisation() public {
        IV2GExchange.Authorisation memory agreed = _authorisation(car, POINT);
        vm.expectRevert(abi.encodeWithSelector(IV2GExchange.V2GExchange_NotOwner.selector, car, bob));
        vm.prank(bob);
        exchange.cancelAuthorisations(car);
        vm.prank(alice);
        exchange.cancelAuthorisations(car);
        bytes memory refused = abi.encodeWithSelector(IV2GExchange.V2GExchange_WrongNonce.selector, 0, 1);
        this.tryBegin(agreed, aliceKey, 5_000, refused);
    }

    function test_start_expired() public {
        IV2GExchange.Authorisation memory agreed = _authorisation(car, POINT);
        skip(2 hours);
        bytes memory refused =
            abi.encodeWithSelector(IV2GExchange.V2GExchange_Expired.selector, agreed.validUntil);
        this.tryBegin(agreed, aliceKey, 5_000, refused);
    }

    function test_start_badDepartureAndShares() public {
        IV2GExchange.Authorisation memory agreed = _authorisation(car, POINT);
        agreed.departureSlot = ledger.currentSlot();
        bytes memory refused =
            abi.encodeWithSelector(IV2GExchange.V2GExchange_BadDeparture.selector, agreed.departureSlot);
        this.tryBegin(agreed, aliceKey, 5_000, refused);
        refused = abi.encodeWithSelector(IV2GExchange.V2GExchange_BadShare.selector, 10_001);
        agreed = _authorisation(car, POINT);
        agreed.reserveBps = 10_001;
        this.tryBegin(agreed, aliceKey, 5_000, refused);
        agreed = _authorisation(car, POINT);
        agreed.targetBps = 10_001;
        this.tryBegin(agreed, aliceKey, 5_000, refused);
        this.tryBegin(_authorisation(car, POINT), aliceKey, 10_001, refused);
    }

    function test_start_anothersSignature() public {
        bytes memory refused = abi.encodeWithSelector(IV2GExchange.V2GExchange_BadSignature.selector, alice);
        this.tryBegin(_authorisation(car, POINT), bobKey, 5_000, refused);
    }

    function test_start_wrongPlug() public {
        IV2GExchange.Authorisation memory agreed = _authorisation(car, POINT);
        bytes memory signature = _signWith(aliceKey, exchange.authorisationDigest(agreed));
        IV2GExchange.PlugReport memory plugged = _plug(car, OTHER_POINT, 5_000);
        bytes[] memory signatures = _byOracle(exchange.plugDigest(plugged));
        vm.expectRevert(
            abi.encodeWithSelector(IV2GExchange.V2GExchange_WrongPlug.selector, car, OTHER_POINT)
        );
        exchange.start(agreed, signature, plugged, signatures);
    }

    function test_start_stalePlug() public {
        IV2GExchange.Authorisation memory agreed = _authorisation(car, POINT);
        bytes memory signature = _signWith(aliceKey, exchange.authorisationDigest(agreed));
        IV2GExchange.PlugReport memory plugged = _plug(car, POINT, 5_000);
        uint64 now_ = plugged.slot;
        bytes4 stale = IV2GExchange.V2GExchange_StaleSoc.selector;
        plugged.slot = now_ - 5;
        bytes[] memory signatures = _byOracle(exchange.plugDigest(plugged));
        vm.expectRevert(abi.encodeWithSelector(stale, now_ - 5, now_ - 4));
        exchange.start(agreed, signature, plugged, signatures);
        plugged.slot = now_ + 1;
        signatures = _byOracle(exchange.plugDigest(plugged));
        vm.expectRevert(abi.encodeWithSelector(stale, now_ + 1, now_ - 4));
        exchange.start(agreed, signature, plugged, signatures);
    }

    function test_start_withoutTheOracle() public {
        IV2GExchange.Authorisation memory agreed = _authorisation(car, POINT);
        bytes memory signature = _signWith(aliceKey, exchange.authorisationDigest(agreed));
        IV2GExchange.PlugReport memory plugged = _plug(car, POINT, 5_000);
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_TooFewSignatures.selector, 0, 1));
        exchange.start(agreed, signature, plugged, new bytes[](0));
        bytes[] memory forged = new bytes[](1);
        forged[0] = _signWith(bobKey, exchange.plugDigest(plugged));
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_BadSigner.selector, bob));
        exchange.start(agreed, signature, plugged, forged);
    }

    function test_start_moreEscrowThanThereIs() public {
        IV2GExchange.Authorisation memory agreed = _authorisation(car, POINT);
        agreed.maxCostMicroInr = uint128(DEPOSIT + 1);
        bytes memory refused = abi.encodeWithSelector(
            IClearingHouse.ClearingHouse_TooLittleFree.selector, alice, DEPOSIT, DEPOSIT + 1
        );
        this.tryBegin(agreed, aliceKey, 5_000, refused);
    }

    function test_start_ownerIsAContract() public {
        SigningWallet wallet = new SigningWallet();
        wallet.execute(address(vehicles), abi.encodeCall(vehicles.registerEv, (CAPACITY, 0)));
        EvId ev = EvId.wrap(3);
        IV2GExchange.Authorisation memory agreed = _authorisation(ev, POINT);
        agreed.maxCostMicroInr = 0;
        bytes memory refused =
            abi.encodeWithSelector(IV2GExchange.V2GExchange_BadSignature.selector, address(wallet));
        this.tryBegin(agreed, aliceKey, 5_000, refused);
        wallet.accept(exchange.authorisationDigest(agreed));
        uint256 id = _begin(agreed, aliceKey, 5_000);
        assertEq(exchange.session(id).owner, address(wallet));
        wallet.burnGas();
        vm.prank(address(wallet));
        exchange.end(id);
    }

    function tryBegin(
        IV2GExchange.Authorisation memory agreed,
        uint256 key,
        uint16 socBps,
        bytes memory refused
    ) external {
        IV2GExchange.PlugReport memory plugged = _plug(agreed.ev, agreed.chargePoint, socBps);
        bytes memory signature = _signWith(key, exchange.authorisationDigest(agreed));
        bytes[] memory signatures = _byOracle(exchange.plugDigest(plugged));
        vm.expectRevert(refused);
        exchange.start(agreed, signature, plugged, signatures);
    }

    // ------------------------------------------------------------------ settlement

    function test_settle_chargingCostsTheBasePrice() public {
        uint256 id = _atNoon();
        _charge(id, 1_501, 1);
        _pass(id);
        uint64 slot = _flow(1_501, 0);
        _settleSession(id, slot);
        // Rs 6.50 x 1.501 kWh, up
        assertEq(exchange.session(id).cost, 9_756_500);
        assertEq(house.balanceOf(operator), 9_756_500);
        assertEq(house.lockedOf(alice), ESCROW - 9_756_500);
        IV2GExchange.Flow[] memory flows = exchange.auditEnergyFlow(id, 0, 10);
        assertEq(flows.length, 2);
        assertEq(flows[0].chargedWh, 0);
        assertEq(flows[1].slot, slot);
        assertEq(flows[1].chargedWh, 1_501);
        assertEq(flows[1].costMicroInr, 9_756_500);
        assertEq(exchange.auditEnergyFlow(id, 2, 10).length, 0);
    }

    function test_settle_dischargingEarnsTheMultiple() public {
        uint256 id = _inTheEvening();
        _discharge(id, 1_000, 1);
        (uint256 free, uint256 reserved) = exchange.budget();
        assertEq(reserved, 24 * RUPEE); // Rs 12 x 2 for a kWh is the most that the settings admit
        assertEq(free, BUDGET - 24 * RUPEE);
        _pass(id);
        _settleSession(id, _flow(0, 1_000));
        // demand 3000/4000 and carbon half way, each half: multiplier 1.625
        assertEq(exchange.session(id).reward, 10_562_500);
        assertEq(house.balanceOf(alice), DEPOSIT - ESCROW + 10_562_500);
        (free, reserved) = exchange.budget();
        assertEq(reserved, 0);
        assertEq(free, BUDGET - 10_562_500);
    }

    function test_settle_midSessionPriceChange() public {
        uint256 id = _atNoon();
        _charge(id, 1_000, 2);
        _pass(id);
        // In this slot the price rises; this slot and its energy keep the old one.
        vm.prank(operator);
        posted.setPrices(7_000_000, SELL_PRICE);
        uint64 first = _flow(1_000, 0);
        _settleSession(id, first);
        assertEq(exchange.session(id).cost, 6_500_000);
        rates.updateIncentiveRates(); // for the slot after the running one
        _settleSession(id, _flow(1_000, 0));
        assertEq(exchange.session(id).cost, 13_000_000);
        _settleSession(id, _flow(1_000, 0));
        assertEq(exchange.session(id).cost, 20_000_000);
    }

    function test_settle_priceNeverAboveTheSigned() public {
        uint256 id = _atNoon();
        _charge(id, 1_000, 8);
        vm.prank(operator);
        posted.setPrices(11_000_000, SELL_PRICE);
        _settleSession(id, _flow(0, 0));
        rates.updateIncentiveRates();
        _settleSession(id, _flow(0, 0));
        _settleSession(id, _flow(1_000, 0));
        assertEq(exchange.session(id).cost, 8_000_000); // signed: Rs 8
        vm.expectRevert(
            abi.encodeWithSelector(IOrderRules.OrderRules_PriceAboveLimit.selector, 11_000_000, 8_000_000)
        );
        vm.prank(relayer);
        exchange.order(id, IOrderRules.Direction.Charge, 100, 1);
    }

    function test_settle_onceOnly() public {
        uint256 id = _atNoon();
        uint64 slot = _flow(1_000, 0);
        Line memory line = _line(slot, POINT);
        _settleLine(id, line);
        vm.expectRevert(abi.encodeWithSelector(IV2GExchange.V2GExchange_SlotSettled.selector, slot, slot));
        this.settleLine(id, line);
        assertEq(exchange.auditEnergyFlow(id, 0, 10).length, 1);
    }

    function test_settle_wrongMeter() public {
        uint256 id = _atNoon();
        uint64 slot = _flow(1_000, 0);
        Line memory line = _line(slot, OTHER_POINT);
        vm.expectRevert(
            abi.encodeWithSelector(IV2GExchange.V2GExchange_WrongMeter.selector, OTHER_POINT, POINT)
        );
        this.settleLine(id, line);
    }

    function test_settle_forgedRegisters() public {
        uint256 id = _atNoon();
        Line memory line = _line(_flow(1_000, 0), POINT);
        line.leaf.registers = Registers.wrap(Registers.unwrap(line.leaf.registers) + (1 << 200));
        vm.expectRevert(IMeterLedger.MeterLedger_BadProof.selector);
        this.settleLine(id, line);
    }

    /// Signers can shift energy from one charge point's line to another's, which leaves the totals as they are.
    function test_settle_registersThatWentBack() public {
        uint256 id = _atNoon();
        _settleSession(id, _flow(1_000, 0));
        _countStorageBack(POINT, 1, 0);
        _countStorage(OTHER_POINT, 1, 0);
        Line memory line = _line(_commitSlot(), POINT);
        vm.expectRevert(abi.encodeWithSelector(IV2GExchange.V2GExchange_RegisterWentBack.selector, id));
        this.settleLine(id, line);
    }

    function test_settle_unknownAndUncommitted() public {
        uint256 id = _atNoon();
        Line memory line = _line(ledger.latestSlot(), POINT);
        vm.expectRevert(abi.encodeWithSelector(IV2GExchange.V2GExchange_UnknownSession.selector, 7));
        this.settleLine(7, line);
        line.slot += 1;
        vm.expectRevert(abi.encodeWithSelector(IMeterLedger.MeterLedger_UnknownSlot.selector, line.slot));
        this.settleLine(id, line);
    }

    function test_settle_linkLostAndBack() public {
        uint256 id = _atNoon();
        _charge(id, 1_500, 2);
        // The meter is silent for a slot: its last registers stand in the tree. Then all of it is there.
        _settleSession(id, _flow(0, 0));
        assertEq(exchange.session(id).cost, 0);
        _settleSession(id, _flow(3_000, 0));
        assertEq(exchange.session(id).cost, 19_500_000);
    }

    function test_settle_severalSlotsLater() public {
        uint256 id = _atNoon();
        _charge(id, 1_500, 3);
        _pass(id);
        Line memory first = _line(_flow(1_500, 0), POINT);
        Line memory second = _line(_flow(1_400, 0), POINT);
        vm.expectRevert(
            abi.encodeWithSelector(
                IV2GExchange.V2GExchange_SlotsLeftOut.selector, second.slot, block.timestamp + 1 days
            )
        );
        this.settleLine(id, second);
        _settleLine(id, first);
        _settleLine(id, second);
        assertEq(exchange.session(id).cost, 18_850_000);
    }

    function test_settle_lostProofAfterTheGap() public {
        uint256 id = _inTheEvening();
        _discharge(id, 1_000, 2);
        _pass(id);
        _flow(0, 1_000);
        Line memory second = _line(_flow(0, 1_000), POINT);
        skip(1 days);
        _settleLine(id, second);
        assertEq(exchange.session(id).reward, 21_125_000); // both slots' energy, at the first one's rates
        (, uint256 reserved) = exchange.budget();
        assertEq(reserved, 0);
    }

    function test_settle_unorderedDischargeIsNotRewarded() public {
        uint256 id = _inTheEvening();
        _discharge(id, 500, 1);
        _pass(id);
        _settleSession(id, _flow(0, 1_750));
        assertEq(exchange.session(id).reward, 5_281_250);
        _settleSession(id, _flow(0, 1_750));
        assertEq(exchange.session(id).reward, 5_281_250);
    }

    function test_settle_chargingBeyondTheEscrow() public {
        IV2GExchange.Authorisation memory agreed = _authorisation(car, POINT);
        agreed.maxCostMicroInr = 5_000_000;
        uint256 id = _begin(agreed, aliceKey, 5_000);
        _settleSession(id, _noon(3_000));
        rates.updateIncentiveRates();
        _flow(0, 0);
        _settleSession(id, ledger.latestSlot());
        _settleSession(id, _flow(1_750, 0));
        assertEq(exchange.session(id).cost, 5_000_000);
        assertEq(exchange.session(id).escrow, 0);
        assertEq(house.lockedOf(alice), 0);
    }

    function test_settle_ledgerLeftSlotsOut() public {
        uint256 id = _inTheEvening();
        _discharge(id, 1_000, 3);
        _pass(id);
        vm.warp(block.timestamp + 2 * SLOT_SECONDS); // two slots are never committed
        _settleSession(id, _flow(0, 3_000));
        assertEq(exchange.session(id).reward, 31_687_500);
    }

    /// The running slot ends without any flow: orders begin after it.
    function _pass(uint256 id) private {
        _settleSession(id, _flow(0, 0));
    }

    function settleLine(uint256 id, Line memory line) external {
        _settleLine(id, line);
    }

    // ------------------------------------------------------------------ end

    function test_end_atAnyStepGivesTheRestBack() public {
        for (uint256 step = 0; step < 5; ++step) {
            uint256 wealth = house.balanceOf(alice) + house.lockedOf(alice);
            uint256 id = _begin();
            uint256 spent = _unplugAt(id, step);
            IV2GExchange.Session memory session = exchange.session(id);
            assertTrue(session.closed, "closed");
            assertEq(session.escrow, 0);
            assertEq(house.lockedOf(alice), 0);
            assertEq(house.balanceOf(alice), wealth - spent);
            (, uint256 reserved) = exchange.budget();
            assertEq(reserved, 0);
        }
    }

    /// 0: at once; 1: after the opening; 2: ordered; 3: while it flows; 4: settled, before the next slot.
    function _unplugAt(uint256 id, uint256 step) private returns (uint256 spent) {
        if (step == 0) vm.prank(relayer);
        if (step == 0) exchange.unplug(id);
        _settleSession(id, _noon(3_000));
        if (step == 0) return 0;
        try rates.updateIncentiveRates() {} catch {}
        if (step >= 2) _charge(id, 1_000, 2);
        if (step >= 3) _settleSession(id, _flow(1_000, 0));
        if (step == 4) _settleSession(id, _flow(1_000, 0));
        vm.prank(relayer);
        exchange.unplug(id);
        // What still flows in this slot is the session's.
        _settleSession(id, _flow(step == 3 ? 300 : 0, 0));
        if (step == 3) return 8_450_000;
        return step == 4 ? 13_000_000 : 0;
    }

    function test_end_byWhom() public {
        uint256 id = _begin();
        vm.expectRevert(abi.encodeWithSelector(IV2GExchange.V2GExchange_NotAllowed.selector, bob));
        vm.prank(bob);
        exchange.end(id);
        _expectUnauthorized(bob);
        vm.prank(bob);
        exchange.unplug(id);
        vm.warp((uint256(exchange.session(id).departureSlot) + 1) * SLOT_SECONDS);
        vm.prank(bob);
        exchange.end(id);
        vm.expectRevert(abi.encodeWithSelector(IV2GExchange.V2GExchange_SessionOver.selector, id));
        vm.prank(alice);
        exchange.end(id);
    }

    function test_end_nextSessionInTheSameSlotSharesNoEnergy() public {
        uint256 id = _atNoon();
        _pass(id);
        _settleSession(id, _flow(1_000, 0));
        vm.prank(alice);
        exchange.end(id);
        uint256 next = _begin(_authorisation(otherCar, POINT), bobKey, 2_000);
        Line memory line = _line(_flow(700, 0), POINT);
        _settleLine(id, line);
        _settleLine(next, line);
        assertEq(exchange.session(id).cost, 11_050_000);
        assertTrue(exchange.session(id).closed, "closed");
        line = _line(_flow(500, 0), POINT);
        vm.expectRevert(abi.encodeWithSelector(IV2GExchange.V2GExchange_SessionOver.selector, id));
        this.settleLine(id, line);
        _settleLine(next, line);
        assertEq(exchange.session(next).cost, 3_250_000);
    }

    function test_end_laterSlotsAreNotTheSessions() public {
        uint256 id = _atNoon();
        uint64 ended = ledger.currentSlot();
        vm.prank(alice);
        exchange.end(id);
        _flow(0, 0);
        Line memory later = _line(_flow(1_750, 0), POINT);
        skip(2 days);
        vm.expectRevert(
            abi.encodeWithSelector(IV2GExchange.V2GExchange_NotAfterEnd.selector, later.slot, ended)
        );
        this.settleLine(id, later);
    }

    function test_abandon_givesTheEscrowBack() public {
        uint256 id = _begin();
        vm.expectRevert(
            abi.encodeWithSelector(IV2GExchange.V2GExchange_TooEarly.selector, type(uint256).max)
        );
        exchange.abandon(id);
        uint64 slot = ledger.currentSlot();
        vm.prank(alice);
        exchange.end(id);
        uint256 allowedAt = (uint256(slot) + 1) * SLOT_SECONDS + 7 days;
        vm.expectRevert(abi.encodeWithSelector(IV2GExchange.V2GExchange_TooEarly.selector, allowedAt));
        exchange.abandon(id);
        vm.warp(allowedAt);
        exchange.abandon(id);
        assertEq(house.balanceOf(alice), DEPOSIT);
        vm.expectRevert(abi.encodeWithSelector(IV2GExchange.V2GExchange_SessionOver.selector, id));
        exchange.abandon(id);
    }

    // ------------------------------------------------------------------ state of charge

    function test_soc_followsTheMeter() public {
        uint256 id = _atNoon();
        _settleSession(id, _flow(1_750, 0));
        (uint256 low, uint256 high) = exchange.socRange(id);
        assertEq(low, 21_487); // 20 000 + 0.85 x 1 750
        assertEq(high, 21_750);
        _reportSoc(id, 5_400);
        assertEq(exchange.session(id).socBps, 5_400);
        (low, high) = exchange.socRange(id);
        assertEq(low, 21_600);
        assertEq(high, 21_600);
    }

    function test_soc_forged() public {
        uint256 id = _atNoon();
        _settleSession(id, _flow(1_750, 0));
        // 21 487 - 800 to 21 750 + 800 Wh: 51.72 % to 56.37 %
        _refuseSoc(id, 5_171, 20_684, 20_687, 22_550);
        _refuseSoc(id, 5_638, 22_552, 20_687, 22_550);
        _refuseSoc(id, 10_000, 40_000, 20_687, 22_550);
        _refuseSoc(id, 0, 0, 20_687, 22_550);
        _reportSoc(id, 5_637);
    }

    function test_soc_tolerancesDoNotAddUp() public {
        uint256 id = _atNoon();
        _settleSession(id, _flow(0, 0));
        _reportSoc(id, 5_200); // 2 % more than it was, as far as allowed
        _settleSession(id, _flow(0, 0));
        _refuseSoc(id, 5_201, 20_804, 20_000, 20_800);
        _reportSoc(id, 5_200);
    }

    function test_soc_eachSlotOnceAndOnlyTheSettled() public {
        uint256 id = _atNoon();
        uint64 slot = _flow(0, 0);
        bytes[] memory signatures = _byOracle(exchange.socDigest(id, slot, 5_000));
        bytes4 wrong = IV2GExchange.V2GExchange_SocSlot.selector;
        vm.expectRevert(abi.encodeWithSelector(wrong, slot, slot - 1));
        exchange.reportSoc(id, slot, 5_000, signatures);
        _settleSession(id, slot);
        exchange.reportSoc(id, slot, 5_000, signatures);
        vm.expectRevert(abi.encodeWithSelector(wrong, slot, slot));
        exchange.reportSoc(id, slot, 5_000, signatures);
    }

    function test_soc_withoutTheOracle() public {
        uint256 id = _atNoon();
        uint64 slot = _flow(0, 0);
        _settleSession(id, slot);
        bytes[] memory forged = new bytes[](1);
        forged[0] = _signWith(aliceKey, exchange.socDigest(id, slot, 5_000));
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_BadSigner.selector, alice));
        exchange.reportSoc(id, slot, 5_000, forged);
    }

    function _refuseSoc(uint256 id, uint16 bps, uint256 wh, uint256 low, uint256 high) private {
        uint64 slot = exchange.session(id).settledSlot;
        bytes[] memory signatures = _byOracle(exchange.socDigest(id, slot, bps));
        vm.expectRevert(abi.encodeWithSelector(IV2GExchange.V2GExchange_ForgedSoc.selector, wh, low, high));
        exchange.reportSoc(id, slot, bps, signatures);
    }

    // ------------------------------------------------------------------ budget

    function test_budget_onlyWhatIsFree() public {
        uint256 id = _inTheEvening();
        _discharge(id, 1_000, 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IV2GExchange.V2GExchange_BudgetShort.selector, BUDGET - 24 * RUPEE, BUDGET
            )
        );
        vm.prank(operator);
        exchange.withdrawBudget(BUDGET);
        vm.prank(operator);
        exchange.withdrawBudget(BUDGET - 24 * RUPEE);
        _pass(id);
        assertEq(house.balanceOf(operator), BUDGET - 24 * RUPEE);
        _settleSession(id, _flow(0, 1_000));
        assertEq(exchange.session(id).reward, 10_562_500);
    }

    function test_budget_refusals() public {
        vm.expectRevert(IV2GExchange.V2GExchange_ZeroAmount.selector);
        exchange.fundBudget(0);
        vm.expectRevert(IV2GExchange.V2GExchange_ZeroAmount.selector);
        vm.prank(operator);
        exchange.withdrawBudget(0);
        _expectUnauthorized(alice);
        vm.prank(alice);
        exchange.withdrawBudget(1);
    }
}
