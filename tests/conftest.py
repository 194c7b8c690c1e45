import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("aqa", deadline=None)  # the first call of a kernel compiles it
settings.load_profile("aqa")


@pytest.fixture(scope="session")
def corpus() -> Path:
    folder = Path(os.environ.get("AQA_CORPUS") or Path(__file__).resolve().parents[2] / "shared" / "corpus")
    if not folder.is_dir():
        pytest.skip(f"the corpus is not at {folder}; set AQA_CORPUS")
    return folder
