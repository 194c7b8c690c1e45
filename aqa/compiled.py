"""How kernels are compiled, in one place.

A kernel's machine code is kept in a file whose name is a hash of all that it is made of: its own code, that of
every function it inlines, the constants they name, its types, the versions of the compiler, and the processor. So it
is never out of date, and a command that finds it there imports no compiler.
"""

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from aqa.files import write_bytes
from aqa.objectcode import Loaded, processor, read_code, write_code

int32: Any = np.int32
int64: Any = np.int64
uint64: Any = np.uint64
"""Casts in kernels; what is compiled has no types for mypy."""

_BLAS = "scipy.linalg.cython_blas"


class Inlined:
    """A function that kernels call; where Python calls it, it runs as Python."""

    def __init__(self, function: Any) -> None:
        self.__doc__, self.function = function.__doc__, function

    def __call__(self, *arguments: Any) -> Any:
        """Run it as it stands."""
        return self.function(*arguments)

    @cached_property
    def dispatcher(self) -> Any:
        """What numba compiles as part of a kernel."""
        return _numba().njit(nogil=True, _nrt=False)(_for_numba(self.function))


class Kernel:
    """A function that Python calls: compiled for its types on its first call, and kept on disk from then on.

    Not at import: a command loads the kernels that it needs, and no others.
    """

    def __init__(self, function: Any, signature: str, freedoms: tuple[str, ...] = ()) -> None:
        self.__doc__, self._function, self._signature = function.__doc__, function, signature
        self._freedoms = freedoms

    @cached_property
    def _run(self) -> Loaded:
        name = f"{self._function.__module__}.{self._function.__name__}-{self._hash()}"
        path = (
            Path(os.environ["NUMBA_CACHE_DIR"]) / f"{name}.kernel"
        )  # numba's own; `aqa` sees to it that there is one
        if found := read_code(path):
            return found
        from aqa.codegen import make_code  # noqa: PLC0415 - it needs numba

        code, arguments, results = make_code(
            _for_numba(self._function),
            name,
            self._signature,
            check_bounds=_checks_bounds(),
            freedoms=self._freedoms,
        )
        with contextlib.suppress(OSError):
            write_bytes(path, write_code(code, name, arguments, results))
        return Loaded(code, name, arguments, results)

    def _hash(self) -> str:
        parts = [
            self._signature,
            *self._freedoms,
            _environment(),
            *_meaning(self._function, set()),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]

    def __call__(self, *arguments: Any) -> Any:
        """Run it; other threads run beside it. TypeError for arguments of other types than it is compiled for."""
        return self._run(*arguments)


def compiled(
    signature: str, *, any_order: bool = False, unrounded: bool = False
) -> Callable[[Callable[..., Any]], Kernel]:
    """A kernel for these types (numba's words). It makes no arrays: its caller hands it those it works in.

    `unrounded`: products may be added without being rounded first, where the processor can: half the wait in filters.
    `any_order`: sums may besides be taken in another order than written, and so run as fast as the processor can; the
    same numbers in loops of the same lengths still give the same bits.
    """
    freedoms = ("contract", "reassoc", "nsz") if any_order else ("contract",) if unrounded else ()
    return lambda function: Kernel(function, signature, freedoms)


def inlined(function: Callable[..., Any]) -> Any:
    """A function that kernels call: compiled as part of them. It makes no arrays."""
    return Inlined(function)


def _checks_bounds() -> bool:
    """Whether each index is checked, as numba's own switch says."""
    return os.environ.get("NUMBA_BOUNDSCHECK", "0") not in ("", "0")


@cache
def _environment() -> str:
    """What machine code depends on beside the kernel itself."""
    import llvmlite  # noqa: PLC0415 - the first kernel loads it in any case

    compiler = Path(find_spec("numba").origin).with_name("_version.py").read_text()  # type: ignore[union-attr,arg-type]
    versions = (sys.version, compiler, llvmlite.__version__, np.__version__)  # to ask for metadata takes 20 ms
    return "\n".join((*versions, processor(), str(_checks_bounds())))


def _meaning(function: FunctionType, seen: set[FunctionType]) -> Iterator[str]:
    """All that a function's machine code is made of, as text: its code, and what the names in it stand for."""
    if function in seen:
        return
    seen.add(function)
    yield from _code(function.__code__)
    for name in _names(function.__code__):
        value = function.__globals__.get(name)
        if isinstance(value, Inlined):
            yield name
            yield from _meaning(value.function, seen)
        elif isinstance(value, (ModuleType, BuiltinFunctionType, type)):
            yield f"{name} = {value.__name__}"
        else:
            yield f"{name} = {value!r}"


def _code(code: CodeType) -> Iterator[str]:
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars))
    for value in code.co_consts:
        if isinstance(value, CodeType):
            yield from _code(value)
        else:
            yield repr(sorted(value)) if isinstance(value, frozenset) else repr(value)


def _names(code: CodeType) -> list[str]:
    inside = (name for each in code.co_consts if isinstance(each, CodeType) for name in _names(each))
    return sorted({*code.co_names, *inside})


def _for_numba(function: FunctionType) -> FunctionType:
    """The function with what it inlines as numba knows it."""
    known = {
        name: value.dispatcher if isinstance(value, Inlined) else value
        for name, value in function.__globals__.items()
        if not isinstance(value, Inlined) or name in function.__code__.co_names
    }
    out = FunctionType(function.__code__, known, function.__name__, function.__defaults__, function.__closure__)
    out.__module__, out.__qualname__ = function.__module__, function.__qualname__
    return out


@cache
def _numba() -> Any:
    """numba, without SciPy's linear algebra, which it would import (0.2 s) in case a kernel wants BLAS.

    None of ours does, and np.convolve, the only thing affected, then does without.
    """
    hidden = _BLAS not in sys.modules
    if hidden:
        sys.modules[_BLAS] = None  # type: ignore[assignment]
    try:
        import numba.np.arraymath  # noqa: PLC0415 - what asks for BLAS, once
    finally:
        if hidden:
            del sys.modules[_BLAS]
    return numba
