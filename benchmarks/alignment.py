"""How well the clocks of video and recording are aligned, on simulated sessions whose truth is known.

Each case is a session: pulses at intervals of some law, seen by a camera (frames with an exposure, a gamma,
noise, jitter, dropped frames) or a microphone, and written by an amplifier of 1000 Hz with another clock. On
both sides pulses are missing and others are added. A row of the table is a set of cases that differ in nothing
but the seed. The error is the mapped time minus the true time at 50 instants over each video.

A case is refused if `enicfer.sync.align` raises, or if the stated 95 % bound is above half a frame anywhere in
the video (the default of ``--max-uncertainty``). A false acceptance is a case that was not refused and is wrong
by more than one frame interval somewhere, or whose pulses are unrelated. The coverage is the share of instants,
of the cases that were not refused, at which the error is within the bound.

    python benchmarks/alignment.py [--cases N] [--out FOLDER]
"""

import argparse
import csv
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from enicfer.errors import AlignmentError
from enicfer.protocol import Pulses
from enicfer.records import Alignment
from enicfer.sync import Evidence, align
from enicfer.sync.led import Onsets
from enicfer.sync.pieces import align_pulses

FLASH = 0.2  # s that the LED is on
BEEP = 0.05  # s, of 1 kHz
SOUND_RATE = 16000
EEG_RATE = 1000.0


@dataclass(frozen=True)
class Case:
    """What the cases of a row have in common."""

    name: str
    source: str = "led"  # led, audio, or onsets (pulse times with jitter, no signal)
    pulses: int = 60
    law: str = "random"  # of the intervals: random (5 to 15 s), poisson, steps (2, 4 or 6 s), regular (10 s)
    related: bool = True
    missing: float = 0.15
    extra: float = 0.10
    drift: float = 500.0  # ppm, largest; drawn from +- this
    jitter: float = 0.0  # s, standard deviation of the frame time stamps
    fps: float = 30.0
    variable: bool = True  # frame intervals vary by 10 %
    dropped: float = 0.05
    exposure: float = 0.6  # of a frame interval
    gamma: float = 2.2
    noise: float = 1.5  # grey values
    prior: float | None = None  # half-width in s of a coarse offset
    cases: int = 0  # 0: as many as --cases says


@dataclass(frozen=True)
class Simulation:
    """One session and its truth: ``time = slope * video_time + offset``."""

    evidence: Evidence
    slope: float
    offset: float


def draw_onsets(case: Case, rng: np.random.Generator) -> np.ndarray:
    """True pulses in s of video time."""
    n = case.pulses
    gaps = {
        "random": lambda: rng.uniform(5, 15, n),
        "poisson": lambda: 0.5 + rng.exponential(9.5, n),
        "steps": lambda: rng.choice([2.0, 4.0, 6.0], n),
        "regular": lambda: np.full(n, 10.0),
    }[case.law]()
    return np.cumsum(gaps)


def lose_and_add(onset: np.ndarray, case: Case, stop: float, rng: np.random.Generator) -> np.ndarray:
    """What one side has of the pulses."""
    seen = onset[rng.random(len(onset)) >= case.missing]
    return np.sort(np.concatenate([seen, rng.uniform(0, stop, round(len(onset) * case.extra))]))


def film(
    onset: np.ndarray, case: Case, stop: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Frame times (end of exposure) and the brightness of the LED's region."""
    frame = 1 / case.fps
    n = int(stop / frame)
    interval = frame * (1 + (rng.uniform(-0.1, 0.1, n) if case.variable else np.zeros(n)))
    end = np.cumsum(interval)
    exposure = np.minimum(case.exposure * frame, interval)
    lit = np.zeros(n)
    for start in onset:
        near = slice(max(np.searchsorted(end, start) - 2, 0), np.searchsorted(end, start + FLASH) + 3)
        light = np.minimum(end[near], start + FLASH) - np.maximum(end[near] - exposure[near], start)
        lit[near] = np.maximum(lit[near], np.clip(light / exposure[near], 0, 1))
    grey = 40 + 120 * lit ** (1 / case.gamma) + rng.normal(0, case.noise, n)
    stamp = end + rng.normal(0, case.jitter, n)
    kept = rng.random(n) >= case.dropped
    return np.maximum.accumulate(stamp[kept]), np.clip(np.round(grey[kept], 1), 0, 255)


def record_sound(onset: np.ndarray, stop: float, rng: np.random.Generator) -> np.ndarray:
    """A sound track with a beep at each onset, over room noise."""
    sound = rng.normal(0, 0.005, int(stop * SOUND_RATE)).astype(np.float32)
    for start in onset:
        first = int(np.ceil(start * SOUND_RATE))
        t = np.arange(first, min(first + int(BEEP * SOUND_RATE), len(sound))) / SOUND_RATE - start
        sound[first : first + len(t)] += (0.4 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)
    return sound


def simulate(case: Case, seed: int) -> Simulation:
    """One session of a row."""
    rng = np.random.default_rng([seed, *case.name.encode()])
    onset = draw_onsets(case, rng)
    stop = float(onset[-1]) + 10
    slope = 1 + rng.uniform(-1, 1) * case.drift * 1e-6
    offset = rng.uniform(-3600, 3600)
    other = onset if case.related else draw_onsets(case, rng)
    recorded = lose_and_add(other, case, stop, rng) * slope + offset
    evidence = Evidence(
        video_time=np.arange(0, stop, 1 / case.fps),
        pulse_time=np.round(recorded * EEG_RATE) / EEG_RATE,
        coarse_offset=None
        if case.prior is None
        else (offset + rng.uniform(-0.5, 0.5) * case.prior, case.prior),
    )
    seen = lose_and_add(onset, case, stop, rng)
    if case.source == "led":
        video_time, brightness = film(seen, case, stop, rng)
        evidence = replace(evidence, video_time=video_time, brightness=brightness)
    elif case.source == "audio":
        evidence = replace(evidence, sound=record_sound(seen, stop, rng), sound_rate=SOUND_RATE)
    else:
        blurred = np.sort(seen + rng.uniform(-0.5, 0.5, len(seen)) / case.fps)
        evidence = replace(evidence, sound=blurred)
    return Simulation(evidence, slope, offset)


def align_case(case: Case, evidence: Evidence) -> Alignment:
    """Align as the program would; the source ``onsets`` leaves out the camera."""
    if case.source == "onsets":
        seen = np.asarray(evidence.sound, np.float64)
        onsets = Onsets(seen, np.full(len(seen), 1 / case.fps / np.sqrt(12)))
        return align_pulses(onsets, evidence.pulse_time, "led", 0.75 / case.fps, prior=evidence.coarse_offset)
    return align(evidence, Pulses(source=case.source, codes=("1",)))


def run_row(case: Case, n: int) -> dict[str, object]:
    """Simulate and align ``n`` cases; one row of the table."""
    errors, covered, refused, wrong = [], [], 0, 0
    begin = time.process_time()
    for seed in range(n):
        simulation = simulate(case, seed)
        v = np.linspace(0, simulation.evidence.video_time[-1], 50)
        try:
            found = align_case(case, simulation.evidence)
        except AlignmentError:
            refused += 1
            continue
        bound = found.uncertainty(v)
        if not np.all(bound <= 0.5 / case.fps):
            refused += 1
            continue
        error = np.abs(found.time(v) - (simulation.slope * v + simulation.offset))
        wrong += bool(not case.related or np.any(error > 1 / case.fps))
        if case.related:
            errors.append(error)
            covered.append(error <= bound)
    pooled = 1000 * np.concatenate(errors) if errors else np.array([np.nan])
    return {
        "name": case.name,
        "source": case.source,
        "cases": n,
        "median_ms": f"{np.median(pooled):.2f}",
        "p95_ms": f"{np.quantile(pooled, 0.95):.2f}",
        "max_ms": f"{np.max(pooled):.2f}",
        "refused": f"{refused / n:.3f}",
        "false_acceptance": f"{wrong / n:.4f}",
        "coverage": f"{np.mean(np.concatenate(covered)):.3f}" if covered else "",
        "seconds": f"{(time.process_time() - begin) / n:.3f}",
    }


BASE = Case("base: 60 random pulses, 15 % missing, 10 % extra, 500 ppm, 5 % dropped, VFR")
ROWS = (
    BASE,
    Case("20 pulses, 40 % missing, 40 % extra", pulses=20, missing=0.4, extra=0.4),
    Case("beeps", source="audio", cases=20),
    *(replace(BASE, name=f"{n} pulses", pulses=n) for n in (6, 10, 20, 200)),
    *(replace(BASE, name=f"{m:.0%} missing", missing=m) for m in (0.0, 0.4)),
    *(replace(BASE, name=f"{x:.0%} extra", extra=x) for x in (0.0, 0.4)),
    *(replace(BASE, name=f"jitter of time stamps {1000 * j:g} ms", jitter=j) for j in (0.002, 0.005)),
    *(replace(BASE, name=f"drift up to {d} ppm", drift=float(d)) for d in (0, 1000)),
    *(replace(BASE, name=f"{fps} fps", fps=float(fps)) for fps in (15, 25, 60)),
    replace(BASE, name="constant frame rate", variable=False, dropped=0.0),
    *(replace(BASE, name=f"exposure {e:.0%} of a frame", exposure=e) for e in (0.05, 0.3, 1.0)),
    replace(BASE, name="grey values proportional to light", gamma=1.0),
    replace(BASE, name="noise of 6 grey values", noise=6.0),
    replace(BASE, name="Poisson intervals", law="poisson"),
    replace(BASE, name="intervals of 2, 4 or 6 s", law="steps"),
    replace(BASE, name="regular pulses", law="regular"),
    replace(BASE, name="regular pulses, offset known to 4 s", law="regular", prior=4.0),
)
MUST_REFUSE = tuple(
    Case(
        f"{'' if related else 'unrelated, '}{law}, {n} pulses, {m:.0%} missing, {x:.0%} extra",
        "onsets", n, law, related, m, x,
    )
    for related, laws in ((True, ("regular",)), (False, ("random", "poisson", "steps", "regular")))
    for law in laws
    for n in (5, 8, 20, 60, 120)
    for m, x in ((0.0, 0.0), (0.0, 0.1), (0.15, 0.1), (0.4, 0.4))
)  # fmt: skip


def run_refusals(cases: int) -> dict[str, object]:
    """All of `MUST_REFUSE` as one row: regular pulses without a coarse offset, and unrelated trains."""
    rows = [run_row(case, cases) for case in MUST_REFUSE]
    accepted = sum(cases * (1 - float(str(row["refused"]))) for row in rows)
    false = sum(cases * float(str(row["false_acceptance"])) for row in rows)
    total = cases * len(rows)
    return {
        **dict.fromkeys(rows[0], ""),
        "name": "regular pulses without a coarse offset, and unrelated pulses",
        "source": "onsets",
        "cases": total,
        "refused": f"{1 - accepted / total:.4f}",
        "false_acceptance": f"{false / total:.4f}",
    }


def main() -> None:
    """Write the table as CSV and Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=200, help="cases of an ordinary row")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    rows = []
    for case in ROWS:
        rows.append(run_row(case, case.cases or options.cases))
        print(*rows[-1].values(), sep=" | ", flush=True)
    rows.append(run_refusals(max(1, options.cases // 20)))
    print(*rows[-1].values(), sep=" | ")
    options.out.mkdir(parents=True, exist_ok=True)
    columns = [c for c in rows[0] if c != "seconds"]  # times differ from run to run
    with (options.out / "alignment.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    lines = ["| " + " | ".join(columns) + " |", "| " + " | ".join("---" for _ in columns) + " |"]
    lines += ["| " + " | ".join(str(row[c]) for c in columns) + " |" for row in rows]
    (options.out / "alignment.md").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
