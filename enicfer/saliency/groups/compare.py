"""Whether two groups of faces, or two models, use the same parts of the face.

Maps are brought to the common face, smoothed a little, averaged within subjects, and compared pixel by pixel
and region by region with tests that control the error rate over all pixels (or regions) of all expressions: within
each expression by the largest |t| of the subjects who have it, over expressions by their number. What they need
to hold says `enicfer.saliency.groups.statistics.compare_groups`.

Conventions: a mean map has the value 1 where it has what a uniform map has.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from enicfer.errors import InputError, option
from enicfer.records import FloatArray
from enicfer.saliency.common_face import REGIONS, SIZE, common_points, five_points, locate_attribution
from enicfer.saliency.face_maps import FaceMaps
from enicfer.saliency.groups.design import choose_expressions, have_same_pictures, match_subjects
from enicfer.saliency.groups.permutation import FEWEST_TESTED
from enicfer.saliency.groups.statistics import (
    ALPHA,
    PERMUTATIONS,
    Comparison,
    average_by_unit,
    check_units,
    compare_groups,
)

SMOOTHING = 1.5  # px of the common face
INDEPENDENT = (
    "Welch's t with random signs of each {unit}'s distance from the common mean; the groups may differ in size, "
    "spread and number of images. Where they do, it needs values that spread alike to both sides of their mean."
)
PAIRED = (
    "t of the differences with random signs; {unit}s may have different numbers of images. It needs differences that "
    "spread alike to both sides of 0 where nothing differs."
)


@dataclass(frozen=True, eq=False)
class GroupComparison:
    """Two groups compared.

    Attributes
    ----------
    names
        Of the groups.
    expressions
        The labels that enough subjects of both groups (paired: of both together) have.
    maps
        Features are (expressions, size, size), flattened.
    shares
        Features are (expressions, regions), flattened.
    left_out
        One sentence for each label that could not be tested.
    checks
        One sentence each: whether the maps are to be believed.
    unit
        ``subject`` or ``image``.
    n
        Numbers of subjects (or images) of the groups; how many have an expression is in ``maps`` and ``shares``.
    size
        Side of the common face.
    """

    names: tuple[str, str]
    expressions: tuple[str, ...]
    maps: Comparison
    shares: Comparison
    left_out: tuple[str, ...]
    checks: tuple[str, ...]
    unit: str
    n: tuple[int, int]
    size: int

    def table(self) -> pd.DataFrame:
        """One row for each expression and region: means, difference, t, corrected p, effect size."""
        rows = [(e, r) for e in self.expressions for r in REGIONS]
        result = self.shares
        return pd.DataFrame(
            {
                "expression": [e for e, _ in rows],
                "region": [r for _, r in rows],
                "share_a": result.mean_a,
                "share_b": result.mean_b,
                "difference": result.difference,
                "t": result.t,
                "p_corrected": result.p,
                "effect_size": result.effect,
                "n_a": result.n_a,
                "n_b": result.n_b,
            }
        )

    def test(self) -> str:
        """What was tested how, and what that needs to hold."""
        return (PAIRED if self.maps.paired else INDEPENDENT).format(unit=self.unit)

    def sentences(self) -> list[str]:
        """What was found, one sentence each."""
        kind = "paired" if self.maps.paired else "independent"
        lines = [
            f"{self.names[0]}: {self.n[0]} and {self.names[1]}: {self.n[1]} {self.unit}s, {kind}; "
            f"p corrected for all pixels (or regions) of {len(self.expressions)} expressions, "
            f"{self.maps.permutations} permutations (or all, where there are fewer).",
            f"{self.test()} Every {self.unit} counts once.",
        ]
        table = self.table()
        found = table[table["p_corrected"] <= ALPHA]
        for row in found.to_dict("records"):
            more = self.names[0] if row["difference"] > 0 else self.names[1]
            lines.append(
                f"{row['expression']}, {row['region']}: more in {more} ({row['share_a']:.1%} and "
                f"{row['share_b']:.1%}, effect size {row['effect_size']:+.2f}, p = {row['p_corrected']:.4f})."
            )
        if found.empty and table["p_corrected"].notna().any():
            lines.append("No difference between the regions' shares was found.")
        p = self.maps.p.reshape(len(self.expressions), -1)
        for name, values in zip(self.expressions, p, strict=True):
            if np.isnan(values).all():
                lines.append(f"{name}: not tested, the difference is the same in every {self.unit}.")
                continue
            n = int((np.nan_to_num(values, nan=1.0) <= ALPHA).sum())
            lines.append(
                f"{name}: a difference in {n} of {values.size} pixels was found "
                f"(smallest p = {np.nanmin(values):.4f})."
            )
        return [*lines, *self.left_out]


@dataclass(frozen=True)
class ComparisonOptions:
    """How two groups of maps are compared; see `compare_face_maps`."""

    paired: bool | None = None
    smoothing: float = SMOOTHING
    permutations: int = PERMUTATIONS
    seed: int = 0


def compare_face_maps(
    a: FaceMaps,
    b: FaceMaps,
    names: tuple[str, str] = ("A", "B"),
    *,
    paired: bool | None = None,
    smoothing: float = SMOOTHING,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
    size: int = SIZE,
) -> GroupComparison:
    """Compare where a model looked in two groups of faces (or two models in the same faces).

    Parameters
    ----------
    a, b
        Maps made with the same method.
    names
        Of the groups.
    paired
        Whether equal names are the same subjects, see `enicfer.saliency.groups.design.match_subjects`.
    smoothing
        Spread in px of the common face of the Gaussian that maps are smoothed with.
    permutations, seed
        As in `enicfer.saliency.groups.statistics.compare_groups`.
    size
        Side of the common face in px.

    Raises
    ------
    InputError
        If a group is empty or too small, the methods differ, different people or pictures were explained with
        different models, it is not known whether the groups are paired, or no expression is in enough subjects of
        both.
    """
    _check_request(a, b, names, smoothing, seed)
    a, b, alone = match_subjects(a, b, names, paired)
    paired = check_units(a.subject, b.subject)
    checks = _check_models(a, b, names, paired)
    expressions, left_out = choose_expressions(a, b, names, paired, permutations)
    landmarks = [a.landmarks, b.landmarks]
    if landmarks[0].shape[1] != landmarks[1].shape[1]:
        landmarks = [five_points(points) for points in landmarks]
    common = common_points(np.concatenate(landmarks))
    maps, shares, units = [], [], []
    for group, points in zip((a, b), landmarks, strict=True):
        warped, share, _ = locate_attribution(group.map, points, common, size)
        unit, means = average_by_expression(_smooth(warped, smoothing) * size**2, group, expressions)
        maps.append(means)
        shares.append(average_by_expression(share, group, expressions)[1])
        units.append(unit)

    def compare(values: list[FloatArray]) -> Comparison:
        families = np.arange(len(expressions)).repeat(values[0].shape[1] // len(expressions))
        return compare_groups(*values, *units, families=families, permutations=permutations, seed=seed)

    return GroupComparison(
        names=names,
        expressions=tuple(expressions),
        maps=compare(maps),
        shares=compare(shares),
        left_out=(*alone, *left_out),
        checks=tuple(checks),
        unit="subject" if "subject" in (a.unit, b.unit) else "image",
        n=(len(units[0]), len(units[1])),
        size=size,
    )


def _check_request(a: FaceMaps, b: FaceMaps, names: tuple[str, str], smoothing: float, seed: int) -> None:
    for name, group in zip(names, (a, b), strict=True):
        if not len(group):
            raise InputError(
                f"The group {name} is empty",
                remedy=f"give images of at least {FEWEST_TESTED} subjects for each group",
            )
    for what, value in (("smoothing", smoothing), ("seed", seed)):
        if not 0 <= value < np.inf:
            raise InputError(f"There is no {what} of {value}", remedy="give 0 or more")
    if a.method != b.method:
        raise InputError(
            f"{names[0]} was made with the method {a.method} and {names[1]} with {b.method}",
            remedy="use the same",
        )


def _check_models(a: FaceMaps, b: FaceMaps, names: tuple[str, str], paired: bool) -> list[str]:
    """Refuse different models in different faces; what was checked of the maps, and what is not known."""
    if not paired and a.model != b.model:
        raise InputError(
            f"{names[0]} was made with the model {a.model} and {names[1]} with {b.model}",
            remedy=(
                "two groups of people need the same model, and two models the same people "
                f"({option('paired=True', '--paired')})"
            ),
        )
    checks = [f"{n}: {line}" for n, g in zip(names, (a, b), strict=True) for line in g.checks]
    if a.model != b.model and (same := have_same_pictures(a, b)) is not True:
        what = f"{names[0]} was made with the model {a.model} and {names[1]} with {b.model}"
        if same is False:
            raise InputError(
                f"{what}, in other pictures of the same people: a difference could be the pictures'.",
                remedy="explain the same images with both models",
            )
        checks.append(
            f"{what}; whether in the same pictures is not known: else a difference could be theirs."
        )
    return checks


def average_by_expression(
    values: npt.ArrayLike, group: FaceMaps, expressions: Sequence[str]
) -> tuple[npt.NDArray[np.str_], FloatArray]:
    """Names (u,) of the subjects, and (u, expressions * f) their means; NaN where one never had the expression."""
    rows = np.asarray(values).reshape(len(group), -1)
    units = np.unique(group.subject)
    means = np.full((len(units), len(expressions), rows.shape[1]), np.nan)
    for k, expression in enumerate(expressions):
        chosen = group.expression == expression
        if chosen.any():
            names, averages = average_by_unit(rows[chosen], group.subject[chosen])
            means[np.searchsorted(units, names), k] = averages
    return units, means.reshape(len(units), -1)


def _smooth(maps: npt.ArrayLike, spread: float) -> FloatArray:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(np.asarray(maps, np.float64), (0, spread, spread), mode="nearest"))
