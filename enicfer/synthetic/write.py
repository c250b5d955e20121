"""Writes an example session with everything that is true of it.

``truth.json`` holds the answers:

``clock``
    ``time = slope * video_time + intercept``; ``offset`` is the camera's time at time 0, ``drift_ppm`` how
    much faster its clock runs.
``frames``
    One per stored frame. ``video_time`` is the presentation time: the end of the exposure, which lasted
    ``exposure`` s. ``time`` is that same instant on the recording's clock, with no half frame to add or take
    away. ``participant`` and ``other`` are boxes, null when outside of the picture but for a sliver; ``visible`` and
    ``other_visible`` the fraction of the face that the picture shows; ``covered`` is true where a hand or
    another person hides half of the participant's face or more; ``landmarks`` the participant's five points;
    ``expression`` and ``strength`` (0..1) what was warped.
``trials``
    Onset and duration on the recording's clock, condition, whether the participant is there, and who is seen.
``pulses``
    The instant at which the LED came on, on both clocks; ``filmed`` and ``recorded`` say who saw it: the
    recording misses some flashes, and has pulses that never flashed.
``side``
    With a second camera: its ``clock``, ``led``, ``pulses`` and ``frames``.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from enicfer.config.protocol import read_protocol
from enicfer.errors import MAKE_ROOM, InputError, OutputError
from enicfer.io.files.atomic import settle, staged
from enicfer.io.video.writer import TIME_BASE, write_video
from enicfer.records import UInt8Array
from enicfer.synthetic.plan import SessionPlan, plan_session
from enicfer.synthetic.portraits import portable_drawing
from enicfer.synthetic.recording import LOG_LEAD, REPETITION_TIME, write_eeg, write_fmri
from enicfer.synthetic.render import COVERED, Sighting, draw_frames
from enicfer.synthetic.scene import SyntheticScene

PROTOCOLS = {"eeg": "eeg-led", "fmri": "fmri-volumes"}
FILES = {"eeg": 'recording = "eeg.vhdr"', "fmri": 'bold = "bold.nii"\ntriggers = "faces.log"'}


def write_example_session(
    folder: str | Path, modality: str = "eeg", seed: int = 0, *, scene: SyntheticScene | None = None
) -> Path:
    """Write a session with a full ground truth, made of two public-domain portraits.

    Parameters
    ----------
    folder
        Folder to make; may exist if it is empty.
    modality
        ``"eeg"`` (BrainVision) or ``"fmri"`` (NIfTI and a Presentation log).
    seed
        Same seed, same bytes.
    scene
        How nasty the session is; the default is `SyntheticScene()`.

    Returns
    -------
    Path
        The folder, with ``session.toml``, ``camera.mp4``, the recording, and ``truth.json`` (see the module); with
        ``side.mp4`` where the scene has a second camera.

    Raises
    ------
    InputError
        For an unknown modality.
    OutputError
        If the folder is not empty, or cannot be written.
    """
    folder = Path(folder)
    if modality not in PROTOCOLS:
        raise InputError(f"The modality is {modality!r}", remedy=f"give one of {', '.join(PROTOCOLS)}")
    settle(folder)
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise OutputError(
                f"{folder} exists and is not an empty folder", place=folder, remedy="give a new name"
            )
        with staged(folder, make=True) as stage:
            _write_files(stage.tree, modality, seed, scene or SyntheticScene())
            stage.publish()
    except OSError as error:
        raise OutputError(
            f"The example cannot be written to {folder}: {error.strerror or error}",
            place=folder,
            remedy=MAKE_ROOM,
        ) from None
    return folder


def _write_files(folder: Path, modality: str, seed: int, scene: SyntheticScene) -> None:
    protocol = read_protocol(PROTOCOLS[modality])
    lost_volumes: list[float] = []
    if modality == "eeg":
        plan = plan_session(scene, seed)
        write_eeg(folder, plan, protocol, seed)
    else:
        plan = plan_session(scene, seed, whole=REPETITION_TIME, record_before=LOG_LEAD)
        lost_volumes.append(write_fmri(folder, plan, protocol, seed))
    ticks, sightings = _film(folder / "camera.mp4", scene, plan, seed)
    truth, video = truth_of(scene, plan, ticks, sightings, lost_volumes), '"camera.mp4"'
    if scene.side_camera:
        lead = {} if modality == "eeg" else {"whole": REPETITION_TIME, "record_before": LOG_LEAD}
        plan = plan_session(scene, seed, **lead, of_side=True)
        second = replace(scene, drift_ppm=scene.side_drift_ppm)
        ticks, sightings = _film(folder / "side.mp4", second, plan, seed)
        whole = truth_of(second, plan, ticks, sightings, lost_volumes)
        truth["side"] = {name: whole[name] for name in ("clock", "led", "pulses", "frames")}
        video = '{front = "camera.mp4", side = "side.mp4"}'
    _write_truth(folder / "truth.json", truth)
    text = (
        f'participant = "01"\nprotocol = "{PROTOCOLS[modality]}"\n\n'
        f'[[run]]\ntask = "faces"\nvideo = {video}\n{FILES[modality]}\n'
    )
    (folder / "session.toml").write_text(text, encoding="utf-8", newline="\n")


def _film(
    path: Path, scene: SyntheticScene, plan: SessionPlan, seed: int
) -> tuple[list[int], list[tuple[Sighting, Sighting]]]:
    """Write one camera's video; the ticks of its frames, and what can be seen in each."""
    slope = 1 + scene.drift_ppm * 1e-6
    ticks = np.round((plan.clock_offset + slope * plan.frame_time) / float(TIME_BASE)).astype(int).tolist()
    sightings: list[tuple[Sighting, Sighting]] = []

    def pictures() -> Iterator[tuple[int, UInt8Array]]:
        for tick, (picture, *seen) in zip(ticks, draw_frames(scene, plan, seed), strict=True):
            sightings.append((seen[0], seen[1]))
            yield tick, picture

    with portable_drawing():
        write_video(path, pictures(), quality=27, preset="veryfast")
    return ticks, sightings


def truth_of(
    scene: SyntheticScene,
    plan: SessionPlan,
    ticks: list[int],
    sightings: list[tuple[Sighting, Sighting]],
    lost: list[float],
) -> dict[str, Any]:
    """Everything that is true of a session, JSON-ready; see the module."""
    slope = 1 + scene.drift_ppm * 1e-6
    frames = []
    for i, (participant, other) in enumerate(sightings):
        frames.append(
            {
                "index": i,
                "video_time": round(ticks[i] * float(TIME_BASE), 7),
                "time": round(float(plan.frame_time[i]), 7),
                "exposure": round(float(plan.exposure[i]), 5),
                "participant": _rounded(participant.box),
                "other": _rounded(other.box),
                "covered": participant.box is not None and participant.hidden >= COVERED,
                "visible": round(participant.inside * (1 - participant.hidden), 2),
                "other_visible": round(other.inside * (1 - other.hidden), 2),
                "landmarks": np.round(participant.points, 1).tolist() if participant.box else None,
                "expression": str(plan.participant.expression[i]),
                "strength": round(float(plan.participant.strength[i]), 3),
            }
        )
    flashes: list[dict[str, Any]] = [
        {
            "time": float(time),
            "video_time": round(plan.clock_offset + slope * float(time), 6),
            "filmed": bool(plan.frame_time[0] - plan.exposure[0] < time < plan.frame_time[-1]),
            "recorded": bool(recorded),
        }
        for time, recorded in zip(plan.flashes, plan.recorded, strict=True)
    ]
    flashes += [{"time": float(t), "video_time": None, "filmed": False, "recorded": True} for t in plan.extra]
    return {
        "participant": scene.participant,
        "duration": plan.duration,
        "clock": {
            "offset": plan.clock_offset,
            "drift_ppm": scene.drift_ppm,
            "slope": 1 / slope,
            "intercept": -plan.clock_offset / slope,
        },
        "led": list(plan.led),
        "missing_volumes": lost,
        "pulses": sorted(flashes, key=lambda pulse: float(pulse["time"])),
        "trials": [
            _trial_truth(plan, trial.onset, trial.duration, trial.condition, frames) for trial in plan.trials
        ],
        "frames": frames,
    }


def _trial_truth(
    plan: SessionPlan, onset: float, duration: float, condition: str, frames: list[dict[str, Any]]
) -> dict[str, Any]:
    inside = [f for f, t in zip(frames, plan.frame_time, strict=True) if onset <= t < onset + duration]
    fractions = {
        "participant_visible": np.mean([f["visible"] for f in inside]) if inside else 0.0,
        "other_visible": np.mean([f["other_visible"] for f in inside]) if inside else 0.0,
    }
    rounded = {name: round(float(value), 3) for name, value in fractions.items()}
    return {"onset": onset, "duration": duration, "condition": condition, **rounded}


def _rounded(box: tuple[float, ...] | None) -> list[float] | None:
    return None if box is None else [round(side, 1) for side in box]


def _write_truth(path: Path, truth: dict[str, Any]) -> None:
    """Write JSON with one line per entry of a list of tables."""
    parts = []
    for key, value in truth.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = ",\n".join("    " + json.dumps(row) for row in value)
            parts.append(f'  "{key}": [\n{rows}\n  ]')
        else:
            parts.append(f'  "{key}": {json.dumps(value)}')
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8", newline="\n")
