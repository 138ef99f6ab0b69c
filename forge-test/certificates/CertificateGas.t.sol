// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IRenewableCertificate} from "contracts/interfaces/IRenewableCertificate.sol";
import {SalesTest} from "./SalesTest.sol";

/// What a certificate costs on its way, run with --isolate, as transactions. Not the first: the meter has certified
/// before, the owner has a certificate, and the beneficiary has credits.
contract CertificateGasTest is SalesTest {
    uint64 private _from;
    uint64 private _to;

    function setUp() public override {
        super.setUp();
        uint256 id = _issued(4_000);
        _publish(_hour() - 1, GRAMS);
        uint16[] memory grams = _figures(GRAMS);
        (_from, _to) = _sunnyHour(4_000);
        _publish(_hour() - 1, grams);
        _retire(alice, id, 1_000, bob);
    }

    function test_gas_request() public {
        IRenewableCertificate.Claim memory claim = _claimOf(ROOF, _from, _to, 1);
        vm.prank(alice);
        certificates.request(claim, _solar());
        assertLt(vm.snapshotGasLastCall("certificates", "request, an hour, proofs of 3 meters"), 260_000);
    }

    function test_gas_approve() public {
        uint256 lotId = _request(_from, _to);
        vm.prank(certifier);
        certificates.approveRequests(_list(lotId));
        assertLt(vm.snapshotGasLastCall("certificates", "approve"), 70_000);
    }

    function test_gas_issue() public {
        uint256 lotId = _request(_from, _to);
        _approve(lotId);
        certificates.issue(_list(lotId));
        assertLt(vm.snapshotGasLastCall("certificates", "issue"), 140_000);
    }

    function test_gas_split() public {
        uint256 id = _issuedFor(_from, _to);
        vm.prank(alice);
        certificates.split(id, _list(1_000, 3_000));
        assertLt(vm.snapshotGasLastCall("certificates", "split in two"), 190_000);
    }

    function test_gas_transfer() public {
        uint256 id = _issuedFor(_from, _to);
        vm.prank(alice);
        certificates.transferFrom(alice, bob, id);
        assertLt(vm.snapshotGasLastCall("certificates", "transfer"), 80_000);
    }

    function test_gas_retire() public {
        uint256 id = _issuedFor(_from, _to);
        vm.prank(alice);
        certificates.retire(id, 4_000, bob, "home, November");
        assertLt(vm.snapshotGasLastCall("certificates", "retire whole, credits at once"), 200_000);
    }

    function test_gas_offer() public {
        uint256 id = _issuedFor(_from, _to);
        vm.prank(alice);
        certificates.approve(address(sales), id);
        vm.prank(alice);
        sales.offer(id, PRICE, block.timestamp + 1 days);
        assertLt(vm.snapshotGasLastCall("certificates", "offer"), 85_000);
    }

    function test_gas_buy() public {
        uint256 id = _forSale();
        vm.prank(bob);
        sales.buy(id, PRICE);
        assertLt(vm.snapshotGasLastCall("certificates", "buy, in INR"), 120_000);
    }

    function test_gas_buyWithEther() public {
        uint256 id = _forSale();
        vm.deal(bob, 1 ether);
        vm.prank(bob);
        sales.buy{value: 0.001 ether}(id, PRICE);
        assertLt(vm.snapshotGasLastCall("certificates", "buy, in ether with change"), 180_000);
    }

    /// Of a seller who has INR already, to a buyer who has both.
    function _forSale() private returns (uint256 id) {
        _fund(alice, RUPEE);
        id = _issuedFor(_from, _to);
        _offer(alice, id, PRICE);
    }

    function test_gas_publishADay() public {
        uint16[] memory grams = new uint16[](24);
        for (uint256 i = 0; i < 24; ++i) grams[i] = GRAMS;
        uint64 hour = _hour() - 40;
        bytes[] memory signatures = _signatures(intensity.publicationDigest(hour, grams), 2);
        intensity.publish(hour, grams, signatures);
        assertLt(vm.snapshotGasLastCall("certificates", "publish 24 hours of carbon intensity"), 200_000);
    }
}
