"""Measure how right `enicfer process-session` is where every answer is known.

Makes example sessions over seeds and modalities, processes them, and compares with ``truth.json``:

    python benchmarks/example_sessions.py [--seeds 5] [--modality eeg fmri] [--folder DIR]

writes ``benchmarks/results/example_sessions.csv`` and prints it. Times in s.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

import enicfer
from enicfer.records import Status

RESULTS = Path(__file__).parent / "results" / "example_sessions.csv"


def overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union ``(n,)`` of boxes ``(n, 4)``; NaN boxes give 0."""
    width = np.minimum(a[:, 2], b[:, 2]) - np.maximum(a[:, 0], b[:, 0])
    height = np.minimum(a[:, 3], b[:, 3]) - np.maximum(a[:, 1], b[:, 1])
    both = np.clip(width, 0, None) * np.clip(height, 0, None)
    area = (a[:, 2:] - a[:, :2]).prod(axis=1) + (b[:, 2:] - b[:, :2]).prod(axis=1)
    return np.nan_to_num(both / (area - both))


def boxes(frames: list[dict[str, Any]], key: str) -> np.ndarray:
    """Boxes ``(n, 4)`` of the truth, NaN where there is none."""
    return np.array([frame[key] or [np.nan] * 4 for frame in frames], np.float64)


def judge(truth: dict[str, Any], derivatives: Path) -> dict[str, float]:
    """Compare one processed example session with what is known of it.

    Returns
    -------
    dict
        ``half_frame`` and ``time_error`` (largest, s); ``other_taken`` (frames in which the examiner was taken for
        the participant); ``absent_ok`` and ``covered_ok`` (frames without the participant's face that have an
        answer); ``kept`` (share of the frames that show it that have one); for each expression ``<label>_gain``
        (mean probability in its trials minus that in the neutral ones) and ``<label>_above`` (share of its
        trials above the neutral mean).
    """
    frames = truth["frames"]
    (path,) = derivatives.rglob("*_frames.h5")
    with h5py.File(path) as file:
        found = {name: file[name][()] for name in ("video_time", "time", "box", "status")}
    true_video = np.array([frame["video_time"] for frame in frames])
    np.testing.assert_allclose(found["video_time"], true_video, atol=1e-3)
    true_time = np.array([frame["time"] for frame in frames])
    participant, other = boxes(frames, "participant"), boxes(frames, "other")
    covered = np.array([bool(frame.get("covered")) for frame in frames])
    ok = found["status"] == Status.OK
    inside = found["status"] != Status.OUTSIDE_RECORDING
    there = np.isfinite(participant[:, 0])
    right, wrong = overlap(found["box"], participant), overlap(found["box"], other)
    result = {
        "half_frame": float(np.median(np.diff(true_video)) / 2),
        "time_error": float(np.abs(found["time"] - true_time).max()),
        "other_taken": int((ok & (wrong > right)).sum()),
        "absent_ok": int((ok & ~there).sum()),
        "covered_ok": int((ok & covered).sum()),
        "covered": int(covered.sum()),
        "kept": float(ok[there & ~covered & inside].mean()),
    }
    return result | judge_trials(truth, derivatives)


def judge_trials(truth: dict[str, Any], derivatives: Path) -> dict[str, float]:
    """Whether trials with a warped face differ from the neutral ones in the right direction."""
    (path,) = derivatives.rglob("*_desc-enicfer_events.tsv")
    table = pd.read_csv(path, sep="\t", na_values="n/a")
    assert len(table) == len(truth["trials"])
    result = {}
    for label in sorted({trial["condition"] for trial in truth["trials"]} - {"neutral"}):
        column = f"fer_{label}_mean"
        neutral = table.loc[table["trial_type"] == "neutral", column].mean()
        own = table.loc[table["trial_type"] == label, column].dropna()
        result[f"{label}_gain"] = float(own.mean() - neutral)
        result[f"{label}_above"] = float((own > neutral).mean())
    return result


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--modality", nargs="+", default=["eeg", "fmri"])
    parser.add_argument("--folder", type=Path, help="keep the sessions here")
    options = parser.parse_args()
    base = options.folder or Path(tempfile.mkdtemp())
    rows = []
    for modality in options.modality:
        for seed in range(options.seeds):
            folder, output = base / f"{modality}-{seed}", base / f"{modality}-{seed}-out"
            if not folder.exists():
                enicfer.write_example_session(folder, modality, seed)
            enicfer.process_session(folder, enicfer.ProcessingOptions(overwrite=True), output=output)
            truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
            rows.append({"modality": modality, "seed": seed, **judge(truth, output)})
            print(rows[-1], flush=True)
    table = pd.DataFrame(rows).round(4)
    RESULTS.parent.mkdir(exist_ok=True)
    table.to_csv(RESULTS, index=False, lineterminator="\n")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
