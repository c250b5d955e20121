"""What single filters look for: the images that excite each filter most, and guided backpropagation from it.

Breuer and Kimmel 2017, arXiv:1705.01842, found facial action units in such pictures; guided backpropagation:
Springenberg et al. 2014, arXiv:1412.6806.

Conventions: the excitation of a filter by an image is the largest value of its map after ReLU; images are
prepared, float32 (n, c, s, s).
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError, ModelError, option
from enicfer.records import Float32Array, Progress

if TYPE_CHECKING:
    from torch import Tensor, nn

_BATCH = 32
FILTERS = option("filters", "--filters")
TOP = 6


@dataclass(frozen=True, eq=False)
class FilterResponses:
    """The most exciting images of one layer's filters.

    Attributes
    ----------
    layer
        Its name: conv1, conv2, ...
    top
        (f, k) index of the images, the most exciting first.
    excitation
        (f, k) largest value of the filter's map in them.
    mean
        (f,) mean excitation over all images.
    """

    layer: str
    top: npt.NDArray[np.int64]
    excitation: Float32Array
    mean: Float32Array

    @property
    def selectivity(self) -> Float32Array:
        """(f,) excitation by the top images over that by all; 0 for a filter that nothing excites."""
        return np.where(self.mean > 0, self.excitation.mean(axis=1) / np.maximum(self.mean, 1e-12), 0)

    def most_selective(self, n: int) -> npt.NDArray[np.int64]:
        """Numbers of the ``n`` filters whose top images stand out most."""
        return np.argsort(-self.selectivity, kind="stable")[:n]


def check_filters(network: "nn.Module", n_images: int) -> None:
    """Refuse a network whose convolutions and ReLUs are no chain of modules, and too few images."""
    from enicfer.saliency.attribution.layers import as_layers, conv_outputs

    try:
        conv_outputs(as_layers(network))
    except ModelError:
        raise InputError(
            f"Single filters of {type(network).__name__} cannot be shown, its ReLUs are no modules",
            remedy=f"leave {FILTERS} out, or choose a RonNet",
        ) from None
    if n_images < TOP:
        raise InputError(
            f"{FILTERS} shows the {TOP} images that excite a filter most, and there are {n_images}",
            remedy="give more images",
        )


def find_exciting_images(
    network: "nn.Module", images: "Tensor", top: int = TOP, progress: Progress | None = None
) -> list[FilterResponses]:
    """For each filter of each convolution layer, the images that excite it most.

    Parameters
    ----------
    network
        In evaluation mode.
    images
        Prepared, float32 (n, c, s, s).
    top
        How many images of each filter.
    progress
        Called as ``progress(done, total, stage)``.

    Raises
    ------
    InputError
        If there are fewer images than ``top``.
    ModelError
        If the network has no convolution.
    """
    import torch

    from enicfer.saliency.attribution.layers import as_layers, conv_outputs

    if len(images) < top:
        raise InputError(
            f"There are {len(images)} images, fewer than the {top} to be found for each filter",
            remedy="give more images",
        )
    chain = as_layers(network)
    layers = conv_outputs(chain)
    peaks: dict[str, list[Tensor]] = {name: [] for name in layers}

    def keep(name: str) -> Callable[..., None]:
        return lambda module, given, output: peaks[name].append(output.amax(dim=(2, 3)))

    handles = [module.register_forward_hook(keep(name)) for name, module in layers.items()]
    try:
        with torch.no_grad():
            for start in range(0, len(images), _BATCH):
                chain(images[start : start + _BATCH])
                if progress is not None:
                    progress(min(start + _BATCH, len(images)), len(images), "filters")
    finally:
        for handle in handles:
            handle.remove()
    found = []
    for name, parts in peaks.items():
        peak = torch.cat(parts).numpy()
        order = np.argsort(-peak, axis=0, kind="stable")[:top].T
        found.append(
            FilterResponses(name, order, np.take_along_axis(peak.T, order, axis=1), peak.mean(axis=0))
        )
    return found


def backpropagate_filter(network: "nn.Module", images: "Tensor", layer: str, number: int) -> Float32Array:
    """Guided backpropagation from where a filter is most excited.

    Parameters
    ----------
    network
        In evaluation mode.
    images
        Prepared, float32 (n, c, s, s).
    layer
        conv1, conv2, ...
    number
        Of the filter.

    Returns
    -------
    Float32Array
        (n, c, s, s).

    Raises
    ------
    InputError
        If there is no such layer.
    """
    from captum.attr import NeuronGuidedBackprop

    from enicfer.saliency.attribution.layers import as_layers, conv_outputs

    chain = as_layers(network)
    layers = conv_outputs(chain)
    if layer not in layers:
        raise InputError(f"There is no layer {layer!r}", remedy=f"choose one of {', '.join(layers)}")
    given = images.detach().clone().requires_grad_()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Setting .* hooks")
        gradient = NeuronGuidedBackprop(chain, layers[layer]).attribute(
            given, neuron_selector=lambda output: output[:, number].amax(dim=(1, 2))
        )
    return np.asarray(gradient.detach().numpy(), np.float32)
