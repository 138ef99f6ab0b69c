"""A node behind a serial line: a pseudo-terminal that the gateway opens like any port."""

from __future__ import annotations

import asyncio
import os
import termios
import tty
from collections.abc import Callable, Sequence
from pathlib import Path

from devices.esp32 import cobs
from devices.simulator.links import LinkError, Reply

_MOST_WAITING = 64


def open_port(port: Path) -> tuple[int, int, Callable[[], None]]:
    """A pseudo-terminal whose gateway's end has the name `port`: the node's end, the gateway's, and
    what takes both away. The node's end does not block."""
    node_end, gateway_end = os.openpty()
    tty.setraw(gateway_end)
    os.set_blocking(node_end, False)
    draft = port.with_name(port.name + ".draft")
    draft.unlink(missing_ok=True)
    draft.symlink_to(os.ttyname(gateway_end))
    draft.replace(port)

    def close() -> None:
        port.unlink(missing_ok=True)
        os.close(node_end)
        os.close(gateway_end)

    return node_end, gateway_end, close


class SerialLink:
    """The node's end of the line. Frames are COBS packets ended by a zero byte, both ways.

    The node keeps its own hold on the gateway's end, so that the line and its settings outlive a
    reader that goes away; the name `port` always leads to it.
    """

    answers_come_later = True

    def __init__(self, port: Path) -> None:
        self._node_end, self._gateway_end, self._close_port = open_port(port)
        self._received: asyncio.Queue[bytes] = asyncio.Queue()
        self._packets = cobs.Packets()
        self.port = port
        asyncio.get_running_loop().add_reader(self._node_end, self._read)

    def close(self) -> None:
        """Takes the line away."""
        asyncio.get_running_loop().remove_reader(self._node_end)
        self._close_port()

    async def deliver(self, frames: Sequence[bytes]) -> Reply:
        """Writes the frames; their results come as RESULTS frames.

        What nobody has read until now is stale and is dropped first.
        """
        termios.tcflush(self._gateway_end, termios.TCIFLUSH)
        data = b"\0" + b"".join(cobs.encode(frame) + b"\0" for frame in frames)
        try:
            written = os.write(self._node_end, data)
        except OSError as error:
            raise LinkError(f"the line takes nothing: {error.strerror}") from error
        if written < len(data):
            raise LinkError("nobody reads the line")
        return Reply((), ())

    async def downlink(self, poll: bytes, wait_s: int) -> Sequence[bytes]:
        """The next frame on the line; nobody needs to be asked."""
        try:
            return (await asyncio.wait_for(self._received.get(), wait_s),)
        except TimeoutError:
            return ()

    def _read(self) -> None:
        try:
            data = os.read(self._node_end, 4096)
        except OSError:
            return
        for frame in self._packets.feed(data):
            if self._received.qsize() < _MOST_WAITING:
                self._received.put_nowait(frame)
