"""Check a connector's whole configuration, its plugins' keys included, and report every key."""

from penstock.runtime.validation.connector import validate

__all__ = ["validate"]
