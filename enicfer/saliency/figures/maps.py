"""Figures of attributions, as PNG and SVG; the same input gives the same bytes.

Conventions: pictures are uint8 (d, d) or (d, d, 3) RGB; magnitudes (s, s) are non-negative. A map is shown from
0 to its 99.5th percentile, so that single pixels do not darken the rest.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enicfer.errors import MAKE_ROOM, OutputError
from enicfer.io.files.atomic import replacing
from enicfer.records import Float32Array, UInt8Array
from enicfer.saliency.attribution.filters import FilterResponses

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 200
MAP_COLORS, SIGNED_COLORS, OVERLAY_COLORS = "magma", "RdBu_r", "inferno"
OPACITY = 0.85
COLOR_A, COLOR_B, INK, FAINT = "#D55E00", "#0072B2", "#22282F", "#8A929C"
_STYLE: Any = {
    "svg.hashsalt": "enicfer",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
    "text.parse_math": False,
}
PANELS = ("input image", "gradient across channels", "maximum gradient", "overlay")


def save_figure(figure: "Figure", stem: Path) -> list[Path]:
    """Write ``stem``.png and ``stem``.svg; there is no date and no random name in them.

    Raises
    ------
    OutputError
        If they cannot be written.
    """
    paths = []
    for kind, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
        path = stem.with_name(f"{stem.name}.{kind}")
        with styled(), replacing(path) as partial:
            figure.savefig(partial, format=kind, dpi=DPI, metadata=metadata)
        paths.append(path)
    return paths


def styled() -> AbstractContextManager[None]:
    """The look of all figures, while they are drawn and written."""
    import matplotlib

    return matplotlib.rc_context(_STYLE)


def make_folder(folder: Path) -> Path:
    """Make a folder for outputs.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"The folder {folder} cannot be made: {error.strerror}",
            place=folder,
            remedy=MAKE_ROOM,
        ) from None
    return folder


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure, in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def picture_grid(rows: int, columns: int, side: float, left: float, top: float) -> tuple["Figure", Any]:
    """A figure with a grid of square axes, in inches: fixed places, because finding them takes seconds."""
    from matplotlib.figure import Figure

    gap = 0.04 * side
    width, height = left + columns * (side + gap), top + rows * (side + gap)
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(
        left / width, 0.3 * gap / height, 1 - 0.3 * gap / width, 1 - top / height, 0.04, 0.04
    )
    return figure, figure.subplots(rows, columns, squeeze=False)


def draw_panels(
    pictures: Sequence[UInt8Array],
    signed: Sequence[Float32Array],
    captions: Sequence[str],
    title: str = "",
    signed_maximum: bool = False,
) -> "Figure":
    """The four panels of the original work, one row for each image.

    Parameters
    ----------
    pictures
        uint8 (d, d) or (d, d, 3) each.
    signed
        (c, s, s) attributions each.
    captions
        Left of each row.
    title
        Above all.
    signed_maximum
        Show the largest signed value over the channels instead of the largest absolute one.
    """
    with styled():
        figure, grid = picture_grid(len(pictures), len(PANELS), 1.6, 0.45, 0.55 if title else 0.28)
        for row, picture, gradient, caption in zip(grid, pictures, signed, captions, strict=True):
            magnitude = np.abs(gradient).max(axis=0)
            _show_picture(row[0], picture)
            _show_channels(row[1], gradient)
            if signed_maximum:
                _show_signed(row[2], gradient.max(axis=0))
            else:
                row[2].imshow(
                    magnitude, cmap=MAP_COLORS, vmin=0, vmax=upper(magnitude), interpolation="nearest"
                )
            row[3].imshow(overlay(picture, magnitude), interpolation="bilinear")
            row[0].set_ylabel(caption, fontsize=7.5)
        names = (*PANELS[:2], "signed maximum gradient", PANELS[3]) if signed_maximum else PANELS
        for axes, name in zip(grid[0], names, strict=True):
            axes.set_title(name)
        for axes in grid.ravel():
            bare(axes)
        if title:
            figure.suptitle(
                title, fontsize=10, fontweight="bold", y=1 - 0.04 / figure.get_figheight(), va="top"
            )
    return figure


def upper(values: npt.ArrayLike) -> float:
    """99.5th percentile of the absolute values, above 0: the end of a colour scale."""
    return max(float(np.nanpercentile(np.abs(np.asarray(values, np.float64)), 99.5)), 1e-30)


def overlay(picture: UInt8Array, magnitude: Float32Array) -> UInt8Array:
    """(d, d, 3) the grey picture with the map over it, the more opaque the larger the map."""
    import cv2

    grey = picture if picture.ndim == 2 else np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    side = max(picture.shape[0], 192)
    if side > picture.shape[0]:
        grey = np.asarray(cv2.resize(grey, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)
    colour, alpha = colour_map(magnitude, side)
    return np.asarray((1 - alpha[..., None]) * grey[..., None] + alpha[..., None] * colour + 0.5, np.uint8)


def colour_map(magnitude: Float32Array, side: int) -> tuple[Float32Array, Float32Array]:
    """Colours (side, side, 3) RGB 0..255 and opacity (side, side) 0..1 of a map, a little smoothed."""
    import cv2
    from matplotlib import colormaps

    smooth = cv2.GaussianBlur(np.asarray(magnitude, np.float32), (0, 0), magnitude.shape[0] / 48)
    level = np.clip(cv2.resize(smooth, (side, side), interpolation=cv2.INTER_LINEAR) / upper(smooth), 0, 1)
    colour = np.asarray(colormaps[OVERLAY_COLORS](0.25 + 0.7 * level)[..., :3] * 255, np.float32)
    return colour, np.asarray(OPACITY * level, np.float32)


def draw_filters(
    responses: FilterResponses,
    filters: Sequence[int],
    pictures: Sequence[Sequence[UInt8Array]],
    gradients: Sequence[Float32Array],
) -> "Figure":
    """For some filters of a layer, the images that excite them most, and guided backpropagation from them.

    Parameters
    ----------
    responses
        Of the layer.
    filters
        Numbers of the filters, one row each.
    pictures
        For each filter its top images.
    gradients
        For each filter (k, c, s, s).
    """
    with styled():
        k = responses.top.shape[1]
        figure, grid = picture_grid(len(filters), 2 * k, 0.7, 0.25, 0.3)
        for row, number, images, gradient in zip(grid, filters, pictures, gradients, strict=True):
            for axes, image in zip(row[:k], images, strict=True):
                _show_picture(axes, image)
            for axes, map_ in zip(row[k:], gradient, strict=True):
                _show_channels(axes, map_, "gray")
            row[0].set_ylabel(f"filter {number}", fontsize=7)
        for axes in grid.ravel():
            bare(axes)
        title = f"{responses.layer}: most exciting images (left) and guided backpropagation (right)"
        figure.suptitle(title, fontsize=9, y=1 - 0.05 / figure.get_figheight(), va="top")
    return figure


def _show_picture(axes: "Axes", picture: UInt8Array) -> None:
    if picture.ndim == 2:
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255, interpolation="bilinear")
    else:
        axes.imshow(picture, interpolation="bilinear")


def _show_channels(axes: "Axes", gradient: Float32Array, colors: str = SIGNED_COLORS) -> None:
    if len(gradient) == 3:
        axes.imshow(
            np.clip(0.5 + gradient.transpose(1, 2, 0) / (2 * upper(gradient)), 0, 1), interpolation="nearest"
        )
    else:
        _show_signed(axes, gradient[0], colors)


def _show_signed(axes: "Axes", values: Float32Array, colors: str = SIGNED_COLORS) -> None:
    end = upper(values)
    axes.imshow(values, cmap=colors, vmin=-end, vmax=end, interpolation="nearest")


def bare(axes: "Axes") -> None:
    """Take ticks and frame away."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
