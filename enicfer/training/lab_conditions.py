"""What a laboratory does to a face: caps, straps, coil bars, infrared light, darkness.

Drawn on ordinary face crops, for training that has to stand such conditions and for rehearsals
of it.  They are imitations: no picture of a child in a scanner was used.

Conventions: images are float32 (n, c, h, w) in 0-1, framed as FER2013 frames faces (eyes at 0.40
of the height, mouth at 0.77); the result has the same shape and range.  All random numbers come
from the generator.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn import functional

Condition = Callable[[Tensor, Generator], Tensor]


def _uniform(images: Tensor, low: float, high: float, generator: Generator) -> Tensor:
    values = torch.rand(len(images), generator=generator) * (high - low) + low
    return values[:, None, None, None]


def _rows(images: Tensor) -> Tensor:
    height = images.shape[2]
    return ((torch.arange(height) + 0.5) / height)[None, None, :, None]


def _columns(images: Tensor) -> Tensor:
    width = images.shape[3]
    return ((torch.arange(width) + 0.5) / width)[None, None, None, :]


def wear_cap(images: Tensor, generator: Generator) -> Tensor:
    """EEG cap: a dark fabric down to the forehead, arched, with a grid of bright electrodes."""
    edge = _uniform(images, 0.12, 0.27, generator)
    arch = _uniform(images, 0.2, 0.6, generator) * (_columns(images) - 0.5) ** 2
    fabric = _uniform(images, 0.05, 0.5, generator)
    spacing = _uniform(images, 0.14, 0.22, generator)
    across = (_columns(images) + torch.zeros_like(edge)) / spacing % 1 - 0.5
    down = (_rows(images) + torch.zeros_like(edge)) / spacing % 1 - 0.5
    electrode = (across**2 + down**2) < 0.06
    cap = torch.where(electrode, 1 - fabric, fabric)
    return torch.where(_rows(images) < edge + arch, cap, images)


def wear_strap(images: Tensor, generator: Generator) -> Tensor:
    """A strap across the forehead, slightly oblique."""
    middle = _uniform(images, 0.12, 0.26, generator)
    half = _uniform(images, 0.03, 0.07, generator)
    slope = _uniform(images, -0.15, 0.15, generator)
    level = _uniform(images, 0.0, 1.0, generator)
    distance = (_rows(images) - middle - slope * (_columns(images) - 0.5)).abs()
    return torch.where(distance < half, level, images)


def lie_in_coil(images: Tensor, generator: Generator) -> Tensor:
    """Bars of a head coil in front of the face: two upright ones, and one between the eyes' row and the hair."""
    level = _uniform(images, 0.3, 0.95, generator)
    half = _uniform(images, 0.03, 0.06, generator)
    left = _uniform(images, 0.02, 0.2, generator)
    right = _uniform(images, 0.8, 0.98, generator)
    across = _uniform(images, 0.08, 0.28, generator)
    upright = torch.minimum((_columns(images) - left).abs(), (_columns(images) - right).abs())
    bar = (upright < half) | ((_rows(images) - across).abs() < half)
    return torch.where(bar, level, images)


def light_infrared(images: Tensor, generator: Generator) -> Tensor:
    """Infrared illumination: flat pale skin, light falling off from a point, sensor noise."""
    strength = _uniform(images, 0.4, 0.7, generator)
    pale = strength * images.clamp_min(1e-4) ** 0.6 + 0.25
    x, y = (_uniform(images, 0.2, 0.8, generator) for _ in range(2))
    distance = (_columns(images) - x) ** 2 + (_rows(images) - y) ** 2
    lit = pale * (1 - 0.8 * distance)
    return (lit + 0.03 * torch.randn(images.shape, generator=generator)).clamp(0, 1)


def turn_off_light(images: Tensor, generator: Generator) -> Tensor:
    """Low light: dark, noisy, and rounded to few levels, as a webcam gives it."""
    dark = images * _uniform(images, 0.08, 0.25, generator)
    noisy = dark + 0.015 * torch.randn(images.shape, generator=generator)
    return ((noisy * 255).round() / 255).clamp(0, 1)


def move(images: Tensor, generator: Generator) -> Tensor:
    """Motion blur along the rows or the columns, over five pixels."""
    channels = images.shape[1]
    line = torch.full((channels, 1, 1, 5), 0.2)
    across = functional.conv2d(functional.pad(images, (2, 2, 0, 0), mode="replicate"), line, groups=channels)
    down = functional.conv2d(functional.pad(images, (0, 0, 2, 2), mode="replicate"), line.mT, groups=channels)
    return torch.where(_uniform(images, 0, 1, generator) < 0.5, across, down)


CONDITIONS: dict[str, Condition] = {
    "cap": wear_cap,
    "strap": wear_strap,
    "coil": lie_in_coil,
    "infrared": light_infrared,
    "dark": turn_off_light,
    "motion": move,
}


def imitate_lab(images: Tensor, probability: float, generator: Generator) -> Tensor:
    """Apply each condition to an image with its share of the probability, at most one per image."""
    if probability == 0:
        return images
    draw = torch.rand(len(images), generator=generator)
    each = probability / len(CONDITIONS)
    result = images.clone()
    for number, condition in enumerate(CONDITIONS.values()):
        chosen = (draw >= number * each) & (draw < (number + 1) * each)
        if chosen.any():
            result[chosen] = condition(images[chosen], generator)
    return result
