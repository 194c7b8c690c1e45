"""Work on what a process holds in memory, shared out over cores without copying it."""

import multiprocessing
import os
import pickle
import sys
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
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
    context = multiprocessing.get_context("fork")
    pipes = []
    for i in range(1, shares):
        receiver, sender = context.Pipe(duplex=False)
        context.Process(target=_send, args=(sender, work, i, shares), daemon=True).start()
        sender.close()
        pipes.append(receiver)
    return [work(0, shares), *(_received(pipe, work, i, shares) for i, pipe in enumerate(pipes, 1))]


def _send(sender: Connection, work: Callable[[int, int], Part], i: int, shares: int) -> None:
    sender.send_bytes(pickle.dumps(work(i, shares), pickle.HIGHEST_PROTOCOL))
    sender.close()


def _received(pipe: Connection, work: Callable[[int, int], Part], i: int, shares: int) -> Part:
    """What a process sent; done here where it died."""
    try:
        found: Part = pickle.loads(pipe.recv_bytes())
    except EOFError:
        return work(i, shares)
    return found
