"""The least of a moving window, for kernels: no branch in it depends on the values, so noise costs nothing.

A window of values that come and go in order is two parts. Of the older one the least of each value and all after it
is known, of the newer one the least of all. When the older part is used up, the newer one becomes it.
"""

from typing import Any

from aqa.compiled import inlined, uint64


@inlined
def least_after(value: Any, begin: int, end: int, least: Any) -> None:
    """The least of `value` from each index on, in `begin` to `end`."""
    one = uint64(1)  # places without a sign are never taken to count from the end: half the time
    i = uint64(end)
    now = value[i - one]
    while i > uint64(begin):
        i -= one
        now = min(now, value[i])
        least[i] = now
