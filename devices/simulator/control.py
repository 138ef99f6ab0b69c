"""The neighbourhood's control port: what is true in it, and hands to change it. Loopback only.

GET /state, /field. POST /radio, /load, /battery, /time, /grid, /tie, /link, /clock, /tamper, /car,
/charger with a JSON object; the models below say what each takes.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from devices.simulator.boards import WasmBoard
from devices.simulator.charging.garage import Car
from devices.simulator.field import FieldNode
from devices.simulator.meter import Meter
from devices.simulator.neighbourhood import Neighbourhood
from devices.simulator.uno.node import UnoNode

_REGISTERS = (
    "generated_wh", "consumed_wh", "exported_wh", "imported_wh", "charged_wh", "discharged_wh",
)  # fmt: skip
_DAY_MS = 86_400_000

PerMille = Annotated[int, Field(ge=0, le=1000)]


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Load(_Order):
    """A load by hand in place of the profile; null gives it back to the profile."""

    node: int
    power_w: Annotated[int, Field(ge=0, le=1_000_000)] | None


class Charge(_Order):
    """A battery's state of charge, or every one's; its monitor is told, as when one is replaced."""

    battery: Annotated[int, Field(ge=1, le=0xFFFF)] | None = None
    soc_bp: Annotated[int, Field(ge=0, le=10_000)]


class Moment(_Order):
    """A moment of the profiles' weeks (`dd.mm.yyyy hh:mm`), or an hour of the present day."""

    time: str | None = None
    time_of_day: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = None


class Grid(_Order):
    """Whether the main grid has voltage."""

    present: bool


class Tie(_Order):
    """What the neighbouring microgrid draws over the tie; negative: what it gives."""

    power_w: Annotated[int, Field(ge=-10_000_000, le=10_000_000)]


class LinkFaults(_Order):
    """Faults of one node's link, or of all; what is left out stays as it is."""

    node: int | Literal["all"]
    down: bool | None = None
    loss_pm: PerMille | None = None
    duplicate_pm: PerMille | None = None
    reorder_pm: PerMille | None = None


class Radio(_Order):
    """Whether anything passes by ESP-NOW between two nodes; or, for all, whether it is jammed."""

    a: int | None = None
    b: int | None = None
    cut: bool | None = None
    jam: bool | None = None


class Clock(_Order):
    """How far a node's clock is ahead of the wall clock."""

    node: int
    offset_s: int


class Tamper(_Order):
    """A node's lid is opened."""

    node: int


class CarMoves(_Order):
    """A car comes now and stays for so many simulated minutes (null: as long as it likes to), or
    leaves now. `soc_bp`: what its battery then holds."""

    name: str
    here: bool
    minutes: Annotated[int, Field(gt=0, le=10_080)] | None = None
    soc_bp: Annotated[int, Field(ge=0, le=10_000)] | None = None


class ChargerLine(_Order):
    """The line of a charge point to the charging service."""

    name: str
    down: bool


class _RefusedError(ValueError):
    """`args`: field, message."""


_Model = TypeVar("_Model", bound=_Order)
_Said = dict[str, object] | None
_Act = Callable[[_Model], _Said | Awaitable[_Said]]


class Control:
    """The port's handlers."""

    def __init__(self, neighbourhood: Neighbourhood) -> None:
        self._n = neighbourhood

    async def serve(self, port: int) -> web.AppRunner:
        """Listens on loopback `port`; the caller cleans the runner up.

        Raises:
            OSError: somebody else listens there.
        """
        app = web.Application()
        app.router.add_get("/state", self._state)
        app.router.add_get("/field", self._field_state)
        _accept(app, "/radio", Radio, self._radio)
        _accept(app, "/load", Load, self._load)
        _accept(app, "/battery", Charge, self._charge)
        _accept(app, "/time", Moment, self._moment)
        _accept(app, "/grid", Grid, self._grid)
        _accept(app, "/tie", Tie, self._tie)
        _accept(app, "/link", LinkFaults, self._link)
        _accept(app, "/clock", Clock, self._clock)
        _accept(app, "/tamper", Tamper, self._tamper)
        _accept(app, "/car", CarMoves, self._car)
        _accept(app, "/charger", ChargerLine, self._charger)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        return runner

    async def _field_state(self, _request: web.Request) -> web.Response:
        field = self._n.field
        return web.json_response(field.described() if field else {"nodes": [], "links": []})

    async def _state(self, _request: web.Request) -> web.Response:
        return web.json_response(self.state())

    def state(self) -> dict[str, Any]:
        """The truth: what flows, and every node's own registers."""
        world = self._n.world
        index = world.at_ms // 900_000 % len(world.profiles.times)
        return {
            "simulated_time": world.profiles.times[index],
            "simulated_ms": world.at_ms,
            "factor": self._n.factor,
            "soc_bp": world.soc_bp,
            "batteries": {
                str(one.id): {"node": one.node, "soc_bp": world.soc_bp_of(one.node)}
                for one in self._n.plan.batteries
            },
            "grid_present": world.grid_present,
            "dark": world.dark,
            "cars": {car.plan.name: _car_state(car) for car in self._n.fleet.garage.cars},
            "chargers": {
                name: {
                    "connected": charger.connected,
                    "power_w": charger.station.power_w,
                    "mode": charger.station.mode,
                }
                for name, charger in self._n.fleet.chargers.items()
            },
            "nodes": {str(node_id): self._node(meter) for node_id, meter in self._n.meters.items()}
            | {str(n): self._field_node(f) for n, f in self._field().items()}
            | {str(n): self._uno_node(u) for n, u in self._n.unos.items()},
        }

    def _field(self) -> dict[int, FieldNode]:
        return self._n.field.nodes if self._n.field else {}

    def _field_node(self, found: FieldNode) -> dict[str, Any]:
        """A node on the radio: what is around it, and what its chips show."""
        node_id, flow = found.node.id, self._n.world.flows.get(found.node.id)
        return {
            "label": found.node.label,
            "kind": found.node.kind,
            "registers": dict(zip(_REGISTERS, found.registers(), strict=True)),
            "energy_wms": list(self._n.world.energy_wms[node_id]),
            "power_w": flow.into_node_w if flow else 0,
            "relays": found.relays(),
            "compiled": isinstance(found.board, WasmBoard),
            "starts": found.board.starts,
            "link": {"down": self._n.impairments[node_id].is_down},
        }

    def _uno_node(self, found: UnoNode) -> dict[str, Any]:
        """A node that runs the Uno's firmware: what is around it, and what it has counted."""
        node_id, flow = found.node.id, self._n.world.flows.get(found.node.id)
        wh = found.imported_wh or 0
        return {
            "label": found.node.label,
            "kind": found.node.kind,
            "registers": dict(zip(_REGISTERS, (0, wh, 0, wh, 0, 0), strict=True)),
            "energy_wms": list(self._n.world.energy_wms[node_id]),
            "power_w": flow.into_node_w if flow else 0,
            "relays": {"0": {"closed": found.is_closed}},
            "compiled": True,
            "starts": found.starts,
            "link": {"down": self._n.impairments[node_id].is_down},
        }

    def _node(self, meter: Meter) -> dict[str, Any]:
        firmware, node_id = meter.firmware, meter.node.id
        faults = self._n.impairments[node_id]
        flow = self._n.world.flows.get(node_id)
        return {
            "label": meter.node.label,
            "kind": meter.node.kind,
            "registers": {name: firmware.register_wh(i) for i, name in enumerate(_REGISTERS)},
            "energy_wms": list(firmware.energy_wms),
            "power_w": flow.into_node_w if flow else 0,
            "relays": {
                str(relay.pin): {
                    "closed": bool(relay.closed),
                    "commanded": bool(relay.commanded),
                    "tripped": bool(relay.tripped),
                    "cutoff_wh": relay.cutoff_wh,
                    "last_command_id": relay.last_id,
                }
                for relay in firmware.relays
            },
            "boot": firmware.boot,
            "sequence": firmware.outbox.sequence,
            "waiting": len(firmware.outbox),
            "dropped": firmware.outbox.dropped,
            "rejected": firmware.rejected,
            "fail_safe": firmware.fail_safe,
            "clock_set": firmware.clock_set,
            "clock_offset_ms": firmware.clock_offset_ms,
            "price": list(firmware.price),
            "link": {
                "up": meter.link_up,
                "down": faults.is_down,
                "loss_pm": faults.loss_pm,
                "duplicate_pm": faults.duplicate_pm,
                "reorder_pm": faults.reorder_pm,
            },
        }

    # ---- hands -----------------------------------------------------------------------------------

    def _meter(self, node: int) -> Meter:
        if node not in self._n.meters:
            raise _RefusedError(
                "node", f"{node} does not run here; choose of {sorted(self._n.meters)}"
            )
        return self._n.meters[node]

    def _load(self, order: Load) -> None:
        found = self._field().get(order.node) or self._n.unos.get(order.node)
        node = found.node if found else self._meter(order.node).node
        if node.kind not in ("consumer", "prosumer"):
            raise _RefusedError("node", f"{node.id} is a {node.kind}, which has no load")
        if order.power_w is None:
            self._n.world.forced_w.pop(node.id, None)
        else:
            self._n.world.forced_w[node.id] = order.power_w

    def _charge(self, order: Charge) -> None:
        world, batteries = self._n.world, self._n.plan.batteries
        chosen = [one for one in batteries if order.battery in (None, one.id)]
        if not chosen:
            known = ", ".join(str(one.id) for one in batteries)
            raise _RefusedError("battery", f"there is no battery {order.battery}: {known}")
        for battery in chosen:
            if world.cell and battery is self._n.plan.battery:
                world.cell.percent = order.soc_bp // 100
            else:
                self._n.set_charge(battery, order.soc_bp)

    def _moment(self, order: Moment) -> None:
        world = self._n.world
        if (order.time is None) == (order.time_of_day is None):
            raise _RefusedError("time", "give either time or time_of_day")
        if order.time is not None:
            try:
                world.set_time(world.profiles.offset_ms(order.time))
            except ValueError as error:
                raise _RefusedError("time", str(error)) from error
        elif order.time_of_day is not None:
            hours, minutes = map(int, order.time_of_day.split(":"))
            midnight = world.at_ms - world.time_of_day_ms
            world.set_time(midnight + (hours * 60 + minutes) * 60_000)

    def _grid(self, order: Grid) -> None:
        self._n.world.grid_present = order.present

    def _tie(self, order: Tie) -> dict[str, object]:
        if self._n.plan.tie is None:
            raise _RefusedError("power_w", "this neighbourhood has no tie")
        return self._n.draw_over_tie(order.power_w)

    def _link(self, order: LinkFaults) -> None:
        running = [*self._n.meters, *self._field(), *self._n.unos]
        chosen = running if order.node == "all" else [order.node]
        for node_id in chosen:
            if node_id not in running:
                self._meter(node_id)
            faults = self._n.impairments[node_id]
            if order.down is not None:
                faults.set_down(order.down)
            for name in ("loss_pm", "duplicate_pm", "reorder_pm"):
                value = getattr(order, name)
                if value is not None:
                    setattr(faults, name, value)

    def _radio(self, order: Radio) -> None:
        if self._n.field is None:
            raise _RefusedError("a", "no node runs on a radio here")
        if order.jam is not None:
            self._n.field.jam(order.jam)
            return
        if order.a is None or order.b is None or order.cut is None:
            raise _RefusedError("a", "give two nodes as a and b, and cut; or jam alone")
        if order.a == order.b:
            raise _RefusedError("b", "a link has two ends: name another node")
        try:
            self._n.field.cut(order.a, order.b, order.cut)
        except KeyError as error:
            raise _RefusedError("a", f"node {error.args[0]} has no radio") from error

    def _clock(self, order: Clock) -> None:
        self._meter(order.node).firmware.clock_offset_ms = order.offset_s * 1000

    def _car(self, order: CarMoves) -> None:
        garage, world = self._n.fleet.garage, self._n.world
        car = next((car for car in garage.cars if car.plan.name == order.name), None)
        if car is None:
            names = ", ".join(car.plan.name for car in garage.cars) or "none runs here"
            raise _RefusedError("name", f"there is no {order.name}: {names}")
        if order.here == (car.charger is not None):
            raise _RefusedError("here", f"{order.name} is {'' if order.here else 'not '}here")
        if not order.here:
            garage.leave(car, world.at_ms, world.rtc_ms)
        elif not garage.come(car, world.at_ms, order.minutes or 7 * 1440, world.rtc_ms):
            raise _RefusedError("name", f"no charge point of {order.name} is free")
        if order.soc_bp is not None:
            car.battery.stored_wms = car.battery.capacity_wms * order.soc_bp // 10_000

    async def _charger(self, order: ChargerLine) -> None:
        charger = self._n.fleet.chargers.get(order.name)
        if charger is None:
            raise _RefusedError("name", f"there is no charge point {order.name} here")
        charger.link_down = order.down
        if order.down:
            await charger.drop()

    def _tamper(self, order: Tamper) -> None:
        self._meter(order.node).tamper()


def _car_state(car: Car) -> dict[str, Any]:
    return {
        "token": car.plan.token,
        "sent_for": car.plan.user is None,
        "charger": car.charger,
        "soc_bp": car.battery.soc_bp,
        "health_ppm": car.battery.health_ppm,
        "arrives_ms": car.visit.arrives_ms,
        "leaves_ms": car.visit.leaves_ms,
    }


def _accept(
    app: web.Application,
    path: str,
    model: type[_Model],
    act: _Act[_Model],
) -> None:
    app.router.add_post(path, functools.partial(_handle, model, act))


async def _handle(
    model: type[_Model],
    act: _Act[_Model],
    request: web.Request,
) -> web.Response:
    """Checks the body, acts, answers what there is to say or an error that names the field.

    A web page cannot send JSON here without asking first, and nobody answers that question.
    """
    if request.content_type != "application/json":
        return _error(415, "content_type", "Content-Type", "send application/json")
    try:
        said = act(model.model_validate_json(await request.read()))
        if inspect.isawaitable(said):
            said = await said
    except ValidationError as error:
        problem = error.errors()[0]
        return _error(400, "bad_request", ".".join(map(str, problem["loc"])), problem["msg"])
    except _RefusedError as error:
        return _error(400, "bad_request", *error.args)
    return web.json_response(said or {})


def _error(status: int, code: str, field: str, message: str) -> web.Response:
    content = {"error": {"code": code, "field": field, "message": message}}
    return web.json_response(content, status=status)
