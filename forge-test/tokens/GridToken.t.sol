// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC1155MetadataURI} from "@openzeppelin/contracts/token/ERC1155/extensions/IERC1155MetadataURI.sol";
import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {HostileReceiver, WalletDouble} from "contracts/mocks/Receivers.sol";
import {IGridToken} from "contracts/interfaces/IGridToken.sol";
import {GridToken} from "contracts/tokens/GridToken.sol";
import {MoneyTest} from "./MoneyTest.sol";

/// settleEnergy
/// ├── caller without the ledger role, arrays of unequal length, too long a batch: refused
/// ├── positive: account without code is credited; contract that accepts is credited
/// │   └── contract that refuses, in any manner: parked, the rest of the batch unharmed
/// ├── negative: burned down to zero, then from parked; the rest is answered as unmet
/// └── supply = balances, parked energy included, after any batch
contract GridTokenTest is MoneyTest {
    HostileReceiver internal hostile;

    function setUp() public override {
        super.setUp();
        hostile = new HostileReceiver();
        manager.grantRole(LEDGER, issuer, 0);
        manager.grantRole(DESK, issuer, 0);
        manager.grantRole(CERTIFICATE, issuer, 0);
        vm.startPrank(issuer);
    }

    // ---- settleEnergy

    function test_settle_creditsAndDebits() public {
        _settle(alice, 1000);
        uint256[] memory unmet = _settle(_two(alice, bob), -400, 70);
        assertEq(unmet, _two(uint256(0), 0));
        assertEq(token.balanceOf(alice, ENERGY), 600);
        assertEq(token.balanceOf(bob, ENERGY), 70);
        assertEq(token.totalSupply(ENERGY), 670);
    }

    function test_settle_answersWhatCouldNotBeBurned() public {
        _settle(alice, 300);
        uint256[] memory unmet = _settle(_two(alice, bob), -1000, -5);
        assertEq(unmet, _two(uint256(700), 5));
        assertEq(token.totalSupply(ENERGY), 0);
    }

    function test_settle_sameAccountTwiceInOrder() public {
        uint256[] memory unmet = _settle(_two(alice, alice), 500, -800);
        assertEq(unmet, _two(uint256(0), 300));
        unmet = _settle(_two(alice, alice), -800, 500);
        assertEq(unmet, _two(uint256(800), 0));
        assertEq(token.balanceOf(alice, ENERGY), 500);
    }

    function test_settle_mostNegativeDelta() public {
        _settle(alice, 1);
        assertEq(_settle(_two(alice, bob), type(int256).min, 0)[0], uint256(1 << 255) - 1);
    }

    /// All meters' registers together stay below 2^63 Wh; what does not fit is refused, never cut off.
    function test_settle_refusesWhatDoesNotFit() public {
        _settle(alice, type(int64).max);
        bytes memory tooLarge =
            abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, 64, uint256(1 << 64));
        vm.expectRevert(tooLarge);
        _settle(alice, int256(1 << 63) + 1);
        vm.expectRevert(tooLarge);
        _settle(bob, int256(1 << 63) + 1);
        token.mintInr(alice, type(uint128).max);
        vm.expectRevert(
            abi.encodeWithSelector(SafeCast.SafeCastOverflowedUintDowncast.selector, 128, uint256(1 << 128))
        );
        token.mintInr(bob, 1);
        assertEq(token.totalSupply(ENERGY), uint64(type(int64).max));
        assertEq(token.balanceOf(alice, INR), type(uint128).max);
    }

    /// An account's three amounts share a word and never spill into each other.
    function test_holdingsAreIndependent(uint128 inr, uint56 energy, uint64 grams, uint128 a, uint56 b, uint64 c)
        public
    {
        token.mintInr(alice, inr);
        _settle(alice, int256(uint256(energy)));
        token.mintCo2(alice, grams);
        (a, b, c) = (uint128(bound(a, 0, inr)), uint56(bound(b, 0, energy)), uint64(bound(c, 0, grams)));
        vm.stopPrank();
        vm.startPrank(alice);
        token.safeTransferFrom(alice, bob, INR, a, "");
        token.safeBatchTransferFrom(alice, bob, _two(CO2, ENERGY), _two(uint256(c), b), "");
        assertEq(token.balanceOf(alice, INR), inr - a);
        assertEq(token.balanceOf(alice, ENERGY), energy - b);
        assertEq(token.balanceOf(alice, CO2), grams - c);
        assertEq(token.balanceOf(bob, INR), a);
        assertEq(token.balanceOf(bob, ENERGY), b);
        assertEq(token.balanceOf(bob, CO2), c);
    }

    function test_transfer_toOneself() public {
        token.mintInr(alice, 100);
        vm.stopPrank();
        vm.prank(alice);
        token.safeBatchTransferFrom(alice, alice, _two(INR, INR), _two(uint256(100), 60), "");
        assertEq(token.balanceOf(alice, INR), 100);
    }

    function test_transfer_refusals() public {
        token.mintInr(alice, 100);
        vm.stopPrank();
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155MissingApprovalForAll.selector, bob, alice));
        token.safeTransferFrom(alice, bob, INR, 1, "");
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155InvalidArrayLength.selector, 2, 1));
        token.safeBatchTransferFrom(alice, bob, _two(INR, INR), _one(1), "");
        for (uint256 id = 0; id < 5; ++id) {
            uint256 has = token.balanceOf(alice, id);
            vm.expectRevert(
                abi.encodeWithSelector(IERC1155Errors.ERC1155InsufficientBalance.selector, alice, has, has + 1, id)
            );
            token.safeTransferFrom(alice, bob, id, has + 1, "");
        }
        // Nothing of an id that does not exist may be sent, as ERC-1155 has it.
        token.safeTransferFrom(alice, bob, 9, 0, "");
        assertEq(token.balanceOf(bob, 9), 0);
    }

    function test_transfer_events() public {
        token.mintInr(alice, 100);
        vm.stopPrank();
        vm.startPrank(alice);
        vm.expectEmit(address(token));
        emit IERC1155.TransferSingle(alice, alice, bob, INR, 1);
        token.safeTransferFrom(alice, bob, INR, 1, "");
        vm.expectEmit(address(token));
        emit IERC1155.TransferBatch(alice, alice, bob, _two(INR, INR), _two(uint256(2), 3));
        token.safeBatchTransferFrom(alice, bob, _two(INR, INR), _two(uint256(2), 3), "");
        token.setApprovalForAll(bob, true);
        vm.stopPrank();
        vm.prank(bob);
        vm.expectEmit(address(token));
        emit IERC1155.TransferSingle(bob, alice, bob, INR, 4);
        token.safeTransferFrom(alice, bob, INR, 4, "");
        vm.startPrank(issuer);
        vm.expectEmit(address(token));
        emit IERC1155.TransferSingle(issuer, address(0), alice, ENERGY, 5);
        _settle(alice, 5);
        vm.expectEmit(address(token));
        emit IERC1155.TransferSingle(issuer, alice, address(0), ENERGY, 5);
        _settle(alice, -6);
        vm.expectEmit(address(token));
        emit IERC1155.TransferSingle(issuer, address(0), address(hostile), ENERGY, 7);
        _settle(address(hostile), 7);
        hostile.behave(HostileReceiver.Manner.Revert);
        vm.expectEmit(address(token));
        emit IERC1155.TransferSingle(issuer, address(0), address(token), ENERGY, 8);
        _settle(address(hostile), 8);
    }

    function test_settle_emptyBatchAndZeros() public {
        assertEq(token.settleEnergy(new address[](0), new int256[](0)).length, 0);
        vm.recordLogs();
        _settle(_two(alice, bob), 0, 0);
        assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_settle_contractThatAccepts() public {
        _settle(address(hostile), 250);
        assertEq(token.balanceOf(address(hostile), ENERGY), 250);
        assertEq(hostile.received(), 1);
        assertEq(token.parkedEnergy(address(hostile)), 0);
    }

    function test_settle_hostileContractsAreParkedAndBlockNobody(uint8 mannerIndex, uint56 amount) public {
        HostileReceiver.Manner manner = HostileReceiver.Manner(bound(mannerIndex, 1, 6));
        vm.assume(amount > 0);
        hostile.behave(manner);
        vm.expectEmit(address(token));
        emit IGridToken.EnergyParked(address(hostile), amount);
        uint256 before = gasleft();
        _settle(_two(address(hostile), alice), int256(uint256(amount)), 9);
        assertLt(before - gasleft(), 350_000, "a refusal costs a bounded amount of gas");
        assertEq(token.parkedEnergy(address(hostile)), amount);
        assertEq(token.balanceOf(address(hostile), ENERGY), 0);
        assertEq(token.balanceOf(address(token), ENERGY), amount);
        assertEq(token.balanceOf(alice, ENERGY), 9);
        assertEq(token.totalSupply(ENERGY), uint256(amount) + 9);
    }

    function test_settle_manyGasBurnersInOneBatch() public {
        address[] memory accounts = new address[](50);
        int256[] memory deltas = new int256[](50);
        for (uint256 i = 0; i < 50; ++i) {
            HostileReceiver one = new HostileReceiver();
            one.behave(i % 2 == 0 ? HostileReceiver.Manner.BurnGas : HostileReceiver.Manner.ReturnBomb);
            (accounts[i], deltas[i]) = (address(one), 1);
        }
        uint256 before = gasleft();
        token.settleEnergy(accounts, deltas);
        assertLt(before - gasleft(), 50 * 250_000);
    }

    function test_settle_hookCannotReenterTheLedgerRole() public {
        address[] memory accounts = _two(address(hostile), alice);
        hostile.behaveByCalling(address(token), abi.encodeCall(token.settleEnergy, (accounts, new int256[](2))));
        _settle(address(hostile), 10);
        assertTrue(!hostile.callSucceeded());
        hostile.behaveByCalling(address(token), abi.encodeCall(token.creditContract, (alice, 10, alice)));
        _settle(address(hostile), 10);
        assertTrue(!hostile.callSucceeded());
        assertEq(token.balanceOf(alice, ENERGY), 0);
    }

    function test_settle_hookMaySpendWhatItReceived() public {
        bytes memory transfer = abi.encodeCall(token.safeTransferFrom, (address(hostile), alice, ENERGY, 10, ""));
        hostile.behaveByCalling(address(token), transfer);
        _settle(address(hostile), 10);
        assertTrue(hostile.callSucceeded());
        assertEq(token.balanceOf(alice, ENERGY), 10);
        assertEq(token.totalSupply(ENERGY), 10);
    }

    /// Whoever settles cannot make an honest contract look as if it refused, by sending too little gas.
    function test_settle_tooLittleGasRevertsInsteadOfParking(uint256 gasLimit) public {
        gasLimit = bound(gasLimit, 60_000, 400_000);
        bytes memory call =
            abi.encodeWithSelector(token.settleEnergy.selector, _two(address(hostile), alice), _signed(10, 10));
        (bool done, bytes memory answer) = address(token).call{gas: gasLimit}(call);
        if (!done) assertEq(bytes32(bytes4(answer)), bytes32(IGridToken.GridToken_TooLittleGas.selector));
        assertEq(token.parkedEnergy(address(hostile)), 0);
        assertEq(token.balanceOf(address(hostile), ENERGY), done ? 10 : 0);
    }

    function test_settle_consumptionBurnsParkedEnergyToo() public {
        hostile.behave(HostileReceiver.Manner.Revert);
        _settle(address(hostile), 100);
        uint256[] memory unmet = _settle(_two(address(hostile), alice), -30, 0);
        assertEq(unmet[0], 0);
        assertEq(token.parkedEnergy(address(hostile)), 70);
        assertEq(token.balanceOf(address(token), ENERGY), 70);
        unmet = _settle(_two(address(hostile), alice), -100, 0);
        assertEq(unmet[0], 30);
        assertEq(token.parkedEnergy(address(hostile)), 0);
        assertEq(token.totalSupply(ENERGY), 0);
    }

    function test_settle_balanceIsBurnedBeforeParked() public {
        _settle(address(hostile), 40);
        hostile.behave(HostileReceiver.Manner.Revert);
        _settle(address(hostile), 100);
        _settle(address(hostile), -60);
        assertEq(token.balanceOf(address(hostile), ENERGY), 0);
        assertEq(token.parkedEnergy(address(hostile)), 80);
    }

    function test_settle_refusals() public {
        vm.expectRevert(abi.encodeWithSelector(IGridToken.GridToken_LengthMismatch.selector, 2, 2, 1));
        token.settleEnergy(_two(alice, bob), new int256[](1));

        uint256 max = token.MAX_BATCH();
        vm.expectRevert(abi.encodeWithSelector(IGridToken.GridToken_BatchTooLong.selector, max + 1, max));
        token.settleEnergy(new address[](max + 1), new int256[](max + 1));

        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155InvalidReceiver.selector, address(0)));
        _settle(address(0), 1);

        vm.stopPrank();
        _expectUnauthorized(address(this));
        _settle(alice, 1);
    }

    function test_creditContract_isForTheTokenItself() public {
        vm.expectRevert(abi.encodeWithSelector(IGridToken.GridToken_OnlySelf.selector, issuer));
        token.creditContract(address(hostile), 1, issuer);
    }

    // ---- parked energy

    function test_withdrawParked() public {
        hostile.behave(HostileReceiver.Manner.Revert);
        _settle(address(hostile), 100);
        bytes memory withdraw = abi.encodeCall(token.withdrawParked, (bob));
        vm.expectEmit(address(token));
        emit IGridToken.ParkedWithdrawn(address(hostile), bob, 100);
        hostile.execute(address(token), withdraw);
        assertEq(token.balanceOf(bob, ENERGY), 100);
        assertEq(token.balanceOf(address(token), ENERGY), 0);
        assertEq(token.totalSupply(ENERGY), 100);

        vm.expectRevert(abi.encodeWithSelector(IGridToken.GridToken_NothingParked.selector, address(hostile)));
        hostile.execute(address(token), withdraw);
    }

    /// The token's own balance is what is parked: nobody can add to it.
    function test_unitsCannotBeSentToTheTokenItself() public {
        _settle(alice, 10);
        vm.stopPrank();
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155InvalidReceiver.selector, address(token)));
        token.safeTransferFrom(alice, address(token), ENERGY, 10, "");
    }

    // ---- issuers

    function test_inrAndCo2() public {
        token.mintInr(alice, 7 * RUPEE);
        token.mintCo2(alice, 500);
        token.burnInr(alice, 2 * RUPEE);
        assertEq(token.totalSupply(INR), 5 * RUPEE);
        assertEq(token.balanceOf(alice, INR), 5 * RUPEE);
        assertEq(token.totalSupply(CO2), 500);
        vm.expectRevert(
            abi.encodeWithSelector(IERC1155Errors.ERC1155InsufficientBalance.selector, alice, 5 * RUPEE, 6 * RUPEE, INR)
        );
        token.burnInr(alice, 6 * RUPEE);
    }

    function test_mintInr_refusedByReceiverReverts() public {
        hostile.behave(HostileReceiver.Manner.Revert);
        vm.expectRevert();
        token.mintInr(address(hostile), 1);
    }

    function test_issuersNeedTheirRole(address stranger) public {
        vm.assume(stranger != issuer && stranger != address(manager));
        vm.stopPrank();
        vm.startPrank(stranger);
        _expectUnauthorized(stranger);
        token.mintInr(stranger, 1);
        _expectUnauthorized(stranger);
        token.burnInr(alice, 1);
        _expectUnauthorized(stranger);
        token.mintCo2(stranger, 1);
    }

    // ---- batchTransfer

    function test_batchTransfer() public {
        token.mintInr(alice, 100);
        _settle(alice, 50);
        WalletDouble wallet = new WalletDouble();
        vm.stopPrank();
        vm.prank(alice);
        token.batchTransfer(_two(bob, address(wallet)), _two(INR, ENERGY), _two(uint256(30), 20));
        assertEq(token.balanceOf(bob, INR), 30);
        assertEq(token.balanceOf(address(wallet), ENERGY), 20);
        assertEq(token.balanceOf(alice, INR), 70);
    }

    function test_batchTransfer_refusals() public {
        token.mintInr(alice, 100);
        vm.stopPrank();
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IGridToken.GridToken_LengthMismatch.selector, 2, 1, 2));
        token.batchTransfer(_two(bob, bob), _one(INR), _two(uint256(1), 1));
        vm.expectRevert(abi.encodeWithSelector(IGridToken.GridToken_LengthMismatch.selector, 2, 2, 1));
        token.batchTransfer(_two(bob, bob), _two(INR, INR), _one(1));

        uint256 max = token.MAX_BATCH();
        vm.expectRevert(abi.encodeWithSelector(IGridToken.GridToken_BatchTooLong.selector, max + 1, max));
        token.batchTransfer(new address[](max + 1), new uint256[](max + 1), new uint256[](max + 1));

        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155InvalidReceiver.selector, address(0)));
        token.batchTransfer(_two(bob, address(0)), _two(INR, INR), _two(uint256(1), 1));

        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155InsufficientBalance.selector, alice, 70, 71, INR));
        token.batchTransfer(_two(bob, bob), _two(INR, INR), _two(uint256(30), 71));

        hostile.behave(HostileReceiver.Manner.Revert);
        vm.expectRevert(HostileReceiver.HostileReceiver_Refused.selector);
        token.batchTransfer(_two(bob, address(hostile)), _two(INR, INR), _two(uint256(1), 1));
        assertEq(token.balanceOf(alice, INR), 100);
    }

    // ---- what the token says of itself

    function test_interfaces() public view {
        assertTrue(token.supportsInterface(type(IERC165).interfaceId));
        assertTrue(token.supportsInterface(type(IERC1155).interfaceId));
        assertTrue(token.supportsInterface(type(IERC1155MetadataURI).interfaceId));
        assertTrue(token.supportsInterface(type(IGridToken).interfaceId));
        assertTrue(!token.supportsInterface(0xffffffff));
        assertEq(token.INR(), 0);
        assertEq(token.ENERGY(), 1);
        assertEq(token.CO2(), 2);
    }

    function test_uri() public {
        for (uint256 id = 0; id < 3; ++id) {
            assertGt(bytes(token.uri(id)).length, 100);
        }
        vm.expectRevert(abi.encodeWithSelector(IGridToken.GridToken_UnknownId.selector, 3));
        token.uri(3);
    }

    // ---- properties

    /// Whatever is booked for whomever: supply is the sum of balances and what was asked is burned or unmet.
    function test_settle_conserves(int56[12] memory deltas, uint8[12] memory who) public {
        hostile.behave(HostileReceiver.Manner.Revert);
        address[4] memory people = [alice, bob, address(hostile), address(new WalletDouble())];
        int256 expected;
        for (uint256 round = 0; round < 3; ++round) {
            address[] memory accounts = new address[](4);
            int256[] memory batch = new int256[](4);
            for (uint256 i = 0; i < 4; ++i) {
                accounts[i] = people[who[4 * round + i] % 4];
                batch[i] = deltas[4 * round + i];
                expected += batch[i];
            }
            uint256[] memory unmet = token.settleEnergy(accounts, batch);
            for (uint256 i = 0; i < 4; ++i) {
                expected += int256(unmet[i]);
            }
        }
        uint256 sum = token.balanceOf(address(token), ENERGY);
        assertEq(sum, token.parkedEnergy(people[2]));
        for (uint256 i = 0; i < 4; ++i) {
            sum += token.balanceOf(people[i], ENERGY);
        }
        assertEq(token.totalSupply(ENERGY), sum);
        assertEq(int256(sum), expected);
    }

    // ---- in short

    function _settle(address account, int256 delta) internal returns (uint256[] memory) {
        return _settle(_two(account, bob), delta, 0);
    }

    function _settle(address[] memory accounts, int256 a, int256 b) internal returns (uint256[] memory) {
        return token.settleEnergy(accounts, _signed(a, b));
    }

    function _signed(int256 a, int256 b) internal pure returns (int256[] memory deltas) {
        deltas = new int256[](2);
        (deltas[0], deltas[1]) = (a, b);
    }
}
