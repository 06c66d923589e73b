"""Which errors of librdkafka end a client that was never let in."""

from __future__ import annotations

import pytest

from penstock.runtime.kafka.refusals import refusal


@pytest.mark.parametrize(
    ("code", "text", "part"),
    [
        ("_AUTHENTICATION", "SASL authentication error: Authentication failed", "sasl.jaas.config"),
        ("_AUTHENTICATION", "something new", "not let in: something new"),
        ("_SSL", "broker certificate could not be verified, verify that", "ssl.truststore"),
    ],
)
def test_a_refused_login_or_certificate_is_told(code: str, text: str, part: str) -> None:
    told = refusal(code, text)
    assert told.startswith(f"not let in: {text}")
    assert part in told


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("_SSL", "SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener?"),
        ("_TRANSPORT", "Connection refused"),
        ("_ALL_BROKERS_DOWN", "1/1 brokers are down"),
    ],
)
def test_what_a_restart_does_too_is_no_refusal(code: str, text: str) -> None:
    assert refusal(code, text) == ""
