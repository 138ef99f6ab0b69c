// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {CarbonIntensity} from "contracts/certificates/CarbonIntensity.sol";
import {ICarbonIntensity} from "contracts/interfaces/ICarbonIntensity.sol";
import {IOracleQuorum} from "contracts/interfaces/IOracleQuorum.sol";
import {CertificateTest} from "./CertificateTest.sol";

/// publish
/// ├── none or too many hours, too few signatures, of other figures, of another epoch: refused
/// ├── an hour that is not over (but for the lead), that is too old, out of bounds, or published: refused
/// └── otherwise each hour has its figure for good, whatever the bounds become
contract CarbonIntensityTest is CertificateTest {
    function test_publish_manyHours() public {
        uint64 hour = _hour() - 40;
        uint16[] memory grams = new uint16[](40);
        for (uint256 i = 0; i < 40; ++i) grams[i] = uint16(700 + i);
        _publish(hour, grams);
        for (uint64 i = 0; i < 40; ++i) _requireFigure(hour + i, 700 + uint16(i));
        _requireUnknown(hour - 1);
        _requireUnknown(hour + 40);
    }

    /// forge-config: default.fuzz.runs = 64
    function testFuzz_publish_anyHourIsReadBackAlone(uint64 back, uint16 grams) public {
        uint64 hour = _hour() - 1 - uint64(bound(back, 0, 700));
        grams = uint16(bound(grams, 0, 1500));
        _publish(hour, grams);
        _requireFigure(hour, grams);
        _requireUnknown(hour - 1);
        _requireUnknown(hour + 1);
    }

    function test_publish_zeroGramsIsKnown() public {
        _publish(_hour() - 1, 0);
        _requireFigure(_hour() - 1, 0);
    }

    function test_publish_emptyOrTooLong_isRefused() public {
        bytes[] memory none = new bytes[](0);
        vm.expectRevert(abi.encodeWithSelector(ICarbonIntensity.CarbonIntensity_BadLength.selector, 0, 48));
        intensity.publish(1, new uint16[](0), none);
        vm.expectRevert(abi.encodeWithSelector(ICarbonIntensity.CarbonIntensity_BadLength.selector, 49, 48));
        intensity.publish(1, new uint16[](49), none);
    }

    function test_publish_twice_isRefused() public {
        uint64 hour = _hour() - 2;
        _publish(hour, GRAMS);
        uint16[] memory grams = _figures(GRAMS, GRAMS);
        bytes[] memory signatures = _signatures(intensity.publicationDigest(hour - 1, grams), 2);
        vm.expectRevert(abi.encodeWithSelector(ICarbonIntensity.CarbonIntensity_AlreadyPublished.selector, hour));
        intensity.publish(hour - 1, grams, signatures);
        _requireUnknown(hour - 1);
    }

    function test_publish_outOfBounds_isRefused() public {
        uint64 hour = _hour() - 1;
        bytes[] memory signatures = _signatures(intensity.publicationDigest(hour, _figures(1501)), 2);
        vm.expectRevert(abi.encodeWithSelector(ICarbonIntensity.CarbonIntensity_OutOfBounds.selector, hour, 1501));
        intensity.publish(hour, _figures(1501), signatures);
    }

    function test_publish_ofAnHourThatIsNotOver_needsALead() public {
        uint64 hour = _hour();
        bytes[] memory signatures = _signatures(intensity.publicationDigest(hour, _figures(GRAMS)), 2);
        vm.expectRevert(abi.encodeWithSelector(ICarbonIntensity.CarbonIntensity_TooEarly.selector, hour));
        intensity.publish(hour, _figures(GRAMS), signatures);

        ICarbonIntensity.Bounds memory bounds = _bounds();
        bounds.leadSeconds = 1 hours;
        intensity.setBounds(bounds);
        intensity.publish(hour, _figures(GRAMS), signatures);
        _requireFigure(hour, GRAMS);
    }

    function test_publish_tooOld_isRefused() public {
        uint64 hour = _hour() - 1;
        bytes[] memory signatures = _signatures(intensity.publicationDigest(hour, _figures(GRAMS)), 2);
        skip(30 days + 1 hours);
        vm.expectRevert(abi.encodeWithSelector(ICarbonIntensity.CarbonIntensity_TooOld.selector, hour));
        intensity.publish(hour, _figures(GRAMS), signatures);
    }

    function test_publish_farHour_doesNotWrap() public {
        uint64 hour = type(uint64).max;
        bytes[] memory signatures = _signatures(intensity.publicationDigest(hour, _figures(1, 1)), 2);
        vm.expectRevert(abi.encodeWithSelector(ICarbonIntensity.CarbonIntensity_TooEarly.selector, hour));
        intensity.publish(hour, _figures(1, 1), signatures);
    }

    function test_publish_needsTheQuorumsSignaturesOfTheseFigures() public {
        uint64 hour = _hour() - 1;
        bytes[] memory one = _signatures(intensity.publicationDigest(hour, _figures(GRAMS)), 1);
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_TooFewSignatures.selector, 1, 2));
        intensity.publish(hour, _figures(GRAMS), one);
        bytes[] memory two = _signatures(intensity.publicationDigest(hour, _figures(GRAMS)), 2);
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        intensity.publish(hour, _figures(GRAMS - 1), two);
        quorum.setSigners(nodes, 2); // another epoch
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        intensity.publish(hour, _figures(GRAMS), two);
    }

    function test_digest_isTheOneOfEip712() public view {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256("Ohmstead CarbonIntensity"),
                keccak256("1"),
                block.chainid,
                address(intensity)
            )
        );
        bytes32 figures = keccak256(bytes.concat(bytes32(uint256(5)), bytes32(uint256(6))));
        bytes32 typehash = keccak256("CarbonIntensity(uint64 firstHour,uint16[] gramsPerKwh,uint64 epoch)");
        bytes32 content = keccak256(abi.encode(typehash, uint64(77), figures, uint64(1)));
        bytes32 expected = keccak256(abi.encodePacked(hex"1901", domain, content));
        assertEq(intensity.publicationDigest(77, _figures(5, 6)), expected);
    }

    function test_setBounds_onlyByTheAdmin_andOnlySensible() public {
        ICarbonIntensity.Bounds memory bounds = _bounds();
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice));
        intensity.setBounds(bounds);
        bounds.minGramsPerKwh = 1501;
        _expectBadBounds("maxGramsPerKwh", bounds);
        bounds = _bounds();
        bounds.maxGramsPerKwh = type(uint16).max;
        _expectBadBounds("maxGramsPerKwh", bounds);
        bounds = _bounds();
        bounds.maxAgeSeconds = 0;
        _expectBadBounds("maxAgeSeconds", bounds);
        bounds = _bounds();
        bounds.leadSeconds = 3601;
        _expectBadBounds("leadSeconds", bounds);
        vm.expectRevert(abi.encodeWithSelector(ICarbonIntensity.CarbonIntensity_BadBounds.selector, "leadSeconds"));
        new CarbonIntensity(address(manager), quorum, bounds);
    }

    function test_setBounds_leavesPublishedHours() public {
        uint64 hour = _hour() - 1;
        _publish(hour, GRAMS);
        ICarbonIntensity.Bounds memory bounds = _bounds();
        bounds.maxGramsPerKwh = 10;
        intensity.setBounds(bounds);
        _requireFigure(hour, GRAMS);
        assertEq(intensity.bounds().maxGramsPerKwh, 10);
    }

    function _expectBadBounds(string memory field, ICarbonIntensity.Bounds memory bounds) private {
        vm.expectRevert(abi.encodeWithSelector(ICarbonIntensity.CarbonIntensity_BadBounds.selector, field));
        intensity.setBounds(bounds);
    }

    function _requireFigure(uint64 hour, uint16 grams) private view {
        (bool known, uint16 figure) = intensity.intensityOf(hour);
        assertTrue(known);
        assertEq(figure, grams);
    }

    function _requireUnknown(uint64 hour) private view {
        (bool known,) = intensity.intensityOf(hour);
        assertTrue(!known);
    }
}
