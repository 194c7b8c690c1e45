"""Machine code of kernels: made by numba once, kept in files, and run from then on without numba (0.3 s to import).

A kernel's object code has one entry, which takes the addresses of its arguments (words of 8 bytes) and of its
results, and how many words these are: behind them is the place for an exception. A tuple's parts follow each other.
An array's word is its address as an object: the entry reads from it what numba wants to know of an array, and whether
it is one of the type that the kernel wants (numpy's C API, PyArrayObject; nobody counts references).
"""

import ctypes
import json
import pickle
import struct
import sys
import threading
import zlib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_RAISED = 1  # numba/core/callconv.py: from RETCODE_USEREXC on; below, 0 and RETCODE_NONE are good ends
OTHER_TYPES = -9
"""What an entry returns when an array is not of the type that it is compiled for."""
_ARRAY = id(np.ndarray)
_LOADING = threading.Lock()  # threads that parse side by side need their first kernels at once
_MAGIC = b"aqa kernel 4\n"

Shape = str | list[Any]
"""An argument: "q" integer, "d" float, "?" truth, "<dtype> <dimensions>" array, or a list of such (a tuple)."""


class Loaded:
    """Machine code that can be called as the function it was made of; no other's entry is called `entry`."""

    def __init__(self, code: bytes, entry: str, arguments: Sequence[Shape], results: str | None) -> None:
        run = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_int64)
        self._run = run(_address(code, entry))
        self._shapes, self._leaves = arguments, leaves(arguments)
        self._words = [id if " " in leaf else _itself for leaf in self._leaves]
        self._pack = struct.Struct("".join("d" if leaf == "d" else "q" for leaf in self._leaves) + "q").pack
        self._results = None if results is None else struct.Struct(results)
        self._size = 1 if self._results is None else -(-self._results.size // 8)  # no result: a null pointer
        self._out = ctypes.c_char * (8 * self._size + 8)
        self._single = results is not None and len(results) == 1
        self._nested = any(isinstance(shape, list) for shape in arguments)

    def __call__(self, *arguments: Any) -> Any:
        """Run it; TypeError for arguments of other types than it was compiled for."""
        values = list(_values(self._shapes, arguments)) if self._nested else arguments
        words = [word(value) for word, value in zip(self._words, values, strict=True)]
        out = self._out()
        end = self._run(self._pack(*words, _ARRAY), out, self._size)
        if end == OTHER_TYPES:
            wanted, got = ", ".join(self._leaves), ", ".join(map(_said, values))
            raise TypeError(f"a kernel wants {wanted}, arrays in C order and aligned, not {got}")
        if end >= _RAISED:
            raise _exception(int.from_bytes(out.raw[-8:], sys.byteorder))
        if self._results is None:
            return None
        found = self._results.unpack_from(out)
        return found[0] if self._single else found


def _itself(value: Any) -> Any:
    return value


def _said(value: Any) -> str:
    return f"{value.dtype.str} {value.ndim}" if isinstance(value, np.ndarray) else str(value)


def _values(shapes: Sequence[Shape], arguments: Sequence[Any]) -> Iterator[Any]:
    """Arguments in order, tuples taken apart."""
    for shape, value in zip(shapes, arguments, strict=True):
        if isinstance(shape, list):
            yield from _values(shape, value)
        else:
            yield value


def leaves(shapes: Sequence[Shape]) -> list[str]:
    """The shapes of all words in order: tuples taken apart."""
    return [leaf for shape in shapes for leaf in (leaves(shape) if isinstance(shape, list) else [shape])]


def _exception(address: int) -> BaseException:
    """What a kernel raised: numba keeps it pickled, as class, arguments and place."""

    class Info(ctypes.Structure):
        _fields_ = (("data", ctypes.c_void_p), ("size", ctypes.c_int32))

    info = Info.from_address(address)
    kind, arguments, _ = pickle.loads(ctypes.string_at(info.data, info.size))
    error: BaseException = kind(*(arguments or ()))
    return error


@cache
def _llvm() -> Any:
    from llvmlite import binding  # noqa: PLC0415 - the first kernel needs it

    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding


@cache
def _engine() -> Any:
    """What holds the code of all kernels: a second one would cost a ms."""
    binding = _llvm()
    machine = binding.Target.from_default_triple().create_target_machine(jit=True)  # the engine's own from here on
    return binding.create_mcjit_compiler(binding.parse_assembly(""), machine)


def _address(code: bytes, entry: str) -> int:
    with _LOADING:
        engine = _engine()
        engine.add_object_file(_llvm().ObjectFileRef.from_data(code))
        engine.finalize_object()
        return int(engine.get_function_address(entry))


@cache
def processor() -> str:
    """Name and features of the processor that code is made for."""
    binding = _llvm()
    return f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"


def write_code(code: bytes, entry: str, arguments: Sequence[Shape], results: str | None) -> bytes:
    """Object code and how to call it, as bytes of a file."""
    about = json.dumps([entry, arguments, results]).encode() + b"\n"
    return _MAGIC + zlib.crc32(about + code).to_bytes(4, "big") + about + code


def read_code(path: Path) -> Loaded | None:
    """The machine code in a file; None where there is none that is whole."""
    try:
        raw = path.read_bytes()
    except OSError:
        return None
    body = raw[len(_MAGIC) + 4 :]
    if not raw.startswith(_MAGIC) or raw[len(_MAGIC) : len(_MAGIC) + 4] != zlib.crc32(body).to_bytes(4, "big"):
        return None
    about, code = body.split(b"\n", 1)
    return Loaded(code, *json.loads(about))
