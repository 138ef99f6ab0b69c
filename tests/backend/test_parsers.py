"""Bytes of anybody's making against whatever reads bytes: only the errors that are promised."""

from __future__ import annotations

import pytest
from fuzz_targets import TARGETS
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.client import MQTTMessage

from backend.api.home_assistant import read_order
from backend.ingest.mqtt_gateway import read_message

NOISE = st.binary(max_size=700)
FRAMELIKE = st.builds(
    lambda kind, rest: bytes([0x4F, 0x10 | kind]) + rest, st.integers(0, 15), NOISE
)


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=60, deadline=None)
@given(data=NOISE | FRAMELIKE)
def test_parser_raises_nothing_but_what_it_promises(name: str, data: bytes) -> None:
    TARGETS[name](data)


@pytest.mark.parametrize("name", ["http_readings", "blynk_request", "ocpp_message"])
def test_brackets_nested_by_thousands_are_refused(name: str) -> None:
    for body in (b"[" * 50_000, b'{"a":' * 50_000):
        for sent in (body, b"\0" + body):
            TARGETS[name](sent)


@pytest.mark.parametrize(
    "topic",
    [b"grid/node/" + b"9" * 5_000 + b"/up", b"grid/node/\xff/up", b"7", b"", b"grid/node/0/up"],
)
def test_a_topic_that_names_nobody_is_nobodys(topic: bytes) -> None:
    """Python refuses to read numbers of thousands of digits: that ended the broker's thread."""
    message = MQTTMessage(1, topic)
    message.payload = b"ON"
    assert read_message(message) == (0, [])
    assert read_order(message) is None


def test_an_order_to_a_relay_is_read_and_what_was_kept_is_none() -> None:
    message = MQTTMessage(1, b"grid/relay/9/set")
    message.payload = b"OFF"
    assert read_order(message) == (9, False)
    message.retain = True
    assert read_order(message) is None
