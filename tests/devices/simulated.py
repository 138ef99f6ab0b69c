"""A provisioned home for the simulated nodes, and the neighbourhood against the test gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from field_gateway import Gateway

from devices.simulator.links import Impairments
from devices.simulator.neighbourhood import Neighbourhood, Settings, open_session
from devices.simulator.plan import load_plan

PLAN = load_plan()


def key_of(node_id: int) -> bytes:
    """Obviously for tests."""
    return node_id.to_bytes(4, "big") * 8


def provision(home: Path) -> None:
    for node in PLAN.nodes:
        (home / f"{node.id}.key").write_text(key_of(node.id).hex() + "\n")


def fast(home: Path, gateway: str, nodes: set[int] | None = None, **changes: Any) -> Settings:
    """Readings every 50 ms, a quarter of an hour in 15 s."""
    given = {
        "slot_seconds": 15.0, "reading_s": 0.05, "battery_reading_s": 0.05, "fail_safe_s": 60.0,
        "answer_s": 1.0, "nodes": frozenset(nodes) if nodes else None, **changes,
    }  # fmt: skip
    return Settings(home=home, gateway=gateway, **given)


@dataclass
class Running:
    """A neighbourhood that runs against a gateway."""

    neighbourhood: Neighbourhood
    gateway: Gateway

    def faults(self, node_id: int) -> Impairments:
        return self.neighbourhood.impairments[node_id]

    async def until(self, condition: Callable[[], Any], timeout_s: float = 120.0) -> None:
        """Waits for something within the simulation, which has no news to await."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def running(home: Path, nodes: set[int], **changes: Any) -> AsyncIterator[Running]:
    gateway = Gateway({node.id: key_of(node.id) for node in PLAN.nodes})
    async with gateway.serving(), neighbourhood(home, gateway, nodes, **changes) as n:
        yield Running(n, gateway)


@asynccontextmanager
async def neighbourhood(
    home: Path, gateway: Gateway, nodes: set[int], **changes: Any
) -> AsyncIterator[Neighbourhood]:
    async with open_session() as session:
        made = Neighbourhood(PLAN, fast(home, gateway.url, nodes, **changes), session)
        task = asyncio.create_task(made.run())
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.wait((task,))
            if not task.cancelled():
                task.result()
