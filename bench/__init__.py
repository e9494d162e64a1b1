"""Measurements: `python -m bench` (or `make bench`) prints ratios within one run, never promises of time."""
