"""Fuzz every reader and the command line for so long each, guided by coverage, one process after the other.

Can be stopped and started again: ``results.json`` in the folder holds, for each target, seconds of the processor,
inputs tried, and the kinds of errors found. The inputs that led to them are beside it. Nothing is written elsewhere.

    python benchmarks/fuzz_campaign.py FOLDER [--minutes 20] [--until HH:MM] [--only NAME...]
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SLICE = 400  # s of the clock for one process
MOST_FAILURES = 5  # slices one after the other that try nothing


def list_targets() -> list[str]:
    """Names, the most exposed readers first."""
    code = "from tests.fuzz_targets import TARGETS; print(*TARGETS, sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout.split()


def used() -> float:
    """Seconds of the processor that ended children took."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_slice(name: str, folder: Path, seed: int, seconds: int) -> tuple[float, int, str]:
    """Seconds of the processor, inputs tried, and the end of what was said."""
    place = folder / name
    (place / "here").mkdir(parents=True, exist_ok=True)
    before = used()
    command = [sys.executable, str(ROOT / "tests" / "fuzz_reader.py"), name, "--seconds", str(seconds)]
    command += ["--corpus", str(place / "corpus"), "--found", str(place / "found"), "--seed", str(seed)]
    (folder / "tmp").mkdir(exist_ok=True)
    try:
        done = subprocess.run(
            command,
            cwd=place / "here",
            env={
                **os.environ,
                "TMPDIR": str(folder / "tmp"),
                "OMP_NUM_THREADS": "1",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=20 * seconds + 600,
            check=False,
        )
        said = done.stderr
    except subprocess.TimeoutExpired as error:
        said = str(error.stderr or "")
    tried = re.findall(r"number_of_executed_units:\s*(\d+)|^#(\d+)\s", said, re.MULTILINE)
    return used() - before, max((int(a or b) for a, b in tried), default=0), said[-2000:]


def main() -> None:
    """Go through the targets that have not had their time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=20.0, help="of the processor, for each target")
    parser.add_argument("--until", help="clock time at which no further slice begins")
    parser.add_argument("--only", nargs="+")
    given = parser.parse_args()
    folder = given.folder.resolve()
    if folder.is_relative_to(ROOT):
        parser.error("give a folder outside of the repository")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "results.json"
    results: dict[str, dict[str, Any]] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    for name in given.only or list_targets():
        entry = results.setdefault(name, {"seconds": 0.0, "inputs": 0, "slices": 0, "found": []})
        idle = 0
        while entry["seconds"] < 60 * given.minutes and idle < MOST_FAILURES:
            if given.until and datetime.now().strftime("%H:%M") >= given.until:
                return
            begin = time.perf_counter()
            seconds, inputs, said = run_slice(name, folder, entry["slices"] + 1, SLICE)
            entry["seconds"] += seconds
            entry["inputs"] += inputs
            entry["slices"] += 1
            idle = 0 if inputs else idle + 1
            entry["found"] = sorted(
                path.name for path in (folder / name / "found").glob("*") if path.suffix != ".txt"
            )
            entry["said"] = "" if inputs else said
            file.write_text(json.dumps(results, indent=1), encoding="utf-8")
            took = time.perf_counter() - begin
            print(
                f"{name}: {entry['seconds']:.0f} s, {entry['inputs']} inputs, {entry['found']} ({took:.0f} s)",
                flush=True,
            )


if __name__ == "__main__":
    main()
