"""What a marker keeps of a run's pulses, and the study's check whether a video fits another run's recording better.

The pulse times of both sides are kept where a session is done or was refused by its pulses, so that the check reads
nothing but markers. It names what it finds; who pairs the files again is a person.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from enicfer.batch.markers import Marker
from enicfer.io.files.names import stem_of
from enicfer.pipeline.dates import is_doubt
from enicfer.records import RunResult
from enicfer.sync.partners import Filmed, Partner, find_partners

NAMED = 3  # partners; more are counted
SOURCES = ("led", "audio")


def keep_pulses(runs: Sequence[RunResult]) -> dict[str, Any]:
    """Pulses of the runs of a session that is done, JSON-ready; see `enicfer.pipeline.evidence.noting_recordings`."""
    videos, recordings = [], []
    for run in runs:
        a, name = run.alignment, stem_of(run.entities)
        if a.source not in SOURCES or not len(a.residual):
            continue
        seen = np.sort(np.concatenate([a.pulse_video_time, a.unmatched_video]))
        sent = np.sort(np.concatenate([a.pulse_time, a.unmatched_recording]))
        videos.append(
            {
                "name": name,
                "onsets": [seen.tolist()],
                "tolerance": a.details.tolerance,
                "residual": float(np.sqrt(np.mean(a.residual**2))),
                "doubtful": any(map(is_doubt, a.notes)),
            }
        )
        recordings.append({"name": name, "time": sent.tolist()})
    return {"videos": videos, "recordings": recordings}


def name_partners(markers: Mapping[str, Marker]) -> dict[str, str]:
    """Name of each doubtful session -> a sentence on what its videos and recordings fit; others have none."""
    videos, recordings, doubtful, owner = [], [], set(), {}
    for session, marker in markers.items():
        for video in marker.pulses.get("videos", ()):
            owner[video["name"]] = session
            residual = video["residual"]
            if residual is None or video["doubtful"]:
                doubtful.add(video["name"])
            videos.append(
                Filmed(
                    video["name"],
                    tuple(np.array(onset, np.float64) for onset in video["onsets"]),
                    video["tolerance"],
                    residual=np.inf if residual is None else residual,
                )
            )
        for recording in marker.pulses.get("recordings", ()):
            owner[recording["name"]] = session
            recordings.append((recording["name"], np.array(recording["time"], np.float64)))
    if not doubtful:
        return {}
    found = find_partners(videos, recordings, doubtful)
    told: dict[str, list[str]] = {}
    for name in sorted(doubtful):
        sentences = (
            _tell("video", "recording", [p for p in found if p.video == name]),
            _tell("recording", "video", [p for p in found if p.recording == name]),
        )
        told.setdefault(owner[name], []).extend(filter(None, sentences))
    return {session: " ".join(sentences) for session, sentences in told.items() if sentences}


def _tell(own: str, other: str, partners: Sequence[Partner]) -> str:
    if not partners:
        return ""
    names = [getattr(partner, other) for partner in partners]
    mine = getattr(partners[0], own)
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    listed = ", ".join(names[:NAMED]) + more
    how = ", ".join(
        f"{p.n_matched} of {p.n_possible} pulses, {1000 * p.residual:.1f} ms" for p in partners[:NAMED]
    )
    end = (
        f"check whether the files were swapped ({how})."
        if len(names) == 1
        else f"the same program may have run several times, and dates must tell ({how})."
    )
    return f"The {own} of {mine} fits the {other} of {listed}: {end}"
