"""Auctions and ties as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from backend.api import trade_schemas as schemas
from backend.chain.context import ChainContext
from backend.chain.contracts import ContractError, integer
from backend.chain.rpc import NodeUnreachableError, RpcError
from backend.chain.tie_readings import ShownReading, waiting_readings
from backend.chain.trading import Basis, BidState, End, LotState, PaymentRule, Verdict
from backend.telemetry import trades
from backend.telemetry.store import Store

Row = Mapping[str, Any]


class _Flowed(NamedTuple):
    """What the store knows of an agreement's slots."""

    newest: list[Row]
    totals: tuple[int, int, int, int]
    disputes: list[Row]
    waiting: list[ShownReading]


class TradeReader:
    """Reads lots, bids and agreements from the store, guarantees from the chain."""

    def __init__(self, store: Store, chain: ChainContext) -> None:
        self._store = store
        self._chain = chain

    def lots(self, limit: int, before: int | None, now: float) -> schemas.LotPage:
        """A page of lots, newest first."""
        with self._store.read() as connection:
            found = trades.lots(connection, limit + 1, before)
        shown = found[:limit]
        return schemas.LotPage(
            lots=[schemas.Lot(**_lot(row, now)) for row in shown],
            next_before=int(shown[-1]["lot_id"]) if len(found) > limit else None,
        )

    def lot(self, lot_id: int, now: float) -> schemas.LotWithBids | None:
        """One lot with its bids."""
        with self._store.read() as connection:
            row = trades.lot(connection, lot_id)
            bids = trades.bids_of(connection, lot_id)
        if row is None:
            return None
        return schemas.LotWithBids(**_lot(row, now), bids=[_bid(bid) for bid in bids])

    def interconnection(self, flows: int) -> schemas.Interconnection:
        """Every agreement with its newest flows."""
        with self._store.read() as connection:
            rows = trades.agreements(connection)
            flowed = [_flowed(connection, int(row["agreement_id"]), flows) for row in rows]
        accounts = self._accounts([int(row["agreement_id"]) for row in rows])
        return schemas.Interconnection(
            agreements=[
                self._agreement(row, accounts, flow)
                for row, flow in zip(rows, flowed, strict=True)
            ]
        )

    def _accounts(self, ids: list[int]) -> dict[tuple[int, End], tuple[int, int]]:
        """Guarantee and debt of each party; nothing while the node is away."""
        asked = [(i, end) for i in ids for end in End]
        try:
            found = self._chain.views.ask_many(
                [self._chain.clients.tie.owed(i, end) for i, end in asked]
            )
        except (NodeUnreachableError, RpcError, ContractError):
            return {}
        return dict(zip(asked, found, strict=True))

    def _agreement(
        self,
        row: Row,
        accounts: Mapping[tuple[int, End], tuple[int, int]],
        flowed: _Flowed,
    ) -> schemas.Agreement:
        terms, agreement = row["terms"], int(row["agreement_id"])
        a = self._party(terms, "A", accounts.get((agreement, End.A)))
        b = self._party(terms, "B", accounts.get((agreement, End.B)))
        forward, back, by_b, by_a = flowed.totals
        return schemas.Agreement(
            agreement_id=agreement,
            a=a,
            b=b,
            metering="one_end" if b.ledger is None else "both_ends",
            arbiter=terms["arbiter"],
            begun_at=row["begun_at"],
            first_slot=integer(terms["firstSlot"]),
            last_slot=row["last_slot"],
            limit_wh_per_slot=integer(terms["limitWhPerSlot"]),
            max_power_w=terms["maxPowerW"],
            price_a_to_b_micro_inr_per_kwh=integer(terms["priceAToB"]),
            price_b_to_a_micro_inr_per_kwh=integer(terms["priceBToA"]),
            tolerance_bps=terms["toleranceBps"],
            tolerance_wh=terms["toleranceWh"],
            a_to_b_wh=forward,
            b_to_a_wh=back,
            paid_by_b_micro_inr=by_b,
            paid_by_a_micro_inr=by_a,
            flows=[_flow(flow) for flow in flowed.newest],
            disputes=[_flow(flow) for flow in flowed.disputes],
            waiting=[_waiting(reading) for reading in flowed.waiting],
        )

    def _party(self, terms: Row, end: str, money: tuple[int, int] | None) -> schemas.Party:
        ledger = str(terms[f"ledger{end}"])
        metered = int(ledger, 16) != 0
        own = self._chain.deployment["MeterLedger"].address
        return schemas.Party(
            account=terms[f"party{end}"],
            ledger=ledger if metered else None,
            meter_id=terms[f"meter{end}"] if metered else None,
            here=ledger.lower() == own.lower(),
            guarantee_micro_inr=money[0] if money else None,
            owed_micro_inr=money[1] if money else None,
        )


def _flowed(connection: sa.Connection, agreement: int, limit: int) -> _Flowed:
    newest = trades.tie_flows(connection, agreement, limit)
    settled_slot = int(newest[0]["slot"]) if newest else 0
    return _Flowed(
        newest,
        trades.tie_totals(connection, agreement),
        trades.disputes_of(connection, agreement),
        waiting_readings(connection, agreement, settled_slot),
    )


def _waiting(reading: ShownReading) -> schemas.WaitingReading:
    return schemas.WaitingReading(
        slot=reading.slot,
        end="a" if reading.end is End.A else "b",
        net_wh=reading.net_wh,
        shown_at=reading.shown_at,
    )


def _lot(row: Row, now: float) -> dict[str, Any]:
    state = LotState(row["state"])
    if state is not LotState.OPEN or now >= row["reveal_until"]:
        phase = "over"
    else:
        phase = "commit" if now < row["commit_until"] else "reveal"
    return {
        **row,
        "rule": PaymentRule(row["rule"]).name.lower(),
        "state": state.name.lower(),
        "phase": phase,
    }


def _bid(row: Row) -> schemas.Bid:
    shown = {name: value for name, value in row.items() if name != "lot_id"}
    return schemas.Bid(**{**shown, "state": BidState(row["state"]).name.lower()})


def _flow(row: Row) -> schemas.TieFlow:
    shown = {name: value for name, value in row.items() if name != "agreement_id"}
    basis, verdict = row["basis"], row["verdict"]
    shown["basis"] = None if basis is None else Basis(basis).name.lower()
    shown["verdict"] = None if verdict is None else Verdict(verdict).name.lower()
    return schemas.TieFlow(**shown)
