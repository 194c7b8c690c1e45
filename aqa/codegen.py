"""How numba makes the object code of a kernel, with the entry that `objectcode` calls."""

import ctypes
import importlib
from collections.abc import Sequence
from types import FunctionType
from typing import Any

import numpy as np

from aqa.objectcode import OTHER_TYPES, Shape, leaves

_HEAD = object.__basicsize__ // 8  # words at the start of every object: references, type
_DATA, _DIMENSIONS, _LENGTHS, _STRIDES, _TYPE, _FLAGS = (_HEAD + at for at in (0, 1, 2, 3, 5, 6))  # of PyArrayObject
_KIND = _HEAD + 1  # of PyArray_Descr: kind, byte order and number of the type; its first four bytes and the last four
_CONTIGUOUS = 0x0101  # NPY_ARRAY_CARRAY_RO: in C order, and aligned


def make_code(
    function: FunctionType, entry: str, signature: str, *, check_bounds: bool, freedoms: Sequence[str] = ()
) -> tuple[bytes, list[Shape], str | None]:
    """Compile for this processor: object code, shapes of the arguments and format of the results.

    `entry` is what the entry is called; all else in the code is for itself. `function` finds numba's own objects in
    its globals. `freedoms` are LLVM's fast-math flags. TypeError where the code needs more than the C library.
    """
    from numba.core import registry  # noqa: PLC0415 - half a second, once for a kernel
    from numba.core.compiler_lock import global_compiler_lock  # noqa: PLC0415

    compiler: Any = importlib.import_module("numba.core.compiler")
    words: Any = importlib.import_module("numba.core.sigutils")
    arguments, result = words.normalize_signature(signature)
    flags: Any = compiler.Flags()
    flags.nrt, flags.no_cpython_wrapper, flags.no_cfunc_wrapper = False, True, True
    flags.boundscheck = check_bounds
    if freedoms:
        flags.fastmath = importlib.import_module("numba.core.cpu_options").FastMathOptions(set(freedoms))
    target = registry.cpu_target
    typing, context = target.typing_context, target.target_context
    with global_compiler_lock:
        made = compiler.compile_extra(typing, context, function, arguments, result, flags, {})
        library = context.codegen().create_library(entry)
        library.enable_object_caching()
        shapes = [_shape(each) for each in arguments]
        library.add_ir_module(_entry(library, context, entry, made.fndesc, leaves(shapes)))
        library.add_linking_library(made.library)
        library.finalize()
    for each in library._final_module.functions:
        if each.is_declaration and not each.name.startswith("llvm.") and not hasattr(ctypes.CDLL(None), each.name):
            raise TypeError(f"{function.__name__}: a kernel can't use {each.name}, which is numba's own")
    return library._get_compiled_object(), shapes, _result(made.signature.return_type)


def _entry(library: Any, context: Any, name: str, described: Any, leaves: Sequence[str]) -> Any:
    """The entry of a kernel: reads words, calls it; code 0, `OTHER_TYPES` or what numba's calling convention has.

    The word behind those of the arguments is the address of numpy's array type. Results are followed by the place
    for an exception.
    """
    from llvmlite import ir  # noqa: PLC0415

    module = library.create_ir_module(name)
    inner = context.declare_function(module, described)
    place, raised, *kinds = (each.type for each in inner.args)
    word = ir.IntType(64).as_pointer()
    entry = ir.Function(module, ir.FunctionType(ir.IntType(32), (word, word, ir.IntType(64))), name)
    words, out, size = entry.args
    builder = ir.IRBuilder(entry.append_basic_block())
    arrays = [(leaf, _pointer(builder, _word(builder, words, at))) for at, leaf in enumerate(leaves) if " " in leaf]
    array_type = _word(builder, words, len(leaves))
    for leaf, fields in arrays:
        _return_unless(builder, builder.icmp_unsigned("==", _word(builder, fields, _HEAD - 1), array_type))
        _check_array(builder, fields, leaf)
    values: list[Any] = []
    for at, leaf in enumerate(leaves):
        value = _word(builder, words, at)
        values += _array(builder, _pointer(builder, value), leaf) if " " in leaf else [value]
    values = [_cast(builder, value, kind) for value, kind in zip(values, kinds, strict=True)]
    ends = builder.bitcast(out, place), builder.bitcast(builder.gep(out, [size]), raised)
    builder.ret(builder.call(inner, [*ends, *values]))
    return module


def _check_array(builder: Any, fields: Any, leaf: str) -> None:
    """Return `OTHER_TYPES` unless an array has the dimensions and type of the leaf, in C order and aligned."""
    from llvmlite import ir  # noqa: PLC0415

    half, (name, dimensions) = ir.IntType(32), leaf.split()
    there = builder.trunc(_word(builder, fields, _DIMENSIONS), half)
    _return_unless(builder, builder.icmp_unsigned("==", there, ir.Constant(half, int(dimensions))))
    flags = builder.and_(builder.trunc(_word(builder, fields, _FLAGS), half), ir.Constant(half, _CONTIGUOUS))
    _return_unless(builder, builder.icmp_unsigned("==", flags, ir.Constant(half, _CONTIGUOUS)))
    kind = _word(builder, _pointer(builder, _word(builder, fields, _TYPE)), _KIND)
    wanted = ctypes.c_uint64.from_address(id(np.dtype(name)) + 8 * _KIND).value
    _return_unless(builder, builder.icmp_unsigned("==", kind, ir.Constant(ir.IntType(64), wanted)))


def _return_unless(builder: Any, holds: Any) -> None:
    from llvmlite import ir  # noqa: PLC0415

    with builder.if_then(builder.not_(holds), likely=False):
        builder.ret(ir.Constant(ir.IntType(32), OTHER_TYPES))


def _pointer(builder: Any, address: Any) -> Any:
    from llvmlite import ir  # noqa: PLC0415

    return builder.inttoptr(address, ir.IntType(64).as_pointer())


def _word(builder: Any, words: Any, at: int) -> Any:
    from llvmlite import ir  # noqa: PLC0415

    return builder.load(builder.gep(words, [ir.Constant(ir.IntType(64), at)]))


def _array(builder: Any, fields: Any, leaf: str) -> list[Any]:
    """What numba's arrays are: two owners, values, bytes of one, address, shape and strides."""
    from llvmlite import ir  # noqa: PLC0415

    name, dimensions = leaf.split()
    word = ir.IntType(64)
    data = _word(builder, fields, _DATA)
    lists = (_pointer(builder, _word(builder, fields, at)) for at in (_LENGTHS, _STRIDES))
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
