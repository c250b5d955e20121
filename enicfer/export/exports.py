"""Files for other programs: which there are, and all of them from one table, whole or not at all.

A new one is a module with one function and a line in `EXPORTS`.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from enicfer.errors import MAKE_ROOM, OVERWRITE, InputError, OutputError, option, shown
from enicfer.export.afni import write_afni
from enicfer.export.boris import write_boris
from enicfer.export.brainvision import write_brainvision
from enicfer.export.edf import write_edf
from enicfer.export.eeglab import write_eeglab
from enicfer.export.elan import write_elan
from enicfer.export.event_table import (
    TRIAL,
    ExportOptions,
    ExportRun,
    Notes,
    choose_conditions,
    choose_runs,
    event_table,
    find_file,
    name_measures,
    video_names,
)
from enicfer.export.fieldtrip import write_fieldtrip
from enicfer.export.fsl import write_fsl
from enicfer.export.spm import write_spm
from enicfer.export.videobrowser import write_videobrowser
from enicfer.io.files.atomic import files_below, staged
from enicfer.io.files.names import stem_of
from enicfer.io.files.places import check_folder
from enicfer.records import Modality, RunResult, SessionResult
from enicfer.records.written import WrittenFiles

Export = Callable[[Sequence[ExportRun], Path, ExportOptions], list[str]]

# name: what writes it
EXPORTS: Mapping[str, Export] = {
    "fsl": write_fsl,
    "spm": write_spm,
    "conn": write_spm,
    "afni": write_afni,
    "eeglab": write_eeglab,
    "fieldtrip": write_fieldtrip,
    "brainvision": write_brainvision,
    "edf": write_edf,
    "videobrowser": write_videobrowser,
    "boris": write_boris,
    "elan": write_elan,
}
# name: kinds of recording that it is for; the others take all
MODALITIES: Mapping[str, Modality] = {
    **dict.fromkeys(("fsl", "spm", "conn", "afni"), Modality.FMRI),
    **dict.fromkeys(("eeglab", "brainvision", "edf"), Modality.EEG),
}
_KINDS = {
    **{kind: kind.name for kind in Modality},
    Modality.IEEG: "iEEG",
    Modality.FMRI: "fMRI",
    Modality.NONE: "no recording",
}
SAMPLED = ("fieldtrip", "videobrowser")  # for every recording with samples


def export_results(
    result: RunResult | SessionResult,
    to: str | Sequence[str],
    output: str | Path,
    *,
    runs: Sequence[str] = (),
    options: ExportOptions | None = None,
    overwrite: bool = False,
) -> WrittenFiles:
    """Write the trials and segments of a result as files for other programs.

    Parameters
    ----------
    result
        Of a run or a session.
    to
        Names in `EXPORTS`.
    output
        Folder; each program has one in it.
    runs
        Names of runs, such as ``task-faces_run-1``; by default all.
    options
        What goes into the files.
    overwrite
        Replace files that are there.

    Returns
    -------
    WrittenFiles
        The files and notes.

    Raises
    ------
    InputError
        If there is no such program, condition, measure or run, if a program cannot take what the result has, or is
        not for this kind of recording.
    OutputError
        If a file is there already, or cannot be written.
    """
    options, output = options or ExportOptions(), Path(output)
    names = tuple(dict.fromkeys([to] if isinstance(to, str) else to))
    chosen = choose_runs(result, runs)
    _check(names, chosen, options)
    _check_files(choose_runs(result, ()), options)
    items = [_prepare(run, output, options) for run in chosen]
    notes = Notes()
    check_folder(output)
    try:
        with staged(output, make=True) as stage:
            for name in names:
                folder = stage.tree / name
                folder.mkdir()
                picked, about = _select(items, name, options)
                for note in EXPORTS[name](picked, folder, about):
                    notes.add(note)
            there = [name for name in files_below(stage.tree) if (output / name).exists()]
            if there and not overwrite:
                raise OutputError(
                    f"{output / there[0]} is there already",
                    remedy=f"give {OVERWRITE} to replace it, or another folder",
                )
            paths = stage.publish()
    except OSError as error:
        raise OutputError(
            f"{output} cannot be written: {error.strerror or error}",
            place=output,
            remedy=MAKE_ROOM,
        ) from None
    return WrittenFiles(tuple(paths), tuple(notes.said))


def _check(names: Sequence[str], runs: Sequence[RunResult], options: ExportOptions) -> None:
    """Refuse what no program could do, before anything is written."""
    if not names or (unknown := [name for name in names if name not in EXPORTS]):
        what = f"There is no export {shown(unknown[0])}" if names else "No program was named"
        raise InputError(what, remedy=f"choose from {', '.join(EXPORTS)}")
    for name in names:
        for run in runs:
            kind = run.recording.modality
            if not (kind.sampled if name in SAMPLED else MODALITIES.get(name, kind) is kind):
                wanted = "EEG, MEG, iEEG and NIRS" if name in SAMPLED else _KINDS[MODALITIES[name]]
                raise InputError(
                    f"{name} is for {wanted}, and {stem_of(run.entities)} has {_KINDS[kind]}",
                    remedy=f"choose another program, or other runs with {option('runs', '--runs')}",
                )
    if options.parametric and not options.measures:
        raise InputError(
            "Parametric modulation needs a measure",
            remedy=f"give {option('measures', '--measure')}, such as fer_happy_mean",
        )
    if options.parametric:
        for run in runs:
            text = [n for n in options.measures if n in run.trials and not _is_number(run, n)]
            if text:
                raise InputError(
                    f"{text[0]} is no number, and cannot modulate", remedy="choose another measure"
                )
    if options.link and not options.recordings:
        raise InputError(
            "A linked copy needs a recording",
            remedy=(
                f"give {option('recordings', '--recording FILE')}, or leave out "
                f"{option('link=True', '--link')}"
            ),
        )


def _check_files(runs: Sequence[RunResult], options: ExportOptions) -> None:
    """Refuse files that belong to no run: nothing would be done with them."""
    recordings = [run.recording.file.name for run in runs]
    videos = [{*video_names(run)}.union(*_camera_videos(run).values()) for run in runs]
    for what, given, known in (
        ("recording", options.recordings, recordings),
        # A run whose video is not known by name takes what is given.
        ("video", options.videos, sorted(set().union(*videos)) if all(videos) else []),
    ):
        strange = [path.name for path in given if path.name not in known]
        if known and strange:
            raise InputError(
                f"{strange[0]} is the {what} of no run: the results are of {', '.join(dict.fromkeys(known))}",
                remedy=f"give a file of this name with {option(f'{what}s', f'--{what}')}",
            )


def _camera_videos(run: RunResult) -> dict[str, set[str]]:
    """Names of each camera's files."""
    return {name: {Path(video).name for video in own} for name, own in run.provenance.camera_videos.items()}


def _is_number(run: RunResult, name: str) -> bool:
    return run.trials[name].dtype.kind in "fiub" or str(run.trials[name].dtype) == "Int64"


def _prepare(run: RunResult, output: Path, options: ExportOptions) -> ExportRun:
    """A run with its table and the files that belong to it."""
    measures = name_measures(run, options.measures)
    recording = find_file(options.recordings, (run.recording.file.name,), run, "recording")
    camera = _camera_of(run, options.videos)
    own = video_names(run.of_camera(camera))
    video = find_file(options.videos, own, run, "video")
    if video is None and not own and len(options.videos) == 1:
        video = find_file(options.videos, (options.videos[0].name,), run, "video")
    media = own[0] if own else "video"
    if video is not None:
        media = video.absolute().as_posix()
        if video.absolute().anchor == output.absolute().anchor:  # else on another drive
            media = Path(os.path.relpath(video.absolute(), (output / "program").absolute())).as_posix()
    table = event_table(run, measures, camera)
    return ExportRun(run, stem_of(run.entities), table, tuple(measures), recording, video, media, camera)


def _camera_of(run: RunResult, videos: Sequence[Path]) -> str:
    """Of several cameras the one whose video was given, else the first; "" where there is one."""
    if run.cameras is None:
        return ""
    given = {path.name for path in videos}
    known = _camera_videos(run)
    return next((name for name in run.cameras.names if known.get(name, set()) & given), run.cameras.names[0])


def _select(
    items: Sequence[ExportRun], name: str, options: ExportOptions
) -> tuple[list[ExportRun], ExportOptions]:
    """The events that were asked for; by default designs have the trials alone, other files the segments too."""
    conditions = choose_conditions([item.run for item in items], options.conditions)
    design = MODALITIES.get(name) is Modality.FMRI
    picked = []
    for item in items:
        kept = item.events["name"].isin(conditions)
        if not options.conditions:
            kept = item.events["kind"] == TRIAL if design else item.events["kind"].notna()
        picked.append(replace(item, events=item.events[kept].reset_index(drop=True)))
    if design and not conditions:
        raise InputError(
            f"{items[0].stem} has no trials, and {name} needs events",
            remedy=f"choose segments with {option('conditions', '--conditions')}, such as fer/happy",
        )
    return picked, replace(options, conditions=conditions)
