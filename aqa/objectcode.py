"""Machine code of kernels: made by numba once, kept in files, and run from then on without numba (0.3 s to import).

A kernel's object code has one entry, which takes the addresses of its arguments (words of 8 bytes), of its results
and of the place for an exception. A tuple's parts follow each other. An array's word is its address as an object: the
entry reads from it what numba wants to know of an array (numpy's C API, PyArrayObject; nobody counts references).
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
_FIELDS = (0, 2, 3)  # data, dimensions and strides in PyArrayObject, in words behind the head of every object
_MAGIC = b"aqa kernel 2\n"

Shape = str | list[Any]
"""An argument: "q" integer, "d" float, "?" truth, "<dtype> <dimensions>" array, or a list of such (a tuple)."""


class Loaded:
    """Machine code that can be called as the function it was made of."""

    def __init__(self, code: bytes, arguments: Sequence[Shape], results: str | None) -> None:
        self._engine = _engine(code)  # holds the code
        run = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p)
        self._run = run(self._engine.get_function_address(ENTRY))
        self._parts = [_part(shape) for shape in arguments]
        self._pack = struct.Struct("".join("d" if each == "d" else "q" for each in _leaves(arguments))).pack
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
        words.append(id(value))

    return put_array


def _leaves(shapes: Sequence[Shape]) -> list[str]:
    """The shapes of all words in order: tuples taken apart."""
    return [leaf for shape in shapes for leaf in (_leaves(shape) if isinstance(shape, list) else [shape])]


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
        shapes = [_shape(each) for each in arguments]
        library.add_ir_module(_entry(library, context, made.fndesc, _leaves(shapes)))
        library.add_linking_library(made.library)
        library.finalize()
    for each in library._final_module.functions:
        if each.is_declaration and not each.name.startswith("llvm.") and not hasattr(ctypes.CDLL(None), each.name):
            raise TypeError(f"{function.__name__}: a kernel can't use {each.name}, which is numba's own")
    return library._get_compiled_object(), shapes, _result(made.signature.return_type)


def _entry(library: Any, context: Any, described: Any, leaves: Sequence[str]) -> Any:
    """The entry of a kernel: reads words, calls it; code 0 or what numba's calling convention has."""
    from llvmlite import ir  # noqa: PLC0415

    module = library.create_ir_module(ENTRY)
    inner = context.declare_function(module, described)
    place, raised, *kinds = (each.type for each in inner.args)
    word = ir.IntType(64)
    entry = ir.Function(module, ir.FunctionType(ir.IntType(32), (word.as_pointer(), place, raised)), ENTRY)
    builder = ir.IRBuilder(entry.append_basic_block())
    values: list[Any] = []
    for at, leaf in enumerate(leaves):
        value = _word(builder, entry.args[0], at)
        values += _array(builder, value, leaf) if " " in leaf else [value]
    values = [_cast(builder, value, kind) for value, kind in zip(values, kinds, strict=True)]
    builder.ret(builder.call(inner, [*entry.args[1:], *values]))
    return module


def _word(builder: Any, words: Any, at: int) -> Any:
    from llvmlite import ir  # noqa: PLC0415

    return builder.load(builder.gep(words, [ir.Constant(ir.IntType(64), at)]))


def _array(builder: Any, address: Any, leaf: str) -> list[Any]:
    """What numba's arrays are: two owners, values, bytes of one, address, shape and strides."""
    from llvmlite import ir  # noqa: PLC0415

    name, dimensions = leaf.split()
    word, head = ir.IntType(64), object.__basicsize__ // 8
    fields = builder.inttoptr(address, word.as_pointer())
    data, shape, strides = (_word(builder, fields, head + at) for at in _FIELDS)
    lists = (builder.inttoptr(each, word.as_pointer()) for each in (shape, strides))
    sizes, steps = ([_word(builder, each, at) for at in range(int(dimensions))] for each in lists)
    values = sizes[0]
    for size in sizes[1:]:
        values = builder.mul(values, size)
    none = ir.Constant(word, 0)
    return [none, none, values, ir.Constant(word, np.dtype(name).itemsize), data, *sizes, *steps]


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
    if any(each not in ("q", "d", "?") for each in shapes):
        raise TypeError(f"a kernel can't return {kind}")
    return "".join(map(str, shapes))
