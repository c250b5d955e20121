"""From codes to pictures to train on: face crops as the classifier sees them, and a ``manifest.csv``.

The pictures show faces: each is readable by its owner alone, and nothing is written unless it is asked for.
Children are either in training or in validation. A frame has a label where its coders agree, more of them say it
than anything else, or it was decided on; the votes of the coders go along.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enicfer.batch.study import read_ages
from enicfer.coding.plan import check_videos, read_plan
from enicfer.coding.rated import newest_book
from enicfer.coding.tracks import CodedRun, read_coded_study
from enicfer.config.shipped import list_shipped
from enicfer.errors import OUTPUT, OVERWRITE, EnicferError, InputError, OutputError
from enicfer.expressions import Expression
from enicfer.faces.crop import Source, crop_face
from enicfer.io.files.atomic import staged
from enicfer.io.files.places import check_folder
from enicfer.io.files.private import make_private_folder, write_private
from enicfer.io.results import read_run
from enicfer.records import RunResult, UInt8Array
from enicfer.records.coding import ADJUDICATED, FRAME
from enicfer.records.plan import RANDOM
from enicfer.review.pictures import RunVideo
from enicfer.review.study import Study

COLUMNS = (
    *("path", "label", "subject", "age", "sex", "set", "split", "session", "frame", "weight", "votes"),
)
MANIFEST, RECIPE = "manifest.csv", "own-children.toml"
SIZE = 48  # px, where the model does not say
VALIDATION = 0.2  # of the children
NO_LABEL, NO_EXPRESSION, NO_FACE, NO_VIDEO = (
    "without a label that the coders agree on",
    "of a category that is no expression",
    "without a place of the face",
    "without a video",
)


@dataclass(frozen=True)
class Manifest:
    """What was written.

    Attributes
    ----------
    folder
        Where it is.
    rows
        Number of pictures.
    labels
        Expression -> number of pictures.
    splits
        ``train`` and ``validation`` -> children.
    left_out
        Reason -> number of coded frames that gave no picture.
    notes
        Videos that are missing and the like, one sentence each.
    """

    folder: Path
    rows: int
    labels: Mapping[str, int]
    splits: Mapping[str, tuple[str, ...]]
    left_out: Mapping[str, int]
    notes: tuple[str, ...]


@dataclass
class _Collected:
    rows: list[dict[str, Any]] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def write_manifest(
    folders: Sequence[str | Path],
    output: str | Path,
    *,
    book: str = "",
    plan: str | Path | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Manifest:
    """Write crops of the coded frames, and their manifest.

    Parameters
    ----------
    folders
        Session folders, folders of them, or outputs; with the videos, or beside them.
    output
        Folder for the pictures, ``manifest.csv``, and a recipe that trains on them.
    book
        Name of the codebook; "" where only one was used.
    plan
        File of `enicfer.coding.sampling.sample_frames`, for the weights of its random part.
    seed
        Of the draw of children for validation.
    overwrite
        Replace an earlier manifest with its pictures.

    Raises
    ------
    InputError
        If there are no results or no codings, or not one picture could be made.
    OutputError
        If the folder holds something already, or cannot be written.
    """
    target, places = Path(output), [Path(folder) for folder in folders]
    old = _check_target(target, overwrite)
    weights: dict[tuple[str, int], float] = {}
    if plan is not None:
        drawn = read_plan(Path(plan))
        check_videos(drawn, Study(places))
        weights = {(item.run, item.frame): item.weight for item in drawn.items if item.drawn == RANDOM}
    coded = read_coded_study(places, book)
    expressions = {category: one for one, category in newest_book(coded).expressions().items()}
    study, found = Study(places), _Collected(notes=list(coded.notes))
    for run in coded.runs:
        _collect(run, study, expressions, weights, found)
    if not found.rows:
        reasons = (
            ", ".join(f"{count} {why}" for why, count in found.left_out.items()) or "none was of a frame"
        )
        raise InputError(
            f"No code gives a picture ({reasons})",
            remedy="code frames, and give the folder with the videos as well",
        )
    splits = _split_children([row["subject"] for row in found.rows], seed)
    for row in found.rows:
        row["split"] = next(name for name, children in splits.items() if row["subject"] in children)
    _publish(target, found, old)
    return Manifest(
        folder=target,
        rows=len(found.rows),
        labels=dict(sorted(Counter(row["label"] for row in found.rows).items())),
        splits=splits,
        left_out=dict(found.left_out),
        notes=tuple(found.notes),
    )


def _check_target(target: Path, overwrite: bool) -> list[str]:
    """The files of an earlier manifest, which go when the new one comes."""
    check_folder(target)
    there = sorted(path for path in target.rglob("*") if path.is_file()) if target.is_dir() else []
    if there and not (overwrite and (target / MANIFEST).is_file()):
        own = (target / MANIFEST).is_file()
        raise OutputError(
            f"{target} holds {MANIFEST if own else there[0].name} already",
            place=target,
            remedy=f"give {OVERWRITE} to replace it" if own else f"give a new or empty folder with {OUTPUT}",
        )
    if not there:
        return []
    table = pd.read_csv(target / MANIFEST, dtype=str, keep_default_na=False)
    names = [*table.get("path", pd.Series(dtype=str)).tolist(), MANIFEST, RECIPE]
    inside = (name for name in names if (target / name).resolve().is_relative_to(target.resolve()))
    return [name for name in inside if (target / name).is_file()]


def _collect(
    coded: CodedRun,
    study: Study,
    expressions: Mapping[str, str],
    weights: Mapping[tuple[str, int], float],
    found: _Collected,
) -> None:
    run = coded.run
    labels = dict(_find_labels(coded, expressions, found))
    if not labels:
        return
    result = read_run(run.frames)
    paths, missing = study.find_videos(run, result.provenance.inputs)
    video = RunVideo(result, paths, missing)
    try:
        video.need(wait=True)
    except EnicferError as error:
        found.left_out[NO_VIDEO] += len(labels)
        found.notes.append(f"{run.name}: {error}")
        return
    ages, sexes = read_ages(run.output), _read_sexes(run.output)
    person = f"sub-{run.entities['sub']}"
    try:
        for frame, (label, votes) in sorted(labels.items()):
            crop = _crop(video, result, frame)
            if crop is None:
                found.left_out[NO_FACE] += 1
                continue
            name = f"{person}/{run.name}_frame-{frame:06d}.png"
            found.pictures[name] = crop
            age, weight = ages.get(person), weights.get((run.name, frame))
            found.rows.append(
                {
                    "path": name,
                    "label": label,
                    "subject": person,
                    "age": "" if age is None else f"{age:g}",
                    "sex": sexes.get(person, ""),
                    "set": coded_set(run.output),
                    "session": run.entities.get("ses", ""),
                    "frame": frame,
                    "weight": "" if weight is None else f"{weight:.6g}",
                    "votes": ";".join(f"{word}={count}" for word, count in sorted(votes.items())),
                }
            )
    finally:
        video.close()


def coded_set(output: Path) -> str:
    """What the set of a study is called: the folder that holds its outputs."""
    place = output.resolve()
    return next(
        (one.name for one in (place, *place.parents) if one.name not in ("enicfer", "derivatives")), "own"
    )


def _find_labels(
    coded: CodedRun, expressions: Mapping[str, str], found: _Collected
) -> Iterator[tuple[int, tuple[str, Counter[str]]]]:
    """Frame -> its label and the votes of the coders, by expression."""
    said: dict[int, dict[str, str]] = {}
    for coder, entries in coded.tracks.items():
        for entry in entries:
            if entry.kind == FRAME and entry.frame is not None and not entry.repeat:
                said.setdefault(entry.frame, {})[coder] = entry.category
    for frame, codes in said.items():
        decided = codes.pop(ADJUDICATED, None)
        counts = Counter(codes.values())
        top = counts.most_common(2)
        clear = bool(top) and (len(top) == 1 or top[0][1] > top[1][1])
        category = decided if decided is not None else top[0][0] if clear else ""
        if not category:
            found.left_out[NO_LABEL] += 1
        elif category not in expressions:
            found.left_out[NO_EXPRESSION] += 1
        else:
            votes = Counter({expressions[c]: n for c, n in counts.items() if c in expressions})
            yield frame, (expressions[category], votes)


def _crop(video: RunVideo, result: RunResult, frame: int) -> bytes | None:
    """The face as PNG, framed as the classifier saw it; None where its place is not known."""
    import cv2

    if frame >= result.faces.video_time.size:
        return None
    box, landmarks = result.faces.box[frame], result.faces.landmarks[frame]
    if not np.isfinite(box).all():
        return None
    picture = video.need().read(frame)
    if not picture.decodable:
        return None
    card = result.provenance.model
    size = card.look_up(int, "arguments", "input_size") or SIZE
    colour = card.look_up(int, "arguments", "channels") == 3
    region = picture.bgr_region if colour else picture.gray_region
    crop: UInt8Array = crop_face(Source((picture.height, picture.width), region), box, landmarks, size)
    done, data = cv2.imencode(".png", crop)
    assert done
    return bytes(data)


def _read_sexes(output: Path) -> dict[str, str]:
    """Participant (``sub-01``) -> sex, of the ``participants.tsv`` beside or above the outputs."""
    for folder in (output, *output.absolute().parents[:2]):
        path = folder / "participants.tsv"
        if path.is_file():
            try:
                table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
            except (ValueError, OSError):
                return {}
            if {"participant_id", "sex"} <= set(table.columns):
                pairs = zip(table["participant_id"], table["sex"], strict=True)
                return {who: sex for who, sex in pairs if sex not in ("", "n/a")}
            return {}
    return {}


def _split_children(subjects: Sequence[str], seed: int) -> dict[str, tuple[str, ...]]:
    """``train`` and ``validation``: a fifth of the children, one at least where there are two."""
    children = sorted(set(subjects))
    count = max(1, round(VALIDATION * len(children))) if len(children) > 1 else 0
    chosen = set(np.random.default_rng(seed).permutation(children)[:count].tolist())
    return {
        "train": tuple(one for one in children if one not in chosen),
        "validation": tuple(one for one in children if one in chosen),
    }


def _make_recipe(rows: Sequence[Mapping[str, object]]) -> str:
    """The shipped recipe for these pictures, which are crops, with the parts and expressions of the rows."""
    recipe = list_shipped("recipe")["own-children"].read_text(encoding="utf-8")
    learnt = {str(row["label"]) for row in rows if row["split"] == "train"}
    labels = ", ".join(f'"{label}"' for label in Expression if label in learnt)
    divided = any(row["split"] == "validation" for row in rows)
    split = 'split = "given"\ntrain = "train"\nvalidation = "validation"' if divided else 'split = "order"'
    lines = {
        "crop = ": "crop = false",
        "split = ": split,
        "share = ": None if divided else "share = 0.2",
        "labels = ": f"labels = [{labels}]" if len(learnt) > 1 else "",
        "vote_weight = ": "vote_weight = 0.0",
    }
    made = []
    for line in recipe.splitlines():
        key = next((key for key in lines if line.startswith(key)), None)
        new = line if key is None else lines[key]
        made += [] if new is None else [new or line]
    return "\n".join(made) + "\n"


def _publish(target: Path, found: _Collected, old: Sequence[str]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sorted(found.rows, key=lambda row: str(row["path"])))
    recipe = _make_recipe(found.rows)
    table = text.getvalue().encode("utf-8")
    files = {**found.pictures, MANIFEST: table, RECIPE: recipe.encode("utf-8")}
    try:
        make_private_folder(target)
        with staged(target) as stage:
            for name, data in files.items():
                make_private_folder((stage.tree / name).parent)
                write_private(stage.tree / name, data)
            stage.publish(list(files), remove=[name for name in old if name not in files])
        for folder in {(target / name).parent for name in files}:
            make_private_folder(folder)
    except OSError as error:
        raise OutputError(f"The pictures cannot be written to {target}: {error.strerror or error}.") from None
