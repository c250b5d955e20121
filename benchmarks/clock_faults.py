"""Whether the stated bounds hold when the clocks do not keep to a straight line.

Each case is a session of 20 minutes whose clocks are simulated from what is known of them, without the formulas of
the fit. The camera has a crystal whose rate depends on its temperature by a parabola, as AT-cut crystals do, and
which warms up after it is switched on; a random walk of its phase and of its rate; exposures every 1/30 s of that
clock; and a writer that stamps frames by this clock, by their number, or late at random. It loses frames without a
trace in numbered stamps. The amplifier of 1000 Hz has another rate. An LED flashes at random intervals; light adds
up while a frame is exposed.

The map's error is that of a frame's stamp without the jitter of this one frame; the frame's error is that of the
stamp as it is. A case is refused if `enicfer.sync.align` raises, or if the bound of the map is above half a frame
anywhere in the video (the default of ``--max-uncertainty``). Frames to which no time is given are counted.

    python benchmarks/clock_faults.py [--cases N] [--only TEXT] [--work FOLDER] [--out FOLDER]
"""

import argparse
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import outcomes

from enicfer.config.protocol import Pulses
from enicfer.errors import AlignmentError
from enicfer.sync import Evidence, align

DURATION = 1200.0  # s
FRAME = 1 / 30
FLASH = 0.2  # s
EEG_RATE = 1000.0
STEP = 0.1  # s, of the simulated clock
TURNOVER = 25.0  # degrees Celsius, where an AT-cut crystal's rate is largest
PARABOLA = 0.034e-6  # per square degree
SOUND_RATE = 8000


@dataclass(frozen=True)
class Case:
    """What the cases of a row have in common; times in s."""

    name: str
    source: str = "led"
    pulses: int = 110
    lost: int = 0  # frames, without a trace in the stamps
    numbered: bool = False  # stamps are the number of the frame in the file times the interval
    variable: float = 0.0  # spread of the true frame intervals
    warming: float = 0.0  # degrees Celsius by which the camera warms up in about 10 minutes
    sway: float = 0.0  # amplitude of a slow sinusoid of the phase
    walk: float = 0.0  # s per square root of a second, of the phase
    rate_walk: float = 0.0  # per square root of a second, of the rate
    jitter: float = 0.0  # standard deviation of a stamp
    late: bool = False  # stamps are late by an exponential time instead
    exposure: float = 0.6  # of a frame interval
    missing: float = 0.1
    extra: float = 0.05
    noise: float = 0.5  # grey values


def read_clock(case: Case, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """True time and what the camera's clock reads then, at a fine grid."""
    t = np.arange(-1, DURATION + 2, STEP)
    temperature = TURNOVER + rng.uniform(-5, 5) + case.warming * (1 - np.exp(-np.maximum(t, 0) / 600))
    rate = -PARABOLA * (temperature - TURNOVER) ** 2 + np.cumsum(
        rng.normal(0, case.rate_walk * np.sqrt(STEP), len(t))
    )
    phase = np.cumsum(rate) * STEP + np.cumsum(rng.normal(0, case.walk * np.sqrt(STEP), len(t)))
    period = rng.uniform(0.3, 1.2) * DURATION
    phase = phase + case.sway * np.sin(2 * np.pi * (t / period + rng.uniform()))
    return t, t * (1 + rng.uniform(-100e-6, 100e-6)) + phase


def simulate(case: Case, seed: int) -> tuple[Evidence, np.ndarray, np.ndarray, np.ndarray]:
    """The evidence, and of each frame the stamp, the stamp without jitter, and the true time of the recording."""
    rng = np.random.default_rng([seed, *case.name.encode()])
    t, reading = read_clock(case, rng)
    ticks = FRAME * np.cumsum(1 + case.variable * rng.uniform(-1, 1, int(DURATION / FRAME)))
    end = np.interp(ticks, reading, t)  # true end of each exposure
    gone = np.sort(rng.choice(np.arange(30, len(end) - 30), case.lost, replace=False))
    onset = 5 + np.cumsum(rng.uniform(0.5, 1.5, case.pulses) * (DURATION - 15) / case.pulses)
    onset = onset[onset < DURATION - 5]

    def lose_and_add() -> np.ndarray:
        kept = onset[rng.random(len(onset)) >= case.missing]
        return np.sort(np.append(kept, rng.uniform(1, DURATION - 1, round(len(onset) * case.extra))))

    rate, offset = 1 + rng.uniform(-100e-6, 100e-6), rng.uniform(10, 600)
    recorded = np.round((lose_and_add() * rate + offset) * EEG_RATE) / EEG_RATE
    kept = np.delete(np.arange(len(end)), gone)
    clean = FRAME * np.arange(1, len(kept) + 1) if case.numbered else ticks[kept]
    off = rng.exponential(case.jitter, len(kept)) if case.late else rng.normal(0, case.jitter, len(kept))
    stamp = np.maximum.accumulate(clean + off) + 1e-9 * np.arange(len(kept))
    evidence = Evidence(stamp, recorded, recording_stop=DURATION * rate + offset + 60)
    # A delay that is the same for all frames is none of the stamps' jitter.
    clean = clean + (case.jitter if case.late else 0.0)
    seen = lose_and_add()
    if case.source == "led":
        evidence = replace(evidence, brightness=film(seen, end, case, rng)[kept])
    else:
        heard = np.interp(seen, t, reading)
        evidence = replace(evidence, sound=listen(heard, rng), sound_rate=SOUND_RATE)
    return evidence, stamp, clean, end[kept] * rate + offset


def film(onset: np.ndarray, end: np.ndarray, case: Case, rng: np.random.Generator) -> np.ndarray:
    """Grey value of the LED's region in each exposure, by the light that fell in while the shutter was open."""
    open_for = case.exposure * FRAME
    edges = np.sort(np.concatenate([onset, onset + FLASH]))
    level = np.array([np.sum(onset <= x) - np.sum(onset + FLASH <= x) for x in edges]) > 0
    total = np.concatenate([[0.0], np.cumsum(level[:-1] * np.diff(edges))])

    def light(until: np.ndarray) -> np.ndarray:
        return np.interp(until, edges, total, left=0.0, right=total[-1])

    share = (light(end) - light(end - open_for)) / open_for
    return 40 + 120 * share + rng.normal(0, case.noise, len(end))


def listen(onset: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A sound track with a beep of 50 ms at each onset."""
    sound = rng.normal(0, 0.004, int(DURATION * SOUND_RATE)).astype(np.float32)
    for start in onset:
        first = int(np.ceil(start * SOUND_RATE))
        t = np.arange(first, min(first + SOUND_RATE // 20, len(sound))) / SOUND_RATE - start
        sound[first : first + len(t)] += (0.4 * np.sin(2 * np.pi * 1000 * t)).astype(np.float32)
    return sound


def run_cases(seeds: range, case: Case) -> np.ndarray:
    """Simulate and align some cases of a row; see `outcomes.RECORD`."""
    records = outcomes.empty(seeds)
    for record, seed in zip(records, seeds, strict=True):
        begin = time.process_time()
        run_case(case, seed, record)
        record["seconds"] = time.process_time() - begin
    return records


def run_case(case: Case, seed: int, record: np.void) -> None:
    """Simulate, align and compare."""
    evidence, stamp, clean, truth = simulate(case, seed)
    try:
        found = align(evidence, Pulses(source=case.source, codes=("1",)))
    except AlignmentError:
        return
    placed = np.isfinite(found.time(stamp))
    if np.any(found.uncertainty(stamp[placed]) > FRAME / 2):
        return
    record["state"] = outcomes.ACCEPTED
    record["noted"] = any("against each other" in note or "separate pieces" in note for note in found.notes)
    record["untimed"] = np.mean(~placed)
    pick = np.linspace(0, len(stamp) - 1, outcomes.INSTANTS).astype(int)
    # NaN at frames to which no time is given.
    record["error"] = found.time(clean[pick]) - truth[pick]
    record["bound"] = found.uncertainty(clean[pick])
    record["frame_error"] = found.time(stamp[pick]) - truth[pick]
    record["frame_bound"] = found.frame_uncertainty(stamp[pick])
    record["wrong"] = np.nanmax(np.abs(record["frame_error"])) > FRAME


def describe(case: Case, records: np.ndarray) -> dict[str, str]:
    """One row of the table."""
    accepted = records[records["state"] == outcomes.ACCEPTED]
    row = {
        "name": case.name,
        "cases": str(len(records)),
        "refused": f"{1 - len(accepted) / len(records):.3f}",
        "noted": f"{accepted['noted'].mean():.3f}" if len(accepted) else "",
        "untimed": f"{accepted['untimed'].mean():.4f}" if len(accepted) else "",
    }
    for what, columns in (("map", ("error", "bound")), ("frame", ("frame_error", "frame_bound"))):
        row |= {f"{what}_{k}": v for k, v in outcomes.summarise(records, *columns).items()}
    return {**row, "seconds": f"{records['seconds'].mean():.3f}"}


CLEAN = Case("clean: 110 pulses in 20 minutes, exposure 60 %")
NUMBERED = replace(CLEAN, numbered=True)
ROWS = (
    CLEAN,
    replace(CLEAN, name="clean, variable frame rate", variable=0.1),
    replace(CLEAN, name="clean, exposure 5 %", exposure=0.05),
    replace(CLEAN, name="clean, 30 pulses", pulses=30),
    replace(CLEAN, name="clean, 12 pulses", pulses=12),
    replace(CLEAN, name="clean, beeps", source="audio"),
    *(
        replace(NUMBERED, name=f"{n} lost without a trace, exposure {e:.0%}", lost=n, exposure=e)
        for n in (1, 3)
        for e in (0.6, 0.05)
    ),
    replace(NUMBERED, name="1 lost without a trace, 30 pulses", lost=1, pulses=30),
    replace(NUMBERED, name="1 lost without a trace, jitter 5 ms", lost=1, jitter=0.005),
    replace(NUMBERED, name="1 lost without a trace, sway 3 ms", lost=1, sway=0.003),
    *(replace(CLEAN, name=f"warming by {k:g} degrees", warming=k) for k in (10.0, 30.0)),
    *(replace(CLEAN, name=f"sway of {1000 * a:g} ms", sway=a) for a in (0.0005, 0.001, 0.003, 0.01)),
    replace(CLEAN, name="sway of 3 ms, exposure 5 %", sway=0.003, exposure=0.05),
    replace(CLEAN, name="sway of 5 ms, beeps", source="audio", sway=0.005),
    *(
        replace(CLEAN, name=f"random walk, {1000 * w:g} ms per root second", walk=w)
        for w in (0.00003, 0.0001, 0.0003)
    ),
    *(replace(CLEAN, name=f"rate walks, {1e6 * w:g} ppm per root second", rate_walk=w) for w in (2e-7, 1e-6)),
    *(replace(CLEAN, name=f"jitter of {1000 * j:g} ms", jitter=j) for j in (0.001, 0.002, 0.005)),
    replace(CLEAN, name="jitter of 2 ms, exposure 5 %", jitter=0.002, exposure=0.05),
    replace(CLEAN, name="jitter of 5 ms, 30 pulses", jitter=0.005, pulses=30),
    replace(CLEAN, name="late by 3 ms on average", jitter=0.003, late=True),
    replace(CLEAN, name="jitter of 3 ms, sway of 5 ms", jitter=0.003, sway=0.005),
)


def main() -> None:
    """Write the table as CSV and Markdown."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=200, help="cases of a row")
    parser.add_argument("--step", type=int, default=200, help="cases after which the next row has its turn")
    parser.add_argument("--first-seed", type=int, default=0, help="others than 0 are for development")
    parser.add_argument("--only", default="", help="only rows whose name contains this text")
    parser.add_argument(
        "--work", type=Path, help="folder of work files; a run that is repeated goes on there"
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    store = outcomes.Store(options.work, outcomes.digest_code(Path(__file__)))
    chosen = [case for case in ROWS if options.only in case.name]
    if not chosen:
        parser.error(f"no row's name holds {options.only!r}")
    for seeds in outcomes.rounds(options.first_seed, options.cases, options.step):
        table = []
        for case in chosen:
            table.append(describe(case, store.run(case, partial(run_cases, case=case), seeds)))
            print(*table[-1].values(), sep=" | ", flush=True)
        leave_out = ("seconds", "map_max_ms", "frame_max_ms", "map_median_ms", "frame_median_ms")
        outcomes.write_table(table, options.out, "clock_faults", leave_out)


if __name__ == "__main__":
    main()
