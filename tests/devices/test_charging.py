"""Simulated cars and charge points: batteries, stations, visits, and the feeder they hang on."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from devices.simulator.charging.car import WMS_PER_WH, Battery, Model
from devices.simulator.charging.garage import Garage
from devices.simulator.charging.sessions import DAY_MS, load_stays, next_visit
from devices.simulator.charging.station import Limit, Rating, Station
from devices.simulator.charging.talk2 import Talk2
from devices.simulator.charging.talk16 import Talk16
from devices.simulator.plan import Plan, load_plan
from devices.simulator.profiles import load_profiles
from devices.simulator.world import World

MODEL = Model(50_000, 11_000, 10_000)
NOW = 1_795_276_800_000
MINUTE = 60_000


# ---- batteries -----------------------------------------------------------------------------------


@given(
    st.integers(0, 10_000),
    st.lists(st.tuples(st.integers(-12_000, 12_000), st.integers(1, 3_600_000)), max_size=20),
)
def test_a_battery_gives_back_no_more_than_it_took(
    soc_bp: int, steps: list[tuple[int, int]]
) -> None:
    battery = Battery.at(MODEL, soc_bp)
    into = out = 0
    before = battery.stored_wms
    for power_w, dt_ms in steps:
        if power_w >= 0:
            power_w = min(power_w, battery.most_charge_w(dt_ms))
        else:
            power_w = -min(-power_w, battery.most_discharge_w(dt_ms))
        battery.step(power_w, dt_ms)
        into, out = into + max(0, power_w) * dt_ms, out + max(0, -power_w) * dt_ms
        assert 0 <= battery.stored_wms <= battery.capacity_wms
        assert 0 <= battery.soc_bp <= 10_000
    gained = battery.stored_wms - before
    assert gained <= into * 930 // 1000 - out * 1000 // 930 + 1


def test_it_charges_at_full_power_and_then_less() -> None:
    powers = [Battery.at(MODEL, soc_bp).most_charge_w(1000) for soc_bp in range(0, 10_001, 500)]
    assert powers[:17] == [11_000] * 17  # up to 80 %
    assert powers[16:] == sorted(powers[16:], reverse=True)
    assert powers[-1] == 0
    assert Battery.at(MODEL, 9_000).most_charge_w(1000) == 11_000 * 525 // 1000


def test_a_round_trip_loses_what_both_ways_cost() -> None:
    battery = Battery.at(MODEL, 2_000)
    battery.step(10_000, 3_600_000)
    stored = battery.stored_wms
    assert (stored - 10_000 * WMS_PER_WH) == 9_300 * WMS_PER_WH
    battery.step(-8_649, 3_600_000)  # 10 000 x 0.93 x 0.93
    assert abs(battery.stored_wms - 10_000 * WMS_PER_WH) <= WMS_PER_WH


def test_it_ages_with_what_passes_through_it() -> None:
    battery = Battery.at(MODEL, 5_000)
    assert battery.health_ppm == 1_000_000
    battery.passed_wms = 2 * MODEL.capacity_wh * WMS_PER_WH * 100  # a hundred full cycles
    assert battery.health_ppm == 980_000
    battery.passed_wms *= 1_000
    assert battery.health_ppm == 700_000


# ---- stations ------------------------------------------------------------------------------------


def station(soc_bp: int = 4_000, discharge_w: int = 8_000) -> Station:
    made = Station("CP", Rating(7_400, discharge_w))
    made.plug(Battery.at(MODEL, soc_bp), "token-1", NOW)
    return made


def told(made: Station) -> list[str]:
    return [news.what for news in made.news]


def test_nothing_flows_before_the_token_is_accepted() -> None:
    made = station()
    assert made.wanted_w(NOW, 1000) == 0
    made.authorise(False, NOW)
    assert made.wanted_w(NOW, 1000) == 0
    made.unplug(NOW + 1)
    assert told(made) == ["plugged", "refused", "ended", "unplugged"]


def test_a_limit_holds_while_it_lasts_and_for_its_session() -> None:
    made = station()
    made.authorise(True, NOW)
    assert made.wanted_w(NOW, 1000) == 7_400
    assert made.session is not None
    made.limits = (
        Limit(3_000, 0, NOW + 1000, NOW + 5000, made.session.ref),
        Limit(0, 9_000, NOW + 3000, NOW + 5000),
    )
    at = [made.wanted_w(NOW + ms, 1000) for ms in (0, 1000, 3000, 5000)]
    assert at == [7_400, 3_000, -8_000, 7_400]
    made.limits = (Limit(3_000, 0, NOW, NOW + 5000, "another"),)
    assert made.wanted_w(NOW, 1000) == 7_400


@given(st.lists(st.sampled_from("pauxsde"), max_size=12))
def test_unplugged_at_any_moment_every_session_is_told_to_its_end(hands: list[str]) -> None:
    """p plug, a accept, u unplug, x stop, s start, d de-authorise, e energy."""
    made, now = Station("CP", Rating(7_400, 8_000)), NOW
    for hand in [*hands, "u"]:
        now += 1000
        if hand == "p" and made.session is None:
            made.plug(Battery.at(MODEL, 4_000), "token-1", now)
        elif hand == "a":
            made.authorise(True, now)
        elif hand == "u":
            made.unplug(now)
        elif hand == "x":
            made.stop(now)
        elif hand == "s":
            made.start("token-2", now)
        elif hand == "d":
            made.deauthorise(now)
        made.step(made.wanted_w(now, 1000), now, 1000)
    sessions: dict[str, list[Any]] = {}
    for news in made.news:
        sessions.setdefault(news.session, []).append(news)
    for messages in sessions.values():
        assert [news.number for news in messages] == list(range(len(messages)))
        assert messages[0].what == "plugged"
        assert [news.what for news in messages].count("ended") == 1
        ended = next(i for i, news in enumerate(messages) if news.what == "ended")
        assert {news.what for news in messages[ended + 1 :]} <= {"unplugged"}
        registers = [news.imported_wh for news in messages]
        assert registers == sorted(registers)
    assert made.power_w == 0


def test_it_goes_on_where_it_was_when_power_comes_back() -> None:
    made = station()
    made.authorise(True, NOW)
    made.step(7_400, NOW + 1000, 3_600_000)
    again = Station("CP", made.rating)
    again.recall(made.state(), made.battery)
    assert again.session == made.session
    assert (again.imported_wms, list(again.news)) == (made.imported_wms, list(made.news))
    assert again.wanted_w(NOW + 2000, 1000) == made.wanted_w(NOW + 2000, 1000) == 7_400


@pytest.mark.parametrize(
    "profile",
    [
        {"chargingProfilePurpose": "ChargePointMaxProfile"},
        {"chargingProfileKind": "Recurring"},
        {"transactionId": 99},
        {"validTo": "soon"},
        {"chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": []}},
        {"chargingSchedule": {"chargingRateUnit": "W", "duration": 60, "chargingSchedulePeriod": [
            {"startPeriod": 0, "limit": -3000}]}},
    ],
)  # fmt: skip
def test_profiles_that_16_cannot_follow_are_rejected(profile: dict[str, Any]) -> None:
    made, talk = station(), Talk16("CP")
    good: dict[str, Any] = {
        "chargingProfileId": 1, "stackLevel": 1, "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute", "chargingSchedule": {
            "duration": 60, "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 2000.0},
                                       {"startPeriod": 30, "limit": 1000.0}]},
    }  # fmt: skip

    def answer(body: dict[str, Any]) -> str:
        asked = {"connectorId": 1, "csChargingProfiles": body}
        reply = talk.hear("SetChargingProfile", asked, made, NOW)
        assert reply is not None
        return str(reply.payload["status"])

    assert answer(good) == "Accepted"
    made.authorise(True, NOW)
    assert [made.wanted_w(NOW + s * 1000, 1000) for s in (0, 30, 60)] == [2000, 1000, 7400]
    assert answer({**good, **profile}) == "Rejected"
    assert len(made.limits) == 2  # what was in force stays


def test_2_takes_energy_out_only_where_it_can() -> None:
    profile = {
        "id": 1, "stackLevel": 1, "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Absolute", "transactionId": "CP-000001", "chargingSchedule": [{
            "id": 1, "duration": 60, "chargingRateUnit": "W", "chargingSchedulePeriod": [
                {"startPeriod": 0, "operationMode": "CentralSetpoint", "setpoint": -3000.0}]}],
    }  # fmt: skip
    for made, status in ((station(), "Accepted"), (station(discharge_w=0), "Rejected")):
        made.authorise(True, NOW)
        asked = {"evseId": 1, "chargingProfile": profile}
        reply = Talk2("CP").hear("SetChargingProfile", asked, made, NOW)
        assert reply is not None
        assert reply.payload["status"] == status
        assert made.wanted_w(NOW, 1000) == (-3000 if status == "Accepted" else 7400)


# ---- visits --------------------------------------------------------------------------------------


def test_the_shipped_stays_are_real_sessions() -> None:
    stays = load_stays()
    assert {user: len(found) for user, found in stays.items()} == {"a": 40, "b": 40, "c": 40}
    for found in stays.values():
        assert all(60 <= stay.minutes <= 1200 for stay in found)
        assert all(2_000 <= stay.energy_wh <= 45_000 for stay in found)


@given(st.sampled_from("abc"), st.integers(0, 28 * DAY_MS), st.integers(0, 6), st.integers(0, 99))
def test_a_visit_is_one_of_that_users(user: str, after: int, weekday: int, seed: int) -> None:
    visit = next_visit(user, after, weekday, random.Random(seed))
    again = next_visit(user, after, weekday, random.Random(seed))
    assert visit == again
    assert after < visit.arrives_ms < after + 8 * DAY_MS
    kinds = {(s.arrives_minute, s.minutes, s.energy_wh) for s in load_stays()[user]}
    minute = visit.arrives_ms % DAY_MS // MINUTE
    assert (minute, (visit.leaves_ms - visit.arrives_ms) // MINUTE, visit.driven_wh) in kinds


def test_two_weeks_of_cars() -> None:
    """No charge point has two cars, no car is at two, and batteries stay within their bounds."""
    plan = load_plan()
    stations = {
        charger.name: Station(charger.name, Rating(charger.max_charge_w, charger.max_discharge_w))
        for charger in plan.chargers
    }
    profiles = load_profiles()
    garage = Garage(plan.cars, stations, profiles, profiles.offset_ms(plan.start.time))
    at_ms, plugged = profiles.offset_ms(plan.start.time), 0
    for step in range(14 * 96):
        at_ms, now = at_ms + 15 * MINUTE, NOW + step * 1000
        garage.step(at_ms, now)
        places = [car.charger for car in garage.cars if car.charger]
        assert len(places) == len(set(places))
        plugged += len(places)
        for made in stations.values():
            made.authorise(True, now)
            made.step(made.wanted_w(now, 15 * MINUTE), now, 15 * MINUTE)
        assert all(0 <= car.battery.soc_bp <= 10_000 for car in garage.cars)
    assert all(made.sessions >= 5 for made in stations.values())
    assert 0.2 < plugged / (14 * 96 * len(stations)) < 0.9
    kept = Garage(plan.cars, stations, profiles, at_ms)
    kept.recall(garage.state())
    assert kept.state() == garage.state()


def test_a_clock_that_jumps_strands_nobody() -> None:
    plan = load_plan()
    stations = {"CP-2": Station("CP-2", Rating(10_000, 10_000))}
    profiles = load_profiles()
    garage = Garage(plan.cars[:1], stations, profiles, 20 * DAY_MS)
    (car,) = garage.cars
    garage.step(20 * DAY_MS + 1, NOW)
    assert car.charger == "CP-2"
    garage.step(1 * DAY_MS, NOW + 1000)
    assert car.charger is None
    assert car.visit.arrives_ms < 10 * DAY_MS


def test_who_is_sent_for_comes_by_no_other_way_and_stays_when_the_clock_is_set_back() -> None:
    plan = load_plan()
    stations = {"CP-2": Station("CP-2", Rating(10_000, 10_000))}
    (visitor,) = (car for car in plan.cars if car.user is None)
    garage = Garage([visitor], stations, load_profiles(), 20 * DAY_MS)
    (car,) = garage.cars
    for hours in range(14 * 24):
        garage.step(20 * DAY_MS + hours * 60 * MINUTE, NOW)
        assert car.charger is None
    at_ms = 40 * DAY_MS
    assert garage.come(car, at_ms, 600, NOW)
    garage.step(at_ms - 300 * MINUTE, NOW)
    assert car.charger == "CP-2"
    garage.step(at_ms + 600 * MINUTE, NOW)
    assert car.charger is None
    garage.step(at_ms + 601 * MINUTE, NOW)
    assert car.charger is None


# ---- the feeder ----------------------------------------------------------------------------------


@pytest.mark.parametrize("present", [True, False])
@pytest.mark.parametrize(("soc_bp", "limit"), [(3_000, None), (9_900, None), (8_000, 9_000)])
def test_energy_is_conserved_with_cars(present: bool, soc_bp: int, limit: int | None) -> None:
    world = World.at_start(load_plan(), load_profiles())
    world.grid_present = present
    for bank in world.banks.values():
        bank.charge_ma_ms = bank.capacity_ma_ms  # a surplus that fits nowhere
    world.set_time(world.profiles.offset_ms("19.04.2016 12:00"))
    made = Station("CP-2", Rating(10_000, 10_000))
    made.plug(Battery.at(MODEL, soc_bp), "token-1", NOW)
    made.authorise(True, NOW)
    if limit:
        made.limits = (Limit(0, limit, 0, NOW * 2),)
    world.sockets[62] = made
    for _ in range(200):
        world.rtc_ms += 200
        world.step(12_000)
        drawn = {node: flow.into_node_w for node, flow in world.flows.items()}
        from_grid = drawn.pop(world.plan.grid.node)
        assert sum(drawn.values()) == from_grid
    moved = world.energy_wms[62][4] - world.energy_wms[62][5]
    assert moved == made.imported_wms - made.exported_wms
    assert world.energy_wms[61] == [0] * 6
    if limit:
        assert moved <= 0
        assert (moved < 0) == present  # an island with a full bank has no use for it
    elif not world.dark:
        assert moved > 0


def test_without_voltage_nothing_flows_into_cars() -> None:
    world = World.at_start(load_plan(), load_profiles())
    for bank in world.banks.values():
        bank.charge_ma_ms = 0
    made = Station("CP-2", Rating(10_000, 10_000))
    made.plug(Battery.at(MODEL, 3_000), "token-1", NOW)
    made.authorise(True, NOW)
    world.sockets[62] = made
    world.step(1000)
    assert made.power_w > 0
    world.grid_present = False
    world.step(1000)
    assert world.dark
    assert (made.power_w, made.mode) == (0, "suspended_station")


@pytest.mark.parametrize(
    "change",
    [
        lambda plan: {"chargers": ()},
        lambda plan: {"chargers": (plan.chargers[0], replace_(plan.chargers[1], name="CP-1"))},
        lambda plan: {"chargers": (plan.chargers[0], replace_(plan.chargers[1], node=61))},
        lambda plan: {"cars": (replace_(plan.cars[0], chargers=("CP-9",)),)},
    ],
)
def test_a_plan_that_does_not_fit_together_is_refused(change: Any) -> None:
    plan = load_plan()
    changed = plan.model_copy(update=change(plan))
    with pytest.raises(ValidationError):
        Plan.model_validate(changed.model_dump(by_alias=True))


def replace_(part: Any, **changes: Any) -> Any:
    return part.model_copy(update=changes)
