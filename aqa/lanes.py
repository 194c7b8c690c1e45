"""A log parsed by several threads: each takes the next records in turn, into a table of its own.

The thread that parses records has found them and read their bytes itself, so they are still in its core's cache.
Finding is short and goes in turn; parsing is long and goes side by side. Records go to threads strictly in turn, and
what follows a connection from one frame to the next waits for all before it: the result is that of one thread.
"""

import threading
from collections.abc import Iterator
from itertools import chain

from aqa.chunks import CHUNK_BYTES
from aqa.frames import LANES, Records, Table


class _Turns:
    """Whose turn it is, and how far each thread is."""

    def __init__(self, found: Iterator[Records]) -> None:
        self._found = found
        self._changed = threading.Condition()
        self._next = 0  # number of the records to be found next
        self._at = list(range(LANES))  # of the records that each thread has, or waits for
        self._ended = False
        self.error: BaseException | None = None

    def records(self, number: int) -> Records | None:
        """Records by number, once those before them are found; None where there are none. Who asks has no others."""
        with self._changed:
            self._at[number % LANES] = number
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._next == number or self._ended)
            if self._ended:
                return None
        try:
            records = next(self._found, None)
        except BaseException as error:  # the thread that has asked for all raises it
            records, self.error = None, error
        with self._changed:
            self._next += 1
            self._ended = records is None
            self._changed.notify_all()
        return records

    def wait(self, number: int) -> None:
        """Until all before `number` are parsed."""
        with self._changed:
            self._changed.wait_for(lambda: all(at >= number for at in self._at))

    def stop(self, error: BaseException | None = None) -> None:
        """No more records."""
        with self._changed:
            self.error, self._ended = self.error or error, True
            self._at = [1 << 62] * LANES
            self._changed.notify_all()


def fill(table: Table, found: Iterator[Records]) -> None:
    """Parse all records into `table`; what goes wrong is raised when all before it are there."""
    first = next(found, None)
    if first is None:
        return
    if len(first.buffer) < CHUNK_BYTES // 2:  # a short log is worth no threads, each of which keeps memory
        for number, records in enumerate(chain([first], found)):
            table.add(records, number)
        return
    turns = _Turns(chain([first], found))
    tables = [table, *(Table(tcp=table.tcp) for _ in range(1, LANES))]

    def run(lane: int) -> None:
        number = lane
        try:
            while (records := turns.records(number)) is not None:
                tables[lane].add(records, number, lambda at=number: turns.wait(at))  # type: ignore[misc]
                number += LANES
        except BaseException as error:  # raised below
            turns.stop(error)

    threads = [threading.Thread(target=run, args=(lane,)) for lane in range(1, LANES)]
    for thread in threads:
        thread.start()
    run(0)
    for thread in threads:
        thread.join()
    for other in tables[1:]:
        table.absorb(other)
    if turns.error is not None:
        raise turns.error
