"""Work on what a process holds in memory, shared out over cores without copying it."""

import os
import pickle
import sys
import threading
from collections.abc import Callable
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
    others = [(i, *_begun(work, i, shares)) for i in range(1, shares)]
    return [work(0, shares), *(_finished(work, *other, shares) for other in others)]


def _begun(work: Callable[[int, int], Part], i: int, shares: int) -> tuple[int, int]:
    """A process that does a share, and where to read what it found."""
    receiver, sender = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()  # multiprocessing would do no more, and costs 10 ms to import
    if process:
        os.close(sender)
        return process, receiver
    try:
        with os.fdopen(sender, "wb") as pipe:
            pipe.write(pickle.dumps(work(i, shares), pickle.HIGHEST_PROTOCOL))
    finally:
        os._exit(0)  # whatever happened: nothing of the other process is this one's to end


def _finished(work: Callable[[int, int], Part], i: int, process: int, receiver: int, shares: int) -> Part:
    """What a process found; done here where it died."""
    with os.fdopen(receiver, "rb") as pipe:
        sent = pipe.read()
    os.waitpid(process, 0)
    try:
        found: Part = pickle.loads(sent)
    except (EOFError, pickle.UnpicklingError):
        return work(i, shares)
    return found
