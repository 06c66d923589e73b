"""The service: who we are, and the five questions that we ask it."""

from __future__ import annotations

import datetime as dt
import email.utils
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import attrs
import boto3
from botocore.config import Config
from botocore.credentials import DeferredRefreshableCredentials, create_assume_role_refresher
from botocore.session import Session
from botocore.utils import parse_timestamp

from penstock.config import Password
from penstock_kinesis._failures import explain
from penstock_kinesis._keys import Settings
from penstock_kinesis._shards import Shard

__all__ = ["Kinesis", "StreamFacts"]

CONNECT_TIMEOUT_S: Final = 5
READ_TIMEOUT_S: Final = 30
VALIDATE_TIMEOUT_S: Final = 5


@attrs.frozen
class StreamFacts:
    """A stream as it is now. ``now_ms`` is the service's own clock."""

    created_ms: int | None
    now_ms: int


class Kinesis:
    """One client, safe to share between threads."""

    def __init__(self, settings: Settings, *, threads: int = 1, hurried: bool = False) -> None:
        """Make the client; nothing is asked yet. ``hurried``: give up soon, for validation."""
        self._settings = settings
        self.where = f"stream '{settings.stream.name}' in {settings.stream.region}"
        read_s = VALIDATE_TIMEOUT_S if hurried else READ_TIMEOUT_S
        proxy = _proxy(settings)
        self._client: Any = _session(settings).client(
            "kinesis",
            region_name=settings.stream.region,
            endpoint_url=settings.endpoint or None,
            config=Config(
                connect_timeout=CONNECT_TIMEOUT_S,
                read_timeout=read_s,
                # Waits and tries are ours: a thread that waits for one shard reads no other.
                retries={"total_max_attempts": 1},
                max_pool_connections=threads + 1,
                proxies={"http": proxy, "https": proxy} if proxy else None,
            ),
        )

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def facts(self) -> StreamFacts:
        """Ask about the stream; raises what the client raises."""
        answer = self._client.describe_stream_summary(**self._settings.stream.call())
        created = answer["StreamDescriptionSummary"].get("StreamCreationTimestamp")
        return StreamFacts(
            None if created is None else int(created.timestamp() * 1000), _server_ms(answer)
        )

    def shards(self) -> list[Shard]:
        """List all shards that still hold records; raises what the client raises."""
        return list(self._pages())

    def _pages(self) -> Iterator[Shard]:
        ask: dict[str, Any] = dict(self._settings.stream.call())
        while True:
            answer = self._client.list_shards(**ask)
            for shard in answer["Shards"]:
                found = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                ended = shard.get("SequenceNumberRange", {}).get("EndingSequenceNumber")
                parents = tuple(one for one in found if one)
                yield Shard(shard["ShardId"], parents, ended is not None)
            token = answer.get("NextToken")
            if not token:
                return
            # The token stands for the stream too; naming both is an error.
            ask = {"NextToken": token}

    def iterator(self, shard: str, request: Mapping[str, Any]) -> str:
        """Ask for an iterator; raises what the client raises."""
        answer = self._client.get_shard_iterator(
            **self._settings.stream.call(), ShardId=shard, **request
        )
        return str(answer["ShardIterator"])

    def read(self, iterator: str, limit: int | None = None) -> dict[str, Any]:
        """Read records; raises what the client raises."""
        ask: dict[str, Any] = {
            "ShardIterator": iterator,
            "Limit": self._settings.record_limit if limit is None else limit,
        }
        if self._settings.stream.arn:
            ask["StreamARN"] = self._settings.stream.arn
        found: dict[str, Any] = self._client.get_records(**ask)
        return found

    def problem(self) -> str | None:
        """Try everything that a task will do, and return what is wrong."""
        action = "DescribeStreamSummary"
        try:
            self.facts()
            action = "ListShards"
            shards = self.shards()
            if shards:
                action = "GetShardIterator"
                iterator = self.iterator(shards[-1].id, {"ShardIteratorType": "LATEST"})
                action = "GetRecords"
                self.read(iterator, 1)
        except Exception as problem:  # noqa: BLE001 - whatever it is, the user is told
            failure = explain(problem, action, self.where)
            return None if failure.kind.value == "throttled" else failure.message
        return None


def _session(settings: Settings) -> Any:
    inner = Session(profile=settings.profile or None)
    inner.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
    plain = boto3.session.Session(
        botocore_session=inner,
        aws_access_key_id=settings.access_key or None,
        aws_secret_access_key=_text(settings.secret_key),
        aws_session_token=_text(settings.session_token) if settings.access_key else None,
        region_name=settings.stream.region,
    )
    if not settings.role_arn:
        return plain
    parts = {
        "RoleArn": settings.role_arn,
        "RoleSessionName": settings.role_session,
        "ExternalId": _text(settings.role_external_id),
    }
    refresh = create_assume_role_refresher(
        plain.client("sts"), {name: text for name, text in parts.items() if text}
    )
    assumed = Session()
    assumed.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_moment)
    assumed._credentials = DeferredRefreshableCredentials(  # noqa: SLF001 - botocore has no setter
        refresh_using=refresh, method="sts-assume-role"
    )
    return boto3.session.Session(botocore_session=assumed, region_name=settings.stream.region)


def _moment(value: Any) -> dt.datetime:
    """Read a timestamp; the client's own way asks for the zone of this machine each time."""
    if isinstance(value, int | float):
        return dt.datetime.fromtimestamp(value, dt.UTC)
    found: dt.datetime = parse_timestamp(value)
    return found.astimezone(dt.UTC)


def _proxy(settings: Settings) -> str | None:
    if not settings.proxy_url or not settings.proxy_user:
        return settings.proxy_url or None
    parts = urlsplit(settings.proxy_url)
    password = quote(_text(settings.proxy_password) or "", safe="")
    place = f"{quote(settings.proxy_user, safe='')}:{password}@{parts.netloc}"
    return urlunsplit(parts._replace(netloc=place))


def _text(password: Password | None) -> str | None:
    return password.value or None if password is not None else None


def _server_ms(answer: Mapping[str, Any]) -> int:
    """Return the service's clock (Unix ms) from its answer, in whole seconds; else our own."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        moment = email.utils.parsedate_to_datetime(date)
    except (TypeError, ValueError):
        moment = dt.datetime.now(dt.UTC)
    return int(moment.timestamp()) * 1000
