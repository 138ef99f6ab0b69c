// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @title Renewable certificates for sale at a price
/// @notice The owner of a certificate names a price in INR and a time until which it holds; whoever pays that price
/// gets the certificate in the same transaction. Nothing is held here between calls, neither certificates nor INR:
/// until it is sold the seller keeps the certificate, and approves this contract for it (ERC-721 `approve` or
/// `setApprovalForAll`). Buyers pay in INR units, for which they must have approved this contract on GridToken, or in
/// ether, which the coin desk converts; what that brings beyond the price comes back as INR.
/// An offer is one owner's, for one time of owning. It ends with its time, with `withdrawOffer`, with a sale, and
/// whenever the certificate changes hands, also if it comes back to who offered it. It cannot be taken while the
/// certificate does not stand (split, retired, withdrawn by the certifier) or the approval is taken back.
/// Pausing stops offering and buying, never withdrawing.
/// @dev Prices in micro-rupees, times in Unix seconds. There is no fee and nothing is rounded: the seller gets what
///      the buyer pays. Trusted: the certificates for who owns what and what stands, GridToken and PowerCoinDesk for
///      money. Hooks run of the seller (INR), then of the buyer (certificate, change): a contract that refuses only
///      stops its own trade. A certificate sent here past its hook (`transferFrom`) is lost, as with any contract.
///      Gas: see forge-test/snapshots/certificates.json.
interface ICertificateSales {
    /// One storage word.
    /// @param priceMicroInr of the whole certificate
    /// @param closesAt the offer can be taken before this time
    struct Offer {
        address seller;
        uint56 priceMicroInr;
        uint40 closesAt;
    }

    event CertificateOffered(uint256 indexed id, address indexed seller, uint256 priceMicroInr, uint256 closesAt);
    event OfferWithdrawn(uint256 indexed id, address indexed seller);
    event CertificateSold(uint256 indexed id, address indexed seller, address indexed buyer, uint256 priceMicroInr);

    /// The certificate was split, retired or withdrawn by the certifier.
    error CertificateSales_NotStanding(uint256 id);
    error CertificateSales_NotOwner(uint256 id, address caller);
    /// The owner has not approved this contract for the certificate, or has taken the approval back.
    error CertificateSales_NotApproved(uint256 id, address owner);
    /// 1 to `max` micro-rupees.
    error CertificateSales_BadPrice(uint256 priceMicroInr, uint256 max);
    /// An offer closes after now, and at most MAX_DURATION later.
    error CertificateSales_BadClosing(uint256 closesAt, uint256 latest);
    /// Never offered, sold, withdrawn, or changed hands since it was offered.
    error CertificateSales_NotOffered(uint256 id);
    error CertificateSales_NotSeller(uint256 id, address caller);
    error CertificateSales_Closed(uint256 id, uint256 closesAt);
    /// The offer has another price than the buyer saw.
    error CertificateSales_PriceDiffers(uint256 id, uint256 givenMicroInr, uint256 priceMicroInr);
    error CertificateSales_OwnOffer(uint256 id);
    /// The ether sent buys less INR than the price.
    error CertificateSales_TooLittleEther(uint256 boughtMicroInr, uint256 priceMicroInr);

    /// @notice Offers a certificate that stands, by its owner, who has approved this contract for it. Offering again
    /// replaces the offer.
    /// @param priceMicroInr of the whole certificate, from 1 on
    /// @param closesAt in the future, at most MAX_DURATION ahead
    function offer(uint256 id, uint256 priceMicroInr, uint256 closesAt) external;

    /// @notice Ends an offer, by its seller; also one that cannot be taken any more. Never paused.
    function withdrawOffer(uint256 id) external;

    /// @notice Buys a certificate for the caller: the whole price to the seller, the certificate to the caller, or
    /// nothing at all.
    /// @param priceMicroInr must be the offer's, so that nobody pays another price than was shown
    function buy(uint256 id, uint256 priceMicroInr) external payable;

    /// @notice Role: PAUSER. Stops offering and buying.
    function pause() external;
    function unpause() external;

    /// @notice Refuses certificates that were never issued.
    /// @return current the offer, zeros if there is none
    /// @return open whether it would be sold now
    function offerOf(uint256 id) external view returns (Offer memory current, bool open);
}
