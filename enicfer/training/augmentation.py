"""Random changes of face images, on whole batches in torch.

Conventions: images are float32 (n, c, h, w) in 0-1, before standardisation; the result has the
same shape and range.  Every random number comes from the generator that is passed in, so that
(seed, step) fixes a batch exactly.
"""

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

from enicfer.config.values import Fraction, NotNegative
from enicfer.training.lab_conditions import imitate_lab
from enicfer.training.recipe_values import BelowOne, Degrees


@dataclass(frozen=True)
class Augmentation:
    """How strongly to vary the images; 0 switches a change off.

    Attributes
    ----------
    flip
        Probability of a mirror image.
    rotation
        Largest angle, degrees.
    scale
        Largest relative change of size.
    translation
        Largest shift, as a part of the image's width.
    shear
        Largest shear.
    gamma
        Largest absolute natural logarithm of the gamma exponent (light and contrast).
    contrast
        Largest relative change of contrast about mid-grey (clips, as a sensor does).
    erase
        Probability that a rectangle is replaced by noise.
    blur
        Probability of a 3x3 binomial blur (twice).
    noise
        Probability of sensor noise.
    lab
        Probability of an imitated laboratory condition (`enicfer.training.lab_conditions`).
    lab_strength
        Greatest strength of such a condition, 0 to 1; each image has its own, drawn evenly.
    """

    flip: Fraction = 0.5
    rotation: Degrees = 12.0
    scale: BelowOne = 0.12
    translation: NotNegative = 0.08
    shear: NotNegative = 0.08
    gamma: NotNegative = 0.3
    contrast: NotNegative = 0.2
    erase: Fraction = 0.15
    blur: Fraction = 0.1
    noise: Fraction = 0.05
    lab: Fraction = 0.0
    lab_strength: Fraction = 1.0


def augment(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Apply every change of `settings` to a batch."""
    images = transform(images, settings, generator)
    images = change_light(images, settings, generator)
    images = imitate_lab(images, settings.lab, generator, settings.lab_strength)
    images = degrade(images, settings, generator)
    return erase(images, settings.erase, generator)


def _uniform(n: int, low: float, high: float, generator: Generator) -> Tensor:
    return torch.rand(n, generator=generator) * (high - low) + low


def _chance(n: int, probability: float, generator: Generator) -> Tensor:
    return (torch.rand(n, generator=generator) < probability)[:, None, None, None]


def transform(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Mirror, rotate, scale, shift and shear each image by its own random affine map."""
    n = len(images)
    limit = math.radians(settings.rotation)
    angle = _uniform(n, -limit, limit, generator)
    zoom = torch.exp(_uniform(n, -settings.scale, settings.scale, generator))
    shear = _uniform(n, -settings.shear, settings.shear, generator)
    # A grid spans -1..1, so a shift of t image widths is 2 t.
    shift = 2 * settings.translation
    right = _uniform(n, -shift, shift, generator)
    down = _uniform(n, -shift, shift, generator)
    mirror = 1 - 2 * (torch.rand(n, generator=generator) < settings.flip).float()
    cos, sin = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    first = torch.stack([cos * mirror, shear - sin, right], dim=1)
    second = torch.stack([sin * mirror, cos, down], dim=1)
    grid = functional.affine_grid(torch.stack([first, second], dim=1), list(images.shape), False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)


def change_light(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Change gamma and contrast; standardisation later removes what is merely linear."""
    n = len(images)
    exponent = torch.exp(_uniform(n, -settings.gamma, settings.gamma, generator))
    factor = _uniform(n, 1 - settings.contrast, 1 + settings.contrast, generator)
    images = images.clamp_min(1e-4) ** exponent[:, None, None, None]
    return ((images - 0.5) * factor[:, None, None, None] + 0.5).clamp(0, 1)


def degrade(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Blur some images and add sensor noise to some."""
    n, channels = images.shape[:2]
    if settings.blur:
        line = torch.tensor([0.25, 0.5, 0.25])
        kernel = (line[:, None] * line).expand(channels, 1, 3, 3)
        blurred = images
        for _ in range(2):
            padded = functional.pad(blurred, (1, 1, 1, 1), mode="replicate")
            blurred = functional.conv2d(padded, kernel, groups=channels)
        images = torch.where(_chance(n, settings.blur, generator), blurred, images)
    if settings.noise:
        noisy = images + 0.05 * torch.randn(images.shape, generator=generator)
        images = torch.where(_chance(n, settings.noise, generator), noisy, images)
    return images.clamp(0, 1)


def erase(images: Tensor, probability: float, generator: Generator) -> Tensor:
    """Replace a random rectangle (2-20 % of the area) with noise (Zhong et al. 2020).

    doi:10.1609/aaai.v34i07.7000
    """
    n, _, height, width = images.shape
    area = _uniform(n, 0.02, 0.2, generator)
    aspect = torch.exp(_uniform(n, -math.log(3), math.log(3), generator))
    tall = (torch.sqrt(area * aspect) * height).clamp(1, height)
    wide = (torch.sqrt(area / aspect) * width).clamp(1, width)
    top = torch.rand(n, generator=generator) * (height - tall)
    left = torch.rand(n, generator=generator) * (width - wide)
    rows, columns = torch.arange(height)[None, :], torch.arange(width)[None, :]
    in_rows = (rows >= top[:, None]) & (rows < (top + tall)[:, None])
    in_columns = (columns >= left[:, None]) & (columns < (left + wide)[:, None])
    inside = (in_rows[:, :, None] & in_columns[:, None, :])[:, None]
    noise = torch.rand(images.shape, generator=generator)
    return torch.where(inside & _chance(n, probability, generator), noise, images)
