"""librdkafka's own lines tell the cause and the property where they are known."""

from __future__ import annotations

import logging

from penstock.runtime.kafka.client_log import _Throttle


def told(text: str) -> str:
    record = logging.LogRecord("penstock.librdkafka", logging.ERROR, "", 0, "%s", (text,), None)
    assert _Throttle().filter(record)
    return record.getMessage()


def test_a_refused_password_names_its_property() -> None:
    line = "FAIL [t#producer-1] sasl_ssl://a:1/bootstrap: SASL authentication error: 100% no"
    assert told(line) == (
        f"{line}; the broker refuses the user or the password; correct sasl.jaas.config"
    )


def test_a_line_of_another_kind_stays_as_it_is() -> None:
    line = "FAIL [t#producer-1] a:1/bootstrap: Connect to ipv4#1:1 failed: Connection refused"
    assert told(line) == line
