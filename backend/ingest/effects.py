"""What an accepted frame that is no reading changes, in the transaction that accepts it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from backend import signals
from backend.ingest.fragments import Reassembler
from backend.ingest.frame import decode
from backend.ingest.frame_values import Ack, Event, Fragment, Frame, FrameError, Hello, Mesh, Result
from backend.ingest.frame_values import FrameType as Type
from backend.ingest.verify import Verdict
from backend.mesh import neighbours
from backend.mesh.receipts import KIND_RECEIPT, ReceiptError, read
from backend.telemetry import commands, mesh, nodes, routes
from backend.telemetry.node_tables import fragments

Send = Callable[..., None]


class Effects:
    """Collects the effects of one transaction's frames."""

    def __init__(self, connection: sa.Connection, now_ms: int) -> None:
        self._connection = connection
        self._now_ms = now_ms
        self._events: list[dict[str, Any]] = []
        self._answered: list[tuple[int, bool]] = []
        self._told: list[int] = []

    def apply(self, frame: Frame, verdict: Verdict) -> Verdict:
        """Does what the frame says; its verdict, which may become a refusal."""
        body = frame.body
        if isinstance(body, Fragment):
            return self._piece(frame, body, verdict)
        if isinstance(body, Ack):
            self._ack(frame.node_id, body)
        elif isinstance(body, Hello):
            self._hello(frame.node_id, body)
        elif isinstance(body, Mesh) and body.kind == KIND_RECEIPT:
            return self._receipt(frame, body, verdict)
        elif isinstance(body, Mesh):
            self._mesh(frame.node_id, body)
        elif isinstance(body, Event):
            self._events.append(
                {
                    "node_id": frame.node_id,
                    "kind": int(body.kind),
                    "pin": body.pin,
                    "value": body.value,
                    "measured_at": frame.time or self._now_ms // 1000,
                    "received_ms": self._now_ms,
                }
            )
        return verdict

    def write(self) -> None:
        """Puts what was collected into the transaction."""
        nodes.record_events(self._connection, self._events)

    def announce(self, sender: object, send: Send) -> None:
        """Tells of acknowledgements and of the field, after the commit."""
        for command_id, closed in self._answered:
            send(signals.command_acknowledged, sender, command_id=command_id, closed=closed)
        for node_id in self._told:
            send(signals.field_told, sender, node_id=node_id)

    def _ack(self, node_id: int, ack: Ack) -> None:
        said = commands.Ack(
            node_id, ack.command_id, ack.pin, ack.closed, int(ack.result), ack.imported_wh
        )
        command = commands.record_ack(self._connection, said, self._now_ms)
        if command is not None:
            self._answered.append((command.command_id, ack.closed))

    def _mesh(self, node_id: int, mesh: Mesh) -> None:
        report = neighbours.parse(mesh.content) if mesh.kind == neighbours.KIND else None
        if report is None:
            return
        self._told.append(node_id)
        told = {**asdict(report), "received_ms": self._now_ms}
        before = nodes.mesh_report(self._connection, node_id)
        if before is None or _step(before) != _step(told):
            self._reroute(node_id, told)
        nodes.record_mesh(self._connection, node_id, told)

    def _reroute(self, node_id: int, told: dict[str, Any]) -> None:
        """Notes whose way to the gateway changes by a node's word: its own, and those over it."""
        known = nodes.mesh_reports(self._connection)
        now = {**known, node_id: told}
        before, after = neighbours.whole_routes(known), neighbours.whole_routes(now)
        for other, report in now.items():
            change = after.get(other, []), before.get(other, [])
            if change[0] != change[1]:
                transport = report["transport"]
                routes.record(self._connection, other, *change, transport, self._now_ms)

    def _hello(self, node_id: int, hello: Hello) -> None:
        self._told.append(node_id)
        firmware = ".".join(map(str, hello.firmware))
        nodes.record_hello(
            self._connection,
            node_id,
            firmware,
            {
                "hardware": hello.hardware.name.lower(),
                "firmware": firmware,
                "capabilities": hello.capabilities,
                "reset_cause": hello.reset_cause.name.lower(),
                "uptime_s": hello.uptime_s,
                "spooled": hello.spooled,
                "at": self._now_ms // 1000,
            },
        )

    def _receipt(self, frame: Frame, body: Mesh, verdict: Verdict) -> Verdict:
        """Keeps what a node of a mesh session says of it; it is proven when it is cleared."""
        try:
            held = read(body.content)
        except ReceiptError as error:
            return Verdict(Result.MALFORMED, detail=str(error))
        session = held.session
        if frame.node_id not in session.route:
            return Verdict(Result.MALFORMED, detail="it is not on the route that it speaks of")
        key = (session.source, session.started_at)
        counts = (held.sent, held.delivered)
        mesh.put_receipt(self._connection, key, frame.node_id, counts, frame.raw, self._now_ms)
        return verdict

    # ---- messages in pieces ----------------------------------------------------------------

    def _piece(self, frame: Frame, piece: Fragment, verdict: Verdict) -> Verdict:
        """Keeps a piece, or does what the whole message says.

        Pieces are stored, so that an accepted one survives the service; those held are always the
        first ones of one message.
        """
        mine = fragments.c.node_id == frame.node_id
        held = [
            decode(raw)
            for raw in self._connection.execute(
                sa.select(fragments.c.frame).where(mine).order_by(fragments.c.piece_index)
            ).scalars()
        ]
        reassembler = Reassembler()
        for earlier in held:
            reassembler.add(earlier)
        goes_on = _goes_on(held, piece)
        try:
            whole = reassembler.add(frame)
        except FrameError as error:
            self._connection.execute(fragments.delete().where(mine))
            return Verdict(error.result, detail=f"whole message: {error}")
        if whole is not None or not goes_on:
            self._connection.execute(fragments.delete().where(mine))
        if whole is None:
            if goes_on or piece.piece_index == 0:
                self._keep(frame, piece)
            return verdict
        if whole.type in (Type.KEYFRAME, Type.DELTA):
            # A reading's evidence is one frame, which oracle nodes verify; a reading fits into one.
            return Verdict(Result.MALFORMED, detail="a reading is not sent in pieces")
        return self.apply(whole, verdict)

    def _keep(self, frame: Frame, piece: Fragment) -> None:
        self._connection.execute(
            fragments.insert().values(
                node_id=frame.node_id, piece_index=piece.piece_index, frame=frame.raw
            )
        )


def _step(report: Mapping[str, Any]) -> tuple[int, bool, tuple[int, ...]]:
    """What of a report decides about routes."""
    no_way = report["hops"] == neighbours.NO_WAY
    return int(report["parent"]), no_way, tuple(report.get("onward", ()))


def _goes_on(held: list[Frame], piece: Fragment) -> bool:
    """True if `piece` is the next one of the message that is held."""
    last = held[-1].body if held else None
    return isinstance(last, Fragment) and (
        last.message == piece.message
        and last.piece_count == piece.piece_count
        and last.piece_index + 1 == piece.piece_index
    )
