"""Machine code of kernels: made by numba once, kept in files, and run from then on without numba (0.3 s to import).

A kernel's object code has one entry, which takes the addresses of its arguments (words of 8 bytes), of its results
and of the place for an exception. A tuple's parts follow each other. An array's word is its address as an object: the
entry reads from it what numba wants to know of an array (numpy's C API, PyArrayObject; nobody counts references).
"""

import ctypes
import json
import pickle
import struct
import threading
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_RAISED = 1  # numba/core/callconv.py: from RETCODE_USEREXC on; below, 0 and RETCODE_NONE are good ends
_LOADING = threading.Lock()  # threads that parse side by side need their first kernels at once
_MAGIC = b"aqa kernel 3\n"

Shape = str | list[Any]
"""An argument: "q" integer, "d" float, "?" truth, "<dtype> <dimensions>" array, or a list of such (a tuple)."""


class Loaded:
    """Machine code that can be called as the function it was made of; no other's entry is called `entry`."""

    def __init__(self, code: bytes, entry: str, arguments: Sequence[Shape], results: str | None) -> None:
        run = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p)
        self._run = run(_address(code, entry))
        self._parts = [_part(shape) for shape in arguments]
        self._pack = struct.Struct("".join("d" if each == "d" else "q" for each in leaves(arguments))).pack
        self._results = None if results is None else struct.Struct(results)
        self._out = ctypes.c_char * (8 if self._results is None else self._results.size)  # no result: a null pointer
        self._single = results is not None and len(results) == 1

    def __call__(self, *arguments: Any) -> Any:
        """Run it; TypeError for arguments of other types than it was compiled for."""
        words: list[Any] = []
        for put, value in zip(self._parts, arguments, strict=True):
            put(words, value)
        out = self._out()
        raised = ctypes.c_void_p()
        if self._run(self._pack(*words), out, ctypes.byref(raised)) >= _RAISED:
            raise _exception(raised)
        if self._results is None:
            return None
        found = self._results.unpack(out.raw)
        return found[0] if self._single else found


def _part(shape: Shape) -> Callable[[list[Any], Any], None]:
    """What puts one argument's words into a list."""
    if isinstance(shape, list):
        inside = [_part(each) for each in shape]

        def put_tuple(words: list[Any], value: Any) -> None:
            for put, each in zip(inside, value, strict=True):
                put(words, each)

        return put_tuple
    name, _, dimensions = shape.partition(" ")
    return _array_part(np.dtype(name), int(dimensions)) if dimensions else list.append


def _array_part(dtype: np.dtype[Any], dimensions: int) -> Callable[[list[Any], Any], None]:
    def put_array(words: list[Any], value: Any) -> None:
        if value.dtype != dtype or value.ndim != dimensions or not value.flags.c_contiguous:
            raise TypeError(f"a kernel wants {dimensions} contiguous dimensions of {dtype}, not {value.dtype}")
        words.append(id(value))

    return put_array


def leaves(shapes: Sequence[Shape]) -> list[str]:
    """The shapes of all words in order: tuples taken apart."""
    return [leaf for shape in shapes for leaf in (leaves(shape) if isinstance(shape, list) else [shape])]


def _exception(raised: ctypes.c_void_p) -> BaseException:
    """What a kernel raised: numba keeps it pickled, as class, arguments and place."""

    class Info(ctypes.Structure):
        _fields_ = (("data", ctypes.c_void_p), ("size", ctypes.c_int32))

    info = Info.from_address(raised.value or 0)
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
