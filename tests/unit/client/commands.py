"""The `countermark` command as tests run it."""

import os
import pty
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

FORMATTING = ("COLUMNS", "FORCE_COLOR", "TERM", "NO_COLOR")


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


COMMAND = [sys.executable, "-m", "countermark"]


def fits(text: str) -> bool:
    return all(len(line) <= 80 for line in text.splitlines())


def on_a_terminal(
    arguments: list[str], environment: dict[str, str], answers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Exit status, and what a terminal of 80 columns is sent, with what is typed there.

    Args:
        answers: what is typed, each once, when the terminal has been sent the question that it is to.
    """
    waiting = dict(answers or {})
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [*COMMAND, *arguments], environment | {"TERM": "xterm", "COLUMNS": "80"})
    sent = b""
    try:
        while chunk := os.read(terminal, 65_536):
            sent += chunk
            for question in [each for each in waiting if each.encode() in sent]:
                os.write(terminal, waiting.pop(question).encode() + b"\n")
    except OSError:  # Linux: the other end is closed
        pass
    finally:
        os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), sent.decode()
