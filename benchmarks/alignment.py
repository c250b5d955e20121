"""How well the clocks of video and recording are aligned, on simulated sessions whose truth is known.

Each case is a session: pulses at intervals of some law, seen by a camera (frames with an exposure, a gamma,
noise, jitter, dropped frames) or a microphone, and written by an amplifier of 1000 Hz with another clock. On
both sides pulses are missing and others are added. A row of the table is a set of cases that differ in nothing
but the seed. The error is the mapped time minus the true time at 50 instants over each video.

A case is refused if `enicfer.sync.align` raises, or if the stated 95 % bound is above half a frame anywhere in
the video (the default of ``--max-uncertainty``). A false acceptance is a case that was not refused and is wrong
by more than one frame interval somewhere, or whose pulses are unrelated. The coverage is the share of instants,
of the cases that were not refused, at which the error is within the bound. The bound of a row is the median over
these instants; its ratio to the 95th percentile of the errors says how much wider than needed it is. The instants of
a session depend on each other, so that the standard error of the coverage is taken over sessions.

Rows whose name begins with "film" or "sound" were filmed or recorded by `benchmarks/world.py`, which follows from
physics and knows nothing of the program: light adds before the camera encodes it, and sounds rise. The other rows
add the LED's grey value, by a power of its light, to the background's.

A row of 1,000 cases takes 1 to 15 minutes of a core. Rows that this code gave before with as many cases are kept, so
that the table can be made in several goes; the column ``code`` says which code gave a row.

    python benchmarks/alignment.py [--cases N] [--jobs N] [--only TEXT] [--work FOLDER] [--out FOLDER]
"""

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import outcomes
import world

from enicfer.config.protocol import Pulses
from enicfer.errors import AlignmentError
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
    law: str = (
        "random"  # of the intervals: random (5 to 15 s), dense (2 to 5 s), poisson, steps, regular (10 s)
    )
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
    camera: world.Camera | None = None  # films and records with benchmarks/world.py
    led: world.Led | None = None
    sound: world.Sound | None = None


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
        "dense": lambda: rng.uniform(2, 5, n),
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
    # The LED's light adds to the scene's before the camera encodes it.
    dark, bright = (np.array([40.0, 160.0]) / 255) ** case.gamma
    grey = 255 * (dark + lit * (bright - dark)) ** (1 / case.gamma) + rng.normal(0, case.noise, n)
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
        if case.camera is None:
            video_time, brightness = film(seen, case, stop, rng)
        else:
            video_time, brightness = world.film(seen, case.led or world.Led(), case.camera, stop, rng)
        evidence = replace(evidence, video_time=video_time, brightness=brightness)
    elif case.source == "audio":
        track = (
            record_sound(seen, stop, rng) if case.sound is None else world.record(seen, case.sound, stop, rng)
        )
        evidence = replace(evidence, sound=track, sound_rate=SOUND_RATE)
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


def run_cases(seeds: range, case: Case) -> np.ndarray:
    """Simulate and align some cases of a row; see `outcomes.RECORD`."""
    records = outcomes.empty(seeds)
    for record, seed in zip(records, seeds, strict=True):
        begin = time.process_time()
        simulation = simulate(case, seed)
        v = np.linspace(0, simulation.evidence.video_time[-1], outcomes.INSTANTS)
        try:
            found = align_case(case, simulation.evidence)
            bound = found.uncertainty(v)
        except AlignmentError:
            bound = np.full(len(v), np.inf)
        record["seconds"] = time.process_time() - begin
        if not np.all(bound <= 0.5 / case.fps):
            continue
        error = found.time(v) - (simulation.slope * v + simulation.offset)
        record["wrong"] = not case.related or np.any(np.abs(error) > 1 / case.fps)
        record["state"] = outcomes.ACCEPTED if case.related else outcomes.UNRELATED
        record["error"], record["bound"] = error, bound
    return records


def describe(case: Case, records: np.ndarray) -> dict[str, str]:
    """One row of the table."""
    n = len(records)
    return {
        "name": case.name,
        "source": case.source,
        "cases": str(n),
        **outcomes.summarise(records),
        "refused": f"{np.mean(records['state'] == outcomes.REFUSED):.3f}",
        "false_acceptance": f"{np.mean(records['wrong']):.4f}",
        "seconds": f"{np.mean(records['seconds']):.3f}",
    }


BASE = Case("base: 60 random pulses, 15 % missing, 10 % extra, 500 ppm, 5 % dropped, VFR")
ROWS = (
    BASE,
    Case("20 pulses, 40 % missing, 40 % extra", pulses=20, missing=0.4, extra=0.4),
    Case("beeps", source="audio", law="dense"),
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
CAMERA, LED, SOUND = world.Camera(), world.Led(), world.Sound()
FILM = replace(BASE, pulses=60, camera=CAMERA)


def _filmed(what: str, led: world.Led = LED, **camera: object) -> Case:
    chosen = replace(CAMERA, **camera)
    return replace(FILM, name=f"film: {what}", led=led, camera=chosen, fps=chosen.fps)


def _recorded(what: str, **sound: object) -> Case:
    return Case(f"sound: {what}", "audio", pulses=25, law="dense", sound=replace(SOUND, **sound))


WORLD_ROWS = (
    *(
        _filmed(f"{encoding}, exposure {e:.0%}, {scene}", encoding=encoding, exposure=e, background=light)
        for encoding in world.ENCODINGS
        for e in (0.05, 0.3, 0.6, 0.9, 1.0)
        for scene, light in (("black", 0.0), ("lit background", 0.03), ("bright background", 0.15))
    ),
    *(_filmed(f"rolling shutter {1000 * r:g} ms", read_out=r, region=0.1) for r in (0.005, 0.015)),
    *(
        _filmed(f"PWM of {f} Hz, exposure {e:.0%}", replace(LED, pwm=float(f)), exposure=e)
        for f in (100, 200, 490)
        for e in (0.3, 0.9)
    ),
    _filmed("PWM of 100 Hz, lit a fifth of the time", replace(LED, pwm=100.0, duty=0.2, light=0.9)),
    *(_filmed(f"automatic exposure about {e:.0%}", automatic=True, exposure=e) for e in (0.3, 0.6, 0.9)),
    *(_filmed(f"saturated {x:g} times", replace(LED, light=x), exposure=0.9) for x in (1.5, 3.0)),
    _filmed("saturated in the middle of the region", replace(LED, light=1.5, spill=0.05), exposure=0.9),
    _filmed("region larger than the LED", replace(LED, spill=0.02), exposure=0.9),
    *(_filmed(f"{c} LED", replace(LED, colour=c), exposure=0.9) for c in ("red", "green")),
    _filmed("weak LED", replace(LED, light=0.03), exposure=0.9),
    _filmed("noisy camera", read_noise=400.0, exposure=0.9),
    _filmed("constant frame rate", variable=0.0, dropped=0.0, exposure=0.9),
    *(_filmed(f"{fps} fps", fps=float(fps), exposure=0.9) for fps in (15, 25, 60)),
    _filmed("jitter of time stamps 2 ms", jitter=0.002),
    *(
        _recorded(f"{shape} ramp of {1000 * r:g} ms, noise {level}", ramp=r, shape=shape, noise=noise)
        for shape, ramps in (("linear", (0.0, 0.002, 0.005, 0.01)), ("cosine", (0.002, 0.005, 0.01)))
        for r in ramps
        for level, noise in (("-52 dB", 0.001), ("-26 dB", 0.02), ("-12 dB", 0.1))
    ),
    *(_recorded(f"tone of {f} Hz", frequency=float(f)) for f in (440, 3000)),
    _recorded("tone of 30 ms", length=0.03),
    _recorded("clicks", kind="click"),
    _recorded("clicks in noise", kind="click", noise=0.03),
    _recorded("TTL edges", kind="ttl"),
    _recorded("noise of a room", coloured=True, noise=0.05),
    _recorded("echoes of a room", reverberation=0.4),
    _recorded("echoes of a room, no ramp", reverberation=0.4, ramp=0.0),
    _recorded("noise of a codec before the onset", pre_echo=0.01),
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


REFUSALS = "regular pulses without a coarse offset, and unrelated pulses"


def describe_refusals(parts: list[np.ndarray]) -> dict[str, str]:
    """All of `MUST_REFUSE` as one row: regular pulses without a coarse offset, and unrelated trains."""
    row = describe(Case(REFUSALS, "onsets"), np.concatenate(parts))
    return {
        k: v if k in ("name", "source", "cases", "refused", "false_acceptance") else ""
        for k, v in row.items()
    }


class Table:
    """The table of results: rows of this code alone, in the order of `ROWS`, written after each row."""

    def __init__(self, folder: Path, finished: dict[str, dict[str, str]], code: str) -> None:
        self.folder, self.code = folder, code
        self.rows = dict(finished)

    def add(self, row: dict[str, str]) -> None:
        """Print a row and write the table with it."""
        print(*row.values(), sep=" | ", flush=True)
        self.rows[row["name"]] = {k: v for k, v in row.items() if k != "seconds"} | {"code": self.code}
        names = [case.name for case in (*ROWS, *WORLD_ROWS)] + [REFUSALS]
        rows = [self.rows[name] for name in names if name in self.rows]
        outcomes.write_table(rows, self.folder, "alignment")


def main() -> None:
    """Write the table as CSV and Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=200, help="cases of an ordinary row")
    parser.add_argument("--step", type=int, default=200, help="cases after which the next row has its turn")
    parser.add_argument("--first-seed", type=int, default=0, help="others than 0 are for development")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--only", default="", help="rows whose name holds this text")
    parser.add_argument(
        "--work", type=Path, help="folder of work files; a run that is repeated goes on there"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    here = Path(__file__).parent
    code = outcomes.digest_code(here / "alignment.py", here / "world.py")
    store = outcomes.Store(options.work, code)
    chosen = [case for case in (*ROWS, *WORLD_ROWS) if options.only in case.name]
    if not chosen:
        parser.error(f"no row's name holds {options.only!r}")
    finished = outcomes.read_finished(options.out / "alignment.csv", code[:16], options.cases)
    table = Table(options.out, finished, code[:16])
    with ProcessPoolExecutor(options.jobs) as executor:
        pool = executor if options.jobs > 1 else None
        for seeds in outcomes.rounds(options.first_seed, options.cases, options.step):
            for case in chosen:
                if case.name not in finished:
                    records = store.run(case, partial(run_cases, case=case), seeds, pool)
                    table.add(describe(case, records))
            if not options.only and REFUSALS not in finished:
                few = seeds[: max(1, len(seeds) // 20)]
                parts = [store.run(c, partial(run_cases, case=c), few, pool) for c in MUST_REFUSE]
                table.add(describe_refusals(parts))


if __name__ == "__main__":
    main()
