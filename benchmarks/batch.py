"""What many sessions cost: two workers against one, and the batch layer against a plain loop.

    python benchmarks/batch.py [--sessions 12] [-o benchmarks/results]

Sessions are copies of one example session under other labels, so that each costs the same. In one run, in this
order: a plain loop over `enicfer.process_session` in a process of its own, `enicfer process-sessions` with one
worker, with one that may use a single core, with two, and a second time when everything is done. A worker alone
decodes, searches and classifies at the same time, on both cores: so two workers gain less against it than
against one core. The machine should do nothing else.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from enicfer.example import Scene, write_example_session

LOOP = """
import sys
from enicfer.pipeline import process_session
for folder in sys.argv[2:]:
    process_session(folder, output=sys.argv[1])
"""


def make_sessions(folder: Path, count: int) -> list[Path]:
    """Write one short session and copies of it; the video of each differs in its last, meaningless bytes."""
    first = write_example_session(
        folder / "sub-001", scene=Scene(trials_per_condition=1, absences=(), visits=1)
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


def timed(*command: str, cores: int = 0) -> float:
    """Wall time in s of a command that must succeed; on so many cores alone, if the system can do that."""
    limit = (
        (lambda: os.sched_setaffinity(0, range(cores)))
        if cores and hasattr(os, "sched_setaffinity")
        else None
    )
    started = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, capture_output=True, preexec_fn=limit)
    return time.perf_counter() - started


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--sessions", type=int, default=12)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent / "results")
    given = parser.parse_args()
    command = ("-c", "from enicfer.cli.main import main; main()", "process-sessions", "--quiet")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sessions = [str(path) for path in make_sessions(folder, given.sessions)]
        loop = timed("-c", LOOP, str(folder / "loop"), *sessions)
        one = timed(*command, *sessions, "--output", str(folder / "one"), "--n-jobs", "1")
        single = timed(*command, *sessions, "--output", str(folder / "single"), "--n-jobs", "1", cores=1)
        two = timed(*command, *sessions, "--output", str(folder / "two"), "--n-jobs", "2")
        again = timed(*command, *sessions, "--output", str(folder / "two"), "--n-jobs", "2")
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
        ("everything done already", again, f"{again / given.sessions:.2f} s a session"),
    ]
    lines = [
        f"# {given.sessions} example sessions of 20 s (`benchmarks/batch.py`)",
        "",
        "| | s | |",
        "| --- | --- | --- |",
        *(f"| {what} | {seconds:.1f} | {note} |" for what, seconds, note in rows),
        "",
        f"One and two workers wrote {'the same' if same else 'OTHER'} bytes.",
    ]
    text = "\n".join(lines) + "\n"
    print(text)
    given.output.mkdir(parents=True, exist_ok=True)
    (given.output / "batch.md").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
