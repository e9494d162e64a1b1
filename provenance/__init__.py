"""Countermark's core: what a picture is, what a publisher stated about it, and how to check both.

Pure: no network, database, environment, clock or global state. Time, randomness, keys, trust lists
and resolvers are arguments.

Public are `errors`, `limits`, the modules that speak a public format (docs/reference/python/core.md lists them), and
what `countermark` hands out. Every other module is internal to the projects of this repository, and may change with any
release.
"""

__version__ = "0.1.0"
"""Of everything in this repository."""
