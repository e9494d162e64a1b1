"""The demonstration on photographs: `python -m demo` (or `make demo`)."""
