"""Work on what a process holds in memory, shared out over cores without copying it."""

import os
import pickle
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from signal import SIGKILL
from typing import TypeVar

Part = TypeVar("Part")


def in_shares(work: Callable[[int, int], Part], shares: int) -> list[Part]:
    """`work(i, shares)` for each i below `shares`, side by side where the system can fork safely.

    A forked process sees what this one has read. That is safe only while no other thread of this process can hold a
    lock, so with threads running, or polars loaded, which keeps some, the shares are done one after another.
    """
    alone = threading.active_count() == 1 and "polars" not in sys.modules and hasattr(os, "fork")
    if shares == 1 or not alone:
        return [work(i, shares) for i in range(shares)]
    others: list[_Process] = []
    try:
        for i in range(1, shares):
            others.append(_Process(lambda i=i: work(i, shares)))  # type: ignore[misc]
        return [work(0, shares), *(_found(other, work, i, shares) for i, other in enumerate(others, 1))]
    finally:
        for other in others:
            other.end()


def _found(process: "_Process", work: Callable[[int, int], Part], i: int, shares: int) -> Part:
    """What a process found; done here where it died."""
    try:
        found: Part = pickle.loads(process.sent())
    except (EOFError, pickle.UnpicklingError):
        return work(i, shares)
    return found


class _Process:
    """A forked process that does one thing; multiprocessing would do no more, and takes 10 ms to import."""

    def __init__(self, do: Callable[[], object]) -> None:
        self._receiver, sender = os.pipe()
        _flush()
        self._number = os.fork()
        if self._number == 0:
            try:
                with os.fdopen(sender, "wb") as pipe:
                    pipe.write(pickle.dumps(do(), pickle.HIGHEST_PROTOCOL))
                _flush()
            finally:
                os._exit(0)  # whatever happened: nothing of the other process is this one's to end
        os.close(sender)

    def sent(self) -> bytes:
        """All that it wrote."""
        with os.fdopen(self._receiver, "rb", closefd=False) as pipe:
            return pipe.read()

    def end(self) -> None:
        """Leave nothing of it."""
        os.close(self._receiver)
        with suppress(ProcessLookupError):
            os.kill(self._number, SIGKILL)
        with suppress(ChildProcessError):  # who ignores SIGCHLD has none to wait for
            os.waitpid(self._number, 0)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):  # there may be none, or it is closed
            stream.flush()
