"""The S3 sinks keep the contract of connectors."""

from __future__ import annotations

from typing import Any

import pytest

from penstock.api import SinkConnector, SinkTask
from penstock.testing import assert_config_spec
from penstock_s3 import AivenS3SinkConnector, S3SinkConnector

RIGHT: list[tuple[type[SinkConnector[Any]], dict[str, str]]] = [
    (S3SinkConnector, {"s3.bucket.name": "lake", "flush.size": "3"}),
    (
        AivenS3SinkConnector,
        {
            "aws.s3.bucket.name": "lake",
            "aws.access.key.id": "k",
            "aws.secret.access.key": "hush",
        },
    ),
]


@pytest.mark.parametrize(("plugin", "config"), RIGHT)
def test_configuration_keeps_its_laws(
    plugin: type[SinkConnector[Any]], config: dict[str, str]
) -> None:
    assert_config_spec(plugin, config)
    assert_config_spec(plugin.task_class, config)


@pytest.mark.parametrize(("plugin", "config"), RIGHT)
@pytest.mark.parametrize("tasks", [1, 3])
def test_every_task_has_the_whole_configuration(
    plugin: type[SinkConnector[Any]], config: dict[str, str], tasks: int
) -> None:
    made = plugin(plugin.config_spec().parse(config))
    assert plugin.version() == "0.1.0"
    assert issubclass(plugin.task_class, SinkTask)

    class Context:
        raw_config = config

    made.context = Context()  # type: ignore[assignment]  # all that a sink asks of it
    found = [dict(one) for one in made.task_configs(tasks)]
    assert found == [found[0]] * tasks
    assert config.items() <= found[0].items()
