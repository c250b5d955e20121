"""Whether nilearn finds the effects that were put into simulated BOLD, from the regressors that enicfer writes.

A face of known behaviour drives voxels with known effects: the behaviour is convolved with a response of its own, in
steps of 10 ms, and not with anything of enicfer or nilearn. What enicfer knows of that face are probabilities of
frames at irregular times, each with noise, and in two stretches none. Two designs are made of them: the convolved
columns of the volumes, and the trials with their modulation, which nilearn convolves. Counted is in how many of 100
seeds the effects lie within their 95 % intervals.

    python -m benchmarks.bold_betas [--seeds 100]
"""

import argparse
import math
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from enicfer.export.fmri import modulation_events, timeseries_table
from enicfer.records import ExpressionTrace, FloatArray, Modality, RunResult, Status
from tests.factory import make_run

SECONDS, TR, STEP = 600.0, 2.0, 0.01
EFFECTS = {"happy": 8.0, "sad": -5.0}  # of the expression, in the unit of the image
MAIN, SLOPE = 6.0, 9.0  # of a trial with a happy face: its mean, and for each unit of fer_happy_mean
NOISE, FRAME_NOISE = 1.0, 0.05
TIMES_NOISE = 0.3  # correlation of the noise from one volume to the next
CENTRAL = 1.96
DESIGNS = (
    "volumes: happy",
    "volumes: sad",
    "volumes: happy - sad",
    "trials: main effect",
    "trials: modulation",
)


def response(time: FloatArray) -> FloatArray:
    """What a voxel does after an instant of activity, in 1/s with integral 1: two gamma densities, by hand."""
    rise = time**5 * np.exp(-time) / math.factorial(5)
    fall = time**15 * np.exp(-time) / math.factorial(15)
    return (rise - fall / 6) / (1 - 1 / 6)


def drive(activity: FloatArray) -> FloatArray:
    """BOLD at the starts of the volumes of activity in steps of `STEP` s."""
    time = (np.arange(round(32 / STEP)) + 0.5) * STEP
    signal = np.convolve(activity, response(time))[: len(activity)] * STEP
    at = np.round(np.arange(0, SECONDS, TR) / STEP).astype(int) - 1
    return np.where(at >= 0, signal[at], 0.0)


def behave(run: RunResult, rng: np.random.Generator) -> tuple[FloatArray, pd.DataFrame]:
    """Probability of happy and sad in steps of `STEP` s: bursts in trials and between them."""
    time = (np.arange(round(SECONDS / STEP)) + 0.5) * STEP
    shown = np.full((2, time.size), 0.05)
    for k in range(2):
        for start in np.cumsum(rng.uniform(4, 16, 80)):
            length, peak = rng.uniform(1, 6), rng.uniform(0.2, 0.85)
            rise = 1 / (1 + np.exp(-np.clip((time - start) / 0.1, -50, 50)))
            fall = 1 / (1 + np.exp(-np.clip((time - start - length) / 0.1, -50, 50)))
            shown[k] = np.maximum(shown[k], peak * (rise - fall))
    return shown / np.maximum(1.0, shown.sum(axis=0) / 0.9), run.trials


def observe(run: RunResult, shown: FloatArray, rng: np.random.Generator) -> RunResult:
    """The run as enicfer would have it: frames with noisy probabilities, some without a face."""
    labels = run.expression.labels
    at = np.clip((run.time / STEP).astype(int), 0, shown.shape[1] - 1)
    probability = np.zeros((run.time.size, len(labels)))
    for name, row in zip(EFFECTS, shown, strict=True):
        probability[:, labels.index(name)] = np.clip(row[at] + rng.normal(0, FRAME_NOISE, at.size), 0, 1)
    probability[:, labels.index("neutral")] = np.clip(1 - probability.sum(axis=1), 0, 1)
    probability /= probability.sum(axis=1, keepdims=True)
    status = np.where((run.time < 0) | (run.time > SECONDS), Status.OUTSIDE_RECORDING, Status.OK).astype(
        np.uint8
    )
    for start in rng.uniform(20, SECONDS - 20, 2):
        status[(run.time > start) & (run.time < start + 3)] = Status.NO_FACE
    probability[status != Status.OK] = np.nan
    trace = ExpressionTrace(run.faces.video_time, probability.astype(np.float32), status, labels, "known")
    return replace(run, expression=trace)


def autoregressive(rng: np.random.Generator, n: int) -> FloatArray:
    """Noise whose volumes are correlated, with the standard deviation `NOISE`."""
    noise = rng.normal(0, NOISE, n)
    for i in range(1, n):
        noise[i] = TIMES_NOISE * noise[i - 1] + math.sqrt(1 - TIMES_NOISE**2) * noise[i]
    return noise


def estimate(bold: FloatArray, design: pd.DataFrame, contrast: dict[str, float]) -> tuple[float, float]:
    """Effect and its standard error, by nilearn's general linear model."""
    from nilearn.glm.contrasts import compute_contrast
    from nilearn.glm.first_level import run_glm

    labels, found = run_glm(bold[:, None], design.to_numpy(), noise_model="ar1")
    weights = np.array([contrast.get(name, 0.0) for name in design])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        answer = compute_contrast(labels, found, weights, stat_type="t")
    return float(np.ravel(answer.effect_size())[0]), float(np.sqrt(np.ravel(answer.effect_variance())[0]))


def try_volumes(
    run: RunResult, shown: FloatArray, rng: np.random.Generator
) -> dict[str, tuple[float, float, float]]:
    """Estimates from the convolved columns of the volumes: name -> effect, standard error, truth."""
    table, _ = timeseries_table(run, convolve=True)
    columns = [name for name in table if name.endswith("_hrf") and table[name].std() > 1e-6]
    design = table[columns].assign(constant=1.0)
    bold = 100 + sum(effect * drive(row) for effect, row in zip(EFFECTS.values(), shown, strict=True))
    bold = bold + autoregressive(rng, len(bold))
    happy, sad = ({f"fer_{name}_hrf": 1.0} for name in EFFECTS)
    difference = {**happy, "fer_sad_hrf": -1.0}
    truth = (EFFECTS["happy"], EFFECTS["sad"], EFFECTS["happy"] - EFFECTS["sad"])
    return {
        name: (*estimate(bold, design, contrast), true)
        for name, contrast, true in zip(DESIGNS[:3], (happy, sad, difference), truth, strict=True)
    }


def try_trials(run: RunResult, rng: np.random.Generator) -> dict[str, tuple[float, float, float]]:
    """Estimates from the trials, whose amplitude is that of the face in each: name -> effect, error, truth."""
    from nilearn.glm.first_level import make_first_level_design_matrix

    events = modulation_events(run, "happy")
    frames = np.arange(0, SECONDS, TR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that events modulate
        design = make_first_level_design_matrix(frames, events, hrf_model="spm", drift_model=None)
    trials = run.trials[run.trials["trial_type"] == "happy"]
    level = trials["fer_happy_mean"].to_numpy(np.float64)
    activity = np.zeros(round(SECONDS / STEP))
    for onset, duration, value in zip(trials["onset"], trials["duration"], level, strict=True):
        amplitude = MAIN + SLOPE * (value - np.nanmean(level)) if np.isfinite(value) else MAIN
        activity[round(onset / STEP) : round((onset + duration) / STEP)] += amplitude
    bold = 100 + drive(activity) + autoregressive(rng, len(frames))
    return {
        DESIGNS[3]: (*estimate(bold, design, {"happy": 1.0}), MAIN),
        DESIGNS[4]: (*estimate(bold, design, {"happy_fer_happy": 1.0}), SLOPE),
    }


def try_seed(seed: int) -> dict[str, tuple[float, float, float]]:
    """All estimates of one seed: name -> effect, standard error, truth."""
    rng = np.random.default_rng([seed, 27])
    run = make_run(Modality.FMRI, seconds=SECONDS, seed=seed, n_trials=40)
    shown, _ = behave(run, rng)
    run = observe(run, shown, rng)
    level = rng.uniform(0.1, 0.9, len(run.trials))  # of the face in each trial, and n/a in one
    level[rng.integers(len(level))] = np.nan
    run = replace(run, trials=run.trials.assign(fer_happy_mean=level))
    return try_volumes(run, shown, rng) | try_trials(run, rng)


def summarise(found: list[dict[str, tuple[float, float, float]]]) -> pd.DataFrame:
    """A row for each effect: truth, mean estimate, mean standard error, and seeds within the interval."""
    rows = []
    for name in DESIGNS:
        effect, error, truth = np.array([one[name] for one in found]).T
        inside = np.abs(effect - truth) <= CENTRAL * error
        rows.append((name, truth[0], effect.mean(), error.mean(), int(inside.sum()), len(found)))
    columns = ["effect", "truth", "mean estimate", "mean standard error", "within 95 %", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()
    table = summarise([try_seed(seed) for seed in range(options.seeds)])
    lines = ["| " + " | ".join(table) + " |", "| --- |" + " --- |" * (len(table.columns) - 1)]
    for row in table.itertuples(index=False):
        name, truth, mean, error, inside, seeds = row
        lines.append(f"| {name} | {truth:g} | {mean:.3f} | {error:.3f} | {inside} | {seeds} |")
    options.output.mkdir(parents=True, exist_ok=True)
    text = "\n".join(lines) + "\n"
    (options.output / "bold_betas.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
