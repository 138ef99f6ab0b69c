// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC721Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {CertificateFace} from "contracts/certificates/CertificateFace.sol";
import {IRenewableCertificate} from "contracts/interfaces/IRenewableCertificate.sol";
import {CertificateTest} from "./CertificateTest.sol";

/// The face with what it is made of in the open.
contract OpenFace is CertificateFace {
    function openCivil(uint256 day) external pure returns (uint256, uint256, uint256) {
        return civil(day);
    }

    function openDateTime(uint256 time) external pure returns (string memory) {
        return dateTime(time);
    }

    function openSource(IRenewableCertificate.Source source) external pure returns (string memory) {
        return sourceName(source);
    }

    function openState(IRenewableCertificate.CertificateState state, IRenewableCertificate.LotState lotState)
        external
        pure
        returns (string memory)
    {
        return stateName(state, lotState);
    }
}

/// What stands in the JSON and the picture is compared word for word in tests/contracts/test_certificates.py.
contract CertificateFaceTest is CertificateTest {
    OpenFace private _face = new OpenFace();

    /// Counting the days of the date that a day has leads back to the day, through 24 000 years.
    function testFuzz_civil_isADateOfThatDay(uint256 day) public view {
        day = bound(day, 0, 9_000_000);
        (uint256 year, uint256 month, uint256 dayOfMonth) = _face.openCivil(day);
        assertTrue(month >= 1 && month <= 12 && dayOfMonth >= 1 && dayOfMonth <= _daysIn(year, month), "no date");
        uint256 whole = year - 1;
        uint256 since = whole * 365 + whole / 4 - whole / 100 + whole / 400; // days before the year began
        for (uint256 earlier = 1; earlier < month; ++earlier) {
            since += _daysIn(year, earlier);
        }
        assertEq(since + dayOfMonth - 1 - 719_162, day); // days from 0001-01-01 to 1970-01-01
    }

    function test_dateTime_hasTwoDigitsEach() public view {
        assertEq(_face.openDateTime(0), "1970-01-01 00:00");
        assertEq(_face.openDateTime(951_782_400), "2000-02-29 00:00");
        assertEq(_face.openDateTime(1_798_761_599), "2026-12-31 23:59");
    }

    function test_words_ofSourcesAndStates() public view {
        string[6] memory sources = ["other renewable", "solar", "wind", "hydro", "biomass", "other renewable"];
        for (uint8 i = 0; i < 6; ++i) {
            assertEq(_face.openSource(IRenewableCertificate.Source(i)), sources[i]);
        }
        IRenewableCertificate.CertificateState active = IRenewableCertificate.CertificateState.Active;
        IRenewableCertificate.CertificateState retired = IRenewableCertificate.CertificateState.Retired;
        assertEq(_face.openState(active, IRenewableCertificate.LotState.Issued), "active");
        assertEq(_face.openState(active, IRenewableCertificate.LotState.Withdrawn), "withdrawn");
        assertEq(_face.openState(retired, IRenewableCertificate.LotState.Issued), "retired");
        assertEq(_face.openState(retired, IRenewableCertificate.LotState.Withdrawn), "retired, lot withdrawn");
    }

    function test_tokenURI_isJsonThatChangesWithTheState() public {
        uint256 id = _issued(4_000);
        bytes memory active = bytes(certificates.tokenURI(id));
        bytes memory prefix = "data:application/json;base64,";
        for (uint256 i = 0; i < prefix.length; ++i) {
            assertEq(uint8(active[i]), uint8(prefix[i]));
        }
        uint256 lot = certificates.lotCount();
        vm.prank(certifier);
        certificates.withdrawLot(lot, "the field was not connected");
        assertTrue(keccak256(bytes(certificates.tokenURI(id))) != keccak256(active), "the same picture");
        vm.expectRevert(abi.encodeWithSelector(IERC721Errors.ERC721NonexistentToken.selector, id + 1));
        certificates.tokenURI(id + 1);
    }

    function _daysIn(uint256 year, uint256 month) private pure returns (uint256) {
        if (month == 2) return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
        return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
    }
}
