"""What a hop looks like among those around it: the row that the model of concealment judges."""

import math

import numpy as np
from numpy.typing import NDArray

from aqa.compiled import compiled, inlined
from aqa.measures.concealment_kernels import (
    ALIKE,
    BAND,
    DECAY,
    FINE_LAG,
    FLUX,
    FLUX_MEAN,
    HIGH,
    LAG,
    LAR,
    LEVEL,
    LOUD,
    MIDDLE_MEAN,
    ORDER,
    QUIET_DB,
    REPEAT,
    REPEAT_MEAN,
    SILENT_DB,
)  # fmt: skip
from aqa.measures.trees import Trees, grow
from aqa.model import Doubles, Floats

VALUE, CHANGE, RATIO, SPECTRUM, BETWEEN, TURN = range(6)
"""How a cell is made of a column at another hop: as it is; less that of this hop; octaves between the two, without
sign; distance of log area ratios; less another column of this hop, which the offset then names; octaves from this hop
to the other, with sign."""
BEFORE, AFTER = 24, 16  # hops that a row looks back and ahead
APART = 4.0  # octaves where one of two lags is not known
UNLIKELY = -12.0  # log odds of what is no sound
LEAST = -10.0  # of what is, at least


def _cells(kind: int, column: int, *offsets: int) -> list[tuple[int, int, int]]:
    return [(kind, column, offset) for offset in offsets]


CELLS: NDArray[np.int32] = np.array(
    [
        *_cells(CHANGE, LEVEL, -24, -16, -12, -8, -6, -4, -3, -2, -1, 1, 2, 3, 4, 6, 8, 12, 16),
        *_cells(CHANGE, HIGH, -16, -8, -4, -2, -1, 1, 2, 4, 8, 16),
        *_cells(VALUE, REPEAT, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8, 12),
        *_cells(VALUE, DECAY, -4, -2, -1, 0, 1, 2, 3, 4, 6),
        *_cells(RATIO, LAG, -4, -2, -1, 1, 2, 4),
        *_cells(VALUE, LAG, 0),
        *_cells(SPECTRUM, LAR, -12, -8, -4, -2, 2, 4, 8, 12),
        *_cells(VALUE, FLUX, -8, -6, -4, -2, -1, 0, 1, 2, 3, 4, 5, 6, 8, 12),
        *_cells(VALUE, REPEAT_MEAN, 0),
        *_cells(VALUE, FLUX_MEAN, 0),
        *_cells(BETWEEN, LEVEL, LOUD),
        *_cells(BETWEEN, HIGH, LEVEL),
        *_cells(VALUE, ALIKE, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8),
        *_cells(VALUE, ALIKE + 1, -8, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 8, 12),
        *_cells(VALUE, ALIKE + 2, -8, -6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6, 8),
        *_cells(TURN, FINE_LAG, -4, -3, -2, -1, 1, 2, 3, 4),
        *_cells(CHANGE, BAND, -16, -8, -4, -3, -2, -1, 1, 2, 3, 4, 8, 16),
        *_cells(CHANGE, BAND + 1, -16, -8, -4, -3, -2, -1, 1, 2, 3, 4, 8, 16),
        *_cells(BETWEEN, BAND, LEVEL),
        *_cells(BETWEEN, BAND + 1, LEVEL),
        *_cells(VALUE, MIDDLE_MEAN, 0),
    ],
    np.int32,
)
"""The cells of a row in order: how, of which column, how many hops away (at most BEFORE back and AFTER ahead)."""


@inlined
def _octaves(one, other):  # type: ignore[no-untyped-def]
    return abs(math.log2(one / other)) if one > 0.0 and other > 0.0 else APART


@inlined
def _cell(rows, at, kind, column, offset):  # type: ignore[no-untyped-def]
    """One cell of the row of hop `at`."""
    if kind == BETWEEN:
        return rows[at, column] - rows[at, offset]
    there, here = rows[at + offset, column], rows[at, column]
    if kind == VALUE:
        return there
    if kind == CHANGE:
        return there - here
    if kind == RATIO:
        return np.float32(_octaves(there, here))
    if kind == TURN:
        return np.float32(math.log2(there / here)) if there > 0.0 and here > 0.0 else np.float32(0.0)
    distance = np.float32(0.0)
    for i in range(LAR, LAR + ORDER):
        distance += abs(rows[at + offset, i] - rows[at, i])
    return distance


@compiled("void(f4[:, ::1], i8, i4[:, ::1], f4[:, ::1])")
def _context(rows, first, cells, out):  # type: ignore[no-untyped-def]
    """The row of each hop from `first` on."""
    for i in range(len(out)):
        for j in range(len(cells)):
            out[i, j] = _cell(rows, first + i, cells[j, 0], cells[j, 1], cells[j, 2])


def context(rows: Floats) -> Floats:
    """What the model judges of each hop of `rows` (n, columns) but the first BEFORE and last AFTER: (m, cells)."""
    out = np.empty((max(0, len(rows) - BEFORE - AFTER), len(CELLS)), np.float32)
    _context(np.ascontiguousarray(rows, np.float32), BEFORE, CELLS, out)
    return out


@compiled(
    "void(f4[:, ::1], i8, i4[:, ::1], i4[::1], i4[::1], f4[::1], i4[::1], i4[::1], f4[::1], f8, f4[::1], f8[::1])"
)
def _judge(rows, first, cells, roots, feature, threshold, left, right, value, baseline, row, out):  # type: ignore[no-untyped-def]
    """Log odds of each hop from `first` on; what is no sound is not looked at."""
    for i in range(len(out)):
        at = first + i
        if rows[at, LEVEL] <= max(rows[at, LOUD] - QUIET_DB, SILENT_DB):
            out[i] = UNLIKELY
            continue
        for j in range(len(cells)):
            row[j] = _cell(rows, at, cells[j, 0], cells[j, 1], cells[j, 2])
        out[i] = max(baseline + grow(row, roots, feature, threshold, left, right, value), LEAST)


def judge(rows: Floats, model: Trees) -> Doubles:
    """Log odds that each hop of `rows` but the first BEFORE and last AFTER was made up; shape (m,)."""
    out, row = np.empty(max(0, len(rows) - BEFORE - AFTER)), np.empty(len(CELLS), np.float32)
    t = model
    _judge(
        rows, BEFORE, CELLS, t.roots, t.feature, t.threshold, t.left, t.right, t.value, t.baseline, row, out
    )  # fmt: skip
    return out
