"""Benchmarks and what is fitted: on one thread, as the service's workers run (`registry.sandbox.pool`)."""

import os

os.environ |= {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}  # read when numpy is imported
