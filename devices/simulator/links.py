"""How a simulated node's frames reach the gateway: HTTP, and what a bad link does to them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import aiohttp


class LinkError(Exception):
    """Frames may or may not have arrived; they are to be repeated. The message says why."""


class PollRefused(Exception):  # noqa: N818 - the gateway's answer, not a fault
    """The gateway did not take this POLL; `args[0]` is its result."""


class Answer(NamedTuple):
    """What became of the frame (boot, sequence)."""

    boot: int
    sequence: int
    result: str


class Reply(NamedTuple):
    """The gateway's answers, as far as the transport has any, and downlink frames."""

    answers: tuple[Answer, ...]
    downlink: tuple[bytes, ...]


class Link(Protocol):
    """One node's way to the gateway."""

    answers_come_later: bool
    """True if results arrive as downlink frames (serial) instead of with the reply."""

    async def deliver(self, frames: Sequence[bytes]) -> Reply:
        """Sends frames, oldest first. Raises LinkError."""

    async def downlink(self, poll: bytes, wait_s: int) -> Sequence[bytes]:
        """Waits up to `wait_s` for downlink frames; `poll` asks for them where that is needed.

        Raises LinkError, PollRefused.
        """


def _order(frame: bytes) -> tuple[int, int]:
    """Boot and sequence in a frame's header."""
    return int.from_bytes(frame[6:10], "big"), int.from_bytes(frame[10:14], "big")


class HttpLink:
    """The gateway's HTTP interface (docs/frame.md, Transports)."""

    answers_come_later = False

    def __init__(
        self, session: aiohttp.ClientSession, gateway: str, node_id: int, answer_s: float
    ) -> None:
        self._session = session
        self._answer_s = answer_s
        self._readings = f"{gateway}/api/readings"
        self._commands = f"{gateway}/api/nodes/{node_id}/commands"

    async def deliver(self, frames: Sequence[bytes]) -> Reply:
        """POST /api/readings."""
        body = b"".join(bytes([len(frame)]) + frame for frame in frames)
        status, content = await self._post(self._readings, body, self._answer_s)
        try:
            if status != 200:
                raise LinkError(f"the gateway answers HTTP {status}")
            # In the order of the frames: a frame damaged on the way has no sequence to name.
            answers = tuple(
                Answer(*_order(frame), str(result["result"]))
                for frame, result in zip(frames, content["results"], strict=True)
            )
            return Reply(answers, tuple(map(bytes.fromhex, content.get("commands", ()))))
        except (KeyError, TypeError, ValueError) as error:
            raise LinkError(f"the gateway's answer is not understood: {error!r}") from error

    async def downlink(self, poll: bytes, wait_s: int) -> Sequence[bytes]:
        """POST /api/nodes/<id>/commands."""
        status, content = await self._post(self._commands, poll, wait_s + self._answer_s)
        try:
            if status == 204:
                return ()
            if status == 200:
                return tuple(map(bytes.fromhex, content["frames"]))
            refusal = content["error"]["code"]
        except (KeyError, TypeError, ValueError) as error:
            raise LinkError(f"the gateway answers HTTP {status}") from error
        raise PollRefused(str(refusal))

    async def _post(self, url: str, body: bytes, timeout_s: float) -> tuple[int, dict]:  # type: ignore[type-arg]
        headers = {"Content-Type": "application/octet-stream"}
        limit = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self._session.post(url, data=body, headers=headers, timeout=limit) as answer:
                is_json = answer.content_type == "application/json"
                return answer.status, await answer.json() if is_json else {}
        except TimeoutError as error:
            raise LinkError(f"no answer within {timeout_s:.0f} s") from error
        except (aiohttp.ClientError, ValueError, OSError) as error:
            raise LinkError(str(error) or type(error).__name__) from error


class Impairments:
    """What is wrong with a link; changed while it is in use.

    Attributes:
        loss_pm: deliveries lost, on the way there or back, per mille.
        duplicate_pm: deliveries that arrive twice, the second time after later ones.
        reorder_pm: deliveries whose frames arrive in another order.
    """

    def __init__(self) -> None:
        self.loss_pm = 0
        self.duplicate_pm = 0
        self.reorder_pm = 0
        self._up = asyncio.Event()
        self._down = asyncio.Event()
        self._up.set()

    @property
    def is_down(self) -> bool:
        """Nothing passes."""
        return self._down.is_set()

    def set_down(self, down: bool) -> None:
        """Cuts the link, also for what is waiting on it, or restores it."""
        (self._down if down else self._up).set()
        (self._up if down else self._down).clear()

    async def went_down(self) -> None:
        """Returns when the link is cut."""
        await self._down.wait()


class ImpairedLink:
    """A link with faults of its own in front of a sound one."""

    def __init__(self, link: Link, impairments: Impairments, seed: int) -> None:
        self._link = link
        self.impairments = impairments
        self.answers_come_later = link.answers_come_later
        self._random = random.Random(seed)
        self._copies: list[Sequence[bytes]] = []

    def _happens(self, per_mille: int) -> bool:
        return per_mille > 0 and self._random.randrange(1000) < per_mille

    async def deliver(self, frames: Sequence[bytes]) -> Reply:
        """Delivers, unless something goes wrong."""
        wrong = self.impairments
        if wrong.is_down:
            raise LinkError("the link is down")
        lost, answer_lost = self._happens(wrong.loss_pm), self._random.random() < 0.5
        if lost and not answer_lost:
            raise LinkError("lost on the way")
        if self._happens(wrong.reorder_pm):
            frames = self._random.sample(frames, len(frames))
        reply = await self._link.deliver(frames)
        if self._copies:
            await self._link.deliver(self._copies.pop())
        if self._happens(wrong.duplicate_pm):
            self._copies.append(frames)
        if lost or wrong.is_down:
            raise LinkError("the answer was lost")
        return reply

    async def downlink(self, poll: bytes, wait_s: int) -> Sequence[bytes]:
        """Waits for downlink frames until the link is cut."""
        wrong = self.impairments
        if wrong.is_down:
            raise LinkError("the link is down")
        waiting = asyncio.ensure_future(self._link.downlink(poll, wait_s))
        cut = asyncio.ensure_future(wrong.went_down())
        try:
            await asyncio.wait((waiting, cut), return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                raise LinkError("the link went down")
            frames = waiting.result()
        finally:
            waiting.cancel()
            cut.cancel()
        if frames and self._happens(wrong.loss_pm):
            raise LinkError("lost on the way")
        return frames
