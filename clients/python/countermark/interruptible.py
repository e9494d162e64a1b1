"""An event loop for code that is not asynchronous, in which Ctrl-C always arrives."""

import asyncio
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class InterruptibleRunner:
    """Runs coroutines, one after the other, in a loop of its own, as `asyncio.Runner` does.

    Ctrl-C cancels what runs, and then raises KeyboardInterrupt. `asyncio.Runner` forgets Ctrl-C where the coroutine
    ends at that moment with an error of its own, as one does whose service has just gone away; this one does not.
    """

    def __init__(self) -> None:
        self._runner = asyncio.Runner()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of the coroutine. Raises what it raises, and KeyboardInterrupt after Ctrl-C."""
        task: asyncio.Task[Any] | None = None

        async def noted() -> T:
            nonlocal task
            task = asyncio.current_task()
            return await work

        try:
            result = self._runner.run(noted())
        except Exception as error:
            if task is not None and task.cancelling():
                raise KeyboardInterrupt from error
            raise
        if task is not None and task.cancelling():
            raise KeyboardInterrupt
        return result

    def close(self) -> None:
        """Cancel what is left, and close the loop."""
        self._runner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
