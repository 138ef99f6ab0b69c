"""What may be asked. A field nobody knows is an error: it is usually a misspelled one."""

from __future__ import annotations

from typing import Annotated, Literal

from eth_utils.address import is_address, to_checksum_address
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

_U63 = (1 << 63) - 1


def _address(value: str) -> str:
    if not is_address(value):
        raise ValueError("must be an account's address, 0x and 40 hex digits")
    return to_checksum_address(value)


Address = Annotated[str, AfterValidator(_address)]
MeterId = Annotated[int, Field(ge=1, le=(1 << 32) - 1)]


class Asked(BaseModel):
    """Refuses fields nobody knows."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Nothing(Asked):
    """No parameters."""


class Page(Asked):
    """A page, newest first."""

    limit: int = Field(50, ge=1, le=500)
    before: int | None = Field(None, ge=0, le=_U63, description="`next_before` of the page before")


class PricesQuery(Asked):
    """Prices from a second on."""

    since: int = Field(0, ge=0, le=_U63, description="Unix seconds; the newest 500 at most")


class RoundPath(Asked):
    """A price round."""

    round: int = Field(ge=0, le=_U63)


class SlotPath(Asked):
    """A slot."""

    slot: int = Field(ge=0, le=_U63)


class ProofPath(SlotPath):
    """A meter's line in a slot."""

    meter: MeterId


class MeterPath(Asked):
    """A meter."""

    meter: MeterId


class NodePath(Asked):
    """A node."""

    node: MeterId


class EntryPath(Asked):
    """An entry of a list."""

    entry: int = Field(ge=1, le=_U63)


class ReadingsQuery(Asked):
    """Which readings of a meter."""

    start: int | None = Field(None, alias="from", ge=0, le=_U63, description="Unix seconds")
    end: int | None = Field(None, alias="to", ge=0, le=_U63, description="Unix seconds, exclusive")
    resolution: Literal["raw", "slot"] = Field("raw", description="slot: the last of each slot")
    limit: int = Field(2000, ge=1, le=10_000)


class HistoryQuery(Page):
    """Events that name an account."""

    account: Address


class EventsQuery(Page):
    """Events of one name, or of all."""

    name: str | None = Field(None, max_length=64)


class ChallengeQuery(Asked):
    """Who wants to sign in."""

    account: Address


class SessionBody(Asked):
    """A challenge and its signature by the account."""

    message: str = Field(max_length=2000)
    signature: str = Field(
        pattern=r"^0x([0-9a-fA-F]{2})+$", max_length=2 + 2 * 4096, description="0x hex"
    )
