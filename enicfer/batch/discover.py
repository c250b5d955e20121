"""Which files of a BIDS data set belong together, told from the entities in their names.

Recordings are ``sub-*/[ses-*/]eeg/*_eeg.*`` or ``.../func/*_bold.nii[.gz]``, as the protocol's modality says; a
protocol for EEG is used for MEG, iEEG or NIRS where the data set has no EEG. The
video of a recording, and the trigger log of a BOLD series, are files with the same entities, wherever they are in
the data set or its ``sourcedata`` (not in ``derivatives``). An entity that the video lacks, such as ``run``, is no
contradiction, but for ``ses`` where a participant has several; of several videos the one that says most is taken.
``split-1``, ``split-2`` are consecutive files of one camera. A table can say it instead
(`enicfer.batch.video_table`).
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from enicfer.batch.tables import FURTHER, entities_of
from enicfer.config.leftovers import is_leftover, is_system_folder, note_leftovers
from enicfer.config.protocol import Protocol
from enicfer.config.runs import Run
from enicfer.config.suffixes import LOG_SUFFIXES, PACKED_SUFFIXES, RECORDING_SUFFIXES, VIDEO_SUFFIXES
from enicfer.errors import EnicferError, InputError, option
from enicfer.io.files.names import stem_of
from enicfer.io.physio_log import is_physio
from enicfer.records import Modality

_MORE = tuple(FURTHER.values())
CARRIED = ("sub", "ses", "task", *_MORE, "run")  # in the order of BIDS
_SAMPLED = tuple(kind for kind in Modality if kind.sampled)
_SUFFIXES = {**dict.fromkeys(_SAMPLED, RECORDING_SUFFIXES), Modality.FMRI: (".nii", ".nii.gz")}
_KINDS = {**{kind: (kind.value, kind.value) for kind in _SAMPLED}, Modality.FMRI: ("func", "bold")}
_NAME = re.compile(r"(?P<entities>(?:[a-zA-Z]+-[0-9a-zA-Z]+_)*)(?P<suffix>[0-9a-zA-Z]+)(?P<extension>\..+)")


@dataclass(frozen=True)
class Named:
    """A file whose name has entities."""

    path: Path
    entities: dict[str, str]
    suffix: str
    extension: str


def list_named_files(folder: Path) -> Iterator[Named]:
    """Every file, and every folder that is a recording, with entities in its name.

    Derivatives and hidden folders are passed over. Links are followed, but no folder is looked into twice.
    """
    met: set[str] = set()
    for place, inner, names in os.walk(folder, followlinks=True):
        if os.path.realpath(place) in met:
            inner.clear()
            continue
        met.add(os.path.realpath(place))
        packed = [name for name in inner if name.endswith(PACKED_SUFFIXES)]
        inner[:] = sorted(
            n
            for n in inner
            if not n.startswith(".")
            and not is_system_folder(n)
            and n not in (*packed, "derivatives", "stimuli")
        )
        for name in sorted([*names, *packed]):
            if is_leftover(name):
                continue
            match = _NAME.fullmatch(name)
            if match is not None and match["entities"]:
                entities = entities_of(match["entities"].strip("_"))
                yield Named(Path(place) / name, entities, match["suffix"], match["extension"].lower())


def pick_recordings(folder: Path, files: Iterable[Named], protocol: Protocol) -> Iterator[Named]:
    """The raw recordings of the protocol's modality, with the entities that are carried over.

    Raises
    ------
    InputError
        If the protocol is for a video alone.
    """
    if protocol.modality not in _KINDS:
        raise InputError(
            f"The protocol {protocol.name} is for a video alone",
            remedy="a data set needs one for EEG or fMRI",
        )
    files = list(files)
    modality = choose_modality(folder, [file.path for file in files], protocol)
    for file in files:
        # Of several echoes or parts of one recording, the first stands for all: they share their time.
        first = all(
            file.entities.get(key, "1").lstrip("0") in ("1", "mag") for key in ("echo", "split", "part")
        )
        right = _is_recording(file.path, modality) and "task" in file.entities
        if right and first and _visit_of(folder, file.path) == _visit(file.entities):
            yield Named(file.path, _carried(file.entities), file.suffix, file.extension)


def choose_modality(folder: Path, paths: Iterable[Path], protocol: Protocol) -> Modality:
    """The kind of recordings that a protocol takes from a data set: EEG where there is any, else what there is.

    Raises
    ------
    InputError
        If a protocol for EEG finds several other kinds.
    """
    if protocol.modality is not Modality.EEG:
        return protocol.modality
    paths = list(paths)
    there = [kind for kind in _SAMPLED if any(_is_recording(path, kind) for path in paths)]
    if len(there) < 2 or Modality.EEG in there:
        return there[0] if there else Modality.EEG
    raise InputError(
        f"{folder.name} has recordings of {' and '.join(kind.name for kind in there)}",
        place=folder,
        remedy=f'write which of them is meant into the protocol, such as modality = "{there[0].value}"',
    )


def find_misnamed(folder: Path, protocol: Protocol) -> Iterator[tuple[Path, dict[str, str], EnicferError]]:
    """Recordings whose names do not say what they are of, with the ``sub`` and ``ses`` of their folders."""
    wanted = _SAMPLED if protocol.modality is Modality.EEG else (protocol.modality,)
    found = {
        path
        for place, suffix in (_KINDS[kind] for kind in wanted)
        for middle in ("", "ses-*/")
        for path in folder.glob(f"sub-*/{middle}{place}/*_{suffix}.*")
    }
    modality = choose_modality(folder, found, protocol)
    suffix = _KINDS[modality][1]
    for path in sorted(path for path in found if not is_leftover(path)):
        visit, match = _visit_of(folder, path), _NAME.fullmatch(path.name)
        entities = entities_of(match["entities"].strip("_")) if match is not None else {}
        if not _is_recording(path, modality) or visit is None:
            continue
        if _visit(entities) != visit or "task" not in entities:
            stem = stem_of(visit)
            error = InputError(
                f"{path.name} in {path.parent.relative_to(folder).as_posix()} cannot be told from its name",
                place=path,
                remedy=(
                    f"name it {stem}_task-<label>[_run-<index>]_{suffix}, with letters and digits in the "
                    "labels"
                ),
            )
            yield path, visit, error


def _is_recording(path: Path, modality: Modality) -> bool:
    """Whether a file has the place and the ending of a raw recording."""
    place, suffix = _KINDS[modality]
    endings = tuple(f"_{suffix}{extension}" for extension in _SUFFIXES[modality])
    return path.parent.name == place and path.name.lower().endswith(endings)


def _visit_of(folder: Path, path: Path) -> dict[str, str] | None:
    """``sub`` and ``ses`` that the folders of a recording say; None if it is in others than those."""
    parts = path.relative_to(folder).parts[:-2]
    keys = ("sub", "ses")[: len(parts)]
    if (
        not parts
        or len(parts) > 2
        or any(not p.startswith(f"{k}-") for p, k in zip(parts, keys, strict=True))
    ):
        return None
    return {key: part.removeprefix(f"{key}-") for key, part in zip(keys, parts, strict=True)}


def _visit(entities: Mapping[str, str]) -> dict[str, str]:
    return {key: entities[key] for key in ("sub", "ses") if key in entities}


def _carried(entities: Mapping[str, str]) -> dict[str, str]:
    return {key: entities[key] for key in CARRIED if key in entities}


def make_run(found: Named, videos: tuple[Path, ...] = ()) -> Run:
    """The run of a recording, without the recording."""
    more = tuple((key, found.entities[key]) for key in _MORE if key in found.entities)
    return Run(task=found.entities["task"], run=found.entities.get("run"), videos=videos, more=more)


def find_run_files(
    recording: Named,
    files: Sequence[Named],
    folder: Path,
    table: Mapping[Path, Run] | None,
    visits: int = 1,
) -> Run:
    """The run of a recording: its video, and its trigger log if it is a BOLD series.

    Parameters
    ----------
    recording
        From `pick_recordings`.
    files
        All of the data set.
    folder
        Its root.
    table
        From `enicfer.batch.video_table.read_video_table`, or None to go by names.
    visits
        How many sessions the participant has: with more than one, a file must say of which it is.

    Raises
    ------
    InputError
        If they are missing or ambiguous.
    """
    files = [file for file in files if "ses" in file.entities or visits == 1]
    if table is not None:
        given = table.get(recording.path)
        if given is None:
            raise InputError(f"The table of videos has no line for {recording.path.name}", remedy="add one")
        views, log = given.views, given.triggers
    else:
        views = (Run("", None, tuple(_partners(recording, files, VIDEO_SUFFIXES, folder, "video"))),)
        log = None
    run = replace(
        make_run(recording),
        events_beside=_events_beside(recording, files, folder),
        notes=_note_passed_over(recording, [video for view in views for video in view.videos]),
    )
    if recording.suffix != "bold":
        run = replace(run, recording=recording.path)
    else:
        logs = [file for file in files if "sourcedata" in file.path.relative_to(folder).parts]
        run = replace(run, bold=recording.path, triggers=log or _find_log(recording, files, logs, folder))
    first, *others = (replace(run, videos=view.videos, camera=view.camera) for view in views)
    return replace(first, others=tuple(others))


def _find_log(recording: Named, files: Sequence[Named], logs: Sequence[Named], folder: Path) -> Path:
    """The log of the task program, else the physio file of the same run, which has the volumes as well."""
    try:
        return _partners(recording, logs, LOG_SUFFIXES, folder, "trigger log")[0]
    except InputError:
        same = _carried(recording.entities)
        physio = [f.path for f in files if is_physio(f.path) and _carried(f.entities) == same]
        if len(physio) != 1:
            raise
        return physio[0]


def _note_passed_over(recording: Named, videos: Sequence[Path]) -> tuple[str, ...]:
    """What has a run's name beside its recording and its videos, and is no data."""
    places = dict.fromkeys([recording.path.parent, *(video.parent for video in videos)])
    endings = (*_SUFFIXES[Modality.EEG], *_SUFFIXES[Modality.FMRI], *VIDEO_SUFFIXES, ".tsv", ".json")
    stem = f"{stem_of(recording.entities)}_"
    return tuple(note for place in places for note in note_leftovers(place, endings, stem))


def _events_beside(recording: Named, files: Sequence[Named], folder: Path) -> Path | None:
    """The events table that says most of a recording's entities, in its folder or one above it."""
    above = {recording.path.parent, *recording.path.parent.parents} & {
        folder,
        *_below(folder, recording.path),
    }
    fitting = [
        file
        for file in files
        if file.suffix == "events"
        and file.extension == ".tsv"
        and file.path.parent in above
        and all(recording.entities.get(key) == file.entities[key] for key in CARRIED if key in file.entities)
    ]
    return max(fitting, key=lambda file: len(_carried(file.entities))).path if fitting else None


def _below(folder: Path, path: Path) -> Iterator[Path]:
    """Folders between ``folder`` and a file below it."""
    return (place for place in path.parents if place != folder and folder in place.parents)


def _partners(
    recording: Named, files: Sequence[Named], extensions: Sequence[str], folder: Path, what: str
) -> list[Path]:
    """The file with a recording's entities, or its consecutive parts.

    Raises
    ------
    InputError
        If there is none, or more than one that says as much.
    """
    fitting = [
        file
        for file in files
        if file.extension in extensions
        and file.entities.get("sub") == recording.entities["sub"]
        and all(recording.entities.get(key) == file.entities[key] for key in CARRIED if key in file.entities)
    ]
    stem = stem_of(recording.entities)
    if not fitting:
        raise InputError(
            f"There is no {what} of {stem}",
            remedy=(
                "put it beside the recording, into beh/ or into sourcedata/, named like "
                f"{stem}_{('video' if what == 'video' else 'log')}{extensions[0]}, or give "
                f"{option('videos', '--videos TABLE')}"
            ),
        )
    most = max(len(_carried(file.entities)) for file in fitting)
    best = [file for file in fitting if len(_carried(file.entities)) == most]
    if len(best) > 1 and len({file.entities.get("split") for file in best} - {None}) != len(best):
        names = ", ".join(file.path.relative_to(folder).as_posix() for file in best)
        cameras = {file.entities.get("recording") for file in best} - {None}
        more = ", and name each camera in its column camera" if len(cameras) == len(best) else ""
        raise InputError(
            f"{stem} has {len(best)} files that may be its {what} ({names})",
            remedy=f"give {option('videos', '--videos TABLE')}{more}",
        )
    return [file.path for file in sorted(best, key=_split)]


def _split(file: Named) -> tuple[int, str]:
    """Order of consecutive files: ``2`` before ``10``."""
    number = file.entities.get("split", "")
    return len(number), number
