"""How fast a class's probability falls, or rises, as pixels are taken away or put in, in the order of a map.

Petsiuk et al. 2018, arXiv:1806.07421. Conventions as in `enicfer.saliency.checks.trust`.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from enicfer.records import Float32Array, FloatArray, Progress

if TYPE_CHECKING:
    from torch import Tensor, nn

STEPS = 24
BLUR = 0.1  # spread of the blurred start of insertion, in sides of the image
ORDERS = ("map", "random", "centre")


def deletion_insertion(
    network: "nn.Module",
    images: "Tensor",
    target: npt.ArrayLike,
    maps: Float32Array,
    *,
    steps: int = STEPS,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, dict[str, FloatArray]]:
    """Probability of the class while pixels are deleted, or inserted, in three orders.

    Parameters
    ----------
    network, images, target
        As in `enicfer.saliency.checks.trust.check_trust`.
    maps
        (n, s, s) magnitudes; the largest go first.
    steps
        Number of steps from none to all pixels.
    seed
        Of the random order.
    progress
        Called as ``progress(done, total, stage)``.

    Returns
    -------
    dict
        "deletion" (to the image's mean grey) and "insertion" (into the blurred image), each a dict of
        `ORDERS` -> (n, steps + 1) softmax probabilities.
    """
    import torch

    n, _, height, width = images.shape
    pixels = height * width
    index = torch.as_tensor(np.asarray(target, np.int64))
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    from_centre = np.hypot(y - (height - 1) / 2, x - (width - 1) / 2).ravel()
    flat = maps.reshape(n, -1)
    rank = {
        "map": np.argsort(np.argsort(-flat, axis=1, kind="stable"), axis=1),
        "random": np.stack([rng.permutation(pixels) for _ in range(n)]),
        "centre": np.broadcast_to(np.argsort(np.argsort(from_centre, kind="stable")), flat.shape),
    }
    count = np.linspace(0, pixels, steps + 1).round().astype(int)
    blurred = _blur(images)
    curves: dict[str, dict[str, FloatArray]] = {}
    for kind, start, end in (("deletion", images, torch.zeros_like(images)), ("insertion", blurred, images)):
        curves[kind] = {}
        for order in ORDERS:
            curve = np.empty((n, steps + 1))
            for i in range(n):
                changed = torch.from_numpy(rank[order][i][None] < count[:, None]).view(-1, 1, height, width)
                mixed = torch.where(changed, end[i], start[i])
                with torch.no_grad():
                    curve[i] = torch.softmax(network(mixed), dim=1)[:, index[i]].numpy()
                if progress is not None:
                    progress(i + 1, n, f"checks: {kind}, {order}")
            curves[kind][order] = curve
    return curves


def _blur(images: "Tensor") -> "Tensor":
    import torch
    from scipy.ndimage import gaussian_filter

    sigma = BLUR * images.shape[-1]
    return torch.from_numpy(gaussian_filter(images.numpy(), (0, 0, sigma, sigma), mode="nearest"))
