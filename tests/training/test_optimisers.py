from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from enicfer.models.ronnet import RonNet
from enicfer.training.optimisers import Muon, make_optimisers, orthogonalise
from enicfer.training.recipe import Schedule


@pytest.mark.parametrize("shape", [(16, 200), (200, 16), (64, 64)])
def test_singular_values_are_brought_near_one(shape: tuple[int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    left, _, right = torch.linalg.svd(torch.randn(shape, generator=generator), full_matrices=False)
    values = torch.linspace(1, 0.1, min(shape))
    result = orthogonalise(left * values @ right)
    after = torch.linalg.svdvals(result)
    assert after.max() < 1.3 and after.min() > 0.3
    # The directions stay: what was orthogonal to the matrix is so still.
    directions = left.T @ result @ right.T
    off = directions - directions.diag().diag()
    assert off.abs().max() < 0.15


@pytest.mark.parametrize("shape", [(64, 25), (128, 1600), (512, 2304), (512, 128)])
@pytest.mark.parametrize("rank", [1, 3, 25])
def test_directions_without_a_gradient_do_not_explode(shape: tuple[int, int], rank: int) -> None:
    generator = torch.Generator().manual_seed(rank)
    for least in (0.0, -3.0, -6.0):
        values = torch.logspace(0, least, rank) if rank > 1 else torch.ones(1)
        left, right = (
            torch.randn(*size, generator=generator) for size in ((shape[0], rank), (rank, shape[1]))
        )
        after = torch.linalg.svdvals(orthogonalise(left * values @ right))
        assert 0.5 < after.max() < 2


def test_every_parameter_has_one_optimiser_the_last_layer_adam() -> None:
    model = RonNet(4, 16, batch_norm=True)
    model.fc1.weight.requires_grad_(False)
    optimisers = make_optimisers(model, "fc2", replace(Schedule(), optimiser="muon"))
    adam, muon = (
        [id(p) for group in optimiser.param_groups for p in group["params"]] for optimiser in optimisers
    )
    trained = [id(p) for p in model.parameters() if p.requires_grad]
    assert sorted(adam + muon) == sorted(trained)
    assert muon == [id(conv.weight) for conv in model.convs]
    decayed = [p for group in optimisers[0].param_groups if group["weight_decay"] for p in group["params"]]
    assert [id(p) for p in decayed] == [id(model.fc2.weight)]
    (only,) = make_optimisers(model, "fc2", replace(Schedule(), optimiser="adamw"))
    assert isinstance(only, torch.optim.AdamW)


def test_all_directions_are_learnt_alike() -> None:
    inputs = torch.eye(8) * torch.linspace(1, 0.1, 8)
    layer = nn.Linear(8, 8, bias=False)
    nn.init.zeros_(layer.weight)
    optimiser = Muon([layer.weight], lr=0.02)
    for _ in range(20):
        optimiser.zero_grad()
        (layer(inputs) - inputs).square().sum().backward()
        optimiser.step()
    learnt = layer.weight.detach().diag()
    # Gradient descent would have learnt the weakest direction a hundredth as well as the strongest.
    assert learnt.min() > 0.4 * learnt.max() > 0


def test_weights_shrink_without_a_gradient_to_speak_of() -> None:
    weight = nn.Parameter(torch.ones(4, 4))
    weight.grad = torch.zeros(4, 4)
    Muon([weight], lr=0.1, weight_decay=0.5).step()
    np.testing.assert_allclose(weight.detach().numpy(), 0.95)
