"""Results of processing without a video: real clocks, segments, trials and quality over a made-up trace."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enicfer.config.protocol import Protocol, Pulses, TraceSettings, Trial
from enicfer.expressions import FIVE
from enicfer.faces.appearance import SIGNATURE
from enicfer.faces.choose import SeenFaces
from enicfer.faces.crop import REFERENCE
from enicfer.faces.rows import FRAME, ROW, Signatures
from enicfer.pipeline.observe import VideoRecord
from enicfer.records import (
    Alignment,
    ExpressionTrace,
    FaceTrack,
    Modality,
    ModelCard,
    Provenance,
    Recording,
    RecordingDetails,
    RunResult,
    Status,
)
from enicfer.sync import Evidence, align
from enicfer.timecourse.quality import assess_quality
from enicfer.timecourse.smoothing import derive_time_course

OFFSET, DRIFT = 3.25, 120e-6  # recording time = video time * (1 + DRIFT) - OFFSET


def make_run(
    modality: Modality = Modality.EEG,
    *,
    seconds: float = 60.0,
    seed: int = 0,
    entities: Mapping[str, str] | None = None,
    first_time: float = 0.0,
    baseline: tuple[float, float] | None = (-0.5, 0.0),
    n_trials: int = 8,
    settings: TraceSettings | None = None,
    **changes: Any,
) -> RunResult:
    """A run of ``seconds``: irregular frames at 30 Hz, trials of two conditions, two stretches without a face."""
    rng = np.random.default_rng(seed)
    video_time = np.arange(0, seconds + OFFSET + 2, 1 / 30)
    video_time = video_time + rng.uniform(-0.004, 0.004, video_time.size)
    video_time = np.delete(video_time, rng.choice(video_time.size, video_time.size // 33, replace=False))
    alignment = _alignment(rng, video_time, seconds)
    time = alignment.time(video_time)
    trials = pd.DataFrame(
        {
            "onset": 2 + (seconds - 6) / n_trials * (np.arange(n_trials) + rng.uniform(0, 0.4, n_trials)),
            "duration": 2.0,
            "trial_type": np.resize(np.array(["happy", "neutral"], dtype=object), n_trials),
            "code": np.resize(np.array(["S 11", "S 12"], dtype=object), n_trials),
        }
    ).astype({"trial_type": "str", "code": "str"})
    status = np.zeros(time.size, dtype=np.uint8)
    status[(time > 0.3 * seconds) & (time < 0.35 * seconds)] = Status.NO_FACE
    status[(time > 0.7 * seconds) & (time < 0.72 * seconds)] = Status.OCCLUDED
    status[(time < 0) | (time > seconds)] = Status.OUTSIDE_RECORDING
    faces, expression = _face(rng, video_time, time, status, trials)
    protocol = Protocol(
        "faces", "", modality, trial=Trial((0.0, 2.0), baseline, 0.5), expression=settings or TraceSettings()
    )
    time_course, segments, trials = derive_time_course(trials, time, faces, expression, alignment, protocol)
    run = {
        "entities": dict(entities or {"sub": "01", "ses": "01", "task": "faces", "run": "1"}),
        "recording": _recording(modality, seconds, trials, first_time),
        "faces": faces,
        "expression": expression,
        "alignment": alignment,
        "time": time,
        "time_course": time_course,
        "segments": segments,
        "trials": trials,
        "quality": assess_quality(faces, expression, alignment, time, segments, trials, seconds),
        "provenance": Provenance(
            enicfer="0.1.0",
            model=ModelCard({"name": expression.model, "accuracy": 0.61}),
            inputs={"camera.mkv": "0" * 64},
        ),
        "warnings": ("The tenth pulse of the recording is missing.",),
    }
    return RunResult(**{**run, **changes})


def _alignment(rng: np.random.Generator, video_time: Any, seconds: float) -> Alignment:
    """An LED that flashes at random intervals; the recording misses one flash and has one pulse too many."""
    pulse = np.cumsum(rng.uniform(1.0, 4.0, int(seconds)))
    pulse = pulse[pulse < seconds]
    shown = (pulse + OFFSET) / (1 + DRIFT)
    since = video_time[:, None] - shown[None]
    lit = ((since >= 0) & (since < 0.12)).any(axis=1)
    recording = np.sort(np.append(np.delete(pulse, 1), pulse[3] + 0.61)) + rng.normal(0, 0.0005, pulse.size)
    evidence = Evidence(
        video_time=video_time, pulse_time=recording, brightness=40 + 150 * lit + rng.normal(0, 1, lit.size)
    )
    return align(evidence, Pulses(source="led", codes=("S 9",)))


def _face(
    rng: np.random.Generator, video_time: Any, time: Any, status: Any, trials: pd.DataFrame
) -> tuple[FaceTrack, ExpressionTrace]:
    n = time.size
    logit = rng.normal(0, 0.3, (n, len(FIVE)))
    logit[:, FIVE.index("neutral")] += 1.5
    for trial in trials.itertuples():
        if trial.trial_type == "happy":
            since = time - trial.onset
            logit[:, FIVE.index("happy")] += 5 * np.exp(-((since - 1) ** 2) / 0.3) * (since > 0)
    probability = np.exp(logit) / np.exp(logit).sum(axis=1, keepdims=True)
    probability[status != Status.OK] = np.nan
    corner = 200 + np.cumsum(rng.normal(0, 0.5, (n, 2)), axis=0)
    box = np.hstack([corner, corner + 120])
    points = np.array([[30, 45], [90, 45], [60, 70], [40, 95], [80, 95]])
    landmarks = corner[:, None] + points + rng.normal(0, 0.3, (n, 5, 2))
    missing = status == Status.NO_FACE
    box[missing], landmarks[missing] = np.nan, np.nan
    faces = FaceTrack(
        video_time=video_time,
        box=box.astype(np.float32),
        landmarks=landmarks.astype(np.float32),
        score=np.where(missing, np.nan, 0.9).astype(np.float32),
        status=status,
        n_faces=np.where(missing, 0, 1).astype(np.uint8),
        measures={"yaw": rng.normal(0, 5, n).astype(np.float32)},
        detector="centerface",
        notes=("One note.",),
    )
    labels = tuple(str(label) for label in FIVE)
    trace = ExpressionTrace(video_time, probability.astype(np.float32), status, labels, "ronnet-five")
    return faces, trace


def _recording(modality: Modality, seconds: float, trials: pd.DataFrame, first_time: float) -> Recording:
    triggers = trials[["onset", "code"]].reset_index(drop=True)
    fmri = modality is Modality.FMRI
    return Recording(
        modality=modality,
        file=Path("bold.nii.gz" if fmri else "eeg.vhdr"),
        duration=seconds,
        triggers=triggers,
        sampling_rate=250.0 if modality.sampled else None,
        repetition_time=2.0 if fmri else None,
        n_volumes=int(seconds // 2) if fmri else None,
        details=RecordingDetails(first_time=first_time or None),
    )


def make_record(n: int = 300, *, seed: int = 0, brightness: Any = None) -> VideoRecord:
    """What was seen in ``n`` frames: one face or two in most, at places and with looks drawn at random."""
    rng = np.random.default_rng(seed)
    frames = np.zeros(n, FRAME)
    frames["video_time"] = np.arange(n) / 30 + rng.uniform(-0.004, 0.004, n)
    frames["decodable"], frames["size"] = rng.random(n) < 0.98, (640, 480)
    frames["n_faces"] = np.where(frames["decodable"], rng.integers(0, 3, n), 0)
    rows = np.zeros(int(frames["n_faces"].sum()), ROW)
    rows["frame"] = np.repeat(np.arange(n), frames["n_faces"])
    rows["tracklet"] = np.concatenate([np.arange(count) for count in frames["n_faces"]])
    corner = 200 * rows["tracklet"][:, None] + rng.uniform(100, 104, (len(rows), 2))
    rows["box"] = np.hstack([corner, corner + 90])
    rows["landmarks"] = corner[:, None] + 90 * REFERENCE + rng.uniform(0, 2, (len(rows), 5, 2))
    for name, (low, high) in {"score": (0.6, 0.9), "sharpness": (40, 80), "brightness": (90, 110)}.items():
        rows[name] = rng.uniform(low, high, len(rows))
    signatures = Signatures()
    looks = rng.integers(40, 210, (2, SIGNATURE))
    signatures.extend_block(
        np.clip(looks[rows["tracklet"]] + rng.integers(-3, 4, (len(rows), SIGNATURE)), 0, 255)
    )
    probability = rng.dirichlet(np.ones(7), len(rows)).astype(np.float32)
    faces = SeenFaces(rows, frames, signatures, "centerface", (7, (320, 240), (640, 480)))
    return VideoRecord(faces, probability, np.ones(n, np.bool_), ("A note.", "Ein Gerät."), brightness)
