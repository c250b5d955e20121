"""5x5 convolutions through the discrete Fourier transform, as plain matrix products.

A direct 5x5 convolution spends 25 multiplications per output and channel pair; in the frequency
domain it is about two.  Small transforms written as matrix products (`torch.matmul` with
constant matrices) beat an FFT library here, and autograd gives the exact gradient.

Conventions: activations are "positions first", (height, width, images, channels), so that a
transform is one product with a long contiguous right side and each frequency is one
(images, channels) x (channels, filters) product.  A kernel is (filters, channels, k, k), as in
`torch.nn.Conv2d`, and "convolution" means cross-correlation, as there.

A complex product is done with three real ones (Gauss), folded into the transform matrices:
``t1 = wr (xr + xi), t2 = xr (wi - wr), t3 = xi (wr + wi)``, real part ``t1 - t3``, imaginary
part ``t1 + t2``.  With a period of ``size + padding`` the wrap-around touches only zeros
(padding) or outputs that are not wanted ("valid").
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Transforms:
    """The constant matrices of one square convolution size (float32).

    Attributes
    ----------
    image_rows, kernel_rows
        Real width axis -> (real, imaginary) x half spectrum: (2 v, width).
    image_columns, kernel_columns
        Height axis x (real, imaginary) -> 3 Gauss terms x full spectrum: (3 u, 2 height).
    output_columns
        3 Gauss terms x full spectrum -> height axis x (real, imaginary): (2 out, 3 u).
    output_rows
        (real, imaginary) x half spectrum -> real width axis: (out, 2 v).
    """

    image_rows: Tensor
    image_columns: Tensor
    kernel_rows: Tensor
    kernel_columns: Tensor
    output_columns: Tensor
    output_rows: Tensor


@lru_cache(maxsize=32)
def transforms(size: int, kernel: int, padding: int) -> Transforms:
    """Build the matrices for a square image of `size`, computed in float64."""
    period = size + padding
    out = size + 2 * padding - kernel + 1
    half = period // 2 + 1
    full_bins = np.arange(period)
    half_bins = np.arange(half)

    def phase(bins: np.ndarray, positions: np.ndarray, sign: int) -> np.ndarray:
        return np.exp(sign * 2j * np.pi * np.outer(bins, positions) / period)

    def rows(spectrum: np.ndarray) -> np.ndarray:
        return np.concatenate([spectrum.real, spectrum.imag])

    def columns(spectrum: np.ndarray, terms: tuple[tuple[int, int], ...]) -> np.ndarray:
        # (real, imaginary) of (a + ib)(xr + i xi), then the linear combinations of Gauss.
        real = np.stack([spectrum.real, -spectrum.imag], axis=2).reshape(len(spectrum), -1)
        imag = np.stack([spectrum.imag, spectrum.real], axis=2).reshape(len(spectrum), -1)
        return np.concatenate([r * real + i * imag for r, i in terms])

    positions = np.arange(size)
    # The kernel's spectrum is conjugated (cross-correlation) and shifted by the padding.
    taps = np.arange(kernel) - padding
    back = phase(np.arange(out), full_bins, +1)
    # columns of (t1, t2, t3): real part t1 - t3, imaginary part t1 + t2
    real = np.concatenate([back.real - back.imag, -back.imag, -back.real], axis=1)
    imag = np.concatenate([back.imag + back.real, back.real, -back.imag], axis=1)
    weight = np.full(half, 2.0)
    weight[0] = 1.0
    if period % 2 == 0:
        weight[-1] = 1.0
    last = phase(np.arange(out), half_bins, +1) * weight / period**2
    tensors = (
        rows(phase(half_bins, positions, -1)),
        columns(phase(full_bins, positions, -1), ((1, 1), (1, 0), (0, 1))),
        rows(phase(half_bins, taps, +1)),
        columns(phase(full_bins, taps, +1), ((1, 0), (-1, 1), (1, 1))),
        np.stack([real, imag], axis=1).reshape(2 * out, -1),
        np.concatenate([last.real, -last.imag], axis=1),
    )
    return Transforms(*(torch.from_numpy(np.ascontiguousarray(m)).float() for m in tensors))


class Workspace(threading.local):
    """Memory for the results of products in a row, each of which reads the result before.

    Two pieces that are used in turns, for each thread its own: fresh memory costs more than the products. A
    result is overwritten by the one after the next, so this is for inference alone.
    """

    def __init__(self) -> None:
        self._pieces = [torch.empty(0), torch.empty(0)]
        self._next = 0

    def take(self, *shape: int) -> Tensor:
        """A piece of memory of this shape, float32; what it holds is left over."""
        self._next = 1 - self._next
        size = math.prod(shape)
        if self._pieces[self._next].numel() < size:
            self._pieces[self._next] = torch.empty(size)
        return self._pieces[self._next][:size].view(shape)


def _spectrum(x: Tensor, rows: Tensor, columns: Tensor, memory: Workspace | None = None) -> Tensor:
    """(height, width, a, b) real -> (3 u v, a, b), three Gauss terms of each frequency."""
    height, width, a, b = x.shape
    half = len(rows) // 2
    partial = times(rows, x.reshape(height, width, a * b), memory)
    return times(columns, partial.view(2 * height, half * a * b), memory).view(-1, a, b)


def times(a: Tensor, b: Tensor, memory: Workspace | None = None) -> Tensor:
    """Matrix product, in the workspace if there is one."""
    if memory is None:
        return torch.matmul(a, b)
    batch = b.shape[:-2] or a.shape[:-2]
    return torch.matmul(a, b, out=memory.take(*batch, a.shape[-2], b.shape[-1]))


def kernel_spectrum(weight: Tensor, size: int, padding: int) -> Tensor:
    """Transform a kernel once; reuse it for as many batches as wanted.

    Parameters
    ----------
    weight
        ``(filters, channels, k, k)``.
    size
        Height and width of the images that the kernel will meet.
    padding

    Returns
    -------
    Tensor, shape (3 u v, channels, filters)
    """
    matrices = transforms(size, weight.shape[2], padding)
    taps_first = weight.permute(2, 3, 1, 0)
    return _spectrum(taps_first, matrices.kernel_rows, matrices.kernel_columns)


def convolve(
    x: Tensor, spectrum: Tensor, kernel: int, padding: int, memory: Workspace | None = None
) -> Tensor:
    """Convolve positions-first images with a kernel's spectrum.

    Parameters
    ----------
    x
        ``(size, size, images, channels)``.
    spectrum
        From `kernel_spectrum` with the same size and padding.
    kernel, padding
    memory
        Where the result may lie until the next but one product; None for memory of its own and for gradients.

    Returns
    -------
    Tensor, shape (out, out, images, filters), where out = size + 2 padding - kernel + 1
    """
    size, _, images, _ = x.shape
    matrices = transforms(size, kernel, padding)
    product = times(_spectrum(x, matrices.image_rows, matrices.image_columns, memory), spectrum, memory)
    filters = spectrum.shape[2]
    out = len(matrices.output_rows)
    period = matrices.output_columns.shape[1]
    partial = times(matrices.output_columns, product.view(period, -1), memory)
    rows = times(matrices.output_rows, partial.view(out, -1, images * filters), memory)
    return rows.view(out, out, images, filters)
