"""`python -m devices.simulator` as a process: its end, its death, its mistakes."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from field_gateway import Gateway
from simulated import PLAN, key_of

ROOT = Path(__file__).parents[2]


def command(home: Path, gateway: str, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "devices.simulator", "--home", str(home), "--gateway", gateway,
        "--reading-seconds", "0.05", *more,
    ]  # fmt: skip


@asynccontextmanager
async def process(
    home: Path, gateway: str, *more: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    started = await asyncio.create_subprocess_exec(
        *command(home, gateway, *more), cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield started
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()


def make_gateway() -> Gateway:
    return Gateway({node.id: key_of(node.id) for node in PLAN.nodes})


def test_sigterm_ends_it_in_good_order(home: Path) -> None:
    async def scenario() -> None:
        gateway = make_gateway()
        async with gateway.serving(), process(home, gateway.url) as p:
            metering = [node.id for node in PLAN.nodes if node.kind != "board"]
            metering.remove(12)  # nobody reads its line
            await gateway.until(lambda: all(gateway.nodes[n].readings for n in metering))
            p.send_signal(signal.SIGTERM)
            assert await p.wait() == 0
            assert p.stdout is not None
            lines = (await p.stdout.read()).decode().splitlines()
            count = len(PLAN.nodes)
            told = f"{count} nodes run, 2 behind a serial line and 0 behind a broker; factor 60"
            assert told in lines[0]
            assert lines[-1].endswith("stopped")
            assert len(lines) < 10  # events, not frames
            assert not (home / "node12.tty").is_symlink()

    asyncio.run(scenario())


def test_a_killed_node_never_goes_back(home: Path) -> None:
    async def scenario() -> None:
        gateway, rng = make_gateway(), random.Random(5)
        async with gateway.serving():
            house = gateway.nodes[4]
            for boot in range(1, 6):
                async with process(home, gateway.url, "--nodes", "4") as p:
                    await gateway.until(
                        lambda boot=boot: house.readings and house.readings[-1].boot == boot, 20
                    )
                    await asyncio.sleep(rng.random() * 0.2)
                    p.kill()
                    await p.wait()
            assert [reading.boot for reading in house.readings][-1] == 5
            assert gateway.seen["quarantined_backward"] == 0
            assert gateway.seen["reordered"] == 0

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nodes", "99"], "--nodes: 99: not in the plan"),
        (["--nodes", "x"], "give node numbers with commas between"),
        (["--slot-seconds", "0"], "'0' is not a number of seconds"),
        (["--control", "99999"], "--control 99999"),
        (["--plan", "/nowhere.toml"], "No such file"),
    ],
)
def test_mistakes_end_it_with_one_line(home: Path, arguments: list[str], message: str) -> None:
    done = subprocess.run(
        command(home, "http://127.0.0.1:1", *arguments), cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
