"""Penstock: Kafka Connect for Python.

The map, from the bottom up; a layer imports only what stands above it in this list:

- ``penstock.errors``   the exception tree, by what the caller should do
- ``penstock.data``     Schema, logical types, headers, Record and Batch
- ``penstock.config``   one attrs class a component: parse, validate, describe, mask
- ``penstock.api``      what a plugin is: connectors, tasks, converters, transforms, hooks
- ``penstock.runtime``  what runs plugins: brokers, pipeline, offsets, tasks, hosts, herder
- ``penstock.rest``     the REST API; ``penstock.testing``: the test kit for plugin authors
- ``penstock.cli``      the command line

A plugin imports the first four and nothing else.
"""

from typing import Final

__all__ = ["__version__"]

__version__: Final = "0.1.0"
