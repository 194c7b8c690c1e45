"""How kernels are compiled, in one place."""

import sys
from collections.abc import Callable
from functools import cached_property
from typing import Any

_BLAS = "scipy.linalg.cython_blas"


def _njit() -> Any:
    """numba's compiler, without SciPy's linear algebra, which it would import (0.2 s) in case a kernel wants BLAS.

    None of ours does, and np.convolve, the only thing affected, then does without.
    """
    hidden = _BLAS not in sys.modules
    if hidden:
        sys.modules[_BLAS] = None  # type: ignore[assignment]
    try:
        import numba.np.arraymath  # noqa: PLC0415 - half a second; what asks for BLAS, once
    finally:
        if hidden:
            del sys.modules[_BLAS]
    return numba.njit


class Kernel:
    """A function that Python calls: compiled for its types on its first call, and kept on disk from then on.

    Not at import, as numba would do it by itself: a command loads the kernels that it needs, and no others.
    """

    def __init__(self, function: Callable[..., Any], signature: str, arrays: bool) -> None:
        self.__doc__, self._function = function.__doc__, function
        self._signature, self._arrays = signature, arrays

    @cached_property
    def _run(self) -> Any:
        return _njit()(self._signature, cache=True, nogil=True, _nrt=self._arrays)(self._function)

    def __call__(self, *arguments: Any) -> Any:
        """Run it."""
        return self._run(*arguments)


def compiled(signature: str, *, arrays: bool = False) -> Callable[[Callable[..., Any]], Kernel]:
    """A kernel for these types. It lets other threads run beside it.

    Unless it makes `arrays` of its own, numba need not count who holds those that are handed from function to
    function, which for a packet header costs several times what reading it does.
    """
    return lambda function: Kernel(function, signature, arrays)


def inlined(function: Callable[..., Any]) -> Any:
    """A function that only kernels call: compiled as part of them. It makes no arrays."""
    return _njit()(nogil=True, _nrt=False)(function)
