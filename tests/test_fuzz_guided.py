"""The readers of small files, fuzzed with guidance by their coverage, where atheris is installed."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_fuzz import SMALL

HERE = Path(__file__).parent
RUNS = 4000


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason='atheris is not installed: pip install -e ".[fuzz]"'
)
@pytest.mark.parametrize("name", SMALL)
def test_nothing_but_an_answer_or_a_sentence(name, tmp_path):
    done = subprocess.run(
        [sys.executable, str(HERE / "fuzz_reader.py"), name, str(RUNS)],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    found = [path.read_bytes()[:300] for path in tmp_path.glob("*-*")]
    assert done.returncode == 0, f"{found}\n{done.stderr[-3000:]}"
