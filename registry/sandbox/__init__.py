"""The sandbox: a pool of confined processes that parse untrusted bytes.

`pool` is the server's side, of `slot`s with one worker each, and `turns` its queue; `worker` runs in each process,
`confinement` restricts that process, and `frames` is the protocol between the two.
"""

from registry.sandbox.confinement import LAYERS, Confinement, Layer
from registry.sandbox.frames import InputFile, Readable
from registry.sandbox.pool import BUSY_SECONDS, JOB_SECONDS, Sandbox
from registry.sandbox.turns import Budget

__all__ = [
    "BUSY_SECONDS",
    "JOB_SECONDS",
    "LAYERS",
    "Budget",
    "Confinement",
    "InputFile",
    "Layer",
    "Readable",
    "Sandbox",
]
