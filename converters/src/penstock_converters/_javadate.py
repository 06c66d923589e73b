"""The calendar of Java, from where transforms share it."""

from penstock.data.values import CalendarFields, date_text, days_of, moment_ms

__all__ = ["CalendarFields", "date_text", "days_of", "moment_ms"]
