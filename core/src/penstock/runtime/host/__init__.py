"""Hosts: the processes (or threads) that run plugin code, and how the worker talks to them."""
