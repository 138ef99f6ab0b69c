"""The neighbourhood as `neighbourhood.toml` describes it, checked."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

DEFAULT_PLAN = Path(__file__).with_name("neighbourhood.toml")

NodeId = Annotated[int, Field(ge=1, le=0xFFFFFFFF)]
Power = Annotated[int, Field(ge=0, le=10_000_000)]
BasisPoints = Annotated[int, Field(ge=0, le=10_000)]
TimeOfDay = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


def _milliseconds(time_of_day: str) -> int:
    hours, minutes = time_of_day.split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Curve(_Part):
    """A profile's column and the power its full scale stands for."""

    profile: str
    peak_w: Power
    shift_slots: int = 0


class Relay(_Part):
    """A contact in front of a node: its own contactor, or an outlet of a board."""

    switch: Annotated[int, Field(ge=1, le=0xFFFF)]
    pin: Annotated[int, Field(ge=0, le=7)]
    board: NodeId | None = None
    critical: bool = False
    fail_safe_closed: bool = False
    on_request: bool = False
    min_on_s: Annotated[int, Field(ge=0)] = 0
    min_off_s: Annotated[int, Field(ge=0)] = 0
    battery: Annotated[int, Field(ge=1, le=0xFFFF)] | None = None
    """The battery that feeds it, and sheds it; unless set, the first for an outlet, and none for a
    house's contactor, which serves suspension only."""


class Node(_Part):
    """One node: what it is, what hangs behind it, how it talks."""

    id: NodeId
    label: str
    kind: Literal["consumer", "prosumer", "der", "battery", "grid", "board", "ev"]
    feeder: int
    max_power_w: Power = 0
    transport: Literal["http", "serial", "mqtt"] = "http"
    """`mqtt` where there is a broker, otherwise HTTP."""
    load: Curve | None = None
    pv: Curve | None = None
    contactor: Relay | None = None
    outlet: Relay | None = None
    radio: tuple[float, float] | None = None
    """Where its radio stands, metres; with it, the compiled firmware runs it where that can run."""
    hub: bool = False
    """Its cable is the gateway's, and the radio nodes' way to it."""
    uno: bool = False
    """Its meter is an Arduino Uno, whose firmware runs where this machine can build and run it."""
    element: bool = False
    """It carries a secure element that signs its registers (docs/witness.md)."""

    @property
    def relay(self) -> Relay | None:
        """The contact in front of this node, wherever it sits."""
        return self.contactor or self.outlet

    @property
    def board(self) -> int:
        """Node id of the board that moves this node's contact: a contactor sits in the meter."""
        return self.outlet.board or self.id if self.outlet else self.id


class Start(_Part):
    """Where the first run begins."""

    time: str


class BatteryPlan(_Part):
    """A bank behind its inverter, what it holds at the first start, and its dispatch."""

    id: Annotated[int, Field(ge=1, le=0xFFFF)]
    node: NodeId
    soc_bp: BasisPoints
    capacity_wh: Annotated[int, Field(gt=0)]
    max_power_w: Power
    reserve_bp: BasisPoints
    night_target_bp: BasisPoints = 0
    efficiency_pm: Annotated[int, Field(gt=0, le=1000)] = 960


class GridPlan(_Part):
    """The interconnection: power agreed with the utility, and the hours when it is cheap."""

    node: NodeId
    contract_w: Power
    cheap_from: TimeOfDay = "00:00"
    cheap_until: TimeOfDay = "00:00"

    def is_cheap(self, time_of_day_ms: int) -> bool:
        """True in the cheap hours, which may pass midnight; never if they begin as they end."""
        begin, end = _milliseconds(self.cheap_from), _milliseconds(self.cheap_until)
        if begin <= end:
            return begin <= time_of_day_ms < end
        return time_of_day_ms >= begin or time_of_day_ms < end


class TiePlan(_Part):
    """The line to a neighbouring microgrid, and the most it carries."""

    node: NodeId
    max_power_w: Annotated[int, Field(gt=0, le=10_000_000)]


class ChargerPlan(_Part):
    """A charge point: its OCPP identity, the node that is its meter, what it can do."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{1,20}$")]
    node: NodeId
    protocol: Literal["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]
    max_charge_w: Annotated[int, Field(gt=0, le=350_000)]
    max_discharge_w: Annotated[int, Field(ge=0, le=350_000)] = 0
    open_to_all: bool = False


class CarPlan(_Part):
    """A car, its driver's token and habits.

    Attributes:
        user: whose real sessions it follows (charging/NOTICE.md); None: it comes when it is sent
            for (control.py).
        chargers: where it is plugged in, the first that is free.
        here_until: it is plugged in at the first start, and leaves then.
        owner: the node of the household whose car it is; None: nobody has linked its token yet.
    """

    name: str
    owner: NodeId | None = None
    token: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{4,20}$")]
    user: str | None = None
    chargers: Annotated[tuple[str, ...], Field(min_length=1)]
    capacity_wh: Annotated[int, Field(gt=0, le=200_000)]
    soc_bp: BasisPoints
    max_charge_w: Annotated[int, Field(gt=0, le=350_000)]
    max_discharge_w: Annotated[int, Field(ge=0, le=350_000)] = 0
    here_until: TimeOfDay | None = None


class Feeder(_Part):
    """Lines of the radial feeder, `(from, to)`."""

    lines: tuple[tuple[int, int], ...]


class Plan(_Part):
    """The whole neighbourhood."""

    start: Start
    batteries: Annotated[tuple[BatteryPlan, ...], Field(alias="battery", min_length=1)]
    grid: GridPlan
    tie: TiePlan | None = None
    nodes: Annotated[tuple[Node, ...], Field(alias="node")]
    chargers: Annotated[tuple[ChargerPlan, ...], Field(alias="charger")] = ()
    cars: Annotated[tuple[CarPlan, ...], Field(alias="car")] = ()
    feeder: Feeder

    @model_validator(mode="after")
    def _whole(self) -> Plan:
        ids = [node.id for node in self.nodes]
        if len(ids) != len(set(ids)):
            raise ValueError("node: two nodes have one id; ids must differ")
        places = [("battery", battery.node) for battery in self.batteries]
        places.append(("grid", self.grid.node))
        if self.tie is not None:
            places.append(("tie", self.tie.node))
        for name, wanted in places:
            if wanted not in ids:
                raise ValueError(f"{name}.node: there is no node {wanted}")
        contacts = [(node.board, relay.pin) for node in self.nodes if (relay := node.relay)]
        if len(contacts) != len(set(contacts)):
            raise ValueError("pin: two relays share a board and a pin")
        for board, _ in contacts:
            if board not in ids:
                raise ValueError(f"outlet.board: there is no node {board}")
        known = [battery.id for battery in self.batteries]
        if len(known) != len(set(known)):
            raise ValueError("battery.id: two batteries have one id")
        for node in self.nodes:
            if self.battery_behind(node) not in (0, *known):
                raise ValueError(f"node {node.id}: there is no battery {self.battery_behind(node)}")
        self._check_charging()
        return self

    def _check_charging(self) -> None:
        metered = {charger.node for charger in self.chargers}
        if metered != {node.id for node in self.nodes if node.kind == "ev"}:
            raise ValueError("charger.node: each needs one node of kind ev, and each such node one")
        if len(metered) != len(self.chargers):
            raise ValueError("charger.node: two chargers share a meter")
        names = {charger.name for charger in self.chargers}
        if len(names) != len(self.chargers):
            raise ValueError("charger.name: two chargers have one name")
        for car in self.cars:
            for name in car.chargers:
                if name not in names:
                    raise ValueError(f"car.chargers: there is no charger {name}")

    @property
    def battery(self) -> BatteryPlan:
        """The first: what the board's outlets hang on."""
        return self.batteries[0]

    def battery_at(self, node_id: int) -> BatteryPlan | None:
        """The battery whose node that is."""
        return next((one for one in self.batteries if one.node == node_id), None)

    def battery_behind(self, node: Node) -> int:
        """Id of the battery that decides about a node's contact; 0 = none."""
        if node.relay is not None and node.relay.battery is not None:
            return node.relay.battery
        return self.battery.id if node.outlet else 0

    def node(self, node_id: int) -> Node:
        """The node of that id. Raises KeyError if there is none."""
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)


def load_plan(path: Path = DEFAULT_PLAN) -> Plan:
    """Reads and checks a plan; pydantic's error names the key that is wrong."""
    return Plan.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
