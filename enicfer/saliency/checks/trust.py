"""Is the map to be believed? Three checks that a map can fail.

1. Randomisation: a map that does not change when the network's weights are made random explains the picture,
   not the network (Adebayo et al. 2018, arXiv:1810.03292). Part of what stays is of neither: without padding a
   network sees the border less, whatever its weights. How much, the random network's maps of noise say.
2. Deletion and insertion: where the marked pixels are taken away first, the class's probability must fall
   faster than for pixels in random order or from the centre outwards; where they come first, it must rise
   faster (Petsiuk et al. 2018, arXiv:1806.07421).
3. Agreement: how far the methods agree on where it is.

Conventions: maps are magnitudes (n, s, s); similarities are per image, 1 for equal maps; a curve is the mean
probability of the explained class over the fraction of pixels 0..1; intervals are 95 %, by Student's t over
images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from enicfer.records import Float32Array, FloatArray
from enicfer.saliency.attribution.maps import METHODS, Progress, attribute, supported_methods
from enicfer.saliency.checks.deletion import ORDERS, STEPS, deletion_insertion
from enicfer.saliency.groups.statistics import mean_interval

if TYPE_CHECKING:
    from torch import Tensor, nn

Interval = tuple[float, float, float]

_BATCH = 32
AGREEMENT = 24  # images, evenly spread, on which the methods are compared: about 800 passes for each
TOO_FEW = "too few images to judge"


@dataclass(frozen=True, eq=False)
class Trust:
    """Results of the checks.

    Attributes
    ----------
    n, n_agreement
        Number of images; of those for the agreement of methods.
    layer
        Names of the layers in the order in which they were made random, from the output to the input.
    rank_correlation, structure
        (layers, 3) mean similarity to the true map and its interval: Spearman's correlation, and SSIM.
    geometry
        (3,) Spearman's correlation with the map that the network with all weights random has of noise: where any
        network of this kind looks.
    chance
        (3,) Spearman's correlation with the map of another image: what faces have in common anyway; NaN for one
        image. In a session the other image is mostly of the same person.
    fraction
        (steps + 1,) fraction of pixels deleted or inserted.
    deletion, insertion
        Order (`enicfer.saliency.checks.deletion.ORDERS`) -> (steps + 1,) mean probability.
    deletion_area, insertion_area
        Order -> mean area under the curve and its interval.
    deletion_gain, insertion_gain
        Other order -> mean paired difference of areas and its interval, above 0 where the map is better.
    methods, agreement
        Names (m,), and (m, m) mean Spearman's correlation of their maps.
    left_out
        One sentence, if there are methods that the network does not allow.
    blank
        Number of images whose map is blank, with the trained or with all weights random: those are not in
        ``rank_correlation`` and ``structure``, where they would pass for maps that changed.
    """

    n: int
    n_agreement: int
    layer: tuple[str, ...]
    rank_correlation: FloatArray
    structure: FloatArray
    geometry: FloatArray
    chance: FloatArray
    fraction: FloatArray
    deletion: Mapping[str, FloatArray]
    insertion: Mapping[str, FloatArray]
    deletion_area: Mapping[str, Interval]
    insertion_area: Mapping[str, Interval]
    deletion_gain: Mapping[str, Interval]
    insertion_gain: Mapping[str, Interval]
    methods: tuple[str, ...]
    agreement: FloatArray
    left_out: tuple[str, ...] = ()
    blank: int = 0

    def sentences(self) -> list[str]:
        """What the checks say, one sentence each."""
        mean, _, high = self.rank_correlation[-1]
        last = self.rank_correlation[0][0]
        if not np.isfinite(high):
            verdict = TOO_FEW
        elif high - self.geometry[0] >= 0.5 * (1 - self.geometry[0]):
            verdict = "the map is largely of the picture, do not believe it"
        else:
            verdict = "the map is of the network"
            if last > 0.8:
                verdict += f", but hardly of the class ({last:.2f} with only the last layer random)"
        noise = f"the map of noise: {self.geometry[0]:.2f}; "
        other_map = f"another image's map: {self.chance[0]:.2f}; " if np.isfinite(self.chance[0]) else ""
        n = self.n - self.blank
        kept = (
            f"{mean:.2f} with itself ({noise}{other_map}SSIM {self.structure[-1][0]:.2f})"
            if n
            else "unknown size"
        )
        lines = [
            f"With all weights random the map keeps a rank correlation of {kept}: {verdict} ({n} images)."
        ]
        if self.blank:
            lines.append(
                f"{self.blank} of {self.n} images have a blank map, with the trained or the random weights, and are "
                "left out of that."
            )
        for name, gain in (("Deletion", self.deletion_gain), ("Insertion", self.insertion_gain)):
            for other, (value, low, high) in gain.items():
                order = "random order" if other == "random" else "the centre first"
                if np.isfinite(low):
                    word = "beats" if low > 0 else "loses to" if high < 0 else "cannot be told from"
                    said, interval = f"{word} {order}", f" [{low:+.3f}, {high:+.3f}]"
                else:
                    said, interval = f"and {order}", f", {TOO_FEW}"
                lines.append(
                    f"{name} by the map {said}: difference of areas {value:+.3f}{interval} ({self.n} images)."
                )
        if len(self.methods) > 1:
            others = self.agreement[np.triu_indices(len(self.methods), 1)]
            others = others[np.isfinite(others)]
        if len(self.methods) > 1 and len(others):
            lines.append(
                f"{len(self.methods)} methods agree with a mean rank correlation of {others.mean():.2f} "
                f"({others.min():.2f} to {others.max():.2f}; {self.n_agreement} images)."
            )
        return [*lines, *self.left_out]


def check_trust(
    network: "nn.Module",
    images: "Tensor",
    target: npt.ArrayLike,
    method: str = "gradient",
    methods: Sequence[str] = tuple(METHODS),
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Trust:
    """Run all checks on some images.

    Parameters
    ----------
    network
        In evaluation mode, (n, c, s, s) -> logits.
    images
        Prepared, float32 (n, c, s, s).
    target
        (n,) index of the explained logit.
    method
        The method that is checked.
    methods
        Whose maps are compared in the check of agreement, as far as the network allows them.
    seed
        Of random weights and orders.
    progress
        Called as ``progress(done, total, stage)``.
    """
    index = np.asarray(target, np.int64)
    maps = magnitudes(network, images, index, method)
    chance = similarity(maps, np.roll(maps, 1, axis=0))[0] if len(maps) > 1 else np.full(1, np.nan)
    names, ranks, structures, geometry = _randomise(network, images, index, method, maps, seed, progress)
    allowed = supported_methods(network, methods)
    missing = [name for name in methods if name not in allowed]
    curves = deletion_insertion(network, images, index, maps, seed=seed, progress=progress)
    curve, area = {}, {}
    for kind, values in curves.items():
        curve[kind] = {order: v.mean(axis=0) for order, v in values.items()}
        area[kind] = {order: v.mean(axis=1) for order, v in values.items()}

    some = np.unique(np.linspace(0, len(images) - 1, min(AGREEMENT, len(images))).round().astype(int))

    def gain(kind: str, sign: int) -> dict[str, Interval]:
        return {o: _interval(sign * (area[kind]["map"] - area[kind][o])) for o in ORDERS[1:]}

    return Trust(
        n=len(images),
        n_agreement=len(some),
        layer=tuple(names),
        rank_correlation=np.array([_interval(rank) for rank in ranks]),
        structure=np.array([_interval(structure) for structure in structures]),
        geometry=np.nan_to_num(_interval(geometry)),
        chance=np.array(_interval(chance)),
        fraction=np.linspace(0, 1, STEPS + 1),
        deletion=curve["deletion"],
        insertion=curve["insertion"],
        deletion_area={order: _interval(v) for order, v in area["deletion"].items()},
        insertion_area={order: _interval(v) for order, v in area["insertion"].items()},
        deletion_gain=gain("deletion", -1),
        insertion_gain=gain("insertion", 1),
        methods=allowed,
        agreement=method_agreement(network, images[some], index[some], allowed, progress),
        blank=int(np.isnan(ranks[-1]).sum()),
        left_out=(
            f"{', '.join(missing)} are not among them: they need ReLUs that are modules, which "
            f"{type(network).__name__} does not have.",
        )
        if missing
        else (),
    )


def _randomise(
    network: "nn.Module",
    images: "Tensor",
    index: npt.NDArray[np.int64],
    method: str,
    maps: Float32Array,
    seed: int,
    progress: Progress | None,
) -> tuple[list[str], list[FloatArray], list[FloatArray], FloatArray]:
    """How like the maps are those of ever more random weights, and those of noise with all weights random.

    Names of the layers; rank correlation ``(n,)`` and SSIM ``(n,)`` for each; rank correlation ``(n,)`` with noise.
    """
    import torch

    from enicfer.saliency.attribution.layers import randomise_from_top

    names: list[str] = []
    ranks: list[FloatArray] = []
    structures: list[FloatArray] = []
    for name, changed in randomise_from_top(network, seed):
        rank, structure = similarity(maps, magnitudes(changed, images, index, method))
        names.append(name)
        ranks.append(rank)
        structures.append(structure)
        if progress is not None:
            progress(len(names), len(names), "checks: random weights")
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed)) * images.std()
    geometry = similarity(maps, magnitudes(changed, noise + images.mean(), index, method))[0]
    return names, ranks, structures, geometry


def magnitudes(
    network: "nn.Module", images: "Tensor", target: npt.NDArray[np.int64], method: str
) -> Float32Array:
    """(n, s, s) magnitudes of the attributions, a batch at a time."""
    parts = []
    for start in range(0, len(images), _BATCH):
        chosen = slice(start, start + _BATCH)
        parts.append(np.abs(attribute(network, images[chosen], target[chosen], method)).max(axis=1))
    return np.concatenate(parts)


def similarity(a: Float32Array, b: Float32Array) -> tuple[FloatArray, FloatArray]:
    """Spearman's correlation (n,) and SSIM (n,) of pairs of maps (n, s, s), each scaled to a maximum of 1.

    A map that is constant has no ranks: both are NaN for its pair.
    """
    from scipy.stats import rankdata
    from skimage.metrics import structural_similarity

    ranks = [rankdata(m.reshape(len(m), -1), axis=1) for m in (a, b)]
    centred = [r - r.mean(axis=1, keepdims=True) for r in ranks]
    norm = np.sqrt((centred[0] ** 2).sum(axis=1) * (centred[1] ** 2).sum(axis=1))
    rank = (centred[0] * centred[1]).sum(axis=1) / np.where(norm > 0, norm, np.nan)
    scaled = [m / np.maximum(m.max(axis=(1, 2), keepdims=True), 1e-30) for m in (a, b)]
    structure = [structural_similarity(x, y, data_range=1.0) for x, y in zip(*scaled, strict=True)]
    return rank, np.where(np.isfinite(rank), structure, np.nan)


def method_agreement(
    network: "nn.Module",
    images: "Tensor",
    target: npt.ArrayLike,
    methods: Sequence[str] = tuple(METHODS),
    progress: Progress | None = None,
) -> FloatArray:
    """(m, m) mean Spearman's correlation between the magnitudes of the methods' maps; blank maps left out."""
    maps = []
    for i, method in enumerate(methods):
        maps.append(magnitudes(network, images, np.asarray(target, np.int64), method))
        if progress is not None:
            progress(i + 1, len(methods), "checks: methods")
    table = np.eye(len(methods))
    for i in range(len(methods)):
        for j in range(i):
            rank = similarity(maps[i], maps[j])[0]
            known = rank[np.isfinite(rank)]
            table[i, j] = table[j, i] = known.mean() if len(known) else np.nan
    return table


def _interval(values: FloatArray) -> Interval:
    mean, low, high = mean_interval(values[:, None], np.arange(len(values)))
    return float(mean[0]), float(low[0]), float(high[0])
