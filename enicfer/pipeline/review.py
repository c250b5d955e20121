"""What a review changes in the results: who is followed, and which trials are marked as rejected.

Reviews lie beside the outputs (`enicfer.io.review_log`). Where a review says who the participant is, its points
take the place of those in ``session.toml`` for that run; rejected trials stay in every table, marked in columns.
Verdicts and sign-offs that were given while another face was followed do not count until they are given again
(`enicfer.pipeline.choice`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from enicfer.config.runs import Run, Session
from enicfer.errors import InputError, PointError, counted
from enicfer.io.files.names import SUFFIXES, find_results, stem_of
from enicfer.io.review_log import find_reviews, read_log
from enicfer.io.tables import read_json
from enicfer.pipeline.choice import boxes_of, count_followed, entries_of_camera, follow_review
from enicfer.pipeline.provenance import hash_content, hash_file
from enicfer.records import FacePoint, ReviewOrigin, ReviewQuality, RunResult, to_plain
from enicfer.records.review import (
    NEVER,
    NOT_PARTICIPANT,
    PARTICIPANT,
    REJECTED,
    REVIEW_REASON,
    REVIEWED,
    SIGNOFF,
    TRIAL,
    Held,
    ReviewEntry,
    find_unjudged,
    hold_all,
    judge_trials,
    points_of,
    standing,
)


@dataclass(frozen=True)
class SessionReview:
    """What all coders said of a session.

    Attributes
    ----------
    entries
        Those that hold.
    files
        Name -> SHA-256 of each coder's file.
    notes
        What is wrong with the files, one sentence each.
    """

    entries: tuple[ReviewEntry, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def of(self, run: str) -> tuple[ReviewEntry, ...]:
        """The entries on a run, by its name with all entities."""
        return tuple(entry for entry in self.entries if entry.run == run)


def read_reviews(output: Path, session: str) -> SessionReview:
    """The reviews of a session (``sub-01_ses-01``) that lie beside its outputs.

    Raises
    ------
    InputError
        If one cannot be read.
    """
    files: dict[str, str] = {}
    entries: list[ReviewEntry] = []
    notes: list[str] = []
    for path in find_reviews(output, session):
        files[path.name] = hash_file(path)
        log = read_log(path)
        entries += standing(log.entries)
        notes += [log.note] if log.note else []
        if hash_file(path) != files[path.name]:
            raise InputError(
                f"{path.name} was written to while it was read", place=path, remedy="wait, and begin again"
            )
    return SessionReview(tuple(entries), files, tuple(notes))


def hash_corrections(entries: Sequence[ReviewEntry]) -> str:
    """Hash of what changes results: verdicts on trials, corrections, and who signed; not when it was said.

    ``entries`` are those of one or more coders that stand, each coder's in their order.
    """
    facts = sorted(
        [
            entry.run,
            entry.kind,
            str(entry.about[1:]),
            entry.verdict,
            entry.reason,
            entry.onset or 0.0,
            entry.code,
            *([entry.followed] if entry.followed else ()),
        ]
        for entry in entries
        if _is_judgement(entry)
    )
    signed = sorted(
        [entry.run, entry.coder, entry.name, entry.followed, *_said_after(entries, place)]
        for place, entry in enumerate(entries)
        if entry.kind == SIGNOFF
    )
    return hash_content([*facts, *signed]) if facts or signed else ""


def _is_judgement(entry: ReviewEntry) -> bool:
    return entry.kind == TRIAL or (entry.frame is not None and entry.x is not None)


def _said_after(entries: Sequence[ReviewEntry], place: int) -> list[str]:
    """What the coder of a sign-off said of the run after it: that may end it."""
    signed = entries[place]
    later = (
        entry for entry in entries[place + 1 :] if entry.coder == signed.coder and entry.run == signed.run
    )
    return sorted(f"{entry.about[1:]} {entry.followed}" for entry in later if _is_judgement(entry))


def add_points(session: Session, review: SessionReview) -> Session:
    """The session, with the points of its review where there are some.

    Raises
    ------
    InputError
        If a run is pointed into that has a trace, in which the face is chosen already.
    """
    runs = []
    for run in session.runs:
        entries = review.of(stem_of(session.entities(run)))
        views = [
            _pointed(view, points_of(entries_of_camera(entries, view.camera, run.camera)))
            for view in run.views
        ]
        runs.append(replace(views[0], others=tuple(views[1:])))
    return replace(session, runs=tuple(runs))


def _pointed(run: Run, points: tuple[FacePoint, ...]) -> Run:
    if points and run.trace is not None:
        raise InputError(
            f"The review points at the participant in {run.name}, whose faces come from {run.trace.name}",
            remedy="undo it in the review, or take trace out of session.toml",
        )
    return replace(run, faces=points) if points else run


@contextmanager
def explaining_points(view: Run, entries: Sequence[ReviewEntry], first: str) -> Iterator[None]:
    """Say of a point of a review that cannot be followed what to do in the review.

    Parameters
    ----------
    view
        One camera of a run, with the points in its video.
    entries
        What the review says of the run.
    first
        Its first camera.

    Raises
    ------
    InputError
        In place of a `PointError` about points of the review.
    """
    try:
        yield
    except PointError:
        own = [e for e in entries_of_camera(entries, view.camera, first) if e.kind == PARTICIPANT]
        if not own or view.faces != points_of(own):
            raise
        frames = ", ".join(f"{entry.frame} ({entry.coder})" for entry in own)
        raise InputError(
            f"In {view.videos[0].name}, frame {frames}, the review points at the participant where "
            "no face can be followed",
            place=view.videos[0],
            remedy=(
                "open enicfer review, press 2, take the point back there, then press C and click "
                "inside the participant's face"
            ),
        ) from None


def apply_review(run: RunResult, review: SessionReview) -> RunResult:
    """Mark the trials of a run, and count them; a run of which nobody said anything stays as it is.

    Returns
    -------
    RunResult
        With ``fer_reviewed`` and ``fer_review_reason`` in its trials where one was judged, with a ``review`` in its
        quality where somebody judged trials or signed, and with the hashes of the reviews in its provenance.
    """
    said = review.of(stem_of(run.entities))
    run = replace(run, warnings=(*run.warnings, *review.notes)) if review.notes else run
    if not said:
        return run
    held = hold_all(said, follow_review(run.provenance, said, boxes_of(run)))
    entries = tuple(entry for own in held.values() for entry in own.counting)
    trials = run.trials
    keys = list(zip(trials["onset"].astype(float).tolist(), trials["code"].astype(str).tolist(), strict=True))
    verdicts = judge_trials(entries, keys)
    if any(verdicts):
        columns = {
            REVIEWED: [v.verdict if v else None for v in verdicts],
            REVIEW_REASON: [(v.reason if v else None) or None for v in verdicts],
        }
        trials = trials.assign(**{name: pd.Series(v, trials.index, "str") for name, v in columns.items()})
    lost = _count_lost(entries, keys)
    warnings = [
        *run.warnings,
        *_find_contradictions(run, entries),
        *_tell_lapsed(held),
        *_tell_reopened(held),
    ]
    if lost:
        warnings.append(
            f"{counted(lost, 'verdict')} of the review {'is' if lost == 1 else 'are'} on trials that are no more: "
            "look at the session in enicfer review."
        )
    disputed = [number for number, v in enumerate(verdicts) if v is not None and v.disputed]
    if disputed:
        trials_of = ", ".join(map(str, disputed[:8])) + (" and others" if len(disputed) > 8 else "")
        warnings.append(
            f"People who reviewed disagree on {counted(len(disputed), 'trial')} ({trials_of}), counted as rejected: "
            "look at them in enicfer review."
        )
    judging = [entry for entry in entries if entry.kind in (TRIAL, SIGNOFF)]
    reopened = [own.reopened for own in held.values() if own.reopened is not None]
    checked = ReviewQuality(
        coders=tuple(sorted({entry.coder for entry in (*judging, *reopened)})),
        signed=tuple(sorted({entry.name for entry in judging if entry.kind == SIGNOFF})),
        n_trials_reviewed=sum(v is not None for v in verdicts),
        n_trials_rejected=sum(v is not None and v.verdict == REJECTED for v in verdicts),
        n_trials_disputed=len(disputed),
        n_trials_unjudged=len(find_unjudged(entries)),
        reopened=tuple(sorted({entry.name for entry in reopened})),
    )
    followed = count_followed(run.provenance, said)
    origin = ReviewOrigin(dict(review.files), hash_corrections(said), followed)
    return replace(
        run,
        trials=trials,
        warnings=tuple(warnings),
        quality=replace(run.quality, review=checked) if judging else run.quality,
        provenance=replace(run.provenance, review=origin),
    )


def _tell_lapsed(held: Mapping[str, Held]) -> list[str]:
    """A sentence on what was said before another face was followed."""
    kinds = [entry.kind for own in held.values() for entry in own.lapsed]
    trials, signed = kinds.count(TRIAL), kinds.count(SIGNOFF)
    if not kinds:
        return []
    said = [counted(n, word) for n, word in ((trials, "verdict"), (signed, "sign-off")) if n]
    does = "does" if trials + signed == 1 else "do"
    again = " Look at these trials again in enicfer review." if trials else " Sign again in enicfer review."
    return [
        f"The review was made before the participant was changed: {' and '.join(said)} {does} not count.{again}"
    ]


def _tell_reopened(held: Mapping[str, Held]) -> list[str]:
    """A sentence on each sign-off that does not hold any more."""
    return [
        f"Signed by {own.reopened.name} before the last verdict or correction: sign again in enicfer review."
        for own in held.values()
        if own.reopened is not None
    ]


def _count_lost(entries: Sequence[ReviewEntry], trials: Sequence[tuple[float, str]]) -> int:
    """How many verdicts are on no trial that there is; trials by onset (s) and code."""
    said = [entry for entry in entries if entry.kind == TRIAL]
    # Each trial as if it were an entry, and each entry as if it were a trial.
    there = [replace(entry, onset=onset, code=code) for entry in said[:1] for onset, code in trials]
    return judge_trials(there, [(entry.onset or 0.0, entry.code) for entry in said]).count(None)


def _find_contradictions(run: RunResult, entries: Sequence[ReviewEntry]) -> list[str]:
    """Where the face that was followed is one of which the review says that it is not the participant's."""
    hit: list[str] = []
    for name in ("",) if run.cameras is None else run.cameras.names:
        own = entries_of_camera(entries, name, name if name == run.of_camera().camera else "")
        wrong = (*points_of(own, NOT_PARTICIPANT), *points_of(own, NEVER))
        of_camera = f" of the camera {name}" if name else ""
        hit += [f"{point[0]}{of_camera}" for point in wrong if _holds(run.of_camera(name), point)]
    if not hit:
        return []
    return [
        f"The review says that the followed face is not the participant's ({counted(len(hit), 'point')}, in frame "
        f"{', '.join(hit[:5])}): go to that frame in enicfer review, press C, and click on the participant's face."
    ]


def _holds(run: RunResult, point: FacePoint) -> bool:
    frame, x, y = point
    if not frame < len(run.faces.box):
        return False
    left, top, right, bottom = run.faces.box[frame]
    return bool(left <= x <= right and top <= y <= bottom)


def is_newly_reviewed(output: Path, session: str, review: SessionReview) -> bool:
    """Whether results of a session were made before what its review says now; not where they are damaged."""
    try:
        return any(
            _known_corrections(path) != hash_corrections(review.of(run))
            for run, path in find_qc(output, session).items()
        )
    except (InputError, KeyError, AttributeError):
        return False


def find_qc(output: Path, session: str) -> dict[str, Path]:
    """Run -> its ``qc.json``, of the results of one session (``sub-01``, ``sub-01_ses-01``)."""
    found = {
        path.name.removesuffix(f"_{SUFFIXES['frames']}"): path
        for path in find_results(output / session.replace("_", "/"))
    }
    own = {stem: path for stem, path in found.items() if "_ses-" in session or "_ses-" not in stem}
    return {stem: path.with_name(f"{stem}_{SUFFIXES['qc']}") for stem, path in own.items()}


def _known_corrections(path: Path) -> str:
    return str(read_json(path)["provenance"].get("review", {}).get("corrections", ""))


def replaces_more(output: Path, session: str, runs: Sequence[RunResult]) -> bool:
    """Whether results of a session would be replaced that differ from ``runs`` by more than what a review said."""
    new = {stem_of(run.entities): run for run in runs}
    known = find_qc(output, session)
    return any(stem not in new or _differs_beyond_review(new[stem], path) for stem, path in known.items())


def _differs_beyond_review(run: RunResult, path: Path) -> bool:
    """Whether a run was made of other inputs, or with other settings, than the results in ``path`` (``qc.json``)."""
    return _beyond_review(read_json(path)["provenance"]) != _beyond_review(to_plain(run.provenance))


def _beyond_review(provenance: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in provenance.items() if name not in ("review", "faces_given")}
    if cameras := provenance.get("cameras"):
        kept["cameras"] = {
            name: [origin["videos"], origin.get("participant_region")] for name, origin in cameras.items()
        }
    return kept
