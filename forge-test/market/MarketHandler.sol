// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode, MeterId, SwitchId} from "contracts/Types.sol";
import {IEnergyMarket} from "contracts/interfaces/IEnergyMarket.sol";
import {HostileReceiver} from "contracts/mocks/Receivers.sol";
import {CommunityTest} from "./CommunityTest.sol";

/// A whole community used at random: trade, supply on request with relays that answer or do not, prepaid and billed
/// households, prices, pauses and a hostile requester. Ghosts say where all money must be.
contract MarketHandler is CommunityTest {
    HostileReceiver public hostile;

    // Ghosts
    uint256 public earnedFromSales;
    uint256 public paidForEnergy;
    uint256 public takingsWithdrawn;
    uint256 public refundsWithdrawn;
    /// What each request has cost its requester at the start.
    mapping(uint256 requestId => uint256) public costOf;
    /// A promise that was broken, or nothing.
    string public broken;

    function setUp() public override {
        super.setUp();
        hostile = new HostileReceiver();
        _acknowledge(HALL_SWITCH);
        _acknowledge(WORKSHOP_SWITCH);
        _closeSlot();
        _shine(100_000);
        ledger.setAdvanceLimit(1_900_000);
        _giveInr(alice, 100_000 * RUPEE);
        _giveInr(bob, 100_000 * RUPEE);
        _giveInr(address(hostile), 100_000 * RUPEE);
        _approveMarket(alice);
        _approveMarket(bob);
        _approveMarket(address(hostile));
        _addKseb(1 days, 1 days);
        _claim(HOUSE, alice, BillingMode.Prepaid);
        _claim(ROOF, bob, BillingMode.Billed);
        _closeSlot();
    }

    // ---- trade

    function buy(uint256 who, uint256 wh, uint256 slack) external {
        wh = bound(wh, 1, 50_000);
        uint256 limit = market.quoteBuyUp(wh) + bound(slack, 0, 1);
        address buyer = _person(who);
        uint256 before = token.balanceOf(buyer, INR);
        vm.prank(buyer);
        uint256 cost = market.buyEnergy(wh, limit);
        earnedFromSales += cost;
        _promise(cost <= limit && before - token.balanceOf(buyer, INR) == cost, "bought above the limit");
    }

    function buyWithEther(uint256 who, uint256 wh) external {
        wh = bound(wh, 1, 50_000);
        address buyer = _person(who);
        vm.deal(buyer, 1 ether);
        vm.prank(buyer);
        earnedFromSales += market.buyEnergy{value: 0.01 ether}(wh, type(uint256).max);
    }

    function sell(uint256 who, uint256 wh) external {
        address seller = _person(who);
        wh = bound(wh, 1, token.balanceOf(seller, ENERGY));
        uint256 limit = market.quoteSellDown(wh);
        uint256 before = token.balanceOf(seller, INR);
        vm.prank(seller);
        uint256 proceeds = market.sellEnergy(wh, limit);
        paidForEnergy += proceeds;
        _promise(token.balanceOf(seller, INR) - before >= limit, "sold below the limit");
    }

    function topUp(uint256 who, uint256 wh) external {
        address payer = _person(who);
        wh = bound(wh, 1, 20_000);
        vm.prank(payer);
        earnedFromSales += market.topUp(HOUSE, wh, type(uint256).max);
    }

    // ---- supply on request

    function requestSupply(uint256 who, bool hall, uint256 wh) external {
        address requester = _person(who);
        vm.prank(requester);
        uint256 id = market.requestSupply(_switch(hall), bound(wh, 1, 20_000), type(uint256).max);
        costOf[id] = market.request(id).escrowMicroInr;
    }

    function useAndAcknowledge(bool hall, uint256 wh, bool answers) external {
        SwitchId switchId = _switch(hall);
        // A relay that is open lets nothing through.
        if (priorities.switchState(switchId).acknowledgedClosed) {
            _count(hall ? HALL : WORKSHOP, bound(wh, 0, 9_000), 0);
        }
        if (answers) _acknowledge(switchId);
        _closeSlot();
    }

    function drawDown(uint256 id) external {
        id = _id(id);
        IEnergyMarket.RequestState state = market.request(id).state;
        try market.drawDown(id) {}
        catch {
            _promise(state == IEnergyMarket.RequestState.Finished, "drawDown refused");
        }
    }

    function cancel(uint256 id) external {
        id = _id(id);
        IEnergyMarket.SupplyRequest memory supply = market.request(id);
        vm.prank(supply.requester);
        try market.cancelSupply(id) {}
        catch {
            _promise(supply.state != IEnergyMarket.RequestState.Open, "cancelSupply refused");
        }
    }

    function cut(uint256 id) external {
        id = _id(id);
        vm.prank(operator);
        market.cutSupply(id);
    }

    /// Drives a closing request to its end, as the service does: the board answers, two slots pass.
    function finish(uint256 id, bool boardAnswers) external {
        id = _id(id);
        IEnergyMarket.SupplyRequest memory supply = market.request(id);
        if (supply.state != IEnergyMarket.RequestState.Closing) return;
        if (boardAnswers) {
            _acknowledge(supply.switchId);
            _closeSlot();
            _closeSlot();
        } else {
            skip(market.CLOSING_TIMEOUT() + SLOT_SECONDS);
        }
        try market.finishSupply(id) {}
        catch {
            broken = "finishSupply refused";
        }
    }

    function withdrawRefund(uint256 who) external {
        address person = _person(who);
        uint256 due = market.refundOf(person);
        if (due == 0) return;
        vm.prank(person);
        try market.withdrawRefund() returns (uint256 refund) {
            refundsWithdrawn += refund;
        } catch {
            _promise(person == address(hostile), "withdrawRefund refused");
        }
    }

    // ---- households, operator, time

    function live(uint256 houseWh, uint256 roofInWh, uint256 roofOutWh, uint256 sunWh) external {
        _count(HOUSE, houseWh % 5_000, 0);
        _count(ROOF, roofInWh % 5_000, roofOutWh % 8_000);
        _count(SOLAR, 0, sunWh % 50_000);
        _closeSlot();
    }

    function enforce(bool house) external {
        market.enforce(house ? HOUSE : ROOF);
    }

    function setPrices(uint256 buyPrice, uint256 sellPrice) external {
        buyPrice = bound(buyPrice, 1_000_000, 20_000_000);
        vm.prank(operator);
        posted.setPrices(buyPrice, bound(sellPrice, 1_000_000, buyPrice));
        vm.prank(operator);
        desk.setEtherRate(ETHER_RATE);
    }

    function withdrawTakings(uint256 amount) external {
        amount = bound(amount, 0, market.takingsMicroInr());
        vm.prank(operator);
        market.withdrawTakings(amount, operator);
        takingsWithdrawn += amount;
    }

    function pauseOrNot(uint8 dice) external {
        vm.prank(pauser);
        if (market.paused()) market.unpause();
        else if (dice % 8 == 0) market.pause();
    }

    function behave(bool refuses) external {
        hostile.behave(refuses ? HostileReceiver.Manner.Revert : HostileReceiver.Manner.Accept);
    }

    // ---- what the invariants look at

    function theMarket() external view returns (IEnergyMarket) {
        return market;
    }

    function inrOfMarket() external view returns (uint256) {
        return token.balanceOf(address(market), INR);
    }

    function refundsOwed() external view returns (uint256) {
        return market.refundOf(alice) + market.refundOf(bob) + market.refundOf(address(hostile));
    }

    function openRequestOf(bool hall) external view returns (uint256) {
        return market.openRequestOf(_switch(hall));
    }

    function isSwitchOf(SwitchId switchId, bool hall) external pure returns (bool) {
        return SwitchId.unwrap(switchId) == SwitchId.unwrap(_switch(hall));
    }

    function energySupplyAndSum() external view returns (uint256 supply, uint256 sum) {
        supply = token.totalSupply(ENERGY);
        sum = token.balanceOf(address(market), ENERGY) + token.balanceOf(alice, ENERGY) + token.balanceOf(bob, ENERGY)
            + token.balanceOf(address(hostile), ENERGY) + token.balanceOf(address(token), ENERGY);
    }

    function reserveAndSupply() external view returns (uint256, uint256) {
        return (desk.reserveMicroInr(), desk.supplyMicroInr());
    }

    function _switch(bool hall) private pure returns (SwitchId) {
        return hall ? HALL_SWITCH : WORKSHOP_SWITCH;
    }

    function _person(uint256 index) private view returns (address) {
        return [alice, bob, address(hostile)][index % 3];
    }

    function _id(uint256 id) private view returns (uint256) {
        return bound(id, 1, market.requestCount());
    }

    function _promise(bool kept, string memory what) private {
        if (!kept) broken = what;
    }
}
