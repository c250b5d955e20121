import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from enicfer.models.fourier import Workspace, convolve, kernel_spectrum


@settings(max_examples=25)
@given(
    size=st.integers(5, 27),
    kernel=st.sampled_from([3, 5]),
    same=st.booleans(),
    images=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_equals_a_direct_convolution(size: int, kernel: int, same: bool, images: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    padding = kernel // 2 if same else 0
    x = torch.randn(images, 4, size, size, generator=generator)
    weight = torch.randn(6, 4, kernel, kernel, generator=generator)
    spectrum = kernel_spectrum(weight, size, padding)
    result = convolve(x.permute(2, 3, 0, 1).contiguous(), spectrum, kernel, padding)
    expected = functional.conv2d(x, weight, padding=padding)
    torch.testing.assert_close(result.permute(2, 3, 0, 1), expected, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("padding", [0, 2])
def test_has_the_gradient_of_a_direct_convolution(padding: int) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 3, 9, 9, generator=generator, requires_grad=True)
    weight = torch.randn(4, 3, 5, 5, generator=generator, requires_grad=True)
    direct = functional.conv2d(x, weight, padding=padding)
    upstream = torch.randn(direct.shape, generator=generator)
    expected = torch.autograd.grad(direct, (x, weight), upstream)
    fourier = convolve(
        x.permute(2, 3, 0, 1).contiguous(), kernel_spectrum(weight, 9, padding), 5, padding
    ).permute(2, 3, 0, 1)
    for got, wanted in zip(torch.autograd.grad(fourier, (x, weight), upstream), expected, strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)


def test_kept_memory_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(2)
    memory = Workspace()
    for images in (3, 1, 5):
        x = torch.randn(12, 12, images, 16, generator=generator)
        spectrum = kernel_spectrum(torch.randn(4, 16, 5, 5, generator=generator), 12, 2)
        assert torch.equal(convolve(x, spectrum, 5, 2, memory), convolve(x, spectrum, 5, 2))
