// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {IMeterWitness} from "contracts/interfaces/IMeterWitness.sol";
import {IOracleBond} from "contracts/interfaces/IOracleBond.sol";
import {Test} from "../Test.sol";
import {WitnessTest} from "./WitnessTest.sol";

/// Honest and lying slots, accusers right and wrong, nodes that come and go, at random. It keeps who lied.
contract WitnessHandler is WitnessTest {
    mapping(uint64 slot => bool) public lied;
    uint64[] public slots;
    Signed[] private _statements;
    uint256 public paidIn;
    uint256 public paidOut;
    uint40 private _counted;
    uint40 private _told;
    uint256 public upheld;
    uint256 public answered;
    uint256 public honestAccused;
    uint256 public liesAnswered;

    function setUp() public override {
        super.setUp();
        paidIn = 3 * BOND_WEI;
        _slot(100, 0);
    }

    // ---- actions

    /// The meter counts on and says so; the oracle commits that, or now and then more.
    function slot(uint256 wh, uint256 lie) external {
        if (slots.length < 40) _slot(uint40(bound(wh, 1, 500)), lie % 4 == 0 ? uint40(bound(lie, 1, 5_000)) : 0);
    }

    /// With what the meter signed some time, or signs now.
    function accuse(uint256 which, uint256 statement, bool now_, bool byNode) external {
        uint64 accused = _recent(which);
        Signed memory signed =
            now_ ? _says(block.timestamp, _counted, 50) : _statements[statement % _statements.length];
        _accuseBy(byNode ? nodes[0] : alice, accused, signed);
        if (!lied[accused]) ++honestAccused;
    }

    /// A tampered meter signs less than it counted; the nodes answer with what it signed in time.
    function tamper(uint256 which) external {
        uint256 index = slots.length - 1 - (which % slots.length) % 4;
        uint256 id = _accuseBy(alice, slots[index], _says(block.timestamp, 0, 0));
        if (lied[slots[index]]) return;
        Signed memory answer = _statements[index];
        witness.rebut(id, answer.statement, answer.r, answer.s);
        ++answered;
    }

    function rebut(uint256 which, uint256 statement) external {
        uint256 id = which % witness.accusationCount();
        Signed memory answer = _statements[statement % _statements.length];
        witness.rebut(id, answer.statement, answer.r, answer.s);
        if (lied[witness.accusationAt(id).slot]) ++liesAnswered;
    }

    function conclude(uint256 which) external {
        uint256 id = which % witness.accusationCount();
        if (which % 2 == 0) skip(REBUTTAL + 1);
        witness.conclude(id);
        ++upheld;
    }

    function unbond(uint256 node, uint256 amountWei) external {
        address signer = nodes[node % 3];
        vm.prank(signer);
        bond.startUnbonding(bound(amountWei, 1, BOND_WEI), bob);
    }

    function release(uint256 node) external {
        if (node % 4 == 0) skip(2 days);
        bond.release(nodes[node % 3]);
    }

    function deposit(uint256 node, uint256 amountWei) external {
        amountWei = bound(amountWei, 1, BOND_WEI);
        bond.deposit{value: amountWei}(nodes[node % 3]);
        paidIn += amountWei;
    }

    function withdraw(uint256 who) external {
        address[5] memory people = [alice, bob, community, nodes[0], nodes[1]];
        address person = people[who % 5];
        uint256 credit = bond.creditOf(person);
        vm.prank(person);
        bond.withdraw();
        paidOut += credit;
    }

    function wait(uint256 time) external {
        skip(bound(time, 1, 12 hours));
    }

    // ---- what must hold

    function bondsAndCredits() external view returns (uint256 bonds, uint256 credits) {
        for (uint256 i = 0; i < 3; ++i) {
            IOracleBond.Bond memory of_ = bond.bondOf(nodes[i]);
            bonds += uint256(of_.bondWei) + of_.unbondingWei;
        }
        address[7] memory people =
            [alice, bob, community, nodes[0], nodes[1], address(this), address(witness)];
        for (uint256 i = 0; i < 7; ++i) {
            credits += bond.creditOf(people[i]);
        }
    }

    function totals() external view returns (uint256, uint256, uint256, uint256) {
        return
            (bond.totalBondedWei(), bond.totalCreditedWei(), address(bond).balance, bond.creditOf(address(witness)));
    }

    /// Open accusations, and holds on each signer by them.
    function open() external view returns (uint256 count, uint256[3] memory holds) {
        for (uint256 i = 0; i < witness.accusationCount(); ++i) {
            IMeterWitness.Accusation memory accusation = witness.accusationAt(i);
            if (accusation.state != IMeterWitness.State.Open) continue;
            ++count;
            for (uint256 j = 0; j < accusation.signers.length; ++j) {
                for (uint256 k = 0; k < 3; ++k) {
                    if (accusation.signers[j] == nodes[k]) ++holds[k];
                }
            }
        }
    }

    function holdsOf(uint256 node) external view returns (uint256) {
        return bond.bondOf(nodes[node]).holds;
    }

    function depositWei() external pure returns (uint256) {
        return DEPOSIT_WEI;
    }

    function _recent(uint256 which) private view returns (uint64) {
        return slots[slots.length - 1 - (which % slots.length) % 4];
    }

    function _accuseBy(address accuser, uint64 accused, Signed memory signed) private returns (uint256 id) {
        IMeterWitness.Evidence memory evidence = _evidence(accused, signed, 2);
        vm.deal(accuser, accuser.balance + DEPOSIT_WEI);
        vm.prank(accuser);
        id = witness.accuse{value: DEPOSIT_WEI}(evidence);
        paidIn += DEPOSIT_WEI;
    }

    function _slot(uint40 wh, uint40 lie) private {
        _counted += wh;
        skip(60);
        _statements.push(_says(block.timestamp, _counted, 50));
        _told = (_counted > _told ? _counted : _told) + lie; // what is committed never falls
        uint64 number = _commitRoof(_told, 50);
        lied[number] = _told > _counted;
        slots.push(number);
    }
}

contract WitnessInvariants is Test {
    WitnessHandler private _handler;

    function setUp() public {
        _handler = new WitnessHandler();
        vm.deal(address(_handler), 1_000_000 ether);
        _handler.setUp();
        bytes4[] memory selectors = new bytes4[](10);
        selectors[0] = _handler.slot.selector;
        selectors[1] = _handler.accuse.selector;
        selectors[2] = _handler.rebut.selector;
        selectors[3] = _handler.conclude.selector;
        selectors[4] = _handler.unbond.selector;
        selectors[5] = _handler.release.selector;
        selectors[6] = _handler.deposit.selector;
        selectors[7] = _handler.withdraw.selector;
        selectors[8] = _handler.wait.selector;
        selectors[9] = _handler.tamper.selector;
        targetContract(address(_handler));
        targetSelector(address(_handler), selectors);
    }

    /// Ether in is ether out or accounted for: bonds, credits, open deposits, and nothing else.
    function invariant_bondsAreConserved() public view {
        (uint256 bonds, uint256 credits) = _handler.bondsAndCredits();
        (uint256 totalBonded, uint256 totalCredited, uint256 inBond, uint256 deposits) = _handler.totals();
        (uint256 openCount,) = _handler.open();
        assertEq(bonds, totalBonded);
        assertEq(credits, totalCredited);
        assertEq(inBond, bonds + credits);
        assertEq(deposits, openCount * _handler.depositWei());
        assertEq(inBond, _handler.paidIn() - _handler.paidOut());
    }

    /// Nothing is released while an accusation is open, and everything may be when none is.
    function invariant_holdsAreTheOpenAccusations() public view {
        (, uint256[3] memory holds) = _handler.open();
        for (uint256 node = 0; node < 3; ++node) {
            assertEq(_handler.holdsOf(node), holds[node]);
        }
    }

    /// A meter that counts forward never gives evidence against an honest line, nor for a lie.
    function invariant_theMetersWordDecides() public view {
        assertEq(_handler.honestAccused(), 0);
        assertEq(_handler.liesAnswered(), 0);
    }
}
