"""The service: who we are, and the five questions that we ask it."""

from __future__ import annotations

import datetime as dt
import email.utils
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit, urlunsplit

import attrs
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from penstock_kinesis._credentials import session, text_of
from penstock_kinesis._failures import explain
from penstock_kinesis._http2 import Tunnel
from penstock_kinesis._keys import Settings
from penstock_kinesis._shards import Shard

__all__ = ["Kinesis", "StreamFacts", "code_of"]

CONNECT_TIMEOUT_S: Final = 5
READ_TIMEOUT_S: Final = 30
VALIDATE_TIMEOUT_S: Final = 5
TARGET: Final = "Kinesis_20131202"


@attrs.frozen
class StreamFacts:
    """A stream as it is now. ``now_ms`` is the service's own clock."""

    created_ms: int | None
    now_ms: int
    arn: str = ""


class Kinesis:
    """One client, safe to share between threads."""

    def __init__(self, settings: Settings, *, threads: int = 1, hurried: bool = False) -> None:
        """Make the client; nothing is asked yet. ``hurried``: give up soon, for validation."""
        self._settings = settings
        self.where = f"stream '{settings.stream.name}' in {settings.stream.region}"
        read_s = VALIDATE_TIMEOUT_S if hurried else READ_TIMEOUT_S
        self._proxy = proxy = _proxy(settings)
        self._session = session(settings)
        self._client: Any = self._session.client(
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
            None if created is None else int(created.timestamp() * 1000),
            _server_ms(answer),
            answer["StreamDescriptionSummary"].get("StreamARN", ""),
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

    def consumer(self, stream_arn: str, wanted: str, *, register: bool) -> str | None:
        """Return the ARN of a consumer given by name or ARN; raises what the client raises.

        None: there is none of that name, and none was to be registered.
        """
        given = wanted.startswith("arn:")
        ask = {"ConsumerARN": wanted} if given else {"ConsumerName": wanted}
        if not given:
            ask["StreamARN"] = stream_arn
        for is_last in (False, True):
            try:
                found = self._client.describe_stream_consumer(**ask)["ConsumerDescription"]
                return str(found["ConsumerARN"])
            except ClientError as problem:
                if given or is_last or code_of(problem) != "ResourceNotFoundException":
                    raise
            if not register:
                return None
            try:
                made = self._client.register_stream_consumer(**ask)["Consumer"]
                return str(made["ConsumerARN"])
            except ClientError as problem:
                # Somebody else was faster: there is one now.
                if code_of(problem) != "ResourceInUseException":
                    raise
        return None

    def signed(self, action: str, ask: Mapping[str, Any]) -> tuple[str, dict[str, str], bytes]:
        """Return URL, headers and body of a question that another connection asks."""
        found = self._session.get_credentials()
        if found is None:
            raise NoCredentialsError
        body = json.dumps(ask).encode()
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{TARGET}.{action}",
        }
        request = AWSRequest("POST", self._client.meta.endpoint_url, headers=headers, data=body)
        SigV4Auth(found.get_frozen_credentials(), "kinesis", self._settings.stream.region).add_auth(
            request
        )
        prepared = request.prepare()
        return prepared.url, {name: _plain(text) for name, text in prepared.headers.items()}, body

    def tunnel(self) -> Tunnel:
        """Return how that other connection reaches the service."""
        url = self._client.meta.endpoint_url
        proxy = self._proxy or get_environ_proxies(url).get(urlsplit(url).scheme)
        return Tunnel(os.environ.get("AWS_CA_BUNDLE") or get_cert_path(True), proxy)

    def problem(self, consumer: str = "") -> str | None:
        """Try everything that a task will do, and return what is wrong.

        ``consumer``: of enhanced fan-out, by name or ARN; nothing is registered.
        """
        action = "DescribeStreamSummary"
        try:
            facts = self.facts()
            if consumer:
                action = "DescribeStreamConsumer"
                self.consumer(facts.arn, consumer, register=False)
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


def _proxy(settings: Settings) -> str | None:
    if not settings.proxy_url or not settings.proxy_user:
        return settings.proxy_url or None
    parts = urlsplit(settings.proxy_url)
    password = quote(text_of(settings.proxy_password) or "", safe="")
    place = f"{quote(settings.proxy_user, safe='')}:{password}@{parts.netloc}"
    return urlunsplit(parts._replace(netloc=place))


def code_of(problem: ClientError) -> str:
    """Return the service's name of a refusal."""
    return str(problem.response.get("Error", {}).get("Code", ""))


def _plain(text: str | bytes) -> str:
    return text.decode() if isinstance(text, bytes) else text


def _server_ms(answer: Mapping[str, Any]) -> int:
    """Return the service's clock (Unix ms) from its answer, in whole seconds; else our own."""
    date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        moment = email.utils.parsedate_to_datetime(date)
    except (TypeError, ValueError):
        moment = dt.datetime.now(dt.UTC)
    return int(moment.timestamp()) * 1000
