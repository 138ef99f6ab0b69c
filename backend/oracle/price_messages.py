"""What price nodes say to each other in a round, and how it goes over the wire. Pure.

Every message says one thing once and for ever: it is signed over a digest that names chain, feed,
set of signers, round, view and content, so that it can be shown to a third node as a proof.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from typing import Any

MAX_NODES = 32
_U64_MAX = 2**64 - 1
_PRICE_MAX = 2**128 - 1
_PREFIX = b"\x19Ohmstead price round:\n"


class MessageError(ValueError):
    """A document that is no message; names the field that is wrong."""


@dataclass(frozen=True, slots=True)
class Observed:
    """A node's price, micro-rupees per kWh at a Unix second, signed as the contract wants it."""

    round_id: int
    sender: int
    price_micro_inr_per_kwh: int
    observed_at: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class Votes:
    """The votes of a quorum for one content: (sender, signature), ascending."""

    view: int
    signatures: tuple[tuple[int, bytes], ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A quorum accepted these observations in this view: nobody can have decided others in it."""

    observations: tuple[Observed, ...]
    accepts: Votes


@dataclass(frozen=True, slots=True)
class ViewChanged:
    """`sender` gives up the views before `view`; `prepared` is the newest that bound it."""

    round_id: int
    view: int
    sender: int
    prepared: Prepared | None
    signature: bytes


@dataclass(frozen=True, slots=True)
class Proposed:
    """The leader of a view puts observations forward; after view 0 with the reason it may."""

    round_id: int
    view: int
    sender: int
    observations: tuple[Observed, ...]
    because: tuple[ViewChanged, ...]
    signature: bytes


class Step(Enum):
    """The two votes of a view."""

    ACCEPT = "accept"
    COMMIT = "commit"


@dataclass(frozen=True, slots=True)
class Voted:
    """`sender` votes for a content in a view: first to accept it, then, once a quorum has, to
    commit to it."""

    step: Step
    round_id: int
    view: int
    sender: int
    content: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Decided:
    """The round is decided, and the quorum of commits that shows it. Anybody may pass it on."""

    round_id: int
    sender: int
    observations: tuple[Observed, ...]
    commits: Votes


Message = Observed | Proposed | Voted | ViewChanged | Decided


# ---- what is signed ----------------------------------------------------------------------------


def content_of(round_id: int, observations: Sequence[Observed]) -> bytes:
    """The digest that stands for a set of observations."""
    text = sha256(round_id.to_bytes(8, "big"))
    for seen in observations:
        text.update(bytes((seen.sender,)))
        text.update(seen.price_micro_inr_per_kwh.to_bytes(16, "big"))
        text.update(seen.observed_at.to_bytes(8, "big"))
        text.update(sha256(seen.signature).digest())
    return text.digest()


def statement(context: bytes, kind: str, round_id: int, view: int, content: bytes) -> bytes:
    """The digest that is signed. `context` names chain, feed and set of signers."""
    head = round_id.to_bytes(8, "big") + view.to_bytes(4, "big")
    return sha256(_PREFIX + context + kind.encode() + b"\n" + head + content).digest()


def prepared_digest(round_id: int, prepared: Prepared | None) -> bytes:
    """What a view change says of what bound its sender."""
    if prepared is None:
        return bytes(32)
    content = content_of(round_id, prepared.observations)
    return sha256(prepared.accepts.view.to_bytes(4, "big") + content).digest()


# ---- the wire ----------------------------------------------------------------------------------


def to_document(message: Message) -> dict[str, Any]:
    """A message as JSON's types."""
    if isinstance(message, Observed):
        return {"kind": "observed"} | _observed(message)
    head: dict[str, Any] = {"round": message.round_id, "sender": message.sender}
    if isinstance(message, Decided):
        seen = [_observed(o) for o in message.observations]
        return {
            "kind": "decided", **head, "observations": seen, "commits": _votes(message.commits)
        }  # fmt: skip
    head |= {"view": message.view, "signature": message.signature.hex()}
    if isinstance(message, Voted):
        return {"kind": message.step.value, **head, "content": message.content.hex()}
    if isinstance(message, ViewChanged):
        return {"kind": "view_changed", **head, "prepared": _prepared(message.prepared)}
    return {
        "kind": "proposed",
        **head,
        "observations": [_observed(seen) for seen in message.observations],
        "because": [to_document(change) for change in message.because],
    }


def from_document(document: Any) -> Message:
    """The message in a document; MessageError names the field that is wrong."""
    readers: dict[str, Callable[[Mapping[str, Any]], Message]] = {
        "observed": _read_observed,
        "proposed": _read_proposed,
        "accept": _read_voted,
        "commit": _read_voted,
        "view_changed": _read_view_changed,
        "decided": _read_decided,
    }
    if not isinstance(document, dict):
        raise MessageError("a message must be an object")
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in readers:
        raise MessageError(f"kind: {kind!r} is none of {', '.join(readers)}")
    return readers[kind](document)


def _observed(seen: Observed) -> dict[str, Any]:
    return {
        "round": seen.round_id,
        "sender": seen.sender,
        "price": seen.price_micro_inr_per_kwh,
        "observed_at": seen.observed_at,
        "signature": seen.signature.hex(),
    }


def _votes(votes: Votes) -> dict[str, Any]:
    signatures = [[sender, signature.hex()] for sender, signature in votes.signatures]
    return {"view": votes.view, "signatures": signatures}


def _prepared(prepared: Prepared | None) -> dict[str, Any] | None:
    if prepared is None:
        return None
    seen = [_observed(o) for o in prepared.observations]
    return {"observations": seen, "accepts": _votes(prepared.accepts)}


def _read_observed(document: Mapping[str, Any]) -> Observed:
    return Observed(
        _integer(document, "round", _U64_MAX),
        _sender(document),
        _integer(document, "price", _PRICE_MAX),
        _integer(document, "observed_at", _U64_MAX),
        _bytes(document, "signature", 65),
    )


def _read_proposed(document: Mapping[str, Any]) -> Proposed:
    return Proposed(
        _integer(document, "round", _U64_MAX),
        _view(document),
        _sender(document),
        _observations(document),
        tuple(_read_view_changed(change) for change in _list(document, "because")),
        _bytes(document, "signature", 65),
    )


def _read_voted(document: Mapping[str, Any]) -> Voted:
    return Voted(
        Step(document["kind"]),
        _integer(document, "round", _U64_MAX),
        _view(document),
        _sender(document),
        _bytes(document, "content", 32),
        _bytes(document, "signature", 65),
    )


def _read_view_changed(document: Mapping[str, Any]) -> ViewChanged:
    prepared = document.get("prepared")
    if prepared is not None:
        if not isinstance(prepared, dict):
            raise MessageError("prepared: must be an object or null")
        prepared = Prepared(_observations(prepared), _read_votes(prepared, "accepts"))
    return ViewChanged(
        _integer(document, "round", _U64_MAX),
        _view(document),
        _sender(document),
        prepared,
        _bytes(document, "signature", 65),
    )


def _read_decided(document: Mapping[str, Any]) -> Decided:
    return Decided(
        _integer(document, "round", _U64_MAX),
        _sender(document),
        _observations(document),
        _read_votes(document, "commits"),
    )


def _read_votes(document: Mapping[str, Any], field: str) -> Votes:
    votes = document.get(field)
    if not isinstance(votes, dict):
        raise MessageError(f"{field}: must be an object")
    signatures: list[tuple[int, bytes]] = []
    for pair in votes.get("signatures") or ():
        if not isinstance(pair, list) or len(pair) != 2 or len(signatures) >= MAX_NODES:
            raise MessageError(f"{field}: signatures must be [sender, hex], at most {MAX_NODES}")
        named = {"sender": pair[0], "signature": pair[1]}
        signatures.append((_sender(named), _bytes(named, "signature", 65)))
    return Votes(_view(votes), tuple(signatures))


def _observations(document: Mapping[str, Any]) -> tuple[Observed, ...]:
    return tuple(_read_observed(seen) for seen in _list(document, "observations"))


def _list(document: Mapping[str, Any], field: str) -> list[Mapping[str, Any]]:
    found = document.get(field)
    if not isinstance(found, list) or len(found) > MAX_NODES:
        raise MessageError(f"{field}: must be a list of at most {MAX_NODES}")
    if not all(isinstance(item, dict) for item in found):
        raise MessageError(f"{field}: must be a list of objects")
    return found


def _sender(document: Mapping[str, Any]) -> int:
    return _integer(document, "sender", MAX_NODES - 1)


def _view(document: Mapping[str, Any]) -> int:
    return _integer(document, "view", 2**31)


def _integer(document: Mapping[str, Any], field: str, most: int) -> int:
    value = document.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise MessageError(f"{field}: must be an integer within 0..{most}, not {value!r}")
    return value


def _bytes(document: Mapping[str, Any], field: str, length: int) -> bytes:
    value = document.get(field)
    try:
        found = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        found = b""
    if len(found) != length:
        raise MessageError(f"{field}: must be {length} bytes in hex")
    return found
