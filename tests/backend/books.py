"""A community's books on a real chain, for the tests of all that happens after a slot is closed."""

from __future__ import annotations

from collections.abc import Mapping

from local_chain import SLOT_SECONDS, Anvil, claim_meter, development_account
from oracle_kit import Device, SetClock

from backend.chain.context import ChainContext
from backend.chain.follower import EventFollower
from backend.chain.sender import Sender
from backend.chain.trade_projections import projections
from backend.chain.types import BillingMode
from backend.oracle.closer import SlotCloser
from backend.oracle.registers import unpack_registers
from backend.oracle.settlement import Settler
from backend.oracle.upkeep import Upkeep
from backend.telemetry import outbox
from backend.telemetry.outbox import OutboxState
from backend.telemetry.store import Store


class Books:
    """A community whose slots are closed, committed and settled when a test says so.

    The chain's time stands still until `pass_slot` moves it: however busy the machine is, what a
    test does between two slots is in the slot it is meant for.
    """

    def __init__(
        self,
        store: Store,
        chain: ChainContext,
        anvil: Anvil,
        closer: SlotCloser,
        devices: Mapping[int, Device],
        clock: SetClock,
        **options: int,
    ) -> None:
        self.store, self.chain, self.anvil, self.clock = store, chain, anvil, clock
        self.closer, self.devices = closer, devices
        anvil.rpc.call("anvil_setBlockTimestampInterval", 0)
        clock.time = max(clock.time, float(anvil.now()))
        self.sender = Sender(store, chain.rpc, chain.contracts, chain.relayer)
        self.follower = EventFollower(
            store, chain.rpc, chain.contracts, projections, on_moved=chain.views.invalidate
        )
        every = options.pop("every_slots", 1)
        self.settler = Settler(
            store, chain, every_slots=every, wake_sender=lambda: None, now=clock, **options
        )
        self.upkeep = Upkeep(store, chain, wake_sender=lambda: None, now=clock)

    def pass_slot(self) -> int:
        slot = int(self.clock.time // SLOT_SECONDS)
        self.clock.time = (slot + 1) * SLOT_SECONDS + 2.5
        self.anvil.rpc.call("anvil_setTime", hex(int(self.clock.time)))
        self.anvil.mine()
        self.closer.step()
        self.to_chain()
        return slot

    def to_chain(self) -> None:
        for _ in range(8):
            self.sender.step()
            with self.store.read() as connection:
                if not outbox.in_states(connection, outbox.UNFINISHED, limit=1):
                    break
        self.follower.catch_up()

    def settle(self) -> None:
        """Until nothing is left to plan, split or send."""
        for _ in range(30):
            self.settler.step()
            busy = self.transactions("settle", *outbox.UNFINISHED, OutboxState.FAILED)
            if not busy:
                break
            self.to_chain()
        self.settler.step()

    def run_slot(self) -> int:
        slot = self.pass_slot()
        self.settle()
        return slot

    def read(self, meter: int, *registers: int) -> None:
        self.devices[meter].read(int(self.clock.time), *registers)

    def settled(self, meter: int) -> tuple[int, ...]:
        registers = unpack_registers(self.chain.views.settled_registers(meter))
        return (
            registers.generated_wh,
            registers.consumed_wh,
            registers.exported_wh,
            registers.imported_wh,
            registers.charged_wh,
            registers.discharged_wh,
        )

    def energy_wh(self, account: str) -> int:
        return self.chain.views.balances(account).energy_wh

    def transactions(self, kind: str, *states: OutboxState) -> list[outbox.OutboxRow]:
        with self.store.read() as connection:
            return outbox.in_states(connection, states or list(OutboxState), kind=kind)

    def hold(self, meter: int, account: int, mode: BillingMode = BillingMode.PREPAID) -> str:
        claim_meter(self.anvil.rpc, self.chain.deployment, meter, account, int(mode))
        return development_account(account).address
