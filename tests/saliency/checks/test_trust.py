from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from enicfer.errors import ModelError
from enicfer.faces.crop import REFERENCE
from enicfer.models import load_model
from enicfer.saliency.attribution.maps import METHODS, check_method
from enicfer.saliency.checks.deletion import deletion_insertion
from enicfer.saliency.checks.trust import check_trust, magnitudes, similarity
from enicfer.saliency.figures.groups import draw_trust
from enicfer.saliency.image_maps import explain_faces
from enicfer.saliency.pictures import FaceCrops
from tests.thorough import only_thorough


@pytest.fixture(scope="module")
def images(patch_network):
    side = patch_network.side
    return torch.rand(8, 1, side, side, generator=torch.Generator().manual_seed(0)) + 0.5


def test_a_true_map_deletes_and_inserts_faster_than_chance(patch_network, images):
    target = np.zeros(8, int)
    maps = magnitudes(patch_network, images, target, "gradient")
    curves = deletion_insertion(patch_network, images, target, maps)
    area = {kind: {o: v.mean() for o, v in orders.items()} for kind, orders in curves.items()}
    assert area["deletion"]["map"] < min(area["deletion"]["random"], area["deletion"]["centre"]) - 0.05
    for orders in curves.values():
        starts = [curve[:, 0] for curve in orders.values()]
        np.testing.assert_allclose(starts[0], starts[1])
        np.testing.assert_allclose(
            [c[:, -1] for c in orders.values()], [starts[0] * 0 + orders["map"][:, -1]] * 3
        )


def test_a_map_of_the_wrong_place_does_not(patch_network, images):
    target = np.zeros(8, int)
    wrong = 1 / (1 + magnitudes(patch_network, images, target, "gradient"))
    curves = deletion_insertion(patch_network, images, target, wrong)["deletion"]
    assert curves["map"].mean() > curves["random"].mean()


def test_random_weights_destroy_the_gradient_and_the_report_says_so(ronnet):
    images = torch.randn(4, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    trust = check_trust(ronnet, images, [0, 1, 2, 3], "gradient", ("gradient", "guided"))
    assert trust.layer == ("fc2", "fc1", "convs.2", "convs.1", "convs.0")
    assert trust.rank_correlation[-1, 0] < 0.3
    assert "the map is of the network" in trust.sentences()[0]
    np.testing.assert_allclose(trust.agreement, trust.agreement.T)
    np.testing.assert_allclose(np.diag(trust.agreement), 1)


def test_a_map_that_copies_the_picture_is_not_believed(ronnet, monkeypatch):
    """What an edge detector would give: the same map whatever the network is."""
    monkeypatch.setitem(METHODS, "copy", lambda network, images, target: images)
    images = torch.randn(4, 1, 48, 48, generator=torch.Generator().manual_seed(2))
    trust = check_trust(ronnet, images, [0, 1, 2, 3], "copy", ("copy",))
    np.testing.assert_allclose(trust.rank_correlation, 1)
    assert "do not believe it" in trust.sentences()[0]


class Functional(nn.Module):
    """A network whose ReLUs are functions, as GoogLeNet's."""

    def __init__(self):
        super().__init__()
        self.conv, self.last = nn.Conv2d(1, 3, 3), nn.Linear(3 * 22 * 22, 2)

    def forward(self, x):
        return self.last(torch.relu(self.conv(x)).flatten(1))


def test_methods_that_a_network_does_not_allow_are_left_out(images):
    torch.manual_seed(0)
    network = Functional().eval()
    trust = check_trust(network, images, np.zeros(8, int))
    assert trust.methods == ("gradient", "smoothgrad", "integrated", "occlusion")
    assert trust.agreement.shape == (4, 4)
    assert trust.sentences()[-1] == (
        "guided, gradcam are not among them: they need ReLUs that are modules, which Functional does not have."
    )
    with pytest.raises(ModelError, match="Functional has no ReLU modules"):
        check_method("guided", network)


@pytest.mark.slow
@only_thorough
def test_the_default_checks_run_with_googlenet(shared_data, monkeypatch):
    monkeypatch.setattr("enicfer.saliency.attribution.maps.MOST_STEPS", 32)
    model = load_model("googlenet-7")
    noise = np.random.default_rng(0).integers(0, 256, (3, 8, 8)).astype(np.uint8).repeat(8, 1).repeat(8, 2)
    faces = FaceCrops(
        name=np.array(["a", "b", "c"]),
        subject=np.array(["a", "b", "c"]),
        crop=noise,
        picture=noise,
        landmarks=np.tile(REFERENCE, (3, 1, 1)),
        found=np.ones(3, bool),
    )
    trust = explain_faces(model, faces).trust
    assert "guided" not in trust.methods and "guided, gradcam are not among" in trust.sentences()[-1]


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_images_give_no_verdict(ronnet, n):
    """The gradient of a network that passes with four images: one or two allow no interval."""
    images = torch.randn(4, 1, 48, 48, generator=torch.Generator().manual_seed(1))[:n]
    trust = check_trust(ronnet, images, range(n), "gradient", ("gradient",))
    first = trust.sentences()[0]
    assert "too few images to judge" in first and "believe" not in first and "is of the network" not in first
    assert np.isfinite(trust.chance[0]) == (n > 1)
    assert ("another image's map" in first) == (n > 1)
    assert all("too few images to judge" in line for line in trust.sentences()[1:])
    assert draw_trust(trust, "gradient")


@pytest.fixture(scope="module")
def small_trust(ronnet):
    images = torch.randn(3, 1, 48, 48, generator=torch.Generator().manual_seed(1))
    return check_trust(ronnet, images, [0, 1, 2], "gradient", ("gradient", "occlusion"))


@pytest.mark.parametrize(
    ("value", "text"), [(1.0, "1"), (0.997, "1"), (0.123, ".12"), (0.0, "0"), (-0.05, "-.05"), (-0.999, "-1")]
)
def test_correlations_in_the_figure_are_what_they_are(small_trust, value, text):
    trust = small_trust
    figure = draw_trust(replace(trust, agreement=np.array([[1, value], [value, 1]])), "gradient")
    assert [drawn.get_text() for drawn in figure.axes[-1].texts] == ["1", text, text, "1"]


def test_similarity_is_one_for_equal_and_zero_for_other_maps():
    a, b = np.random.default_rng(0).random((2, 3, 48, 48)).astype(np.float32)
    rank, structure = similarity(a, 5 * a)
    np.testing.assert_allclose(rank, 1)
    np.testing.assert_allclose(structure, 1, atol=1e-5)
    rank, structure = similarity(a, b)
    assert (np.abs(rank) < 0.1).all() and (np.abs(structure) < 0.2).all()
    assert np.isnan(similarity(a, np.zeros_like(a))).all()


@only_thorough
def test_blank_maps_do_not_pass_the_check(ronnet, monkeypatch):
    """A map of the picture alone that is blank for three of eight images, under any weights."""

    def copy(network, images, target):
        return images * (torch.as_tensor(target) > 2).float()[:, None, None, None]

    monkeypatch.setitem(METHODS, "copy", copy)
    images = torch.randn(8, 1, 48, 48, generator=torch.Generator().manual_seed(2))
    trust = check_trust(ronnet, images, [0, 1, 2, 3, 4, 5, 6, 3], "copy", ("copy", "gradient"))
    np.testing.assert_allclose(trust.rank_correlation, 1)
    assert trust.blank == 3 and np.isfinite(trust.agreement).all()
    first, second, *_ = trust.sentences()
    assert "do not believe it (5 images)" in first
    assert (
        second
        == "3 of 8 images have a blank map, with the trained or the random weights, and are left out of that."
    )
    monkeypatch.setitem(METHODS, "copy", lambda network, images, target: 0 * images)
    nothing = check_trust(ronnet, images, [0] * 8, "copy", ("copy", "gradient"))
    assert "too few images to judge (0 images)" in nothing.sentences()[0]
    assert not any("nan" in line for line in nothing.sentences())
    assert draw_trust(nothing, "copy")


def test_where_any_network_looks_is_not_the_picture_s_share(crops):
    """The shipped RonNet, without padding, sees the border less, whatever its weights."""
    network = load_model("ronnet-7").network
    images = load_model("ronnet-7").prepare(crops)
    trust = check_trust(network, images, np.arange(len(images)) % 7, methods=())
    assert trust.geometry[0] > 0.1
    assert "the map is of the network" in trust.sentences()[0]
