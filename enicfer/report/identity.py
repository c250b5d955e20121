"""Who was seen: how the participant was chosen, and in how many frames whom."""

from collections.abc import Sequence
from typing import Any

from enicfer.records import Provenance, RunQuality, RunResult, Status

_HIDDEN = (Status.POSE, Status.BLURRED, Status.DARK, Status.OCCLUDED, Status.TOO_SMALL, Status.NO_EXPRESSION)


def describe_identity(quality: RunQuality, provenance: Provenance, warnings: Sequence[str]) -> dict[str, Any]:
    """How the participant was chosen, and how often it is certain whose face it is.

    ``certain_fraction`` is the part of the frames with a face in which the face is told to be the participant's or
    somebody else's, by what it looks like; None where no frame has a face, or another program chose it. It says
    nothing of whether the right person was chosen: who looks at the faces can tell.
    """
    counts, origin = quality.status, provenance
    inside = max(1, quality.n_frames_inside)
    other, unsure = (counts[s.label] / inside for s in (Status.OTHER_PERSON, Status.AMBIGUOUS_PERSON))
    lacking = (Status.NO_FACE, Status.UNDECODABLE, Status.OUTSIDE_RECORDING, Status.NOT_ANALYSED)
    shown = sum(counts.values()) - sum(counts[s.label] for s in lacking)
    told = shown and origin.model.imported is None
    certain = 1 - counts[Status.AMBIGUOUS_PERSON.label] / shown if told else None
    two = [text for text in warnings if "could be the participant" in text]
    if origin.n_faces_given:
        verdict, text = "pointed_at", "a person pointed at the participant"
    elif origin.photo_given:
        verdict, text = "photo", "chosen by the photo"
    elif origin.model.imported is not None:
        verdict, text = "imported", "as the imported table has it"
    else:
        verdict, text = "chosen", "taken as the person who is there most"
    if two or unsure > 0.05:
        verdict = "unclear"
        text = two[0] if two else f"in {unsure:.0%} of the frames it is not certain whose face it is"
    elif certain is not None:
        text += f"; certain in {percent_below(certain)} of the frames with a face"
    return {
        "verdict": verdict,
        "text": text,
        "certain_fraction": None if certain is None else round(certain, 4),
        "other_person_fraction": round(other, 4),
        "ambiguous_fraction": round(unsure, 4),
    }


def percent_below(fraction: float) -> str:
    """A fraction in percent, of which only all is 100."""
    return "more than 99%" if 0.995 <= fraction < 1 else f"{fraction:.0%}"


def identity_rows(run: RunResult) -> list[tuple[str, str]]:
    """Who was seen, in words: name and text; frames are those that were read during the recording."""
    quality, counts = run.quality, run.quality.status
    inside = max(1, quality.n_frames_inside)

    def of(*statuses: Status) -> str:
        n = sum(counts[status.label] for status in statuses)
        return f"{n} of {quality.n_frames_inside} frames ({n / inside:.1%})"

    return [
        ("participant", describe_identity(quality, run.provenance, run.warnings)["text"]),
        ("participant, valid", of(Status.OK)),
        ("participant, not valid", of(*_HIDDEN)),
        ("only another person", of(Status.OTHER_PERSON)),
        ("not certain whose face", of(Status.AMBIGUOUS_PERSON)),
        ("no face", of(Status.NO_FACE)),
    ]
