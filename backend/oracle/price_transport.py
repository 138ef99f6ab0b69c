"""How price nodes reach each other: batches of messages by HTTP, one thread for each peer.

A peer that is away costs nobody else anything: what is for it is dropped once the queue is full,
and everything that matters is said again.
"""

from __future__ import annotations

import http.client
import json
import logging
import queue
import threading
from collections.abc import Sequence
from urllib.parse import urlsplit

from backend.oracle.price_messages import Message, to_document

log = logging.getLogger(__name__)

PATH = "/v1/price/messages"
SIGNER_HEADER = "Ohmstead-Signer"
_QUEUED = 256
_BATCH = 32
_TIMEOUT_S = 2.0


class PeerLink:
    """The way to one peer. `address` is who answered there last: for routing only, not trusted."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.url = url
        self.address: str | None = None
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port
        self._prefix = parts.path.rstrip("/")
        self._queue: queue.Queue[Message | None] = queue.Queue(_QUEUED)
        self._connection: http.client.HTTPConnection | None = None
        self._up = True
        self._thread = threading.Thread(target=self._run, name=f"price-peer {url}", daemon=True)

    def start(self) -> None:
        """Begins to send."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; what waits is dropped."""
        try:
            while True:
                self._queue.get_nowait()
        except queue.Empty:
            self._queue.put(None)

    def send(self, message: Message) -> None:
        """Has a message sent; never blocks."""
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            return

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch = [first]
            while len(batch) < _BATCH:
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    return
                batch.append(following)
            self._post(json.dumps([to_document(message) for message in batch]).encode())

    def _post(self, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        for attempt in range(2):  # a kept connection may have been closed by the peer meanwhile
            fresh = self._connection is None
            try:
                connection = self._connect()
                connection.request("POST", self._prefix + PATH, body, headers)
                response = connection.getresponse()
                response.read()
                self.address = response.headers.get(SIGNER_HEADER, self.address)
                self._note(None)
                return
            except (OSError, http.client.HTTPException) as error:
                self._disconnect()
                if fresh or attempt:
                    self._note(error)
                    return

    def _connect(self) -> http.client.HTTPConnection:
        if self._connection is None:
            kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
            self._connection = kind(self._host, self._port, timeout=_TIMEOUT_S)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _note(self, error: Exception | None) -> None:
        if self._up != (error is None):
            self._up = error is None
            log.log(
                logging.INFO if self._up else logging.WARNING,
                "price node %s: %s", self.url, error or "up",
            )  # fmt: skip


class Peers:
    """All other nodes."""

    def __init__(self, urls: Sequence[str]) -> None:
        self._links = [PeerLink(url) for url in urls]

    def start(self) -> None:
        """Begins to send."""
        for link in self._links:
            link.start()

    def stop(self) -> None:
        """Ends."""
        for link in self._links:
            link.stop()

    def send(self, message: Message, to: str | None) -> None:
        """Sends to the node with an address, or to all; to all too while nobody knows where."""
        chosen = [link for link in self._links if to is not None and link.address == to]
        for link in chosen or self._links:
            link.send(message)
