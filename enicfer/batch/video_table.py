"""The table that says which video belongs to which recording, where their names do not.

A line names a ``recording`` and a ``video``, below one folder; of a BOLD series also its ``triggers``, of several
cameras the ``camera``. Several lines of one recording and camera are consecutive files.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from enicfer.config.cameras import check_files, check_names
from enicfer.config.runs import Run
from enicfer.errors import InputError
from enicfer.io.columns import explain_columns, split_rows


def read_video_table(path: Path, folder: Path) -> dict[Path, Run]:
    """Read the table that says which video belongs to which recording.

    Returns
    -------
    dict
        Recording -> a `Run` with its videos, in the order of the lines, and its triggers; where lines name a
        ``camera``, each camera has its own videos.

    Raises
    ------
    InputError
        If the table cannot be read, a line of it is not whole, or it names files that are missing; all are named.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise InputError(
            f"There is no table {path.name} that can be read as UTF-8 text",
            place=path,
            remedy="write it in UTF-8, with the columns recording and video",
        ) from None
    numbered = [(i, line) for i, line in enumerate(text.splitlines(), 1) if line.strip()]
    (_, columns), *cells = split_rows(numbered, "\t" if "\t" in text else ",", path.name) or [(0, [])]
    if not {"recording", "video"} <= set(columns):
        raise InputError(
            explain_columns(path.name, columns, ("recording", "video")),
            place=path,
            remedy="for a BOLD series also triggers",
        )
    if not cells:
        raise InputError(
            f"{path.name} has no line below its columns {', '.join(columns)}",
            place=path,
            remedy="give each recording a line",
        )
    lines = [(number, _pair_cells(columns, found)) for number, found in cells]
    rows = [row for _, row in lines]
    for number, row in lines:
        if "" in row or not all(row[name].strip() for name in ("recording", "video")):
            raise InputError(
                f"Line {number} of {path.name} is not whole",
                place=path,
                remedy=(
                    "each line must name a recording and its video, and have nothing beyond the columns "
                    f"{', '.join(columns)}"
                ),
            )
    missing = sorted(
        {row[key] for row in rows for key in ("recording", "video", "triggers") if row.get(key)}
        - {name for row in rows for name in row.values() if (folder / name).exists()}
    )
    if missing:
        raise InputError(
            f"{path.name} names files that are not in {folder.name}: {', '.join(missing)}",
            place=path,
            remedy="correct the names, or copy the files there",
        )
    found: dict[Path, Run] = {}
    for row in rows:
        recording = folder / row["recording"]
        known = found[recording].views if recording in found else ()
        triggers = folder / row["triggers"] if row.get("triggers") else None
        camera, video = row.get("camera", ""), folder / row["video"]
        videos = {view.camera: view.videos for view in known}
        videos[camera] = (*videos.get(camera, ()), video)
        views = [Run("", None, its, triggers=triggers, camera=name) for name, its in videos.items()]
        found[recording] = replace(views[0], others=tuple(views[1:]))
    for recording, run in found.items():
        _check_cameras(run, recording.name, path.name)
    return found


def _check_cameras(run: Run, recording: str, table: str) -> None:
    """Refuse cameras of a recording that have no name, one that is none, or one file."""
    if not (run.others or run.camera):
        return
    try:
        check_names([view.camera for view in run.views])
        check_files({view.camera: view.videos for view in run.views})
    except ValueError as error:
        raise InputError(
            f"The cameras of {recording} in {table} cannot be used: {error}",
            remedy="correct them in the table",
        ) from None


def _pair_cells(columns: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """A line by its columns; what is beyond them is under ``""``."""
    row = dict(zip(columns, [*cells, *[""] * len(columns)], strict=False))
    beyond = "".join(cells[len(columns) :]).strip()
    return {**row, "": beyond} if beyond else {key: cell for key, cell in row.items() if key}
