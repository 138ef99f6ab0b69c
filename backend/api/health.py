"""Whether the service does its work."""

from __future__ import annotations

from backend.api import service_schemas
from backend.api.charging_reader import ChargingReader
from backend.api.services import VERSION, Services
from backend.chain.rpc import NodeUnreachableError, RpcError
from backend.telemetry.store import StoreError


def read_health(services: Services) -> service_schemas.Health:
    """Asks store, chain and oracle; never raises."""
    problems: list[str] = []
    store_ok = _store_answers(services, problems)
    block = _block(services, problems)
    oracle = service_schemas.OracleHealth(signers_up=0, threshold=0, outbox_pending=0)
    synced, lag_s = False, None
    if store_ok:
        status = services.oracle.status()
        problems += [f"{part}: {what}" for part, what in status.problems.items()]
        if status.signers_up < status.threshold:
            problems.append(
                f"{status.signers_up} oracle nodes answer and {status.threshold} must: "
                "slots wait for their signatures"
            )
        oracle = service_schemas.OracleHealth(
            signers_up=status.signers_up,
            threshold=status.threshold,
            outbox_pending=status.outbox_pending,
        )
        synced = block is not None and status.lag_blocks == 0 and status.unreachable_s is None
        lag_s = round(status.unreachable_s, 1) if status.unreachable_s is not None else 0.0
        if problem := ChargingReader(services.store, services.clock).problem():
            problems.append(problem)
        if not status.running:
            problems.append("the oracle's parts do not run")
    return service_schemas.Health(
        status="degraded" if problems else "ok",
        chain=service_schemas.ChainHealth(
            id=services.chain.chain_id, block=block, synced=synced, lag_s=lag_s
        ),
        store="ok" if store_ok else "unreachable",
        oracle=oracle,
        problems=problems,
        version=VERSION,
    )


def _store_answers(services: Services, problems: list[str]) -> bool:
    try:
        services.store.check()
    except StoreError as error:
        problems.append(str(error))
        return False
    return True


def _block(services: Services, problems: list[str]) -> int | None:
    try:
        return services.chain.block_number()
    except (NodeUnreachableError, RpcError) as error:
        problems.append(f"the Ethereum node does not answer: {error}")
        return None
