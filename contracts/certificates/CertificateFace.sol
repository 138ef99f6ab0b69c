// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {Base64} from "@openzeppelin/contracts/utils/Base64.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {MeterId} from "../Types.sol";
import {ICertificateFace} from "../interfaces/ICertificateFace.sol";
import {IRenewableCertificate} from "../interfaces/IRenewableCertificate.sol";

/// @title CertificateFace
/// @notice See ICertificateFace. Only numbers and words from here go in; nothing that people wrote, so nothing needs
/// escaping. A contract of its own, without storage or owner, because certificates fill theirs.
contract CertificateFace is ICertificateFace {
    using Strings for uint256;

    /// Days in 400 years of the Gregorian calendar, and from 0000-03-01 to 1970-01-01.
    uint256 private constant ERA_DAYS = 146_097;
    uint256 private constant EPOCH_DAYS = 719_468;

    /// @inheritdoc ICertificateFace
    function tokenUri(
        uint256 id,
        IRenewableCertificate.Certificate calldata certificate,
        IRenewableCertificate.Lot calldata lot,
        uint256 start,
        uint256 end
    ) external pure returns (string memory) {
        string memory state = stateName(certificate.state, lot.state);
        string memory period = string.concat(dateTime(start), " - ", dateTime(end), " UTC");
        string memory numbers = string.concat(
            _number("start", start), _number("end", end), _number("lot", certificate.lot), _number("wh", certificate.wh)
        );
        bytes memory json = abi.encodePacked(
            _title(id, certificate.wh, lot.source, period),
            "\"image\":\"data:image/svg+xml;base64,",
            Base64.encode(bytes(svg(id, certificate.wh, sourceName(lot.source), period, state))),
            "\",\"attributes\":[",
            numbers,
            _lotAttributes(lot),
            _word("state", state),
            "]}"
        );
        return string.concat("data:application/json;base64,", Base64.encode(json));
    }

    function svg(uint256 id, uint256 wh, string memory source, string memory period, string memory state)
        internal
        pure
        returns (string memory)
    {
        return string.concat(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 420 260\" "
            "font-family=\"sans-serif\" fill=\"#173b2f\">"
            "<rect width=\"420\" height=\"260\" rx=\"16\" fill=\"#e7f4ec\"/>"
            "<rect x=\"10\" y=\"10\" width=\"400\" height=\"240\" rx=\"10\" fill=\"none\" stroke=\"#2f7d5b\"/>",
            _text("46\" font-size=\"15", string.concat("Renewable certificate ", id.toString())),
            _text("118\" font-size=\"48", string.concat(wh.toString(), " Wh")),
            _text("160\" font-size=\"20", source),
            _text("190\" font-size=\"14", period),
            _text("228\" font-weight=\"bold\" font-size=\"16", state),
            "</svg>"
        );
    }

    function sourceName(IRenewableCertificate.Source source) internal pure returns (string memory) {
        if (source == IRenewableCertificate.Source.Solar) return "solar";
        if (source == IRenewableCertificate.Source.Wind) return "wind";
        if (source == IRenewableCertificate.Source.Hydro) return "hydro";
        if (source == IRenewableCertificate.Source.Biomass) return "biomass";
        return "other renewable";
    }

    function stateName(IRenewableCertificate.CertificateState state, IRenewableCertificate.LotState lotState)
        internal
        pure
        returns (string memory)
    {
        bool withdrawn = lotState == IRenewableCertificate.LotState.Withdrawn;
        if (state == IRenewableCertificate.CertificateState.Retired) {
            return withdrawn ? "retired, lot withdrawn" : "retired";
        }
        return withdrawn ? "withdrawn" : "active";
    }

    /// @notice "2026-11-21 13:45" of a time in Unix seconds, UTC.
    function dateTime(uint256 time) internal pure returns (string memory) {
        (uint256 year, uint256 month, uint256 day) = civil(time / 1 days);
        uint256 minute = (time % 1 days) / 1 minutes;
        string memory date = string.concat(year.toString(), "-", _twoDigits(month), "-", _twoDigits(day));
        return string.concat(date, " ", _twoDigits(minute / 60), ":", _twoDigits(minute % 60));
    }

    /// @notice Calendar date of a day since 1970-01-01. Years are counted from March, so that the leap day is last.
    function civil(uint256 daysSinceEpoch) internal pure returns (uint256 year, uint256 month, uint256 day) {
        uint256 z = daysSinceEpoch + EPOCH_DAYS;
        uint256 dayOfEra = z % ERA_DAYS;
        uint256 yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
        uint256 dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
        uint256 monthFromMarch = (5 * dayOfYear + 2) / 153;
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1;
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
        year = yearOfEra + (z / ERA_DAYS) * 400 + (month < 3 ? 1 : 0);
    }

    function _title(uint256 id, uint256 wh, IRenewableCertificate.Source source, string memory period)
        private
        pure
        returns (string memory)
    {
        return string.concat(
            "{\"name\":\"Renewable certificate ",
            id.toString(),
            "\",\"description\":\"",
            wh.toString(),
            " Wh of ",
            sourceName(source),
            " electricity, ",
            period,
            ".\","
        );
    }

    function _lotAttributes(IRenewableCertificate.Lot calldata lot) private pure returns (string memory) {
        return string.concat(
            _number("meter", MeterId.unwrap(lot.meter)),
            _number("zone", lot.zone),
            _word("source", sourceName(lot.source)),
            ","
        );
    }

    function _number(string memory name, uint256 value) private pure returns (string memory) {
        return string.concat("{\"trait_type\":\"", name, "\",\"value\":", value.toString(), "},");
    }

    function _word(string memory name, string memory value) private pure returns (string memory) {
        return string.concat("{\"trait_type\":\"", name, "\",\"value\":\"", value, "\"}");
    }

    /// @param place height and font, as attributes without the outer quotes
    function _text(string memory place, string memory content) private pure returns (string memory) {
        return string.concat("<text x=\"28\" y=\"", place, "\">", content, "</text>");
    }

    function _twoDigits(uint256 value) private pure returns (string memory) {
        return value < 10 ? string.concat("0", value.toString()) : value.toString();
    }
}
