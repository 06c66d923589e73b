"""The S3 sinks: their keys, what is asked of S3 before they run, their tasks."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Final

from penstock.api import SinkConnector
from penstock.config import ConfigSpec, ConfigValue
from penstock.data import TopicPartition
from penstock.errors import ConnectError
from penstock_s3._aiven_config import AivenS3SinkConfig, checked_aiven, core_of
from penstock_s3._client import Bucket, open_client
from penstock_s3._config import S3SinkConfig, checked
from penstock_s3._task import AivenS3SinkTask, S3SinkTask

__all__ = ["AivenS3SinkConnector", "S3SinkConnector"]

CHECK_TIMEOUT_S: Final = 5.0
"""How long a validation waits for S3, for each of connecting and answering."""
CHECK_NAME: Final = ".penstock-check"
"""What a validation begins to write, below ``topics.dir``, and gives up at once."""


def _bucket_problem(config: S3SinkConfig) -> str | None:
    """Ask S3 for the bucket and to write; return what is wrong with it or with who we are."""
    try:
        client = open_client(config, timeout_s=CHECK_TIMEOUT_S)
        key = config.directory_delim.join(filter(None, [config.topics_dir, CHECK_NAME]))
        Bucket(config, client, threading.Event()).check(key)
    except ConnectError as problem:
        return str(problem)
    except Exception as problem:  # noqa: BLE001 - of botocore: a profile, an address, a region
        return f"no client of S3 can be made: {problem}"
    return None


def _add(values: list[ConfigValue], name: str, problem: str) -> None:
    value = next(one for one in values if one.name == name)
    value.errors.append(f"Invalid value {value.parsed} for configuration {name}: {problem}")


def _texts(raw: Mapping[str, str | None]) -> dict[str, str]:
    return {name: text for name, text in raw.items() if text is not None}


class S3SinkConnector(SinkConnector[S3SinkConfig]):
    """Writes records to objects (source: S3SinkConnector of Confluent)."""

    task_class = S3SinkTask

    @classmethod
    def validate(cls, raw: Mapping[str, str | None]) -> list[ConfigValue]:
        """Check the keys; when they are all right, ask S3 for the bucket."""
        values = checked(raw)
        if not any(value.errors for value in values):
            config = ConfigSpec.of(S3SinkConfig).parse(_texts(raw), who="S3Sink")
            problem = _bucket_problem(config)
            if problem is not None:
                _add(values, "s3.bucket.name", problem)
        return values

    def alter_offsets(self, offsets: Mapping[TopicPartition, int | None]) -> bool:
        """Any offsets make sense; objects of records that come again are found in their place."""
        return True


class AivenS3SinkConnector(SinkConnector[AivenS3SinkConfig]):
    """Writes records to objects by Aiven's keys (source: AivenKafkaConnectS3SinkConnector)."""

    task_class = AivenS3SinkTask

    @classmethod
    def validate(cls, raw: Mapping[str, str | None]) -> list[ConfigValue]:
        """Check the keys; when they are all right, ask S3 for the bucket."""
        values = checked_aiven(raw)
        if not any(value.errors for value in values):
            spec = ConfigSpec.of(AivenS3SinkConfig)
            given = spec.parse(_texts(raw), who="Aiven's S3 sink")
            problem = _bucket_problem(core_of(given))
            if problem is not None:
                name = "aws.s3.bucket.name" if given.aws_s3_bucket_name else "aws_s3_bucket"
                _add(values, name, problem)
        return values

    def alter_offsets(self, offsets: Mapping[TopicPartition, int | None]) -> bool:
        """Any offsets make sense; files of the same names are written again."""
        return True
