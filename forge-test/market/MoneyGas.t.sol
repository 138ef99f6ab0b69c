// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BillingMode} from "contracts/Types.sol";
import {GridToken} from "contracts/tokens/GridToken.sol";
import {CommunityTest} from "./CommunityTest.sol";

/// What the calls of money cost, as whole transactions under `make gas` (--isolate), kept in forge-test/snapshots.
contract MoneyGasTest is CommunityTest {
    string private constant GROUP = "money";

    function setUp() public override {
        super.setUp();
        _acknowledge(HALL_SWITCH);
        _closeSlot();
        _shine(1_000_000);
        _giveInr(alice, 10_000 * RUPEE);
        _giveInr(bob, 10_000 * RUPEE);
        _approveMarket(alice);
        _approveMarket(bob);
        vm.deal(alice, 10 ether);
        // Somebody bought before: the market has takings.
        vm.prank(bob);
        market.buyEnergy(1_000, type(uint256).max);
    }

    function test_gas_buyEnergy() public {
        vm.prank(alice);
        market.buyEnergy(1_000, type(uint256).max);
        assertLt(vm.snapshotGasLastCall(GROUP, "buyEnergy in INR, first units"), 125_000);
        vm.prank(alice);
        market.buyEnergy(1_000, type(uint256).max);
        assertLt(vm.snapshotGasLastCall(GROUP, "buyEnergy in INR"), 100_000);
        vm.prank(alice);
        market.buyEnergy{value: 0.001 ether}(1_000, type(uint256).max);
        assertLt(vm.snapshotGasLastCall(GROUP, "buyEnergy in ether"), 180_000);
        vm.prank(alice);
        market.sellEnergy(500, 0);
        assertLt(vm.snapshotGasLastCall(GROUP, "sellEnergy"), 100_000);
    }

    function test_gas_buyEnergyAhead() public {
        ledger.setAdvanceLimit(10_000_000);
        uint256 stockWh = token.balanceOf(address(market), ENERGY);
        vm.prank(alice);
        market.buyEnergy(stockWh + 1, type(uint256).max);
        vm.prank(alice);
        market.buyEnergy(1_000, type(uint256).max);
        assertLt(vm.snapshotGasLastCall(GROUP, "buyEnergy in INR, sold ahead"), 130_000);
    }

    function test_gas_topUp() public {
        _claim(HOUSE, alice, BillingMode.Prepaid);
        _closeSlot();
        _count(HOUSE, 5_000, 0);
        _closeSlot();
        market.enforce(HOUSE);
        vm.snapshotGasLastCall(GROUP, "enforce, suspends");
        vm.prank(alice);
        market.topUp(HOUSE, 6_000, type(uint256).max);
        assertLt(vm.snapshotGasLastCall(GROUP, "topUp, repays and resumes"), 250_000);
    }

    function test_gas_supplyOnRequest() public {
        vm.prank(alice);
        market.requestSupply(HALL_SWITCH, 10_000, type(uint256).max);
        assertLt(vm.snapshotGasLastCall(GROUP, "requestSupply"), 350_000);
        _acknowledge(HALL_SWITCH);
        _count(HALL, 4_000, 0);
        _closeSlot();
        market.drawDown(1);
        vm.snapshotGasLastCall(GROUP, "drawDown");
        vm.prank(alice);
        market.cancelSupply(1);
        vm.snapshotGasLastCall(GROUP, "cancelSupply");
        _acknowledge(HALL_SWITCH);
        _closeSlot();
        _closeSlot();
        market.finishSupply(1);
        vm.snapshotGasLastCall(GROUP, "finishSupply");
        vm.prank(alice);
        market.withdrawRefund();
        vm.snapshotGasLastCall(GROUP, "withdrawRefund");
    }

    function test_gas_bills() public {
        _addKseb(30 days, 15 days);
        _claim(HOUSE, alice, BillingMode.Billed);
        _closeSlot();
        _count(HOUSE, 368_000, 0);
        _closeSlot();
        for (uint256 i = 0; i < 2; ++i) {
            vm.warp(book.nextBillAt(HOUSE));
            book.issueBill(HOUSE);
            vm.snapshotGasLastCall(GROUP, i == 0 ? "issueBill, first" : "issueBill");
        }
        vm.startPrank(alice);
        token.setApprovalForAll(address(book), true);
        book.payBill(1);
        vm.snapshotGasLastCall(GROUP, "payBill");
    }

    function test_gas_desk() public {
        vm.startPrank(alice);
        desk.buyWithEther{value: 0.01 ether}(alice, 0);
        vm.snapshotGasLastCall(GROUP, "buyWithEther");
        desk.redeemForEther(100 * RUPEE, 0);
        vm.snapshotGasLastCall(GROUP, "redeemForEther");
    }

    /// The cost of one more account in a settlement, balance not zero before and after, as the ledger calls it.
    function test_gas_settleEnergyPerAccount() public {
        SettlementCaller caller = new SettlementCaller(token);
        manager.grantRole(LEDGER, address(caller), 0);
        caller.settle(101, 1_000);
        uint256 credited = (_gasOf(caller, 101, 10) - _gasOf(caller, 1, 10)) / 100;
        uint256 debited = (_gasOf(caller, 101, -10) - _gasOf(caller, 1, -10)) / 100;
        vm.snapshotValue(GROUP, "settleEnergy, one more account credited", credited);
        vm.snapshotValue(GROUP, "settleEnergy, one more account debited", debited);
        assertLt(credited, 12_000);
        assertLt(debited, 9_000);
    }

    function test_gas_batchTransfer() public {
        uint256 count = 100;
        address[] memory receivers = new address[](count);
        uint256[] memory ids = new uint256[](count);
        uint256[] memory amounts = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            (receivers[i], amounts[i]) = (address(uint160(0x1000 + i)), 1);
        }
        vm.startPrank(alice);
        token.batchTransfer(receivers, ids, amounts);
        token.batchTransfer(receivers, ids, amounts);
        vm.snapshotGasLastCall(GROUP, "batchTransfer to 100 accounts");
    }

    function _gasOf(SettlementCaller caller, uint256 count, int256 delta) private returns (uint256) {
        caller.settle(count, delta);
        return vm.snapshotGasLastCall(GROUP, string.concat("settleEnergy, accounts: ", vm.toString(count)));
    }
}

/// Stands where the ledger stands: calls with arrays made in memory.
contract SettlementCaller {
    GridToken private immutable TOKEN;

    constructor(GridToken token) {
        TOKEN = token;
    }

    function settle(uint256 count, int256 delta) external {
        address[] memory accounts = new address[](count);
        int256[] memory deltas = new int256[](count);
        for (uint256 i = 0; i < count; ++i) {
            (accounts[i], deltas[i]) = (address(uint160(0x1000 + i)), delta);
        }
        TOKEN.settleEnergy(accounts, deltas);
    }
}
