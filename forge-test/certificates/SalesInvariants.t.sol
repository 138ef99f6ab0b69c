// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CertificateSales} from "contracts/certificates/CertificateSales.sol";
import {RenewableCertificate} from "contracts/certificates/RenewableCertificate.sol";
import {ICertificateSales} from "contracts/interfaces/ICertificateSales.sol";
import {IRenewableCertificate} from "contracts/interfaces/IRenewableCertificate.sol";
import {SalesTest} from "./SalesTest.sol";

/// Three people with certificates and money who offer, buy, give away, split and retire at random, and a certifier who
/// now and then withdraws. It keeps who should own what, and whose money should be where.
contract SalesHandler is SalesTest {
    uint256 private constant HIGHEST = 60 * RUPEE;

    address[3] public people;
    /// All INR that were ever bought.
    uint256 public broughtInr;
    mapping(address account => uint256) public expectedInr;
    /// Who was last handed a certificate, by transfer or sale; zero if nobody was.
    mapping(uint256 id => address) public lastReceiver;
    /// What its owner offered last, forgotten when it is withdrawn, sold or given away.
    mapping(uint256 id => ICertificateSales.Offer) public promised;

    function setUp() public override {
        super.setUp();
        people = [alice, bob, carol];
        for (uint256 i = 0; i < 3; ++i) {
            _fund(people[i], 100 * RUPEE);
            expectedInr[people[i]] = _inr(people[i]);
            vm.prank(people[i]);
            certificates.setApprovalForAll(address(sales), true);
        }
        broughtInr = token.totalSupply(INR);
        for (uint256 i = 0; i < 6; ++i) {
            _issued(4_000);
        }
    }

    function theCertificates() external view returns (RenewableCertificate) {
        return certificates;
    }

    function theSales() external view returns (CertificateSales) {
        return sales;
    }

    function inrOf(address account) external view returns (uint256) {
        return _inr(account);
    }

    function supplyOfInr() external view returns (uint256) {
        return token.totalSupply(INR);
    }

    // ---- actions

    function offer(uint256 seed, uint256 price, uint256 duration, bool owns) external {
        uint256 id = _any(seed);
        address who = owns ? certificates.ownerOf(id) : people[seed % 3];
        (price, duration) = (bound(price, 1, HIGHEST), bound(duration, 6 hours, 3 days));
        vm.prank(who);
        sales.offer(id, price, block.timestamp + duration);
        assertEq(who, certificates.ownerOf(id), "offered by somebody else");
        promised[id] = ICertificateSales.Offer(who, uint56(price), uint40(block.timestamp + duration));
    }

    function withdrawOffer(uint256 seed, bool own) external {
        if (seed % 4 != 0) return; // rarely
        uint256 id = _any(seed);
        vm.prank(own ? promised[id].seller : people[seed % 3]);
        sales.withdrawOffer(id);
        delete promised[id];
    }

    /// In INR or in ether, at the offer's price or at another.
    function buy(uint256 seed, uint256 who, uint256 weiSent, bool asShown) external {
        uint256 id = _sellable(seed);
        (ICertificateSales.Offer memory shown, bool open) = sales.offerOf(id);
        uint256 price = asShown || seed % 4 != 0 ? shown.priceMicroInr : shown.priceMicroInr + 1;
        weiSent = seed % 2 == 0 ? 0 : bound(weiSent, 1, 2 * desk.etherFor(HIGHEST));
        address buyer = people[who % 3];
        vm.deal(buyer, weiSent);
        vm.prank(buyer);
        sales.buy{value: weiSent}(id, price);

        ICertificateSales.Offer memory offered = promised[id];
        assertTrue(open, "sold though not open");
        assertEq(price, offered.priceMicroInr, "sold at another price");
        assertLt(block.timestamp, offered.closesAt, "sold after its end");
        assertNotEq(buyer, offered.seller, "sold to its seller");
        uint256 brought = desk.quoteEther(weiSent);
        broughtInr += brought;
        expectedInr[buyer] = expectedInr[buyer] + brought - price;
        expectedInr[offered.seller] += price;
        _handedTo(id, buyer);
    }

    function give(uint256 seed, uint256 to) external {
        uint256 id = _any(seed);
        address owner = certificates.ownerOf(id);
        vm.prank(owner);
        certificates.transferFrom(owner, people[to % 3], id);
        _handedTo(id, people[to % 3]);
    }

    function approve(uint256 seed, bool approved) external {
        vm.prank(people[seed % 3]);
        certificates.setApprovalForAll(address(sales), approved || seed % 3 != 0);
    }

    function split(uint256 seed) external {
        if (seed % 4 != 0) return; // rarely
        uint256 id = _any(seed);
        uint256 wh = certificates.certificateOf(id).wh;
        vm.prank(certificates.ownerOf(id));
        certificates.split(id, _list(1, wh - 1));
    }

    function retire(uint256 seed) external {
        if (seed % 4 != 0) return; // rarely
        uint256 id = _any(seed);
        _retire(certificates.ownerOf(id), id, certificates.certificateOf(id).wh, carol);
    }

    function withdrawLot(uint256 seed) external {
        if (seed % 8 != 0) return; // rarely
        uint256 lotId = certificates.certificateOf(_any(seed)).lot;
        vm.prank(certifier);
        certificates.withdrawLot(lotId, "forged");
    }

    function pass(uint256 time) external {
        skip(bound(time, 1, 6 hours));
    }

    // ---- helpers

    function _handedTo(uint256 id, address receiver) private {
        lastReceiver[id] = receiver;
        delete promised[id];
    }

    /// A certificate that has not been split.
    function _any(uint256 seed) private view returns (uint256 id) {
        uint256 count = certificates.certificateCount();
        for (uint256 i = 0; i < count; ++i) {
            id = (seed % 1000 + i) % count + 1;
            if (certificates.certificateOf(id).state != IRenewableCertificate.CertificateState.Split) return id;
        }
    }

    /// A certificate that is for sale, if there is one; else any.
    function _sellable(uint256 seed) private view returns (uint256 id) {
        uint256 count = certificates.certificateCount();
        for (uint256 i = 0; i < count; ++i) {
            id = (seed % 1000 + i) % count + 1;
            if (_isOpen(id)) return id;
        }
    }
}

/// What holds whatever they do.
contract SalesInvariantsTest is SalesTest {
    SalesHandler internal handler;

    function setUp() public override {
        handler = new SalesHandler();
        handler.setUp();
        (certificates, sales) = (handler.theCertificates(), handler.theSales());
        bytes4[] memory selectors = new bytes4[](11);
        selectors[0] = handler.offer.selector;
        selectors[1] = handler.withdrawOffer.selector;
        selectors[2] = handler.buy.selector;
        selectors[3] = handler.give.selector;
        selectors[4] = handler.approve.selector;
        selectors[5] = handler.split.selector;
        selectors[6] = handler.retire.selector;
        selectors[7] = handler.withdrawLot.selector;
        selectors[8] = handler.pass.selector;
        (selectors[9], selectors[10]) = (handler.offer.selector, handler.buy.selector); // more often
        targetContract(address(handler));
        targetSelector(address(handler), selectors);
    }

    function invariant_salesHoldNothing() public view {
        assertEq(handler.inrOf(address(sales)), 0);
        assertEq(certificates.balanceOf(address(sales)), 0);
        assertEq(address(sales).balance, 0);
    }

    /// A sale moves exactly its price; ether adds what the desk gives for it, and nothing is lost.
    function invariant_moneyMovesAtTheOfferedPrice() public view {
        uint256 sum = 0;
        for (uint256 i = 0; i < 3; ++i) {
            address person = handler.people(i);
            assertEq(handler.inrOf(person), handler.expectedInr(person));
            sum += handler.inrOf(person);
        }
        assertEq(handler.supplyOfInr(), sum);
        assertEq(handler.broughtInr(), sum);
    }

    /// A certificate is where its owner gave it, or where a sale at the owner's price brought it (checked at each).
    function invariant_ownersChangeByGiftOrSaleAlone() public view {
        for (uint256 id = 1; id <= certificates.certificateCount(); ++id) {
            IRenewableCertificate.Certificate memory certificate = certificates.certificateOf(id);
            if (certificate.state == IRenewableCertificate.CertificateState.Split) continue;
            address receiver = handler.lastReceiver(id);
            if (receiver == address(0)) assertEq(certificate.transfers, 0);
            else assertEq(certificates.ownerOf(id), receiver);
        }
    }

    /// The contract offers what owners promised since they last got it, and nothing else.
    function invariant_offersAreTheirOwners() public view {
        for (uint256 id = 1; id <= certificates.certificateCount(); ++id) {
            (ICertificateSales.Offer memory current, bool open) = sales.offerOf(id);
            (address seller, uint56 price, uint40 closesAt) = handler.promised(id);
            assertEq(current.seller, seller);
            assertEq(current.priceMicroInr, price);
            assertEq(current.closesAt, closesAt);
            if (open) assertEq(certificates.ownerOf(id), seller);
        }
    }
}
