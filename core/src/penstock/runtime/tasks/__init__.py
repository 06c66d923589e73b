"""Runs one task: the loop between a plugin's task and the broker. Lives in a host."""
