"""The least of a moving window, for kernels: no branch in it depends on the values, so noise costs nothing.

A window of values that come and go in order is two parts. Of the older one the least of each value and all after it
is known, of the newer one the least of all. When the older part is used up, the newer one becomes it.
"""

from typing import Any

from aqa.compiled import inlined


@inlined
def least_after(value: Any, begin: int, end: int, least: Any) -> None:
    """The least of `value` from each index on, in `begin` to `end`."""
    now = value[end - 1]
    for i in range(end - 1, begin - 1, -1):
        now = min(now, value[i])
        least[i] = now
