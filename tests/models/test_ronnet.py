import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from enicfer.models.googlenet import GoogLeNet
from enicfer.models.ronnet import RonNet, fold_batch_norm, pool, pool_last


def textbook(network: RonNet, images: Tensor) -> Tensor:
    """The same architecture written with the library's own layers."""
    x = images
    for conv in network.convs:
        x = functional.max_pool2d(torch.relu(conv(x)), 2, ceil_mode=True)
    return network.fc2(torch.relu(network.fc1(x.flatten(1))))


@pytest.mark.parametrize(
    ("padding", "size", "channels"), [("same", 48, 1), ("valid", 48, 1), ("same", 40, 3), ("same", 42, 1)]
)
def test_is_the_textbook_network(padding: str, size: int, channels: int) -> None:
    torch.manual_seed(0)
    network = RonNet(5, size, channels, padding).eval()
    for conv in network.convs:
        nn.init.normal_(conv.bias)
    images = torch.randn(3, channels, size, size)
    expected = textbook(network, images)
    torch.testing.assert_close(network(images), expected, atol=1e-4, rtol=1e-4)
    network.keep_spectra()
    torch.testing.assert_close(network(images), expected, atol=1e-4, rtol=1e-4)


def test_has_the_number_of_parameters_of_the_original_design() -> None:
    convs = 25 * (1 * 64 + 64 * 128 + 128 * 256) + 64 + 128 + 256
    full = 6 * 6 * 256 * 512 + 512 + 512 * 7 + 7
    assert sum(p.numel() for p in RonNet(7).parameters()) == convs + full


def test_folding_keeps_every_output() -> None:
    torch.manual_seed(0)
    network = RonNet(7, batch_norm=True)
    for norm in network.norms:
        nn.init.normal_(norm.bias, std=0.5)
    for _ in range(5):
        network(torch.randn(8, 1, 48, 48))
    network.eval()
    plain = fold_batch_norm(network)
    images = torch.randn(4, 1, 48, 48)
    torch.testing.assert_close(plain(images), network(images), atol=1e-4, rtol=1e-4)
    assert not any("norm" in name for name in plain.state_dict())


def test_pool_keeps_an_odd_last_row() -> None:
    images = torch.randn(2, 3, 9, 9)
    result = pool(images.permute(2, 3, 0, 1)).permute(2, 3, 0, 1)
    assert torch.equal(result, functional.max_pool2d(images, 2, ceil_mode=True))


@pytest.mark.parametrize("size", [8, 9])
def test_pool_last_has_the_gradient_of_the_library(size: int) -> None:
    images = torch.randn(2, size, size, 3, dtype=torch.float64, requires_grad=True)
    expected = functional.max_pool2d(images.permute(0, 3, 1, 2), 2, ceil_mode=True).permute(0, 2, 3, 1)
    weight = torch.randn_like(expected)
    (wanted,) = torch.autograd.grad((expected * weight).sum(), images)
    result = pool_last(images)
    (gradient,) = torch.autograd.grad((result * weight).sum(), images)
    assert torch.equal(result, expected)
    assert torch.equal(gradient, wanted)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_half_precision_is_the_same_network(batch_norm: bool) -> None:
    torch.manual_seed(0)
    network = RonNet(7, batch_norm=batch_norm).eval()
    nn.init.normal_(network.fc2.weight)
    images = torch.randn(4, 1, 48, 48)
    exact = network(images)
    with torch.autocast("cpu", torch.bfloat16):
        near = network(images).float()
    assert (near - exact).norm() < 0.02 * exact.norm()


def test_off_the_cpu_no_part_of_it_stays_there() -> None:
    """Tensors without values refuse to meet others, as those of a GPU do."""
    network = RonNet(7).eval()
    network.keep_spectra()
    away = network.to("meta")
    away.keep_spectra()
    logits = away(torch.empty(4, 1, 48, 48, device="meta"))
    assert logits.device.type == "meta" and logits.shape == (4, 7)


@pytest.mark.parametrize("kind", [RonNet, GoogLeNet])
def test_a_network_without_storage_draws_no_weights(kind, monkeypatch):
    """Reading a model makes one to compare shapes; drawing for it would load torch's compiler."""

    def refuse(weight, **settings):
        raise AssertionError("weights were drawn")

    monkeypatch.setattr(torch.nn.init, "kaiming_normal_", refuse)
    monkeypatch.setattr(torch.nn.init, "normal_", refuse)
    with torch.device("meta"):
        network = kind()
    assert all(value.is_meta for value in network.parameters())
    with pytest.raises(AssertionError, match="drawn"):
        kind()
