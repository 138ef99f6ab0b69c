"""OracleQuorum through Ape, in the community as it is deployed."""

from __future__ import annotations

from typing import Any

import ape
import pytest
from fixtures_money import Microgrid
from refusals import reverts

DIGEST = b"\x17" * 32


def signatures(grid: Microgrid, *which: int) -> list[bytes]:
    return [bytes(grid.signers[i].unsafe_sign_hash(DIGEST).signature) for i in which]


@pytest.mark.parametrize("which", [(0, 1), (0, 2), (1, 2), (0, 1, 2)])
def test_any_two_of_three_suffice(grid: Microgrid, which: tuple[int, ...]) -> None:
    grid.quorum.requireQuorum(DIGEST, signatures(grid, *which))


def test_one_does_not(grid: Microgrid) -> None:
    with reverts(grid.quorum.OracleQuorum_TooFewSignatures, given=1, needed=2):
        grid.quorum.requireQuorum(DIGEST, signatures(grid, 0))


@pytest.mark.parametrize("which", [(1, 0), (1, 1)], ids=["unsorted", "twice the same"])
def test_signers_ascend(grid: Microgrid, which: tuple[int, ...]) -> None:
    signer = grid.signers[which[1]].address
    with reverts(grid.quorum.OracleQuorum_BadSigner, signer=signer):
        grid.quorum.requireQuorum(DIGEST, signatures(grid, *which))


def test_what_was_not_signed(grid: Microgrid) -> None:
    with reverts(grid.quorum.OracleQuorum_BadSigner):
        grid.quorum.requireQuorum(b"\x18" * 32, signatures(grid, 0, 1))
    broken = signatures(grid, 0, 1)
    with reverts(grid.quorum.OracleQuorum_BadSigner, signer=ape.utils.ZERO_ADDRESS):
        grid.quorum.requireQuorum(DIGEST, [broken[0][:64], broken[1]])


def test_the_admin_replaces_signers(grid: Microgrid) -> None:
    addresses = [signer.address for signer in grid.signers]
    assert grid.quorum.signers() == addresses
    assert (grid.quorum.threshold(), grid.quorum.epoch()) == (2, 1)
    receipt = grid.quorum.setSigners(addresses[:2], 2, sender=grid.admin)
    (event,) = grid.quorum.SignersChanged.from_receipt(receipt)
    assert (event.epoch, event.signers, event.threshold) == (2, addresses[:2], 2)
    assert grid.quorum.isSigner(addresses[0])
    assert not grid.quorum.isSigner(addresses[2])
    with reverts(grid.quorum.OracleQuorum_BadSigner, signer=addresses[2]):
        grid.quorum.requireQuorum(DIGEST, signatures(grid, 0, 2))


@pytest.mark.parametrize("who", ["operator", "relayer", "authority", "deployer", "stranger"])
def test_nobody_else_does(grid: Microgrid, who: str) -> None:
    caller: Any = getattr(grid, who)
    with reverts(grid.quorum.AccessManagedUnauthorized, caller=caller.address):
        grid.quorum.setSigners([caller], 1, sender=caller)


@pytest.mark.parametrize(
    ("count", "threshold", "error"),
    [
        (0, 0, "OracleQuorum_BadThreshold"),
        (3, 1, "OracleQuorum_BadThreshold"),
        (3, 4, "OracleQuorum_BadThreshold"),
        (33, 17, "OracleQuorum_TooManySigners"),
    ],
)
def test_sets_that_are_none(grid: Microgrid, count: int, threshold: int, error: str) -> None:
    signers = [f"0x{number:040x}" for number in range(1, count + 1)]
    with reverts(getattr(grid.quorum, error)):
        grid.quorum.setSigners(signers, threshold, sender=grid.admin)


@pytest.mark.parametrize("numbers", [(2, 1), (1, 1), (0, 1)])
def test_sets_out_of_order(grid: Microgrid, numbers: tuple[int, ...]) -> None:
    with reverts(grid.quorum.OracleQuorum_SignersNotAscending):
        grid.quorum.setSigners([f"0x{number:040x}" for number in numbers], 2, sender=grid.admin)
