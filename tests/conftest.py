"""What all tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The folder of real files (never committed); tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("AQA_CORPUS", Path(__file__).parents[2] / "shared" / "corpus"))
    if not folder.is_dir():
        pytest.skip(f"no corpus at {folder}: set AQA_CORPUS")
    return folder
