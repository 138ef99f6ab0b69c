// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {MeterId} from "contracts/Types.sol";
import {IDayAheadMarket} from "contracts/interfaces/IDayAheadMarket.sol";
import {PoolMath} from "contracts/market/PoolMath.sol";
import {MembersTest} from "./MembersTest.sol";

/// The contracts give what backend.market's engines give on the same books (tests/vectors/make_market_books.py).
contract MarketVectorsTest is MembersTest {
    string private json;

    function setUp() public override {
        super.setUp();
        json = vm.readFile("tests/vectors/market_books.json");
        _fund(alice, 100_000 * RUPEE);
        _fund(bob, 100_000 * RUPEE);
        _fund(carol, 100_000 * RUPEE);
        _fund(dave, 100_000 * RUPEE);
    }

    function test_books() public {
        uint256 books = vm.parseJsonUint(json, ".books");
        assertGe(books, 40);
        uint64 slot = _nextSlot();
        for (uint256 i = 0; i < books; ++i) {
            _book(slot, string.concat(".book", vm.toString(i)));
            slot = _nextSlot();
        }
    }

    function _book(uint64 slot, string memory at) private {
        uint256 first = dayAhead.orderCount() + 1;
        _placeAll(slot, at);
        _clear(slot);
        IDayAheadMarket.Clearing memory clearing = dayAhead.clearing(slot);
        assertEq(clearing.tick, _number(at, ".tick"), at);
        assertEq(clearing.volumeWh, _number(at, ".volume"), at);
        assertEq(uint256(clearing.rationed), _number(at, ".rationed"), at);
        assertEq(clearing.sharedWh, _number(at, ".shared"), at);
        uint256[] memory filled = _numbers(at, ".filled");
        for (uint256 i = 0; i < filled.length; ++i) {
            dayAhead.claim(_one(first + i));
            assertEq(dayAhead.order(first + i).filledWh, filled[i], at);
        }
    }

    function _placeAll(uint64 slot, string memory at) private {
        uint256[] memory members = _numbers(at, ".members");
        uint256[] memory offers = _numbers(at, ".offers");
        uint256[] memory ticks = _numbers(at, ".ticks");
        uint256[] memory wh = _numbers(at, ".wh");
        MeterId[] memory meters = _all();
        for (uint256 i = 0; i < members.length; ++i) {
            (uint16 tick, uint32 energy) = (uint16(ticks[i]), uint32(wh[i]));
            _place(meters[members[i]], offers[i] == 1 ? _offer(slot, tick, energy) : _bid(slot, tick, energy));
        }
    }

    function test_pools() public view {
        uint256 pools = vm.parseJsonUint(json, ".pools");
        assertGe(pools, 100);
        for (uint256 i = 0; i < pools; ++i) {
            _pool(string.concat(".pool", vm.toString(i)));
        }
    }

    function _pool(string memory at) private view {
        (uint256 supply, uint256 demand) = (_sum(_numbers(at, ".surplus")), _sum(_numbers(at, ".shortfall")));
        (uint256 buyback, uint256 retail) = (_number(at, ".buyback"), _number(at, ".retail"));
        (uint256 sell, uint256 buy) = PoolMath.pricesShown(supply, demand, buyback, retail);
        assertEq(sell, _number(at, ".sell"), at);
        assertEq(buy, _number(at, ".buy"), at);
        (uint256 buyers, uint256 sellers, int256 grid) = PoolMath.totals(supply, demand, buyback, retail);
        assertEq(grid, int256(_number(at, ".gridGets")) - int256(_number(at, ".gridPays")), at);
        _shares(at, buyers, demand, false);
        _shares(at, sellers, supply, true);
    }

    function _shares(string memory at, uint256 total, uint256 whole, bool down) private view {
        uint256[] memory weights = _numbers(at, down ? ".surplus" : ".shortfall");
        uint256[] memory shares = _numbers(at, down ? ".got" : ".paid");
        uint256 before = 0;
        for (uint256 i = 0; i < weights.length; ++i) {
            if (weights[i] == 0) continue;
            uint256 reached = before + weights[i];
            uint256 share = down
                ? PoolMath.shareDown(total, before, reached, whole)
                : PoolMath.shareUp(total, before, reached, whole);
            assertEq(share, shares[i], at);
            before = reached;
        }
    }

    function _sum(uint256[] memory list) private pure returns (uint256 sum) {
        for (uint256 i = 0; i < list.length; ++i) {
            sum += list[i];
        }
    }

    function _number(string memory at, string memory key) private view returns (uint256) {
        return vm.parseJsonUint(json, string.concat(at, key));
    }

    function _numbers(string memory at, string memory key) private view returns (uint256[] memory) {
        return vm.parseJsonUintArray(json, string.concat(at, key));
    }
}
