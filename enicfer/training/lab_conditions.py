"""What a laboratory and its camera do to a face: caps, straps, coil bars, infrared light, darkness, motion.

Drawn on ordinary face crops, for training that has to stand such conditions and for rehearsals
of it.  They are imitations: no picture of a child in a scanner was used.

Conventions: images are float32 (n, c, h, w) in 0-1, framed as FER2013 frames faces (eyes at 0.40
of the height, mouth at 0.77); the result has the same shape and range.  A strength is 0 (hardly to be
seen) to 1 (as bad as a recording that one would still analyse), float32 (n, 1, 1, 1), one for each image.
All random numbers come from the generator.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional

Condition = Callable[[Tensor, Tensor, Generator], Tensor]

BLOCK = 8  # pixels: the side of what a video encoder transforms at once
LONGEST = 9  # pixels of the path of a moving face, of 48


def _uniform(images: Tensor, low: float, high: float, generator: Generator) -> Tensor:
    values = torch.rand(len(images), generator=generator) * (high - low) + low
    return values[:, None, None, None]


def _between(strength: Tensor, weak: float, strong: float) -> Tensor:
    return weak + (strong - weak) * strength


def _rows(images: Tensor) -> Tensor:
    height = images.shape[2]
    return ((torch.arange(height) + 0.5) / height)[None, None, :, None]


def _columns(images: Tensor) -> Tensor:
    width = images.shape[3]
    return ((torch.arange(width) + 0.5) / width)[None, None, None, :]


def wear_cap(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """EEG cap: a dark fabric down to the forehead, arched, with a grid of bright electrodes."""
    edge = _between(strength, 0.1, 0.25) + _uniform(images, -0.02, 0.02, generator)
    arch = _uniform(images, 0.2, 0.6, generator) * (_columns(images) - 0.5) ** 2
    fabric = _uniform(images, 0.05, 0.5, generator)
    spacing = _uniform(images, 0.14, 0.22, generator)
    across = (_columns(images) + torch.zeros_like(edge)) / spacing % 1 - 0.5
    down = (_rows(images) + torch.zeros_like(edge)) / spacing % 1 - 0.5
    electrode = (across**2 + down**2) < 0.06
    cap = torch.where(electrode, 1 - fabric, fabric)
    return torch.where(_rows(images) < edge + arch, cap, images)


def wear_strap(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """A strap across the forehead, slightly oblique."""
    middle = _uniform(images, 0.12, 0.26, generator)
    half = _between(strength, 0.025, 0.07)
    slope = _uniform(images, -0.15, 0.15, generator)
    level = _uniform(images, 0.0, 1.0, generator)
    distance = (_rows(images) - middle - slope * (_columns(images) - 0.5)).abs()
    return torch.where(distance < half, level, images)


def lie_in_coil(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Bars of a head coil in front of the face: two upright ones, and one between the eyes' row and the hair."""
    level = _uniform(images, 0.3, 0.95, generator)
    half = _between(strength, 0.02, 0.06)
    left = _uniform(images, 0.02, 0.2, generator)
    right = _uniform(images, 0.8, 0.98, generator)
    across = _uniform(images, 0.08, 0.28, generator)
    upright = torch.minimum((_columns(images) - left).abs(), (_columns(images) - right).abs())
    bar = (upright < half) | ((_rows(images) - across).abs() < half)
    return torch.where(bar, level, images)


def light_infrared(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Infrared illumination: flat pale skin, light falling off from a point, sensor noise."""
    contrast = _between(strength, 0.75, 0.35)
    pale = contrast * images.clamp_min(1e-4) ** _between(strength, 0.9, 0.5) + 0.25
    x, y = (_uniform(images, 0.2, 0.8, generator) for _ in range(2))
    distance = (_columns(images) - x) ** 2 + (_rows(images) - y) ** 2
    lit = pale * (1 - _between(strength, 0.4, 1.0) * distance)
    noise = _between(strength, 0.01, 0.04) * torch.randn(images.shape, generator=generator)
    return (lit + noise).clamp(0, 1)


def turn_off_light(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Low light: dark, noisy, and rounded to few levels, as a webcam gives it."""
    light = torch.exp(_between(strength, math.log(0.3), math.log(0.08)))
    noise = _uniform(images, 0.01, 0.018, generator) * torch.randn(images.shape, generator=generator)
    return (((images * light + noise) * 255).round() / 255).clamp(0, 1)


def move(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Motion blur along a straight path in any direction, up to `LONGEST` of 48 pixels long."""
    n, channels = images.shape[:2]
    half = _between(strength, 1, LONGEST / 2)[:, 0] * images.shape[3] / 48
    angle = _uniform(images, 0, math.pi, generator)[:, 0]
    reach = math.ceil(LONGEST / 2 * images.shape[3] / 48)
    steps = torch.arange(-reach, reach + 1.0)
    x, y = steps[None, None, :], steps[None, :, None]
    along = x * torch.cos(angle) + y * torch.sin(angle)
    across = y * torch.cos(angle) - x * torch.sin(angle)
    # A pixel counts by how much of the path lies in it, to first order.
    kernel = (half + 0.5 - along.abs()).clamp(0, 1) * (1 - across.abs()).clamp_min(0)
    kernel = kernel / kernel.sum((1, 2), keepdim=True)
    padded = functional.pad(images, (reach,) * 4, mode="replicate")
    wide = padded.reshape(1, n * channels, *padded.shape[2:])
    weight = kernel.repeat_interleave(channels, dim=0)[:, None]
    return functional.conv2d(wide, weight, groups=n * channels).view(images.shape)


def stand_far_away(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """Low resolution: a face of three quarters to a quarter of the pixels, enlarged again."""
    size = images.shape[2:]
    parts = (_between(strength, 0.75, 0.25) * size[0]).round().flatten().clamp_min(1)
    result = images.clone()
    for pixels in parts.unique().tolist():
        chosen = parts == pixels
        few = (int(pixels), max(1, round(pixels * size[1] / size[0])))
        small = functional.interpolate(images[chosen], few, mode="area")
        small = small + 0.01 * torch.randn(small.shape, generator=generator)
        result[chosen] = functional.interpolate(small, size, mode="bilinear", align_corners=False)
    return result.clamp(0, 1)


def _cosines() -> Tensor:
    """The orthonormal cosine transform (`BLOCK`, `BLOCK`); rows are frequencies."""
    frequency, place = torch.arange(BLOCK)[:, None], torch.arange(BLOCK)[None, :]
    matrix = torch.cos(math.pi * (place + 0.5) * frequency / BLOCK) * math.sqrt(2 / BLOCK)
    matrix[0] /= math.sqrt(2)
    return matrix


def compress(images: Tensor, strength: Tensor, generator: Generator) -> Tensor:
    """What a video encoder leaves of a face: cosine transforms of blocks, rounded coarsely with a dead zone.

    The step of the rounding doubles as the quantiser of H.264 has it, from 14 to 72 grey levels (quantisers of
    about 27 to 41), and edges of blocks are smoothed a little.
    """
    height, width = images.shape[2:]
    shift = torch.randint(BLOCK, (2,), generator=generator).tolist()
    below, beside = (-(side + by) % BLOCK for side, by in zip((height, width), shift, strict=True))
    padded = functional.pad(images, (shift[1], beside, shift[0], below), mode="replicate")
    blocks = padded.unflatten(3, (-1, BLOCK)).unflatten(2, (-1, BLOCK)).transpose(3, 4)
    cosines = _cosines()
    waves = cosines @ blocks @ cosines.T
    step = torch.exp(_between(strength, math.log(14 / 255), math.log(72 / 255)))[..., None, None]
    kept = waves.sign() * (waves.abs() / step + 1 / 3).floor() * step
    kept[..., 0, 0] = (waves[..., 0, 0] * 255 / 8).round() * 8 / 255  # prediction keeps the mean of a block
    again = (cosines.T @ kept @ cosines).transpose(3, 4).flatten(4, 5).flatten(2, 3)
    smooth = functional.avg_pool2d(functional.pad(again, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    edges = (torch.arange(again.shape[2]) % BLOCK % (BLOCK - 1) == 0)[:, None] | (
        torch.arange(again.shape[3]) % BLOCK % (BLOCK - 1) == 0
    )
    result = torch.where(edges, smooth, again)
    return result[:, :, shift[0] : shift[0] + height, shift[1] : shift[1] + width].clamp(0, 1)


CONDITIONS: dict[str, Condition] = {
    "cap": wear_cap,
    "strap": wear_strap,
    "coil": lie_in_coil,
    "infrared": light_infrared,
    "dark": turn_off_light,
    "motion": move,
    "far": stand_far_away,
    "compressed": compress,
}


def imitate_lab(images: Tensor, probability: float, generator: Generator, strongest: float = 1.0) -> Tensor:
    """Apply each condition to an image with its share of the probability, at most one per image.

    Parameters
    ----------
    images
        ``(n, c, h, w)``.
    probability
        That an image is changed at all.
    generator
    strongest
        Strengths are drawn evenly from 0 to this.
    """
    if probability == 0:
        return images
    draw = torch.rand(len(images), generator=generator)
    strength = _uniform(images, 0, strongest, generator)
    each = probability / len(CONDITIONS)
    result = images.clone()
    for number, condition in enumerate(CONDITIONS.values()):
        chosen = (draw >= number * each) & (draw < (number + 1) * each)
        if chosen.any():
            result[chosen] = condition(images[chosen], strength[chosen], generator)
    return result
