// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {DemoRupee} from "contracts/mocks/DemoRupee.sol";
import {EtherForcer, HostileReceiver} from "contracts/mocks/Receivers.sol";
import {GridToken} from "contracts/tokens/GridToken.sol";
import {PowerCoinDesk} from "contracts/tokens/PowerCoinDesk.sol";
import {Test} from "../Test.sol";

/// Does at random what people, the operator, the ledger and vandals do to token and desk, and keeps count.
contract MoneyHandler is Test {
    uint256 private constant INR = 0;
    uint256 private constant ENERGY = 1;

    GridToken public immutable TOKEN;
    PowerCoinDesk public immutable DESK;
    DemoRupee public immutable COIN;
    address public immutable OPERATOR;
    address public immutable PAUSER;
    address public immutable LEDGER;

    address[] public people;

    // Ghosts: what must explain the supplies.
    uint256 public inrBought;
    uint256 public inrRedeemed;
    int256 public energyNet;
    /// A call that must never be refused was.
    string public broken;

    constructor(GridToken token, PowerCoinDesk desk, DemoRupee coin, address operator, address pauser, address ledger) {
        (TOKEN, DESK, COIN) = (token, desk, coin);
        (OPERATOR, PAUSER, LEDGER) = (operator, pauser, ledger);
        for (uint256 i = 0; i < 3; ++i) {
            address person = makeAddr(vm.toString(i));
            people.push(person);
            vm.prank(person);
            coin.approve(address(desk), type(uint256).max);
        }
        people.push(address(new HostileReceiver()));
    }

    function peopleCount() external view returns (uint256) {
        return people.length;
    }

    function buyWithEther(uint256 who, uint256 to, uint256 amount) external {
        amount = bound(amount, 1, 50 ether);
        address payer = _person(who);
        vm.deal(payer, amount);
        vm.prank(payer);
        inrBought += DESK.buyWithEther{value: amount}(_person(to), 0);
    }

    function buyWithToken(uint256 who, uint256 amount) external {
        amount = bound(amount, 1, 1e13);
        address payer = people[who % 3];
        COIN.mint(payer, amount);
        vm.prank(payer);
        inrBought += DESK.buyWithToken(payer, amount, 0);
    }

    /// Whoever holds INR can always have ether or coins for it, as far as that asset goes.
    function redeemForEther(uint256 who, uint256 amount) external {
        address person = people[who % 3];
        amount = bound(amount, 0, TOKEN.balanceOf(person, INR));
        (uint256 rate,) = DESK.etherRate();
        uint256 due = amount * 1e18 / rate;
        if (due == 0 || due > address(DESK).balance) return;
        vm.prank(person);
        try DESK.redeemForEther(amount, due) returns (uint256 paid) {
            inrRedeemed += amount;
            if (paid < due) broken = "paid below the limit";
        } catch {
            broken = "redeemForEther refused";
        }
    }

    function redeemForToken(uint256 who, uint256 amount) external {
        address person = people[who % 3];
        amount = bound(amount, 0, TOKEN.balanceOf(person, INR));
        if (amount == 0 || amount > COIN.balanceOf(address(DESK))) return;
        vm.prank(person);
        try DESK.redeemForToken(amount, amount) returns (uint256) {
            inrRedeemed += amount;
        } catch {
            broken = "redeemForToken refused";
        }
    }

    function setEtherRate(uint256 rate) external {
        skip(60);
        (uint256 old,) = DESK.etherRate();
        vm.prank(OPERATOR);
        DESK.setEtherRate(bound(rate, old * 89 / 100, old * 111 / 100));
    }

    function fundReserve(uint256 amount) external {
        amount = bound(amount, 1, 5 ether);
        vm.deal(address(this), amount);
        DESK.fundReserve{value: amount}();
    }

    function forceEther(uint256 amount) external {
        amount = bound(amount, 1, 5 ether);
        vm.deal(address(this), amount);
        new EtherForcer{value: amount}(payable(address(DESK)));
    }

    function donateCoins(uint256 amount) external {
        COIN.mint(address(DESK), bound(amount, 1, 1e12));
    }

    function withdrawSurplus(bool ether_, uint256 amount) external {
        vm.prank(OPERATOR);
        DESK.withdrawSurplus(ether_ ? address(0) : address(COIN), bound(amount, 0, 60 ether), OPERATOR);
    }

    function transfer(uint256 from, uint256 to, uint256 id, uint256 amount) external {
        address sender = people[from % 3];
        id %= 2;
        amount = bound(amount, 0, TOKEN.balanceOf(sender, id));
        vm.prank(sender);
        TOKEN.safeTransferFrom(sender, _person(to), id, amount, "");
    }

    function settle(uint256 a, uint256 b, int64 deltaA, int64 deltaB) external {
        address[] memory accounts = new address[](2);
        int256[] memory deltas = new int256[](2);
        (accounts[0], accounts[1]) = (_person(a), _person(b));
        (deltas[0], deltas[1]) = (deltaA, deltaB);
        vm.prank(LEDGER);
        try TOKEN.settleEnergy(accounts, deltas) returns (uint256[] memory unmet) {
            energyNet += int256(deltaA) + int256(unmet[0]) + int256(deltaB) + int256(unmet[1]);
        } catch {
            broken = "settleEnergy refused";
        }
    }

    function behave(uint256 manner) external {
        HostileReceiver(payable(people[3])).behave(HostileReceiver.Manner(bound(manner, 0, 6)));
    }

    function withdrawParked(uint256 to) external {
        HostileReceiver(payable(people[3]))
            .execute(address(TOKEN), abi.encodeCall(TOKEN.withdrawParked, (people[to % 3])));
    }

    function pauseOrNot(uint8 dice) external {
        vm.prank(PAUSER);
        if (DESK.paused()) DESK.unpause();
        else if (dice % 4 == 0) DESK.pause();
    }

    function wait(uint256 secs) external {
        skip(bound(secs, 1, 30 minutes));
    }

    function _person(uint256 index) private view returns (address) {
        return people[index % people.length];
    }
}
