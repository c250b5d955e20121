"""From face crops of any size to what a network reads: the same code for training and inference.

Conventions: crops are uint8, (n, h, w) grey or (n, h, w, 3) RGB, 0-255.  The network reads
float32 (n, channels, size, size), each image with mean 0 and standard deviation 1 over its
pixels ("standardise"), so that exposure and contrast of a camera make no difference.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

# Below this (of the range 0-1) an image is flat; dividing by less would only amplify noise.
FLOOR = 0.02


def resize_crops(crops: np.ndarray | Sequence[np.ndarray], size: int, channels: int = 1) -> np.ndarray:
    """Bring uint8 crops to the size and number of channels that a network reads.

    Parameters
    ----------
    crops
        ``(n, h, w)`` or ``(n, h, w, 3)``, or a sequence of such images of different sizes: uint8, grey or RGB.
    size
        Height and width of the result in pixels.
    channels

    Returns
    -------
    ndarray of uint8, shape (n, size, size) or (n, size, size, 3)
    """
    shape = (size, size) if channels == 1 else (size, size, 3)
    resized = np.empty((len(crops), *shape), np.uint8)
    for i, crop in enumerate(crops):
        if channels == 1 and crop.ndim == 3:
            crop = cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_RGB2GRAY)
        elif channels == 3 and crop.ndim == 2:
            crop = cv2.cvtColor(np.ascontiguousarray(crop), cv2.COLOR_GRAY2RGB)
        if crop.shape[:2] != (size, size):
            shrinks = crop.shape[0] >= size and crop.shape[1] >= size
            method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
            crop = cv2.resize(crop, (size, size), interpolation=method)
        resized[i] = crop
    return resized


def as_tensor(images: np.ndarray) -> Tensor:
    """uint8 (n, size, size[, 3]) to float32 (n, channels, size, size) in 0-1."""
    tensor = torch.from_numpy(np.ascontiguousarray(images)).float() / 255
    return tensor.unsqueeze(1) if tensor.ndim == 3 else tensor.permute(0, 3, 1, 2).contiguous()


def standardise(images: Tensor) -> Tensor:
    """Give each image (n, c, h, w) mean 0 and standard deviation 1 over all its pixels."""
    flat = images.flatten(1)
    mean = flat.mean(1)[:, None, None, None]
    deviation = flat.std(1, correction=0).clamp_min(FLOOR)[:, None, None, None]
    return (images - mean) / deviation
