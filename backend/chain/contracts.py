"""Speaking a contract's ABI: calls, answers, logs, custom errors.

Encodes with eth_abi straight from the deployment's ABI: web3's contract objects take 25 times as
long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from eth_abi.abi import decode as abi_decode
from eth_abi.abi import encode as abi_encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from backend.chain.deployment import DeployedContract, Deployment, DeploymentError
from backend.chain.messages import sentence
from backend.chain.rpc import RpcError, quantity

T = TypeVar("T")
AbiItem = dict[str, Any]

_JSON_SAFE_INTEGER = 2**53
"""Integers from here on are 0x strings in events: every JSON reader keeps them exactly."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A call that can be sent or asked: where, what, how to read the answer."""

    target: str
    data: bytes
    read: Callable[[bytes], T]
    name: str

    def request(
        self, block: int | str = "latest", sender: str | None = None
    ) -> tuple[str, list[Any]]:
        """The eth_call that asks it."""
        transaction = {"to": self.target, "data": "0x" + self.data.hex()}
        if sender is not None:
            transaction["from"] = sender
        return "eth_call", [transaction, quantity(block)]


@dataclass(frozen=True, slots=True)
class DecodedLog:
    """An event of a known contract; `args` by name, as Python values (addresses checksummed)."""

    contract: str
    name: str
    args: dict[str, Any]


class ContractError(Exception):
    """A contract refused: `name` is the error's, `values` its arguments, the text a sentence."""

    def __init__(self, name: str, args: Mapping[str, Any], message: str) -> None:
        super().__init__(message)
        self.name = name
        self.values = dict(args)
        self.message = message


@dataclass(frozen=True, slots=True)
class _Function:
    name: str
    selector: bytes
    inputs: tuple[str, ...]
    input_abi: tuple[AbiItem, ...]
    output_abi: tuple[AbiItem, ...]


@dataclass(frozen=True, slots=True)
class _Event:
    name: str
    topic: str
    indexed: tuple[AbiItem, ...]
    plain: tuple[AbiItem, ...]
    order: tuple[str, ...]


class Contract:
    """One deployed contract's ABI, ready to encode and decode."""

    def __init__(self, deployed: DeployedContract) -> None:
        self.name = deployed.name
        self.address = deployed.address
        self.block = deployed.block
        self._functions: dict[str, _Function] = {}
        self._by_selector: dict[bytes, _Function] = {}
        self._events: dict[str, _Event] = {}
        for item in deployed.abi:
            kind = item.get("type")
            if kind == "function":
                self._add_function(item)
            elif kind == "event" and not item.get("anonymous"):
                event = _event(item)
                self._events[event.topic] = event

    def _add_function(self, item: AbiItem) -> None:
        function = _Function(
            item["name"],
            keccak(text=_signature(item))[:4],
            tuple(collapse_if_tuple(entry) for entry in item.get("inputs", ())),
            tuple(item.get("inputs", ())),
            tuple(item.get("outputs", ())),
        )
        self._functions.setdefault(function.name, function)
        self._functions[f"{function.name}({','.join(function.inputs)})"] = function
        self._by_selector[function.selector] = function

    def call(self, function: str, *args: Any) -> Call[Any]:
        """A call of `function` (its name, or full signature if overloaded).

        One output is read as a bare value, several as a tuple; structs are dicts by field name.
        """
        entry = self._function(function)
        data = entry.selector + abi_encode(entry.inputs, args)
        return Call(self.address, data, _reader(entry.output_abi), f"{self.name}.{entry.name}")

    def decode_input(self, data: bytes) -> tuple[str, dict[str, Any]]:
        """A call's function and arguments by name, from its calldata."""
        entry = self._by_selector.get(data[:4])
        if entry is None:
            raise ValueError(f"{self.name} has no function with selector 0x{data[:4].hex()}")
        values = abi_decode(entry.inputs, data[4:])
        return entry.name, {
            item["name"]: _named(item, value)
            for item, value in zip(entry.input_abi, values, strict=True)
        }

    def topic(self, event: str) -> str:
        """The first topic of the event called `event`, 0x hex."""
        for entry in self._events.values():
            if entry.name == event:
                return entry.topic
        raise DeploymentError(f"{self.name} has no event {event}: deployment and software differ")

    def has(self, function: str) -> bool:
        """True if the ABI has the function."""
        return function in self._functions

    def decode_log(self, topics: Sequence[str], data: bytes) -> DecodedLog | None:
        """The event a log holds; None if the ABI does not know it."""
        event = self._events.get(topics[0]) if topics else None
        if event is None or len(topics) != len(event.indexed) + 1:
            return None
        try:
            values = _indexed_values(event, topics[1:])
            plain = abi_decode([collapse_if_tuple(item) for item in event.plain], data)
        except DecodingError:
            return None
        for item, value in zip(event.plain, plain, strict=True):
            values[item["name"]] = _named(item, value)
        return DecodedLog(self.name, event.name, {name: values[name] for name in event.order})

    def _function(self, name: str) -> _Function:
        try:
            return self._functions[name]
        except KeyError:
            raise DeploymentError(
                f"{self.name} has no function {name}: deployment and software differ, deploy again"
            ) from None


class Client:
    """What the service asks of one contract, by names and types of ours."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract


class ContractSet:
    """All contracts of a deployment: by name, by address, and their errors."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._contracts = {name: Contract(entry) for name, entry in deployment.contracts.items()}
        self._by_address = {c.address.lower(): c for c in self._contracts.values()}
        self._errors = _collect_errors(deployment.contracts.values())

    def __getitem__(self, name: str) -> Contract:
        """The contract called `name`; DeploymentError if there is none."""
        if name not in self._contracts:
            raise DeploymentError(f"the deployment has no contract {name}; deploy it first")
        return self._contracts[name]

    def __contains__(self, name: object) -> bool:
        return name in self._contracts

    @property
    def addresses(self) -> list[str]:
        """Every contract's address."""
        return [contract.address for contract in self._contracts.values()]

    def at(self, address: str) -> Contract | None:
        """The contract at an address."""
        return self._by_address.get(address.lower())

    def decode_log(self, log: Mapping[str, Any]) -> DecodedLog | None:
        """The event of a log as the node gives it; None if it is not one of ours."""
        contract = self.at(log["address"])
        return (
            contract.decode_log(log["topics"], bytes.fromhex(log["data"][2:])) if contract else None
        )

    def explain(self, data: bytes) -> ContractError:
        """What revert data says, as an error with a plain sentence."""
        inputs = self._errors.get(data[:4])
        if inputs is None:
            text = (
                f"refused with unknown error 0x{data[:4].hex()}"
                if data
                else "refused without a reason"
            )
            return ContractError("", {}, text)
        name, items = inputs
        try:
            values = abi_decode([collapse_if_tuple(item) for item in items], data[4:])
        except DecodingError:
            return ContractError(name, {}, sentence(name, {}))
        args = {
            item["name"] or str(i): _named(item, v)
            for i, (item, v) in enumerate(zip(items, values, strict=True))
        }
        return ContractError(name, args, sentence(name, args))

    def revert_of(self, error: RpcError) -> ContractError | None:
        """The contract's refusal behind a node's error; None if the node itself refused."""
        if error.data:
            return self.explain(error.data)
        return self.explain(b"") if "revert" in error.message.lower() else None


def json_value(value: Any) -> Any:
    """An argument as JSON: bytes and integers of 2^53 or more become 0x hex."""
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -_JSON_SAFE_INTEGER < value < _JSON_SAFE_INTEGER else hex(value)
    if isinstance(value, dict):
        return {name: json_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return value


def integer(value: int | str) -> int:
    """An integer argument back from `json_value`."""
    return value if isinstance(value, int) else int(value, 16)


def integers(args: Mapping[str, Any], **names: str) -> dict[str, int]:
    """Arguments of an event under names of ours: `ours="theirs"`."""
    return {ours: integer(args[theirs]) for ours, theirs in names.items()}


def _signature(item: AbiItem) -> str:
    return f"{item['name']}({','.join(collapse_if_tuple(part) for part in item.get('inputs', ()))})"


def _reader(outputs: tuple[AbiItem, ...]) -> Callable[[bytes], Any]:
    types = [collapse_if_tuple(item) for item in outputs]

    def read(data: bytes) -> Any:
        decoded = abi_decode(types, data)
        values = tuple(_named(item, value) for item, value in zip(outputs, decoded, strict=True))
        return values[0] if len(values) == 1 else values

    return read


def _event(item: AbiItem) -> _Event:
    inputs = item.get("inputs", [])
    return _Event(
        item["name"],
        "0x" + keccak(text=_signature(item)).hex(),
        tuple(entry for entry in inputs if entry.get("indexed")),
        tuple(entry for entry in inputs if not entry.get("indexed")),
        tuple(entry["name"] for entry in inputs),
    )


def _indexed_values(event: _Event, topics: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for item, topic in zip(event.indexed, topics, strict=True):
        word = bytes.fromhex(topic[2:])
        kind = item["type"]
        dynamic = kind in ("string", "bytes") or kind.endswith("]") or kind.startswith("tuple")
        values[item["name"]] = word if dynamic else _named(item, abi_decode([kind], word)[0])
    return values


def _named(item: AbiItem, value: Any) -> Any:
    """A decoded value with structs as dicts by field name and addresses checksummed."""
    kind = item["type"]
    if kind.endswith("]"):
        inner = {**item, "type": kind[: kind.rindex("[")]}
        return [_named(inner, entry) for entry in value]
    if kind == "tuple":
        return {
            part["name"]: _named(part, entry)
            for part, entry in zip(item["components"], value, strict=True)
        }
    if kind == "address":
        return to_checksum_address(value)
    return value


_STANDARD_ERRORS: tuple[dict[str, Any], ...] = (
    {"type": "error", "name": "Error", "inputs": [{"name": "message", "type": "string"}]},
    {"type": "error", "name": "Panic", "inputs": [{"name": "code", "type": "uint256"}]},
)


def _collect_errors(
    contracts: Iterable[DeployedContract],
) -> dict[bytes, tuple[str, tuple[AbiItem, ...]]]:
    errors: dict[bytes, tuple[str, tuple[AbiItem, ...]]] = {}
    items: list[AbiItem] = [*_STANDARD_ERRORS]
    for contract in contracts:
        items.extend(contract.abi)
    for item in items:
        if item.get("type") == "error":
            selector = keccak(text=_signature(item))[:4]
            errors[selector] = (item["name"], tuple(item.get("inputs", ())))
    return errors
