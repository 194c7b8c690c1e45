"""How numba makes the object code of a kernel, with the entry that `objectcode` calls."""

import ctypes
import importlib
from collections.abc import Sequence
from types import FunctionType
from typing import Any

import numpy as np

from aqa.objectcode import Shape, leaves

_FIELDS = (0, 2, 3)  # data, dimensions and strides in PyArrayObject, in words behind the head of every object


def make_code(
    function: FunctionType, entry: str, signature: str, *, check_bounds: bool, any_order: bool = False
) -> tuple[bytes, list[Shape], str | None]:
    """Compile for this processor: object code, shapes of the arguments and format of the results.

    `entry` is what the entry is called; all else in the code is for itself. `function` finds numba's own objects in
    its globals. TypeError where the code needs more than the C library.
    """
    from numba.core import registry  # noqa: PLC0415 - half a second, once for a kernel
    from numba.core.compiler_lock import global_compiler_lock  # noqa: PLC0415

    compiler: Any = importlib.import_module("numba.core.compiler")
    words: Any = importlib.import_module("numba.core.sigutils")
    arguments, result = words.normalize_signature(signature)
    flags: Any = compiler.Flags()
    flags.nrt, flags.no_cpython_wrapper, flags.no_cfunc_wrapper = False, True, True
    flags.boundscheck = check_bounds
    if any_order:
        flags.fastmath = importlib.import_module("numba.core.cpu_options").FastMathOptions(
            {"reassoc", "contract", "nsz"}
        )
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


def _entry(library: Any, context: Any, name: str, described: Any, words: Sequence[str]) -> Any:
    """The entry of a kernel: reads words, calls it; code 0 or what numba's calling convention has."""
    from llvmlite import ir  # noqa: PLC0415

    module = library.create_ir_module(name)
    inner = context.declare_function(module, described)
    place, raised, *kinds = (each.type for each in inner.args)
    word = ir.IntType(64)
    entry = ir.Function(module, ir.FunctionType(ir.IntType(32), (word.as_pointer(), place, raised)), name)
    builder = ir.IRBuilder(entry.append_basic_block())
    values: list[Any] = []
    for at, leaf in enumerate(words):
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
