"""The formats of objects, each in a module of its own; opened by :func:`format_of`."""

from penstock_s3._formats._choose import FormatOptions, format_of

__all__ = ["FormatOptions", "format_of"]
