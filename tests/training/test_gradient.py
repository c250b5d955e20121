from collections.abc import Callable

import pytest
import torch

from enicfer.models.preprocessing import as_tensor
from enicfer.models.ronnet import ShiftNorm
from enicfer.training.datasets.images import FaceImages
from enicfer.training.gradient import GradientWorkers, class_weights, objective
from enicfer.training.networks import build_network
from enicfer.training.recipe import Recipe, Schedule


def test_votes_count_only_where_there_are_some() -> None:
    plan = Schedule(smoothing=0.2, vote_weight=1.0)
    logits = torch.randn(2, 6, generator=torch.Generator().manual_seed(0))
    votes = torch.tensor([[0.5, 0.5, 0.0], [float("nan")] * 3])
    label = torch.tensor([0, 1])
    log_p, log_q = logits[:, :3].log_softmax(1), logits[:, 3:].log_softmax(1)
    first = -(0.9 * log_p[0, 0] + 0.1 * log_p[0, 1])
    second = -(0.8 * log_p[1, 1] + 0.2 * log_p[1].mean())
    second_output = -(0.5 * log_q[0, 0] + 0.5 * log_q[0, 1])
    expected = (first + second + second_output) / 2
    torch.testing.assert_close(objective(logits, label, votes, plan, torch.ones(3)), expected)
    double = objective(logits, label, votes, plan, torch.tensor([2.0, 1.0, 1.0]))
    torch.testing.assert_close(double, expected + first / 2)


@pytest.mark.parametrize("balance", [0.0, 0.5, 1.0])
def test_balance_runs_from_images_to_classes(balance: float) -> None:
    label = torch.tensor([0] * 16 + [1] * 4 + [2])
    weight = class_weights(label, 3, balance)
    assert weight[label].mean().item() == pytest.approx(1)
    assert (weight[1] / weight[0]).item() == pytest.approx(4**balance)
    assert (weight[2] / weight[0]).item() == pytest.approx(16**balance)


@pytest.mark.parametrize(("step", "least", "most"), [(0, 0, 1e4), (1, 4e5, 6e5), (5000, 9.8e5, 1e6)])
def test_statistics_forget_their_start_at_once_and_batches_later(
    step: int, least: float, most: float, small: Recipe, stripes: Callable[..., FaceImages]
) -> None:
    data, model = stripes(), build_network(small)
    norm = model.get_submodule("norms.0")
    assert isinstance(norm, ShiftNorm)
    norm.running_var.fill_(1e6)
    tensors = as_tensor(data.image), torch.from_numpy(data.label), torch.from_numpy(data.votes)
    GradientWorkers(model, small, *tensors).differentiate(torch.arange(16), step)
    assert least <= float(norm.running_var.min()) <= float(norm.running_var.max()) <= most


def test_off_the_cpu_no_part_of_a_step_stays_there(small: Recipe, stripes: Callable[..., FaceImages]) -> None:
    """Tensors without values refuse to meet others, as a GPU's do; only the number at the end is not to be had."""
    data, model = stripes(), build_network(small).to("meta")
    votes = torch.from_numpy(data.votes)
    taught = torch.full_like(votes, 1 / votes.shape[1])
    workers = GradientWorkers(
        model, small, as_tensor(data.image), torch.from_numpy(data.label), votes, taught
    )
    assert len(workers.replicas) == 1
    with pytest.raises(RuntimeError, match=r"item\(\) cannot be called on meta tensors"):
        workers.differentiate(torch.arange(16), 0)
