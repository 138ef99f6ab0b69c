"""What meters count and what follows for the community: registers, flows, and their packed words.

Energy in Wh, cumulative. Lanes are those of the contracts' RegisterLib and FlowLib. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, fields
from enum import IntEnum
from operator import attrgetter
from typing import Final

REGISTER_BITS: Final = 40
REGISTER_MAX: Final = (1 << REGISTER_BITS) - 1

_LANE_MASK: Final = (1 << 64) - 1


class RegisterError(ValueError):
    """A value that is no register, word or kind; the message names the field."""


class EntityKind(IntEnum):
    """What a metering point is; decides how its registers enter the flows. As on chain."""

    NONE = 0
    CONSUMER = 1
    PROSUMER = 2
    DER = 3
    BATTERY = 4
    EV = 5
    GRID = 6


@dataclass(frozen=True, slots=True)
class Registers:
    """A meter's cumulative registers, Wh, each below 2^40, in order of their lanes."""

    generated_wh: int = 0
    consumed_wh: int = 0
    exported_wh: int = 0
    imported_wh: int = 0
    charged_wh: int = 0
    discharged_wh: int = 0


@dataclass(frozen=True, slots=True)
class Flows:
    """Sums over metering points, cumulative Wh, in order of their lanes."""

    consumption_wh: int = 0
    prosumer_export_wh: int = 0
    der_generation_wh: int = 0
    charged_wh: int = 0
    discharged_wh: int = 0
    grid_import_wh: int = 0
    grid_export_wh: int = 0
    prosumer_generation_wh: int = 0

    @classmethod
    def from_words(cls, lo: int, hi: int) -> Flows:
        """From the two packed words of the contract."""
        lanes = [(word >> 64 * i) & _LANE_MASK for word in (lo, hi) for i in range(4)]
        return cls(*lanes)

    @property
    def lo(self) -> int:
        """Lanes 0..3 packed, lane 0 lowest."""
        return sum(value << (64 * lane) for lane, value in enumerate(astuple(self)[:4]))

    @property
    def hi(self) -> int:
        """Lanes 4..7 packed, lane 4 lowest."""
        return sum(value << (64 * lane) for lane, value in enumerate(astuple(self)[4:]))


_STORAGE: Final = {"charged_wh": "charged_wh", "discharged_wh": "discharged_wh"}
FLOW_OF_REGISTER: Final[Mapping[EntityKind, Mapping[str, str]]] = {
    EntityKind.CONSUMER: {"imported_wh": "consumption_wh"},
    EntityKind.PROSUMER: {
        "imported_wh": "consumption_wh",
        "exported_wh": "prosumer_export_wh",
        "generated_wh": "prosumer_generation_wh",
    },
    EntityKind.DER: {"imported_wh": "consumption_wh", "exported_wh": "der_generation_wh"},
    EntityKind.BATTERY: _STORAGE,
    EntityKind.EV: _STORAGE,
    EntityKind.GRID: {"imported_wh": "grid_import_wh", "exported_wh": "grid_export_wh"},
}
"""Which flow a register of a kind adds to; the other registers are not in the balance."""

REGISTER_NAMES: Final = tuple(field.name for field in fields(Registers))
FLOW_NAMES: Final = tuple(field.name for field in fields(Flows))
register_values: Callable[[Registers], tuple[int, ...]] = attrgetter(*REGISTER_NAMES)


def pack_registers(registers: Registers) -> int:
    """The contract's word: lane i at bits 40 i.

    Raises:
        RegisterError: a register is negative or 2^40 or more.
    """
    word = 0
    for lane, value in enumerate(register_values(registers)):
        if not 0 <= value <= REGISTER_MAX:
            raise RegisterError(f"{REGISTER_NAMES[lane]}: {value} is not within 0..{REGISTER_MAX}")
        word |= value << (REGISTER_BITS * lane)
    return word


def unpack_registers(word: int) -> Registers:
    """The registers in a contract's word.

    Raises:
        RegisterError: bits above the six lanes are set.
    """
    if not 0 <= word < 1 << (6 * REGISTER_BITS):
        raise RegisterError(f"registers: {word:#x} has bits above its six lanes")
    return Registers(*((word >> (REGISTER_BITS * lane)) & REGISTER_MAX for lane in range(6)))


def flows_of(kind: EntityKind, registers: Registers) -> Flows:
    """What a metering point contributes to the sums.

    Raises:
        RegisterError: the kind is NONE.
    """
    if kind not in FLOW_OF_REGISTER:
        raise RegisterError(f"kind: {kind!r} is no metering point")
    return Flows(
        **{flow: getattr(registers, name) for name, flow in FLOW_OF_REGISTER[kind].items()}
    )
