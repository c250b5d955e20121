import copy

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import nn

from enicfer.errors import InputError, ModelError
from enicfer.models.ronnet import RonNet
from enicfer.saliency.attribution.layers import as_layers, conv_outputs, find_centres, randomise_from_top
from enicfer.saliency.attribution.maps import METHODS, attribute, explain


@pytest.fixture(scope="module")
def linear():
    torch.manual_seed(2)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 12 * 12, 4)).eval().requires_grad_(False)


def weights_of(linear, target):
    return linear[1].weight.numpy().reshape(4, 3, 12, 12)[target]


@pytest.mark.parametrize("method", ["gradient", "smoothgrad"])
def test_the_gradient_of_a_linear_model_is_its_weights(linear, method):
    found = attribute(linear, torch.randn(5, 3, 12, 12), [0, 1, 2, 3, 0], method)
    np.testing.assert_allclose(found, weights_of(linear, [0, 1, 2, 3, 0]), atol=1e-6)


def test_integrated_gradients_of_a_linear_model_are_known(linear):
    images = torch.randn(2, 3, 12, 12)
    found = attribute(linear, images, [1, 2], "integrated")
    np.testing.assert_allclose(found, weights_of(linear, [1, 2]) * images.numpy(), atol=1e-5)


def test_occlusion_of_a_linear_model_is_a_mean_of_windows(linear):
    images = torch.randn(1, 3, 12, 12)
    found = attribute(linear, images, [3], "occlusion")[0, 0]
    product = (weights_of(linear, [3]) * images.numpy())[0].sum(axis=0)
    windows = np.lib.stride_tricks.sliding_window_view(product, (2, 2)).sum(axis=(2, 3))
    total, count = np.zeros((2, 12, 12))
    for i in range(11):
        for j in range(11):
            total[i : i + 2, j : j + 2] += windows[i, j]
            count[i : i + 2, j : j + 2] += 1
    np.testing.assert_allclose(found, total / count, atol=1e-5)


@pytest.mark.parametrize("method", ["guided", "gradcam"])
def test_methods_that_need_relus_refuse_a_network_without(linear, method):
    with pytest.raises(ModelError, match=r"has no ReLU modules.*choose gradient"):
        attribute(linear, torch.randn(1, 3, 12, 12), [0], method)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_the_patch_that_the_network_looks_at(patch_network, method):
    images = (
        torch.rand(3, 1, patch_network.side, patch_network.side, generator=torch.Generator().manual_seed(3))
        + 0.5
    )
    maps = np.abs(attribute(patch_network, images, [0, 0, 0], method)).max(axis=1)
    # Occlusion and Grad-CAM blur: a window or a convolution kernel around the patch belongs to it.
    border = {"occlusion": 3, "gradcam": 1}.get(method, 0)
    near = tuple(slice(s.start - border, s.stop + border) for s in patch_network.patch)
    assert maps[:, *near].sum() / maps.sum() > 0.999
    assert maps[:, *patch_network.patch].min() > 0


# The same examples each time: where a unit is within rounding of its kink, both slopes are right and differ.
@settings(max_examples=6, phases=[Phase.generate], derandomize=True)
@given(
    seed=st.integers(0, 10**6), padding=st.sampled_from(["same", "valid"]), channels=st.sampled_from([1, 3])
)
def test_gradients_agree_with_finite_differences(seed, padding, channels):
    torch.manual_seed(seed)
    network = RonNet(5, padding=padding, channels=channels)
    nn.init.normal_(network.fc2.weight, std=0.1)
    network.eval().requires_grad_(False)
    images = torch.randn(1, channels, 48, 48)
    target = seed % 5
    gradient = attribute(network, images, [target])[0]
    exact = copy.deepcopy(as_layers(network)).double()
    rng = np.random.default_rng(seed)
    place = [rng.integers(0, n, 6) for n in (channels, 48, 48)]
    step = torch.zeros(6, channels, 48, 48, dtype=torch.float64)
    step[range(6), *place] = 1e-6
    up, down = exact(images.double() + step)[:, target], exact(images.double() - step)[:, target]
    slope = (up - down).numpy() / 2e-6
    np.testing.assert_allclose(gradient[*place], slope, rtol=1e-3, atol=1e-4 * np.abs(gradient).max())


def test_gradients_through_fourier_are_those_of_convolutions(ronnet):
    images = torch.randn(4, 1, 48, 48, generator=torch.Generator().manual_seed(4))
    plain = as_layers(ronnet)
    np.testing.assert_allclose(ronnet(images), plain(images), atol=2e-3)
    a, b = attribute(ronnet, images, [0, 1, 2, 3]), attribute(plain, images, [0, 1, 2, 3])
    np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(b).max())


def test_integrated_gradients_are_complete(ronnet):
    images = torch.randn(4, 1, 48, 48, generator=torch.Generator().manual_seed(5))
    target = np.array([0, 2, 4, 6])
    total = attribute(ronnet, images, target, "integrated").sum(axis=(1, 2, 3))
    logits = (ronnet(images) - ronnet(torch.zeros_like(images))).numpy()[np.arange(4), target]
    np.testing.assert_allclose(total, logits, rtol=0.01)


def test_integrated_gradients_are_complete_on_the_shipped_model(shared_data):
    from enicfer.models import load_model

    model = load_model()
    with np.load(shared_data / "fer2013.npz") as archive:
        faces = archive["image"][archive["split"] == 1][::1200]
    found = explain(model, faces, "integrated")
    prepared = model.prepare(faces)
    logits = (model.network(prepared) - model.network(torch.zeros_like(prepared))).numpy()
    change = logits[np.arange(len(faces)), found.target]
    error = np.abs(found.signed.sum(axis=(1, 2, 3)) - change)
    assert (error <= 0.01 * np.abs(change)).all()


def test_guided_backpropagation_passes_only_positive_gradients():
    relu_network = nn.Sequential(
        nn.Conv2d(1, 2, 1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1, bias=False)
    )
    with torch.no_grad():
        relu_network[0].weight[:, 0, 0, 0] = torch.tensor([1.0, 2.0])
        relu_network[3].weight[:] = torch.tensor([[1.0, -1.0, 1.0, 1.0, 1.0, 1.0, 1.0, -1.0]])
    image = torch.tensor([[[[1.0, 1.0], [-1.0, 1.0]]]])
    guided = attribute(relu_network, image, [0], "guided")[0, 0]
    # channel 1 passes 1 where its weight in the sum is positive, channel 2 twice as much; never where x < 0
    np.testing.assert_allclose(guided, [[1 + 2, 0 + 2], [0, 1 + 0]])


def test_layers_have_names_and_come_after_their_relu(ronnet):
    found = conv_outputs(as_layers(ronnet))
    assert list(found) == ["conv1", "conv2", "conv3"]
    assert all(isinstance(module, nn.ReLU) for module in found.values())


def test_randomising_goes_from_the_output_to_the_input(ronnet):
    images = torch.randn(2, 1, 48, 48)
    before = ronnet(images)
    names = []
    for name, changed in randomise_from_top(ronnet):
        names.append(name)
        assert not torch.allclose(changed(images), before)
        np.testing.assert_allclose(changed(images), as_layers(changed)(images), atol=1e-2)
    assert names == ["fc2", "fc1", "convs.2", "convs.1", "convs.0"]
    assert torch.equal(ronnet(images), before)


def test_explain_takes_predicted_or_given_classes_in_any_batch(model, crops):
    predicted = explain(model, crops)
    assert (predicted.target == predicted.probability.argmax(axis=1)).all()
    given = explain(model, crops, expression="sad", batch=4)
    assert (given.expression == "sad").all()
    again = explain(model, list(crops), expression=["sad"] * 6, batch=6)
    np.testing.assert_allclose(again.signed, given.signed, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_crops_give_the_same_bytes(model, crops, method):
    a, b = (explain(model, crops[:2], method).signed for _ in range(2))
    assert a.tobytes() == b.tobytes()
    assert a.dtype == np.float32 and a.shape == (2, 1, 48, 48)


def test_magnitude_and_signed_maximum_reduce_the_channels(linear):
    signed = attribute(linear, torch.randn(1, 3, 12, 12), [0])
    from enicfer.saliency.attribution.maps import Attribution

    found = Attribution("gradient", ("a",), np.zeros(1, int), np.ones((1, 1)), signed)
    assert (found.magnitude == np.abs(signed).max(axis=1)).all()
    assert (found.signed_maximum == signed.max(axis=1)).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"expression": "proud"}, "no class 'proud'.*angry, fearful"),
        ({"expression": ["sad"]}, "1 expressions for 6 images"),
        ({"method": "magic"}, "no attribution method 'magic': choose one of gradient, guided"),
    ],
)
def test_what_cannot_be_explained_is_said_in_a_sentence(model, crops, change, sentence):
    with pytest.raises(InputError, match=sentence):
        explain(model, crops, **change)


def test_crops_of_the_wrong_kind_are_refused(shared_data):
    from enicfer.models import load_model

    model = load_model()
    with pytest.raises(InputError, match="no face crops"):
        explain(model, np.empty((0, 48, 48), np.uint8))
    with pytest.raises(InputError, match=r"shape \(48, 48, 4\)"):
        explain(model, np.zeros((2, 48, 48, 4), np.uint8))


@pytest.mark.parametrize(("padding", "centres"), [("valid", (16.0, 4.0)), ("same", (2.0, 4.0))])
def test_the_cells_of_the_last_convolution_are_where_it_looks(padding, centres):
    chain = as_layers(RonNet(3, padding=padding).eval())
    last = list(conv_outputs(chain).values())[-1]
    assert find_centres(chain, last) == centres


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("middle", [(17, 19), (31, 30), (24, 24)])
def test_gradcam_is_where_the_picture_differs(padding, middle):
    """A network that only passes the picture on, shown one bright spot."""
    network = RonNet(2, padding=padding).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for conv in network.convs:
            conv.weight[0, 0, 2, 2] = 1.0
        network.fc1.weight[0, : network.fc1.in_features // 256] = 1.0
        network.fc2.weight[1, 0] = 1.0
    network.keep_spectra()
    y, x = middle
    image = torch.zeros(1, 1, 48, 48)
    image[..., y - 2 : y + 2, x - 2 : x + 2] = 1.0
    found = attribute(network, image, [1], "gradcam")[0, 0]
    place = [(found.sum(axis=1 - k) @ (np.arange(48) + 0.5)) / found.sum() for k in (0, 1)]
    np.testing.assert_allclose(place, middle, atol=2.5)
    assert found.sum() > 0
