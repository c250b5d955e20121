"""Which pixels decided: attributions of a class's logit to the pixels of the face.

What is explained is the logit (before softmax, which would mix the classes) as a function of the prepared
image: grey levels after standardisation, so one unit is the image's own standard deviation.

Conventions: crops are uint8 (n, h, w) grey or (n, h, w, 3) RGB; prepared images are float32 (n, c, s, s);
attributions are signed, float32 (n, c, s, s), with c = 1 for the methods that do not tell channels apart.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from enicfer.errors import InputError, ModelError
from enicfer.records import Float32Array, Progress, UInt8Array

if TYPE_CHECKING:
    from torch import Tensor, nn

    from enicfer.models import Classifier


_BATCH = 32
SMOOTH_SAMPLES, SMOOTH_NOISE = (
    24,
    0.5,
)  # the noise in standard deviations of the image: about 11 % of its range
# Integrated gradients sum to the change of the logit up to this fraction, if so many steps are enough.
COMPLETENESS, FEWEST_STEPS, MOST_STEPS = 0.01, 32, 2048
# The occluding square and its step, as fractions of the image's side.
OCCLUSION_SIDE, OCCLUSION_STEP = 1 / 6, 1 / 16


@dataclass(frozen=True, eq=False)
class Attribution:
    """Attributions of some images.

    Attributes
    ----------
    method
        A name in `METHODS`.
    labels
        The model's labels.
    target
        (n,) index of the explained label.
    probability
        (n, k) the model's calibrated probabilities.
    signed
        (n, c, s, s) float32: above 0 where a brighter pixel (for the gradients) or the pixel as it is (for the
        others) speaks for the label.
    """

    method: str
    labels: tuple[str, ...]
    target: npt.NDArray[np.int64]
    probability: Float32Array
    signed: Float32Array

    @property
    def magnitude(self) -> Float32Array:
        """(n, s, s) the largest absolute value over the channels (Simonyan et al. 2014, arXiv:1312.6034)."""
        return np.asarray(np.abs(self.signed).max(axis=1))

    @property
    def signed_maximum(self) -> Float32Array:
        """(n, s, s) the largest value over the channels with its sign, as in the figures of the original work."""
        return np.asarray(self.signed.max(axis=1))

    @property
    def expression(self) -> npt.NDArray[np.str_]:
        """(n,) the explained labels."""
        return np.array(self.labels)[self.target]


def explain(
    model: "Classifier",
    crops: UInt8Array | Sequence[UInt8Array],
    method: str = "gradient",
    expression: str | Sequence[str] | None = None,
    *,
    batch: int = _BATCH,
    progress: Progress | None = None,
) -> Attribution:
    """Attribute a model's answers to the pixels of face crops.

    Parameters
    ----------
    model
        From `enicfer.load_model`.
    crops
        uint8, (n, h, w) or (n, h, w, 3), or a sequence of such images.
    method
        A name in `METHODS`.
    expression
        The label to explain, or one for each crop; None explains each crop's predicted label.
    batch
        Crops in one pass; the result does not depend on it, except for the noise of ``smoothgrad``.
    progress
        Called as ``progress(done, total, stage)``.

    Raises
    ------
    InputError
        For an unknown method, a label that the model does not have, no crops, or crops that are none.
    """
    if not len(crops):
        raise InputError("There are no face crops to explain", remedy="give at least one")
    check_method(method, model.network)
    probability = model.predict(crops)
    target = choose_targets(model.labels, probability, expression)
    parts = []
    for start in range(0, len(crops), batch):
        chosen = slice(start, start + batch)
        parts.append(attribute(model.network, model.prepare(crops[chosen]), target[chosen], method))
        if progress is not None:
            progress(min(start + batch, len(crops)), len(crops), method)
    return Attribution(method, tuple(model.labels), target, probability, np.concatenate(parts))


def check_method(method: str, network: "nn.Module | None" = None) -> None:
    """Refuse a method that is not in `METHODS`, or that the network does not allow (`as_layers`)."""
    if method not in METHODS:
        raise InputError(
            f"There is no attribution method {method!r}", remedy=f"choose one of {', '.join(METHODS)}"
        )
    if network is not None and method in NEED_LAYERS:
        from enicfer.saliency.attribution.layers import as_layers

        as_layers(network)


def check_label(labels: Sequence[str], name: str) -> None:
    """Refuse a label that the model does not have."""
    if name not in labels:
        raise InputError(f"The model has no class {name!r}", remedy=f"give one of {', '.join(labels)}")


def supported_methods(network: "nn.Module", methods: Sequence[str] | None = None) -> tuple[str, ...]:
    """Those of ``methods`` (by default all) that the network allows."""
    names = tuple(METHODS if methods is None else methods)
    try:
        check_method(NEED_LAYERS[0], network)
    except ModelError:
        return tuple(name for name in names if name not in NEED_LAYERS)
    return names


def choose_targets(
    labels: Sequence[str], probability: Float32Array, expression: str | Sequence[str] | None
) -> npt.NDArray[np.int64]:
    """(n,) index of the label to explain for each image; see `explain`."""
    n = len(probability)
    if expression is None:
        return np.asarray(probability.argmax(axis=1), np.int64)
    names = [expression] * n if isinstance(expression, str) else list(expression)
    if len(names) != n:
        raise InputError(
            f"There are {len(names)} expressions for {n} images", remedy="give one, or one for each image"
        )
    for name in names:
        check_label(labels, name)
    return np.array([labels.index(name) for name in names], np.int64)


def attribute(
    network: "nn.Module", images: "Tensor", target: npt.ArrayLike, method: str = "gradient"
) -> Float32Array:
    """Attribute one logit of each image to its pixels.

    Parameters
    ----------
    network
        In evaluation mode; (n, c, s, s) -> logits (n, k). It is not changed.
    images
        Prepared, float32 (n, c, s, s).
    target
        (n,) index of the logit.
    method
        A name in `METHODS`.

    Returns
    -------
    Float32Array
        (n, c, s, s), or (n, 1, s, s) for ``gradcam`` and ``occlusion``.
    """
    import torch

    check_method(method)
    given = images.detach().clone().requires_grad_()
    index = torch.as_tensor(np.asarray(target, np.int64))
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.enable_grad():
        # captum tells of the hooks that it sets and takes away again.
        warnings.filterwarnings("ignore", message="Setting .* hooks")
        torch.manual_seed(0)
        signed = METHODS[method](network, given, index)
    return np.asarray(signed.detach().numpy(), np.float32)


def _gradient(network: "nn.Module", images: "Tensor", target: "Tensor") -> "Tensor":
    from captum.attr import Saliency

    return Saliency(network).attribute(images, target=target, abs=False)


def _guided(network: "nn.Module", images: "Tensor", target: "Tensor") -> "Tensor":
    from captum.attr import GuidedBackprop

    from enicfer.saliency.attribution.layers import as_layers

    return GuidedBackprop(as_layers(network)).attribute(images, target=target)


def _smoothgrad(network: "nn.Module", images: "Tensor", target: "Tensor") -> "Tensor":
    from captum.attr import NoiseTunnel, Saliency

    return NoiseTunnel(Saliency(network)).attribute(
        images,
        nt_type="smoothgrad",
        nt_samples=SMOOTH_SAMPLES,
        nt_samples_batch_size=4,
        stdevs=SMOOTH_NOISE,
        target=target,
        abs=False,
    )


def _integrated(network: "nn.Module", images: "Tensor", target: "Tensor") -> "Tensor":
    """Doubles the steps for those images whose attributions do not yet sum to the change of the logit."""
    import torch
    from captum.attr import IntegratedGradients

    method = IntegratedGradients(network)
    result = torch.zeros_like(images)
    with torch.no_grad():
        # The baseline 0 is the image's own mean grey.
        change = (network(images) - network(torch.zeros_like(images))).gather(1, target[:, None])[:, 0]
    left, steps = torch.arange(len(images)), FEWEST_STEPS
    while len(left) and steps <= MOST_STEPS:
        result[left], gap = method.attribute(
            images[left].detach().requires_grad_(),
            target=target[left],
            n_steps=steps,
            internal_batch_size=max(_BATCH * 4, len(left)),
            return_convergence_delta=True,
        )
        left = left[gap.abs() > (COMPLETENESS * change[left].abs()).clamp_min(1e-4)]
        steps *= 2
    return result


def _gradcam(network: "nn.Module", images: "Tensor", target: "Tensor") -> "Tensor":
    from captum.attr import LayerAttribution, LayerGradCam

    from enicfer.saliency.attribution.layers import as_layers, conv_outputs, find_centres

    chain = as_layers(network)
    last = list(conv_outputs(chain).values())[-1]
    coarse = LayerGradCam(chain, last).attribute(images, target=target, relu_attributions=True)
    centres = find_centres(chain, last)
    if centres is None:  # padded throughout: the cells cover the picture
        return LayerAttribution.interpolate(coarse, tuple(images.shape[2:]), "bilinear")
    rows, columns = (
        _place_cells(cells, pixels, *centres).to(coarse)
        for cells, pixels in zip(coarse.shape[2:], images.shape[2:], strict=True)
    )
    return rows @ coarse @ columns.T


def _place_cells(cells: int, pixels: int, first: float, step: float) -> "Tensor":
    """How much each cell of a layer counts in each pixel (pixels, cells).

    Linear between the cells' middles; an outer cell counts whole to its edge, and nothing a step further: without
    padding the layer does not look there.
    """
    import torch

    place = (torch.arange(pixels) + 0.5 - first) / step
    inside = place.clamp(0, cells - 1)
    weight = (1 - (inside[:, None] - torch.arange(cells)).abs()).clamp(min=0)
    return weight * (1.5 - (place - inside).abs()).clamp(0, 1)[:, None]


def _occlusion(network: "nn.Module", images: "Tensor", target: "Tensor") -> "Tensor":
    from captum.attr import Occlusion

    channels, height, width = images.shape[1:]
    side = [max(1, round(length * OCCLUSION_SIDE)) for length in (height, width)]
    step = [max(1, round(length * OCCLUSION_STEP)) for length in (height, width)]
    change = Occlusion(network).attribute(
        images.detach(),
        sliding_window_shapes=(channels, *side),
        strides=(channels, *step),
        baselines=0.0,
        target=target,
        perturbations_per_eval=max(1, 128 // len(images)),
    )
    return change.mean(dim=1, keepdim=True)


METHODS: Mapping[str, Callable[..., Any]] = {
    "gradient": _gradient,  # Simonyan et al. 2014, arXiv:1312.6034
    "guided": _guided,  # Springenberg et al. 2014, arXiv:1412.6806
    "smoothgrad": _smoothgrad,  # Smilkov et al. 2017, arXiv:1706.03825
    "integrated": _integrated,  # Sundararajan et al. 2017, arXiv:1703.01365
    "gradcam": _gradcam,  # Selvaraju et al. 2017, doi:10.1109/ICCV.2017.74
    "occlusion": _occlusion,  # Zeiler and Fergus 2014, doi:10.1007/978-3-319-10590-1_53
}
# Methods that reach into the network's modules.
NEED_LAYERS = ("guided", "gradcam")
# Methods whose maps show the face itself (the picture is a factor of them, or comes back through the ReLUs), so
# that they are as identifying as a picture.
FACE_LIKE = ("guided", "integrated")
