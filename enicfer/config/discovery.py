"""Which file of a folder is what, where no ``session.toml`` says it: one video and one recording, or nothing."""

from collections.abc import Iterable
from pathlib import Path

from enicfer.config.leftovers import is_leftover, is_placeholder, note_leftovers
from enicfer.config.runs import SETTINGS, Run
from enicfer.config.suffixes import LOG_SUFFIXES, RECORDING_SUFFIXES, VIDEO_SUFFIXES, is_continued
from enicfer.errors import InputError


def find_run(folder: Path) -> Run:
    """The only run of a folder without settings.

    Raises
    ------
    InputError
        If a file is missing, or there is more than one of a kind.
    """
    files = sorted(p for p in folder.iterdir() if not p.name.startswith(".") and not is_leftover(p))
    videos = [p for p in files if p.suffix.lower() in VIDEO_SUFFIXES]
    recordings = [p for p in files if p.suffix.lower() in RECORDING_SUFFIXES and not is_continued(p)]
    bolds = [p for p in files if p.name.lower().endswith((".nii", ".nii.gz"))]
    logs = [p for p in files if p.suffix.lower() in LOG_SUFFIXES]
    videos, recordings, bolds, logs = map(_with_content, (videos, recordings, bolds, logs))
    if any(p.name.lower().startswith(SETTINGS) for p in files):
        raise explain_missing(folder, [p.name for p in files])
    remedy = f"write a {SETTINGS} that says which belong together"
    if not videos:
        raise InputError(
            f"There is no video in {folder} ({', '.join(p.name for p in files[:10]) or 'it is empty'})",
            remedy=f"put one there ({', '.join(VIDEO_SUFFIXES)})",
        )
    _only_one(videos, "videos", folder, remedy)
    if recordings and bolds:
        raise InputError(f"{folder} has a recording and a BOLD image", place=folder, remedy=f"{remedy}")
    if not recordings and not bolds:
        raise InputError(
            f"There is no recording in {folder}",
            remedy=f"put one there ({', '.join(RECORDING_SUFFIXES)}) or a BOLD image",
        )
    _only_one(recordings or bolds, "recordings", folder, remedy)
    if bolds:
        if not logs:
            raise InputError(
                f"There is no trigger log in {folder}", remedy=f"put it there ({', '.join(LOG_SUFFIXES)})"
            )
        _only_one(logs, "logs", folder, remedy)
    return Run(
        task="task",
        run=None,
        videos=(videos[0],),
        recording=recordings[0] if recordings else None,
        bold=bolds[0] if bolds else None,
        triggers=logs[0] if bolds else None,
        notes=note_leftovers(
            folder, (*VIDEO_SUFFIXES, *RECORDING_SUFFIXES, ".nii", ".nii.gz", *LOG_SUFFIXES), empty=True
        ),
    )


def explain_missing(folder: Path, names: Iterable[str]) -> InputError:
    """What to say of a folder with a video and without settings, or with settings under another name."""
    folder = folder.resolve()  # "." has no name
    like = [name for name in names if name.lower().startswith(SETTINGS)]
    if like:
        return InputError(
            f"{folder.name} has {like[0]} where {SETTINGS} is expected",
            place=folder,
            remedy="rename it (Windows hides the end of a name unless it is told to show it)",
        )
    return InputError(
        f"{folder.name} has a video and no {SETTINGS}",
        place=folder,
        remedy="write one, or begin the folder's name with a dot to leave it out",
    )


def _with_content(files: list[Path]) -> list[Path]:
    """Those that are no placeholders of a cloud, where there are others."""
    return [path for path in files if not is_placeholder(path)] or files


def _only_one(found: list[Path], what: str, folder: Path, remedy: str) -> None:
    if len(found) > 1:
        names = ", ".join(p.name for p in found)
        raise InputError(f"{folder} has {len(found)} {what} ({names})", place=folder, remedy=f"{remedy}")
