"""What needs a person's eyes: verdicts in words on clock and identity, on a run, and on its trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from enicfer.errors import counted
from enicfer.records import FloatArray, Provenance, RunQuality, RunResult, Status
from enicfer.records.review import SIGNOFF, TRIAL, ReviewEntry
from enicfer.report.identity import describe_identity
from enicfer.timecourse.quality import drift_text, milliseconds

QUEUE = 20  # trials that are shown for review
PADDING = 1.0  # s before and after a trial that is played in a loop
REASONS = (
    "yawn, sneeze or cough", "talking", "eating or drinking", "hand or object before the face", "looking away",
    "another person", "wrong person followed", "movement", "task not done", "technical fault",
)  # fmt: skip
_ODD = 3.5  # robust standard deviations from the condition's median
_LEAST = 5  # trials of a condition for that
_CLOSE = 0.1


@dataclass(frozen=True)
class RunCheck:
    """What a run's ``qc.json`` holds."""

    quality: RunQuality
    provenance: Provenance
    warnings: tuple[str, ...] = ()


def judge_clock(quality: RunQuality) -> dict[str, Any]:
    """``verdict`` (good, fair, poor, none), ``text``, ``max_uncertainty`` (s)."""
    sync = quality.sync
    bound, matched = sync.max_uncertainty, sync.n_matched
    missed = sync.n_unmatched_video + sync.n_unmatched_recording
    half = 0.5 / quality.frame_rate if quality.frame_rate else 0.02
    if not matched:
        return {
            "verdict": "none",
            "text": f"no pulses; clocks from {sync.source}",
            "max_uncertainty": bound,
        }
    text = f"{counted(matched, 'pulse')} matched, {missed} without a partner"
    if sync.residual_rms is not None:
        text += f"; residual {milliseconds(sync.residual_rms)}"
    if sync.drifts:
        text += f"; camera's drift {drift_text(sync.drifts[0])} (+ is too fast)"
    text += f"; map ± {milliseconds(bound)}, one frame ± {milliseconds(sync.max_frame_uncertainty)}"
    poor = bound is None or bound > half or missed > matched
    fair = not poor and (matched < 4 or missed > 0.2 * matched or (bound or 0) > half / 2)
    return {"verdict": "poor" if poor else "fair" if fair else "good", "text": text, "max_uncertainty": bound}


def judge_identity(check: RunCheck) -> dict[str, Any]:
    """How the participant was chosen, and how often it is certain whose face it is; see `describe_identity`."""
    return describe_identity(check.quality, check.provenance, check.warnings)


def judge_run(
    check: RunCheck,
    said: Mapping[str, Sequence[ReviewEntry]],
    stale: bool,
    lapsed: bool = False,
    reopened: Sequence[str] = (),
) -> tuple[float, list[str]]:
    """How much a run needs attention, and why; 0 for one that is signed and nothing to be done about.

    ``said`` is what counts; ``stale`` and ``lapsed`` say whether there is more that the results do not hold, and
    more that was said while another face was followed. ``reopened`` says which sign-offs have to be given again.
    """
    quality = check.quality
    clock, identity = judge_clock(quality), judge_identity(check)
    valid, trials = quality.valid_fraction, quality.n_trials
    lost = trials - quality.n_trials_valid
    found: list[tuple[float, str]] = []
    if valid is None or valid < 0.8:
        share = "no frames" if valid is None else f"{1 - valid:.0%} of the frames"
        text = f"{share} are valid" if valid is None else f"{share} are not valid"
        found.append((4 * (1 - (valid or 0)), text))
    if trials and lost:
        have = "has" if lost == 1 else "have"
        found.append((3 * lost / trials, f"{lost} of {counted(trials, 'trial')} {have} no values"))
    if identity["verdict"] == "unclear":
        found.append((2 + 2 * identity["ambiguous_fraction"], identity["text"]))
    if clock["verdict"] in ("poor", "fair"):
        found.append((2.0 if clock["verdict"] == "poor" else 0.5, f"clock: {clock['text']}"))
    signed = any(entry.kind == SIGNOFF for entries in said.values() for entry in entries)
    score = 0.0 if signed else sum(weight for weight, _ in found)
    why = [] if signed else [text for _, text in sorted(found, key=lambda item: -item[0])]
    if stale:
        score, why = (
            score + 1,
            ["the review says what the results do not hold yet: process the session again", *why],
        )
    if lapsed:
        score, why = score + 1, ["reviewed before the participant was changed: look again", *why]
    if reopened:
        score, why = score + 1, [*reopened, *why]
    elif not signed:
        score, why = score + 1, [*why, "not signed off"]
    return round(score, 3), why


def pick_trials(run: RunResult, own: Sequence[ReviewEntry]) -> list[dict[str, Any]]:
    """The trials that most need eyes: ``trial``, ``score``, ``reasons`` and ``loop`` (s on the recording's clock).

    What this coder (``own``) judged already comes last; where fewer are odd, others are spot checks, evenly spread.
    """
    table = run.trials.reset_index(drop=True)
    reasons = _why_trials(run, table)
    judged = {entry.trial for entry in own if entry.kind == TRIAL}
    odd = sorted((i for i in range(len(table)) if reasons[i]), key=lambda i: (-_score(reasons[i]), i))[:QUEUE]
    rest = [i for i in range(len(table)) if not reasons[i]]
    free = min(QUEUE - len(odd), len(rest))
    checks = [rest[int((k + 0.5) * len(rest) / free)] for k in range(free)]
    return [
        {
            "trial": i,
            "score": round(_score(reasons[i]), 3),
            "reasons": [text for _, text in sorted(reasons[i], key=lambda r: -r[0])] or ["spot check"],
            "loop": [
                float(table["onset"][i]) - PADDING,
                float(table["onset"][i] + table["duration"][i]) + PADDING,
            ],
        }
        for i in sorted([*odd, *checks], key=lambda i: (i in judged, -_score(reasons[i]), i))
    ]


def _score(reasons: Sequence[tuple[float, str]]) -> float:
    return sum(weight for weight, _ in reasons)


def _why_trials(run: RunResult, table: pd.DataFrame) -> list[list[tuple[float, str]]]:
    """Weight and text of what is odd about each trial."""
    found: list[list[tuple[float, str]]] = [[] for _ in range(len(table))]
    least = run.provenance.protocol.look_up(float, "trial", "min_valid")
    least = 0.5 if least is None else least
    means = [f"fer_{label}_mean" for label in run.expression.labels]
    for i, row in enumerate(table.to_dict("records")):
        valid = row.get("fer_valid", np.nan)
        if valid < 0.8:
            lost = {s.label: row.get(f"fer_invalid_{s.label}", 0.0) for s in Status if s is not Status.OK}
            lost["no_video"] = row.get("fer_invalid_no_video", 0.0)
            worst = max(lost, key=lambda name: lost[name])
            found[i].append(
                (2 * (1 - valid), f"{1 - valid:.0%} is not valid, mostly {worst.replace('_', ' ')}")
            )
        if abs(valid - least) < _CLOSE:
            found[i].append((0.5, f"near the limit of {least:.0%} valid"))
        if (unsure := row.get("fer_invalid_ambiguous_person", 0.0)) > _CLOSE:
            found[i].append((1.0 + unsure, f"in {unsure:.0%} it is not certain whose face it is"))
        if (other := row.get("fer_other_person_present", np.nan)) > 0.2:
            found[i].append((0.5 * other, f"somebody else is in the picture for {other:.0%}"))
        values = sorted(((row.get(name, np.nan), name) for name in means), reverse=True)
        if len(values) > 1 and np.isfinite(values[0][0]) and values[0][0] - values[1][0] < _CLOSE:
            names = " and ".join(name[4:-5] for _, name in values[:2])
            found[i].append((0.7, f"between {names}"))
    for name in means:
        for i, text in _outliers(table, name):
            found[i].append((0.8, text))
    return found


def _outliers(table: pd.DataFrame, name: str) -> list[tuple[int, str]]:
    """Trials whose mean is far from that of the others of their condition."""
    if name not in table:
        return []
    out = []
    for condition, rows in table.groupby("trial_type").groups.items():
        at = np.asarray(rows)
        values: FloatArray = table.loc[at, name].to_numpy(np.float64)
        known = np.isfinite(values)
        if known.sum() < _LEAST:
            continue
        middle = np.median(values[known])
        spread = max(1.4826 * float(np.median(np.abs(values[known] - middle))), 0.02)
        for i in np.flatnonzero(known & (np.abs(values - middle) > _ODD * spread)):
            text = f"unusual for {condition}: {name[4:-5]} {values[i]:.2f}, the others around {middle:.2f}"
            out.append((int(at[i]), text))
    return out
