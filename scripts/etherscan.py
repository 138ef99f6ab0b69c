"""Publishes contract sources at Etherscan, in the form in which Ape compiled them.

Ape has a plugin for this, but with it installed every Ape command asks Etherscan's server, on a
local chain and without a key too. Etherscan's API (version 2) needs two calls.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import requests

API = "https://api.etherscan.io/v2/api"
_POLL_S = 3.0
_POLLS = 40
_NOT_INDEXED = "unable to locate contractcode"


class EtherscanError(RuntimeError):
    """Etherscan did not take the source; the message is its own."""


@dataclass(frozen=True, slots=True)
class Source:
    """One contract's source as it was compiled.

    Args:
        standard_json: the compiler's input, sources included.
        compiler: as Etherscan writes it, 'v0.8.37+commit.f401782d'.
        name: 'contracts/tokens/GridToken.sol:GridToken'.
        constructor_arguments: ABI-encoded.
    """

    standard_json: dict[str, Any]
    compiler: str
    name: str
    constructor_arguments: bytes


class Etherscan:
    """Etherscan's verification API for one chain."""

    def __init__(
        self, chain_id: int, api_key: str, url: str = API, poll_s: float = _POLL_S
    ) -> None:
        self._query = {"chainid": str(chain_id), "apikey": api_key}
        self._url = url
        self._poll_s = poll_s

    def verify(self, address: str, source: Source) -> None:
        """Submits the source and waits for the verdict; a verified one is no error.

        Raises:
            EtherscanError: refused, or no verdict in time.
        """
        for _ in range(_POLLS):
            answer = self._submit(address, source)
            if answer["status"] == "1":
                self._await_verdict(str(answer["result"]))
                return
            result = str(answer["result"])
            if "already verified" in result.lower():
                return
            if _NOT_INDEXED not in result.lower():
                raise EtherscanError(result)
            time.sleep(self._poll_s)  # it has not seen the new contract yet
        raise EtherscanError(f"Etherscan does not know the contract at {address} yet; run again")

    def _submit(self, address: str, source: Source) -> dict[str, Any]:
        return self._post(
            {
                "module": "contract",
                "action": "verifysourcecode",
                "codeformat": "solidity-standard-json-input",
                "sourceCode": json.dumps(source.standard_json),
                "contractaddress": address,
                "contractname": source.name,
                "compilerversion": source.compiler,
                # Etherscan's own spelling.
                "constructorArguements": source.constructor_arguments.hex(),
            }
        )

    def _await_verdict(self, guid: str) -> None:
        query = {"module": "contract", "action": "checkverifystatus", "guid": guid}
        for _ in range(_POLLS):
            answer = self._post(query)
            result = str(answer["result"])
            if answer["status"] == "1" or "already verified" in result.lower():
                return
            if "pending" not in result.lower():
                raise EtherscanError(result)
            time.sleep(self._poll_s)
        raise EtherscanError("no verdict in time; look at the contract's page")

    def _post(self, form: dict[str, str]) -> dict[str, Any]:
        try:
            answer = requests.post(self._url, params=self._query, data=form, timeout=60)
            content: dict[str, Any] = answer.json()
            _ = content["status"], content["result"]
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            raise EtherscanError(f"{self._url} does not answer as it should: {error}") from error
        return content
