"""The sandbox: a pool of confined processes in which a stranger's bytes are parsed.

`pool` is what the server holds, `worker` is what runs in each process, `confinement` is what the
kernel is asked to refuse it, and `frames` is how the two speak.
"""

from registry.sandbox.confinement import Confinement
from registry.sandbox.pool import BUSY_SECONDS, JOB_SECONDS, Sandbox

__all__ = ["BUSY_SECONDS", "JOB_SECONDS", "Confinement", "Sandbox"]
