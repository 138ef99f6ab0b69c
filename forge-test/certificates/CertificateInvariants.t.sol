// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MeterId} from "contracts/Types.sol";
import {IRenewableCertificate} from "contracts/interfaces/IRenewableCertificate.sol";
import {RenewableCertificate} from "contracts/certificates/RenewableCertificate.sol";
import {TestTree} from "../metering/TestTree.sol";
import {CertificateTest} from "./CertificateTest.sol";

/// Slots with sun, and everything that producers, the certifier, owners and strangers may do, at random. It keeps what
/// each slot really generated and what each retirement should have earned.
contract CertificateHandler is CertificateTest {
    address[3] public people;
    uint256 public expectedCo2;
    uint256[] public retiredIds;
    mapping(uint256 id => address) public retiredOwner;

    function setUp() public override {
        super.setUp();
        people = [alice, bob, carol];
        _shineSome(400);
    }

    function theCertificates() external view returns (RenewableCertificate) {
        return certificates;
    }

    function supplyOfCo2() external view returns (uint256) {
        return token.totalSupply(CO2);
    }

    function slotCount() external view returns (uint256) {
        return committed.length;
    }

    function slotAt(uint256 index) external view returns (uint64) {
        return committed[index];
    }

    /// What a meter generated in the period that ends with the slot at `index` and began with the one before.
    function generatedAt(uint32 meter, uint256 index) public view returns (uint256) {
        TestTree.Line memory line = linesOf[committed[index]][meter - 1];
        TestTree.Line memory before = linesOf[committed[index - 1]][meter - 1];
        uint256 register = meter == ROOF ? 0 : 2;
        return line.registers[register] - before.registers[register];
    }

    function retiredCount() external view returns (uint256) {
        return retiredIds.length;
    }

    // ---- actions

    function shine(uint256 wh, bool gap) external {
        if (committed.length > 60) return;
        if (gap) skip(SLOT_SECONDS); // a slot that is never committed
        _shineSome(wh);
    }

    function request(uint256 first, uint256 length, bool community, uint256 who) external {
        uint256 count = committed.length;
        first = bound(first, 0, count - 2);
        uint256 last = bound(first + 1 + (length % 5), first + 1, count - 1);
        uint32 meter = community ? FIELD : ROOF;
        IRenewableCertificate.Claim memory claim =
            _claimOf(meter, committed[first], committed[last], community ? 0 : 1);
        // Mostly the producer, now and then somebody else.
        address caller = who % 4 == 0 ? people[who % 3] : community ? operator : alice;
        vm.prank(caller);
        if (community) certificates.requestForCommunity(claim, _solar());
        else certificates.request(claim, _solar());
    }

    function approve(uint256 seed) external {
        _approve(_lotIn(seed, IRenewableCertificate.LotState.Requested));
    }

    function refuse(uint256 seed) external {
        if (seed % 3 != 0) return; // rarely
        uint256 lotId = _lotIn(seed, IRenewableCertificate.LotState.Requested);
        vm.prank(certifier);
        certificates.refuseRequest(lotId, "not shown");
    }

    function withdraw(uint256 seed) external {
        if (seed % 4 != 0) return; // rarely
        uint256 lotId = _lotIn(seed, IRenewableCertificate.LotState.Issued);
        vm.prank(certifier);
        certificates.withdrawLot(lotId, "forged");
    }

    function issue(uint256 seed) external {
        certificates.issue(_list(_lotIn(seed, IRenewableCertificate.LotState.Approved)));
    }

    function split(uint256 seed, uint256 cut) external {
        uint256 id = _active(seed);
        uint256 wh = certificates.certificateOf(id).wh;
        cut = bound(cut, 0, wh);
        address owner = certificates.ownerOf(id);
        vm.prank(owner);
        certificates.split(id, _list(cut, wh - cut));
    }

    function transfer(uint256 seed, uint256 to, bool any) external {
        uint256 id = any ? bound(seed, 1, certificates.certificateCount()) : _active(seed);
        address owner = certificates.ownerOf(id);
        vm.prank(owner);
        certificates.transferFrom(owner, people[to % 3], id);
    }

    function retire(uint256 seed, uint256 wh, uint256 beneficiary, bool any) external {
        uint256 id = any ? bound(seed, 1, certificates.certificateCount()) : _active(seed);
        wh = bound(wh, 1, certificates.certificateOf(id).wh);
        address owner = certificates.ownerOf(id);
        uint256 retired = _retire(owner, id, wh, people[beneficiary % 3]);
        retiredIds.push(retired);
        retiredOwner[retired] = owner;
        (IRenewableCertificate.Retirement memory retirement,) = certificates.retirementOf(retired);
        if (retirement.credited) _expect(retired);
    }

    function credit(uint256 seed) external {
        for (uint256 i = 0; i < retiredIds.length; ++i) {
            uint256 id = retiredIds[(seed % 1000 + i) % retiredIds.length];
            try certificates.credit(id) {
                return _expect(id);
            } catch {} // credited already, withdrawn, or the hour is not known
        }
    }

    function publish(uint64 back, uint16 grams) external {
        if (back % 3 == 0) _publish(_hour() - uint64(bound(back, 0, 15)), uint16(bound(grams, 0, 1500)));
    }

    // ---- helpers

    /// A lot in this state, if there is one; else any.
    function _lotIn(uint256 seed, IRenewableCertificate.LotState state) private view returns (uint256 lotId) {
        uint256 count = certificates.lotCount();
        for (uint256 i = 0; i < count; ++i) {
            lotId = (seed % 1000 + i) % count + 1;
            if (certificates.lotOf(lotId).state == state) return lotId;
        }
    }

    /// A certificate that stands, if there is one; else any.
    function _active(uint256 seed) private view returns (uint256 id) {
        uint256 count = certificates.certificateCount();
        for (uint256 i = 0; i < count; ++i) {
            id = (seed % 1000 + i) % count + 1;
            (bool valid,,,) = certificates.verify(id);
            if (valid) return id;
        }
    }

    /// What the retirement earns, computed from the feed here and not by the contract.
    function _expect(uint256 id) private {
        IRenewableCertificate.Certificate memory certificate = certificates.certificateOf(id);
        IRenewableCertificate.Lot memory lot = certificates.lotOf(certificate.lot);
        uint256 lowest = type(uint256).max;
        for (uint256 slot = uint256(lot.fromSlot) + 1; slot <= lot.toSlot; ++slot) {
            (bool known, uint16 grams) = intensity.intensityOf(uint64(slot / 4)); // four slots an hour
            assertTrue(known);
            if (grams < lowest) lowest = grams;
        }
        expectedCo2 += uint256(certificate.wh) * lowest / 1000;
    }

    function _shineSome(uint256 wh) private {
        _shine(uint40(bound(wh, 0, 5_000)), uint40(bound(wh / 7, 0, 9_000)));
    }
}

/// What holds whatever they do.
contract CertificateInvariantsTest is CertificateTest {
    CertificateHandler internal handler;

    function setUp() public override {
        handler = new CertificateHandler();
        handler.setUp();
        certificates = handler.theCertificates();
        bytes4[] memory selectors = new bytes4[](13);
        selectors[0] = handler.shine.selector;
        selectors[1] = handler.request.selector;
        selectors[2] = handler.approve.selector;
        selectors[3] = handler.refuse.selector;
        selectors[4] = handler.withdraw.selector;
        selectors[5] = handler.issue.selector;
        selectors[6] = handler.split.selector;
        selectors[7] = handler.transfer.selector;
        selectors[8] = handler.retire.selector;
        selectors[9] = handler.credit.selector;
        selectors[10] = handler.publish.selector;
        (selectors[11], selectors[12]) = (handler.request.selector, handler.issue.selector); // more often
        targetContract(address(handler));
        targetSelector(address(handler), selectors);
    }

    /// Per meter and slot: at most one lot that was not refused, and of each lot exactly what its slots generated.
    function invariant_certifiedIsMetered_bySlot() public view {
        _requireMetered(ROOF);
        _requireMetered(FIELD);
    }

    function _requireMetered(uint32 meter) private view {
        uint256 sum = 0;
        uint256[] memory lotsAt = new uint256[](handler.slotCount());
        for (uint256 lotId = 1; lotId <= certificates.lotCount(); ++lotId) {
            IRenewableCertificate.Lot memory lot = certificates.lotOf(lotId);
            if (MeterId.unwrap(lot.meter) != meter || lot.state == IRenewableCertificate.LotState.Refused) continue;
            uint256 generated = 0;
            for (uint256 i = 1; i < lotsAt.length; ++i) {
                uint64 slot = handler.slotAt(i);
                if (slot <= lot.fromSlot || slot > lot.toSlot) continue;
                generated += handler.generatedAt(meter, i);
                ++lotsAt[i];
                assertEq(lotsAt[i], 1, "a slot in two lots");
                assertTrue(certificates.isCertified(_id(meter), slot));
            }
            assertEq(lot.wh, generated);
            sum += lot.wh;
        }
        assertEq(certificates.tallyOf(_id(meter)).certifiedWh, sum);
        assertLe(sum, certificates.tallyOf(_id(meter)).highestWh);
    }

    /// Children sum up to their parent, and what stands of an issued lot to the lot.
    function invariant_sumsAreExact() public view {
        uint256 count = certificates.certificateCount();
        uint256[] memory children = new uint256[](count + 1);
        uint256[] memory standing = new uint256[](certificates.lotCount() + 1);
        for (uint256 id = 1; id <= count; ++id) {
            IRenewableCertificate.Certificate memory certificate = certificates.certificateOf(id);
            children[certificate.parent] += certificate.wh;
            if (certificate.state != IRenewableCertificate.CertificateState.Split) {
                standing[certificate.lot] += certificate.wh;
            }
        }
        for (uint256 id = 1; id <= count; ++id) {
            IRenewableCertificate.Certificate memory certificate = certificates.certificateOf(id);
            bool ended = certificate.state == IRenewableCertificate.CertificateState.Split;
            assertEq(children[id], ended ? certificate.wh : 0);
        }
        for (uint256 lotId = 1; lotId < standing.length; ++lotId) {
            if (standing[lotId] != 0) assertEq(standing[lotId], certificates.lotOf(lotId).wh);
        }
    }

    function invariant_retiredNeverMoves() public view {
        for (uint256 i = 0; i < handler.retiredCount(); ++i) {
            uint256 id = handler.retiredIds(i);
            assertEq(certificates.ownerOf(id), handler.retiredOwner(id));
            assertTrue(certificates.certificateOf(id).state == IRenewableCertificate.CertificateState.Retired);
        }
    }

    function invariant_co2SupplyIsWhatRetirementsEarned() public view {
        uint256 sum = 0;
        for (uint256 i = 0; i < handler.retiredCount(); ++i) {
            (IRenewableCertificate.Retirement memory retirement,) = certificates.retirementOf(handler.retiredIds(i));
            sum += retirement.grams;
        }
        assertEq(handler.supplyOfCo2(), sum);
        assertEq(handler.expectedCo2(), sum);
    }
}
