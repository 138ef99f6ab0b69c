"""The gateway, keeper and books of the mesh on a real chain, for tests that bring it frames."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from books import Books
from local_chain import RESIDENT, development_account, send
from oracle_kit import METERS, Oracle, key_of

from backend.chain.contracts import Contract
from backend.ingest.downlink import Downlink
from backend.ingest.keyring import Keyring
from backend.ingest.pipeline import Pipeline
from backend.ingest.verify import Limits
from backend.oracle.mesh import MeshBook, MeshKeeper
from backend.telemetry import mesh
from backend.telemetry.mesh import ClearedSession

FEE = 100


class MeshBackend:
    """All of the service that messages of the mesh concern."""

    def __init__(self, books: Books, oracle: Oracle, tmp_path: Path) -> None:
        self.books = books
        keys = tmp_path / "nodes.json"
        keys.touch(mode=0o600)
        keys.write_text(json.dumps({str(n): (key_of(n) or b"").hex() for n in METERS}))
        keyring = Keyring(keys)
        self.pipeline = Pipeline(books.store, keyring, Limits(1.0, 5.0, 0), books.clock)
        self.pipeline.start()
        self.keeper = MeshKeeper(
            books.store, books.chain, oracle.client, key_of, wake_sender=lambda: None,
            quiet_s=1.0, now=books.clock,
        )  # fmt: skip
        self.book = MeshBook(books.store, books.chain, {}, books.clock)
        self.downlink = Downlink(
            books.store, keyring, lambda _: [], books.clock, self.book.announcement
        )
        self.contract = Contract(books.chain.deployment["RelayCredits"])

    def close(self) -> None:
        self.pipeline.stop()
        self.downlink.close()

    def prepay(self, micro_inr: int = 1_000_000, payers: tuple[int, ...] = (RESIDENT,)) -> None:
        """These development accounts prepay so much each."""
        chain, rpc = self.books.chain, self.books.anvil.rpc
        desk, token = (Contract(chain.deployment[n]) for n in ("PowerCoinDesk", "GridToken"))
        for payer in payers:
            address = development_account(payer).address
            send(rpc, payer, desk.call("buyWithEther", address, 0), 10**15)
            send(rpc, payer, token.call("setApprovalForAll", self.contract.address, True))
            send(rpc, payer, self.contract.call("depositFor", address, micro_inr))

    def clear(self) -> int:
        """The keeper looks once; how many calls it wrote, which are then on chain."""
        written = self.keeper.sweep()
        self.books.to_chain()
        return written

    def catch_up_chain(self) -> None:
        """The chain's time becomes the tests'."""
        self.books.anvil.rpc.call("anvil_setTime", hex(int(self.books.clock.time)))
        self.books.anvil.mine()

    def cleared(self) -> list[ClearedSession]:
        with self.books.store.read() as connection:
            return mesh.cleared_since(connection, 0)

    def balance(self, function: str, who: int) -> int:
        account = development_account(who).address
        found: int = self.books.chain.views.ask(self.contract.call(function, account), max_age_s=0)
        return found

    def owned(self, *who: int) -> Mapping[int, tuple[int, int]]:
        """(prepaid, earned) by development account, micro-rupees."""
        return {n: (self.balance("prepaidOf", n), self.balance("earnedOf", n)) for n in who}
