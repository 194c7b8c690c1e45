"""The end of a capture whose last record claims more than the file has: what follows it is looked for."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from aqa.chunks import Piece
from aqa.frames import Records


class Resuming(Protocol):
    """A reader of records that goes on behind one that lies."""

    lost: bool  # where the next record begins is not known
    lies: int  # since the last records that were handed over

    def records(self, piece: Piece) -> Iterator[Records]:
        """The records that lie whole in a piece, from its `used` on."""


def ending(reader: Resuming, piece: Piece) -> Iterator[Records]:
    """What follows a record that claims more than the file has; and the lies that nothing followed."""
    if piece.used < len(piece.data) and not reader.lost:
        reader.lost, reader.lies, stopped = True, reader.lies + 1, piece.used
        piece.used += 1
        yield from reader.records(piece)
        if reader.lost:  # nothing follows: the file was cut
            reader.lies, piece.used = reader.lies - 1, stopped
    if reader.lies:
        none = np.zeros(0, np.int64)
        yield Records(piece.data[:0], none, none, none, none, none, lies=reader.lies)
