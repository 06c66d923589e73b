"""Imported by a fork server, it has all hosts run the doubles."""

from __future__ import annotations

import operator

from host_doubles import install

install(operator.setitem)
