"""Which runs there are to review, below the folders that were given; each has an id that tells no path."""

import os
import shlex
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from subprocess import list2cmdline
from threading import Lock
from typing import Any

from enicfer.batch.jobs import find_sessions
from enicfer.batch.markers import FAILED, BatchFolders, read_marker
from enicfer.batch.tables import entities_of, read_markers
from enicfer.config.engine import read_toml
from enicfer.config.runs import SETTINGS
from enicfer.config.suffixes import VIDEO_SUFFIXES
from enicfer.errors import EnicferError, InputError
from enicfer.io.camera_frames import read_boxes
from enicfer.io.files.names import HIDDEN, SUFFIXES, find_results, session_stem
from enicfer.io.review_log import find_reviews, read_log
from enicfer.io.tables import read_json
from enicfer.pipeline.choice import follow_review
from enicfer.records import from_plain
from enicfer.records.review import Following, Place, ReviewEntry, standing
from enicfer.review.judge import RunCheck

SESSION_LEVELS = 2  # above a folder, in which its session is looked for
FRESH = 10.0  # s for which a list of the videos in a folder is believed


@dataclass(frozen=True)
class ReviewRun:
    """A run that can be reviewed.

    Attributes
    ----------
    id
        16 hexadecimal digits.
    output
        Root of the outputs.
    frames
        Its ``frames.h5``.
    entities
        Of its name.
    """

    id: str
    output: Path
    frames: Path
    entities: Mapping[str, str]

    @property
    def name(self) -> str:
        """``sub-01_ses-01_task-faces``."""
        return self.frames.name.removesuffix(f"_{SUFFIXES['frames']}")

    @property
    def session(self) -> str:
        """``sub-01_ses-01``."""
        return session_stem(self.entities)

    @property
    def qc(self) -> Path:
        """Its ``qc.json``."""
        return self.frames.with_name(f"{self.name}_{SUFFIXES['qc']}")


class Study:
    """The runs below some folders, as they are now.

    Parameters
    ----------
    folders
        Session folders, folders of them, or outputs.

    Raises
    ------
    InputError
        If a folder is missing, or there are no results.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        folders = [_folder_of(Path(folder)) for folder in folders]
        for folder in folders:
            if not folder.is_dir():
                raise InputError(
                    f"There is no folder {folder}: give a session folder, or a folder of outputs."
                )
        self.folders = tuple(dict.fromkeys(map(_session_of, folders)))
        self._lock = Lock()
        self._kept: dict[Path, tuple[tuple[int, int, int], Any]] = {}
        self._listings: dict[Path, tuple[float, dict[str, Path]]] = {}
        self._sessions: dict[tuple[str, str], Path] | None = None
        self.runs: dict[str, ReviewRun] = {}
        self.look_again()
        if not self.runs:
            raise _nothing_below(self.folders)

    def look_again(self) -> None:
        """Find the runs that are there now; one that was there before keeps its id."""
        frames = dict.fromkeys(path.resolve() for folder in self.folders for path in find_results(folder))
        found = (_make_run(path) for path in frames)
        runs = {run.id: run for run in found if run is not None}
        with self._lock:
            self.runs = runs

    @property
    def outputs(self) -> list[Path]:
        """Roots of outputs, sorted."""
        return sorted({run.output for run in self.runs.values()})

    def quality(self, run: ReviewRun) -> RunCheck:
        """What a run's ``qc.json`` holds.

        Raises
        ------
        InputError
            If it cannot be read, or was written by other hands.
        """
        check: RunCheck = self._read(run.qc, _read_check)
        return check

    def entries(self, run: ReviewRun) -> dict[str, tuple[ReviewEntry, ...]]:
        """Coder -> the entries of a run that stand (`enicfer.records.review.standing`), by name of the coder.

        Raises
        ------
        InputError
            If a review cannot be read.
        """
        said: dict[str, tuple[ReviewEntry, ...]] = {}
        for path in find_reviews(run.output, run.session):
            coders = self._read(path, _by_coder)[0]
            for coder, entries in coders.items():
                own = tuple(entry for entry in entries if entry.run == run.name)
                if own:
                    said[coder] = (*said.get(coder, ()), *own)
        return said

    def log(self, run: ReviewRun, coder: str) -> tuple[ReviewEntry, ...]:
        """All that a coder ever said of a run, in its order: also what was undone."""
        logs = (self._read(path, _by_coder)[2] for path in find_reviews(run.output, run.session))
        return tuple(e for log in logs for e in log if (e.run, e.coder) == (run.name, coder))

    def version_of_reviews(self, run: ReviewRun) -> str:
        """What changes with what anybody says of a run's session: text that says nothing else."""
        about = []
        for path in find_reviews(run.output, run.session):
            with suppress(OSError):
                now = path.stat()
                about.append(f"{path.name} {now.st_mtime_ns} {now.st_size}")
        return sha256("\n".join(about).encode()).hexdigest()[:12]

    def following(self, run: ReviewRun) -> Following:
        """Whom the results of a run follow, as far as its review needs it.

        Raises
        ------
        InputError
            If a file of the run or a review cannot be read.
        """
        said = [entry for own in self.entries(run).values() for entry in own]
        provenance = self.quality(run).provenance
        cameras = tuple(provenance.cameras or ("",))
        return follow_review(provenance, said, lambda places: self._look_up(run, cameras, places))

    def _look_up(
        self, run: ReviewRun, cameras: Sequence[str], places: Sequence[Place]
    ) -> dict[Place, Sequence[float]]:
        """The followed face in some places, each read once while the results stay."""
        known: dict[Place, Sequence[float] | None] = self._read(run.frames, lambda path: {})
        if fresh := [(c, frame) for c, frame in places if (c, frame) not in known and 0 <= c < len(cameras)]:
            frames: dict[str, list[int]] = {}
            for camera, frame in fresh:
                frames.setdefault(cameras[camera], []).append(frame)
            found = read_boxes(run.frames, frames)
            known.update({(c, frame): found.get((cameras[c], frame)) for c, frame in fresh})
        return {place: box for place in places if (box := known.get(place)) is not None}

    def review_notes(self, run: ReviewRun) -> list[str]:
        """What is wrong with the files of a run's review, one sentence each."""
        notes = (self._read(path, _by_coder)[1] for path in find_reviews(run.output, run.session))
        return [note for note in notes if note]

    def command(self, run: ReviewRun) -> str:
        """What is typed so that the results of a run follow its review."""
        folder = self._session_folder(run)
        words = ["enicfer", "process-session", "SESSION" if folder is None else str(folder.resolve())]
        if folder is None or run.output != (folder / "derivatives" / "enicfer").resolve():
            words += ["--output", str(run.output)]
        return as_typed(words)

    def failures(self) -> Iterator[dict[str, str]]:
        """Sessions of the outputs that could not be processed: ``name`` and ``reason``."""
        for output in self.outputs:
            if (output / HIDDEN / "sessions").is_dir():
                for name, marker in read_markers(output).items():
                    if marker.state == FAILED:
                        yield {"name": name, "reason": f"{marker.reason} {marker.advice}".strip()}

    def find_videos(self, run: ReviewRun, inputs: Mapping[str, str]) -> tuple[list[Path], list[str]]:
        """The videos of a run, in their order, and the names of those that are not where they were.

        ``inputs`` are those of its provenance: name -> SHA-256.
        """
        names = [name for name in inputs if Path(name).suffix.lower() in VIDEO_SUFFIXES]
        places = list(dict.fromkeys(self._places(run)))
        known = list(self._known_files(run))
        found: list[Path] = []
        missing: list[str] = []
        for name in names:
            path = next((p for p in known if p.as_posix().endswith(f"/{name}") and p.is_file()), None)
            path = path or next((hit for place in places if (hit := self._look_for(place, name))), None)
            if path is None:
                missing.append(Path(name).name)
            else:
                found.append(path)
        return found, missing

    def _look_for(self, place: Path, name: str) -> Path | None:
        """The video of this name in a folder, or anywhere below it."""
        if (place / name).is_file():
            return place / name
        known, listed = self._listings.get(place, (0.0, {}))
        if time.monotonic() - known > FRESH or not known:
            listed = _list_videos(place)
            self._listings[place] = time.monotonic(), listed
        return listed.get(Path(name).name)

    def _known_files(self, run: ReviewRun) -> Iterator[Path]:
        """Input files that the marker of a batch names."""
        marker = read_marker(BatchFolders(run.output).marker(run.session))
        if marker is not None and marker.folder:
            yield from (run.output / marker.folder / name for name in marker.files)

    def _places(self, run: ReviewRun) -> Iterator[Path]:
        """Folders in which a run's video may be."""
        if run.output.parent.name == "derivatives":
            yield run.output.parents[1]
        if (folder := self._session_folders().get(_visit_of(run))) is not None:
            yield folder

    def _session_folder(self, run: ReviewRun) -> Path | None:
        """The session folder of a run: above its outputs, among those that were given, or as a batch noted it."""
        marker = read_marker(BatchFolders(run.output).marker(run.session))
        places = [
            run.output.parents[1] if run.output.parent.name == "derivatives" else None,
            self._session_folders().get(_visit_of(run)),
            run.output / marker.folder if marker is not None and marker.folder else None,
        ]
        return next((place for place in places if place is not None and (place / SETTINGS).is_file()), None)

    def _session_folders(self) -> dict[tuple[str, str], Path]:
        """Participant and session -> folder, of the session folders among or below those that were given."""
        if self._sessions is None:
            self._sessions = {}
            for folder in find_sessions(self.folders):
                try:
                    about = read_toml(folder / SETTINGS)
                except (EnicferError, OSError):
                    continue
                labels = (about.get("participant"), about.get("session") or "")
                self._sessions[(str(labels[0]), str(labels[1]))] = folder
        return self._sessions

    def _read(self, path: Path, read: Any) -> Any:
        """What a file holds, read again only where it changed."""
        about = path.stat() if path.is_file() else None
        stamp = (0, 0, 0) if about is None else (about.st_mtime_ns, about.st_size, about.st_ino)
        with self._lock:
            kept = self._kept.get(path)
        if kept is not None and kept[0] == stamp and about is not None:
            return kept[1]
        content = read(path)
        with self._lock:
            self._kept[path] = stamp, content
        return content


def _folder_of(path: Path) -> Path:
    """The folder itself, or that of the ``session.toml`` that was given for it."""
    return path.parent if path.name == SETTINGS and path.is_file() else path


def as_typed(words: Sequence[str]) -> str:
    """A command as it is typed in a terminal of this machine."""
    return list2cmdline(words) if os.name == "nt" else shlex.join(words)


def _session_of(folder: Path) -> Path:
    """The session folder to which a folder without results belongs, or the folder itself."""
    if (folder / SETTINGS).is_file() or find_results(folder):
        return folder
    above = folder.resolve().parents[:SESSION_LEVELS]
    return next((place for place in above if (place / SETTINGS).is_file()), folder)


def _nothing_below(folders: Sequence[Path]) -> InputError:
    """What to say where nothing was processed, with what to run first."""
    names = ", ".join(str(folder) for folder in folders)
    sessions = find_sessions(folders)
    ready = [folder for folder in sessions if (folder / SETTINGS).is_file()]
    if ready:
        command = "process-session" if len(ready) == 1 else "process-sessions"
        place = ready[0] if len(ready) == 1 else names
        return InputError(
            f"There are no results of enicfer below {names}: run enicfer {command} {place} first, or give the folder "
            "to which the results were written with --output."
        )
    if any(_list_videos(folder) for folder in folders):
        return InputError(
            f"{names} has a video, and no {SETTINGS} and no results: a review needs a processed session, so write "
            f"{SETTINGS} beside the video, run enicfer process-session {names}, and then this command again."
        )
    return InputError(
        f"There are no results of enicfer below {names}: process the sessions first, with enicfer process-session or "
        "process-sessions."
    )


def _read_check(path: Path) -> RunCheck:
    content = read_json(path)
    try:
        check: RunCheck = from_plain(RunCheck, content, path.name)
    except InputError as error:
        raise InputError(f"{error}: it is of another version; process the session again.") from None
    return check


def _by_coder(path: Path) -> tuple[dict[str, tuple[ReviewEntry, ...]], str, tuple[ReviewEntry, ...]]:
    """Coder -> the entries that stand; what is wrong with the file; and all its entries."""
    log = read_log(path)
    entries = standing(log.entries)
    coders: Iterable[str] = dict.fromkeys(entry.coder for entry in entries)
    own = {coder: tuple(entry for entry in entries if entry.coder == coder) for coder in coders}
    return own, log.note, tuple(log.entries)


def _visit_of(run: ReviewRun) -> tuple[str, str]:
    return run.entities["sub"], run.entities.get("ses", "")


def _make_run(frames: Path) -> ReviewRun | None:
    entities = entities_of(frames.name.removesuffix(f"_{SUFFIXES['frames']}"))
    levels = 2 if "ses" in entities else 1
    if "sub" not in entities or len(frames.parents) < levels + 2:
        return None
    output = frames.parents[levels + 1]
    text = f"{output.as_posix()}\n{frames.relative_to(output).as_posix()}"
    return ReviewRun(sha256(text.encode("utf-8")).hexdigest()[:16], output, frames, entities)


def _list_videos(place: Path) -> dict[str, Path]:
    """Name -> file of the videos below a folder, the first by path; none in hidden folders and derivatives."""
    found: dict[str, Path] = {}
    for folder, below, names in os.walk(place):
        below[:] = sorted(name for name in below if not name.startswith(".") and name != "derivatives")
        for name in sorted(names):
            if Path(name).suffix.lower() in VIDEO_SUFFIXES:
                found.setdefault(name, Path(folder) / name)
    return found
