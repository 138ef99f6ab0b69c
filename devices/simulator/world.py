"""What really flows in the simulated neighbourhood: homes, sun, bank and main grid, step by step.

Pure: time comes in as milliseconds of simulated time. Energy is counted in watt-milliseconds, so
that what is generated, stored and drawn balances exactly. The feeder is taken as lossless.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from devices.simulator.battery import Bank
from devices.simulator.plan import Node, Plan
from devices.simulator.profiles import Profiles

WMS_PER_WH: Final = 3_600_000
"""Watt-milliseconds in a watt-hour."""

_AMBIENT_DC: Final = 280
_NOMINAL_DV: Final = 2300


@dataclass(slots=True)
class Flow:
    """Power at one node now, W, all >= 0: the six registers' rates."""

    generated: int = 0
    consumed: int = 0
    exported: int = 0
    imported: int = 0
    charged: int = 0
    discharged: int = 0

    @property
    def into_node_w(self) -> int:
        """Active power into the node; negative flows out."""
        return self.imported + self.charged - self.exported - self.discharged


@dataclass(slots=True)
class World:
    """The physical state; `step` moves it on, meters read `flows`.

    Attributes:
        at_ms: simulated time since the profiles' first row.
        closed: contact in front of a node, where it has one.
        forced_w: a load that somebody set by hand in place of the profile.
        energy_wms: what has flowed since the world began, by node and register.
    """

    plan: Plan
    profiles: Profiles
    bank: Bank
    at_ms: int
    grid_present: bool = True
    closed: dict[int, bool] = field(default_factory=dict)
    forced_w: dict[int, int] = field(default_factory=dict)
    flows: dict[int, Flow] = field(default_factory=dict)
    energy_wms: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.plan.nodes:
            if relay := node.relay:
                self.closed.setdefault(node.id, not relay.on_request)
        self.flows = self._flows_now()

    @classmethod
    def at_start(cls, plan: Plan, profiles: Profiles) -> World:
        """The world at the plan's first moment."""
        battery = plan.battery
        bank = Bank.of_energy(battery.capacity_wh, plan.start.soc_bp, battery.efficiency_pm)
        return cls(plan, profiles, bank, profiles.offset_ms(plan.start.time))

    def step(self, dt_ms: int) -> None:
        """Lets everything flow for `dt_ms` of simulated time at the powers of its beginning."""
        self.flows = self._flows_now()
        for node_id, flow in self.flows.items():
            total = self.energy_wms.setdefault(node_id, [0] * 6)
            for lane, power_w in enumerate(
                (flow.generated, flow.consumed, flow.exported,
                 flow.imported, flow.charged, flow.discharged)
            ):  # fmt: skip
                total[lane] += power_w * dt_ms
        bank = self.flows[self.plan.battery.node]
        self.bank.step(bank.discharged - bank.charged, dt_ms)
        self.at_ms += dt_ms

    def voltage_dv(self, node_id: int) -> int:
        """RMS voltage at a node, 0.1 V: drops a little along the feeder with what flows."""
        flow = self.flows.get(node_id, Flow())
        if node_id == self.plan.battery.node:
            return self.bank.terminal_mv // 100
        return _NOMINAL_DV - flow.into_node_w // 200

    def temperature_dc(self, node_id: int) -> int:
        """0.1 degree Celsius: ambient, and the bank's own heat."""
        own = self.bank.temperature_mk // 100 if node_id == self.plan.battery.node else 0
        return _AMBIENT_DC + own

    # ---- balance of the moment -------------------------------------------------------------------

    def _flows_now(self) -> dict[int, Flow]:
        flows = {
            node.id: self._flow_of(node)
            for node in self.plan.nodes
            if node.kind in ("consumer", "prosumer", "der")
        }
        deficit = sum(flow.imported - flow.exported for flow in flows.values())
        stored = self._bank_power(deficit)
        flows[self.plan.battery.node] = Flow(charged=max(0, -stored), discharged=max(0, stored))
        rest = deficit - stored
        flows[self.plan.grid.node] = Flow(imported=max(0, rest), exported=max(0, -rest))
        return flows

    def _flow_of(self, node: Node) -> Flow:
        generated = self._curve(node, generation=True)
        connected = self.closed.get(node.id, True)
        consumed = self._curve(node, generation=False) if connected else 0
        if not connected:
            generated = 0  # the inverter of a house cut off from the feeder switches off
        net = consumed - generated
        return Flow(
            generated=generated,
            consumed=consumed,
            exported=max(0, -net),
            imported=max(0, net),
        )

    def _curve(self, node: Node, *, generation: bool) -> int:
        curve = node.pv if generation else node.load
        if not generation and node.id in self.forced_w:
            return self.forced_w[node.id]
        if curve is None:
            return 0
        return self.profiles.power_w(curve.profile, curve.peak_w, self.at_ms, curve.shift_slots)

    def _bank_power(self, deficit_w: int) -> int:
        """The bank serves first, down to its reserve; it takes what is left until it is full."""
        battery = self.plan.battery
        if deficit_w > 0:
            usable = self.bank.soc_bp > battery.reserve_bp or not self.grid_present
            return min(deficit_w, battery.max_power_w) if usable and self.bank.soc_bp > 0 else 0
        if self.bank.soc_bp >= 10_000:
            return 0
        return max(deficit_w, -battery.max_power_w)
