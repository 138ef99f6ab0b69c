"""Asking the oracle nodes for signatures, all at once, until enough are there."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from concurrent.futures import TimeoutError as FuturesTimeoutError
from dataclasses import asdict, dataclass
from typing import Any

import requests
from eth_account.signers.local import LocalAccount

from backend.chain.types import Quorum
from backend.chain.v2g import Plug
from backend.oracle.digests import BatteryReport, request_digest, sign, signer_of
from backend.oracle.proposal import PolicyProposal, SlotProposal

log = logging.getLogger(__name__)

_BINARY = frozenset({"/v1/slots", "/v1/policy"})


class NodeRefusedError(Exception):
    """An oracle node answered that it will not sign. `meters`: whose lines are the reason."""

    def __init__(self, code: str, message: str, meters: Sequence[int]) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.meters = tuple(meters)


class QuorumError(Exception):
    """Too few signatures.

    `impossible` is True if so many nodes refused that waiting cannot help; `meters` are those whose
    lines they refused. Otherwise nodes are down or slow: ask again.
    """

    def __init__(
        self, message: str, refusals: Mapping[str, NodeRefusedError], *, impossible: bool
    ) -> None:
        super().__init__(message)
        self.refusals = dict(refusals)
        self.impossible = impossible
        self.meters = sorted({meter for r in refusals.values() for meter in r.meters})


@dataclass(frozen=True, slots=True)
class SignerState:
    """An oracle node as last seen."""

    url: str
    signer: str | None
    up: bool
    error: str | None


class QuorumClient:
    """The oracle nodes behind `urls`. Threads may share it.

    Args:
        relayer: signs the requests, so that nodes know who asks
        timeout_s: for a battery report; a slot is given `slot_timeout_s`
    """

    def __init__(
        self,
        urls: Sequence[str],
        relayer: LocalAccount,
        *,
        timeout_s: float = 2.0,
        slot_timeout_s: float = 20.0,
    ) -> None:
        self._urls = list(urls)
        self._relayer = relayer
        self._timeout_s = timeout_s
        self._slot_timeout_s = slot_timeout_s
        self._pool = ThreadPoolExecutor(max(2, 2 * len(self._urls)), thread_name_prefix="quorum")
        self._local = threading.local()
        self._states = {url: SignerState(url, None, False, "not asked yet") for url in self._urls}

    def close(self) -> None:
        """Ends its threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def sign_slot(self, proposal: SlotProposal, digest: bytes, quorum: Quorum) -> list[bytes]:
        """Enough signatures of a slot, ordered by ascending signer as the chain wants them.

        Raises:
            QuorumError: too few nodes signed.
        """
        body = proposal.to_bytes()
        return self._collect("/v1/slots", body, digest, quorum, self._slot_timeout_s)

    def sign_battery(
        self, report: BatteryReport, frames: Sequence[bytes], digest: bytes, quorum: Quorum
    ) -> list[bytes]:
        """Enough signatures of a battery report; as `sign_slot`."""
        document = {
            "battery": report.battery,
            "soc_bps": report.soc_bps,
            "observed_at": report.observed_at,
            "frames": [frame.hex() for frame in frames],
        }
        body = json.dumps(document).encode()
        return self._collect("/v1/batteries", body, digest, quorum, self._timeout_s)

    def sign_carbon(
        self, first_hour: int, grams_per_kwh: Sequence[int], digest: bytes, quorum: Quorum
    ) -> list[bytes]:
        """Enough signatures of hours of the main grid's carbon intensity; as `sign_slot`."""
        document = {"first_hour": first_hour, "g_per_kwh": list(grams_per_kwh)}
        body = json.dumps(document).encode()
        return self._collect("/v1/carbon", body, digest, quorum, self._timeout_s)

    def sign_plug(self, plug: Plug, digest: bytes, quorum: Quorum) -> list[bytes]:
        """Enough signatures of a car at a charge point; as `sign_slot`."""
        body = json.dumps(asdict(plug)).encode()
        return self._collect("/v1/plugs", body, digest, quorum, self._timeout_s)

    def sign_soc(
        self, session: int, slot: int, soc_bps: int, digest: bytes, quorum: Quorum
    ) -> list[bytes]:
        """Enough signatures of a car's charge at the end of a slot; as `sign_slot`."""
        document = {"session": session, "slot": slot, "soc_bps": soc_bps}
        body = json.dumps(document).encode()
        return self._collect("/v1/charges", body, digest, quorum, self._timeout_s)

    def sign_receipts(
        self, evidence: Sequence[Mapping[int, bytes]], digest: bytes, quorum: Quorum
    ) -> list[bytes]:
        """Enough signatures of what the frames of each mesh session prove; as `sign_slot`."""
        sessions = [[frame.hex() for frame in frames.values()] for frames in evidence]
        body = json.dumps({"sessions": sessions}).encode()
        return self._collect("/v1/receipts", body, digest, quorum, self._slot_timeout_s)

    def sign_policy(self, proposal: PolicyProposal, digest: bytes, quorum: Quorum) -> list[bytes]:
        """Enough signatures of a policy epoch's update; as `sign_slot`."""
        body = proposal.to_bytes()
        return self._collect("/v1/policy", body, digest, quorum, self._slot_timeout_s)

    def last_registers(self, slot: int) -> dict[int, bytes]:
        """What a node that signed `slot` or later signed of each meter last: for an empty store.

        One node's word suffices: a wrong one leads to a slot that the others refuse.

        Raises:
            QuorumError: no node that signed the slot answers.
        """
        path = "/v1/leaves"
        header = "Ohmstead 0x" + sign(self._relayer, request_digest(path, b"")).hex()
        for url in self._urls:
            try:
                response = self._session().post(
                    url + path, headers={"Authorization": header}, timeout=self._slot_timeout_s
                )
                answer = response.json()
                if answer["latest_slot"] >= slot:
                    found = answer["registers"].items()
                    return {int(meter): bytes.fromhex(word) for meter, word in found}
            except (requests.RequestException, ValueError, KeyError, TypeError) as error:
                log.warning("oracle node %s: %s", url, error)
        raise QuorumError(f"no oracle node remembers slot {slot}", {}, impossible=False)

    def price_reports(self, after: int) -> list[dict[str, Any]]:
        """What every node that answers knows of price rounds above `after`.

        A report is one node's word: its own price and terms, and the round's decision if it knows
        one. `signer` is who answered there, which a decision's signatures do not depend on.
        """
        path, body = "/v1/price/rounds", json.dumps({"after": after}).encode()
        header = "Ohmstead 0x" + sign(self._relayer, request_digest(path, body)).hex()

        def ask(url: str) -> list[dict[str, Any]]:
            try:
                headers = {"Authorization": header, "Content-Type": "application/json"}
                response = self._session().post(
                    url + path, data=body, headers=headers, timeout=self._timeout_s
                )
                if response.status_code == 404:  # a node without a part in price rounds
                    return []
                response.raise_for_status()
                return [dict(report) for report in response.json()["rounds"]]
            except (requests.RequestException, ValueError, KeyError, TypeError) as error:
                log.debug("price reports of %s: %s", url, error)
                return []

        return [report for found in self._pool.map(ask, self._urls) for report in found]

    def states(self) -> list[SignerState]:
        """Every node as last seen; `look` asks them now."""
        return [self._states[url] for url in self._urls]

    def look(self) -> list[SignerState]:
        """Asks every node how it is."""
        list(self._pool.map(self._look_at, self._urls))
        return self.states()

    # ---- collecting ----------------------------------------------------------------------------

    def _collect(
        self, path: str, body: bytes, digest: bytes, quorum: Quorum, timeout_s: float
    ) -> list[bytes]:
        header = "Ohmstead 0x" + sign(self._relayer, request_digest(path, body)).hex()
        asked: dict[Future[bytes], str] = {
            self._pool.submit(self._ask, url, path, body, header, timeout_s): url
            for url in self._urls
        }
        found: dict[str, bytes] = {}
        refusals: dict[str, NodeRefusedError] = {}
        problems: dict[str, str] = {}
        deadline = time.monotonic() + timeout_s + 1
        try:
            for future in as_completed(asked, timeout=max(0.0, deadline - time.monotonic())):
                self._take(asked[future], future, digest, quorum, found, refusals, problems)
                if len(found) >= quorum.threshold:
                    break  # the others sign too, for their own memory; nobody waits for them
        except FuturesTimeoutError:
            for future, url in asked.items():
                if not future.done():
                    problems[url] = f"no answer in {timeout_s:.0f} s"
        if len(found) < quorum.threshold:
            raise self._too_few(found, refusals, problems, quorum)
        ordered = sorted(found, key=lambda address: int(address, 16))
        return [found[address] for address in ordered[: quorum.threshold]]

    def _take(
        self,
        url: str,
        future: Future[bytes],
        digest: bytes,
        quorum: Quorum,
        found: dict[str, bytes],
        refusals: dict[str, NodeRefusedError],
        problems: dict[str, str],
    ) -> None:
        try:
            signature = future.result()
        except NodeRefusedError as refusal:
            refusals[url] = refusal
            problems[url] = str(refusal)
            self._saw(url, None, True, str(refusal))
            return
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            problems[url] = f"{type(error).__name__}: {error}"
            self._saw(url, None, False, problems[url])
            return
        signer = signer_of(digest, signature)
        if signer is None or signer not in quorum.signers:
            problems[url] = f"signed as {signer}, who is no current oracle node"
            self._saw(url, signer, False, problems[url])
            return
        found[signer] = signature
        self._saw(url, signer, True, None)

    def _too_few(
        self,
        found: Mapping[str, bytes],
        refusals: Mapping[str, NodeRefusedError],
        problems: Mapping[str, str],
        quorum: Quorum,
    ) -> QuorumError:
        reasons = "; ".join(f"{url}: {reason}" for url, reason in problems.items())
        message = (
            f"{len(found)} of {quorum.threshold} signatures: {reasons or 'no signer_urls set'}"
        )
        impossible = len(quorum.signers) - len(refusals) < quorum.threshold
        return QuorumError(message, refusals, impossible=impossible)

    def _ask(self, url: str, path: str, body: bytes, header: str, timeout_s: float) -> bytes:
        kind = "application/json" if path not in _BINARY else "application/octet-stream"
        response = self._session().post(
            url + path,
            data=body,
            headers={"Content-Type": kind, "Authorization": header},
            timeout=timeout_s,
        )
        answer = response.json()
        if response.ok:
            return bytes.fromhex(answer["signature"][2:])
        error = answer["error"]
        if response.status_code in (400, 409):
            raise NodeRefusedError(error["code"], error["message"], error.get("meters", ()))
        raise requests.HTTPError(f"HTTP {response.status_code}: {error['message']}")

    def _look_at(self, url: str) -> None:
        try:
            response = self._session().get(url + "/v1/status", timeout=self._timeout_s)
            self._saw(url, response.json()["signer"], True, None)
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            self._saw(url, None, False, f"{type(error).__name__}: {error}")

    def _saw(self, url: str, signer: str | None, up: bool, error: str | None) -> None:
        before = self._states[url]
        if before.up != up:
            log.log(
                logging.INFO if up else logging.WARNING, "oracle node %s: %s", url, error or "up"
            )
        self._states[url] = SignerState(url, signer or before.signer, up, error)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            session.trust_env = False
            self._local.session = session
        return session
