"""The sandbox: a pool of confined processes that parse untrusted bytes.

`pool` is the server's side, `worker` runs in each process, `confinement` restricts that process, and `frames` is the
protocol between the two.
"""

from registry.sandbox.confinement import Confinement
from registry.sandbox.pool import BUSY_SECONDS, JOB_SECONDS, Sandbox

__all__ = ["BUSY_SECONDS", "JOB_SECONDS", "Confinement", "Sandbox"]
