"""The charging service as a process: its command line, its death, its end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from charging_kit import Point, basic, iso
from websockets.sync.client import connect

from backend.charging.__main__ import main
from backend.charging.writer import Writer
from backend.telemetry.chain_tables import cursors
from backend.telemetry.store import Store

T0 = 1_795_276_800_000


Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Command:
    """Exit status, output and errors of a command line, without a process of its own."""
    monkeypatch.setenv("OHMSTEAD_HOME", str(tmp_path))

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["charging", *arguments])
        status = main()
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def serving(home: Path) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "backend.charging"],
        env=os.environ | {"OHMSTEAD_HOME": str(home), "OHMSTEAD_CHARGING_PORT": "0"},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    return process, process.stdout.readline().split()[-1]


def begin(url: str, password: str) -> int:
    with connect(
        url + "CP1", subprotocols=["ocpp1.6"], additional_headers=basic("CP1", password),  # type: ignore[list-item]
        close_timeout=1,
    ) as socket:  # fmt: skip
        body = {"connectorId": 1, "idTag": "any", "meterStart": 5, "timestamp": iso(T0)}
        return int(Point(socket).call("StartTransaction", body)["transactionId"])


def test_a_charge_point_is_added_and_its_session_outlives_the_service(
    tmp_path: Path, command: Command
) -> None:
    status, added, _ = command("add", "CP1", "--meter", "61", "--charge-w", "7400", "--open")
    assert status == 0
    password = added.split()[-1]
    process, url = serving(tmp_path)
    number = begin(url, password)
    process.kill()  # whatever it was doing: the session was answered, so it is on disk
    process.wait()
    process, url = serving(tmp_path)
    assert begin(url, password) == number
    assert "CP1" in command("list")[1]
    assert command("remove", "CP1")[0] == 0
    assert command("remove", "CP9") == (
        1, "", "CP9 is not registered: `list` shows who is\n",
    )  # fmt: skip
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_a_wrong_setting_is_one_line(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OHMSTEAD_CHARGING_TLS_KEY", "x.pem")
    status, _, error = command()
    assert status == 1
    assert error.startswith("OHMSTEAD_CHARGING_TLS_CERTIFICATE")
    assert len(error.splitlines()) == 1


def test_what_fails_does_not_take_others_with_it(store: Store) -> None:
    def put(name: str) -> object:
        def job(connection: sa.Connection) -> str:
            connection.execute(cursors.insert().values(name=name, block=0, block_hash="0x"))
            if name == "bad":
                raise RuntimeError(name)
            return name

        return job

    async def scenario() -> list[object]:
        writer = Writer(store)
        jobs = [writer.do(put(name)) for name in ("a", "bad", "b")]  # type: ignore[arg-type]
        results = asyncio.gather(*jobs, return_exceptions=True)
        await asyncio.sleep(0)  # all wait for one transaction
        running = asyncio.create_task(writer.run())
        found = await results
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return found

    first, failed, last = asyncio.run(scenario())
    assert (first, last) == ("a", "b")
    assert isinstance(failed, RuntimeError)
    with store.read() as connection:
        assert sorted(connection.execute(sa.select(cursors.c.name)).scalars()) == ["a", "b"]


def test_what_was_queued_is_written_at_the_end(store: Store) -> None:
    async def scenario() -> str:
        writer = Writer(store)
        running = asyncio.create_task(writer.run())
        waiting = asyncio.create_task(writer.do(lambda _: "done"))
        await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return await asyncio.wait_for(waiting, 5)

    assert asyncio.run(scenario()) == "done"
