"""Packets of E-STAR between neighbours (docs/mesh.md). The first byte is the type; big-endian.

A `get_` returns None for bytes that no sender makes: what is on the air is anybody's.
"""

import struct

from devices.esp32 import receipts

REQUEST = 0xE1
REPLY = 0xE2
DATA = 0xE3
DELIVERED = 0xE4
BROKEN = 0xE5

SHORTEST_RELIABLE = 0
BEST_AVAILABLE = 1
ANY = 2  # the last attempt where no other route is: shortest, over hops to avoid, too

_REQUEST = ">BIIIBHHB16sB"
_REPLY = ">BIB16s16s16s"
_DATA = ">BIIHB16s16s"
_DATA_SIZE = 44
_AGREED = 1
_URGENT = 2
_DELIVERED = ">BIIH16s"
_BROKEN = ">BIIB"


def put_request(
    started_at: int, destination: int, mode: int, min_trust: int, min_energy: int, longest: int,
    s_root: bytes, route: tuple[int, ...], energies: tuple[int, ...],
) -> bytes:  # fmt: skip
    """RREQ: the route so far begins with the source. `min_trust` per mille, `longest` in nodes."""
    head = struct.pack(
        _REQUEST, REQUEST, route[0], started_at, destination, mode, min_trust, min_energy, longest,
        s_root, len(route),
    )  # fmt: skip
    return head + receipts.ids_and_energies(route, energies)


def get_request(data: bytes) -> tuple | None:  # type: ignore[type-arg]
    """(started_at, destination, mode, min_trust, min_energy, longest, s_root, route, energies)."""
    size = struct.calcsize(_REQUEST)
    if len(data) < size:
        return None
    fields = struct.unpack_from(_REQUEST, data, 0)
    count = fields[9]
    if not 1 <= count <= receipts.MAX_ROUTE or len(data) != size + 6 * count or fields[4] > ANY:
        return None
    route, energies = receipts.split(data, size, count)
    if route[0] != fields[1] or len(set(route)) != count or fields[3] in route:
        return None
    return fields[2:9] + (route, energies)


def put_reply(
    started_at: int, route: tuple, energies: tuple, s_root: bytes, h_root: bytes, agreed: bytes  # type: ignore[type-arg]
) -> bytes:
    """RREP: the whole route, both roots, the tags gathered so far."""
    head = struct.pack(_REPLY, REPLY, started_at, len(route), s_root, h_root, agreed)
    return head + receipts.ids_and_energies(route, energies)


def get_reply(data: bytes) -> tuple | None:  # type: ignore[type-arg]
    """(started_at, route, energies, s_root, h_root, agreed)."""
    size = struct.calcsize(_REPLY)
    if len(data) < size:
        return None
    _type, started_at, count, s_root, h_root, agreed = struct.unpack_from(_REPLY, data, 0)
    if not 2 <= count <= receipts.MAX_ROUTE or len(data) != size + 6 * count:
        return None
    route, energies = receipts.split(data, size, count)
    if len(set(route)) != count:
        return None
    return started_at, route, energies, s_root, h_root, agreed


def put_data(
    source: int, started_at: int, i: int, s_value: bytes, sigma: bytes, agreed: bytes, message: bytes,
    urgent: bool = False,
) -> bytes:  # fmt: skip
    """Message `i`; `agreed` is empty once the destination has answered; `urgent` on every hop."""
    flags = (_AGREED if agreed else 0) | (_URGENT if urgent else 0)
    return struct.pack(_DATA, DATA, source, started_at, i, flags, s_value, sigma) + agreed + message


def get_data(data: bytes) -> tuple | None:  # type: ignore[type-arg]
    """(source, started_at, i, s_value, sigma, agreed or empty, message, urgent)."""
    if len(data) < _DATA_SIZE:
        return None
    _type, source, started_at, i, flags, s_value, sigma = struct.unpack_from(_DATA, data, 0)
    at = _DATA_SIZE + (receipts.SIZE if flags & _AGREED else 0)
    if flags > _AGREED | _URGENT or len(data) < at or not 1 <= i <= receipts.CHAIN:
        return None
    urgent = bool(flags & _URGENT)
    return source, started_at, i, s_value, sigma, data[_DATA_SIZE:at], data[at:], urgent


def put_delivered(source: int, started_at: int, i: int, h_value: bytes) -> bytes:
    """The destination has message `i`."""
    return struct.pack(_DELIVERED, DELIVERED, source, started_at, i, h_value)


def get_delivered(data: bytes) -> tuple | None:  # type: ignore[type-arg]
    """(source, started_at, i, h_value)."""
    if len(data) != struct.calcsize(_DELIVERED):
        return None
    return struct.unpack(_DELIVERED, data)[1:]


def put_broken(source: int, started_at: int, hop: int) -> bytes:
    """RERR: nothing comes back from beyond node `hop` of the route."""
    return struct.pack(_BROKEN, BROKEN, source, started_at, hop)


def get_broken(data: bytes) -> tuple | None:  # type: ignore[type-arg]
    """(source, started_at, hop)."""
    if len(data) != struct.calcsize(_BROKEN):
        return None
    return struct.unpack(_BROKEN, data)[1:]
