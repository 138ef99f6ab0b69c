"""What really flows in the simulated neighbourhood: homes, sun, banks and main grid, step by step.

Pure: time comes in as milliseconds of simulated time. Energy is counted in watt-milliseconds, so
that what is generated, stored and drawn balances exactly. The feeder is taken as lossless.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

from devices.simulator.battery import Bank, DemonstrationCell, percentage
from devices.simulator.dispatch import Limits, Supply, dispatch, shared
from devices.simulator.plan import Node, Plan
from devices.simulator.profiles import Profiles

WMS_PER_WH: Final = 3_600_000
"""Watt-milliseconds in a watt-hour."""

_DAY_MS: Final = 86_400_000
_AMBIENT_DC: Final = 280
_NOMINAL_DV: Final = 2300
_LOAD_FACTOR_PM: Final = 970
_INVERTER_FACTOR_PM: Final = 1000


@dataclass(slots=True)
class Flow:
    """Power at one node now, W, all >= 0: the six registers' rates."""

    generated: int = 0
    consumed: int = 0
    exported: int = 0
    imported: int = 0
    charged: int = 0
    discharged: int = 0

    @classmethod
    def behind_meter(cls, generated: int, consumed: int) -> Flow:
        """A house or plant: what it does not use itself passes the meter."""
        net = consumed - generated
        return cls(generated, consumed, exported=max(0, -net), imported=max(0, net))

    @property
    def into_node_w(self) -> int:
        """Active power into the node; negative flows out."""
        return self.imported + self.charged - self.exported - self.discharged

    def lanes(self) -> tuple[int, int, int, int, int, int]:
        """The rates in the order of the registers."""
        return (
            self.generated, self.consumed, self.exported,
            self.imported, self.charged, self.discharged,
        )  # fmt: skip


class _Ability(NamedTuple):
    """One bank's part of `dispatch.Limits`, W."""

    discharge_w: int
    charge_w: int
    spare_w: int
    top_up_w: int


class Socket(Protocol):
    """What hangs behind a charge point's meter. Powers in W, positive into it."""

    def wanted_w(self, now_ms: int, dt_ms: int) -> int:
        """What it will draw for `dt_ms`, if there is voltage."""

    def step(self, power_w: int, now_ms: int, dt_ms: int) -> None:
        """This much flows for `dt_ms`."""


@dataclass(slots=True)
class World:
    """The physical state; `step` moves it on, meters read `flows`.

    Attributes:
        at_ms: simulated time since the profiles' first row.
        closed: contact in front of a node, where it has one.
        forced_w: a load that somebody set by hand in place of the profile.
        banks: by the battery's node.
        lived_ms: how long things have flowed; what moves the time of day does not count.
        dark: the neighbourhood is cut off from the main grid and the banks cannot carry it.
        energy_wms: what has flowed since the world began, by node and register.
        cell: the tabletop battery in place of the first bank: it shows a charge; no bank moves
            energy then.
        tie_w: what the neighbouring microgrid draws over the tie; negative: what it gives.
        sockets: charge points, by their meters.
        rtc_ms: the wall clock, by which charge points live.
    """

    plan: Plan
    profiles: Profiles
    banks: dict[int, Bank]
    at_ms: int
    lived_ms: int = 0
    grid_present: bool = True
    dark: bool = False
    closed: dict[int, bool] = field(default_factory=dict)
    forced_w: dict[int, int] = field(default_factory=dict)
    flows: dict[int, Flow] = field(default_factory=dict)
    energy_wms: dict[int, list[int]] = field(default_factory=dict)
    cell: DemonstrationCell | None = None
    tie_w: int = 0
    sockets: dict[int, Socket] = field(default_factory=dict)
    rtc_ms: int = 0

    def __post_init__(self) -> None:
        for node in self.plan.nodes:
            if relay := node.relay:
                self.closed.setdefault(node.id, not relay.on_request)
            self.energy_wms.setdefault(node.id, [0] * 6)
        self.flows = self._balance(1)

    @classmethod
    def at_start(cls, plan: Plan, profiles: Profiles) -> World:
        """The world at the plan's first moment."""
        return cls(plan, profiles, banks_of(plan), profiles.offset_ms(plan.start.time))

    @property
    def bank(self) -> Bank:
        """The first battery's."""
        return self.banks[self.plan.battery.node]

    @property
    def time_of_day_ms(self) -> int:
        """Simulated time since midnight."""
        return self.at_ms % _DAY_MS

    def step(self, dt_ms: int) -> None:
        """Lets everything flow for `dt_ms` of simulated time at the powers of its beginning."""
        self.flows = self._balance(dt_ms)
        for node_id, flow in self.flows.items():
            total = self.energy_wms[node_id]
            for lane, power_w in enumerate(flow.lanes()):
                total[lane] += power_w * dt_ms
        for node_id, socket in self.sockets.items():
            socket.step(self.flows[node_id].into_node_w, self.rtc_ms, dt_ms)
        for node_id, bank in self.banks.items():
            flow = self.flows[node_id]
            bank.step(flow.discharged - flow.charged, dt_ms)
        self.at_ms += dt_ms
        self.lived_ms += dt_ms

    def set_time(self, at_ms: int) -> None:
        """Moves the sun and everybody's habits to another moment; nothing flows meanwhile."""
        self.at_ms = at_ms
        self.flows = self._balance(1)

    # ---- what sensors see ------------------------------------------------------------------------

    def voltage_dv(self, node_id: int) -> int:
        """RMS voltage at a node, 0.1 V, sagging a little with its current; the bank's is DC."""
        if bank := self.banks.get(node_id):
            cell = self._cell_at(node_id)
            return cell.sensed_mv // 100 if cell else bank.terminal_mv // 100
        if self.dark:
            return 0
        return _NOMINAL_DV - self._flow(node_id).into_node_w // 200

    @property
    def soc_bp(self) -> int:
        """True state of charge of the first battery, 0.01 %."""
        return self.soc_bp_of(self.plan.battery.node)

    def soc_bp_of(self, node_id: int) -> int:
        """True state of charge of a battery, by its node, 0.01 %."""
        cell = self._cell_at(node_id)
        return percentage(cell.sensed_mv) * 100 if cell else self.banks[node_id].soc_bp

    def _cell_at(self, node_id: int) -> DemonstrationCell | None:
        return self.cell if node_id == self.plan.battery.node else None

    def power_factor_pm(self, node_id: int) -> int:
        """Per mille; negative while power flows out of the node."""
        flow = self._flow(node_id)
        factor = _LOAD_FACTOR_PM if flow.consumed else _INVERTER_FACTOR_PM
        return factor if flow.into_node_w >= 0 else -factor

    def current_ma(self, node_id: int) -> int:
        """RMS current at a node; the bank's is DC."""
        if bank := self.banks.get(node_id):
            return abs(bank.current_ma)
        voltage_dv = self.voltage_dv(node_id)
        if voltage_dv == 0:
            return 0
        apparent_mva = abs(self._flow(node_id).into_node_w) * 1_000_000
        return apparent_mva * 10 // (voltage_dv * abs(self.power_factor_pm(node_id)))

    def temperature_dc(self, node_id: int) -> int:
        """0.1 degree Celsius: ambient, and the bank's own heat."""
        bank = self.banks.get(node_id)
        return _AMBIENT_DC + (bank.temperature_mk // 100 if bank else 0)

    def _flow(self, node_id: int) -> Flow:
        return self.flows.get(node_id) or Flow()

    # ---- balance of the moment -------------------------------------------------------------------

    def _balance(self, dt_ms: int) -> dict[int, Flow]:
        flows = {
            node.id: self._flow_of(node)
            for node in self.plan.nodes
            if node.kind in ("consumer", "prosumer", "der")
        }
        flows |= self._socket_flows(dt_ms)
        tie_w = self.tie_w if self.plan.tie else 0
        deficit_w = tie_w + sum(flow.into_node_w for flow in flows.values())
        can = self._abilities(dt_ms)
        supply = dispatch(deficit_w, self._limits(can))
        self.dark = supply.dark
        if supply.dark:
            flows, tie_w = {node_id: Flow() for node_id in flows}, 0
        elif supply.curtailed_w:
            flows = _curtailed(flows, supply.curtailed_w)
        if self.plan.tie:
            flows[self.plan.tie.node] = Flow(imported=max(0, -tie_w), exported=max(0, tie_w))
        return flows | self._supply_flows(supply, can)

    def _socket_flows(self, dt_ms: int) -> dict[int, Flow]:
        flows = {node.id: Flow() for node in self.plan.nodes if node.kind == "ev"}
        for node_id, socket in self.sockets.items():
            power_w = socket.wanted_w(self.rtc_ms, dt_ms)
            flows[node_id] = Flow(charged=max(0, power_w), discharged=max(0, -power_w))
        return flows

    def _supply_flows(self, supply: Supply, can: Sequence[_Ability]) -> dict[int, Flow]:
        """The banks' and the main grid's. A bank that tops up takes before the others."""
        bank_w, grid_w = supply.bank_w, supply.grid_w
        given = shared(max(0, bank_w), [a.spare_w for a in can], [a.discharge_w for a in can])
        taken = shared(max(0, -bank_w), [a.top_up_w for a in can], [a.charge_w for a in can])
        flows = {
            battery.node: Flow(charged=into_w, discharged=out_w)
            for battery, into_w, out_w in zip(self.plan.batteries, taken, given, strict=True)
        }
        flows[self.plan.grid.node] = Flow(imported=max(0, grid_w), exported=max(0, -grid_w))
        return flows

    def _abilities(self, dt_ms: int) -> list[_Ability]:
        """What each bank can do in this step, in the plan's order."""
        cheap, found = self.plan.grid.is_cheap(self.time_of_day_ms), []
        for battery in self.plan.batteries:
            bank, most_w = self.banks[battery.node], 0 if self.cell else battery.max_power_w
            discharge_w = min(most_w, bank.most_discharge_w(dt_ms))
            charge_w = min(most_w, bank.most_charge_w(dt_ms))
            tops_up = cheap and bank.soc_bp < battery.night_target_bp
            spare_w = discharge_w if bank.soc_bp > battery.reserve_bp and not tops_up else 0
            found.append(_Ability(discharge_w, charge_w, spare_w, charge_w if tops_up else 0))
        return found

    def _limits(self, can: Sequence[_Ability]) -> Limits:
        return Limits(
            discharge_w=sum(a.discharge_w for a in can),
            charge_w=sum(a.charge_w for a in can),
            contract_w=self.plan.grid.contract_w,
            spare_w=sum(a.spare_w for a in can),
            top_up_w=sum(a.top_up_w for a in can),
            grid_present=self.grid_present,
        )

    def _flow_of(self, node: Node) -> Flow:
        """A contact sits in the load circuit: a suspended roof goes on generating and exporting."""
        closed = self.closed.get(node.id, True)
        consumed = self._power_w(node, generation=False) if closed else 0
        return Flow.behind_meter(self._power_w(node, generation=True), consumed)

    def _power_w(self, node: Node, *, generation: bool) -> int:
        if not generation and node.id in self.forced_w:
            return self.forced_w[node.id]
        curve = node.pv if generation else node.load
        if curve is None:
            return 0
        return self.profiles.power_w(curve.profile, curve.peak_w, self.at_ms, curve.shift_slots)


def banks_of(plan: Plan, soc_bp: int | None = None) -> dict[int, Bank]:
    """A plan's banks by node, charged as it says, or all to `soc_bp`."""
    return {
        one.node: Bank.of_energy(
            one.capacity_wh, one.soc_bp if soc_bp is None else soc_bp, one.efficiency_pm
        )
        for one in plan.batteries
    }


def _curtailed(flows: dict[int, Flow], surplus_w: int) -> dict[int, Flow]:
    """The flows with `surplus_w` less: cars give less back, then the nodes in order generate less,
    as far as they export."""
    reduced = {}
    for node_id, flow in flows.items():
        if flow.discharged:
            less_w = min(surplus_w, flow.discharged)
            surplus_w -= less_w
            reduced[node_id] = Flow(discharged=flow.discharged - less_w)
    for node_id, flow in flows.items():
        if node_id in reduced:
            continue
        if not flow.exported:
            reduced[node_id] = flow
            continue
        less_w = min(surplus_w, flow.exported)
        surplus_w -= less_w
        reduced[node_id] = Flow.behind_meter(flow.generated - less_w, flow.consumed)
    return reduced
