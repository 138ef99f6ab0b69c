// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IInterconnection} from "contracts/interfaces/IInterconnection.sol";
import {FlowSettlement} from "contracts/market/FlowSettlement.sol";
import {InterconnectionTest} from "./InterconnectionTest.sol";

/// Two agreements over one tie used at random: readings that agree or do not, ends that stay silent, disputes that end in
/// every way, parties that move their money.
contract TieHandler is InterconnectionTest {
    uint64[] private _committed;
    uint64[] private _disputed;
    string public broken;
    /// By agreement, slots up to which something was settled; must only rise.
    mapping(uint256 id => uint64) private _upTo;

    function setUp() public override {
        super.setUp();
        _begin(_terms());
        _begin(_terms());
        _flowFor(0, 0);
    }

    // ---- energy

    function flow(int256 wh, int256 error, uint8 who) external {
        wh = bound(wh, -12_000, 12_000);
        _count(wh, wh + bound(error, -300, 300));
        uint64 slot = _commit();
        _committed.push(slot);
        uint256 id = 1 + (who & 1);
        if (who & 2 == 0) _try(id, slot, true);
        if (who & 4 == 0) _try(id, slot, false);
        _check(id);
        if (tie.dispute(1, slot).open || tie.dispute(2, slot).open) _disputed.push(slot);
    }

    function showLate(uint256 index, uint256 id, bool atA) external {
        id = _id(id);
        _try(id, _slot(index), atA);
        _check(id);
    }

    function settleSilent(uint256 index, uint256 id) external {
        id = _id(id);
        skip(SILENCE);
        tie.settleSilent(id, _slot(index));
        _check(id);
    }

    // ---- disputes

    function agree(uint256 index, uint256 id, int256 wh) external {
        id = _id(id);
        uint64 slot = _disputedSlot(index);
        bytes32 digest = tie.verdictDigest(id, slot, wh = bound(wh, -13_000, 13_000));
        tie.agree(id, slot, wh, _signA(digest), _signB(digest));
    }

    function arbitrate(uint256 index, uint256 id, bool whole) external {
        id = _id(id);
        uint64 slot = _disputedSlot(index);
        int256 wh = whole ? int256(tie.dispute(id, slot).readingAWh) : int256(0);
        skip(RESOLVE);
        vm.prank(arbiter);
        tie.arbitrate(id, slot, wh);
    }

    function timeOut(uint256 index, uint256 id) external {
        id = _id(id);
        uint64 slot = _disputedSlot(index);
        bool open = tie.dispute(id, slot).open;
        skip(2 * RESOLVE);
        try tie.timeOut(id, slot) {}
        catch {
            if (open) broken = "a dispute is stuck";
        }
    }

    // ---- money

    function fund(uint256 id, bool a, uint128 microInr) external {
        vm.prank(a ? partyA : partyB);
        tie.fund(_id(id), uint128(bound(microInr, 1, 50 * RUPEE)));
    }

    function withdraw(uint256 id, bool a, uint128 microInr) external {
        vm.prank(a ? partyA : partyB);
        tie.withdrawGuarantee(_id(id), microInr);
    }

    /// A party empties its free account, or fills it again.
    function spend(bool a, bool back) external {
        address party = a ? partyA : partyB;
        vm.startPrank(party);
        token.setApprovalForAll(address(house), true);
        if (back) house.deposit(token.balanceOf(party, INR));
        else house.withdraw(house.balanceOf(party));
        vm.stopPrank();
    }

    function payOwed(uint256 id, bool a) external {
        tie.payOwed(_id(id), a ? IInterconnection.End.A : IInterconnection.End.B);
    }

    // ---- what the invariants look at

    function secured() external view returns (uint256 sum) {
        for (uint256 id = 1; id <= 2; ++id) {
            sum += tie.account(id, IInterconnection.End.A).guarantee;
            sum += tie.account(id, IInterconnection.End.B).guarantee;
            for (uint256 i = 0; i < _committed.length; ++i) {
                IInterconnection.Dispute memory disputed = tie.dispute(id, _committed[i]);
                sum += disputed.frozenA + disputed.frozenB;
            }
        }
    }

    function escrow() external view returns (uint256) {
        return house.escrowOf(address(tie));
    }

    function wealth() external view returns (uint256) {
        return _wealth(partyA) + _wealth(partyB) + token.balanceOf(partyA, INR) + token.balanceOf(partyB, INR);
    }

    /// What a dispute may hold at most: its own slots' larger readings, within the limit.
    function mostFrozen() external view returns (bool within) {
        within = true;
        for (uint256 id = 1; id <= 2; ++id) {
            for (uint256 i = 0; i < _committed.length; ++i) {
                IInterconnection.Dispute memory disputed = tie.dispute(id, _committed[i]);
                if (disputed.openedAt == 0) continue;
                uint256 limit = uint256(LIMIT_WH) * (_committed[i] - disputed.previousSlot);
                if (disputed.frozenB > FlowSettlement.costDown(limit, PRICE_A_TO_B)) within = false;
                if (disputed.frozenA > FlowSettlement.costDown(limit, PRICE_B_TO_A)) within = false;
                if (!disputed.open && disputed.frozenA + disputed.frozenB != 0) within = false;
            }
        }
    }

    // ---- small things

    function show(uint256 id, uint64 slot, bool atA) external {
        if (atA) _showA(id, slot);
        else _showB(id, slot);
    }

    function _flowFor(int256 a, int256 b) private {
        _count(a, b);
        uint64 slot = _commit();
        _committed.push(slot);
        for (uint256 id = 1; id <= 2; ++id) {
            _showA(id, slot);
            _showB(id, slot);
        }
    }

    function _try(uint256 id, uint64 slot, bool atA) private {
        try this.show(id, slot, atA) {} catch {}
    }

    function _check(uint256 id) private {
        uint64 now_ = tie.progress(id).settledSlot;
        if (now_ < _upTo[id]) broken = "a settled slot was opened again";
        _upTo[id] = now_;
    }

    function _id(uint256 id) private pure returns (uint256) {
        return 1 + (id & 1);
    }

    function _disputedSlot(uint256 index) private view returns (uint64) {
        return _disputed[index % _disputed.length];
    }

    function _slot(uint256 index) private view returns (uint64) {
        return _committed[index % _committed.length];
    }
}
