"""What ``enicfer saliency`` writes: maps, tables and figures of an `Explanation`.

Conventions: a folder of results holds ``saliency.npz`` (`enicfer.saliency.face_maps`), ``regions.tsv``,
``images.tsv``, ``checks.json`` and ``figures/``. Pictures of faces are drawn only where ``show_faces`` is set, and
none of earlier results stays where new ones are written.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.errors import MAKE_ROOM, OUTPUT, OVERWRITE, OutputError
from enicfer.io.files.atomic import replacing, staged
from enicfer.io.files.places import check_folder
from enicfer.io.files.private import make_private
from enicfer.io.tables import write_json, write_table
from enicfer.records import FloatArray, Progress, UInt8Array
from enicfer.saliency.common_face import REGIONS
from enicfer.saliency.face_maps import FaceMaps, save_face_maps, table_of_images, write_archive
from enicfer.saliency.groups.statistics import average_by_unit
from enicfer.saliency.options import PANELS
from enicfer.saliency.picture_files import FILE
from enicfer.saliency.pictures import FaceCrops

if TYPE_CHECKING:
    from enicfer.models import Classifier
    from enicfer.saliency.explanation import Explanation

ROWS = 6  # images on a sheet
FILTER_ROWS = 10
# All that this command makes beside the tables.
MADE = (
    "sub-*_overlay.mp4",
    *(
        f"figures/{stem}.{kind}"
        for stem in ("means", "regions", "checks", "sheet_*", "image_*", "filters_*")
        for kind in ("png", "svg")
    ),
    "figures/filters_*.npz",
)


def check_output(folder: Path, overwrite: bool) -> Path:
    """The folder, unless it has results that are not to be replaced."""
    check_folder(folder)
    if (folder / FILE).exists() and not overwrite:
        raise OutputError(
            f"{folder} already has a {FILE}",
            place=folder,
            remedy=f"give {OVERWRITE} to replace it, or another {OUTPUT}",
        )
    return folder


@contextmanager
def writing(folder: Path, made: Sequence[str] = MADE) -> Iterator[Path]:
    """Give a hidden folder for results, which take the place of earlier ones in ``folder`` at the end, or not at all.

    Parameters
    ----------
    folder
        Is made where it is missing.
    made
        Patterns of what goes with earlier results: figures and videos that may show faces, or what is no longer
        explained.

    Raises
    ------
    OutputError
        If the results cannot be put there.
    """
    try:
        with staged(folder, make=True) as stage:
            yield stage.tree
            stage.publish(remove=find_earlier(folder, made))
    except OSError as error:
        raise OutputError(
            f"The results cannot be written to {folder} ({error.strerror or error}), and earlier "
            "ones are as they were",
            place=folder,
            remedy=MAKE_ROOM,
        ) from None


def find_earlier(folder: Path, made: Sequence[str] = MADE) -> list[str]:
    """Names of the figures and videos of earlier results, if there are any."""
    if not (folder / FILE).exists():
        return []
    found = (file for pattern in made for file in folder.glob(pattern))
    return [file.relative_to(folder).as_posix() for file in found if file.is_file()]


def write_explanation(
    found: "Explanation",
    folder: Path,
    *,
    show_faces: bool,
    panels: int = PANELS,
    signed_maximum: bool = False,
    progress: Progress | None = None,
    further: Callable[[Path], object] | None = None,
) -> None:
    """Write maps, tables and figures, instead of those of earlier results, all or none (`writing`).

    Parameters
    ----------
    found
        From `explain_faces`.
    folder
        Is made where it is missing.
    show_faces
        Draw pictures of faces.
    panels, signed_maximum
        As in `explain_images`.
    progress
        Called as ``progress(done, total, stage)``.
    further
        Writes what belongs to them as well, into the folder that it is given.

    Raises
    ------
    OutputError
        If something cannot be written.
    """
    with writing(folder) as stage:
        _write_files(found, stage, show_faces, panels, signed_maximum, progress)
        if further is not None:
            further(stage)
            make_private(stage.glob("*.mp4"))


def _write_files(
    found: "Explanation",
    folder: Path,
    show_faces: bool,
    panels: int,
    signed_maximum: bool,
    progress: Progress | None,
) -> None:
    from enicfer.saliency.figures.groups import draw_mean_maps, draw_region_shares, draw_trust
    from enicfer.saliency.figures.maps import make_folder, save_figure

    figures = make_folder(folder / "figures")
    save_face_maps(folder / FILE, found.maps, found.attribution.signed)
    for name, table in (("regions", found.regions), ("images", table_of_images(found.maps))):
        with replacing(folder / f"{name}.tsv") as partial:
            write_table(partial, table)
    with replacing(folder / "checks.json") as partial:
        write_json(
            partial, {"said": found.sentences(), "checks": asdict(found.trust) if found.trust else None}
        )
    common, _, uniform = found.maps.located
    chosen = {name: found.maps.expression == name for name in found.maps.expressions}
    counts = {name: int(rows.sum()) for name, rows in chosen.items()}
    means = {
        name: _mean_over_subjects(common[rows], found.maps.subject[rows]) * common[0].size
        for name, rows in chosen.items()
        if _any(common[rows])
    }
    if means:
        save_figure(draw_mean_maps(means, counts), figures / "means")
    shares = {name: _shares_of(found.regions, name) for name in chosen}
    save_figure(draw_region_shares(shares, counts, np.nanmean(uniform, axis=0)), figures / "regions")
    if found.trust is not None:
        save_figure(draw_trust(found.trust, found.maps.method), figures / "checks")
    if show_faces:
        faceless = set(figures.iterdir())
        _draw_faces(found, figures, panels, signed_maximum, progress)
        make_private(set(figures.iterdir()) - faceless)


def _mean_over_subjects(maps: FloatArray, subjects: npt.NDArray[np.str_]) -> FloatArray:
    """Mean (size, size) of the subjects' mean maps, as in the table of regions."""
    _, means = average_by_unit(maps, subjects)
    return np.asarray(np.nanmean(means, axis=0).reshape(maps.shape[1:]))


def _any(maps: FloatArray) -> bool:
    return bool(np.isfinite(maps).any())


def _shares_of(table: pd.DataFrame, expression: str) -> FloatArray:
    """(3, regions) mean, low and high share."""
    rows = table[table["expression"] == expression].set_index("region").loc[list(REGIONS)]
    return rows[["share", "share_low", "share_high"]].to_numpy(np.float64).T


def _draw_faces(
    found: "Explanation", figures: Path, panels: int, signed_maximum: bool, progress: Progress | None
) -> None:
    """One sheet for each expression, with the surest images of different people, and a figure for each image."""
    from enicfer.saliency.figures.maps import draw_panels, save_figure

    faces, maps, signed = found.faces, found.maps, found.attribution.signed

    def draw(rows: Sequence[int], captions: Sequence[str], title: str, stem: Path) -> None:
        pictures = [faces.picture[i] for i in rows]
        save_figure(draw_panels(pictures, [signed[i] for i in rows], captions, title, signed_maximum), stem)

    for name in maps.expressions:
        rows = choose_rows(maps, name)
        captions = [f"{_caption(maps.name[i])}\np = {maps.probability[i]:.2f}" for i in rows]
        draw(rows, captions, f"{name}: {maps.method}, {maps.model}", figures / f"sheet_{name}")
    stems = unique_stems(maps.name[:panels])
    for i, stem in enumerate(stems):
        title = f"{maps.expression[i]} (p = {maps.probability[i]:.2f}), {maps.method}, {maps.model}"
        draw([i], [_caption(maps.name[i])], title, figures / stem)
        if progress is not None:
            progress(i + 1, len(stems), "figures")


def _caption(name: str) -> str:
    """The end of a long name, from one of its underscores."""
    parts = str(name).split("_")
    return str(name) if len(name) <= 24 else "_".join(parts[-2:])[-28:]


def choose_rows(maps: FaceMaps, expression: str, n: int = ROWS) -> list[int]:
    """The images that the model is surest of, different subjects first."""
    rows = np.nonzero(maps.expression == expression)[0]
    order = rows[np.argsort(-maps.probability[rows], kind="stable")]
    _, firsts = np.unique(maps.subject[order], return_index=True)
    others = np.setdiff1d(np.arange(len(order)), firsts)
    return [int(i) for i in order[np.concatenate([np.sort(firsts), others])][:n]]


def unique_stems(names: Sequence[str] | np.ndarray) -> list[str]:
    """Names of figures, made from those of images; equal ones are numbered."""
    stems: list[str] = []
    for name in names:
        stem = "image_" + (str(name).rpartition(".")[0] or str(name))
        number, unique = 1, stem
        while unique in stems:
            number += 1
            unique = f"{stem}-{number}"
        stems.append(unique)
    return stems


def draw_filter_figures(
    model: "Classifier",
    faces: FaceCrops,
    folder: Path,
    progress: Progress | None = None,
    rows: int = FILTER_ROWS,
) -> list[Path]:
    """For each convolution layer a figure of its most selective filters, and an archive with all of them.

    Raises
    ------
    InputError
        If there are too few images.
    """
    from enicfer.saliency.attribution.filters import backpropagate_filter, find_exciting_images
    from enicfer.saliency.figures.maps import draw_filters, make_folder, save_figure

    prepared = model.prepare(faces.crop)
    paths = []
    for responses in find_exciting_images(model.network, prepared, progress=progress):
        chosen = responses.most_selective(rows)
        pictures: list[list[UInt8Array]] = [[faces.picture[i] for i in responses.top[k]] for k in chosen]
        gradients = [
            backpropagate_filter(model.network, prepared[responses.top[k]], responses.layer, int(k))
            for k in chosen
        ]
        stem = make_folder(folder) / f"filters_{responses.layer}"
        paths += save_figure(draw_filters(responses, [int(k) for k in chosen], pictures, gradients), stem)
        with replacing(stem.with_suffix(".npz")) as partial:
            write_archive(
                partial,
                {
                    "image": faces.name[responses.top],
                    "excitation": responses.excitation,
                    "mean_excitation": responses.mean,
                    "shown": chosen,
                    "gradient": np.stack(gradients),
                },
            )
        paths.append(stem.with_suffix(".npz"))
    return paths
