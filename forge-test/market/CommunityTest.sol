// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {BatteryId, BillingMode, EntityKind, Flows, Leaf, MeterId, Registers, SwitchId} from "contracts/Types.sol";
import {IEnergyMarket} from "contracts/interfaces/IEnergyMarket.sol";
import {IMeterLedger} from "contracts/interfaces/IMeterLedger.sol";
import {IPriorityRegistry} from "contracts/interfaces/IPriorityRegistry.sol";
import {ITariffBook} from "contracts/interfaces/ITariffBook.sol";
import {EnergyMarket} from "contracts/market/EnergyMarket.sol";
import {MeterLedger} from "contracts/metering/MeterLedger.sol";
import {MeterRegistry} from "contracts/metering/MeterRegistry.sol";
import {SumTree} from "contracts/metering/SumTree.sol";
import {DemoRupee} from "contracts/mocks/DemoRupee.sol";
import {OracleQuorum} from "contracts/oracle/OracleQuorum.sol";
import {PostedPrice} from "contracts/pricing/PostedPrice.sol";
import {TariffBook} from "contracts/pricing/TariffBook.sol";
import {PriorityRegistry} from "contracts/priority/PriorityRegistry.sol";
import {PowerCoinDesk} from "contracts/tokens/PowerCoinDesk.sol";
import {MoneyTest} from "../tokens/MoneyTest.sol";
import {SlotTree} from "./SlotTree.sol";

/// Every contract, deployed and wired as in use, with a handful of meters whose registers the test moves. Slots are
/// closed, signed and settled as the oracle does it.
abstract contract CommunityTest is MoneyTest {
    uint64 internal constant AUTHORITY = 2;
    uint64 internal constant RELAYER = 4;
    uint32 internal constant SLOT_SECONDS = 900;
    uint256 internal constant BUY_PRICE = 6_500_000; // Rs 6.50 a kWh
    uint256 internal constant SELL_PRICE = 3_000_000;
    uint256 internal constant EMERGENCY_CREDIT_WH = 2_000;
    uint256 internal constant MAX_REQUEST_WH = 100_000;
    uint256 internal constant MAX_PRICE_AGE = 7 days;

    MeterId internal constant SOLAR = MeterId.wrap(2);
    MeterId internal constant HOUSE = MeterId.wrap(10); // consumer
    MeterId internal constant ROOF = MeterId.wrap(11); // prosumer
    MeterId internal constant CAR = MeterId.wrap(12); // EV
    MeterId internal constant HALL = MeterId.wrap(51); // supply on request
    MeterId internal constant WORKSHOP = MeterId.wrap(52); // supply on request
    SwitchId internal constant HALL_SWITCH = SwitchId.wrap(1);
    SwitchId internal constant WORKSHOP_SWITCH = SwitchId.wrap(2);
    SwitchId internal constant HOUSE_SWITCH = SwitchId.wrap(3);

    OracleQuorum internal quorum;
    MeterRegistry internal registry;
    MeterLedger internal ledger;
    DemoRupee internal coin;
    PowerCoinDesk internal desk;
    PostedPrice internal posted;
    TariffBook internal book;
    PriorityRegistry internal priorities;
    EnergyMarket internal market;

    address internal authority = makeAddr("authority");
    address internal relayer = makeAddr("relayer");
    uint256 private _signerKey;
    uint256 private _codeKey;
    address private _code;

    /// Registered meters, ascending, and what their devices count.
    MeterId[] internal _meters;
    EntityKind[] internal _kinds;
    mapping(MeterId meter => uint256) private _counted;

    function setUp() public virtual override {
        super.setUp();
        manager.grantRole(AUTHORITY, authority, 0);
        manager.grantRole(RELAYER, relayer, 0);
        (_code, _codeKey) = makeAccount("one-time code");
        _deploy();
        _grant();
        _register(SOLAR, EntityKind.Der);
        _register(HOUSE, EntityKind.Consumer);
        _register(ROOF, EntityKind.Prosumer);
        _register(CAR, EntityKind.Ev);
        _register(HALL, EntityKind.Consumer);
        _register(WORKSHOP, EntityKind.Consumer);
        vm.startPrank(operator);
        registry.setCommunityMode(HALL, BillingMode.OnRequest);
        registry.setCommunityMode(WORKSHOP, BillingMode.OnRequest);
        vm.stopPrank();
        _addSwitch(HALL_SWITCH, HALL, 0, false);
        _addSwitch(WORKSHOP_SWITCH, WORKSHOP, 1, false);
        _addSwitch(HOUSE_SWITCH, HOUSE, 2, true);
    }

    function _deploy() private {
        address signer;
        (signer, _signerKey) = makeAccount("oracle node");
        quorum = new OracleQuorum(address(manager));
        address[] memory signers = new address[](1);
        signers[0] = signer;
        quorum.setSigners(signers, 1);
        registry = new MeterRegistry(address(manager), SLOT_SECONDS);
        ledger = new MeterLedger(address(manager), quorum, token, registry);
        coin = _newCoin();
        desk = _newDesk(coin);
        posted = new PostedPrice(address(manager), 1_000_000, 20_000_000, uint96(BUY_PRICE), uint96(SELL_PRICE));
        book = new TariffBook(address(manager), token, registry, ledger);
        priorities = new PriorityRegistry(address(manager), quorum);
        EnergyMarket.Links memory links = EnergyMarket.Links(token, desk, registry, ledger, book, priorities, posted);
        market = new EnergyMarket(address(manager), links, MAX_PRICE_AGE, EMERGENCY_CREDIT_WH, MAX_REQUEST_WH);
        ledger.setInventory(address(market));
    }

    function _grant() private {
        manager.grantRole(LEDGER, address(ledger), 0);
        manager.grantRole(MARKET, address(market), 0);
        _assign(address(registry), MeterRegistry.startTerms.selector, LEDGER);
        _assign(address(registry), MeterRegistry.register.selector, OPERATOR);
        _assign(address(registry), MeterRegistry.issueClaimCode.selector, OPERATOR);
        _assign(address(registry), MeterRegistry.setCommunityMode.selector, OPERATOR);
        _assign(address(posted), PostedPrice.setPrices.selector, OPERATOR);
        _assign(address(posted), PostedPrice.setBuyPrice.selector, OPERATOR);
        _assign(address(posted), PostedPrice.setSellPrice.selector, OPERATOR);
        _assign(address(book), TariffBook.addTariff.selector, OPERATOR);
        _assign(address(book), TariffBook.endTariff.selector, OPERATOR);
        _assign(address(book), TariffBook.withdrawTakings.selector, OPERATOR);
        _assign(address(priorities), PriorityRegistry.addSwitch.selector, OPERATOR);
        _assign(address(priorities), PriorityRegistry.setOverride.selector, AUTHORITY);
        _assign(address(priorities), PriorityRegistry.setSupply.selector, MARKET);
        _assign(address(priorities), PriorityRegistry.acknowledge.selector, RELAYER);
        _assign(address(market), EnergyMarket.cutSupply.selector, OPERATOR);
        _assign(address(market), EnergyMarket.withdrawTakings.selector, OPERATOR);
        _assign(address(market), EnergyMarket.pause.selector, PAUSER);
        _assign(address(market), EnergyMarket.unpause.selector, PAUSER);
    }

    // ---- meters

    function _register(MeterId meter, EntityKind kind) internal {
        vm.prank(operator);
        registry.register(meter, kind, 1, 10_000, bytes32(0));
        _meters.push(meter);
        _kinds.push(kind);
    }

    function _claim(MeterId meter, address holder, BillingMode mode) internal {
        vm.prank(operator);
        registry.issueClaimCode(meter, _code);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_codeKey, registry.claimDigest(meter, holder));
        vm.prank(holder);
        registry.claim(meter, mode, abi.encodePacked(r, s, v));
    }

    /// The device counts on: Wh drawn from and put into the community's pool.
    function _count(MeterId meter, uint256 importedWh, uint256 exportedWh) internal {
        _counted[meter] += (importedWh << 120) | (exportedWh << 80);
    }

    function _countStorage(MeterId meter, uint256 chargedWh, uint256 dischargedWh) internal {
        _counted[meter] += (chargedWh << 160) | (dischargedWh << 200);
    }

    /// What no device does and lying signers could commit.
    function _countStorageBack(MeterId meter, uint256 chargedWh, uint256 dischargedWh) internal {
        _counted[meter] -= (chargedWh << 160) | (dischargedWh << 200);
    }

    // ---- slots

    /// Ends the running slot, commits it and settles all meters.
    function _closeSlot() internal returns (uint64 slot) {
        slot = _commitSlot();
        for (uint256 i = 0; i < _meters.length; ++i) {
            _settle(slot, _meters[i]);
        }
    }

    function _commitSlot() internal returns (uint64 slot) {
        slot = ledger.currentSlot();
        vm.warp((uint256(slot) + 1) * SLOT_SECONDS);
        SumTree.Node memory root = SlotTree.root(SlotTree.leafNodes(_leaves(), _kinds));
        IMeterLedger.Commitment memory commitment = IMeterLedger.Commitment(
            slot, ledger.latestSlot(), root.hash, Flows(root.lo, root.hi), uint32(_meters.length)
        );
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(_signerKey, ledger.commitmentDigest(commitment));
        bytes[] memory signatures = new bytes[](1);
        signatures[0] = abi.encodePacked(r, s, v);
        ledger.commitSlot(commitment, signatures);
    }

    /// Settles one meter for a slot whose registers are still the present ones.
    function _settle(uint64 slot, MeterId meter) internal {
        Leaf[] memory leaves = _leaves();
        uint256 index;
        while (MeterId.unwrap(_meters[index]) != MeterId.unwrap(meter)) ++index;
        (bytes32[3][] memory proof, uint256 path) = SlotTree.proof(SlotTree.leafNodes(leaves, _kinds), index);
        ledger.settle(slot, leaves[index], proof, path);
    }

    function _leaves() internal view returns (Leaf[] memory leaves) {
        leaves = new Leaf[](_meters.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = Leaf(_meters[i], Registers.wrap(_counted[_meters[i]]), keccak256(abi.encode(_meters[i])));
        }
    }

    // ---- switches

    function _addSwitch(SwitchId switchId, MeterId meter, uint8 pin, bool supplied) internal {
        IPriorityRegistry.SwitchConfig memory config;
        (config.meter, config.board, config.pin, config.battery) = (meter, 5, pin, BatteryId.wrap(1));
        vm.prank(operator);
        priorities.addSwitch(switchId, config, supplied);
    }

    /// The board does what it was last told, and says so.
    function _acknowledge(SwitchId switchId) internal {
        IPriorityRegistry.SwitchState memory state = priorities.switchState(switchId);
        _report(switchId, state.sequence, state.closed);
    }

    function _report(SwitchId switchId, uint40 sequence, bool closed) internal {
        SwitchId[] memory ids = new SwitchId[](1);
        uint40[] memory sequences = new uint40[](1);
        bool[] memory contacts = new bool[](1);
        (ids[0], sequences[0], contacts[0]) = (switchId, sequence, closed);
        vm.prank(relayer);
        priorities.acknowledge(ids, sequences, contacts);
    }

    // ---- money and energy

    /// Gives an account INR, honestly bought.
    function _giveInr(address to, uint256 microInr) internal {
        uint256 weiAmount = desk.etherFor(microInr);
        vm.deal(address(this), weiAmount);
        vm.prank(operator);
        desk.setEtherRate(ETHER_RATE);
        desk.buyWithEther{value: weiAmount}(address(this), 0);
        token.safeTransferFrom(address(this), to, INR, microInr, "");
    }

    /// Lets the community's sun put energy into the inventory.
    function _shine(uint256 wh) internal {
        _count(SOLAR, 0, wh);
        _closeSlot();
    }

    function _approveMarket(address account) internal {
        vm.prank(account);
        token.setApprovalForAll(address(market), true);
    }

    function onERC1155Received(address, address, uint256, uint256, bytes calldata) external pure returns (bytes4) {
        return this.onERC1155Received.selector;
    }

    // ---- the KSEB table of 2022-23

    function _addKseb(uint32 periodSeconds, uint32 termSeconds) internal returns (uint32 tariffId) {
        ITariffBook.Tariff memory table = _kseb();
        (table.billingPeriodSeconds, table.paymentTermSeconds) = (periodSeconds, termSeconds);
        vm.prank(operator);
        return book.addTariff(table);
    }

    function _kseb() internal pure returns (ITariffBook.Tariff memory table) {
        table.name = "KSEB 2022-23";
        table.validFrom = 1_656_181_800;
        table.validUntil = type(uint64).max;
        table.billingPeriodSeconds = 30 days;
        table.paymentTermSeconds = 15 days;
        table.feedInMicroInrPerKwh = 3_000_000;
        table.telescopic = new ITariffBook.Slab[](5);
        table.telescopic[0] = ITariffBook.Slab(50_000, 3_150_000);
        table.telescopic[1] = ITariffBook.Slab(100_000, 3_950_000);
        table.telescopic[2] = ITariffBook.Slab(150_000, 5_000_000);
        table.telescopic[3] = ITariffBook.Slab(200_000, 6_800_000);
        table.telescopic[4] = ITariffBook.Slab(250_000, 8_000_000);
        table.flat = new ITariffBook.Slab[](5);
        table.flat[0] = ITariffBook.Slab(300_000, 6_200_000);
        table.flat[1] = ITariffBook.Slab(350_000, 7_000_000);
        table.flat[2] = ITariffBook.Slab(400_000, 7_350_000);
        table.flat[3] = ITariffBook.Slab(500_000, 7_600_000);
        table.flat[4] = ITariffBook.Slab(type(uint64).max, 8_500_000);
    }
}
