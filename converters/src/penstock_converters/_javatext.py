"""Numbers as Java prints them, from where transforms share it."""

from penstock.data.values import decimal_text, double_text, float_text, to_float32

__all__ = ["decimal_text", "double_text", "float_text", "to_float32"]
