"""Relay commands on their way to boards, and boards' answers on their way to the chain."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

import sqlalchemy as sa

from backend import signals
from backend.chain.context import ChainContext
from backend.chain.notices import announce
from backend.chain.rpc import NodeUnreachableError, RpcError
from backend.chain.types import SwitchState
from backend.ingest.frame import encode_command
from backend.ingest.frame_values import Ack, Command, Frame
from backend.telemetry import commands, nodes, outbox
from backend.telemetry.outbox import OutboxState
from backend.telemetry.store import Store

log = logging.getLogger(__name__)

REPORT_PRIORITY = 8
_MOST_REPORTS = 64
_LONGEST_HOLD_S = 300.0
_GAS = 60_000
_GAS_PER_REPORT = 40_000


class RelayDispatcher:
    """Hands out commands at least once, and reports what boards answered.

    Args:
        key_of: a node's frame key, or None
    """

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        key_of: Callable[[int], bytes | None],
        *,
        wake_sender: Callable[[], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._chain = chain
        self._key_of = key_of
        self._wake_sender = wake_sender
        self._now = now
        self._wake = threading.Event()
        self._hold_s = 0.0
        self._hold_until = 0.0
        self.last_error: str | None = None

    # ---- to the boards -------------------------------------------------------------------------

    def pending_frames(self, node_id: int) -> list[bytes]:
        """COMMAND frames for a board: the newest command of each relay that it has not answered.

        Each call makes new frames, with the next downlink sequence: a board that lost one must not
        take the next for a replay.
        """
        with self._store.read() as connection:
            waiting = commands.pending(connection, node_id)
        key = self._key_of(node_id) if waiting else None
        if key is None:
            return []
        time_s = int(self._now())
        frames = []
        with self._store.write() as connection:
            for command in waiting:
                boot, sequence = commands.next_downlink(connection, node_id, time_s)
                cutoff_wh = _cutoff_of_device(connection, command)
                body = Command(command.command_id, command.pin, command.closed, cutoff_wh, 0)
                frames.append(encode_command(node_id, boot, sequence, time_s, body, key))
            commands.count_offer(connection, [command.command_id for command in waiting])
        return frames

    # ---- from the boards -----------------------------------------------------------------------

    def on_ack(self, frame: Frame) -> None:
        """Stores a verified ACK that did not come through the ingest's own transaction."""
        body = frame.body
        if not isinstance(body, Ack):
            raise ValueError(f"a {frame.type.name} frame is no ACK")
        ack = commands.Ack(
            frame.node_id,
            body.command_id,
            body.pin,
            body.closed,
            int(body.result),
            body.imported_wh,
        )
        with self._store.write() as connection:
            command = commands.record_ack(connection, ack, int(self._now() * 1000))
        if command is not None:
            announce(signals.command_acknowledged, command_id=command.command_id, closed=ack.closed)

    def on_acknowledged(self, _sender: object, **_: object) -> None:
        """Makes the thread report now; connected to the ingest."""
        self._wake.set()

    # ---- to the chain --------------------------------------------------------------------------

    def wake(self) -> None:
        """Makes the thread look now."""
        self._wake.set()

    def run(self, stop: threading.Event) -> None:
        """Reports until `stop` is set; call `wake` after setting it."""
        while not stop.is_set():
            pause = 5.0
            try:
                self.report()
                self.last_error = None
            except (NodeUnreachableError, RpcError) as error:
                self.last_error, pause = str(error), 1.0
            self._wake.wait(pause)
            self._wake.clear()

    def report(self) -> int:
        """Writes what the chain does not know yet to the outbox; how many acknowledgements."""
        self._release_failed()
        with self._store.read() as connection:
            found = commands.unreported(connection)[:_MOST_REPORTS]
        if not found or self._now() < self._hold_until:
            return 0
        priority = self._chain.clients.priority
        states = self._chain.views.try_many(
            [priority.switch_state(command.switch_id) for command in found], max_age_s=0.0
        )
        wanted: list[commands.Command] = []
        for command, state in zip(found, states, strict=True):
            if isinstance(state, SwitchState):
                self._sort(command, state, wanted)
        if wanted:
            self._enqueue(wanted)
        return len(wanted)

    def _sort(
        self, command: commands.Command, state: SwitchState, wanted: list[commands.Command]
    ) -> None:
        """Takes a command into `wanted` if the chain would learn something from it."""
        if command.sequence > state.sequence:
            return  # the chain is an older one; it will catch up or issue another
        known = (state.acknowledged_sequence, state.acknowledged_closed)
        if known == (command.sequence, command.ack_closed):
            with self._store.write() as connection:
                commands.mark_reported(connection, command.command_id, bool(command.ack_closed))
        else:
            wanted.append(command)

    def _enqueue(self, found: Sequence[commands.Command]) -> None:
        call = self._chain.clients.priority.acknowledge(
            [command.switch_id for command in found],
            [command.sequence for command in found],
            [bool(command.ack_closed) for command in found],
        )
        now_ms = int(self._now() * 1000)
        with self._store.write() as connection:
            key = f"ack:{now_ms}:{found[0].command_id}"
            outbox.add(
                connection,
                key=key,
                sender=self._chain.relayer.address,
                target=call.target,
                data=call.data,
                gas=_GAS + _GAS_PER_REPORT * len(found),
                priority=REPORT_PRIORITY,
                now_ms=now_ms,
            )
            commands.set_report_key(connection, [c.command_id for c in found], key)
        self._wake_sender()

    def _release_failed(self) -> None:
        """Acknowledgements whose transaction failed are reported anew."""
        with self._store.read() as connection:
            failed = outbox.in_states(connection, (OutboxState.FAILED,), kind="ack")
        if failed:  # not again at once: whatever is wrong may stay wrong, and each try costs gas
            self._hold_s = min(max(2.0, 2 * self._hold_s), _LONGEST_HOLD_S)
            self._hold_until = self._now() + self._hold_s
            log.warning("acknowledgements were refused on chain: %s", failed[-1].error)
        for row in failed:
            with self._store.write() as connection:
                commands.release_reports(connection, row.key)
                outbox.update(connection, row.id, state=OutboxState.OBSOLETE.value)


def _cutoff_of_device(connection: sa.Connection, command: commands.Command) -> int:
    """The cut-off as the device counts; after a replacement it counts otherwise than the chain.

    At least 1 Wh: 0 would mean that it never cuts off.
    """
    if command.cutoff_wh == 0:
        return 0
    offset_wh = nodes.import_offset_wh(connection, command.switch_id)
    return max(1, command.cutoff_wh - offset_wh)
