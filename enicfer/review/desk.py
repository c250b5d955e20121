"""What the server knows: the study, the results that are open, their videos and proxies, and who is reviewing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enicfer import __version__
from enicfer.errors import EnicferError, InputError
from enicfer.io.results import read_run
from enicfer.pipeline.choice import name_choice
from enicfer.pipeline.people import KnownFaces, find_record, know_faces, list_others
from enicfer.pipeline.review import hash_corrections
from enicfer.records import RunQuality, RunResult, Status
from enicfer.records.review import (
    ACCEPTED,
    CORRECTIONS,
    PARTICIPANT,
    REJECTED,
    SIGNOFF,
    TRIAL,
    Following,
    Held,
    ReviewEntry,
    find_unjudged,
    hold_entries,
    judge_trials,
)
from enicfer.review.cover import find_others
from enicfer.review.entries import (
    check_entry,
    describe_log,
    describe_review,
    describe_stake,
    note_followed,
    say_reopened,
    store_entry,
    summarise_coder,
)
from enicfer.review.judge import REASONS, judge_clock, judge_identity, judge_run
from enicfer.review.pictures import RunVideo, keep_videos, measure
from enicfer.review.pointing import check_point
from enicfer.review.proxy import Proxies, Proxy
from enicfer.review.recent import Recent, state_of, state_of_records, version_of
from enicfer.review.run_data import describe_run
from enicfer.review.study import ReviewRun, Study, as_typed

OPEN_RUNS = 4


@dataclass(frozen=True)
class ReviewOptions:
    """How a study is reviewed.

    Attributes
    ----------
    coder
        Who reviews.
    read_only
        Nothing is stored.
    blur_others
        The faces of all but the participant are covered.
    shared
        The group that can read a video may read its proxy.
    closed
        Root of outputs -> why nothing can be stored beside them, as a sentence.
    """

    coder: str
    read_only: bool = False
    blur_others: bool = False
    shared: bool = False
    closed: Mapping[Path, str] = field(default_factory=dict)


class Desk:
    """Everything that requests share.

    Parameters
    ----------
    study
        The runs.
    options
        Who reviews, and how.
    """

    def __init__(self, study: Study, options: ReviewOptions) -> None:
        self.study, self.options = study, options
        self._results: Recent[tuple[RunResult, RunResult]] = Recent(OPEN_RUNS)
        self._faces: Recent[KnownFaces | None] = Recent(OPEN_RUNS)
        self._videos = keep_videos(OPEN_RUNS)
        self._proxies = Proxies()

    def result(self, run: ReviewRun) -> RunResult:
        """The results of a run as they are now; of several cameras those of the first, whose video is shown."""
        return self._read(run)[1]

    def _read(self, run: ReviewRun) -> tuple[RunResult, RunResult]:
        """The results of a run: of all cameras, and of the first."""

        def make() -> tuple[RunResult, RunResult]:
            whole = read_run(run.frames)
            return whole, whole.of_camera()

        return self._results.get(state_of(run), make)

    def faces(self, run: ReviewRun) -> KnownFaces | None:
        """All faces of a run's video; None where no record of them was kept."""
        result = self.result(run)

        def look() -> KnownFaces | None:
            record = find_record(run.output, result)
            return None if record is None else know_faces(record, result)

        return self._faces.get((*state_of(run), state_of_records(run)), look)

    def others(self, run: ReviewRun) -> list[dict[str, Any]] | None:
        """Faces of the other people in the picture; None where no record of all faces was kept."""
        faces = self.faces(run)
        return None if faces is None else list_others(faces)

    def video(self, run: ReviewRun) -> RunVideo:
        """The video of a run."""
        result, cover = self.result(run), self.options.blur_others

        def make() -> RunVideo:
            paths, missing = self.study.find_videos(run, result.provenance.inputs)
            faces = self.faces(run) if cover else None
            others = None if faces is None else find_others(faces, result.faces.video_time)
            return RunVideo(result, paths, missing, cover, others)

        return self._videos.get((*state_of(run), state_of_records(run) if cover else 0.0), make)

    def proxy(self, run: ReviewRun) -> Proxy:
        """The proxy of a run."""
        return self._proxies.of(run, self.video(run), self.options.shared)

    def stop(self) -> None:
        """End what is being made."""
        self._proxies.stop()

    def describe_study(self) -> dict[str, Any]:
        """What the study page shows."""
        self.study.look_again()
        rows, notes = [], [*self.options.closed.values()]
        for run in self.study.runs.values():
            try:
                rows.append(self._row(run))
                notes += self.study.review_notes(run)
            except (EnicferError, KeyError, TypeError) as error:
                text = str(error) if isinstance(error, EnicferError) else "its files are of another version"
                notes.append(f"{run.name}: {text}")
        rows.sort(key=lambda row: (-row["attention"], row["name"]))
        closed = all(self.why_read_only(run) for run in self.study.runs.values())
        coders = {review["coder"] for row in rows for review in row["reviews"]} | {self.options.coder}
        return {
            **self._about(closed),
            "version": __version__,
            "coders": sorted(coders),
            "statuses": [status.label for status in Status],
            "reasons": list(REASONS),
            "notes": list(dict.fromkeys(notes)),
            "runs": rows,
            "failed": list(self.study.failures()),
        }

    def describe_run(self, run: ReviewRun) -> dict[str, Any]:
        """What the session page shows first."""
        result, check, video = self.result(run), self.study.quality(run), self.video(run)
        size = measure(video)
        order = self._order()
        place = order.index(run.id) if run.id in order else 0
        why = self.why_read_only(run)
        siblings = [other for other in self.study.runs.values() if _are_siblings(run, other)]
        return {
            **self._about(why != ""),
            "read_only_why": why,
            **_labels(run),
            **describe_run(result),
            "video": {
                "state": video.state,
                "text": video.text,
                "names": [path.name for path in video.paths] or video.missing,
                "width": None if size is None else size[0],
                "height": None if size is None else size[1],
            },
            "clock": judge_clock(check.quality),
            "identity": judge_identity(check),
            "reasons": list(REASONS),
            "stale": self.is_stale(run),
            "followed": name_choice(result.provenance),
            "results": version_of(run),
            "siblings": [{"id": other.id, "name": other.name} for other in siblings],
            "previous": order[place - 1] if place > 0 else None,
            "next": order[place + 1] if place + 1 < len(order) else None,
        }

    def describe_review(self, run: ReviewRun) -> dict[str, Any]:
        """What this coder said of a run, how much others did, and what is to be done that results follow."""
        said = self.study.version_of_reviews(run)  # first: what is added meanwhile is then seen as new
        following, held = self.study.following(run), self.held(run)
        can_undo = self.why_read_only(run) == "" and self.options.coder in self.study.entries(run)
        return {
            **describe_review(held, self.options.coder, can_undo),
            **describe_log(self.study.log(run, self.options.coder)),
            "said": said,
            "at_stake": describe_stake(held.values()),
            "stale": self.is_stale(run),
            "pending": self.say_pending(run) if following.pending else "",
            "command": self.study.command(run),
            "notes": self.study.review_notes(run),
            "results": version_of(run),
        }

    def held(self, run: ReviewRun, following: Following | None = None) -> dict[str, Held]:
        """Coder -> what holds of what was said of a run; ``following`` where it is known already."""
        now = following or self.study.following(run)
        return {coder: hold_entries(own, now) for coder, own in self.study.entries(run).items()}

    def say_pending(self, run: ReviewRun) -> str:
        """Why nothing can be judged while the results do not follow the review's choice of the participant."""
        return (
            "The participant was changed in the review, and these results show the face from before. Run "
            f"{self.study.command(run)} first, then load this page again and judge."
        )

    def _all_said(self, run: ReviewRun) -> list[ReviewEntry]:
        """What all coders said of a run."""
        return [entry for entries in self.study.entries(run).values() for entry in entries]

    def store(self, run: ReviewRun, content: Any) -> tuple[ReviewEntry, list[str]]:
        """Store what the coder says, and sentences on what the coder has to know of it.

        Raises
        ------
        InputError
            See `enicfer.review.entries.check_entry`, `enicfer.review.pointing.check_point`; or if a trial is judged
            while the results do not follow the review's choice of the participant.
        OutputError
            See `enicfer.review.entries.store_entry`.
        """
        (whole, result), coder = self._read(run), self.options.coder
        facts = check_entry(result, content)
        following = self.study.following(run)
        notes = []
        if facts["kind"] in (TRIAL, SIGNOFF):
            if following.pending:
                raise InputError(self.say_pending(run))
            facts["seen"] = note_followed(whole, facts)
        elif facts["kind"] in CORRECTIONS:
            points = [
                e
                for e in self._all_said(run)
                if e.kind == PARTICIPANT and (e.coder, e.frame) != (coder, facts["frame"])
            ]
            notes += [check_point(result, self.faces(run), facts, points)]
        before = self.held(run, following).get(coder, Held())
        entry = store_entry(run, result, coder, facts, following)
        after = self.study.following(run)
        if after.confirms(entry) and not after.pending:
            notes.append("This face is followed already: what was said still counts.")
        reopened = self.held(run, after).get(coder, Held()).reopened
        if reopened is not None and before.reopened is None:
            text = say_reopened(reopened)
            notes.append(f"{text[0].upper()}{text[1:]}.")
        return entry, [note for note in notes if note]

    def find_entry(self, run: ReviewRun, wanted: str) -> ReviewEntry | None:
        """What this coder said under an id, also what was undone; None for no id."""
        return next((entry for entry in self.study.log(run, self.options.coder) if entry.id == wanted), None)

    def is_stale(self, run: ReviewRun) -> bool:
        """Whether the review says what the results do not hold."""
        origin = self.study.quality(run).provenance.review
        return hash_corrections(self._all_said(run)) != ("" if origin is None else origin.corrections)

    def why_read_only(self, run: ReviewRun) -> str:
        """Why nothing can be stored of a run, as a sentence; "" where it can."""
        if self.options.read_only:
            return "This review was opened to be read only: nothing is stored."
        return self.options.closed.get(run.output, "")

    def _about(self, read_only: bool) -> dict[str, Any]:
        options = self.options
        return {
            "coder": options.coder,
            "read_only": read_only,
            "blur_others": options.blur_others,
            "restart": self._restart(),
        }

    def _restart(self) -> str:
        """What is typed so that this review is served again, but for the port."""
        options = self.options
        switches = {
            "read-only": options.read_only,
            "blur-others": options.blur_others,
            "shared": options.shared,
        }
        more = [f"--{name}" for name, given in switches.items() if given]
        folders = (str(folder.resolve()) for folder in self.study.folders)
        return as_typed(["enicfer", "review", *folders, "--coder", options.coder, *more])

    def _order(self) -> list[str]:
        scored = []
        for run in self.study.runs.values():
            try:
                scored.append((-self._row_of_review(run)["attention"], run.name, run.id))
            except (EnicferError, KeyError, TypeError):
                continue
        return [key for _, _, key in sorted(scored)]

    def _row_of_review(self, run: ReviewRun) -> dict[str, Any]:
        """What the study page shows of what was said of a run, and how much it needs attention."""
        held, stale = self.held(run), self.is_stale(run)
        said = {coder: own.counting for coder, own in held.items()}
        n_lapsed = sum(len(own.lapsed) for own in held.values())
        reopened = [own.reopened for own in held.values() if own.reopened is not None]
        more = [say_reopened(entry) for entry in reopened]
        attention, why = judge_run(self.study.quality(run), said, stale, n_lapsed > 0, more)
        verdicts = _verdicts(said)
        everything = [entry for own in said.values() for entry in own]
        return {
            "attention": attention,
            "why": why,
            "n_accepted": verdicts.count(ACCEPTED),
            "n_rejected": verdicts.count(REJECTED),
            "n_unjudged": len(find_unjudged(everything)),
            "n_lapsed": n_lapsed,
            "stale": stale,
            "reviews": [summarise_coder(coder, own) for coder, own in sorted(held.items())],
        }

    def _row(self, run: ReviewRun) -> dict[str, Any]:
        check = self.study.quality(run)
        quality = check.quality
        shown = next(iter(quality.cameras.cameras), "") if quality.cameras else ""
        inputs = check.provenance.inputs_of(shown)
        paths, missing = self.study.find_videos(run, inputs)
        return {
            **_labels(run),
            **self._row_of_review(run),
            "valid_fraction": quality.valid_fraction,
            "clock": judge_clock(quality),
            "identity": judge_identity(check),
            "n_trials": quality.n_trials,
            "n_trials_without_values": quality.n_trials - quality.n_trials_valid,
            "duration": _duration(quality),
            "has_video": bool(paths) and not missing,
            "warnings": list(check.warnings),
        }


def _verdicts(said: Mapping[str, Sequence[ReviewEntry]]) -> list[str]:
    """What all coders together say of each trial that somebody judged."""
    entries = [entry for own in said.values() for entry in own if entry.kind == TRIAL]
    trials = list(dict.fromkeys((entry.onset or 0.0, entry.code) for entry in entries))
    return [verdict.verdict for verdict in judge_trials(entries, trials) if verdict is not None]


def _duration(quality: RunQuality) -> float | None:
    """About how long the video is, in s."""
    return round(quality.n_frames / quality.frame_rate, 1) if quality.frame_rate else None


def _labels(run: ReviewRun) -> dict[str, Any]:
    entities = run.entities
    return {
        "id": run.id,
        "name": run.name,
        "participant": entities["sub"],
        "session": entities.get("ses"),
        "task": entities.get("task"),
        "run": entities.get("run"),
    }


def _are_siblings(run: ReviewRun, other: ReviewRun) -> bool:
    return (run.output, run.session) == (other.output, other.session)


def static_files(folder: Path, kinds: Sequence[str]) -> dict[str, Path]:
    """Name with ``/`` -> file, of all files below a folder that are of one of these kinds; no links."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {path.relative_to(folder).as_posix(): path for path in found if path.suffix in kinds}
