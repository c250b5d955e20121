"""How often pulse trains are matched that do not belong together, and how often true pairs are refused.

Pulses are made here from clocks and losses alone. A camera sees an onset with one of three errors (`SOURCES`), an
amplifier writes it to the millisecond on a clock of its own (drift to 500 ppm), and each side loses pulses and
gains others. Every second pair also says from when to when camera and recording ran.

- ``unrelated``: a video of one session with the recording of another; 0 or 15 % missing, 0 or 10 % extra.
- ``quasi-periodic``: unrelated metronomes whose beats (``about a grid``) or whose intervals (``intervals``) jitter.
- ``repeated``: one sequence done two or three times; one side has one pass of it, the other all, less what a late
  start, an early stop or lost triggers took from the pass that is the true one.
- ``true``: a video with its own recording, without losses, or with 15 % missing and 10 % extra on each side.

A pair is accepted if `enicfer.sync.pieces.align_pulses` gives a map whose bound is half a frame or less at all
times that both sides share. A false acceptance is an accepted pair that is unrelated, or off by more than a frame
somewhere.

    python benchmarks/false_acceptance.py [--pairs N] [--jobs N] [--work FOLDER] [--out FOLDER]
"""

import argparse
import contextlib
import csv
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import outcomes

from enicfer.errors import AlignmentError
from enicfer.sync.led import Onsets
from enicfer.sync.pieces import Breaks, align_pulses

FRAME = 1 / 30
# Largest and standard error of an onset, and the tolerance of the matching, in s: a lamp seen in whole frames, a
# lamp whose brightness tells the place between two frames, and beeps.
SOURCES = (
    (FRAME / 2, FRAME / np.sqrt(12), 0.75 * FRAME),
    (0.004, 0.0025, 0.75 * FRAME),
    (0.0005, 0.0003, 0.005),
)
PULSES = (6, 8, 12, 20, 60)
Draw = Callable[[np.random.Generator, int], np.ndarray]  # intervals in s
LAWS: dict[str, Draw] = {
    "random (5 to 15 s)": lambda rng, n: rng.uniform(5, 15, n),
    "random (2 to 6 s)": lambda rng, n: rng.uniform(2, 6, n),
    "poisson": lambda rng, n: 0.5 + rng.exponential(9.5, n),
    "whole seconds (5 to 15 s)": lambda rng, n: rng.integers(5, 16, n).astype(float),
    "whole seconds (2 to 6 s)": lambda rng, n: rng.integers(2, 7, n).astype(float),
    "half seconds (2 to 6 s)": lambda rng, n: rng.integers(4, 13, n) / 2,
    "short list (2, 4, 6 s)": lambda rng, n: rng.choice([2.0, 4.0, 6.0], n),
    "short list (2.1, 3.4, 5.3 s)": lambda rng, n: rng.choice([2.1, 3.4, 5.3], n),
}
BEATS = (0.005, 0.02, 0.05, 0.1, 0.3)  # s, standard deviation of the jitter of a metronome of 2 to 10 s
REPEATS = ("late start", "early stop", "lost triggers", "lost block", "three passes", "whole")


@dataclass(frozen=True)
class Pair:
    """Pulses of a video and a recording in s, the true map (None if there is none), and when both ran."""

    source: int

    video: np.ndarray
    recording: np.ndarray
    truth: tuple[float, float] | None
    video_span: tuple[float, float]
    recording_span: tuple[float, float]


def lose_and_add(
    onset: np.ndarray, missing: float, extra: float, rng: np.random.Generator, part: tuple[float, float]
) -> np.ndarray:
    """What one side has of the pulses, while it ran."""
    kept = onset[rng.random(len(onset)) >= missing]
    kept = np.concatenate([kept, rng.uniform(*part, rng.binomial(len(onset), extra))])
    return np.sort(kept[(kept >= part[0]) & (kept <= part[1])])


def record(
    seen: np.ndarray,
    sent: np.ndarray,
    related: bool,
    rng: np.random.Generator,
    filmed: tuple[float, float],
    recorded: tuple[float, float],
) -> Pair:
    """Both trains, given on one clock, as the camera and the amplifier write them on their own."""
    slope = 1 + rng.uniform(-500e-6, 500e-6)
    start, zero = filmed[0], recorded[0]
    source = int(rng.integers(len(SOURCES)))
    video = np.sort(seen - start + rng.uniform(-1, 1, len(seen)) * SOURCES[source][0])
    written = np.round(slope * (sent - zero), 3)
    return Pair(
        source,
        video,
        written,
        (slope, slope * (start - zero)) if related else None,
        (0.0, filmed[1] - start),
        (0.0, slope * (recorded[1] - zero)),
    )


def unrelated(rng: np.random.Generator, draw: Draw, n: int) -> Pair:
    """A video of one session with the recording of another."""
    missing, extra = ((0.0, 0.0), (0.15, 0.10))[rng.integers(2)]
    a, b = np.cumsum(draw(rng, n)), np.cumsum(draw(rng, n))
    spans = [(-rng.uniform(0, 20), x[-1] + rng.uniform(1, 20)) for x in (a, b)]
    sides = [lose_and_add(x, missing, extra, rng, s) for x, s in zip((a, b), spans, strict=True)]
    return record(*sides, False, rng, *spans)


def quasi_periodic(rng: np.random.Generator, beat: float, about_grid: bool, n: int) -> Pair:
    """Two metronomes of one period, which have nothing to do with each other."""
    period = rng.uniform(2, 10)

    def draw(rng: np.random.Generator, n: int) -> np.ndarray:
        if about_grid:
            return np.diff(np.arange(n + 1) * period + rng.normal(0, beat, n + 1))
        return period + rng.normal(0, beat, n)

    return unrelated(rng, draw, n)


def true_pair(rng: np.random.Generator, draw: Draw, losses: tuple[float, float], n: int) -> Pair:
    """A video with its own recording."""
    onset = np.cumsum(draw(rng, n))
    spans = [(-rng.uniform(0, 20), onset[-1] + rng.uniform(1, 20)) for _ in range(2)]
    sides = [lose_and_add(onset, *losses, rng, s) for s in spans]
    return record(*sides, True, rng, *spans)


def repeated(rng: np.random.Generator, draw: Draw, how: str, n: int) -> Pair:
    """One side has a pass of a sequence that the other side has two or three times."""
    once = np.cumsum(draw(rng, n))
    length = once[-1] + rng.uniform(20, 90)
    passes = 3 if how == "three passes" else 2
    true = int(rng.integers(passes))
    all_passes = [once + k * length for k in range(passes)]
    lost = rng.uniform(0.1, 0.4)  # share of the pass that is the true one
    if how in ("late start", "three passes"):
        true = 0
        all_passes[0] = all_passes[0][int(lost * n) :]
    elif how == "early stop":
        true = passes - 1
        all_passes[-1] = all_passes[-1][: n - int(lost * n)]
    elif how == "lost triggers":
        all_passes[true] = np.delete(all_passes[true], rng.choice(n, int(lost * n), replace=False))
    elif how == "lost block":
        first = rng.integers(0, n - int(lost * n) + 1)
        all_passes[true] = np.delete(all_passes[true], np.arange(first, first + int(lost * n)))
    one = once + true * length
    many = np.concatenate(all_passes)
    short = one[0] - rng.uniform(0.5, 1), one[-1] + rng.uniform(0.5, 15)
    long = many[0] - rng.uniform(0.5, 1), many[-1] + rng.uniform(0.5, 15)
    if rng.random() < 0.5:
        return record(one, many, True, rng, short, long)
    return record(many, one, True, rng, long, short)


def judge(pair: Pair, spans: bool) -> tuple[bool, bool]:
    """Whether the pair is accepted, and whether rightly."""
    _, spread, tolerance = SOURCES[pair.source]
    onsets = Onsets(pair.video, np.full(len(pair.video), spread))
    frames = np.arange(pair.video_span[0], pair.video_span[1], FRAME)
    breaks = Breaks(video_time=frames, stop=pair.recording_span[1]) if spans else None
    try:
        found = align_pulses(onsets, pair.recording, "led", tolerance, breaks=breaks)
    except AlignmentError:
        return False, False
    at = np.linspace(*pair.video_span, 200)
    mapped = found.time(at)
    inside = (mapped >= pair.recording_span[0]) & (mapped <= pair.recording_span[1])
    if not inside.any() or not np.all(found.uncertainty(at[inside]) <= FRAME / 2):
        return False, False
    if pair.truth is None:
        return True, False
    error = np.abs(mapped[inside] - (pair.truth[0] * at[inside] + pair.truth[1]))
    return True, bool(error.max() <= FRAME)


KINDS = ("unrelated", "quasi-periodic", "repeated", "true", "true, 15/10")
Row = tuple[str, str, int, Callable[[np.random.Generator], Pair]]


def rows() -> Iterator[Row]:
    """Kind, law, number of pulses, and what draws a pair."""
    for n in PULSES:
        for law, draw in LAWS.items():
            for name, losses in (("true", (0.0, 0.0)), ("true, 15/10", (0.15, 0.10))):
                yield name, law, n, partial(true_pair, draw=draw, losses=losses, n=n)
            yield "unrelated", law, n, partial(unrelated, draw=draw, n=n)
        for beat in BEATS:
            name = f"jitter {1000 * beat:g} ms"
            for grid in (True, False):
                law = f"{name}, {'about a grid' if grid else 'intervals'}"
                yield "quasi-periodic", law, n, partial(quasi_periodic, beat=beat, about_grid=grid, n=n)
    for how in REPEATS:
        for law in ("random (2 to 6 s)", "whole seconds (2 to 6 s)", "short list (2, 4, 6 s)"):
            for n in (12, 20, 60):
                draw = partial(repeated, draw=LAWS[law], how=how, n=n)
                yield "repeated", f"{how}, {law}", n, draw


PART = 15  # pairs at a time
Job = tuple[int, int, int]


def run_row(job: Job) -> dict[str, object]:
    """Draw and judge some pairs of a row."""
    index, first, last = job
    kind, law, n, draw = list(rows())[index]
    accepted = right = 0
    begin = time.process_time()
    for seed in range(first, last):
        pair = draw(np.random.default_rng([seed, *f"{kind} {law} {n}".encode()]))
        yes, good = judge(pair, spans=bool(seed % 2))
        accepted += yes
        right += good
    return {
        "kind": kind,
        "law": law,
        "pulses": n,
        "pairs": last - first,
        "accepted": accepted,
        "rightly": right,
        "falsely": accepted - right,
        "ms": 1000 * (time.process_time() - begin) / max(last - first, 1),
    }


def run_jobs(jobs: list[Job], processes: int, work: Path | None) -> dict[Job, dict[str, object]]:
    """Outcomes of all jobs; those that a work file of the same code has are not done again."""
    done: dict[Job, dict[str, object]] = {}
    file = None
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        file = work / f"false_acceptance-{outcomes.digest_code(Path(__file__))[:16]}.jsonl"
        for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
            with contextlib.suppress(ValueError):  # it was being written when the run was stopped
                job, row = json.loads(line)
                done[tuple(job)] = row
    left = [job for job in jobs if job not in done]
    with ProcessPoolExecutor(processes) as pool:
        for job, row in zip(left, (pool.map if processes > 1 else map)(run_row, left), strict=True):
            done[job] = row
            if row["falsely"] or not len(done) % 100:
                print(len(done), "of", len(jobs), *row.values(), sep=" | ", flush=True)
            if file is not None:
                with file.open("a", encoding="utf-8") as out:
                    out.write("\n" * (out.tell() > 0) + json.dumps([job, row]))
    return {job: done[job] for job in jobs}


def add_up(parts: list[dict[str, object]]) -> dict[str, object]:
    """One row of the table from its parts."""
    counts = ("pairs", "accepted", "rightly", "falsely")
    return {
        **{c: parts[0][c] for c in ("kind", "law", "pulses")},
        **{c: sum(int(str(x[c])) for x in parts) for c in counts},
    }


def main() -> None:
    """Write the table as CSV and Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=210, help="pairs of a row")
    parser.add_argument("--true-pairs", type=int, default=50, help="pairs of a row of true pairs")
    parser.add_argument("--first-seed", type=int, default=0, help="others than 0 are for development")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument(
        "--work", type=Path, help="folder of work files; a run that is repeated goes on there"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    order = sorted(enumerate(rows()), key=lambda row: KINDS.index(row[1][0]))
    many = {i: options.true_pairs if row[0].startswith("true") else options.pairs for i, row in order}
    jobs = [
        (i, options.first_seed + k, options.first_seed + min(k + PART, many[i]))
        for k in range(0, max(many.values()), PART)
        for i, _ in order
        if k < many[i]
    ]
    done = run_jobs(jobs, options.jobs, options.work)
    table = [add_up([x for job, x in done.items() if job[0] == i]) for i, _ in order]
    for kind in KINDS:
        of = [row for row in table if row["kind"] == kind]
        sums = {c: sum(int(str(row[c])) for row in of) for c in ("pairs", "accepted", "rightly", "falsely")}
        table.append({"kind": kind, "law": "all", "pulses": "", **sums})
        print(*table[-1].values(), sep=" | ")
    options.out.mkdir(parents=True, exist_ok=True)
    columns = list(table[0])
    with (options.out / "false_acceptance.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    lines = ["| " + " | ".join(columns) + " |", "| " + " | ".join("---" for _ in columns) + " |"]
    lines += ["| " + " | ".join(str(row[c]) for c in columns) + " |" for row in table]
    (options.out / "false_acceptance.md").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
