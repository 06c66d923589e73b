"""Check a connector's whole configuration, its plugins' keys included, and report every key."""

from penstock.runtime.validation.connector import unknown_keys, validate

__all__ = ["unknown_keys", "validate"]
