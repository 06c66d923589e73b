"""Time zones by the names that Java has for them: of places, and offsets such as ``+01:00``."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from typing import Final

__all__ = ["is_zone", "zone_of"]

_OFFSET: Final = re.compile(r"([+-])(\d{2})(?::?(\d{2}))?", re.ASCII)
_HOURS_MAX: Final = 23
_MINUTES_MAX: Final = 59


def zone_of(name: str) -> dt.tzinfo:
    """Return a zone; raises ValueError when there is none of that name."""
    if name == "Z":
        return dt.UTC
    offset = _OFFSET.fullmatch(name)
    if offset is None:
        try:
            return zoneinfo.ZoneInfo(name)
        except (zoneinfo.ZoneInfoNotFoundError, OSError) as problem:
            raise ValueError(f"no time zone of the name '{name}'") from problem
    hours, minutes = int(offset[2]), int(offset[3] or 0)
    if hours > _HOURS_MAX or minutes > _MINUTES_MAX:
        raise ValueError(f"no offset of the name '{name}'")
    ahead = dt.timedelta(hours=hours, minutes=minutes)
    # Its name is what Java prints of it.
    return dt.timezone(-ahead if offset[1] == "-" else ahead, f"{name[0]}{hours:02d}:{minutes:02d}")


def is_zone(name: str) -> bool:
    """Whether there is a zone of that name."""
    try:
        zone_of(name)
    except ValueError:
        return False
    return True
