"""How kernels are compiled, in one place."""

from collections.abc import Callable
from functools import cached_property
from typing import Any


class Kernel:
    """A function that Python calls: compiled for its types on its first call, and kept on disk from then on.

    Not at import, as numba would do it by itself: a command loads the kernels that it needs, and no others.
    """

    def __init__(self, function: Callable[..., Any], signature: str, arrays: bool) -> None:
        self.__doc__, self._function = function.__doc__, function
        self._signature, self._arrays = signature, arrays

    @cached_property
    def _run(self) -> Any:
        from numba import njit  # noqa: PLC0415 - half a second

        make: Any = njit
        return make(self._signature, cache=True, nogil=True, _nrt=self._arrays)(self._function)

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
    from numba import njit  # noqa: PLC0415

    make: Any = njit
    return make(nogil=True, _nrt=False)(function)
