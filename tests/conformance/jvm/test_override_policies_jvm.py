"""The built-in policies for client overrides beside the original's."""

from __future__ import annotations

from types import ModuleType

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from penstock.runtime.override_policies import POLICY_KEY, override_problems
from tests.parts.jvm_classes import java_class, java_map

_PACKAGE = "org.apache.kafka.connect.connector.policy."
_ALLOWLIST = "connector.client.config.override.allowlist"
_NAMES = st.sampled_from(
    [
        *("acks", "linger.ms", "Linger.ms", " acks", "sasl.jaas.config", "sasl.mechanism"),
        *("security.protocol", "sasl.jaas.configs", "bootstrap.servers", "own.x", "max.poll"),
    ]
)


@settings(suppress_health_check=[*HealthCheck], deadline=None)
@given(
    policy=st.sampled_from(["All", "None", "Principal", "Allowlist"]),
    client=st.sampled_from(["producer", "consumer", "admin"]),
    asked=st.dictionaries(_NAMES, st.just("1"), max_size=6),
    allowed=st.lists(_NAMES.map(str.strip), max_size=3, unique=True).map(", ".join),
)
def test_the_same_overrides_are_refused_in_the_same_words(
    jvm: ModuleType, policy: str, client: str, asked: dict[str, str], allowed: str
) -> None:
    request = java_class(f"{_PACKAGE}ConnectorClientConfigRequest")
    kind = java_class(f"{_PACKAGE}ConnectorClientConfigRequest$ClientType").valueOf(client.upper())
    source = java_class("org.apache.kafka.connect.health.ConnectorType").SOURCE
    made = java_class(f"{_PACKAGE}{policy}ConnectorClientConfigOverridePolicy")()
    made.configure(java_map({_ALLOWLIST: allowed}))
    theirs = {
        f"{client}.override.{value.name()}": [str(one) for one in value.errorMessages()]
        for value in made.validate(request("c", source, None, java_map(asked), kind))
    }
    raw = {f"{client}.override.{name}": text for name, text in asked.items()}
    problems = override_problems(raw, {POLICY_KEY: policy, _ALLOWLIST: allowed})
    ours = {one.key: one.message for one in problems}
    assert set(ours) == {key for key, told in theirs.items() if told}
    for key, told in ours.items():
        (words,) = theirs[key]
        assert told.startswith(words)


def test_the_default_is_the_originals(jvm: ModuleType) -> None:
    spec = java_class("org.apache.kafka.connect.runtime.standalone.StandaloneConfig")(
        java_map(
            {
                "bootstrap.servers": "localhost:9092",
                "key.converter": "org.apache.kafka.connect.storage.StringConverter",
                "value.converter": "org.apache.kafka.connect.storage.StringConverter",
                "offset.storage.file.filename": "offsets",
            }
        )
    )
    assert str(spec.getString(POLICY_KEY)) == "All"
