// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {BillingMode, EntityKind, MeterId, Registers, Standing} from "contracts/Types.sol";
import {IMeterRegistry} from "contracts/interfaces/IMeterRegistry.sol";
import {MeterRegistry} from "contracts/metering/MeterRegistry.sol";
import {StandingLib} from "contracts/metering/StandingLib.sol";
import {MeteringTest} from "./MeteringTest.sol";

/// register, rotateDeviceKey, recordRebase
/// ├── not the operator: refused
/// └── zero id, kind None, no power, known id, unknown id, registers out of their word: refused
/// claim
/// ├── wrong code, used code, another wallet's, another subscription's, malleable, withdrawn: refused
/// ├── mode not for households, somebody holds it: refused
/// └── the holder is known at once; the terms begin with a settlement
/// setBillingMode, requestRelease
/// ├── not the holder; another change pending; already leaving: refused
/// └── old terms stay in force until a settlement of the slot of the request or a later one
/// startTerms
/// ├── not the ledger: refused
/// ├── nothing pending, or an older slot: nothing happens
/// └── claim, change of mode, release: recorded with registers, for ever
contract MeterRegistryTest is MeteringTest {
    using StandingLib for Standing;
    using StandingLib for StandingLib.Fields;

    uint32 internal constant HOUSE = 7;
    address internal settler = makeAddr("ledger double");
    address internal code;
    uint256 internal codeKey;

    function setUp() public override {
        super.setUp();
        manager.grantRole(LEDGER, settler, 0);
        _register(HOUSE, EntityKind.Prosumer);
        (code, codeKey) = makeAccount("one-time code");
    }

    // ---- registering

    function test_register_isReadable() public {
        vm.expectEmit(address(registry));
        emit IMeterRegistry.MeterRegistered(_id(9), EntityKind.Battery, 3, 5_000);
        vm.expectEmit(address(registry));
        emit IMeterRegistry.DeviceKeyRotated(_id(9), 0, "key");
        vm.prank(operator);
        registry.register(_id(9), EntityKind.Battery, 3, 5_000, "key");
        IMeterRegistry.Meter memory meter = registry.get(_id(9));
        assertEq(uint256(meter.kind), uint256(EntityKind.Battery));
        assertEq(uint256(meter.feederNode), 3);
        assertEq(uint256(meter.maxPowerW), 5_000);
        assertEq(meter.deviceKeyHash, "key");
        assertEq(meter.holder, address(0));
        assertEq(uint256(meter.mode), uint256(BillingMode.Community));
        assertEq(uint256(meter.subscription), 1);
        assertEq(registry.meterCount(), 2);
    }

    function test_register_onlyOperator() public {
        _expectUnauthorized(address(this));
        registry.register(_id(9), EntityKind.Battery, 3, 5_000, "key");
    }

    function test_register_refusals() public {
        vm.startPrank(operator);
        vm.expectRevert(IMeterRegistry.MeterRegistry_ZeroId.selector);
        registry.register(_id(0), EntityKind.Consumer, 1, 1, 0);
        vm.expectRevert(abi.encodeWithSelector(IMeterRegistry.MeterRegistry_BadKind.selector, EntityKind.None));
        registry.register(_id(9), EntityKind.None, 1, 1, 0);
        vm.expectRevert(IMeterRegistry.MeterRegistry_ZeroMaxPower.selector);
        registry.register(_id(9), EntityKind.Consumer, 1, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(IMeterRegistry.MeterRegistry_AlreadyRegistered.selector, HOUSE));
        registry.register(_id(HOUSE), EntityKind.Consumer, 1, 1, 0);
    }

    function test_register_noMoreThanTheSumsCanHold() public {
        uint256 max = registry.MAX_METERS();
        assertLt(max * ((1 << 40) - 1), 1 << 63);
        // The array of meters is found by its length, which is the number of meters.
        uint256 slot = 0;
        while (vm.load(address(registry), bytes32(slot)) != bytes32(uint256(1))) ++slot;
        vm.store(address(registry), bytes32(slot), bytes32(max));
        assertEq(registry.meterCount(), max);
        vm.expectRevert(abi.encodeWithSelector(IMeterRegistry.MeterRegistry_TooManyMeters.selector, max));
        vm.prank(operator);
        registry.register(_id(9), EntityKind.Consumer, 1, 1, 0);
    }

    function test_constructor_slotsHaveSeconds() public {
        vm.expectRevert(IMeterRegistry.MeterRegistry_BadSlotSeconds.selector);
        new MeterRegistry(address(manager), 0);
        assertEq(uint256(registry.slotSeconds()), SLOT_SECONDS);
        assertEq(uint256(registry.currentSlot()), block.timestamp / SLOT_SECONDS);
    }

    function test_findEntities_countsKinds() public {
        for (uint32 i = 1; i <= 6; ++i) {
            for (uint32 j = 0; j < i; ++j) {
                _register(100 * i + j, EntityKind(i));
            }
        }
        uint32[7] memory counts = registry.findEntities();
        assertEq(uint256(counts[0]), 0);
        for (uint32 i = 1; i <= 6; ++i) {
            assertEq(uint256(counts[i]), i == 2 ? 3 : i);
        }
    }

    function test_meters_pages() public {
        for (uint32 i = 100; i < 110; ++i) {
            _register(i, EntityKind.Consumer);
        }
        MeterId[] memory page = registry.meters(9, 5);
        assertEq(page.length, 2);
        assertEq(uint256(MeterId.unwrap(page[1])), 109);
        assertEq(registry.meters(11, 5).length, 0);
        assertEq(registry.meters(type(uint256).max, type(uint256).max).length, 0);
        assertEq(registry.meters(0, type(uint256).max).length, 11);
    }

    function test_unknownMeter() public {
        bytes memory unknown = abi.encodeWithSelector(IMeterRegistry.MeterRegistry_Unknown.selector, 9);
        vm.expectRevert(unknown);
        registry.get(_id(9));
        vm.expectRevert(unknown);
        registry.claim(_id(9), BillingMode.Billed, "");
        vm.expectRevert(unknown);
        registry.requestRelease(_id(9));
        vm.startPrank(operator);
        vm.expectRevert(unknown);
        registry.rotateDeviceKey(_id(9), 0);
        vm.expectRevert(unknown);
        registry.issueClaimCode(_id(9), code);
        vm.expectRevert(unknown);
        registry.setCommunityMode(_id(9), BillingMode.OnRequest);
        vm.expectRevert(unknown);
        registry.recordRebase(_id(9), Registers.wrap(0), Registers.wrap(0), "");
        (, EntityKind kind,,,) = registry.settlementOf(_id(9));
        assertEq(uint256(kind), 0);
    }

    // ---- device

    function test_rotateDeviceKey() public {
        vm.expectEmit(address(registry));
        emit IMeterRegistry.DeviceKeyRotated(_id(HOUSE), bytes32(uint256(HOUSE)), "new key");
        vm.prank(operator);
        registry.rotateDeviceKey(_id(HOUSE), "new key");
        assertEq(registry.get(_id(HOUSE)).deviceKeyHash, "new key");
        _expectUnauthorized(alice);
        vm.prank(alice);
        registry.rotateDeviceKey(_id(HOUSE), "");
    }

    function test_recordRebase() public {
        Registers before = _wrap([uint40(1), 2, 3, 4, 5, 6]);
        vm.expectEmit(address(registry));
        emit IMeterRegistry.RegistersRebased(_id(HOUSE), before, Registers.wrap(0), "new device");
        vm.prank(operator);
        registry.recordRebase(_id(HOUSE), before, Registers.wrap(0), "new device");
        _expectUnauthorized(alice);
        vm.prank(alice);
        registry.recordRebase(_id(HOUSE), before, before, "");
    }

    function test_recordRebase_outOfRange(uint8 bit) public {
        Registers bad = Registers.wrap(1 << bound(bit, 240, 255));
        bytes memory refusal = abi.encodeWithSelector(IMeterRegistry.MeterRegistry_BadRegisters.selector, bad);
        vm.startPrank(operator);
        vm.expectRevert(refusal);
        registry.recordRebase(_id(HOUSE), bad, Registers.wrap(0), "");
        vm.expectRevert(refusal);
        registry.recordRebase(_id(HOUSE), Registers.wrap(0), bad, "");
    }

    // ---- codes and claims

    function test_issueClaimCode_refusals() public {
        _expectUnauthorized(alice);
        vm.prank(alice);
        registry.issueClaimCode(_id(HOUSE), code);
        for (uint32 kind = uint32(EntityKind.Der); kind <= uint32(EntityKind.Grid); ++kind) {
            if (kind == uint32(EntityKind.Ev)) continue;
            _register(100 + kind, EntityKind(kind));
            vm.expectRevert(abi.encodeWithSelector(IMeterRegistry.MeterRegistry_BadKind.selector, kind));
            vm.prank(operator);
            registry.issueClaimCode(_id(100 + kind), code);
        }
        _claim(HOUSE, alice, BillingMode.Billed);
        vm.expectRevert(abi.encodeWithSelector(IMeterRegistry.MeterRegistry_AlreadyClaimed.selector, HOUSE, alice));
        vm.prank(operator);
        registry.issueClaimCode(_id(HOUSE), code);
    }

    function test_claim() public {
        _issue();
        assertEq(registry.get(_id(HOUSE)).claimKey, code);
        bytes memory signature = _sign(codeKey, registry.claimDigest(_id(HOUSE), alice));
        vm.expectEmit(address(registry));
        emit IMeterRegistry.MeterClaimed(_id(HOUSE), 1, alice, BillingMode.Prepaid);
        vm.prank(alice);
        registry.claim(_id(HOUSE), BillingMode.Prepaid, signature);

        IMeterRegistry.Meter memory meter = registry.get(_id(HOUSE));
        assertEq(meter.holder, alice);
        assertEq(uint256(meter.mode), uint256(BillingMode.Prepaid));
        assertTrue(meter.changing);
        assertEq(uint256(meter.changeSlot), registry.currentSlot());
        assertEq(meter.claimKey, address(0));
        assertEq(registry.metersOf(alice).length, 1);
        _assertInForce(alice, BillingMode.Community, true);
    }

    function test_claim_aCopiedTransactionIsWorthNothing() public {
        _issue();
        bytes memory signature = _sign(codeKey, registry.claimDigest(_id(HOUSE), alice));
        _expectBadCode();
        vm.prank(bob);
        registry.claim(_id(HOUSE), BillingMode.Prepaid, signature);
    }

    function test_claim_refusals() public {
        bytes memory early = _sign(codeKey, registry.claimDigest(_id(HOUSE), alice));
        vm.startPrank(alice);
        _expectBadCode(); // none is issued
        registry.claim(_id(HOUSE), BillingMode.Prepaid, early);
        _expectBadCode(); // and no signature is no code's
        registry.claim(_id(HOUSE), BillingMode.Prepaid, "");
        vm.stopPrank();
        _issue();
        vm.startPrank(alice);
        _expectBadCode();
        registry.claim(_id(HOUSE), BillingMode.Prepaid, "");
        (, uint256 otherKey) = makeAccount("other code");
        bytes memory foreign = _sign(otherKey, registry.claimDigest(_id(HOUSE), alice));
        _expectBadCode();
        registry.claim(_id(HOUSE), BillingMode.Prepaid, foreign);
        bytes memory otherMeter = _sign(codeKey, registry.claimDigest(_id(8), alice));
        _expectBadCode();
        registry.claim(_id(HOUSE), BillingMode.Prepaid, otherMeter);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(codeKey, registry.claimDigest(_id(HOUSE), alice));
        bytes memory malleable = abi.encodePacked(r, bytes32(ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        _expectBadCode();
        registry.claim(_id(HOUSE), BillingMode.Prepaid, malleable);
        vm.expectRevert(
            abi.encodeWithSelector(IMeterRegistry.MeterRegistry_ModeNotAllowed.selector, BillingMode.Community)
        );
        registry.claim(_id(HOUSE), BillingMode.Community, early);
        vm.expectRevert(
            abi.encodeWithSelector(IMeterRegistry.MeterRegistry_ModeNotAllowed.selector, BillingMode.OnRequest)
        );
        registry.claim(_id(HOUSE), BillingMode.OnRequest, early);
    }

    function test_claim_withdrawnCode() public {
        _issue();
        vm.prank(operator);
        registry.issueClaimCode(_id(HOUSE), address(0));
        bytes memory signature = _sign(codeKey, registry.claimDigest(_id(HOUSE), alice));
        _expectBadCode();
        vm.prank(alice);
        registry.claim(_id(HOUSE), BillingMode.Billed, signature);
    }

    function test_claim_heldMeter() public {
        _claim(HOUSE, alice, BillingMode.Billed);
        vm.expectRevert(abi.encodeWithSelector(IMeterRegistry.MeterRegistry_AlreadyClaimed.selector, HOUSE, alice));
        vm.prank(bob);
        registry.claim(_id(HOUSE), BillingMode.Billed, "");
    }

    /// The code of an earlier household signs another subscription and opens nothing.
    function test_claim_usedCodeForTheNextSubscription() public {
        _issue();
        bytes memory signature = _sign(codeKey, registry.claimDigest(_id(HOUSE), alice));
        vm.prank(alice);
        registry.claim(_id(HOUSE), BillingMode.Billed, signature);
        _startTerms();
        vm.prank(alice);
        registry.requestRelease(_id(HOUSE));
        _startTerms();
        _issue(); // even the same key
        _expectBadCode();
        vm.prank(alice);
        registry.claim(_id(HOUSE), BillingMode.Billed, signature);
    }

    // ---- modes

    function test_setCommunityMode() public {
        _expectUnauthorized(alice);
        vm.prank(alice);
        registry.setCommunityMode(_id(HOUSE), BillingMode.OnRequest);

        _issue();
        vm.expectEmit(address(registry));
        emit IMeterRegistry.BillingModeChanged(_id(HOUSE), BillingMode.Community, BillingMode.OnRequest);
        vm.startPrank(operator);
        registry.setCommunityMode(_id(HOUSE), BillingMode.OnRequest);
        assertEq(registry.get(_id(HOUSE)).claimKey, address(0), "an old code must not take the meter");
        _assertInForce(address(0), BillingMode.OnRequest, false);
        (,,,, bool trackSlot) = registry.settlementOf(_id(HOUSE));
        assertTrue(trackSlot);
        vm.expectRevert(
            abi.encodeWithSelector(IMeterRegistry.MeterRegistry_ModeNotAllowed.selector, BillingMode.OnRequest)
        );
        registry.issueClaimCode(_id(HOUSE), code);

        registry.setCommunityMode(_id(HOUSE), BillingMode.Community);
        (,,,, trackSlot) = registry.settlementOf(_id(HOUSE));
        assertTrue(trackSlot, "a request that is still closing needs the slot");
        registry.issueClaimCode(_id(HOUSE), code);
        vm.expectRevert(
            abi.encodeWithSelector(IMeterRegistry.MeterRegistry_ModeNotAllowed.selector, BillingMode.Prepaid)
        );
        registry.setCommunityMode(_id(HOUSE), BillingMode.Prepaid);
        vm.stopPrank();
        _register(9, EntityKind.Grid);
        vm.expectRevert(abi.encodeWithSelector(IMeterRegistry.MeterRegistry_BadKind.selector, EntityKind.Grid));
        vm.prank(operator);
        registry.setCommunityMode(_id(9), BillingMode.OnRequest);
        _claim(HOUSE, alice, BillingMode.Billed);
        vm.expectRevert(abi.encodeWithSelector(IMeterRegistry.MeterRegistry_AlreadyClaimed.selector, HOUSE, alice));
        vm.prank(operator);
        registry.setCommunityMode(_id(HOUSE), BillingMode.OnRequest);
    }

    function test_setBillingMode() public {
        _hold(alice, BillingMode.Prepaid);
        vm.startPrank(alice);
        vm.recordLogs();
        registry.setBillingMode(_id(HOUSE), BillingMode.Prepaid);
        assertEq(vm.getRecordedLogs().length, 0, "nothing changed");
        vm.expectEmit(address(registry));
        emit IMeterRegistry.BillingModeChanged(_id(HOUSE), BillingMode.Prepaid, BillingMode.Billed);
        registry.setBillingMode(_id(HOUSE), BillingMode.Billed);
        _assertInForce(alice, BillingMode.Prepaid, true);
        _startTerms();
        _assertInForce(alice, BillingMode.Billed, false);
    }

    function test_setBillingMode_refusals() public {
        _hold(alice, BillingMode.Prepaid);
        vm.expectRevert(abi.encodeWithSelector(IMeterRegistry.MeterRegistry_NotHolder.selector, HOUSE, bob));
        vm.prank(bob);
        registry.setBillingMode(_id(HOUSE), BillingMode.Billed);
        vm.startPrank(alice);
        vm.expectRevert(
            abi.encodeWithSelector(IMeterRegistry.MeterRegistry_ModeNotAllowed.selector, BillingMode.Community)
        );
        registry.setBillingMode(_id(HOUSE), BillingMode.Community);
        registry.setBillingMode(_id(HOUSE), BillingMode.Billed);
        uint64 slot = registry.currentSlot();
        // Otherwise somebody could ask anew in every slot and stay on the old terms for ever.
        vm.expectRevert(abi.encodeWithSelector(IMeterRegistry.MeterRegistry_ChangePending.selector, HOUSE, slot));
        registry.setBillingMode(_id(HOUSE), BillingMode.Prepaid);
    }

    // ---- leaving

    function test_requestRelease() public {
        _hold(alice, BillingMode.Prepaid);
        vm.expectEmit(address(registry));
        emit IMeterRegistry.ReleaseRequested(_id(HOUSE), 1, registry.currentSlot());
        vm.prank(alice);
        registry.requestRelease(_id(HOUSE));
        _assertInForce(alice, BillingMode.Prepaid, true);
        assertTrue(registry.get(_id(HOUSE)).leaving);

        Registers counted = _wrap([uint40(0), 0, 10, 20, 0, 0]);
        vm.expectEmit(address(registry));
        emit IMeterRegistry.MeterReleased(_id(HOUSE), 1, alice, counted);
        uint64 slot = registry.currentSlot();
        vm.prank(settler);
        assertTrue(registry.startTerms(_id(HOUSE), slot, counted));
        IMeterRegistry.Meter memory meter = registry.get(_id(HOUSE));
        assertEq(meter.holder, address(0));
        assertEq(uint256(meter.subscription), 2);
        assertTrue(!meter.leaving && !meter.changing);
        assertEq(registry.metersOf(alice).length, 0);
        _assertInForce(address(0), BillingMode.Community, false);
    }

    function test_requestRelease_refusals() public {
        _hold(alice, BillingMode.Prepaid);
        vm.expectRevert(abi.encodeWithSelector(IMeterRegistry.MeterRegistry_NotHolder.selector, HOUSE, bob));
        vm.prank(bob);
        registry.requestRelease(_id(HOUSE));
        vm.startPrank(alice);
        registry.requestRelease(_id(HOUSE));
        vm.expectRevert(abi.encodeWithSelector(IMeterRegistry.MeterRegistry_AlreadyLeaving.selector, HOUSE));
        registry.requestRelease(_id(HOUSE));
    }

    /// A change that is still pending is dropped, and the old terms stay to the end.
    function test_requestRelease_whileAnotherChangeIsPending() public {
        _hold(alice, BillingMode.Prepaid);
        vm.startPrank(alice);
        registry.setBillingMode(_id(HOUSE), BillingMode.Billed);
        skip(SLOT_SECONDS);
        registry.requestRelease(_id(HOUSE));
        vm.stopPrank();
        assertEq(uint256(registry.get(_id(HOUSE)).mode), uint256(BillingMode.Prepaid));
        assertEq(uint256(registry.get(_id(HOUSE)).changeSlot), registry.currentSlot());
        uint64 before = registry.currentSlot() - 1;
        vm.prank(settler);
        assertTrue(!registry.startTerms(_id(HOUSE), before, Registers.wrap(0)));
        _assertInForce(alice, BillingMode.Prepaid, true);
        _startTerms();
        _assertInForce(address(0), BillingMode.Community, false);
    }

    /// A claim that never came into force: nothing was ever settled with the claimer.
    function test_requestRelease_beforeTheClaimIsInForce() public {
        _claim(HOUSE, alice, BillingMode.Prepaid);
        vm.prank(alice);
        registry.requestRelease(_id(HOUSE));
        _assertInForce(alice, BillingMode.Community, true);
        _startTerms();
        _assertInForce(address(0), BillingMode.Community, false);
        assertEq(uint256(registry.get(_id(HOUSE)).subscription), 2);
    }

    // ---- terms

    function test_startTerms_onlyLedger() public {
        _expectUnauthorized(operator);
        vm.prank(operator);
        registry.startTerms(_id(HOUSE), 1, Registers.wrap(0));
    }

    function test_startTerms_onlyFromTheSlotOfTheRequest() public {
        _claim(HOUSE, alice, BillingMode.Prepaid);
        uint64 slot = registry.currentSlot();
        vm.startPrank(settler);
        registry.startTerms(_id(HOUSE), slot - 1, Registers.wrap(5));
        _assertInForce(alice, BillingMode.Community, true);
        vm.expectEmit(address(registry));
        emit IMeterRegistry.TermsStarted(_id(HOUSE), 1, alice, BillingMode.Prepaid, slot, Registers.wrap(6));
        assertTrue(!registry.startTerms(_id(HOUSE), slot, Registers.wrap(6)));
        _assertInForce(alice, BillingMode.Prepaid, false);
        vm.recordLogs();
        registry.startTerms(_id(HOUSE), slot + 1, Registers.wrap(7));
        assertEq(vm.getRecordedLogs().length, 0, "nothing pending");
    }

    function test_terms_areKept() public {
        assertEq(registry.termsCount(_id(HOUSE)), 0);
        vm.expectRevert(abi.encodeWithSelector(IMeterRegistry.MeterRegistry_NoSuchTerms.selector, HOUSE, 0));
        registry.termsAt(_id(HOUSE), 0);
        uint64 slot = registry.currentSlot();
        _hold(alice, BillingMode.Prepaid);
        vm.prank(alice);
        registry.setBillingMode(_id(HOUSE), BillingMode.Billed);
        _startTerms();
        vm.prank(alice);
        registry.requestRelease(_id(HOUSE));
        _startTerms();
        _hold(bob, BillingMode.Billed);
        assertEq(registry.termsCount(_id(HOUSE)), 4);
        _assertTerms(0, alice, BillingMode.Prepaid, 1, slot);
        _assertTerms(1, alice, BillingMode.Billed, 1, slot);
        _assertTerms(2, address(0), BillingMode.Community, 2, slot);
        _assertTerms(3, bob, BillingMode.Billed, 2, slot);
        assertEq(Registers.unwrap(registry.termsAt(_id(HOUSE), 3).startRegisters), 3, "registers of that settlement");
    }

    function test_metersOf_manyHoldings() public {
        for (uint32 i = 20; i < 24; ++i) {
            _register(i, EntityKind.Consumer);
            _claim(i, alice, BillingMode.Billed);
        }
        vm.prank(alice);
        registry.requestRelease(_id(21));
        uint64 slot = registry.currentSlot();
        vm.prank(settler);
        registry.startTerms(_id(21), slot, Registers.wrap(0));
        MeterId[] memory held = registry.metersOf(alice);
        assertEq(held.length, 3);
        for (uint256 i = 0; i < 3; ++i) {
            assertNotEq(uint256(MeterId.unwrap(held[i])), 21);
        }
    }

    // ---- the packed word

    function test_standing_packs(
        address holder,
        uint8 kind,
        uint8 inForce,
        uint8 chosen,
        bool changing,
        bool trackSlot,
        bool leaving,
        uint48 changeSlot
    ) public pure {
        StandingLib.Fields memory fields = StandingLib.Fields(
            holder,
            EntityKind(kind % 7),
            BillingMode(inForce % 4),
            changing,
            trackSlot,
            leaving,
            BillingMode(chosen % 4),
            changeSlot
        );
        Standing standing = fields.pack();
        assertEq(keccak256(abi.encode(standing.unpack())), keccak256(abi.encode(fields)));
        assertEq(standing.holder(), holder);
        assertEq(uint256(standing.kind()), kind % 7);
        assertEq(uint256(standing.modeInForce()), inForce % 4);
        assertEq(standing.changing(), changing);
        assertEq(standing.trackSlot(), trackSlot);
    }

    function test_standingsOf_isSettlementOf() public {
        _hold(alice, BillingMode.Prepaid);
        MeterId[] memory ids = new MeterId[](2);
        (ids[0], ids[1]) = (_id(HOUSE), _id(99));
        Standing[] memory standings = registry.standingsOf(ids);
        assertEq(standings[0].holder(), alice);
        assertEq(uint256(standings[0].kind()), uint256(EntityKind.Prosumer));
        assertEq(uint256(standings[0].modeInForce()), uint256(BillingMode.Prepaid));
        assertEq(Standing.unwrap(standings[1]), 0);
    }

    // ---- helpers

    function _issue() private {
        vm.prank(operator);
        registry.issueClaimCode(_id(HOUSE), code);
    }

    uint256 private _counted;

    /// A settlement of the running slot, each with higher registers.
    function _startTerms() private {
        vm.stopPrank();
        uint64 slot = registry.currentSlot();
        vm.prank(settler);
        registry.startTerms(_id(HOUSE), slot, Registers.wrap(_counted++));
    }

    function _hold(address wallet, BillingMode mode) private {
        _claim(HOUSE, wallet, mode);
        _startTerms();
    }

    function _assertInForce(address holder, BillingMode mode, bool changing) private view {
        (address actualHolder, EntityKind kind, BillingMode actualMode, bool actualChanging,) =
            registry.settlementOf(_id(HOUSE));
        assertEq(actualHolder, holder);
        assertEq(uint256(kind), uint256(EntityKind.Prosumer));
        assertEq(uint256(actualMode), uint256(mode));
        assertEq(actualChanging, changing);
    }

    function _assertTerms(uint256 index, address holder, BillingMode mode, uint32 subscription, uint64 slot)
        private
        view
    {
        IMeterRegistry.Terms memory terms = registry.termsAt(_id(HOUSE), index);
        assertEq(terms.holder, holder);
        assertEq(uint256(terms.mode), uint256(mode));
        assertEq(uint256(terms.subscription), subscription);
        assertEq(uint256(terms.afterSlot), slot);
    }

    function _expectBadCode() private {
        vm.expectRevert(abi.encodeWithSelector(IMeterRegistry.MeterRegistry_BadClaimCode.selector, HOUSE));
    }

    function _expectUnauthorized(address caller) private {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, caller));
    }
}
