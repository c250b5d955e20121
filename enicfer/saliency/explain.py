"""From faces to maps, checks, tables and figures: what ``enicfer saliency`` does with pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from enicfer.errors import InputError
from enicfer.records import Progress
from enicfer.saliency.attribution import METHODS, Attribution, check_label, check_method, explain
from enicfer.saliency.face_maps import FaceMaps, describe_gaze, make_face_maps, table_of_regions
from enicfer.saliency.filters import check_filters
from enicfer.saliency.output import PANELS, check_output, draw_filter_figures, write_explanation
from enicfer.saliency.picture_files import find_pictures
from enicfer.saliency.pictures import FaceCrops, read_faces
from enicfer.saliency.trust import Trust, check_trust

if TYPE_CHECKING:
    from enicfer.models import Classifier


CHECKED = 32  # images; deletion and insertion take 150 passes for each


@dataclass(frozen=True, eq=False)
class Explanation:
    """Where a model looked, whether that is to be believed, and how it sums up.

    Attributes
    ----------
    faces
        The faces.
    attribution
        The signed attributions.
    maps
        Magnitudes and where the landmarks are.
    trust
        Results of the checks, or None where not asked for.
    regions
        Table of `table_of_regions`.
    notes
        Things worth telling the user, one sentence each.
    """

    faces: FaceCrops
    attribution: Attribution
    maps: FaceMaps
    trust: Trust | None
    regions: pd.DataFrame
    notes: tuple[str, ...] = ()

    def sentences(self) -> list[str]:
        """What was found, one sentence each."""
        return [*describe_gaze(self.regions), *self.maps.checks, *self.notes]


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
        As in `enicfer.saliency.attribution.explain`.
    checks
        On how many of the images, evenly spread, the checks of `enicfer.saliency.trust` are run; 0 for none.
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
        raise InputError(f"There cannot be {n} {what}: give 0 or more.")


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


def explain_images(
    paths: Sequence[str | Path],
    output: str | Path,
    *,
    model: str | Path | None = None,
    method: str = "gradient",
    expression: str | None = None,
    crops: bool = False,
    subjects: str = "auto",
    checks: int = CHECKED,
    filters: bool = False,
    panels: int = PANELS,
    signed_maximum: bool = False,
    detector: str = "centerface",
    detector_weights: Path | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Explanation:
    """Explain a model's answers to pictures of faces, and write maps, tables and figures.

    Parameters
    ----------
    paths
        Pictures, and folders of pictures.
    output
        Folder for the results.
    model
        Name or file of the classifier, by default the shipped one.
    method, expression
        As in `enicfer.saliency.attribution.explain`.
    crops
        The pictures are face crops already.
    subjects
        As in `enicfer.saliency.picture_files.name_subjects`.
    checks
        As in `explain_faces`.
    filters
        Also show what single filters look for.
    panels
        For how many images a figure of their own is drawn.
    signed_maximum
        Third panel: the largest signed value over the channels, as in the original figures.
    detector, detector_weights
        Face detector (`enicfer.faces.detectors.DETECTORS`) and its weights.
    overwrite
        Replace earlier results.
    progress
        Called as ``progress(done, total, stage)``.

    Raises
    ------
    EnicferError
        With one sentence: no pictures, no face in one, a label that the model does not have, an output that is
        there already or cannot be written.
    """
    from enicfer.faces.detectors import load_detector
    from enicfer.models import load_model

    target = check_output(Path(output), overwrite)
    check_method(method)
    check_count(checks, "images to check")
    check_count(panels, "figures of single images")
    files = find_pictures(paths)
    classifier = load_model(model)
    check_method(method, classifier.network)
    if expression is not None:
        check_label(classifier.labels, expression)
    if filters:
        check_filters(classifier.network, len(files))
    finder = load_detector(detector, detector_weights)
    faces = read_faces(
        files,
        finder,
        classifier.input_size,
        classifier.channels,
        crops=crops,
        subjects=subjects,
        progress=progress,
    )
    found = explain_faces(classifier, faces, method, expression, checks=checks, progress=progress)
    found = replace(found, notes=(*found.notes, *note_shared_subject(found.maps)))
    write_explanation(
        found, target, show_faces=True, panels=panels, signed_maximum=signed_maximum, progress=progress
    )
    if filters:
        draw_filter_figures(classifier, faces, target / "figures", progress)
    return found
