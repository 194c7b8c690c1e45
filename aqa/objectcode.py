"""Machine code of kernels: made by numba once, kept in files, and run from then on without numba (0.3 s to import).

A kernel's object code has one entry, which takes the address of its arguments as words of 8 bytes, of its results
and of the place for an exception. A tuple's parts follow each other; an array is what numba makes of one: two null
pointers (nobody counts references), values, bytes of one, address, shape and strides.
"""

import ctypes
import importlib
import json
import pickle
import struct
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np

ENTRY = "aqa_entry"
_RAISED = 1  # numba/core/callconv.py: from RETCODE_USEREXC on; below, 0 and RETCODE_NONE are good ends
_MAGIC = b"aqa kernel 1\n"

Shape = str | list[Any]
"""An argument: "q" integer, "d" float, "?" truth, "<dtype> <dimensions>" array, or a list of such (a tuple)."""


class Loaded:
    """Machine code that can be called as the function it was made of."""

    def __init__(self, code: bytes, arguments: Sequence[Shape], results: str | None) -> None:
        self._engine = _engine(code)  # holds the code
        run = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p)
        self._run = run(self._engine.get_function_address(ENTRY))
        self._parts = [_part(shape) for shape in arguments]
        self._pack = struct.Struct("".join(_formats(arguments))).pack
        self._results = None if results is None else struct.Struct(results)
        self._size = 8 if self._results is None else self._results.size  # no result is a null pointer
        self._single = results is not None and len(results) == 1

    def __call__(self, *arguments: Any) -> Any:
        """Run it; TypeError for arguments of other types than it was compiled for."""
        words: list[Any] = []
        for put, value in zip(self._parts, arguments, strict=True):
            put(words, value)
        out = ctypes.create_string_buffer(self._size)
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
        address = value.__array_interface__["data"][0]
        words += (0, 0, value.size, value.itemsize, address, *value.shape, *value.strides)

    return put_array


def _formats(shapes: Sequence[Shape]) -> list[str]:
    """How `struct` packs the words of arguments; a truth is packed as an integer."""
    out: list[str] = []
    for shape in shapes:
        if isinstance(shape, list):
            out += _formats(shape)
        elif " " in shape:
            out.append("q" * (5 + 2 * int(shape.split()[1])))
        else:
            out.append("d" if shape == "d" else "q")
    return out


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


def _engine(code: bytes) -> Any:
    binding = _llvm()
    machine = binding.Target.from_default_triple().create_target_machine(jit=True)  # the engine's own from here on
    engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


@cache
def processor() -> str:
    """Name and features of the processor that code is made for."""
    binding = _llvm()
    return f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}"


def write_code(code: bytes, arguments: Sequence[Shape], results: str | None) -> bytes:
    """Object code and how to call it, as bytes of a file."""
    about = json.dumps([arguments, results]).encode() + b"\n"
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


def make_code(function: FunctionType, signature: str, *, check_bounds: bool) -> tuple[bytes, list[Shape], str | None]:
    """Compile for this processor: object code, shapes of the arguments and format of the results.

    `function` finds numba's own objects in its globals. TypeError where the code needs more than the C library.
    """
    from numba.core import registry  # noqa: PLC0415 - half a second, once for a kernel
    from numba.core.compiler_lock import global_compiler_lock  # noqa: PLC0415

    compiler: Any = importlib.import_module("numba.core.compiler")
    words: Any = importlib.import_module("numba.core.sigutils")
    arguments, result = words.normalize_signature(signature)
    flags: Any = compiler.Flags()
    flags.nrt, flags.no_cpython_wrapper, flags.no_cfunc_wrapper = False, True, True
    flags.boundscheck = check_bounds
    target = registry.cpu_target
    typing, context = target.typing_context, target.target_context
    with global_compiler_lock:
        made = compiler.compile_extra(typing, context, function, arguments, result, flags, {})
        library = context.codegen().create_library(ENTRY)
        library.enable_object_caching()
        library.add_ir_module(_entry(library, context, made.fndesc))
        library.add_linking_library(made.library)
        library.finalize()
    for each in library._final_module.functions:
        if each.is_declaration and not each.name.startswith("llvm.") and not hasattr(ctypes.CDLL(None), each.name):
            raise TypeError(f"{function.__name__}: a kernel can't use {each.name}, which is numba's own")
    return library._get_compiled_object(), [_shape(each) for each in arguments], _result(made.signature.return_type)


def _entry(library: Any, context: Any, described: Any) -> Any:
    """The entry of a kernel: reads words, calls it; code 0 or what numba's calling convention has."""
    from llvmlite import ir  # noqa: PLC0415

    module, word = library.create_ir_module(ENTRY), ir.IntType(64)
    inner = context.declare_function(module, described)
    place, raised = (each.type for each in inner.args[:2])
    entry = ir.Function(module, ir.FunctionType(ir.IntType(32), (word.as_pointer(), place, raised)), ENTRY)
    builder = ir.IRBuilder(entry.append_basic_block())
    values = list(entry.args[1:])
    for at, each in enumerate(inner.args[2:]):
        value = builder.load(builder.gep(entry.args[0], [ir.Constant(word, at)]))
        values.append(_cast(builder, value, each.type))
    builder.ret(builder.call(inner, values))
    return module


def _cast(builder: Any, word: Any, kind: Any) -> Any:
    from llvmlite import ir  # noqa: PLC0415

    if isinstance(kind, ir.PointerType):
        return builder.inttoptr(word, kind)
    if isinstance(kind, ir.DoubleType):
        return builder.bitcast(word, kind)
    return word if kind.width == 64 else builder.trunc(word, kind)


def _shape(kind: Any) -> Shape:
    types: Any = importlib.import_module("numba.core.types")
    from numba.np.numpy_support import as_dtype  # noqa: PLC0415

    if isinstance(kind, types.BaseTuple):
        return [_shape(each) for each in kind]
    if isinstance(kind, types.Array) and kind.layout == "C":
        return f"{as_dtype(kind.dtype).str} {kind.ndim}"
    if isinstance(kind, types.Boolean):
        return "?"
    if kind not in (types.int64, types.float64):
        raise TypeError(f"a kernel can't take {kind}")
    return "d" if kind == types.float64 else "q"


def _result(kind: Any) -> str | None:
    types: Any = importlib.import_module("numba.core.types")

    if kind == types.none:
        return None
    parts = list(kind) if isinstance(kind, types.BaseTuple) else [kind]
    shapes = [_shape(each) for each in parts]
    if any(each not in ("q", "d") for each in shapes):
        raise TypeError(f"a kernel can't return {kind}")
    return "".join(map(str, shapes))
