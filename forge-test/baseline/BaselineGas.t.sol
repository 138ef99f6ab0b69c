// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";
import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";
import {ERC1155Supply} from "@openzeppelin/contracts/token/ERC1155/extensions/ERC1155Supply.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {Test} from "../Test.sol";

/// The usual way of metering on chain: each reading is a transaction that writes the meter's registers and an event.
contract ReadingBook is AccessManaged {
    struct Reading {
        uint128 importedWh;
        uint128 exportedWh;
        uint64 measuredAt;
    }

    event Recorded(uint256 indexed meter, uint128 importedWh, uint128 exportedWh, uint64 measuredAt);

    mapping(uint256 meter => Reading) public latest;

    constructor(address authority) AccessManaged(authority) {}

    function record(uint256 meter, uint128 importedWh, uint128 exportedWh, uint64 measuredAt) external restricted {
        latest[meter] = Reading(importedWh, exportedWh, measuredAt);
        emit Recorded(meter, importedWh, exportedWh, measuredAt);
    }
}

/// The usual way of crediting energy: a supply-counting ERC-1155 that the meter's operator mints, account by account.
contract EnergyUnits is ERC1155Supply, AccessManaged {
    constructor(address authority) ERC1155("") AccessManaged(authority) {}

    function mint(address to, uint256 wh) external restricted {
        _mint(to, 1, wh, "");
    }
}

/// The usual way of selling energy: ERC-20 money in, ERC-20 energy out.
contract Rupee is ERC20("Rupee", "INR") {
    function give(address to, uint256 amount) external {
        _mint(to, amount);
    }
}

contract EnergySale is ERC20("Energy", "WH") {
    Rupee public immutable rupee;
    uint256 public microInrPerKwh = 6_000_000;

    constructor(Rupee rupee_) {
        rupee = rupee_;
    }

    function buy(uint256 wh) external {
        require(rupee.transferFrom(msg.sender, address(this), wh * microInrPerKwh / 1000));
        _mint(msg.sender, wh);
    }
}

/// What one would do instead costs this much, measured in the same run and on the same node as ours.
contract BaselineGasTest is Test {
    string private constant GROUP = "baseline";
    address private immutable alice = vm.addr(0xA11CE);

    AccessManager private manager;
    ReadingBook private book;
    EnergyUnits private units;
    Rupee private rupee;
    EnergySale private sale;

    function setUp() public {
        manager = new AccessManager(address(this));
        book = new ReadingBook(address(manager));
        units = new EnergyUnits(address(manager));
        rupee = new Rupee();
        sale = new EnergySale(rupee);
        // Everything was written before: a first write costs more, and is not what a day costs.
        book.record(1, 1, 1, 1);
        units.mint(alice, 1);
        rupee.give(alice, 1e12);
        vm.startPrank(alice);
        rupee.approve(address(sale), type(uint256).max);
        sale.buy(1);
        vm.stopPrank();
    }

    function test_gas_readingPerTransaction() public {
        book.record(1, 900, 800, 700);
        vm.snapshotGasLastCall(GROUP, "record one reading of one meter");
    }

    function test_gas_mintPerMeter() public {
        units.mint(alice, 500);
        vm.snapshotGasLastCall(GROUP, "credit one meter");
    }

    function test_gas_buy() public {
        vm.prank(alice);
        sale.buy(1_000);
        vm.snapshotGasLastCall(GROUP, "buy energy, ERC-20 for ERC-20");
    }
}
