"""Files are whole or absent: written beside, synced, renamed."""

import contextlib
import os
import tempfile
from pathlib import Path


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write `data` to `path` so that a reader, even after a crash, sees the old file or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(beside).unlink()
        raise
