"""A car at a charge point on a real chain: charges at noon, gives in the evening, is paid."""

from __future__ import annotations

from dataclasses import astuple

import pytest
import requests
from books import Books
from eth_account import Account
from eth_utils.crypto import keccak
from local_chain import (
    OPERATOR,
    RESIDENT,
    SLOT_SECONDS,
    STRANGER,
    development_account,
    register_meter,
    send,
)
from oracle_kit import CARBON, METERS, SALT_KEY, Device, Oracle

from backend.api.v2g_reader import V2GReader
from backend.chain.contracts import Contract
from backend.chain.projections import projections
from backend.chain.v2g import Authorisation, ChainSession, signable_authorisation
from backend.oracle.certificates import CertificateKeeper
from backend.oracle.closer import SlotCloser
from backend.oracle.registers import EntityKind
from backend.oracle.v2g import V2GKeeper
from backend.telemetry import charging_orders, charging_sessions, nodes, v2g
from backend.telemetry.charging_orders import Direction
from backend.telemetry.charging_sessions import Sample, SessionState
from backend.telemetry.v2g import Consent
from devices.simulator.plan import load_plan
from scripts import vehicles
from scripts.transactions import Wallet

pytest_plugins = ["oracle_fixtures"]

SOLAR, HOUSE, POINT = 2, 4, 61
EV = 1
RUPEE = 1_000_000
CAPACITY = 40_000
MOST_WH = 1_750


class Garage:
    """A charge point with a car, and the keeper that looks after it."""

    def __init__(self, books: Books, oracle: Oracle) -> None:
        self.books = books
        self.soc_wh = 20_000
        self.counts = [0, 0]
        self.sun = self.use = 0
        self.session: int | None = None
        chain = books.chain
        assert chain.clients.v2g is not None
        self.clients = chain.clients.v2g
        register_meter(books.anvil.rpc, chain.deployment, POINT, int(EntityKind.EV))
        with books.store.write() as connection:
            node = nodes.Node(POINT, "Charge point", int(EntityKind.EV), 1, 10_000)
            nodes.provision(connection, [node])
        self.meter = Device(books.store, POINT)
        kinds = {meter: int(kind) for meter, kind in METERS.items()} | {POINT: int(EntityKind.EV)}
        books.closer = SlotCloser(
            books.store,
            chain,
            oracle.client,
            kinds=lambda: kinds,
            salt_key=SALT_KEY,
            grace_s=2.0,
            wake_sender=lambda: None,
            now=books.clock,
        )
        self.keeper = V2GKeeper(
            books.store,
            chain,
            oracle.client,
            time_scale=900 / SLOT_SECONDS,
            wake_sender=lambda: None,
            now=books.clock,
        )
        rpc = books.anvil.rpc
        send(rpc, OPERATOR, self.clients.vehicles.set_charge_point(POINT, MOST_WH, MOST_WH))
        send(rpc, RESIDENT, self.clients.vehicles.register_ev(CAPACITY, 3_000))
        house = Contract(chain.deployment["ClearingHouse"])
        for account in (OPERATOR, RESIDENT):
            send(rpc, account, house.call("deposit", 0), 10**16)
        send(rpc, OPERATOR, self.clients.exchange.fund_budget(500 * RUPEE))

    def sign(self, by: int = RESIDENT, **changes: int) -> Consent:
        """What the owner signs, handed in."""
        slot = int(self.books.clock.time // SLOT_SECONDS)
        figures = {
            "ev": EV,
            "charge_point": POINT,
            "max_price": 12 * RUPEE,
            "min_reward": RUPEE,
            "reserve_bps": 2_000,
            "target_bps": 0,
            "departure_slot": slot + 200,
            "max_cost_micro_inr": 300 * RUPEE,
            "nonce": 0,
            "valid_until": int(self.books.clock.time) + 3_600,
        } | changes
        chain = self.books.chain
        contract = self.clients.exchange.contract.address
        message = signable_authorisation(Authorisation(**figures), contract, chain.chain_id)
        signature = bytes(development_account(by).sign_message(message).signature)
        consent = Consent(EV, figures["nonce"], POINT, figures, signature, int(self.books.clock()))
        with self.books.store.write() as connection:
            v2g.put_consent(connection, consent)
        return consent

    def plug_in(self, by: int = RESIDENT) -> None:
        now_ms = int(self.books.clock.time * 1000)
        with self.books.store.write() as connection:
            begun = charging_sessions.begin(
                connection,
                {
                    "charge_point_id": "CP-T", "evse_id": 1, "connector_id": 1,
                    "transaction_ref": f"t{now_ms}", "meter_id": POINT, "id_token": "car",
                    "account": development_account(by).address.lower(), "ev_id": EV,
                    "state": SessionState.PLUGGED.value, "state_order": 0, "token_order": 0,
                    "soc_bp": self.soc_wh * 10_000 // CAPACITY, "soc_ms": now_ms, "power_w": 0,
                    "started_ms": now_ms, "told_offline": False,
                },
            )  # fmt: skip
        self.session = begun.session_id

    def unplug(self) -> None:
        assert self.session is not None
        with self.books.store.write() as connection:
            charging_sessions.change(
                connection, self.session, state=SessionState.ENDED.value, stopped_ms=1
            )
        self.session = None

    def told(self) -> tuple[Direction, int] | None:
        """What the charge point was told last."""
        if self.session is None:
            return None
        with self.books.store.read() as connection:
            found = charging_orders.newest(connection, self.session)
        return None if found is None else (found.direction, found.power_w)

    def lasts_until(self) -> int:
        assert self.session is not None
        with self.books.store.read() as connection:
            found = charging_orders.newest(connection, self.session)
        assert found is not None
        return found.until

    def pass_slot(self, sun_wh: int = 0, use_wh: int = 0) -> int:
        """A slot in which the charge point does what it is told."""
        books = self.books
        self.keep()
        way, power_w = self.told() or (Direction.IDLE, 0)
        wh = power_w * 900 // 3600
        if way is Direction.CHARGE:
            self.counts[0] += wh
            self.soc_wh = min(CAPACITY, self.soc_wh + wh * 94 // 100)
        elif way is Direction.DISCHARGE:
            self.counts[1] += wh
            self.soc_wh -= wh * 100 // 94
        books.clock.time = (books.clock.time // SLOT_SECONDS + 1) * SLOT_SECONDS - 1
        self.sun += sun_wh
        self.use += use_wh
        books.read(SOLAR, self.sun, 0, self.sun, 0, 0, 0)
        books.read(HOUSE, 0, self.use, 0, self.use, 0, 0)
        self.meter.read(int(books.clock.time), 0, 0, 0, 0, *self.counts)
        if self.session is not None:
            self._sample()
        slot = books.pass_slot()
        self.keep()
        return slot

    def _sample(self) -> None:
        at_ms = int(self.books.clock.time * 1000)
        assert self.session is not None
        soc = self.soc_wh * 10_000 // CAPACITY
        with self.books.store.write() as connection:
            sample = Sample("CP-T", 1, at_ms, "periodic", self.session, soc_bp=soc)
            charging_sessions.put_sample(connection, sample)
            charging_sessions.change(connection, self.session, soc_bp=soc, soc_ms=at_ms)

    def keep(self) -> int:
        sent = 0
        for _ in range(10):
            found = self.keeper.sweep()
            sent += found
            self.books.to_chain()
            if not found:
                break
        return sent

    def chain_session(self, number: int = 1) -> ChainSession:
        return self.books.chain.views.ask(self.clients.exchange.session(number), max_age_s=0.0)


@pytest.fixture
def garage(books: Books, oracle: Oracle, certificates: CertificateKeeper) -> Garage:
    made = Garage(books, oracle)
    certificates.sweep()  # carbon intensity of this hour
    books.to_chain()
    return made


@pytest.fixture
def certificates(books: Books, oracle: Oracle) -> CertificateKeeper:
    return CertificateKeeper(
        books.store, books.chain, oracle.client, CARBON, wake_sender=lambda: None, now=books.clock
    )


def balance(garage: Garage, account: int) -> int:
    house = Contract(garage.books.chain.deployment["ClearingHouse"])
    address = development_account(account).address
    return int(garage.books.chain.views.ask(house.call("balanceOf", address), max_age_s=0.0))


def test_a_car_charges_at_noon_gives_in_the_evening_and_is_paid(garage: Garage) -> None:
    before = balance(garage, RESIDENT), balance(garage, OPERATOR)
    garage.sign()
    garage.plug_in()
    for _ in range(4):
        garage.pass_slot(sun_wh=3_000)
    assert garage.chain_session().ordered_until > 0
    assert garage.told() == (Direction.CHARGE, 7_000)
    charged = garage.counts[0]
    assert charged >= MOST_WH
    for _ in range(5):
        garage.pass_slot(use_wh=3_000)
    assert garage.told() == (Direction.DISCHARGE, 7_000)
    given = garage.counts[1]
    assert given >= MOST_WH
    garage.unplug()
    for _ in range(3):
        garage.pass_slot()
    session = garage.chain_session()
    assert session.closed
    with garage.books.store.read() as connection:
        flows = v2g.flows(connection, 1)
        totals = v2g.totals(connection, 1)
    assert totals[0] == garage.counts[0]
    assert totals[1] == garage.counts[1]
    assert sum(flow["unordered_wh"] for flow in flows) == 0
    # To the micro-rupee: what the driver and the operator have is what the flows say.
    assert balance(garage, RESIDENT) == before[0] - totals[2] + totals[3]
    assert balance(garage, OPERATOR) == before[1] + totals[2]
    free, reserved = garage.books.chain.views.ask(garage.clients.exchange.budget(), max_age_s=0.0)
    assert (free, reserved) == (500 * RUPEE - totals[3], 0)
    # Told again from the events, it is the same.
    with garage.books.store.write() as connection:
        projections.roll_back(connection, 10**9)
    with garage.books.store.read() as connection:
        assert v2g.flows(connection, 1) == flows
    reader = V2GReader(
        garage.books.store, garage.books.chain, garage.clients, 900.0, garage.books.clock
    )
    shown = reader.session(1)
    assert shown is not None
    assert shown.closed
    assert shown.reward_micro_inr == totals[3]
    overview = reader.overview()
    assert overview.grid is not None
    assert overview.sessions_running == 0
    assert [car.ev_id for car in reader.cars(None).cars] == [EV]


def test_a_strangers_card_begins_nothing_that_the_owner_has_signed(garage: Garage) -> None:
    garage.sign()
    garage.plug_in(by=STRANGER)
    garage.pass_slot(sun_wh=3_000)
    assert garage.told() is None
    ask = garage.clients.exchange.ev_state(EV)
    assert garage.books.chain.views.ask(ask, max_age_s=0.0) == (0, 0)


def test_an_order_lasts_into_the_next_slot_only_if_it_goes_on_there(garage: Garage) -> None:
    garage.sign()
    garage.plug_in()
    for _ in range(4):
        garage.pass_slot(sun_wh=3_000)
    slot = garage.books.clock.time // SLOT_SECONDS
    grace = max(1, SLOT_SECONDS // 5)
    assert garage.chain_session().ordered_until > slot
    assert garage.lasts_until() == (slot + 1) * SLOT_SECONDS + grace
    garage.pass_slot()  # no surplus any more: what is ordered for this slot is the last
    slot = garage.books.clock.time // SLOT_SECONDS
    assert garage.chain_session().ordered_until == slot
    assert garage.told() == (Direction.CHARGE, 7_000)
    assert garage.lasts_until() == (slot + 1) * SLOT_SECONDS


def test_nothing_begins_without_the_owners_signature(garage: Garage) -> None:
    garage.plug_in()
    garage.pass_slot(sun_wh=3_000)
    assert garage.told() is None
    garage.sign(by=STRANGER)
    garage.pass_slot(sun_wh=3_000)
    ask = garage.clients.exchange.ev_state(EV)
    assert garage.books.chain.views.ask(ask, max_age_s=0.0) == (0, 0)
    # It waits, and takes nothing, as long as somebody has handed something in.
    assert garage.told() == (Direction.IDLE, 0)


@pytest.mark.nightly
def test_unplugged_while_it_charges_it_is_settled_and_closed(garage: Garage) -> None:
    garage.sign()
    garage.plug_in()
    for _ in range(4):
        garage.pass_slot(sun_wh=3_000)
    assert garage.counts[0] > 0
    garage.unplug()
    for _ in range(2):
        garage.pass_slot(sun_wh=3_000)
    assert garage.chain_session().closed
    assert garage.chain_session().escrow == 0


@pytest.mark.nightly
def test_a_store_that_is_told_again_goes_on_with_the_session(garage: Garage) -> None:
    garage.sign()
    garage.plug_in()
    garage.pass_slot(sun_wh=3_000)
    with garage.books.store.write() as connection:
        v2g.clear(connection)
        projections.roll_back(connection, 10**9)
    for _ in range(3):
        garage.pass_slot(sun_wh=3_000)
    assert garage.told() == (Direction.CHARGE, 7_000)


def test_the_demos_cars_and_their_drivers(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, chain = load_plan(), books.chain
    households = [car.owner for car in plan.cars if car.owner is not None]
    owners = {owner: RESIDENT + i for i, owner in enumerate(households)}
    for charger in plan.chargers:
        register_meter(books.anvil.rpc, chain.deployment, charger.node, int(EntityKind.EV))

    def wallet(account: int) -> Wallet:
        key = development_account(account)
        return Wallet(chain.rpc, chain.chain_id, chain.contracts, key)

    def set_up() -> dict[str, int]:
        clients, operator = chain.clients, wallet(OPERATOR)
        return vehicles.set_up(
            plan, chain.views, clients, operator, lambda meter: wallet(owners[meter]), 900.0
        )

    numbers = set_up()
    assert sorted(numbers.values()) == [1, 2, 3]
    assert set_up() == numbers
    assert chain.clients.v2g is not None
    ask = chain.clients.v2g.vehicles.charge_point_of(62)
    assert chain.views.ask(ask, max_age_s=0.0) == (2_500, 2_500)
    # A driver whose car is plugged in signs; what was handed in is the owner's signature.
    owner = development_account(owners[households[0]])
    car = {
        "ev_id": 1, "owner": owner.address, "retired": False, "nonce": 0, "session_id": None,
        "plugged_meter_id": 62, "authorised": False,
    }  # fmt: skip
    told: list[dict[str, object]] = []

    class Answer:
        ok = True

        def __init__(self, body: dict[str, object]) -> None:
            self.body = body

        def json(self) -> dict[str, object]:
            return self.body

    monkeypatch.setattr(requests, "get", lambda *_a, **_k: Answer({"cars": [car]}))
    monkeypatch.setattr(requests, "post", lambda *_a, json, **_k: told.append(json) or Answer({}))
    keys = {owner.address.lower(): owner.key.to_0x_hex()}
    drivers = vehicles.Drivers("http://nowhere", chain.clients, chain.chain_id, SLOT_SECONDS, keys)
    assert drivers.act() == 1
    body = dict(told[0])
    signature = bytes.fromhex(str(body.pop("signature"))[2:])
    agreed = Authorisation(**body)  # type: ignore[arg-type]
    message = signable_authorisation(
        agreed, chain.clients.v2g.exchange.contract.address, chain.chain_id
    )
    assert Account.recover_message(message, signature=signature) == owner.address
    digest = chain.clients.v2g.exchange.contract.call("authorisationDigest", astuple(agreed))
    own = keccak(b"\x19" + message.version + message.header + message.body)
    assert chain.views.ask(digest, max_age_s=0.0) == own
