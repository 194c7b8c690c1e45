"""How kernels are compiled, in one place."""

from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(*signature: str) -> Callable[[Callable[..., Any]], Any]:
    """Compile now, for these types, and keep the result on disk; threads run it side by side.

    For kernels that make no array of their own: numba then need not count who holds the arrays that are handed
    from function to function, which for a header costs several times what reading it does.
    """
    compile_it: Any = njit  # whose types don't know of all its options
    return compile_it(*signature, cache=True, nogil=True, _nrt=False)  # type: ignore[no-any-return]
