"""What many sessions cost: two workers against one, and the batch layer against a plain loop.

    python benchmarks/batch.py [--sessions 50] [-o benchmarks/results]

Sessions are copies of one example session under other labels, so that each costs the same; further ones are broken
in the ways of `tests/batch/test_broken.py`. In one run, in this order: a plain loop over `enicfer.process_session`
in a process of its own, `enicfer process-sessions` with one worker, with one that may use a single core, with two,
and a second time when everything is done. A worker alone decodes, searches and classifies at the same time, on both
cores: so two workers gain less against it than against one core. The machine should do nothing else.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from enicfer.synthetic import SyntheticScene, write_example_session

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.batch.test_broken import BREAKS, rewrite

LOOP = """
import sys
from enicfer.errors import EnicferError
from enicfer.pipeline.process import process_session
for folder in sys.argv[2:]:
    try:
        process_session(folder, output=sys.argv[1])
    except EnicferError:
        pass
"""
N_BROKEN = 10


def make_sessions(folder: Path, count: int) -> list[Path]:
    """Write one short session and copies of it; the video of each differs in its last, meaningless bytes."""
    first = write_example_session(
        folder / "sub-001", scene=SyntheticScene(trials_per_condition=1, absences=(), visits=1)
    )
    settings = (first / "session.toml").read_text(encoding="utf-8")
    found = []
    for number in range(1, count + 1):
        place = folder / f"sub-{number:03d}"
        if place != first:
            shutil.copytree(first, place)
        text = settings.replace('participant = "01"', f'participant = "{number:03d}"')
        assert text != settings
        (place / "session.toml").write_text(text, encoding="utf-8")
        with (place / "camera.mp4").open("ab") as video:  # a free box: other content, the same frames
            video.write((12).to_bytes(4, "big") + b"free" + number.to_bytes(4, "big"))
        found.append(place)
    return found


def break_sessions(folder: Path, good: Path) -> dict[str, str]:
    """Copies of a good session, each broken in its own way; name -> a word of the reason."""
    words = {}
    for name, (break_it, word) in list(BREAKS.items())[:N_BROKEN]:
        place = folder / f"sub-{name}"
        shutil.copytree(good, place)
        rewrite("session.toml", 'participant = "001"', f'participant = "{name}"')(place)
        break_it(place)
        words[place.name] = word
    return words


def count_named(output: Path, words: dict[str, str]) -> tuple[int, int]:
    """Number of sessions done, and of broken ones that ``group_qc.tsv`` names with the right reason."""
    table = pd.read_csv(output / "group_qc.tsv", sep="\t", keep_default_na=False)
    reason = dict(zip(table["source"], table["reason"], strict=True))
    return int(sum(table["state"] == "done")), sum(w in reason.get(n, "") for n, w in words.items())


def timed(*command: str, cores: int = 0, code: int = 0) -> float:
    """Wall time in s of a command that must end with this exit code; on so many cores alone, if that is possible."""
    limit = (
        (lambda: os.sched_setaffinity(0, range(cores)))
        if cores and hasattr(os, "sched_setaffinity")
        else None
    )
    started = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, *command],
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=limit,
        timeout=7200,
    )
    assert ended.returncode == code, ended.stderr
    return time.perf_counter() - started


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    command = ("-c", "from enicfer.cli.main import main; main()", "process-sessions", "--quiet")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        good = make_sessions(folder / "study", given.sessions)
        words = break_sessions(folder / "study", good[0])
        study = str(folder / "study")
        every = [str(path) for path in sorted((folder / "study").iterdir())]
        loop = timed("-c", LOOP, str(folder / "loop"), *every)
        one = timed(*command, study, "--output", str(folder / "one"), "--n-jobs", "1", code=3)
        single = timed(*command, study, "--output", str(folder / "single"), "--n-jobs", "1", cores=1, code=3)
        two = timed(*command, study, "--output", str(folder / "two"), "--n-jobs", "2", code=3)
        again = timed(*command, study, "--output", str(folder / "two"), "--n-jobs", "2", code=3)
        done, named = count_named(folder / "two", words)
        same = all(
            path.read_bytes() == (folder / "two" / path.relative_to(folder / "one")).read_bytes()
            for path in (folder / "one").glob("sub-*/**/*")
            if path.is_file()
        )
    rows = [
        ("plain loop", loop, ""),
        ("one worker", one, f"{100 * (one / loop - 1):+.1f} % against the loop"),
        ("one worker on one core", single, ""),
        (
            "two workers",
            two,
            f"{one / two:.2f} times as fast as one, {single / two:.2f} times as one on one core",
        ),
        ("everything done already", again, f"{again / len(every):.2f} s a session"),
    ]
    lines = [
        f"# {len(every)} example sessions of 20 s, {N_BROKEN} of them broken (`benchmarks/batch.py`)",
        "",
        "| | s | |",
        "| --- | --- | --- |",
        *(f"| {what} | {seconds:.1f} | {note} |" for what, seconds, note in rows),
        "",
        f"{done} sessions were done; {named} of the {N_BROKEN} broken ones were named with the right reason.",
        f"One and two workers wrote {'the same' if same else 'OTHER'} bytes.",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "batch.md").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
