"""What contracts refuse, and why: `reverts`, in place of `ape.reverts`.

Ape looks through every step of a failed transaction for the contract that refused, which takes
seconds where that one was called by another, and takes an error that it cannot decode for the one
expected. Here the answer of the node alone counts, and it must be the expected one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ape.exceptions import ContractLogicError
from ape_ethereum.ecosystem import Ethereum
from ape_foundry.provider import FoundryProvider
from eth_utils.crypto import keccak
from web3.exceptions import ContractLogicError as NodeRefusal


@contextmanager
def reverts(expected: Any = None, **inputs: Any) -> Iterator[None]:
    """Passes if the block is refused with this error of a contract, and with these inputs of it.

    Args:
        expected: `contract.Name_Error`; None: whatever it is
    """
    try:
        yield
    except ContractLogicError as refusal:
        data = str(refusal.revert_message)
    else:
        pytest.fail(f"not refused: {expected}")
    if expected is None:
        return
    abi = expected.abi
    found = _named(expected.contract, data)
    if data[:10] != _selector(abi):
        pytest.fail(f"refused with {found}, not with {abi.name}")
    values = _decoded(expected.contract, abi, data)
    differing = {name: values.get(name) for name, is_ in inputs.items() if values.get(name) != is_}
    if differing:
        pytest.fail(f"refused with {found}, but {differing} should be {inputs}")


@pytest.fixture(scope="session", autouse=True)
def quick_refusals() -> Iterator[None]:
    """Ape neither searches nor prints the traces of what was to be refused."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FoundryProvider, "get_virtual_machine_error", _refusal_alone)
        patch.setattr(FoundryProvider, "_make_request", _request)
        yield


_ape_error = FoundryProvider.get_virtual_machine_error
_ape_request = FoundryProvider._make_request


def _refusal_alone(self: Any, exception: Exception, **options: Any) -> Any:
    if not isinstance(exception, NodeRefusal):
        return _ape_error(self, exception, **options)
    said = exception.data if isinstance(exception.data, str) else exception.message
    return ContractLogicError(base_err=exception, revert_message=said, set_ape_traceback=False)


def _request(self: Any, rpc: str, parameters: Any = None) -> Any:
    """A refused call raises with the error's data, which Ape leaves out."""
    if rpc != "eth_call":
        return _ape_request(self, rpc, parameters)
    answer = self.web3.provider.make_request(rpc, parameters)
    if "error" in answer:
        raise NodeRefusal(answer["error"]["message"], data=answer["error"].get("data"))
    return answer["result"]


def _selector(abi: Any) -> str:
    return "0x" + keccak(text=abi.selector)[:4].hex()


def _decoded(contract: Any, abi: Any, data: str) -> dict[str, Any]:
    ecosystem: Ethereum = contract.provider.network.ecosystem
    return dict(ecosystem.decode_calldata(abi, bytes.fromhex(data[10:])))


def _named(contract: Any, data: str) -> str:
    """What the contract calls the error; the bare data if it is another's."""
    for abi in contract.contract_type.errors:
        if data[:10] == _selector(abi):
            return f"{abi.name}{_decoded(contract, abi, data)}"
    return data
