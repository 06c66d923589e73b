"""Records, schemas and differences in plain words, for the message of a broken law."""

from __future__ import annotations

from typing import Any, Final

from penstock.data import Headers, Record, Schema, Type
from penstock.testing._same import same

__all__ = ["column_text", "differences", "record_text", "schema_text", "short"]

_SHOWN_MAX: Final = 300
"""Characters of one value."""
_DIFFERENCES_MAX: Final = 5


def short(value: Any) -> str:
    """Return a value's ``repr``, cut when it is long."""
    if isinstance(value, Schema):
        return schema_text(value)
    text = repr(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}... ({len(text)} characters)"


def schema_text(schema: Schema | None) -> str:
    """Return a schema such as ``struct 'order' {id int64, name string?}``; ``?`` is optional."""
    if schema is None:
        return "no schema"
    parts = [schema.type.value + ("?" if schema.optional else "")]
    if schema.name is not None:
        parts.append(repr(schema.name))
    if schema.version is not None:
        parts.append(f"v{schema.version}")
    if schema.parameters:
        parts.append(str(dict(schema.parameters)))
    if schema.doc is not None:
        parts.append(f"doc {schema.doc!r}")
    if schema.default is not None:
        parts.append(f"default {short(schema.default)}")
    if schema.type is Type.STRUCT:
        fields = [f"{field.name} {schema_text(field.schema)}" for field in schema.fields]
        parts.append("{" + ", ".join(fields) + "}")
    elif schema.type is Type.MAP:
        parts.append(f"[{schema_text(schema.key_schema)} to {schema_text(schema.value_schema)}]")
    elif schema.type is Type.ARRAY:
        parts.append(f"[{schema_text(schema.value_schema)}]")
    return " ".join(parts)


def record_text(record: Record) -> str:
    """Return one line that tells a record; what is null or empty is left out."""
    parts = [f"topic {short(record.topic)}"]
    for side, value, schema in (
        ("key", record.key, record.key_schema),
        ("value", record.value, record.value_schema),
    ):
        if value is not None or schema is not None:
            parts.append(f"{side} {short(value)} of {schema_text(schema)}")
    parts += [
        f"{name} {one}"
        for name, one in (("partition", record.partition), ("timestamp", record.timestamp))
        if one is not None
    ]
    if record.headers:
        parts.append(f"headers {_headers_text(record.headers)}")
    return ", ".join(parts)


def _headers_text(headers: Headers) -> str:
    told = [f"{one.key!r}: {short(one.value)} of {schema_text(one.schema)}" for one in headers]
    return "{" + ", ".join(told) + "}"


def column_text(schema: Schema | None, rows: Any) -> str:
    """Return one line that tells the values of a column."""
    return f"{short(list(rows))} of {schema_text(schema)}"


def differences(one: Any, other: Any, path: str = "", word: str = " but ") -> str:
    """Return where two values differ and how, such as ``value.a: 1 but '1'``."""
    found = list(_differing(one, other, path))
    told = [f"{where or 'the value'}: {left}{word}{right}" for where, left, right in found]
    more = f"; and {len(told) - _DIFFERENCES_MAX} more" if len(told) > _DIFFERENCES_MAX else ""
    return "; ".join(told[:_DIFFERENCES_MAX]) + more


def _differing(one: Any, other: Any, path: str) -> list[tuple[str, str, str]]:
    if same(one, other):
        return []
    if isinstance(one, dict) and isinstance(other, dict):
        names = list(dict.fromkeys([*one, *other]))
        return [
            found
            for name in names
            for found in _member(one, other, name, f"{path}.{name}" if path else str(name))
        ]
    both_lists = isinstance(one, list | tuple) and isinstance(other, list | tuple)
    if both_lists and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [found for i, (a, b) in pairs for found in _differing(a, b, f"{path}[{i}]")]
    return [(path, *_apart(one, other))]


def _member(one: Any, other: Any, name: Any, path: str) -> list[tuple[str, str, str]]:
    if name in one and name in other:
        return _differing(one[name], other[name], path)
    left = short(one[name]) if name in one else "nothing"
    return [(path, left, short(other[name]) if name in other else "nothing")]


def _apart(one: Any, other: Any) -> tuple[str, str]:
    """Return two texts that differ; the classes are told where the values look alike."""
    left, right = short(one), short(other)
    if left == right:
        return f"{type(one).__name__} {one!r}", f"{type(other).__name__} {other!r}"
    return left, right
