"""Names of the output files of a run, made from its BIDS entities, and found again.

Conventions: ``<output>/sub-01[/ses-01]/<datatype>/<entities>_<suffix>``, where the entities come in the order
of BIDS and the suffixes are those of `SUFFIXES`.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from enicfer.errors import InputError
from enicfer.io.files.atomic import is_visible
from enicfer.records import Modality

SUFFIXES = {
    "frames": "desc-enicfer_frames.h5",
    "physio": "recording-face_desc-enicfer_physio.tsv.gz",
    "physioevents": "recording-face_desc-enicfer_physioevents.tsv.gz",
    "events": "desc-enicfer_events.tsv",
    "annot": "desc-enicfer_annot.fif",
    "timeseries": "desc-enicfer_timeseries.tsv",
    "sync": "desc-enicfer_sync.json",
    "qc": "desc-enicfer_qc.json",
}
HIDDEN = ".enicfer"  # in the root of the outputs: what many sessions leave behind for the next time
REVIEWS = "reviews"  # in the root of the outputs: what people said of sessions
CODINGS = "codings"  # there too: what coders saw in the faces
PROXIES = "proxies"  # in the hidden folder, and in the user's cached files: small videos for the browser
_OUTPUT_NAME = re.compile(r"^(?P<stem>sub-.+?)_(recording-face_)?desc-enicfer_[a-z]+(\.[a-z0-9]+)+$")


def stem_of(entities: Mapping[str, str]) -> str:
    """The entities as BIDS writes them: ``sub-01_ses-01_task-faces_run-1``."""
    return "_".join(f"{key}-{value}" for key, value in entities.items())


def session_stem(entities: Mapping[str, str]) -> str:
    """The entities of a run's session alone: ``sub-01_ses-01``."""
    return stem_of({key: value for key, value in entities.items() if key in ("sub", "ses")})


def session_folder(output: Path, entities: Mapping[str, str], modality: Modality) -> Path:
    """Folder of a run's files below ``output``: ``sub-01/ses-01/eeg``."""
    levels = [f"{key}-{entities[key]}" for key in ("sub", "ses") if key in entities]
    return output.joinpath(*levels, modality.value)


def output_path(output: Path, entities: Mapping[str, str], modality: Modality, kind: str) -> Path:
    """File of a run of one ``kind`` in `SUFFIXES`, below ``output``."""
    return session_folder(output, entities, modality) / f"{stem_of(entities)}_{SUFFIXES[kind]}"


def sidecar_path(path: Path) -> Path:
    """The JSON file that describes ``path``."""
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".tsv") + ".json")


def proxy_folders(output: Path) -> tuple[Path, Path]:
    """Where small videos of some outputs may be: among them, and where those cannot be written, the user's cache."""
    from hashlib import sha256

    from platformdirs import user_cache_path

    name = sha256(output.resolve().as_posix().encode("utf-8")).hexdigest()[:16]
    return output / HIDDEN / PROXIES, user_cache_path("enicfer") / PROXIES / name


def find_results(folder: Path) -> list[Path]:
    """The ``frames.h5`` of every run below ``folder``, sorted; none in hidden folders."""
    found = folder.rglob(f"*_{SUFFIXES['frames']}")
    return sorted(path for path in found if is_visible(path, folder))


def find_frames(path: Path) -> Path:
    """The ``frames.h5`` of the run that ``path`` belongs to.

    Parameters
    ----------
    path
        A folder with one run anywhere below it, or any file of a run.

    Raises
    ------
    InputError
        If there is no run, or more than one.
    """
    if path.is_dir():
        found = find_results(path)
        if not found:
            raise InputError(
                f"There is no {SUFFIXES['frames']} below {path.name}",
                remedy="give an output folder of enicfer",
            )
        if len(found) > 1:
            names = ", ".join(file.name.removesuffix(f"_{SUFFIXES['frames']}") for file in found)
            raise InputError(
                f"{path.name} holds {len(found)} runs ({names})",
                place=path,
                remedy="give a file of the one you mean",
            )
        return found[0]
    if not path.exists():
        raise InputError(
            f"There is no {path.name} in {path.parent.name or 'this folder'}", remedy="check the name"
        )
    match = _OUTPUT_NAME.match(path.name)
    if match is None:
        raise InputError(
            f"{path.name} is no output of a run",
            place=path,
            remedy=f"give a file named like *_{SUFFIXES['frames']}",
        )
    frames = path.with_name(f"{match['stem']}_{SUFFIXES['frames']}")
    if not frames.is_file():
        raise InputError(
            f"{frames.name} is missing in {path.parent.name}", remedy="process the session again"
        )
    return frames
