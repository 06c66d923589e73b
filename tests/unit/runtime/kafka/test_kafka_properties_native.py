"""librdkafka's own names under their prefix, and random properties against librdkafka itself."""

from __future__ import annotations

from collections.abc import Mapping

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.errors import ConfigError
from penstock.runtime.kafka.properties import (
    ClientKind,
    Setting,
    Translation,
    row_of,
    translate,
)
from penstock.runtime.kafka.properties_native import FORBIDDEN, NATIVE, PREFIX
from penstock.runtime.kafka.properties_rules import INT_MAX
from penstock.runtime.kafka.properties_table import TABLE

PRODUCER, CONSUMER, ADMIN = ClientKind.PRODUCER, ClientKind.CONSUMER, ClientKind.ADMIN


def translated(
    kind: ClientKind, properties: Mapping[str, str], *, transactional: bool = False
) -> Translation:
    given_ = {"bootstrap.servers": "127.0.0.1:1", **properties}
    if kind is CONSUMER:
        given_.setdefault("group.id", "g")
    return translate(given_, kind, transactional=transactional)


def problems_of(
    kind: ClientKind, properties: Mapping[str, str], *, transactional: bool = False
) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        translated(kind, properties, transactional=transactional)
    return {problem.key: problem.message for problem in caught.value.problems}


def create(kind: ClientKind, config: Mapping[str, Setting]) -> None:
    """Make the client: librdkafka refuses unknown names, wrong values and contradictions."""
    makers = {PRODUCER: confluent_kafka.Producer, ADMIN: AdminClient}
    if kind is CONSUMER:
        confluent_kafka.Consumer({**config, "log_level": 0}).close()
    else:
        makers[kind]({**config, "log_level": 0})


@pytest.mark.parametrize("name", FORBIDDEN)
def test_dangerous_and_owned_native_names_are_refused(name: str) -> None:
    key = PREFIX + name
    assert FORBIDDEN[name] in problems_of(PRODUCER, {key: "x"})[key]


def test_native_names_pass_under_their_prefix() -> None:
    found = translated(
        PRODUCER,
        {
            "librdkafka.queue.buffering.max.kbytes": "4096",
            "librdkafka.socket.timeout.ms": "700",
            "request.timeout.ms": "900",
            "librdkafka.debug": "conf",
        },
    )
    assert found.config["queue.buffering.max.kbytes"] == 4_096
    assert found.config["socket.timeout.ms"] == 700
    assert found.config["request.timeout.ms"] == 900
    create(PRODUCER, found.config)


@pytest.mark.parametrize("name", [name for name in NATIVE if not name.startswith("ssl.crl")])
def test_librdkafka_knows_every_native_name(name: str) -> None:
    samples = ("5", "true", "any", "1000", "/tmp", "conf", "P-256")  # noqa: S108
    (kind, *_) = NATIVE[name].kinds
    for sample in samples:
        try:
            config = translated(kind, {PREFIX + name: sample}).config
        except ConfigError:
            continue
        try:
            create(kind, config)
        except confluent_kafka.KafkaException as problem:
            assert "No such configuration property" not in str(problem)  # noqa: PT017
        else:
            return
    pytest.fail(f"no sample suits {name}")


PLAIN_KEYS = sorted(
    name for name in TABLE if not name.startswith(("ssl.", "sasl.", "security.", "A:"))
)
VALUES = st.one_of(
    st.sampled_from(["", "true", "false", "all", "none", "gzip", "consumer", "earliest", "a.B"]),
    st.integers(-2, 10).map(str),
    st.integers(-(2**63), 2**63).map(str),
    st.integers(0, INT_MAX).map(str),
    st.text(max_size=20),
)


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(ClientKind),
    properties=st.dictionaries(st.sampled_from(PLAIN_KEYS), VALUES, max_size=8),
)
def test_a_translation_is_refused_or_accepted_by_librdkafka(
    kind: ClientKind, properties: dict[str, str]
) -> None:
    try:
        found = translated(kind, properties)
    except ConfigError as problem:
        assert problem.problems  # noqa: PT017
        return
    create(kind, found.config)


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(ClientKind),
    properties=st.dictionaries(
        st.one_of(
            st.sampled_from(sorted(TABLE)),
            st.text(max_size=30),
            st.sampled_from(sorted(NATIVE)).map(lambda name: PREFIX + name),
        ),
        st.one_of(VALUES, st.sampled_from(["SASL_SSL", "SSL", "PLAIN", "OAUTHBEARER", "PEM"])),
        max_size=8,
    ),
)
def test_any_properties_translate_or_are_refused(
    kind: ClientKind, properties: dict[str, str]
) -> None:
    try:
        found = translated(kind, properties)
    except ConfigError as problem:
        str(problem).encode()
    else:
        noted = {note.key for note in (*found.ignored, *found.unsupported)}
        for key in properties:
            row = row_of(key, kind)
            assert row is None or kind in row.kinds or key in noted
