"""How a step follows from a gradient.

Conventions: weight decay is decoupled (Loshchilov and Hutter 2019, arXiv:1711.05101) and spares biases.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from enicfer.training.recipe import Schedule

# Newton-Schulz iteration of Jordan et al. (2024, Muon): coefficients that raise small singular values fast.
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
ITERATIONS = 5


def make_optimisers(model: nn.Module, last: str, plan: Schedule) -> list[torch.optim.Optimizer]:
    """Make the optimisers of a network's trained parameters.

    Parameters
    ----------
    model
    last
        Name of the output layer, whose weights are never orthogonalised.
    plan
        `optimiser` is "adamw", or "muon" for the hidden layers and AdamW for the rest.
    """
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    matrices = {name for name, p in trained.items() if p.ndim > 1}
    hidden = (
        {name for name in matrices if not name.startswith(f"{last}.")} if plan.optimiser == "muon" else set()
    )
    groups = [
        {
            "params": [trained[n] for n in trained if n in matrices - hidden],
            "weight_decay": plan.weight_decay,
        },
        {"params": [trained[n] for n in trained if n not in matrices], "weight_decay": 0.0},
    ]
    result: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=plan.learning_rate, betas=(0.9, 0.99), fused=True)
    ]
    if hidden:
        result.append(
            Muon([trained[n] for n in trained if n in hidden], plan.learning_rate, plan.weight_decay)
        )
    return result


class Muon(torch.optim.Optimizer):
    """Momentum whose direction is orthogonalised: every singular value of a step is about the same.

    Jordan et al. (2024), Muon: an optimizer for hidden layers, kellerjordan.github.io/posts/muon. Steps have the
    size of Adam's (Liu et al. 2025, arXiv:2502.16982), so that learning rates are alike.

    Parameters
    ----------
    params
        Weights with two or more axes; the first is the outputs.
    lr, weight_decay, momentum
    """

    def __init__(
        self, params: Iterable[Tensor], lr: float, weight_decay: float = 0.0, momentum: float = 0.95
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Make a step; there is no closure."""
        for group in self.param_groups:
            rate = group["lr"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                mean = state.setdefault("momentum", torch.zeros_like(parameter))
                mean.lerp_(parameter.grad, 1 - group["momentum"])
                ahead = parameter.grad.lerp(mean, group["momentum"]).flatten(1)
                size = 0.2 * math.sqrt(max(ahead.shape))
                parameter.mul_(1 - rate * group["weight_decay"])
                parameter.add_(orthogonalise(ahead).view_as(parameter), alpha=-rate * size)


def orthogonalise(matrix: Tensor) -> Tensor:
    """Bring the singular values of a matrix (rows, columns) near 1, between about 0.7 and 1.2.

    The polynomials of the iteration are gathered on the small Gram matrix: two products with the matrix
    itself instead of ten.
    """
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (torch.linalg.matrix_norm(wide) + 1e-7)
    # In full precision: rounded, it has eigenvalues below zero, which the iteration raises without end.
    gram = x @ x.T
    identity = torch.eye(len(gram), device=gram.device)
    a, b, c = COEFFICIENTS
    total = identity
    for number in range(ITERATIONS):
        polynomial = a * identity + b * gram + c * (gram @ gram)
        total = polynomial @ total if number else polynomial
        if number < ITERATIONS - 1:
            gram = polynomial @ gram @ polynomial
    # Half precision would be enough, but processors without instructions for it take fifty times as long.
    result = total @ x
    return result if wide is matrix else result.T
