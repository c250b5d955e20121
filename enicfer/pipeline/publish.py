"""The tree of outputs, complete or not at all.

A tree is written in a stage (`enicfer.io.files.atomic`) and swapped in when it is complete. The same
results give the same bytes: no dates, no folders of this machine, no names or times in gzip headers.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from enicfer import __version__
from enicfer.errors import MAKE_ROOM, OUTPUT, InputError, OutputError
from enicfer.export.bids import write_root, write_run
from enicfer.io.files.atomic import files_below, staged
from enicfer.io.files.names import CODINGS, HIDDEN, REVIEWS, session_folder, stem_of
from enicfer.io.files.places import check_folder
from enicfer.io.files.portable import find_collisions
from enicfer.io.tables import read_json
from enicfer.records import RunResult
from enicfer.report import write_report

# Entries of dataset_description.json that say what wrote the files.
_OURS = ("BIDSVersion", "DatasetType", "HEDVersion", "GeneratedBy")
_AFTER_STEM = re.compile(r"_(?:recording-face_)?desc-")


def write_outputs(
    runs: RunResult | Sequence[RunResult],
    output: str | Path,
    description: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Write everything that is known of the runs of one session.

    A folder that exists keeps what is not of these runs, so that many sessions share one tree; files of the
    same runs are replaced.

    Parameters
    ----------
    runs
        One run, or the runs of one session.
    output
        Root of the derivative.
    description
        Entries of ``dataset_description.json`` that are known better, such as ``Authors``, ``License`` or
        ``SourceDatasets``; else those that are there stay.

    Returns
    -------
    list of Path
        The files written, sorted.

    Raises
    ------
    InputError
        If two runs share a name, or belong to different sessions.
    OutputError
        If the folder cannot be written, or is a data set that somebody else made.
    """
    runs = [runs] if isinstance(runs, RunResult) else list(runs)
    _check_names(runs)
    output = Path(output)
    check_tree(output)
    try:
        with staged(output, make=True) as stage:
            write_root(stage.tree, runs[0], {**filled_in(output), **(description or {})})
            for run in runs:
                write_run(stage.tree, run)
            write_report(runs, stage.tree)
            return stage.publish(remove=_find_older(output, files_below(stage.tree), runs))
    except OSError as error:
        raise OutputError(
            f"The results cannot be written to {output}: {error.strerror or error}",
            place=output,
            remedy=MAKE_ROOM,
        ) from None


def _check_names(runs: Sequence[RunResult]) -> None:
    if not runs:
        raise InputError("There is no run to write", remedy="give a session with runs")
    twice = [name for name, count in Counter(stem_of(run.entities) for run in runs).items() if count > 1]
    if twice:
        raise InputError(
            f"Two runs share the name {', '.join(twice)}",
            remedy="give each [[run]] of the session its own task or run",
        )
    if same := find_collisions([stem_of(run.entities) for run in runs]):
        raise InputError(
            f"The names {' and '.join(same[0])} differ in capitals alone, and are one file on "
            "Windows and macOS",
            remedy="give each [[run]] another task or run",
        )
    sessions = {(run.entities["sub"], run.entities.get("ses")) for run in runs}
    if len(sessions) > 1:
        raise InputError(f"The runs belong to {len(sessions)} sessions", remedy="write one session at a time")


def check_tree(output: Path) -> None:
    """Refuse to write into a data set of recordings, of another program, or of another version of this one.

    Versions that differ in the last number only write the same files.

    Raises
    ------
    OutputError
        If the folder is such a data set.
    """
    about = output / "dataset_description.json"
    if not about.is_file():
        return
    makers = read_json(about).get("GeneratedBy") or [{}]
    makers = [maker for maker in makers if isinstance(maker, dict)]
    names = [maker.get("Name", "") for maker in makers]
    if "enicfer" not in names:
        maker = f"made by {', '.join(filter(None, names))}" if any(names) else "not made by enicfer"
        raise OutputError(
            f"{output} is a data set {maker}",
            place=output,
            remedy=f"give a folder of its own, such as {output.name}/derivatives/enicfer",
        )
    version = str(makers[names.index("enicfer")].get("Version", "unknown"))
    if version.split(".")[:2] != __version__.split(".")[:2]:
        raise OutputError(
            f"{output} was made by enicfer {version}, and this is {__version__}, whose files differ",
            place=output,
            remedy=f"give a new folder with {OUTPUT}, so that no data set mixes the two",
        )


def filled_in(output: Path) -> dict[str, Any]:
    """Entries of ``dataset_description.json`` that are not the program's alone: somebody may have changed them.

    Raises
    ------
    InputError
        If the file is there and is not valid JSON.
    """
    about = output / "dataset_description.json"
    content = read_json(about) if about.is_file() else {}
    return {name: value for name, value in content.items() if name not in _OURS}


def check_place(output: Path) -> None:
    """Refuse an output folder that holds other things, or that cannot be written, before work begins.

    Raises
    ------
    OutputError
        With the reason; see also `check_tree`.
    """
    check_folder(output)
    check_tree(output)
    ours = (output / "dataset_description.json").is_file() or (output / HIDDEN).is_dir()
    others = (path.name for path in output.iterdir()) if output.is_dir() else ()
    if not ours and any(not name.startswith(".") and name not in (CODINGS, REVIEWS) for name in others):
        raise OutputError(
            f"{output} is not empty and holds no enicfer results",
            place=output,
            remedy=f"give an empty or new folder with {OUTPUT}",
        )


def _find_older(output: Path, files: Sequence[str], runs: Sequence[RunResult]) -> list[str]:
    """Files of the same runs by an older version, under names that are no longer used."""
    older = []
    for run in runs:
        stem = stem_of(run.entities)
        data = session_folder(output, run.entities, run.recording.modality)
        figures = output / f"sub-{run.entities['sub']}" / "figures"
        for old in (*data.glob(f"{stem}_*"), *figures.glob(f"{stem}_*")):
            # The whole stem: that of another run may begin with it.
            name = old.relative_to(output).as_posix()
            if _AFTER_STEM.split(old.name)[0] == stem and name not in files:
                older.append(name)
    return older
