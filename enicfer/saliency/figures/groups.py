"""Figures of many faces: mean maps, shares of regions, checks, and the comparison of groups.

Conventions: maps are on the common face (`enicfer.saliency.common_face`), with the value 1 where they have what
a uniform map has; no picture of a face is in these figures.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enicfer.records import FloatArray
from enicfer.saliency.checks.trust import Trust
from enicfer.saliency.common_face import POLYGONS, REGIONS
from enicfer.saliency.figures.maps import (
    COLOR_A,
    COLOR_B,
    FAINT,
    INK,
    MAP_COLORS,
    SIGNED_COLORS,
    bare,
    new_figure,
    styled,
    upper,
)
from enicfer.saliency.groups.statistics import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_mean_maps(maps: Mapping[str, FloatArray], counts: Mapping[str, int], title: str = "") -> "Figure":
    """Mean map on the common face for each expression, with the outlines of the regions.

    Parameters
    ----------
    maps
        Expression -> (size, size) mean map; a value of 1 is what a uniform map has.
    counts
        Expression -> number of images.
    title
        Above all.
    """
    with styled():
        columns = min(4, len(maps))
        rows = -(-len(maps) // columns)
        figure = new_figure(1.75 * columns + 0.6, 1.9 * rows + 0.4)
        grid = figure.subplots(rows, columns, squeeze=False)
        end = max(upper(m) for m in maps.values())
        for axes in grid.ravel()[len(maps) :]:
            axes.set_visible(False)
        for axes, (name, mean) in zip(grid.ravel(), maps.items(), strict=False):
            image = axes.imshow(mean, cmap=MAP_COLORS, vmin=0, vmax=end, extent=(0, 1, 1, 0))
            _draw_regions(axes, "#FFFFFF")
            axes.set_title(f"{name} (n = {counts[name]})")
            bare(axes)
        figure.colorbar(image, ax=grid, shrink=0.6, label="attribution (uniform = 1)")
        if title:
            figure.suptitle(title, fontsize=10, fontweight="bold")
    return figure


def draw_region_shares(
    table: Mapping[str, FloatArray], counts: Mapping[str, int], uniform: FloatArray
) -> "Figure":
    """Share of every region for each expression, with 95 % intervals, and what a uniform map would have.

    Parameters
    ----------
    table
        Expression -> (3, regions) mean, low and high share.
    counts
        Expression -> number of images.
    uniform
        (regions,) mean share of uniform maps.
    """
    from matplotlib.lines import Line2D

    with styled():
        columns = min(4, len(table))
        rows = -(-len(table) // columns)
        figure = new_figure(1.75 * columns + 0.5, 1.75 * rows + 0.2)
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        place = np.arange(len(REGIONS))
        for axes in grid.ravel()[len(table) :]:
            axes.set_visible(False)
        for axes, (name, (mean, low, high)) in zip(grid.ravel(), table.items(), strict=False):
            axes.barh(place, 100 * mean, color="#7FA6C9", height=0.7)
            axes.errorbar(
                100 * mean,
                place,
                xerr=100 * np.maximum([mean - low, high - mean], 0),  # equal values differ by their rounding
                fmt="none",
                ecolor=INK,
                lw=0.9,
            )
            axes.plot(100 * uniform, place, "|", color=COLOR_A, markersize=9, markeredgewidth=1.6)
            axes.set_title(f"{name} (n = {counts[name]})")
            axes.set_yticks(place, REGIONS)
        grid[0, 0].invert_yaxis()
        for axes in grid.ravel()[max(0, len(table) - columns) : len(table)]:
            axes.set_xlabel("share (%)")
            axes.tick_params(labelbottom=True)
        mark: Any = {
            "color": COLOR_A,
            "marker": "|",
            "linestyle": "",
            "markersize": 9,
            "markeredgewidth": 1.6,
        }
        figure.legend(
            handles=[Line2D([], [], label="uniform map", **mark)],
            loc="outside lower right",
        )
    return figure


def draw_trust(trust: Trust, method: str) -> "Figure":
    """The checks: similarity under random weights, deletion and insertion, agreement of methods."""
    with styled():
        figure = new_figure(9.6, 2.5)
        random, deletion, insertion, agreement = figure.subplots(1, 4)
        place = np.arange(len(trust.layer) + 1)
        for values, name, color in (
            (trust.rank_correlation, "Spearman", COLOR_B),
            (trust.structure, "SSIM", COLOR_A),
        ):
            mean, low, high = np.concatenate([[[1, 1, 1]], values]).T
            random.plot(place, mean, "o-", color=color, ms=3, lw=1.2, label=name)
            random.fill_between(place, low, high, color=color, alpha=0.2, lw=0)
        random.axhline(trust.chance[0], color=FAINT, lw=0.9, ls=":", label="another image")
        random.set_xticks(place, ["none", *trust.layer], rotation=45, ha="right")
        random.set(ylim=(-0.1, 1.05), ylabel="similarity to the true map", xlabel="random down to")
        random.set_title(f"random weights, {method}")
        random.legend(fontsize=7)
        colors = {"map": COLOR_B, "random": FAINT, "centre": COLOR_A}
        for axes, curves, areas, name in (
            (deletion, trust.deletion, trust.deletion_area, "deletion"),
            (insertion, trust.insertion, trust.insertion_area, "insertion"),
        ):
            for order, curve in curves.items():
                axes.plot(
                    100 * trust.fraction,
                    curve,
                    color=colors[order],
                    lw=1.3,
                    label=f"{order}: {areas[order][0]:.2f}",
                )
            axes.set(xlabel="pixels changed (%)", ylabel="probability of the class", ylim=(0, 1))
            axes.set_title(name)
            axes.legend(fontsize=7, title="order: area", title_fontsize=7)
        table = trust.agreement
        agreement.imshow(table, cmap="Blues", vmin=-1, vmax=1)
        for (i, j), value in np.ndenumerate(table):
            color = "white" if value > 0.3 else INK
            agreement.text(j, i, _short(value), ha="center", va="center", fontsize=6.5, color=color)
        agreement.set_xticks(range(len(table)), trust.methods, rotation=45, ha="right")
        agreement.set_yticks(range(len(table)), trust.methods)
        agreement.set_title("agreement of methods")
        agreement.spines[:].set_visible(False)
    return figure


def _short(correlation: float) -> str:
    """Two digits without what is always the same: ``.12``, ``-.05``, ``1``."""
    text = f"{correlation:.2f}".removesuffix(".00") if np.isfinite(correlation) else ""
    return "0" if text == "-0" else text.replace("0.", ".")


def draw_comparison(
    maps: Comparison, shares: Comparison, expressions: Sequence[str], names: tuple[str, str], size: int
) -> "Figure":
    """Two groups: mean maps, their difference with what is significant, and the difference of region shares.

    Parameters
    ----------
    maps
        Comparison of (expressions * size * size) features, each mean scaled so that a uniform map has 1.
    shares
        Comparison of (expressions * regions) features.
    expressions
        Rows of the figure.
    names
        Of the groups.
    size
        Side of the common face.
    """

    def rows_of(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return values.reshape(len(expressions), size, size)

    with styled():
        figure = new_figure(8.2, 1.8 * len(expressions) + 0.5)
        grid = figure.subplots(len(expressions), 4, squeeze=False, width_ratios=[1, 1, 1, 1.25])
        mean_end = max(upper(maps.mean_a), upper(maps.mean_b))
        end = upper(maps.difference)
        a, b, d, p = (rows_of(v) for v in (maps.mean_a, maps.mean_b, maps.difference, maps.p))
        for i, name in enumerate(expressions):
            for axes, mean in ((grid[i, 0], a[i]), (grid[i, 1], b[i])):
                shown = axes.imshow(mean, cmap=MAP_COLORS, vmin=0, vmax=mean_end, extent=(0, 1, 1, 0))
                _draw_regions(axes, "#FFFFFF")
            change = grid[i, 2].imshow(d[i], cmap=SIGNED_COLORS, vmin=-end, vmax=end, extent=(0, 1, 1, 0))
            _draw_regions(grid[i, 2], FAINT)
            significant = np.nan_to_num(p[i], nan=1.0) <= 0.05
            if significant.any():
                at = (np.arange(size) + 0.5) / size
                grid[i, 2].contour(
                    at, at, significant.astype(float), levels=[0.5], colors="black", linewidths=1.1
                )
            _draw_share_differences(grid[i, 3], shares, i)
            n_a, n_b = (int(rows_of(n)[i].max()) for n in (maps.n_a, maps.n_b))
            grid[i, 0].set_ylabel(f"{name}\n(n = {n_a} and {n_b})", fontweight="bold")
            for axes in grid[i, :3]:
                bare(axes)
        grid[0, 0].set_title(names[0])
        grid[0, 1].set_title(names[1])
        grid[0, 2].set_title("difference")
        grid[0, 3].set_title("difference of shares (points)")
        figure.colorbar(
            shown, ax=grid[:, :2], shrink=0.9, location="bottom", aspect=30, label="attribution (uniform = 1)"
        )
        figure.colorbar(
            change,
            ax=grid[:, 2],
            shrink=0.9,
            location="bottom",
            aspect=14,
            label="outlined: p ≤ 0.05, corrected",
        )
    return figure


def _draw_share_differences(axes: "Axes", shares: Comparison, row: int) -> None:
    part = slice(row * len(REGIONS), (row + 1) * len(REGIONS))
    difference, t, p = 100 * shares.difference[part], shares.t[part], shares.p[part]
    # 95 % after correction: the threshold of |t| times the standard error
    with np.errstate(invalid="ignore", divide="ignore"):
        half = np.abs(difference / t) * shares.threshold[part]
    place = np.arange(len(REGIONS))
    colors = [COLOR_A if q <= 0.05 else FAINT for q in np.nan_to_num(p, nan=1.0)]
    axes.axvline(0, color=FAINT, lw=0.8)
    axes.hlines(place, difference - half, difference + half, colors=colors, lw=1.4)
    axes.scatter(difference, place, c=colors, s=14, zorder=3)
    axes.set_yticks(place, REGIONS, fontsize=7)
    axes.invert_yaxis()


def _draw_regions(axes: "Axes", color: str) -> None:
    from matplotlib.patches import Polygon

    for name, polygons in POLYGONS.items():
        if name not in ("forehead", "chin"):
            for polygon in polygons:
                axes.add_patch(Polygon(np.array(polygon), fill=False, edgecolor=color, lw=0.5, alpha=0.75))
