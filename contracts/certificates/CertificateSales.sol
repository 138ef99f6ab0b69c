// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ICertificateSales} from "../interfaces/ICertificateSales.sol";
import {IGridToken} from "../interfaces/IGridToken.sol";
import {IPowerCoinDesk} from "../interfaces/IPowerCoinDesk.sol";
import {IRenewableCertificate} from "../interfaces/IRenewableCertificate.sol";
import {INR} from "../tokens/TokenIds.sol";
import {TokenReceiver} from "../tokens/TokenReceiver.sol";

/// @title CertificateSales
/// @notice See ICertificateSales. Offers are kept by how often their certificate had changed hands: a transfer leaves
/// them behind without anybody having to tell this contract.
contract CertificateSales is ICertificateSales, AccessManaged, Pausable, ReentrancyGuardTransient, TokenReceiver {
    // ------------------------------------------------------------------ constants

    /// @notice Longest time an offer holds, seconds.
    uint256 public constant MAX_DURATION = 30 days;

    // ------------------------------------------------------------------ immutables

    IRenewableCertificate private immutable CERTIFICATES;
    IPowerCoinDesk private immutable DESK;

    // ------------------------------------------------------------------ storage

    mapping(uint256 id => mapping(uint256 transfers => Offer)) private _offers;
    /// Set while the desk is asked for INR, which goes on in the same call: what else is sent here is refused.
    bool private transient _converting;

    // ------------------------------------------------------------------ constructor

    constructor(address manager, IRenewableCertificate certificates, IGridToken token, IPowerCoinDesk desk)
        AccessManaged(manager)
        TokenReceiver(token)
    {
        CERTIFICATES = certificates;
        DESK = desk;
    }

    // ------------------------------------------------------------------ pauser

    /// @inheritdoc ICertificateSales
    function pause() external restricted {
        _pause();
    }

    /// @inheritdoc ICertificateSales
    function unpause() external restricted {
        _unpause();
    }

    // ------------------------------------------------------------------ sellers

    /// @inheritdoc ICertificateSales
    function offer(uint256 id, uint256 priceMicroInr, uint256 closesAt) external whenNotPaused nonReentrant {
        (bool stands, IRenewableCertificate.Certificate memory certificate,, address owner) = CERTIFICATES.verify(id);
        if (!stands) revert CertificateSales_NotStanding(id);
        if (owner != msg.sender) revert CertificateSales_NotOwner(id, msg.sender);
        if (!_isApproved(id, owner)) revert CertificateSales_NotApproved(id, owner);
        if (priceMicroInr == 0 || priceMicroInr > type(uint56).max) {
            revert CertificateSales_BadPrice(priceMicroInr, type(uint56).max);
        }
        uint256 latest = block.timestamp + MAX_DURATION;
        if (closesAt <= block.timestamp || closesAt > latest) revert CertificateSales_BadClosing(closesAt, latest);
        // The price was just compared with its type's largest value; 40 bits of seconds last for 34 000 years.
        _offers[id][certificate.transfers] = Offer(owner, uint56(priceMicroInr), uint40(closesAt));
        emit CertificateOffered(id, owner, priceMicroInr, closesAt);
    }

    /// @inheritdoc ICertificateSales
    function withdrawOffer(uint256 id) external nonReentrant {
        uint256 transfers = CERTIFICATES.certificateOf(id).transfers;
        address seller = _offers[id][transfers].seller;
        if (seller == address(0)) revert CertificateSales_NotOffered(id);
        if (seller != msg.sender) revert CertificateSales_NotSeller(id, msg.sender);
        delete _offers[id][transfers];
        emit OfferWithdrawn(id, seller);
    }

    // ------------------------------------------------------------------ buyers

    /// @inheritdoc ICertificateSales
    function buy(uint256 id, uint256 priceMicroInr) external payable whenNotPaused nonReentrant {
        address seller = _take(id, priceMicroInr);
        emit CertificateSold(id, seller, msg.sender, priceMicroInr);
        uint256 change = _pay(seller, priceMicroInr);
        CERTIFICATES.safeTransferFrom(seller, msg.sender, id);
        if (change > 0) TOKEN.safeTransferFrom(address(this), msg.sender, INR, change, "");
    }

    // ------------------------------------------------------------------ views

    /// @inheritdoc ICertificateSales
    function offerOf(uint256 id) external view returns (Offer memory current, bool open) {
        (bool stands, IRenewableCertificate.Certificate memory certificate,, address owner) = CERTIFICATES.verify(id);
        current = _offers[id][certificate.transfers];
        open = !paused() && stands && block.timestamp < current.closesAt && _isApproved(id, owner);
    }

    // ------------------------------------------------------------------ internal

    /// Ends the offer that the caller takes, if it can be taken at this price.
    function _take(uint256 id, uint256 priceMicroInr) private returns (address seller) {
        (bool stands, IRenewableCertificate.Certificate memory certificate,,) = CERTIFICATES.verify(id);
        Offer memory current = _offers[id][certificate.transfers];
        seller = current.seller;
        if (seller == address(0)) revert CertificateSales_NotOffered(id);
        if (!stands) revert CertificateSales_NotStanding(id);
        if (block.timestamp >= current.closesAt) revert CertificateSales_Closed(id, current.closesAt);
        if (priceMicroInr != current.priceMicroInr) {
            revert CertificateSales_PriceDiffers(id, priceMicroInr, current.priceMicroInr);
        }
        if (seller == msg.sender) revert CertificateSales_OwnOffer(id);
        // Nothing has changed hands since the offer: its seller is the owner.
        if (!_isApproved(id, seller)) revert CertificateSales_NotApproved(id, seller);
        delete _offers[id][certificate.transfers];
    }

    /// Brings the price from the caller to the seller, in INR or as ether; returns the INR beyond it, held here.
    function _pay(address seller, uint256 priceMicroInr) private returns (uint256 changeMicroInr) {
        if (msg.value == 0) {
            TOKEN.safeTransferFrom(msg.sender, seller, INR, priceMicroInr, "");
            return 0;
        }
        _converting = true;
        uint256 bought = DESK.buyWithEther{value: msg.value}(address(this), 0);
        _converting = false;
        if (bought < priceMicroInr) revert CertificateSales_TooLittleEther(bought, priceMicroInr);
        TOKEN.safeTransferFrom(address(this), seller, INR, priceMicroInr, "");
        return bought - priceMicroInr;
    }

    function _isApproved(uint256 id, address owner) private view returns (bool) {
        return CERTIFICATES.getApproved(id) == address(this) || CERTIFICATES.isApprovedForAll(owner, address(this));
    }

    function _accepts(uint256 id) internal view override returns (bool) {
        return _converting && id == INR;
    }
}
