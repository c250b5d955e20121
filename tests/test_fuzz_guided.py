"""Readers of small files and the command line, fuzzed with guidance by their coverage, where atheris is installed.

`ENICFER_THOROUGH=1` tries all of them, and `benchmarks/fuzz_campaign.py` gives each much longer. What it found is
read here.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from enicfer.errors import EnicferError
from tests.test_fuzz import SMALL
from tests.thorough import THOROUGH

HERE = Path(__file__).parent
# Target, and content that once gave something else than an answer or a sentence.
FINDINGS = (
    ("openface.csv", b"[" * 140_000),
    ("boris.tsv", b"Subject\tBehavior\tBehavior type\tTime\n" + b"x" * 140_000),
    ("maps.npz", b"PK\x05\x06" + bytes(18)),  # an archive with nothing in it
)
RUNS = 1000 if THOROUGH else 300
SOME = ("session.toml", "cli", "table.tsv", "elan.txt", "sidecar.json")


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason='atheris is not installed: pip install -e ".[fuzz]"'
)
@pytest.mark.parametrize("name", [*SMALL, "session.toml", "marker.json", "cli"] if THOROUGH else SOME)
def test_nothing_but_an_answer_or_a_sentence(name, tmp_path):
    done = subprocess.run(
        # Of a shell: what memory this process has ever had would count as that of its own child.
        ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, str(HERE / "fuzz_reader.py"), name, "--runs", str(RUNS)],
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    found = [path.read_bytes()[:300] for path in tmp_path.glob("*-*")]
    assert done.returncode == 0, f"{found}\n{done.stderr[-3000:]}"


@pytest.mark.parametrize(("name", "content"), FINDINGS, ids=[name for name, _ in FINDINGS])
def test_what_was_found_stays_a_sentence(name, content, tmp_path):
    from tests.fuzz_targets import TARGETS

    target = TARGETS[name]
    list(target.make(tmp_path))
    try:
        target.read(tmp_path, content)
    except EnicferError as error:
        assert len(str(error)) > 20


@pytest.mark.slow
def test_every_target_reads_what_it_begins_with(tmp_path):
    from tests.fuzz_targets import TARGETS

    for name, target in TARGETS.items():
        folder = tmp_path / name
        folder.mkdir()
        for seed in target.make(folder):
            if name != "manifest.csv":  # names pictures that are not there
                target.read(folder, seed)
