"""Remove everything that was made of one participant, and say what cannot be removed.

Found are the outputs below a study's folder: results, pages, figures, reviews, codings, small videos that were made
for reviewing, logs, markers, unfinished trees, cached files of the participant's videos, rows of group tables, and
saliency maps of this participant alone. Input files are never touched. What may still know the participant is named:
the input files, models that learnt from the participant's pictures, maps and comparisons of several people, other
files that mention the label or are named by it (traces, recordings with events, covered videos, codings), and
whatever was copied elsewhere.

Conventions: a label is ``sub-01``; names of files count as the participant's where the label is whole.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from enicfer.batch.markers import BatchFolders, Marker, read_marker
from enicfer.config.runs import SETTINGS
from enicfer.config.suffixes import VIDEO_SUFFIXES
from enicfer.errors import EnicferError, InputError
from enicfer.io.files.atomic import settle
from enicfer.io.files.names import CODINGS, HIDDEN, REVIEWS, SUFFIXES, proxy_folders
from enicfer.io.pictures import FOREIGN, PICTURES
from enicfer.io.tables import read_json, read_table
from enicfer.privacy.forget_maps import forget_maps, remove
from enicfer.records import Provenance, from_plain

if TYPE_CHECKING:
    from enicfer.models.pictures import Pictures

_LABEL = re.compile(r"(?:sub-)?([A-Za-z0-9]+)")
_TEXTS = {".tsv", ".csv", ".json", ".txt", ".log", ".html", ".md", ".toml"}
_PICTURES = {*PICTURES, *FOREIGN}
_MOST_TEXT = 1 << 24  # bytes; a larger text is not searched
COPIES = (
    "Copies elsewhere: back-ups, shared copies, repositories, files that were sent, older versions under git."
)


@dataclass
class Forgotten:
    """What was found of a participant, and what became of it.

    Attributes
    ----------
    removed
        Files and folders that were removed (with ``dry_run``: would be), and tables that lost rows.
    inputs
        Files and folders that the results were made from; they are never touched.
    models
        File of each model -> how many of the participant's pictures it learnt from, or was chosen with.
    unknown
        Models that do not say what they learnt from.
    mentions
        Other files that hold the label.
    left
        Sentences on what cannot be removed.
    """

    removed: list[Path] = field(default_factory=list)
    inputs: list[Path] = field(default_factory=list)
    models: dict[Path, int] = field(default_factory=dict)
    unknown: list[Path] = field(default_factory=list)
    mentions: list[Path] = field(default_factory=list)
    left: list[str] = field(default_factory=list)


def forget_participant(
    study: str | Path,
    participant: str,
    *,
    pictures: Sequence[Path] = (),
    models: Sequence[Path] = (),
    dry_run: bool = False,
) -> Forgotten:
    """Remove what the package made of a participant.

    Parameters
    ----------
    study
        A folder of outputs, or one that holds them anywhere below it.
    participant
        ``sub-01`` or ``01``.
    pictures
        Folders or files with further pictures of the participant that models may have learnt from; pictures
        below ``study`` whose path has the label are found by themselves.
    models
        Further model files, or folders of them.
    dry_run
        Remove nothing.

    Raises
    ------
    InputError
        If there is no such folder, the label is none, or nothing is known of the participant.
    OutputError
        If something cannot be removed.
    """
    root = Path(study)
    if not root.is_dir():
        raise InputError(
            f"There is no folder {root}", remedy="give the folder of the study or of the outputs"
        )
    match = _LABEL.fullmatch(participant)
    if match is None:
        raise InputError(f"{participant!r} is no label of a participant", remedy="give one such as sub-01")
    label = f"sub-{match[1]}"
    found = Forgotten()
    outputs = sorted(_find_outputs(root))
    for output in outputs:
        _forget_outputs(output, label, found, dry_run)
    _forget_reports(root, label, found, dry_run)
    shared = forget_maps(root, label, found.removed, dry_run)
    own = list(_find_pictures(root, label)) + [
        file for place in pictures for file in _below(place, _PICTURES)
    ]
    _find_models(own, [root, *models], found)
    gone = set(found.removed)
    _find_mentions(root, label, gone, found)
    found.mentions += [path for path in shared if path not in found.mentions]
    found.inputs += [path for path in own if path not in found.inputs and path.is_relative_to(root)]
    found.left.append(COPIES)
    if not any((found.removed, found.inputs, found.models, found.mentions)):
        raise InputError(f"Nothing in {root} is of {label}", remedy="check the label and the folder")
    return found


def _find_outputs(root: Path) -> Iterator[Path]:
    """Roots of outputs of this package: the folder itself, and those below it."""
    for place in (root, *(path for path in root.rglob("*") if path.is_dir() and HIDDEN not in path.parts)):
        about = place / "dataset_description.json"
        made = False
        if about.is_file():
            try:
                makers = read_json(about).get("GeneratedBy") or []
                made = any(isinstance(maker, dict) and maker.get("Name") == "enicfer" for maker in makers)
            except EnicferError:
                pass
        if made or (place / HIDDEN).is_dir():
            yield place


def _is_of(name: str, label: str) -> bool:
    """Whether a name belongs to the label: ``sub-01``, ``sub-01_ses-1.html``, but not ``sub-011``."""
    return name == label or name.startswith((f"{label}_", f"{label}."))


def _forget_outputs(output: Path, label: str, found: Forgotten, dry_run: bool) -> None:
    if not dry_run:
        settle(output)  # a command that was stopped leaves no results of the participant behind
    places = BatchFolders(output)
    hidden = output / HIDDEN
    markers = {
        p.stem: read_marker(p) for p in sorted((hidden / "sessions").glob("*.json")) if _is_of(p.stem, label)
    }
    known = [marker for marker in markers.values() if marker is not None]
    _note_inputs(output, known, label, found)
    folders = (
        *(output, output / "logs", output / REVIEWS, output / CODINGS, *proxy_folders(output)),
        *(hidden / "sessions", hidden / "unfinished", hidden / "locks"),
    )
    targets = [
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if _is_of(path.name, label)
    ]
    targets += _find_seen(places.seen, _hash_videos(output, known, label), found)
    tables = _tables_with(output, label)
    found.removed += targets + tables
    if dry_run:
        return
    for path in targets:
        remove(path)
    if tables:
        _write_group_again(output, label)


def _forget_reports(root: Path, label: str, found: Forgotten, dry_run: bool) -> None:
    """What `enicfer align` wrote: pairs of ``<name>_sync.html`` and ``<name>_sync.tsv``, wherever they are."""
    for page in sorted(root.rglob(f"{label}*_sync.html")):
        table = page.with_suffix(".tsv")
        if not _is_of(page.name, label) or not table.is_file():
            continue
        found.removed += [page, table]
        if not dry_run:
            remove(page)
            remove(table)


def _note_inputs(output: Path, markers: Sequence[Marker], label: str, found: Forgotten) -> None:
    """The files that the results were made from, where they are still there."""
    for marker in markers:
        folder = (output / marker.folder).resolve() if marker.folder else None
        if folder is not None:
            found.inputs += [path for name in marker.files if (path := (folder / name)).exists()]
    session = next((p for p in output.absolute().parents[:2] if (p / SETTINGS).is_file()), None)
    if session is not None and (output / label).is_dir() and not found.inputs:
        found.inputs.append(session)


def _hash_videos(output: Path, markers: Sequence[Marker], label: str) -> set[str]:
    """SHA-256 of the participant's videos, by the markers of a batch and by the results themselves."""
    hashes = {
        facts["sha256"]
        for marker in markers
        for name, facts in marker.files.items()
        if "sha256" in facts and Path(name).suffix.lower() in VIDEO_SUFFIXES
    }
    for path in sorted((output / label).rglob(f"*_{SUFFIXES['qc']}")):
        try:
            inputs = from_plain(Provenance, read_json(path).get("provenance"), "provenance").inputs
        except EnicferError:
            continue
        hashes |= {sha for name, sha in inputs.items() if Path(name).suffix.lower() in VIDEO_SUFFIXES}
    return hashes


def _find_seen(folder: Path, videos: set[str], found: Forgotten) -> list[Path]:
    """Cached files of the participant's videos; those that do not say whose they are, are named."""
    from enicfer.pipeline.cache import find_videos, list_observations

    own, silent = [], 0
    for path, _, _ in list_observations(folder):
        about = find_videos(path)
        silent += about is None
        if about is not None and about & videos:
            own.append(path)
    if silent:
        found.left.append(
            f"{silent} cached files in {folder} do not say of which video they are: remove all with 'enicfer cache "
            f"{folder.parents[1].name} --all'."
        )
    return own


def _tables_with(output: Path, label: str) -> list[Path]:
    """Group tables that have rows of the participant."""
    names = ("group_qc.tsv", "group_trials.tsv", "group.html")
    return [path for name in names if (path := output / name).is_file() and _holds(path, label)]


def _holds(path: Path, label: str) -> bool:
    pattern = re.compile(rf"(?<![A-Za-z0-9-]){re.escape(label)}(?![A-Za-z0-9])".encode())
    return path.stat().st_size <= _MOST_TEXT and pattern.search(path.read_bytes()) is not None


def _write_group_again(output: Path, label: str) -> None:
    """Make the group tables anew without the participant; failures of sessions without a marker stay."""
    from enicfer.batch.jobs import Outcome
    from enicfer.batch.tables import write_group

    unread = []
    rows = read_table(output / "group_qc.tsv") if (output / "group_qc.tsv").is_file() else None
    if rows is not None and {"state", "source"} <= set(rows):
        sessions = {path.stem for path in (output / HIDDEN / "sessions").glob("*.json")}
        for row in rows[rows["state"] == "failed"].to_dict("records"):
            if row["source"] not in sessions and row.get("participant_id") != label:
                kind, reason, advice = (str(row.get(name, "")) for name in ("kind", "reason", "advice"))
                entities = {
                    key: str(row[name]).removeprefix(f"{key}-")
                    for key, name in (("sub", "participant_id"), ("ses", "session_id"))
                    if str(row.get(name, "n/a")) not in ("n/a", "nan")
                }
                unread.append(Outcome(str(row["source"]), "failed", kind, reason, advice, entities=entities))
    write_group(output, unread)


def _find_pictures(root: Path, label: str) -> Iterator[Path]:
    """Pictures whose path below the study has the label."""
    for path in _below(root, _PICTURES):
        parts = path.relative_to(root).parts
        if any(_is_of(part, label) for part in parts) and "figures" not in parts:
            yield path


def _below(place: Path, suffixes: set[str]) -> list[Path]:
    files = [place] if place.is_file() else sorted(place.rglob("*"))
    return [path for path in files if path.suffix.lower() in suffixes and path.is_file()]


def _find_models(pictures: Sequence[Path], places: Sequence[Path], found: Forgotten) -> None:
    """Models that learnt from the pictures, by the digests that they carry."""
    from enicfer.models.pictures import digest_picture
    from enicfer.training.datasets.files import read_image

    files = list(dict.fromkeys(file for place in places for file in _below(place, {".safetensors", ".pt"})))
    if not files:
        return
    digests, unread = [], 0
    for path in pictures:
        try:
            digests.append(digest_picture(read_image(path)))
        except EnicferError:
            unread += 1
    if unread:
        found.left.append(f"{unread} pictures cannot be read, so no model can be asked for them.")
    if not pictures:
        found.left.append(
            f"{len(files)} models were not asked, because no picture of the participant is here: name those that "
            "were used for training with --pictures."
        )
    for file in files:
        try:
            known = _read_pictures(file)
        except (EnicferError, KeyError, TypeError, ValueError):
            found.unknown.append(file)
            continue
        learnt = (
            int(np.isin(digests, np.concatenate([known.learnt, known.validated])).sum()) if digests else 0
        )
        if learnt:
            found.models[file] = learnt
        if known.unrecorded:
            found.unknown.append(file)


def _read_pictures(file: Path) -> "Pictures":
    """What a model file, or the checkpoint of a training, says that it learnt from."""
    from enicfer.models.pictures import unpack_pictures
    from enicfer.models.weights import read_model

    if file.suffix.lower() != ".pt":
        return read_model(file).pictures
    import pickle

    from enicfer.training.loop import read_checkpoint

    try:
        return unpack_pictures(read_checkpoint(file)["pictures"])
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError) as error:
        raise ValueError("no checkpoint") from error


def _find_mentions(root: Path, label: str, gone: set[Path], found: Forgotten) -> None:
    """Files that are named by the label, or texts that hold it, and stay."""
    inputs = {path.resolve() for path in found.inputs}
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        around = {path, *path.parents}
        if around & gone or {place.resolve() for place in around} & inputs:
            continue
        named = any(_is_of(part, label) for part in path.relative_to(root).parts)
        if named or (path.suffix.lower() in _TEXTS and _holds(path, label)):
            found.mentions.append(path)
