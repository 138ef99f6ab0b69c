// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {EntityKind, Flows, Leaf, MeterId, Registers} from "contracts/Types.sol";
import {IGridToken} from "contracts/interfaces/IGridToken.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {MeterLedger} from "contracts/metering/MeterLedger.sol";
import {MeterRegistry} from "contracts/metering/MeterRegistry.sol";
import {SumTree} from "contracts/metering/SumTree.sol";
import {OracleQuorum} from "contracts/oracle/OracleQuorum.sol";
import {GridToken} from "contracts/tokens/GridToken.sol";
import {Test} from "../Test.sol";
import {SlotTree} from "./SlotTree.sol";

/// A microgrid of its own: registry, ledger, one oracle node, a source and the tie, whose meter the test moves.
contract Microgrid is Test {
    uint64 internal constant OPERATOR = 1;
    MeterId public constant SOURCE = MeterId.wrap(1);
    MeterId public constant TIE = MeterId.wrap(2);
    uint32 public constant MAX_POWER_W = 20_000;

    MeterLedger public ledger;
    MeterRegistry public registry;
    address public operator;
    uint256 public operatorKey;

    uint256 private _signerKey;
    uint256 private _tie;
    mapping(uint64 slot => uint256) private _tieAt;

    constructor(string memory name, uint32 slotSeconds) {
        AccessManager manager = new AccessManager(address(this));
        OracleQuorum quorum = new OracleQuorum(address(manager));
        address[] memory signers = new address[](1);
        (signers[0], _signerKey) = makeAccount(string.concat(name, "'s oracle node"));
        quorum.setSigners(signers, 1);
        registry = new MeterRegistry(address(manager), slotSeconds);
        GridToken token = new GridToken(address(manager));
        ledger = new MeterLedger(address(manager), quorum, IGridToken(address(token)), registry);
        (operator, operatorKey) = makeAccount(string.concat(name, "'s operator"));
        manager.grantRole(OPERATOR, operator, 0);
        registry.register(SOURCE, EntityKind.Der, 1, MAX_POWER_W, bytes32(0));
        registry.register(TIE, EntityKind.Grid, 1, MAX_POWER_W, bytes32(0));
    }

    /// The tie's meter counts on, Wh into this microgrid and out of it.
    function count(uint256 importedWh, uint256 exportedWh) external {
        _tie += (importedWh << 120) | (exportedWh << 80);
    }

    /// Commits a slot that is over.
    function commit(uint64 slot) external {
        _tieAt[slot] = _tie;
        SumTree.Node memory root = SlotTree.root(SlotTree.leafNodes(_leaves(slot), _kinds()));
        IMeterLedger.Commitment memory commitment =
            IMeterLedger.Commitment(slot, ledger.latestSlot(), root.hash, Flows(root.lo, root.hi), 2);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_signerKey, ledger.commitmentDigest(commitment));
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = abi.encodePacked(r, s, v);
        ledger.commitSlot(commitment, signatures);
    }

    /// The tie's line of a committed slot and its proof.
    function line(uint64 slot)
        external
        view
        returns (Leaf memory leaf, bytes32[3][] memory proof, uint256 path)
    {
        Leaf[] memory leaves = _leaves(slot);
        leaf = leaves[1];
        (proof, path) = SlotTree.proof(SlotTree.leafNodes(leaves, _kinds()), 1);
    }

    function _leaves(uint64 slot) private view returns (Leaf[] memory leaves) {
        leaves = new Leaf[](2);
        leaves[0] = Leaf(SOURCE, Registers.wrap(0), keccak256("salt of the source"));
        leaves[1] = Leaf(TIE, Registers.wrap(_tieAt[slot]), keccak256("salt of the tie"));
    }

    function _kinds() private pure returns (EntityKind[] memory kinds) {
        kinds = new EntityKind[](2);
        (kinds[0], kinds[1]) = (EntityKind.Der, EntityKind.Grid);
    }
}
