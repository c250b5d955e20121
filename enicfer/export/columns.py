"""What every column of every table means: the one place for descriptions, units, levels and HED tags.

HED (hierarchical event descriptors, https://www.hedtags.org) tags name the observed action, such as a smile,
never an inferred state; expressions without a tag of their own are a movement of the face with a label.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from enicfer.config.values import LABEL
from enicfer.io.tables import defuse_text
from enicfer.records import Status
from enicfer.records.review import ACCEPTED, REJECTED, REVIEW_REASON, REVIEWED
from enicfer.timecourse.segments import UNCERTAIN

HED_VERSION = "8.4.0"
_WHO = "(Human-agent, Experiment-participant)"
_ACTIONS = {
    "happy": "Smile",
    "angry": "Frown",
    "neutral": None,
}
_REASONS = {
    Status.NO_FACE: "no face was found in the picture",
    Status.OTHER_PERSON: "a face was there, but not the participant's",
    Status.AMBIGUOUS_PERSON: "it is not certain whose face it is",
    Status.POSE: "the head was turned too far",
    Status.BLURRED: "the face was blurred",
    Status.DARK: "the face was too dark",
    Status.OCCLUDED: "the face was covered",
    Status.TOO_SMALL: "the face was too small",
    Status.UNDECODABLE: "the frame could not be decoded",
    Status.OUTSIDE_RECORDING: "the frame was taken before or after the recording",
    Status.NOT_ANALYSED: "the expression was not read: a lower analysis rate, or an imported table without a row",
    Status.NO_EXPRESSION: "the imported program or coder gave no expression",
}
STATUS_LEVELS = {"ok": "the frame is valid", **{s.label: text for s, text in _REASONS.items()}}

_LATE = (
    "Frames carry the time at which their exposure ended, so this is late by half of the exposure, at most half of "
    "the interval between frames; the stated uncertainty does not include that."
)
# Patterns are tried in this order; {label}, {reason} and {camera} stand for what they matched.
_TABLE: tuple[tuple[str, str, str], ...] = (
    ("onset", "s", "Start on the recording's clock: 0 is the first sample or first stored volume."),
    ("duration", "s", "Length of the segment; of a trial, from its trigger to the end of its window."),
    ("timestamp", "s", "Time on the recording's clock: 0 is the first sample or first stored volume."),
    ("code", "", "Trigger code in the recording, blanks made one."),
    ("probability", "1", "Mean probability of the segment's expression; n/a where the face was lost."),
    ("valid_fraction", "1", "Fraction of the segment whose frames are valid."),
    (
        "time_uncertainty",
        "s",
        "Half-width of the 95 % interval of the onset: of the map between the clocks, without a frame's jitter.",
    ),
    (
        "fer_time_uncertainty",
        "s",
        "Half-width of the 95 % interval of the face's time in the trial: of the map between the clocks.",
    ),
    ("fer_valid", "1", "Fraction of the time in valid frames."),
    ("fer_invalid_no_video", "1", "Fraction of the trial's window without any frame."),
    ("fer_invalid_{reason}", "1", "Fraction of the trial's window in invalid frames because {text}."),
    ("fer_{label}_mean", "1", "Mean probability of the expression {label} in the trial's window."),
    ("fer_{label}_peak", "1", "Highest probability of the expression {label} in the trial's window."),
    ("fer_{label}_latency", "s", f"Time from the trigger to the peak of {{label}}. {_LATE}"),
    ("fer_{label}_auc", "s", "Integral of the probability of {label} over the valid frames."),
    ("fer_{label}_dwell", "s", "Time in which {label} is the most probable expression."),
    ("fer_{label}_change", "1", "Mean probability of {label} minus its mean in the baseline window."),
    (
        "fer_{label}_onset",
        "s",
        "Time from the trigger to where the first {label} in the window begins (probability of 0.5 or more); n/a "
        f"where that is not seen: it was shown before, or the face was lost. {_LATE}",
    ),
    (
        "fer_{label}_offset",
        "s",
        "Time from the trigger to where that {label} ends (probability below 0.3); n/a where that is not seen. "
        f"{_LATE}",
    ),
    (
        "fer_{label}_hrf",
        "1",
        "Trace of {label} convolved with the canonical haemodynamic response. Where the face was lost the trace has "
        "what is to be expected there: near to valid frames like them, else the mean of the run.",
    ),
    (
        "fer_{label}_hrf_derivative",
        "1/s",
        "The same with the derivative of the response by time: beside the column _hrf it takes up a response that "
        "comes early or late.",
    ),
    ("fer_head_motion", "1/s", "Mean speed of the landmarks' centre, in distances between the eyes."),
    (
        "fer_face_motion",
        "1/s",
        "Mean speed of the landmarks against each other, without the head's movement.",
    ),
    ("fer_motion_valid", "1", "Fraction of the volume in which the movement was measured."),
    (
        "fer_{label}_relative",
        "1",
        "Mean probability of {label} minus what this face usually shows (baseline); add the baseline to undo it.",
    ),
    (
        "fer_other_person_present",
        "1",
        "Fraction of the trial's window in which somebody else's face is in the picture too.",
    ),
    (
        "fer_head_{angle}_mean",
        "deg",
        "The head's mean {angle} in the trial's window, where the face was found and not covered, whether the frame "
        "is valid or not. {about}",
    ),
    ("fer_head_{angle}", "deg", "The head's mean {angle}. {about}"),
    ("head_{angle}", "deg", "The head's {angle}, n/a where the face is lost or covered. {about}"),
    (
        "fer_head_valid",
        "1",
        "Fraction of the time in which the pose of the head was measured: the face was found and not covered.",
    ),
    (
        "fer_turned_away",
        "1",
        "Fraction of the trial's window in which the head was measured to be turned away by more than the protocol's "
        "[head] allows. Head, not gaze. Time in which the face is lost or covered counts in the window, and as not "
        "turned away, because nobody knows: up to 1 minus fer_head_valid may have to be added.",
    ),
    (
        "fer_covered",
        "1",
        "Fraction of the trial's window in which something covers the face, such as a hand. A face that the "
        "picture's edge cuts off is not covered; a lost one is not known to be.",
    ),
    (
        "fer_uncertain",
        "1",
        "Fraction of the valid frames in the window in which no expression is probable enough.",
    ),
    (
        "fer_camera_{camera}",
        "1",
        "Fraction of the valid frames in the window that are of the camera {camera}, where the run has several.",
    ),
    ("{label}_smoothed", "1", "Smoothed probability of the expression {label}; the raw one is in {label}."),
    (
        "{label}_relative",
        "1",
        "Probability of {label} minus what this face usually shows (baseline); the raw one is in {label}.",
    ),
    ("fer_{label}", "1", "Mean probability of the expression {label}."),
    ("{label}", "1", "Probability of the expression {label}."),
)
# Those that `describe_columns` describes one by one.
_SPECIAL = (
    "trial_type",
    "fer_dominant",
    REVIEWED,
    REVIEW_REASON,
    "reason",
    "other_person_present",
    "uncertain",
    "status",
)
# What each angle means, and how far it may be off: `benchmarks/head_pose.py`.
_HEAD = {
    "yaw": "Against the camera, positive to the picture's right; 0 is straight into the camera. Off by 5 degrees "
    "(root mean square up to 30 degrees); 10 percent too large or small in one person or another; in a fast turn "
    "late by 0.2 s.",
    "pitch": "Against the camera, positive where the face looks down. Use its changes: the zero differs between "
    "people by 10 degrees (standard deviation), and changes are up to a third too large or small; 5 to 8 degrees are "
    "left where a person's own zero is known.",
    "roll": "Positive where the head tilts clockwise in the picture. Off by 1.5 degrees.",
}
_OTHER = {"Description": "Column of the table of events that was given."}


def describe_columns(
    columns: Iterable[str], labels: Sequence[str], conditions: Iterable[str] = ()
) -> dict[str, dict[str, Any]]:
    """Describe ``columns`` as a BIDS sidecar does.

    Parameters
    ----------
    columns
        Names, of any table that enicfer writes.
    labels
        Labels of the model, in order.
    conditions
        Names that occur in ``trial_type``.

    Returns
    -------
    dict
        Column -> ``Description``, ``Units`` or ``Levels``, and ``HED`` where it helps.
    """
    special = {
        "trial_type": {
            "Description": "Condition of the trial, as the protocol names it.",
            **_conditions(conditions),
        },
        "fer_dominant": {
            "Description": "Expression with the highest mean probability in the window; n/a if too few are valid.",
            "Levels": {
                **{label: f"the face looks {label}" for label in labels},
                UNCERTAIN: "no expression is probable enough",
            },
            "HED": {**expression_hed(labels), UNCERTAIN: UNCERTAIN_HED},
        },
        REVIEWED: {
            "Description": "What a person said of the trial in a review; n/a where nobody did.",
            "Levels": {
                ACCEPTED: "the trial was looked at and can be used",
                REJECTED: "the trial should not be used",
            },
        },
        REVIEW_REASON: {"Description": "Why the trial was rejected in a review."},
        "reason": {
            "Description": "Most frequent reason of a segment in which the face was lost.",
            "Levels": {status.label: text for status, text in _REASONS.items()},
        },
        "other_person_present": {
            "Description": "Whether the face of somebody else, such as a parent or an examiner, is in the picture.",
            "Levels": {"0": "no other face was found", "1": "another face is in the picture"},
        },
        "uncertain": {
            "Description": "Whether no expression is probable enough to be named.",
            "Levels": {"0": "an expression is", "1": "none is"},
        },
        "status": {
            "Description": "Why the frame is valid or is not.",
            "Levels": {
                str(status.value): f"{status.label}: {STATUS_LEVELS[status.label]}" for status in Status
            },
        },
    }
    return {name: special.get(name) or _describe(name, labels) for name in columns}


def list_columns() -> list[tuple[str, str, str]]:
    """Name, unit and meaning of every column of every table, for a page; names have patterns such as ``{label}``."""
    named = describe_columns(_SPECIAL, ())
    table = [
        (
            name.replace("{angle}", angle),
            unit,
            text.replace("because {text}", "of this reason")
            .replace("{angle}", angle)
            .replace("{about}", about),
        )
        for name, unit, text in _TABLE
        for angle, about in (_HEAD.items() if "{angle}" in name else [("", "")])
    ]
    return [*((name, "", about["Description"]) for name, about in named.items()), *table]


LOST_HED = "(Face, Label/Face-lost)"
UNCERTAIN_HED = f"Agent-state, {_WHO}, (Face, Label/Face-uncertain)"


def expression_hed(labels: Iterable[str]) -> dict[str, str]:
    """HED tags of each label: the action that was observed."""
    return {label: _hed(label) for label in labels}


def _hed(label: str) -> str:
    action = _ACTIONS.get(label, "Move-face")
    if action is None:
        return f"Agent-state, {_WHO}, (Face, Label/Face-{label})"
    return f"Agent-action, {_WHO}, ({action}, Label/Face-{label})"


def _conditions(conditions: Iterable[str]) -> dict[str, Any]:
    # As the table writes them, and without the words that HED reserves.
    names = sorted({str(defuse_text(str(name))) for name in conditions} - {"n/a", "HED"})
    if not names:
        return {}
    hed = {
        name: f"Experimental-trial, Condition-variable/{re.sub(r'[^A-Za-z0-9]+', '-', name)}"
        for name in names
    }
    return {"Levels": {name: f"trial of the condition {name}" for name in names}, "HED": hed}


def _describe(name: str, labels: Sequence[str]) -> dict[str, Any]:
    reasons = {status.label: text for status, text in _REASONS.items()}
    words = {"label": labels, "reason": tuple(reasons), "angle": tuple(_HEAD), "camera": (LABEL.pattern,)}
    for pattern, units, text in _TABLE:
        expression = re.escape(pattern)
        for word, allowed in words.items():
            expression = expression.replace(rf"\{{{word}\}}", f"(?P<{word}>{'|'.join(allowed) or '(?!)'})")
        match = re.fullmatch(expression, name)
        if match:
            found = match.groupdict()
            about = _HEAD.get(found.get("angle", ""), "")
            about = text.format(**found, about=about, text=reasons.get(found.get("reason", ""), ""))
            return {"Description": about, **({"Units": units} if units else {})}
    return dict(_OTHER)
