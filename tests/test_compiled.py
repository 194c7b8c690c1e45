"""Kernels: machine code kept in files, and made again when anything that it is made of has changed."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aqa.compiled import compiled, inlined, int64
from aqa.console import put_json, put_json_rows

OFFSET = 1


@inlined
def _twice(value):
    return 2 * value + OFFSET


@compiled("Tuple((int64, float64))(int64[:, ::1], Tuple((float64, boolean)), uint8[::1])")
def _mixed_kernel(table, pair, flags):
    total = 0
    for i in range(table.shape[0]):
        for j in range(table.shape[1]):
            total += _twice(table[i, j])
    flags[0] = 7
    return total, (pair[0] if pair[1] else -pair[0])


@compiled("int64(int64, int64)")
def _divided(one, other):
    return one // other


@compiled("void(float64[::1])")
def _halved(values):
    for i in range(len(values)):
        values[i] /= 2.0


def test_arrays_tuples_and_numbers_go_in_and_come_out() -> None:
    table, flags = np.arange(6).reshape(2, 3), np.zeros(2, np.uint8)
    for truth, sign in ((True, 1), (False, -1)):
        assert _mixed_kernel(table, (2.5, truth), flags) == (2 * 15 + 6, sign * 2.5)
    assert flags.tolist() == [7, 0]
    assert _halved(np.zeros(0)) is None
    part = np.arange(6.0)
    _halved(part[2:4])
    assert part.tolist() == [0, 1, 1, 1.5, 4, 5]


def _summed(values):
    total = np.float32(0.0)
    for value in values:
        total += value
    return float(total)


def test_a_sum_in_any_order_is_other_code_and_the_same_sum() -> None:
    one, other = (compiled("f8(f4[::1])", any_order=any_order)(_summed) for any_order in (False, True))
    values = np.random.default_rng(0).random(10_000, np.float32)
    assert one._hash() != other._hash()
    assert one(values) == _summed(values)
    assert other(values) == pytest.approx(values.sum(dtype=np.float64), rel=1e-5)
    assert other(values) == other(values.copy())


def test_what_a_kernel_raises_is_raised() -> None:
    assert _divided(7, 2) == 3
    with pytest.raises(ZeroDivisionError):
        _divided(1, 0)


OTHER_KINDS = [
    np.zeros(3, np.float32), np.zeros(3, np.int64), np.zeros(3, ">f8"), np.zeros((2, 2)), np.zeros(()),
    np.zeros(6)[::2], np.zeros(3).view(np.recarray), np.zeros(25, np.uint8)[1:].view(np.float64), [0.0, 1.0], 2.0,
    None, "text",
]  # fmt: skip


@pytest.mark.parametrize("wrong", OTHER_KINDS, ids=repr)
def test_what_is_not_the_array_it_wants_is_refused(wrong: object) -> None:
    with pytest.raises(TypeError, match="a kernel wants <f8 1, arrays in C order and aligned, not "):
        _halved(wrong)


def test_too_few_arguments_and_too_many_are_refused() -> None:
    table, flags = np.zeros((2, 3), np.int64), np.zeros(2, np.uint8)
    for wrong in (
        (table, (2.5, True)),
        (table, (2.5,), flags),
        (table, (2.5, True, 1), flags),
    ):
        with pytest.raises(ValueError, match="argument"):
            _mixed_kernel(*wrong)


def test_python_runs_an_inlined_function_as_it_stands() -> None:
    assert _twice(int64(4)) == 9


MODULE = """
from aqa.compiled import compiled, inlined
OFFSET = {offset}
@inlined
def helper(value):
    return value {operator} OFFSET
@compiled("int64(int64[::1], int64)")
def kernel(values, at):
    return helper(values[at])
"""
CALL = """
import sys
import numpy as np
from changing import kernel
print(kernel(np.arange(5), int(sys.argv[1])), "numba" in sys.modules)
"""


def run(folder: Path, at: int = 3, offset: int = 10, operator: str = "+", bounds: str = "0") -> str:
    (folder / "changing.py").write_text(MODULE.format(offset=offset, operator=operator))
    env = {
        **os.environ,
        "NUMBA_CACHE_DIR": str(folder / "cache"),
        "NUMBA_BOUNDSCHECK": bounds,
        "PYTHONPATH": f"{folder}:{Path(__file__).parent.parent}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run([sys.executable, "-c", CALL, str(at)], env=env, capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_code_is_kept_until_a_helper_or_a_constant_changes(tmp_path: Path) -> None:
    assert run(tmp_path) == "13 True"  # compiled now
    assert run(tmp_path) == "13 False"
    assert run(tmp_path, offset=20) == "23 True"
    assert run(tmp_path, operator="-") == "-7 True"
    assert run(tmp_path) == "13 False"
    assert run(tmp_path, at=9, bounds="1").startswith("IndexError")
    kept = sorted((tmp_path / "cache").glob("changing.kernel-*.kernel"))
    assert len(kept) == 4
    for path in kept:
        path.write_bytes(path.read_bytes()[:-9])  # cut off: made again
    assert run(tmp_path) == "13 True"


def test_rows_are_printed_as_json_prints_them(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"a": 1, "b": None, "c": 'x", "ä'}, {"a": 2.5, "b": True, "c": "[1, 2]"}]
    for some in (rows, rows[:1], []):
        put_json(some)
        expected = capsys.readouterr().out
        put_json_rows(some)
        assert capsys.readouterr().out == expected
