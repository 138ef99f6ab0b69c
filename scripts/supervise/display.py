"""What `make run` shows: progress while starting, then the microgrid at a glance."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

_BAR_CELLS = 24


class Display:
    """Lines while the parts come up; then, on a terminal, a summary redrawn in place.

    Without a terminal (a log, a pipe) one line per committed slot takes the summary's place.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._console = Console(file=stream or sys.stdout, highlight=False, soft_wrap=True)
        self._began = time.monotonic()
        self._live: Live | None = None
        self._last_slot: int | None = None

    @property
    def in_place(self) -> bool:
        """True if the summary is redrawn in place."""
        return self._console.is_terminal

    def step(self, name: str, what: str) -> None:
        """One line of progress with the time since the start."""
        elapsed = time.monotonic() - self._began
        self._console.print(f"[dim]{elapsed:5.1f} s[/]  [bold]{name:<14}[/] {what}")

    def say(self, line: str) -> None:
        """A line for the person; above the summary if that is shown."""
        self._console.print(line, markup=False)

    def show(self, heading: Sequence[str], summary: Mapping[str, Any] | None) -> None:
        """Redraws the summary, or prints a line when a new slot is on chain.

        Args:
            heading: lines that stay on top: the address, what to try.
            summary: the answer of `GET /api/summary`; None while the service does not answer.
        """
        if not self.in_place:
            if summary and (line := self._new_slot(summary)):
                self.say(line)
            return
        body = describe(summary) if summary else Text("the service does not answer", "yellow")
        picture = Group(*(Text(line, "bold") for line in heading), Text(), body)
        if self._live is None:
            self._live = Live(picture, console=self._console, refresh_per_second=4, transient=True)
            self._live.start(refresh=True)
        else:
            self._live.update(picture)

    def close(self) -> None:
        """Ends the redrawing, so that further lines follow each other."""
        if self._live:
            self._live.stop()
            self._live = None

    def _new_slot(self, summary: Mapping[str, Any]) -> str | None:
        latest = summary.get("latest_slot")
        if not latest or latest["slot"] == self._last_slot:
            return None
        self._last_slot = latest["slot"]
        return slot_line(summary)


def slot_line(summary: Mapping[str, Any]) -> str:
    """One line per slot for logs."""
    latest, counts = summary["latest_slot"], summary["counts"]
    closed = [relay["label"] for relay in summary["relays"] if relay["acknowledged_closed"]]
    return (
        f"slot {latest['slot']}  {latest['condition']:<8} {latest['balance_wh']:+7d} Wh"
        f"  battery {percent(summary.get('soc_bp'))}  settled {counts['settlements']}"
        f"  sheds {counts['sheds']}  acknowledged {counts['acknowledgements']}"
        f"  relays closed {len(closed)}/{len(summary['relays'])}"
    )


def describe(summary: Mapping[str, Any]) -> Group:
    """The whole picture: battery, flows, prices, the last slot, relays."""
    return Group(_figures(summary), Text(), _relays(summary["relays"]))


def _figures(summary: Mapping[str, Any]) -> Table:
    power, price, counts = summary["power_w"], summary["price"], summary["counts"]
    latest = summary.get("latest_slot")
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", min_width=12)
    table.add_column()
    soc, exported = summary.get("soc_bp"), power["prosumer_export"]
    table.add_row(
        "battery", f"{bar(soc)} {percent(soc)}  {flow(power['battery'], 'gives', 'takes')}"
    )
    table.add_row("sun", f"{watts(power['solar'])}, homes feed in {watts(exported)}")
    table.add_row("grid", flow(power["grid"], "gives", "takes"))
    table.add_row("consumption", watts(power["consumption"]))
    if price:
        table.add_row(
            "price",
            f"buy Rs {price['buy_micro_inr_per_kwh'] / 1e6:.2f}, "
            f"sell Rs {price['sell_micro_inr_per_kwh'] / 1e6:.2f} per kWh",
        )
    progress = round(100 * float(summary.get("slot_progress") or 0))
    table.add_row("this slot", f"{summary['current_slot']}, {progress} % over")
    if latest:
        line = f"{latest['slot']}, {latest['condition']}, {latest['balance_wh']:+d} Wh"
        table.add_row("last slot", f"{line}, {latest['leaf_count']} meters, {latest['state']}")
    table.add_row(
        "so far",
        f"{counts['slots_committed']} slots, {counts['readings']} readings, "
        f"{counts['settlements']} settlements, shed {counts['sheds']} times, "
        f"{counts['acknowledgements']} acknowledgements",
    )
    return table


def _relays(relays: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("relay", "contact", "because", "sheds at"):
        table.add_column(column)
    for relay in relays:
        closed = relay["acknowledged_closed"]
        contact = Text("closed" if closed else "open", "green" if closed else "red")
        if relay.get("pending"):
            contact.append(" (on its way)", "yellow")
        threshold = relay.get("threshold_bps")
        critical = " (critical)" if relay.get("critical") else ""
        table.add_row(
            f"{relay['label']}{critical}",
            contact,
            str(relay.get("reason") or "").replace("_", " "),
            percent(threshold) if threshold is not None else "",
        )
    return table


def bar(soc_bp: int | None) -> str:
    """A battery gauge from hundredths of a percent."""
    full = round(_BAR_CELLS * (soc_bp or 0) / 10_000)
    return "█" * full + "░" * (_BAR_CELLS - full)


def percent(basis_points: int | None) -> str:
    """'74.2 %' from 7420; 'unknown' from None."""
    return "unknown" if basis_points is None else f"{basis_points / 100:.1f} %"


def watts(power_w: int | None) -> str:
    """'850 W', '2.3 kW'."""
    if power_w is None:
        return "unknown"
    return f"{power_w} W" if abs(power_w) < 1000 else f"{power_w / 1000:.1f} kW"


def flow(power_w: int | None, positive: str, negative: str) -> str:
    """'gives 2.3 kW', 'takes 850 W', 'at rest'."""
    if power_w is None:
        return "unknown"
    if power_w == 0:
        return "at rest"
    return f"{positive if power_w > 0 else negative} {watts(abs(power_w))}"
