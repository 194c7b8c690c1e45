"""Quality reports and forensics for live audio rooms."""

import os
import tempfile
from pathlib import Path

__version__ = "0.1.0"


def _writable_cache() -> str:
    """A folder for compiled kernels that can be written even with a read-only site-packages and no HOME."""
    roots = [os.environ.get("XDG_CACHE_HOME", ""), os.path.expanduser("~/.cache"), tempfile.gettempdir()]
    for root in filter(os.path.isabs, roots):
        folder = Path(root) / f"aqa-numba-{os.getuid() if hasattr(os, 'getuid') else 0}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return str(folder)
    return tempfile.mkdtemp(prefix="aqa-numba-")


# Before numba or librosa is first imported, in workers too: with no writable cache librosa's import crashes.
if "NUMBA_CACHE_DIR" not in os.environ:
    os.environ["NUMBA_CACHE_DIR"] = _writable_cache()

# Work is shared out by processes, one a core; OpenBLAS's own threads would only wait busily, from its import on.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
