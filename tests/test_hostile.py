"""Twenty thousand damaged captures, with every index checked (`tests/hostile.py`)."""

import os
import subprocess
import sys
from pathlib import Path

CAPTURES = 20_000
MOST_MB = 700  # what the reader, its tables and the interpreter take, whatever the captures say of themselves


def test_damaged_captures_cost_themselves_only(tmp_path: Path) -> None:
    here = Path(__file__).parent
    env = {
        **os.environ,
        "NUMBA_BOUNDSCHECK": "1",
        "NUMBA_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": f"{here.parent}:{here}",
    }
    done = subprocess.run(
        [sys.executable, str(here / "hostile.py"), str(CAPTURES)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith(f"done {CAPTURES}, "), done.stderr[-3000:]
    assert int(done.stdout.split()[2]) < MOST_MB
