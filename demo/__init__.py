"""The main path on real pictures: `python -m demo` (or `make demo`)."""
