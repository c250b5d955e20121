"""What all coders said of the runs of a study, read back from the files beside the outputs.

A track is what one coder said of one run with one codebook, as it holds now.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from enicfer.coding.store import hash_video
from enicfer.errors import InputError, counted
from enicfer.io.coding_log import find_codings, read_coding_log
from enicfer.records.coding import CODES, SKIP, WATCHED, CodingEntry, standing_codings
from enicfer.review.study import ReviewRun, Study


@dataclass(frozen=True)
class CodedRun:
    """What all coders said of a run with one codebook.

    Attributes
    ----------
    run
        The run.
    tracks
        Coder -> the codes that hold, in order of their writing.
    """

    run: ReviewRun
    tracks: Mapping[str, tuple[CodingEntry, ...]]

    @property
    def participant(self) -> str:
        """Label of the child."""
        return self.run.entities["sub"]


@dataclass(frozen=True)
class CodedStudy:
    """What all coders said of a study with one codebook.

    Attributes
    ----------
    book
        Name of the codebook.
    runs
        Those of which somebody said something, by name.
    versions
        Of the codebook, that the codes name.
    notes
        What a person should know of the files, one sentence each.
    """

    book: str
    runs: tuple[CodedRun, ...]
    versions: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def coders(self) -> tuple[str, ...]:
        """Everybody who coded, sorted."""
        return tuple(sorted({coder for run in self.runs for coder in run.tracks}))


def read_coded_study(folders: Sequence[Path], book: str = "") -> CodedStudy:
    """Read the codings of the runs below some folders.

    Parameters
    ----------
    folders
        Session folders, folders of them, or outputs.
    book
        Name of the codebook; "" where only one was used.

    Raises
    ------
    InputError
        If there are no results or no codings, a file is damaged, or it is not clear which codebook is meant.
    """
    study = Study(folders)
    said: list[tuple[ReviewRun, dict[str, list[CodingEntry]]]] = []
    notes: list[str] = []
    kept: dict[Path, tuple[CodingEntry, ...]] = {}
    for run in sorted(study.runs.values(), key=lambda one: one.name):
        tracks: dict[str, list[CodingEntry]] = {}
        for path in find_codings(run.output, run.session):
            if path not in kept:
                entries, torn = read_coding_log(path)
                kept[path] = standing_codings(entries)
                if torn:
                    notes.append(
                        f"The last line of {path.name} is not whole: a process was stopped while it wrote it, and "
                        "it does not count."
                    )
            for entry in kept[path]:
                if entry.run == run.name and entry.kind != SKIP:
                    tracks.setdefault(entry.coder, []).append(entry)
        if tracks:
            said.append((run, tracks))
            notes += _find_other_videos(study, run, tracks)
    book = _choose_book([e for _, tracks in said for own in tracks.values() for e in own], book, study)
    runs = []
    for run, tracks in said:
        own = {c: tuple(e for e in entries if e.book == book) for c, entries in sorted(tracks.items())}
        own = {coder: entries for coder, entries in own.items() if entries}
        if own:
            runs.append(CodedRun(run, own))
    versions = sorted({e.version for run in runs for own in run.tracks.values() for e in own})
    if len(versions) > 1:
        notes.append(
            f"The codebook {book} changed under way ({', '.join(versions)}): codes are compared by the names of "
            "their categories; see in codings/codebooks what each meant."
        )
    return CodedStudy(book, tuple(runs), tuple(versions), tuple(dict.fromkeys(notes)))


def _choose_book(entries: Sequence[CodingEntry], book: str, study: Study) -> str:
    used = sorted({entry.book for entry in entries if entry.kind in (*CODES, WATCHED)})
    place = ", ".join(str(folder) for folder in study.folders)
    if not used:
        raise InputError(f"Nobody coded a run below {place}", remedy="code some frames first")
    if book and book not in used:
        raise InputError(f"Nobody coded with the codebook {book} below {place}: used were {', '.join(used)}.")
    if not book and len(used) > 1:
        raise InputError(f"Codebooks {', '.join(used)} were used below {place}", remedy="say which you mean")
    return book or used[0]


def _find_other_videos(
    study: Study, run: ReviewRun, tracks: Mapping[str, Sequence[CodingEntry]]
) -> list[str]:
    """Whether codes were made on another video than the results that are there now."""
    now = hash_video(study.quality(run).provenance.inputs)
    other = sum(e.video not in ("", now) for entries in tracks.values() for e in entries) if now else 0
    return [
        f"{run.name} was processed from another video than the one that {counted(other, 'code')} of it were made on: "
        "codes are compared by the number of the frame, and may be of other instants."
    ] * bool(other)
