"""Countermark's core: what a picture is, what a publisher stated about it, and how to check both.

Pure: no network, database, environment, clock or global state. Time, randomness, keys, trust lists
and resolvers are arguments.
"""

__version__ = "0.1.0"
"""Of everything in this repository."""
