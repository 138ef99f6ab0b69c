// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IAccessManaged} from "@openzeppelin/contracts/access/manager/IAccessManaged.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IOracleQuorum} from "contracts/interfaces/IOracleQuorum.sol";
import {IRelayCredits} from "contracts/interfaces/IRelayCredits.sol";
import {HostileReceiver} from "contracts/mocks/Receivers.sol";
import {TokenReceiver} from "contracts/tokens/TokenReceiver.sol";
import {RelayCreditsTest} from "./RelayCreditsTest.sol";

contract RelayCreditsUnitTest is RelayCreditsTest {
    // ---- what a receipt pays

    function test_clear_paysEveryRelayForEveryMessage() public {
        _prepay(alice, 10_000);
        IRelayCredits.Receipt memory receipt = _whole(_route(ALICES, BOBS, 3, 4), 20);
        assertEq(_clear(receipt), 1);
        _assertAccount(alice, 10_000 - 2 * 20 * FEE, 0);
        _assertAccount(bob, 0, 20 * FEE);
        _assertAccount(community, 0, 20 * FEE);
        (uint256 sent, uint256 delivered) = credits.clearedOf(credits.receiptId(receipt.startedAt, _route(1, 2, 3, 4)));
        assertEq(sent, 20);
        assertEq(delivered, 20);
    }

    function test_clear_tellsAll() public {
        _prepay(alice, 10_000);
        IRelayCredits.Receipt memory receipt = _receipt(_route(ALICES, BOBS, 3), _now(), 7, 5, 1);
        bytes32 id = credits.receiptId(_now(), _route(ALICES, BOBS, 3));
        vm.expectEmit(address(credits));
        emit IRelayCredits.ReceiptCleared(id, ALICES, alice, _now(), 7, 5, 1, 7, receipt.route, 5 * FEE);
        _clear(receipt);
    }

    function test_clear_neighboursPayNobody() public {
        uint32[] memory nodes_ = new uint32[](2);
        (nodes_[0], nodes_[1]) = (ALICES, BOBS);
        assertEq(_clear(_whole(nodes_, 64)), 1);
        _assertAccount(bob, 0, 0);
    }

    function test_clear_nothingDeliveredPaysNobodyAndIsRemembered() public {
        assertEq(_clear(_receipt(_route(ALICES, BOBS, 3), _now(), 1, 0, 1)), 1);
        _assertAccount(bob, 0, 0);
        _refused(
            _receipt(_route(ALICES, BOBS, 3), _now(), 1, 0, 1),
            abi.encodeWithSelector(IRelayCredits.RelayCredits_NothingToClear.selector)
        );
    }

    function test_clear_ownRelaysMoveFromPrepaidToEarned() public {
        _prepay(community, 1_000);
        _clear(_whole(_route(3, 4, 5), 10));
        _assertAccount(community, 0, 1_000);
    }

    function testFuzz_clear_higherCountsPayTheDifference(uint16 first, uint16 more) public {
        first = uint16(bound(first, 1, 63));
        more = uint16(bound(more, 1, 64 - first));
        _prepay(alice, 64 * FEE);
        uint32 startedAt = _now();
        _clear(_receipt(_route(ALICES, BOBS, 3), startedAt, first, first, WHOLE));
        _clear(_receipt(_route(ALICES, BOBS, 3), startedAt, first + more, first + more, WHOLE));
        _assertAccount(bob, 0, (uint256(first) + more) * FEE);
        _assertAccount(alice, (64 - uint256(first) - more) * FEE, 0);
    }

    function testFuzz_clear_neverTwiceNorLower(uint16 sent, uint16 delivered, uint16 sentAgain, uint16 again) public {
        sent = uint16(bound(sent, 1, 64));
        delivered = uint16(bound(delivered, 0, sent));
        sentAgain = uint16(bound(sentAgain, 1, sent));
        again = uint16(bound(again, 0, delivered < sentAgain ? delivered : sentAgain));
        _prepay(alice, 64 * FEE);
        uint32 startedAt = _now();
        _clear(_receipt(_route(ALICES, BOBS, 3), startedAt, sent, delivered, WHOLE));
        _refused(
            _receipt(_route(ALICES, BOBS, 3), startedAt, sentAgain, again, WHOLE),
            abi.encodeWithSelector(IRelayCredits.RelayCredits_NothingToClear.selector)
        );
        _assertAccount(bob, 0, uint256(delivered) * FEE);
    }

    function test_clear_theSameTwiceInABatchCountsOnce() public {
        _prepay(alice, 10_000);
        IRelayCredits.Receipt[] memory batch = new IRelayCredits.Receipt[](2);
        batch[0] = batch[1] = _whole(_route(ALICES, BOBS, 3), 5);
        assertEq(_clear(batch), 1);
        _assertAccount(bob, 0, 5 * FEE);
    }

    function test_clear_otherEnergiesAreTheSameSession() public {
        _prepay(alice, 10_000);
        IRelayCredits.Receipt memory receipt = _whole(_route(ALICES, BOBS, 3), 5);
        _clear(receipt);
        receipt.route[4] = 0;
        _refused(receipt, abi.encodeWithSelector(IRelayCredits.RelayCredits_NothingToClear.selector));
    }

    function test_clear_unfundedIsPassedOverAndClearsAfterADeposit() public {
        IRelayCredits.Receipt[] memory batch = new IRelayCredits.Receipt[](2);
        batch[0] = _whole(_route(ALICES, 4, 3), 5);
        batch[1] = _whole(_route(BOBS, 4, 3), 5);
        _prepay(bob, 500);
        bytes32 id = credits.receiptId(_now(), _route(ALICES, 4, 3));
        vm.expectEmit(address(credits));
        emit IRelayCredits.ReceiptSkipped(id, IRelayCredits.Skipped.Unfunded);
        assertEq(_clear(batch), 1);
        _prepay(alice, 499);
        _refused(batch[0], abi.encodeWithSelector(IRelayCredits.RelayCredits_NothingToClear.selector));
        _prepay(alice, 1);
        assertEq(_clear(batch[0]), 1);
        _assertAccount(community, 0, 1_000);
    }

    function test_clear_afterAWeekItIsTooOld() public {
        _prepay(alice, 10_000);
        IRelayCredits.Receipt memory receipt = _whole(_route(ALICES, BOBS, 3), 5);
        skip(7 days);
        uint256 before = vm.snapshotState();
        assertEq(_clear(receipt), 1);
        vm.revertToState(before);
        skip(1);
        _refused(receipt, abi.encodeWithSelector(IRelayCredits.RelayCredits_NothingToClear.selector));
    }

    // ---- what is refused

    function test_clear_badChains() public {
        bytes memory why = abi.encodeWithSelector(IRelayCredits.RelayCredits_BadChain.selector, 0);
        for (uint256 i = 0; i < 4; ++i) {
            IRelayCredits.Receipt memory receipt = _receipt(_route(ALICES, BOBS, 3), _now(), 9, 8, 1);
            if (i == 0) receipt.sValue ^= bytes16(uint128(1));
            if (i == 1) receipt.hValue ^= bytes16(uint128(1) << 127);
            if (i == 2) receipt.sRoot = receipt.sValue;
            if (i == 3) (receipt.sent, receipt.delivered) = (10, 9);
            _refused(receipt, why);
        }
    }

    function test_clear_aChainOfAnotherSessionOrRole() public {
        bytes memory why = abi.encodeWithSelector(IRelayCredits.RelayCredits_BadChain.selector, 0);
        IRelayCredits.Receipt memory receipt = _whole(_route(ALICES, BOBS, 3), 9);
        receipt.startedAt -= 1;
        _refused(receipt, why);
        receipt = _whole(_route(ALICES, BOBS, 3), 9);
        (receipt.hRoot, receipt.hValue) = (receipt.sRoot, receipt.sValue);
        _refused(receipt, why);
        receipt = _whole(_route(ALICES, BOBS, 3), 9);
        receipt.route = _packed(_route(4, BOBS, 3));
        _refused(receipt, why);
    }

    function test_clear_badRoutes() public {
        bytes memory why = abi.encodeWithSelector(IRelayCredits.RelayCredits_BadRoute.selector, 0);
        IRelayCredits.Receipt memory receipt = _whole(_route(ALICES, BOBS, 3), 1);
        receipt.route = _packed(_route(ALICES, BOBS, ALICES));
        _refused(receipt, why);
        receipt.route = _packed(new uint32[](0));
        _refused(receipt, why);
        receipt.route = _packed(_route(ALICES, BOBS, BOBS, 3));
        _refused(receipt, why);
        receipt.route = abi.encodePacked(_packed(_route(ALICES, BOBS, 3)), uint8(0));
        _refused(receipt, why);
        uint32[] memory nine = new uint32[](9);
        for (uint32 i = 0; i < 9; ++i) {
            nine[i] = i + 1;
        }
        receipt.route = _packed(nine);
        _refused(receipt, why);
        uint32[] memory one = new uint32[](1);
        receipt.route = _packed(one);
        _refused(receipt, why);
    }

    function test_clear_badCounts() public {
        bytes memory why = abi.encodeWithSelector(IRelayCredits.RelayCredits_BadCounts.selector, 0);
        IRelayCredits.Receipt memory receipt = _whole(_route(ALICES, BOBS, 3), 1);
        (receipt.sent, receipt.delivered) = (0, 0);
        _refused(receipt, why);
        (receipt.sent, receipt.delivered) = (65, 1);
        _refused(receipt, why);
        (receipt.sent, receipt.delivered) = (3, 4);
        _refused(receipt, why);
    }

    function test_clear_badHop() public {
        bytes memory why = abi.encodeWithSelector(IRelayCredits.RelayCredits_BadHop.selector, 0);
        _refused(_receipt(_route(ALICES, BOBS, 3), _now(), 5, 4, 2), why);
        _refused(_receipt(_route(ALICES, BOBS, 3), _now(), 5, 5, 1), why);
    }

    function test_clear_tooEarly() public {
        _refused(
            _receipt(_route(ALICES, BOBS, 3), _now() + 301, 5, 5, WHOLE),
            abi.encodeWithSelector(IRelayCredits.RelayCredits_TooEarly.selector, 0)
        );
        _prepay(alice, 10_000);
        assertEq(_clear(_receipt(_route(ALICES, BOBS, 3), _now() + 300, 5, 5, WHOLE)), 1);
    }

    function test_clear_badBatch() public {
        IRelayCredits.Receipt[] memory batch = new IRelayCredits.Receipt[](0);
        vm.expectRevert(abi.encodeWithSelector(IRelayCredits.RelayCredits_BadBatch.selector, 0, 64));
        credits.clear(batch, new bytes[](0));
        batch = new IRelayCredits.Receipt[](65);
        vm.expectRevert(abi.encodeWithSelector(IRelayCredits.RelayCredits_BadBatch.selector, 65, 64));
        credits.clear(batch, new bytes[](0));
    }

    function test_clear_onlyWhatAQuorumSignedInThisEpoch() public {
        _prepay(alice, 10_000);
        IRelayCredits.Receipt[] memory batch = _batch(_whole(_route(ALICES, BOBS, 3), 5));
        bytes[] memory signatures = _signatures(credits.receiptsDigest(batch), 2);
        bytes[] memory one = _signatures(credits.receiptsDigest(batch), 1);
        vm.expectRevert(abi.encodeWithSelector(IOracleQuorum.OracleQuorum_TooFewSignatures.selector, 1, 2));
        credits.clear(batch, one);
        batch[0].delivered = 4;
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        credits.clear(batch, signatures);
        batch[0].delivered = 5;
        quorum.setSigners(nodes, 2);
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        credits.clear(batch, signatures);
    }

    function test_clear_signaturesOfAnotherContractOrChainAreWorthNothing() public {
        _prepay(alice, 10_000);
        IRelayCredits.Receipt[] memory batch = _batch(_whole(_route(ALICES, BOBS, 3), 5));
        bytes[] memory signatures = _signatures(credits.receiptsDigest(batch), 2);
        vm.chainId(5);
        vm.expectPartialRevert(IOracleQuorum.OracleQuorum_BadSigner.selector);
        credits.clear(batch, signatures);
    }

    // ---- accounts

    function test_depositFor_another() public {
        token.mintInr(bob, 70);
        vm.startPrank(bob);
        token.setApprovalForAll(address(credits), true);
        vm.expectEmit(address(credits));
        emit IRelayCredits.Deposited(bob, alice, 70);
        credits.depositFor(alice, 70);
        _assertAccount(alice, 70, 0);
        vm.expectRevert(IRelayCredits.RelayCredits_ZeroAmount.selector);
        credits.depositFor(alice, 0);
        vm.expectRevert(IRelayCredits.RelayCredits_ZeroAccount.selector);
        credits.depositFor(address(0), 1);
        vm.stopPrank();
    }

    function test_withdraw_onlyWhatWasEarned() public {
        _prepay(alice, 1_000);
        _clear(_whole(_route(ALICES, BOBS, 3), 10));
        vm.startPrank(bob);
        vm.expectRevert(abi.encodeWithSelector(IRelayCredits.RelayCredits_TooLittleEarned.selector, bob, 1_000, 1_001));
        credits.withdraw(1_001);
        vm.expectRevert(IRelayCredits.RelayCredits_ZeroAmount.selector);
        credits.withdraw(0);
        credits.withdraw(1_000);
        vm.stopPrank();
        assertEq(token.balanceOf(bob, INR), 1_000);
        _assertAccount(bob, 0, 0);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IRelayCredits.RelayCredits_TooLittleEarned.selector, alice, 0, 1));
        credits.withdraw(1);
    }

    function test_keepEarned() public {
        _prepay(alice, 1_000);
        _clear(_whole(_route(ALICES, BOBS, 3), 10));
        vm.startPrank(bob);
        credits.keepEarned(400);
        _assertAccount(bob, 400, 600);
        vm.expectRevert(abi.encodeWithSelector(IRelayCredits.RelayCredits_TooLittleEarned.selector, bob, 600, 601));
        credits.keepEarned(601);
        vm.stopPrank();
    }

    function test_refund_afterNoticeAndAfterWhatIsOwed() public {
        _prepay(alice, 1_000);
        vm.prank(alice);
        credits.requestRefund(1_000);
        (uint256 asked, uint256 availableAt) = credits.refundOf(alice);
        assertEq(asked, 1_000);
        assertEq(availableAt, _now() + 1 days);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IRelayCredits.RelayCredits_RefundNotYet.selector, alice, availableAt));
        credits.refund();
        _clear(_whole(_route(ALICES, BOBS, 3), 4));
        skip(1 days);
        vm.prank(alice);
        assertEq(credits.refund(), 600);
        assertEq(token.balanceOf(alice, INR), 600);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IRelayCredits.RelayCredits_NoRefundRequested.selector, alice));
        credits.refund();
    }

    function test_requestRefund_limits() public {
        _prepay(alice, 10);
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IRelayCredits.RelayCredits_TooLittlePrepaid.selector, alice, 10, 11));
        credits.requestRefund(11);
        credits.requestRefund(10);
        credits.requestRefund(0);
        vm.expectRevert(abi.encodeWithSelector(IRelayCredits.RelayCredits_NoRefundRequested.selector, alice));
        credits.refund();
        vm.stopPrank();
    }

    function test_refund_nothingLeft() public {
        _prepay(alice, 500);
        vm.prank(alice);
        credits.requestRefund(500);
        _clear(_whole(_route(ALICES, BOBS, 3), 5));
        skip(1 days);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IRelayCredits.RelayCredits_TooLittlePrepaid.selector, alice, 0, 500));
        credits.refund();
    }

    // ---- fee, community, pause

    function test_setFee_countsForSessionsThatBeginLater() public {
        _prepay(alice, 100_000);
        vm.prank(operator);
        credits.setFee(7);
        assertEq(credits.feeAt(_now()), FEE);
        assertEq(credits.feeAt(_now() + 299), FEE);
        assertEq(credits.feeAt(_now() + 300), 7);
        _clear(_whole(_route(ALICES, BOBS, 3), 10));
        _assertAccount(bob, 0, 10 * FEE);
        vm.prank(operator);
        vm.expectRevert(
            abi.encodeWithSelector(IRelayCredits.RelayCredits_FeeChangePending.selector, _now() + 300 + 7 days)
        );
        credits.setFee(8);
        skip(300 + 7 days);
        vm.prank(operator);
        credits.setFee(8);
    }

    function test_setFee_bounds() public {
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice));
        vm.prank(alice);
        credits.setFee(1);
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IRelayCredits.RelayCredits_FeeTooHigh.selector, 1e6 + 1, 1e6));
        credits.setFee(1e6 + 1);
    }

    function test_setCommunity() public {
        vm.prank(operator);
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, operator));
        credits.setCommunity(alice);
        vm.expectRevert(IRelayCredits.RelayCredits_ZeroAccount.selector);
        credits.setCommunity(address(0));
        assertEq(credits.accountOf(9), community);
        credits.setCommunity(bob);
        assertEq(credits.accountOf(9), bob);
        assertEq(credits.accountOf(ALICES), alice);
        assertEq(credits.accountOf(4_000_000), bob);
    }

    function test_pause_stopsDepositsAndClearingAndNeverPayingOut() public {
        _prepay(alice, 2_000);
        _clear(_whole(_route(ALICES, BOBS, 3), 10));
        vm.prank(alice);
        credits.requestRefund(1_000);
        vm.prank(pauser);
        credits.pause();
        vm.expectRevert(Pausable.EnforcedPause.selector);
        credits.depositFor(alice, 1);
        _refused(_whole(_route(ALICES, BOBS, 4), 10), abi.encodeWithSelector(Pausable.EnforcedPause.selector));
        vm.prank(bob);
        credits.withdraw(1_000);
        skip(1 days);
        vm.prank(alice);
        credits.refund();
        vm.expectRevert(abi.encodeWithSelector(IAccessManaged.AccessManagedUnauthorized.selector, alice));
        vm.prank(alice);
        credits.unpause();
        vm.prank(pauser);
        credits.unpause();
    }

    // ---- tokens and hostile receivers

    function test_tokensSentByThemselvesAreRefused() public {
        token.mintInr(alice, 10);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(TokenReceiver.TokenReceiver_UnwantedId.selector, INR));
        token.safeTransferFrom(alice, address(credits), INR, 10, "");
    }

    function test_aReceiverThatCallsBackGetsNothingMore() public {
        HostileReceiver wallet = new HostileReceiver();
        credits.setCommunity(address(wallet));
        _prepay(alice, 1_000);
        _clear(_whole(_route(ALICES, 4, 5), 10));
        wallet.behaveByCalling(address(credits), abi.encodeCall(IRelayCredits.withdraw, (500)));
        wallet.execute(address(credits), abi.encodeCall(IRelayCredits.withdraw, (500)));
        assertTrue(!wallet.callSucceeded());
        assertEq(bytes32(wallet.callAnswer()), bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector));
        assertEq(token.balanceOf(address(wallet), INR), 500);
        _assertAccount(address(wallet), 0, 500);
    }

    function test_aReceiverThatRefusesKeepsItsCreditsAndBlocksNobody() public {
        HostileReceiver wallet = new HostileReceiver();
        wallet.behave(HostileReceiver.Manner.Revert);
        credits.setCommunity(address(wallet));
        _prepay(alice, 2_000);
        _clear(_whole(_route(ALICES, 4, BOBS, 5), 10));
        vm.expectRevert(HostileReceiver.HostileReceiver_Refused.selector);
        wallet.execute(address(credits), abi.encodeCall(IRelayCredits.withdraw, (1_000)));
        _assertAccount(address(wallet), 0, 1_000);
        vm.prank(bob);
        credits.withdraw(1_000);
    }
}
