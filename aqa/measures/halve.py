"""A channel at half its rate, again and again: what is below a quarter of the rate, and how much is above it.

The filter is the half-band one of 11 taps that interpolates polynomials of degree 5 exactly (Deslauriers and Dubuc,
Constructive Approximation 5, 1989, table 1): (3, 0, -25, 0, 150, 256, 150, 0, -25, 0, 3) / 512.
"""

import numpy as np

from aqa.compiled import compiled
from aqa.model import Floats

SIDE = 5
"""Samples that the filter reads on either side."""


@compiled("void(f4[::1], i8, i8, f4[::1], f4[::1])")
def _halve(x, first, count, low, high):  # type: ignore[no-untyped-def]
    """`low[i]` is the half-band of `x` at `first + 2 i`, `high[i]` what it leaves out there."""
    middle, one, three, five = np.float32(0.5), np.float32(150 / 512), np.float32(-25 / 512), np.float32(3 / 512)
    y = x[first - 5 :]  # indices that can't be negative: the loop is then done several at a time
    for i in range(count):
        centre = middle * y[2 * i + 5]
        sides = one * (y[2 * i + 4] + y[2 * i + 6]) + three * (y[2 * i + 2] + y[2 * i + 8])
        sides += five * (y[2 * i] + y[2 * i + 10])
        low[i] = centre + sides
        high[i] = centre - sides


def halve(x: Floats, first: int, count: int) -> tuple[Floats, Floats]:
    """Low and high half of `x` at the `count` samples `first`, `first + 2`, ...; shape (count,) each.

    `x` must hold `SIDE` samples before and after those.
    """
    if count <= 0:
        return np.zeros(0, np.float32), np.zeros(0, np.float32)
    if first < SIDE or first + 2 * (count - 1) + SIDE >= len(x):
        raise IndexError(f"{count} samples from {first} on need {SIDE} on either side of {len(x)}")
    low, high = np.empty(count, np.float32), np.empty(count, np.float32)
    _halve(x, first, count, low, high)
    return low, high
