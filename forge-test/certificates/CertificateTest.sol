// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode, EntityKind, Leaf} from "contracts/Types.sol";
import {CarbonIntensity} from "contracts/certificates/CarbonIntensity.sol";
import {CertificateFace} from "contracts/certificates/CertificateFace.sol";
import {RenewableCertificate} from "contracts/certificates/RenewableCertificate.sol";
import {ICarbonIntensity} from "contracts/interfaces/ICarbonIntensity.sol";
import {IGridToken} from "contracts/interfaces/IGridToken.sol";
import {IRenewableCertificate} from "contracts/interfaces/IRenewableCertificate.sol";
import {MeteringTest} from "../metering/MeteringTest.sol";
import {TestTree} from "../metering/TestTree.sol";

/// Alice's roof (meter 1), bob's house without one (2), the community's solar field (3). Every committed slot's lines
/// are kept, so that any period can be proven later.
abstract contract CertificateTest is MeteringTest {
    using TestTree for TestTree.Tree;
    using TestTree for TestTree.Line;

    uint64 internal constant CERTIFIER = 3;
    uint64 internal constant CERTIFICATE = 13;
    uint256 internal constant CO2 = 2;
    uint32 internal constant ROOF = 1;
    uint32 internal constant HOUSE = 2;
    uint32 internal constant FIELD = 3;
    uint16 internal constant GRAMS = 701;

    CarbonIntensity internal intensity;
    RenewableCertificate internal certificates;
    address internal certifier = makeAddr("certifier");
    address internal carol = makeAddr("carol");

    uint40 internal roofWh;
    uint40 internal fieldWh;
    uint64[] internal committed;
    mapping(uint64 slot => TestTree.Line[]) internal linesOf;

    function setUp() public virtual override {
        super.setUp();
        vm.warp(1_000_000_800); // an hour begins
        intensity = new CarbonIntensity(address(manager), quorum, _bounds());
        certificates = new RenewableCertificate(
            address(manager), ledger, registry, IGridToken(address(token)), intensity, new CertificateFace()
        );
        _grant();
        _register(ROOF, EntityKind.Prosumer);
        _register(HOUSE, EntityKind.Consumer);
        _register(FIELD, EntityKind.Der);
        _claim(ROOF, alice, BillingMode.Prepaid);
        _claim(HOUSE, bob, BillingMode.Prepaid);
        uint64 first = _shine(0, 0);
        _settleAll(first, linesOf[first]); // the terms begin
    }

    function _bounds() internal pure returns (ICarbonIntensity.Bounds memory) {
        return ICarbonIntensity.Bounds({
            minGramsPerKwh: 0, maxGramsPerKwh: 1500, maxAgeSeconds: 30 days, leadSeconds: 0
        });
    }

    function _grant() private {
        manager.grantRole(CERTIFIER, certifier, 0);
        manager.grantRole(CERTIFICATE, address(certificates), 0);
        manager.setTargetFunctionRole(address(token), _selectors(token.mintCo2.selector), CERTIFICATE);
        bytes4[] memory decided = new bytes4[](3);
        decided[0] = certificates.approveRequests.selector;
        decided[1] = certificates.refuseRequest.selector;
        decided[2] = certificates.withdrawLot.selector;
        manager.setTargetFunctionRole(address(certificates), decided, CERTIFIER);
        manager.setTargetFunctionRole(
            address(certificates), _selectors(certificates.requestForCommunity.selector), OPERATOR
        );
    }

    // ---- slots

    /// The roof and the field generate, then the running slot ends and is committed.
    function _shine(uint40 byRoof, uint40 byField) internal returns (uint64 slot) {
        (roofWh, fieldWh) = (roofWh + byRoof, fieldWh + byField);
        TestTree.Line[] memory lines = new TestTree.Line[](3);
        lines[0] = _line(ROOF, [roofWh, 0, roofWh / 2, 0, 0, 0]);
        lines[1] = _line(HOUSE, [uint40(0), 0, 0, 10, 0, 0]);
        lines[2] = _line(FIELD, [uint40(0), 0, fieldWh, 0, 0, 0]);
        slot = _commit(lines);
        _keep(slot, lines);
    }

    function _keep(uint64 slot, TestTree.Line[] memory lines) internal {
        committed.push(slot);
        for (uint256 i = 0; i < lines.length; ++i) {
            linesOf[slot].push(lines[i]);
        }
    }

    /// The next of four equal slots of an hour, each with `wh` from the roof; returns the last slots before and in it.
    function _sunnyHour(uint40 wh) internal returns (uint64 fromSlot, uint64 toSlot) {
        fromSlot = committed[committed.length - 1];
        for (uint256 i = 0; i < 4; ++i) {
            toSlot = _shine(wh / 4, 0);
        }
    }

    // ---- requests

    /// Proofs for a meter's period; the meter's line is the one before its number.
    function _claimOf(uint32 meter, uint64 fromSlot, uint64 toSlot, uint256 terms)
        internal
        view
        returns (IRenewableCertificate.Claim memory claim)
    {
        (claim.fromSlot, claim.toSlot, claim.termsIndex) = (fromSlot, toSlot, terms);
        (claim.fromLeaf, claim.fromProof, claim.fromPath) = _proofOf(fromSlot, meter - 1);
        (claim.toLeaf, claim.toProof, claim.toPath) = _proofOf(toSlot, meter - 1);
    }

    function _proofOf(uint64 slot, uint256 index)
        internal
        view
        returns (Leaf memory leaf, bytes32[3][] memory siblings, uint256 path)
    {
        TestTree.Line[] memory lines = linesOf[slot];
        if (lines.length == 0) return (leaf, siblings, path); // not committed
        leaf = lines[index].toLeaf();
        (siblings, path) = TestTree.build(lines).proof(index);
    }

    function _solar() internal pure returns (IRenewableCertificate.Declaration memory) {
        return IRenewableCertificate.Declaration(
            IRenewableCertificate.Source.Solar,
            IRenewableCertificate.Technology.RooftopPhotovoltaic,
            false,
            keccak256("photographs and papers")
        );
    }

    /// Alice asks for what her roof made.
    function _request(uint64 fromSlot, uint64 toSlot) internal returns (uint256 lotId) {
        IRenewableCertificate.Claim memory claim = _claimOf(ROOF, fromSlot, toSlot, 1);
        vm.prank(alice);
        return certificates.request(claim, _solar());
    }

    function _approve(uint256 lotId) internal {
        vm.prank(certifier);
        certificates.approveRequests(_list(lotId));
    }

    /// From sun to alice's certificate of `wh`.
    function _issued(uint40 wh) internal returns (uint256 id) {
        (uint64 fromSlot, uint64 toSlot) = _sunnyHour(wh);
        return _issuedFor(fromSlot, toSlot);
    }

    function _issuedFor(uint64 fromSlot, uint64 toSlot) internal returns (uint256 id) {
        uint256 lotId = _request(fromSlot, toSlot);
        _approve(lotId);
        certificates.issue(_list(lotId));
        return certificates.certificateCount();
    }

    function _retire(address owner, uint256 id, uint256 wh, address beneficiary) internal returns (uint256) {
        vm.prank(owner);
        return certificates.retire(id, wh, beneficiary, "home, November");
    }

    // ---- CO2

    function _hour() internal view returns (uint64) {
        return uint64(block.timestamp / 1 hours);
    }

    function _publish(uint64 hour, uint16 grams) internal {
        _publish(hour, _figures(grams));
    }

    function _publish(uint64 firstHour, uint16[] memory grams) internal {
        intensity.publish(firstHour, grams, _signatures(intensity.publicationDigest(firstHour, grams), 2));
    }

    function _figures(uint16 a) internal pure returns (uint16[] memory grams) {
        grams = new uint16[](1);
        grams[0] = a;
    }

    function _figures(uint16 a, uint16 b) internal pure returns (uint16[] memory grams) {
        grams = new uint16[](2);
        (grams[0], grams[1]) = (a, b);
    }

    // ---- small things

    function _list(uint256 a) internal pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = a;
    }

    function _list(uint256 a, uint256 b) internal pure returns (uint256[] memory list) {
        list = new uint256[](2);
        (list[0], list[1]) = (a, b);
    }

    function _credits(address account) internal view returns (uint256) {
        return token.balanceOf(account, CO2);
    }
}
