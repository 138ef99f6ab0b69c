"""Which car charges and which discharges in the coming slots.

The rule is simple and exact: a departure that cannot wait is served first, then surplus is shared
out, then cars that can spare energy help out under stress. What is intended is what
`contracts/v2g/OrderRules.sol` allows; the figures here follow its formulas, and a test asks the
contract about both. Energies in Wh, shares in 0.01 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

BPS: Final = 10_000
SLACK_SLOTS: Final = 2
"""Slots kept in hand when a target at departure is at stake, as in OrderRules."""


class Direction(IntEnum):
    """Which way energy is to flow, as the contract counts them."""

    IDLE = 0
    CHARGE = 1
    DISCHARGE = 2


class GridState(IntEnum):
    """What a slot's need means, as the contract counts them."""

    BALANCED = 0
    SURPLUS = 1
    STRESS = 2


@dataclass(frozen=True, slots=True)
class GridNeed:
    """The newest committed slot: what the community lacked before storage answered; < 0: left."""

    need_wh: int
    state: GridState


@dataclass(frozen=True, slots=True)
class CarState:
    """A car in a session, as far as deciding needs it.

    Args:
        soc_wh: lowest charge that the battery can have (`soc_range`)
        pending_charge_wh, pending_discharge_wh: ordered before and not settled yet
        reserve_wh, target_wh: to keep, and wanted at departure (0: none)
        slots_left: slots from the coming one to the departure, included
        max_charge_wh, max_discharge_wh: what charge point and car can do in a slot
        most_charge_wh: what the rest of the escrow pays for at the signed price
        price_ok, reward_ok: the coming prices are within what the owner signed
    """

    session_id: int
    soc_wh: int
    capacity_wh: int
    reserve_wh: int
    target_wh: int
    slots_left: int
    max_charge_wh: int
    max_discharge_wh: int
    most_charge_wh: int
    pending_charge_wh: int = 0
    pending_discharge_wh: int = 0
    price_ok: bool = True
    reward_ok: bool = True


@dataclass(frozen=True, slots=True)
class Intent:
    """What a session is to do in each of the next slots."""

    session_id: int
    direction: Direction
    wh_per_slot: int
    slots: int


def drawn_up(wh: int, efficiency_bps: int) -> int:
    """The most that a battery loses for `wh` at the meter, or the meter takes for `wh` in it."""
    return -(-wh * BPS // efficiency_bps)


def soc_range(
    before_wh: int, charged_wh: int, discharged_wh: int, efficiency_bps: int, capacity_wh: int
) -> tuple[int, int]:
    """Lowest and highest charge after the meter counted this, within 0 to capacity."""
    least = before_wh + charged_wh * efficiency_bps // BPS - drawn_up(discharged_wh, efficiency_bps)
    most = before_wh + charged_wh - discharged_wh
    return min(capacity_wh, max(0, least)), min(capacity_wh, max(0, most))


def slots_needed_up(car: CarState, soc_wh: int, efficiency_bps: int) -> int:
    """Slots of charging that bring the battery from `soc_wh` to the target; 2^64 - 1: never."""
    missing = drawn_up(max(0, car.target_wh - soc_wh), efficiency_bps)
    if missing == 0:
        return 0
    return -(-missing // car.max_charge_wh) if car.max_charge_wh else 2**64 - 1


def is_due(car: CarState, efficiency_bps: int) -> bool:
    """True if the target is missed unless the car charges from now on."""
    needed = slots_needed_up(car, car.soc_wh, efficiency_bps)
    return needed != 0 and needed + SLACK_SLOTS >= car.slots_left


def decide(
    grid: GridNeed,
    cars: Sequence[CarState],
    *,
    efficiency_bps: int,
    slots: int,
    least_wh: int,
) -> list[Intent]:
    """One intent for each car, in the order of the cars.

    Args:
        efficiency_bps: least efficiency one way
        slots: how many slots an intent is for at most; fewer before a departure
        least_wh: what is not worth ordering for a slot
    """
    intents = {car.session_id: _idle(car) for car in cars}
    left = abs(grid.need_wh)
    if grid.state is GridState.SURPLUS:
        for car in sorted(cars, key=lambda c: _urgency(c, efficiency_bps)):
            wh = min(_charge_room(car, slots, efficiency_bps), left)
            if car.price_ok and wh >= least_wh:
                intents[car.session_id] = _intent(car, Direction.CHARGE, wh, slots)
                left -= wh
        return [intents[car.session_id] for car in cars]
    for car in cars:
        if is_due(car, efficiency_bps) and car.price_ok:
            intents[car.session_id] = _departure(car, slots, efficiency_bps)
    if grid.state is GridState.STRESS:
        for car in sorted(cars, key=lambda c: (c.reserve_wh - c.soc_wh, c.session_id)):
            if intents[car.session_id].direction is not Direction.IDLE or not car.reward_ok:
                continue
            wh = min(_spare(car, slots, efficiency_bps), left)
            if wh >= least_wh:
                intents[car.session_id] = _intent(car, Direction.DISCHARGE, wh, slots)
                left -= wh
    return [intents[car.session_id] for car in cars]


def _idle(car: CarState) -> Intent:
    return Intent(car.session_id, Direction.IDLE, 0, 0)


def _intent(car: CarState, direction: Direction, wh: int, slots: int) -> Intent:
    count = min(slots, car.slots_left)
    return Intent(car.session_id, direction, wh, count) if count > 0 else _idle(car)


def _urgency(car: CarState, efficiency_bps: int) -> tuple[int, int, int]:
    """Least time to spare before a target is at risk first, then the emptiest battery."""
    needed = slots_needed_up(car, car.soc_wh, efficiency_bps)
    spare = car.slots_left - needed if needed else 2**64
    return spare, car.soc_wh * BPS // car.capacity_wh, car.session_id


def _charge_room(car: CarState, slots: int, efficiency_bps: int) -> int:
    """Wh a slot that battery, charge point and escrow have room for over all the slots."""
    count = max(1, min(slots, car.slots_left))
    room = drawn_up(car.capacity_wh - car.soc_wh, efficiency_bps) - car.pending_charge_wh
    money = car.most_charge_wh - car.pending_charge_wh
    return max(0, min(car.max_charge_wh, room // count, money // count))


def _departure(car: CarState, slots: int, efficiency_bps: int) -> Intent:
    """Charges as fast as it can, for no more slots than the target needs."""
    missing = drawn_up(max(0, car.target_wh - car.soc_wh), efficiency_bps) - car.pending_charge_wh
    wh = min(car.max_charge_wh, max(0, car.most_charge_wh - car.pending_charge_wh))
    if missing <= 0 or wh <= 0:
        return _idle(car)
    count = min(slots, car.slots_left, -(-missing // wh))
    affordable = (car.most_charge_wh - car.pending_charge_wh) // wh
    room = (drawn_up(car.capacity_wh - car.soc_wh, efficiency_bps) - car.pending_charge_wh) // wh
    count = min(count, affordable, room)
    if count <= 0:
        return Intent(car.session_id, Direction.CHARGE, min(wh, missing), 1)
    return Intent(car.session_id, Direction.CHARGE, wh, count)


def _spare(car: CarState, slots: int, efficiency_bps: int) -> int:
    """Wh a slot that the car can give over all the slots and still keep reserve and target."""
    count = min(slots, car.slots_left)
    if count <= 0:
        return 0
    above = max(0, car.soc_wh - car.reserve_wh) * efficiency_bps // BPS - car.pending_discharge_wh
    wh = max(0, min(car.max_discharge_wh, above // count))
    while wh > 0 and not _target_in_reach(car, wh * count, car.slots_left - count, efficiency_bps):
        wh = wh * 3 // 4  # a few steps: the target leaves less the nearer the departure
    return wh


def _target_in_reach(car: CarState, total_wh: int, slots_left: int, efficiency_bps: int) -> bool:
    drawn = drawn_up(car.pending_discharge_wh + total_wh, efficiency_bps)
    needed = slots_needed_up(car, car.soc_wh - drawn, efficiency_bps)
    return needed == 0 or needed + SLACK_SLOTS <= slots_left
