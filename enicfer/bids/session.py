"""`bidsify_session`: the recordings and videos of a session folder as part of a BIDS data set.

The data set changes whole or not at all. What is put into it is read again before that: trials and pulses must be
those of the session, and the clocks must be related as in the session.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from enicfer.bids.events import raw_events
from enicfer.bids.recording import NO_DATE, check_same, place_recording, read_date
from enicfer.bids.root import (
    check_dataset,
    describe_people,
    shift,
    write_participant,
    write_root,
    write_scans,
)
from enicfer.bids.video import PlacedVideo, describe_video, place_videos, start_time
from enicfer.config.runs import Run, Session
from enicfer.config.session import read_session
from enicfer.errors import MAKE_ROOM, OVERWRITE, InputError, OutputError, option, shown
from enicfer.io.files.atomic import staged
from enicfer.io.files.names import session_folder, session_stem, stem_of
from enicfer.io.files.places import check_folder
from enicfer.io.results import read_result
from enicfer.io.tables import write_json, write_table
from enicfer.pipeline.align import align_runs
from enicfer.pipeline.recording import find_trials
from enicfer.records import Modality, Progress, RunResult
from enicfer.records.written import WrittenFiles
from enicfer.sync.aligned import AlignedRun

_COVER, _KEEP = option('faces="cover"', "--deidentify"), option('faces="keep"', "--with-faces")
_CHOICE = f"give {_COVER} for a copy with every face painted over, or {_KEEP} for the video as it is"
_LEFT = ("xdf", "trace", "coarse_offset", "faces")  # of a run, that BIDS has no place for


def bidsify_session(
    folder: str | Path,
    bids: str | Path,
    *,
    faces: Literal["cover", "keep"] | None = None,
    protocol: str | Path | None = None,
    results: str | Path | None = None,
    max_uncertainty: float | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> WrittenFiles:
    """Put the recordings and videos of a session into a BIDS data set.

    Parameters
    ----------
    folder
        The session folder; see `enicfer.config.session`.
    bids
        Root of the data set; it is made where it is missing.
    faces
        What becomes of the video, which shows a child: ``"cover"`` puts a copy there in which every face that is
        found is painted over, and which has no sound; ``"keep"`` puts the video itself there, which only its owner
        can read.
    protocol
        Name or file; it overrides the one in ``session.toml``.
    results
        Folder with the session's results: the events of the data set get the ``fer_*`` columns.
    max_uncertainty
        As in `enicfer.align_session`.
    overwrite
        Replace runs that are there.
    progress
        Called as ``progress(frames_done, frames_in_all, stage)``.

    Returns
    -------
    WrittenFiles
        The files and notes.

    Raises
    ------
    EnicferError
        With one sentence: nothing was said of ``faces``, input that cannot be used, clocks that cannot be related.
    OutputError
        If a run is there already, the folder is no data set, or cannot be written.
    """
    if faces not in ("cover", "keep"):
        said = f" (faces is {shown(faces)})" if faces is not None else ""
        raise InputError(
            f"The video shows the participant's face, and nothing was said of it{said}", remedy=_CHOICE
        )
    session, bids = read_session(folder, protocol), Path(bids)
    _check_runs(session)
    check_folder(bids)
    check_dataset(bids)
    older = _find_older(session, bids)
    if older and not overwrite:
        raise OutputError(
            f"{bids} already has {older[0].relative_to(bids).as_posix()}",
            place=bids,
            remedy=f"give {OVERWRITE} to replace the run",
        )
    given = _find_results(session, results)
    aligned = align_runs(session, max_uncertainty, progress)
    try:
        with staged(bids, make=True) as stage:
            writer = _Writer(session, bids, stage.tree, stage.folder / "scratch", faces == "cover", progress)
            writer.write(aligned, given, older)
            paths = stage.publish(remove=[path.relative_to(bids).as_posix() for path in older])
    except OSError as error:
        raise OutputError(
            f"{bids} cannot be written: {error.strerror or error}",
            place=bids,
            remedy=MAKE_ROOM,
        ) from None
    return WrittenFiles(tuple(paths), tuple(dict.fromkeys(writer.notes)))


@dataclass
class _Writer:
    """Writes a session below ``stage``, and remembers what the user should know."""

    session: Session
    bids: Path
    stage: Path
    scratch: Path
    cover: bool
    progress: Progress | None

    def __post_init__(self) -> None:
        self.notes: list[str] = []
        self._videos: dict[tuple[Path, ...], list[PlacedVideo]] = {}
        self._times: dict[Path, datetime] = {}

    def write(
        self, aligned: Sequence[AlignedRun], results: Sequence[RunResult | None], older: Sequence[Path]
    ) -> None:
        """Write every run, and then what they share."""
        session = self.session
        for number, (run, found, result) in enumerate(zip(session.runs, aligned, results, strict=True)):
            self._write_run(run, found, result, self.scratch / str(number))
            self.notes += _left_behind(run)
        stem = session.stem
        known = describe_people(self.stage, self.bids, self.scratch / "0")
        write_participant(self.stage, self.bids, session.participant, known)
        write_scans(self.stage, self.bids, stem, self._times, older)
        write_root(self.stage, self.bids)

    def _write_run(self, run: Run, found: AlignedRun, result: RunResult | None, scratch: Path) -> None:
        session, recording = self.session, found.recording
        entities = session.entities(run)
        scratch.mkdir(parents=True)
        copy, notes = place_recording(run, recording, entities, self.stage, scratch)
        self.notes += notes
        trials = find_trials(run, recording, session.protocol)
        table, about = raw_events(recording, trials, result)
        folder = session_folder(self.stage, entities, recording.modality)
        events = folder / f"{stem_of(entities)}_events.tsv"
        write_table(events, table)
        write_json(events.with_suffix(".json"), about)
        check_same(run, replace(copy, events_beside=events), recording, session.protocol)
        first = run.videos not in self._videos
        if first:
            name = stem_of(_shared_entities(session, run))
            place = session_folder(self.stage, entities, Modality.NONE)
            self._videos[run.videos] = place_videos(run.videos, place, name, self.cover, self.progress)
        videos = self._videos[run.videos]
        start = start_time(videos[0], found.alignment)
        if first:
            date = None if self.cover else read_date(run, recording)
            begin = date or NO_DATE
            for source, video in zip(run.videos, videos, strict=True):
                self.notes += video.notes
                self._times[video.file] = shift(begin, start_time(video, found.alignment))
                write_json(
                    video.file.with_suffix(".json"),
                    describe_video(video, source, run.task, found.alignment, self.cover),
                )
        else:  # a later run of a video that goes on
            begin = shift(self._times[videos[0].file], -start)
        file = copy.recording or copy.bold
        assert file is not None
        self._times[file] = begin


def _left_behind(run: Run) -> list[str]:
    """A sentence on each key of ``session.toml`` that says more than the files; the trials of ``events`` go along."""
    return [
        f"{'face' if key == 'faces' else key} of {run.name} stays behind: BIDS has no place for it, and "
        "process-dataset does without it."
        for key in _LEFT
        if getattr(run, key)
    ]


def _check_runs(session: Session) -> None:
    """Refuse what a data set cannot hold, before work begins."""
    for run in session.runs:
        if session.protocol.modality is Modality.NONE:
            raise InputError(
                f"{run.name} is a video alone, without a recording to put beside it",
                remedy="give a session with a recording",
            )
        if run.others:
            raise InputError(
                f"{run.name} has several cameras ({', '.join(view.camera for view in run.views)}), and one video a "
                "run goes into the data set",
                remedy="leave all but one out of a copy of session.toml",
            )
        if run.frame_times is not None:
            raise InputError(
                f"The times of {run.videos[0].name} are in {run.frame_times.name}, for which BIDS has no place",
                remedy="leave frame_times out of session.toml if the video's own times are right",
            )
        if run.run is not None and not run.run.isdecimal():
            raise InputError(
                f"The run {shown(run.run)} has a name, and BIDS wants a number",
                remedy='write a number into session.toml, such as run = "1"',
            )


def _shared_entities(session: Session, run: Run) -> dict[str, str]:
    """The entities that all runs of a video have in common, for its name."""
    those = [session.entities(other) for other in session.runs if other.videos == run.videos]
    return {key: value for key, value in those[0].items() if all(other.get(key) == value for other in those)}


def _find_older(session: Session, bids: Path) -> list[Path]:
    """Files in the data set of the runs of a session."""
    found = set()
    for run in session.runs:
        stem = stem_of(session.entities(run))
        names = {stem, stem_of(_shared_entities(session, run))}
        visit = Path(*session_stem(session.entities(run)).split("_"))
        for top in (bids / visit, bids / "sourcedata" / visit):
            for path in top.glob("*/*"):
                own = "_".join(
                    p for p in path.name.split("_")[:-1] if p.partition("-")[0] not in ("split", "recording")
                )
                if own in names and path.is_file():
                    found.add(path)
    return sorted(found)


def _find_results(session: Session, results: str | Path | None) -> list[RunResult | None]:
    """The results of each run, or None where none are asked for."""
    if results is None:
        return [None] * len(session.runs)
    read = {stem_of(run.entities): run for run in read_result(results).runs}
    found: list[RunResult | None] = []
    for run in session.runs:
        stem = stem_of(session.entities(run))
        if stem not in read:
            raise InputError(
                f"{Path(results).name} has no results of {stem} (it has {', '.join(read)})",
                place=results,
                remedy="process the session, or leave the results out",
            )
        found.append(read[stem])
    return found
