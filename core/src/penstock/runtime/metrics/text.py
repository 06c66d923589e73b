"""The text format of Prometheus, version 0.0.4. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

import attrs

__all__ = ["CONTENT_TYPE", "Sample", "exposition"]

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_LABEL: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})
_HELP: Final = str.maketrans({"\\": "\\\\", "\n": "\\n"})


@attrs.frozen
class Sample:
    """One value of one metric."""

    name: str
    labels: Mapping[str, str]
    value: float


def exposition(samples: Iterable[Sample], known: Mapping[str, tuple[str, str]]) -> str:
    """Return the samples as text, those of one name together, in the order of ``known``.

    ``known`` gives type and help of each name; raises KeyError for a name that is not in it.
    """
    lines: dict[str, list[str]] = {name: [] for name in known}
    for one in samples:
        lines[one.name].append(f"{one.name}{_labels(one.labels)} {_number(one.value)}\n")
    parts: list[str] = []
    for name, values in lines.items():
        if values:
            kind, told = known[name]
            parts += [f"# HELP {name} {told.translate(_HELP)}\n", f"# TYPE {name} {kind}\n"]
            parts += values
    return "".join(parts)


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    inside = ",".join(f'{name}="{text.translate(_LABEL)}"' for name, text in labels.items())
    return f"{{{inside}}}"


def _number(value: float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("+Inf" if value > 0 else "-Inf")
    return str(int(value)) if float(value).is_integer() else repr(float(value))
