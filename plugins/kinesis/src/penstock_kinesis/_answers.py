"""Answers with records, read in bulk: botocore's own way costs most of a record's time."""

from __future__ import annotations

import binascii
import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import orjson
from botocore.parsers import PROTOCOL_PARSERS, JSONParser, ResponseParserFactory
from botocore.utils import parse_timestamp

__all__ = ["Answers", "loaded", "moment"]

_RECORDS: Final = "GetRecordsOutput"


def loaded(body: bytes) -> dict[str, Any]:
    """Return what JSON says, with the data of its ``Records`` as bytes, and arrivals as moments.

    Raises:
        ValueError: it is not JSON.
    """
    found: dict[str, Any] = orjson.loads(body)
    unpack, since, utc = binascii.a2b_base64, dt.datetime.fromtimestamp, dt.UTC
    for record in found.get("Records") or ():
        record["Data"] = unpack(record["Data"])
        arrived = record["ApproximateArrivalTimestamp"]
        is_number = isinstance(arrived, int | float)
        record["ApproximateArrivalTimestamp"] = (
            since(arrived, utc) if is_number else moment(arrived)
        )
    return found


def moment(value: Any) -> dt.datetime:
    """Read a timestamp; the client's own way asks for the zone of this machine each time."""
    if isinstance(value, int | float):
        return dt.datetime.fromtimestamp(value, dt.UTC)
    found: dt.datetime = parse_timestamp(value)
    return found.astimezone(dt.UTC)


class _Parser(JSONParser):  # type: ignore[misc] # botocore has no types
    def _do_parse(self, response: Mapping[str, Any], shape: Any) -> Any:
        if shape is None or shape.name != _RECORDS:
            return super()._do_parse(response, shape)
        try:
            parsed = loaded(response["body"])
        except (ValueError, KeyError, TypeError):
            # Not what the service says: the client's own words are best.
            return super()._do_parse(response, shape)
        self._inject_response_metadata(parsed, response["headers"])
        return parsed


class Answers(ResponseParserFactory):  # type: ignore[misc] # likewise
    """Makes the parsers of a session's clients."""

    def create_parser(self, protocol_name: str) -> Any:
        """Return a parser of the protocol; ours for JSON."""
        kind = _Parser if protocol_name == "json" else PROTOCOL_PARSERS[protocol_name]
        return kind(timestamp_parser=moment)
