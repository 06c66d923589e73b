"""Values as the original's JVM writes and reads them, for plugins that must not differ from it.

``parse_text`` and ``plain_text`` are the plain text of headers (source: Values of the data
package); the others are parts of it that converters and transforms need by themselves. It is not
imported with :mod:`penstock.data`, since most tasks never need it.
"""

from penstock.data._javadate import CalendarFields, date_of, date_text, days_of, moment_ms
from penstock.data._javatext import decimal_text, double_text, float_text, to_float32
from penstock.data._values import parse_text, plain_text

__all__ = [
    "CalendarFields",
    "date_of",
    "date_text",
    "days_of",
    "decimal_text",
    "double_text",
    "float_text",
    "moment_ms",
    "parse_text",
    "plain_text",
    "to_float32",
]
