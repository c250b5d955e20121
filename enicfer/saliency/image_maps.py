"""From faces to maps, checks, tables and figures: what ``enicfer saliency`` does with pictures."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from enicfer.errors import InputError
from enicfer.records import Progress
from enicfer.saliency.attribution.filters import check_filters
from enicfer.saliency.attribution.maps import METHODS, check_label, check_method, explain
from enicfer.saliency.checks.trust import check_trust
from enicfer.saliency.explanation import Explanation
from enicfer.saliency.face_maps import FaceMaps, make_face_maps, table_of_regions
from enicfer.saliency.options import CHECKED, SaliencyOptions, check_options
from enicfer.saliency.output import check_output, draw_filter_figures, write_explanation
from enicfer.saliency.picture_files import find_pictures
from enicfer.saliency.pictures import FaceCrops, name_some, read_faces

if TYPE_CHECKING:
    from enicfer.models import Classifier


def explain_faces(
    model: "Classifier",
    faces: FaceCrops,
    method: str = "gradient",
    expression: str | Sequence[str] | None = None,
    *,
    checks: int = CHECKED,
    methods: Sequence[str] = tuple(METHODS),
    progress: Progress | None = None,
) -> Explanation:
    """Attribute, locate on the face, and check.

    Parameters
    ----------
    model
        From `enicfer.load_model`.
    faces
        From `enicfer.saliency.pictures`.
    method, expression
        As in `enicfer.saliency.attribution.maps.explain`.
    checks
        On how many of the images, evenly spread, the checks of `enicfer.saliency.checks.trust` are run; 0 for none.
    methods
        Whose agreement is checked, as far as the network allows them.
    progress
        Called as ``progress(done, total, stage)``.
    """
    check_count(checks, "images to check")
    attribution = explain(model, faces.crop, method, expression, progress=progress)
    trust = None
    if checks:
        chosen = np.unique(np.linspace(0, len(faces) - 1, min(checks, len(faces))).round().astype(int))
        trust = check_trust(
            model.network,
            model.prepare(faces.crop[chosen]),
            attribution.target[chosen],
            method,
            methods,
            progress=progress,
        )
    maps = make_face_maps(model.name, faces, attribution, trust.sentences() if trust else ())
    return Explanation(faces, attribution, maps, trust, table_of_regions(maps), _notes(maps))


def check_count(n: int, what: str) -> None:
    """Refuse a number below 0."""
    if n < 0:
        raise InputError(f"There cannot be {n} {what}", remedy="give 0 or more")


def _notes(maps: FaceMaps) -> tuple[str, ...]:
    notes = []
    lost = int((~maps.found).sum())
    if lost:
        notes.append(
            f"In {lost} of {len(maps)} images no landmarks were found; the framing's median places were used."
        )
    people = len(set(maps.subject))
    if people == len(maps):
        notes.append("No subject is known to have two images, so intervals take the image as the unit.")
    elif maps.unit == "image":
        notes.append(
            f"Intervals are over the images of {people} person(s); they say nothing of other people."
        )
    blank = int((maps.map.max(axis=(1, 2)) <= 0).sum())
    if blank:
        notes.append(f"The map of {blank} images is zero everywhere; they have no shares.")
    return tuple(notes)


def note_shared_subject(maps: FaceMaps) -> tuple[str, ...]:
    """A sentence if all pictures count as those of one person: the label may be that of a study."""
    if len(maps) < 2 or len(set(maps.subject)) > 1:
        return ()
    return (
        f"All {len(maps)} images count as those of {maps.subject[0]}: if they are of different people, give "
        "--subjects folder or image.",
    )


def _note_left_out(faces: FaceCrops) -> tuple[str, ...]:
    if not faces.left_out:
        return ()
    n = len(faces) + len(faces.left_out)
    return (
        f"{len(faces.left_out)} of {n} pictures show no face and are left out ({name_some(faces.left_out)}); give "
        "--crops if they are face crops already.",
    )


def explain_images(
    paths: Sequence[str | Path],
    output: str | Path,
    options: SaliencyOptions | None = None,
    *,
    progress: Progress | None = None,
) -> Explanation:
    """Explain a model's answers to pictures of faces, and write maps, tables and figures.

    Parameters
    ----------
    paths
        Pictures, and folders of pictures.
    output
        Folder for the results.
    options
        How the maps are made.
    progress
        Called as ``progress(done, total, stage)``.

    Raises
    ------
    EnicferError
        With one sentence: no pictures, no face in any of them, a label that the model does not have, an output
        that is there already or cannot be written.
    """
    from enicfer.faces.detectors import load_detector
    from enicfer.models import load_model

    options = options or SaliencyOptions()
    check_options(options, session=False)
    target = check_output(Path(output), options.overwrite)
    check_method(options.method)
    check_count(options.checks, "images to check")
    check_count(options.panels, "figures of single images")
    files = find_pictures(paths)
    classifier = load_model(options.model)
    check_method(options.method, classifier.network)
    if options.expression is not None:
        check_label(classifier.labels, options.expression)
    if options.filters:
        check_filters(classifier.network, len(files))
    finder = load_detector(options.detector, options.detector_weights)
    faces = read_faces(
        files,
        finder,
        classifier.input_size,
        classifier.channels,
        crops=options.crops,
        subjects=options.subjects,
        progress=progress,
    )
    found = explain_faces(
        classifier, faces, options.method, options.expression, checks=options.checks, progress=progress
    )
    found = replace(found, notes=(*found.notes, *note_shared_subject(found.maps), *_note_left_out(faces)))

    def draw(stage: Path) -> None:
        draw_filter_figures(classifier, faces, stage / "figures", progress)

    write_explanation(
        found,
        target,
        show_faces=True,
        panels=options.panels,
        signed_maximum=options.signed_maximum,
        progress=progress,
        further=draw if options.filters else None,
    )
    return found
