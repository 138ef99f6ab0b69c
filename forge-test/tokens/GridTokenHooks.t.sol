// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IERC1155} from "@openzeppelin/contracts/token/ERC1155/IERC1155.sol";
import {IERC1155Errors} from "@openzeppelin/contracts/interfaces/draft-IERC6093.sol";
import {IERC1155Receiver} from "@openzeppelin/contracts/token/ERC1155/IERC1155Receiver.sol";
import {ERC1155Holder} from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Holder.sol";
import {HostileReceiver} from "contracts/mocks/Receivers.sol";
import {MoneyTest} from "./MoneyTest.sol";

/// Remembers what its hooks were told; refuses batches if told to, or answers them with the single hook's selector.
contract NotingReceiver is ERC1155Holder {
    enum Manner {
        Accept,
        Revert,
        WrongAnswer,
        PassOn
    }

    Manner public manner;
    bytes32 public told;
    address public to;

    constructor(Manner manner_, address to_) {
        (manner, to) = (manner_, to_);
    }

    function onERC1155Received(address operator, address from, uint256 id, uint256 value, bytes memory data)
        public
        override
        returns (bytes4)
    {
        told = keccak256(abi.encode(operator, from, id, value, data));
        return super.onERC1155Received(operator, from, id, value, data);
    }

    function onERC1155BatchReceived(
        address operator,
        address from,
        uint256[] memory ids,
        uint256[] memory values,
        bytes memory data
    ) public override returns (bytes4) {
        told = keccak256(abi.encode(operator, from, ids, values, data));
        if (manner == Manner.Revert) revert("no batches");
        if (manner == Manner.WrongAnswer) return IERC1155Receiver.onERC1155Received.selector;
        if (manner == Manner.PassOn) {
            IERC1155(msg.sender).safeBatchTransferFrom(address(this), to, ids, values, data);
        }
        return super.onERC1155BatchReceived(operator, from, ids, values, data);
    }
}

/// Both hooks of ERC-1155: what they are told, what their answers mean, and who may move another's units.
contract GridTokenHooksTest is MoneyTest {
    function setUp() public override {
        super.setUp();
        manager.grantRole(DESK, issuer, 0);
        manager.grantRole(CERTIFICATE, issuer, 0);
        vm.startPrank(issuer);
        token.mintInr(alice, 1_000);
        token.mintCo2(alice, 500);
        vm.stopPrank();
    }

    function test_singleHook_isToldOperatorSenderIdAmountAndData() public {
        NotingReceiver receiver = new NotingReceiver(NotingReceiver.Manner.Accept, address(0));
        vm.prank(alice);
        token.setApprovalForAll(bob, true);
        vm.prank(bob);
        token.safeTransferFrom(alice, address(receiver), INR, 7, "rent");
        assertEq(receiver.told(), keccak256(abi.encode(bob, alice, INR, uint256(7), bytes("rent"))));
    }

    function test_singleHook_ofAMint_isToldTheZeroSender() public {
        NotingReceiver receiver = new NotingReceiver(NotingReceiver.Manner.Accept, address(0));
        vm.prank(issuer);
        token.mintInr(address(receiver), 9);
        assertEq(receiver.told(), keccak256(abi.encode(issuer, address(0), INR, uint256(9), bytes(""))));
    }

    function test_batchHook_isToldAllOfIt_once() public {
        NotingReceiver receiver = new NotingReceiver(NotingReceiver.Manner.Accept, address(0));
        vm.prank(alice);
        token.safeBatchTransferFrom(alice, address(receiver), _ids(), _amounts(7, 5), "both");
        assertEq(receiver.told(), keccak256(abi.encode(alice, alice, _ids(), _amounts(7, 5), bytes("both"))));
        assertEq(token.balanceOf(address(receiver), INR), 7);
        assertEq(token.balanceOf(address(receiver), CO2), 5);
    }

    function test_batchHook_thatRefuses_movesNothing() public {
        _expectNothingMoves(new NotingReceiver(NotingReceiver.Manner.Revert, address(0)));
        _expectNothingMoves(new NotingReceiver(NotingReceiver.Manner.WrongAnswer, address(0)));
    }

    function test_batchHook_ofAContractWithoutHooks_isRefused() public {
        address desk = address(token); // a contract that answers no ERC-1155 hook
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155InvalidReceiver.selector, desk));
        token.safeBatchTransferFrom(alice, desk, _ids(), _amounts(1, 1), "");
    }

    function test_batchHook_maySpendWhatItReceived_andNoMore() public {
        NotingReceiver receiver = new NotingReceiver(NotingReceiver.Manner.PassOn, bob);
        vm.prank(alice);
        token.safeBatchTransferFrom(alice, address(receiver), _ids(), _amounts(7, 5), "");
        assertEq(token.balanceOf(bob, INR), 7);
        assertEq(token.balanceOf(bob, CO2), 5);
        assertEq(token.balanceOf(address(receiver), INR), 0);
        assertEq(token.totalSupply(INR), 1_000);
    }

    function test_batchTransfer_callsEachReceiversHook_andAllOrNothing() public {
        NotingReceiver receiver = new NotingReceiver(NotingReceiver.Manner.Accept, address(0));
        HostileReceiver hostile = new HostileReceiver();
        hostile.behave(HostileReceiver.Manner.Revert);
        address[] memory receivers = new address[](2);
        (receivers[0], receivers[1]) = (address(receiver), address(hostile));
        vm.prank(alice);
        vm.expectRevert();
        token.batchTransfer(receivers, _ids(), _amounts(7, 5));
        assertEq(token.balanceOf(alice, INR), 1_000);
        assertEq(receiver.told(), bytes32(0));
    }

    function test_approvals_forAllAndForNobodyElse() public {
        vm.startPrank(alice);
        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155InvalidOperator.selector, address(0)));
        token.setApprovalForAll(address(0), true);
        token.setApprovalForAll(bob, true);
        vm.stopPrank();
        assertTrue(token.isApprovedForAll(alice, bob));
        assertTrue(!token.isApprovedForAll(bob, alice));
        vm.prank(bob);
        token.safeBatchTransferFrom(alice, bob, _ids(), _amounts(7, 5), "");
        vm.prank(alice);
        token.setApprovalForAll(bob, false);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155MissingApprovalForAll.selector, bob, alice));
        token.safeBatchTransferFrom(alice, bob, _ids(), _amounts(1, 1), "");
    }

    function test_balanceOfBatch_ofUnequalArrays_isRefused() public {
        address[] memory accounts = new address[](1);
        accounts[0] = alice;
        vm.expectRevert(abi.encodeWithSelector(IERC1155Errors.ERC1155InvalidArrayLength.selector, 2, 1));
        token.balanceOfBatch(accounts, _ids());
    }

    function _expectNothingMoves(NotingReceiver receiver) private {
        vm.prank(alice);
        vm.expectRevert();
        token.safeBatchTransferFrom(alice, address(receiver), _ids(), _amounts(7, 5), "");
        assertEq(token.balanceOf(alice, INR), 1_000);
        assertEq(token.balanceOf(alice, CO2), 500);
    }

    function _ids() private pure returns (uint256[] memory ids) {
        ids = new uint256[](2);
        (ids[0], ids[1]) = (INR, CO2);
    }

    function _amounts(uint256 a, uint256 b) private pure returns (uint256[] memory amounts) {
        amounts = new uint256[](2);
        (amounts[0], amounts[1]) = (a, b);
    }
}
