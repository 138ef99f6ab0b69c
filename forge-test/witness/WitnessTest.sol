// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {EntityKind, Leaf, MeterId, Registers} from "contracts/Types.sol";
import {IElementRegistry} from "contracts/interfaces/IElementRegistry.sol";
import {IMeterWitness} from "contracts/interfaces/IMeterWitness.sol";
import {ElementRegistry} from "contracts/witness/ElementRegistry.sol";
import {MeterWitness} from "contracts/witness/MeterWitness.sol";
import {OracleBond} from "contracts/witness/OracleBond.sol";
import {MeteringTest} from "../metering/MeteringTest.sol";
import {TestTree} from "../metering/TestTree.sol";

/// Meter 1 is a roof with a secure element, meter 2 a house without; three bonded oracle nodes, of which two sign.
abstract contract WitnessTest is MeteringTest {
    using TestTree for TestTree.Tree;
    using TestTree for TestTree.Line;

    struct Signed {
        IElementRegistry.Statement statement;
        bytes32 r;
        bytes32 s;
    }

    uint64 internal constant WITNESS = 18;
    uint32 internal constant ROOF = 1;
    uint32 internal constant HOUSE = 2;
    uint256 internal constant ELEMENT_KEY = 0xE1E;
    uint256 internal constant BOND_WEI = 1 ether;
    uint128 internal constant DEPOSIT_WEI = 0.01 ether;
    uint64 internal constant WINDOW = 1 days;
    uint64 internal constant REBUTTAL = 6 hours;
    uint64 internal constant GRACE = 1 hours;
    uint64 internal constant SKEW = 60;
    uint256 internal constant SHARE_BPS = 3_000;
    uint256 internal constant P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551;

    ElementRegistry internal elements;
    OracleBond internal bond;
    MeterWitness internal witness;
    address internal community = makeAddr("community");
    uint32 internal enrolled;
    uint32 internal counter;
    mapping(uint64 slot => TestTree.Line[]) internal linesOf;

    function setUp() public virtual override {
        super.setUp();
        elements = new ElementRegistry(address(manager), registry, address(ledger));
        bond = new OracleBond(address(manager), 2 days, SHARE_BPS, community);
        witness = new MeterWitness(ledger, elements, bond, _settings());
        manager.grantRole(WITNESS, address(witness), 0);
        bytes4[] memory slashing = new bytes4[](4);
        (slashing[0], slashing[1], slashing[2]) = (bond.hold.selector, bond.drop.selector, bond.slash.selector);
        slashing[3] = bond.moveCredit.selector;
        manager.setTargetFunctionRole(address(bond), slashing, WITNESS);
        bytes4[] memory operated = new bytes4[](2);
        (operated[0], operated[1]) = (elements.enrol.selector, elements.end.selector);
        manager.setTargetFunctionRole(address(elements), operated, OPERATOR);
        _register(ROOF, EntityKind.Prosumer);
        _register(HOUSE, EntityKind.Consumer);
        enrolled = _enrol(ROOF, ELEMENT_KEY);
        for (uint256 i = 0; i < nodes.length; ++i) {
            bond.deposit{value: BOND_WEI}(nodes[i]);
        }
        vm.deal(alice, 10 ether);
        vm.deal(bob, 10 ether);
    }

    function _settings() internal pure returns (IMeterWitness.Settings memory) {
        return IMeterWitness.Settings(WINDOW, REBUTTAL, GRACE, SKEW, DEPOSIT_WEI);
    }

    // ---- elements

    function _enrol(uint32 meter, uint256 key) internal returns (uint32) {
        return _enrol(meter, key, Registers.wrap(0), Registers.wrap(0));
    }

    function _enrol(uint32 meter, uint256 key, Registers before, Registers afterReset) internal returns (uint32) {
        (uint256 x, uint256 y) = vm.publicKeyP256(key);
        vm.prank(operator);
        return elements.enrol(_id(meter), bytes32(x), bytes32(y), before, afterReset);
    }

    /// What the roof's element signs of its export and import at `time`.
    function _says(uint256 time, uint40 exportedWh, uint40 importedWh) internal returns (Signed memory) {
        uint40[6] memory registers = [exportedWh, 0, exportedWh, importedWh, 0, 0];
        return _signedBy(ELEMENT_KEY, IElementRegistry.Statement(_id(ROOF), enrolled, ++counter, uint32(time), _wrap(registers)));
    }

    function _signedBy(uint256 key, IElementRegistry.Statement memory statement)
        internal
        view
        returns (Signed memory signed)
    {
        signed.statement = statement;
        (signed.r, signed.s) = vm.signP256(key, elements.statementDigest(statement));
        if (uint256(signed.s) > P256_ORDER / 2) signed.s = bytes32(P256_ORDER - uint256(signed.s));
    }

    // ---- slots

    /// Ends the running slot and commits a roof that exported and imported that much.
    function _commitRoof(uint40 exportedWh, uint40 importedWh) internal returns (uint64 slot) {
        TestTree.Line[] memory lines = _lines(
            _line(ROOF, [exportedWh, 0, exportedWh, importedWh, 0, 0]), _line(HOUSE, [uint40(0), 0, 0, 10, 0, 0])
        );
        slot = _commit(lines);
        linesOf[slot].push(lines[0]);
        linesOf[slot].push(lines[1]);
    }

    function _endOf(uint64 slot) internal pure returns (uint256) {
        return (uint256(slot) + 1) * SLOT_SECONDS;
    }

    // ---- accusations

    /// Evidence against the roof's line of a slot that the first `signers` nodes signed.
    function _evidence(uint64 slot, Signed memory signed, uint256 signers)
        internal
        view
        returns (IMeterWitness.Evidence memory evidence)
    {
        uint256[] memory indices = new uint256[](1);
        TestTree.Line[] memory lines = linesOf[slot];
        (evidence.proof, evidence.flags) = TestTree.build(lines).multiproof(indices);
        evidence.leaves = new Leaf[](1);
        evidence.leaves[0] = lines[0].toLeaf();
        (evidence.slot, evidence.epoch) = (slot, 1);
        evidence.signatures = _signatures(witness.commitmentDigest(slot, 1), signers);
        (evidence.statement, evidence.r, evidence.s) = (signed.statement, signed.r, signed.s);
    }

    function _accuse(uint64 slot, Signed memory signed) internal returns (uint256) {
        return _accuse(_evidence(slot, signed, 2));
    }

    function _accuse(IMeterWitness.Evidence memory evidence) internal returns (uint256) {
        vm.prank(alice);
        return witness.accuse{value: DEPOSIT_WEI}(evidence);
    }

    function _expectAccuse(IMeterWitness.Evidence memory evidence, bytes memory refusal) internal {
        vm.expectRevert(refusal);
        vm.prank(alice);
        witness.accuse{value: DEPOSIT_WEI}(evidence);
    }

    /// A slot in which the oracle says 1 000 Wh, and what the meter says an hour later: 900.
    function _lieTooHigh() internal returns (uint64 slot, Signed memory signed) {
        slot = _commitRoof(1_000, 50);
        skip(1 hours);
        signed = _says(block.timestamp, 900, 50);
    }

    /// The meter's 1 000 Wh are lodged; well after the grace the oracle still says 900.
    function _lieTooLow() internal returns (uint64 slot, Signed memory signed) {
        signed = _says(block.timestamp, 1_000, 50);
        witness.lodge(signed.statement, signed.r, signed.s);
        skip(GRACE + SLOT_SECONDS);
        slot = _commitRoof(900, 50);
    }

    function _bondOf(uint256 node) internal view returns (uint256) {
        return bond.bondOf(nodes[node]).bondWei;
    }

    function _error(bytes4 selector) internal pure returns (bytes memory) {
        return abi.encodePacked(selector);
    }
}
