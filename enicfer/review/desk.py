"""What the server knows: the study, the results that are open, their videos and proxies, and who is reviewing."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Generic, TypeVar

from enicfer import __version__
from enicfer.errors import EnicferError
from enicfer.io.files.names import HIDDEN
from enicfer.io.results import read_run
from enicfer.pipeline.people import KnownFaces, find_record, know_faces, list_others
from enicfer.pipeline.review import hash_corrections, name_choice, name_next_choice
from enicfer.records import RunQuality, RunResult, Status
from enicfer.records.review import (
    ACCEPTED,
    CORRECTIONS,
    PARTICIPANT,
    REJECTED,
    TRIAL,
    ReviewEntry,
    find_lapsed,
    judge_trials,
)
from enicfer.review.cover import find_others
from enicfer.review.entries import check_entry, describe_review, store_entry, summarise_coder
from enicfer.review.judge import REASONS, judge_clock, judge_identity, judge_run
from enicfer.review.pictures import RunVideo, Videos, measure
from enicfer.review.pointing import check_point
from enicfer.review.proxy import Proxy, proxy_folder
from enicfer.review.run_data import describe_run
from enicfer.review.study import ReviewRun, Study

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


T = TypeVar("T")


class _Recent(Generic[T]):
    """What was made last of a few runs, each in one state; one thread makes it, the others wait."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, Lock()
        self._made: OrderedDict[tuple[object, ...], T] = OrderedDict()

    def get(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """What is there for ``key``, or what ``make`` gives."""
        with self._lock:
            if key not in self._made:
                self._made[key] = make()
            self._made.move_to_end(key)
            while len(self._made) > self._most:
                self._made.popitem(last=False)
            return self._made[key]


def _state_of(run: ReviewRun) -> tuple[str, float]:
    """A run, and the time of its results: 0 where they are gone."""
    return run.id, run.frames.stat().st_mtime if run.frames.is_file() else 0.0


def _state_of_records(run: ReviewRun) -> float:
    """The time at which a record of all faces was last added or removed below a run's outputs; 0 for never."""
    folder = run.output / HIDDEN / "seen"
    return folder.stat().st_mtime if folder.is_dir() else 0.0


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
        self._results: _Recent[RunResult] = _Recent(OPEN_RUNS)
        self._faces: _Recent[KnownFaces | None] = _Recent(OPEN_RUNS)
        self._videos = Videos(OPEN_RUNS)
        self._proxies: dict[str, Proxy] = {}
        self._lock = Lock()

    def result(self, run: ReviewRun) -> RunResult:
        """The results of a run as they are now; of several cameras those of the first, whose video is shown."""
        return self._results.get(_state_of(run), lambda: read_run(run.frames).of_camera())

    def faces(self, run: ReviewRun) -> KnownFaces | None:
        """All faces of a run's video; None where no record of them was kept."""
        result = self.result(run)

        def look() -> KnownFaces | None:
            record = find_record(run.output, result)
            return None if record is None else know_faces(record, result)

        return self._faces.get((*_state_of(run), _state_of_records(run)), look)

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

        return self._videos.get((*_state_of(run), _state_of_records(run) if cover else 0.0), make)

    def proxy(self, run: ReviewRun) -> Proxy:
        """The proxy of a run."""
        video = self.video(run)
        proxy = Proxy(proxy_folder(run.output), run.name, video, self.options.shared)
        with self._lock:
            known = self._proxies.get(run.id)
            if known is None or known.path != proxy.path:
                self._proxies[run.id] = proxy
            return self._proxies[run.id]

    def stop(self) -> None:
        """End what is being made."""
        for proxy in self._proxies.values():
            proxy.stop()

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
            "siblings": [{"id": other.id, "name": other.name} for other in siblings],
            "previous": order[place - 1] if place > 0 else None,
            "next": order[place + 1] if place + 1 < len(order) else None,
        }

    def describe_review(self, run: ReviewRun) -> dict[str, Any]:
        """What this coder said of a run, how much others did, and what is to be done that results follow."""
        said, lapsed = self.study.entries(run), self.lapsed(run)
        return {
            **describe_review(said, lapsed, self.options.coder, self.why_read_only(run) == ""),
            "stale": self.is_stale(run),
            "command": self.study.command(run),
            "results": str(run.qc.stat().st_mtime_ns if run.qc.is_file() else 0),
            "notes": self.study.review_notes(run),
        }

    def lapsed(self, run: ReviewRun) -> frozenset[str]:
        """Ids of what was said of a run before another face was followed (`enicfer.records.review.find_lapsed`)."""
        said = self._all_said(run)
        return find_lapsed(said, name_next_choice(self.study.quality(run).provenance, said))

    def _all_said(self, run: ReviewRun) -> list[ReviewEntry]:
        """What all coders said of a run."""
        return [entry for entries in self.study.entries(run).values() for entry in entries]

    def counting(
        self, run: ReviewRun, lapsed: Collection[str] | None = None
    ) -> dict[str, tuple[ReviewEntry, ...]]:
        """Coder -> what was said of a run and has not lapsed; ``lapsed`` where it is known already."""
        gone, said = self.lapsed(run) if lapsed is None else lapsed, self.study.entries(run)
        return {coder: tuple(entry for entry in own if entry.id not in gone) for coder, own in said.items()}

    def store(self, run: ReviewRun, content: Any) -> tuple[ReviewEntry, str]:
        """Store what the coder says, and a sentence on what of it could not be checked.

        Raises
        ------
        InputError
            See `enicfer.review.entries.check_entry`, `enicfer.review.pointing.check_point`.
        OutputError
            See `enicfer.review.entries.store_entry`.
        """
        result, coder, note = self.result(run), self.options.coder, ""
        facts = check_entry(result, content)
        if facts["kind"] in CORRECTIONS:
            points = [
                e
                for e in self._all_said(run)
                if e.kind == PARTICIPANT and (e.coder, e.frame) != (coder, facts["frame"])
            ]
            note = check_point(result, self.faces(run), facts, points)
        return store_entry(run, result, coder, facts), note

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
        return {"coder": options.coder, "read_only": read_only, "blur_others": options.blur_others}

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
        lapsed, stale = self.lapsed(run), self.is_stale(run)
        said = self.counting(run, lapsed)
        attention, why = judge_run(self.study.quality(run), said, stale, bool(lapsed))
        verdicts = _verdicts(said)
        return {
            "attention": attention,
            "why": why,
            "n_accepted": verdicts.count(ACCEPTED),
            "n_rejected": verdicts.count(REJECTED),
            "n_lapsed": len(lapsed),
            "stale": stale,
            "reviews": [summarise_coder(coder, entries) for coder, entries in sorted(said.items())],
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
