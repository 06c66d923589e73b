"""The names that dates have in the English locale, and what they stand for."""

from __future__ import annotations

from typing import Final

__all__ = ["ERAS", "HALVES", "MONTHS", "SHORT", "WEEKDAYS", "ZONES"]

SHORT: Final = 3
"""Letters of a month's or weekday's short name."""
MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
ERAS: Final = {"BC": 0, "AD": 1, "Before Christ": 0, "Anno Domini": 1}
HALVES: Final = {"AM": 0, "PM": 1}
ZONES: Final = {
    "UTC": 0,
    "GMT": 0,
    "COORDINATED UNIVERSAL TIME": 0,
    "GREENWICH MEAN TIME": 0,
    "EST": -300,
    "EDT": -240,
    "CST": -360,
    "CDT": -300,
    "MST": -420,
    "MDT": -360,
    "PST": -480,
    "PDT": -420,
}
"""Minutes east of UTC: the zones that RFC 822 names, in upper case; others mean several places."""
