"""The herder decides what runs: commands and host events in, actions out.

``state`` and ``standalone`` are pure; ``driver`` is the thread that carries out what they decide.
"""
