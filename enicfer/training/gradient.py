"""The gradient of one batch: augmentation, network, loss, on several threads.

Conventions: images are float32 in 0-1, (n, channels, size, size), until `standardise`; augmentation
and dropout take their random numbers from (seed, step), never from a shared generator.
"""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from itertools import count, repeat

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from enicfer.models.preprocessing import standardise
from enicfer.models.ronnet import SeededDropout, ShiftNorm
from enicfer.training.augmentation import augment
from enicfer.training.recipe import Recipe, Schedule
from enicfer.training.teachers import learn_from

# Of the running statistics of RonNet's normalisation, in the long run.
MOMENTUM = 0.01


class GradientWorkers:
    """Threads that each take a part of every batch.

    One thread per part, with single-threaded matrix products, meets the others once a step; the
    library's own threads meet in every product, and on a busy machine wait there for each other.

    Parameters
    ----------
    model
        Receives the gradients; where it is on a GPU, one thread feeds it.
    recipe
        `schedule.threads` is the number of parts.
    images, label, votes
        The whole training part.
    taught
        What teachers say about it (`enicfer.training.teachers`).
    """

    def __init__(
        self,
        model: nn.Module,
        recipe: Recipe,
        images: Tensor,
        label: Tensor,
        votes: Tensor,
        taught: Tensor | None = None,
    ) -> None:
        self.model, self.recipe = model, recipe
        self.images, self.label, self.votes, self.taught = images, label, votes, taught
        self.device = next(model.parameters()).device
        self.weight = class_weights(label, votes.shape[1], recipe.schedule.balance).to(self.device)
        threads = recipe.schedule.threads if self.device.type == "cpu" else 1
        self.replicas = [copy.deepcopy(model).train() for _ in range(threads)]
        for replica in self.replicas:
            _keep_frozen_statistics(replica)
            for own, shared in zip(replica.parameters(), model.parameters(), strict=True):
                own.data = shared.data
        self.pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        torch.set_num_threads(1)

    def differentiate(self, rows: Tensor, step: int) -> float:
        """Put the gradient of the mean loss of these images into the model; return the loss."""
        parts = [part for part in rows.tensor_split(len(self.replicas)) if len(part)]
        numbers, steps = count(step * len(parts)), repeat(step)
        results = list(self.pool.map(self._part, self.replicas, parts, numbers, steps))
        share = [len(part) / len(rows) for part in parts]
        for i, parameter in enumerate(trained_parameters(self.model)):
            parameter.grad = _mean(share, [grads[i] for _, grads in results])
        # The statistics of batch normalisation are linear in the batches: their mean is exact.
        buffers = [list(replica.buffers()) for replica in self.replicas[: len(parts)]]
        for i, buffer in enumerate(self.model.buffers()):
            if not buffer.is_floating_point():
                continue
            buffer.copy_(_mean(share, [own[i] for own in buffers]))
            for own in buffers:
                own[i].copy_(buffer)
        return sum(s * loss for s, (loss, _) in zip(share, results, strict=True))

    def _part(self, replica: nn.Module, rows: Tensor, number: int, step: int) -> tuple[float, list[Tensor]]:
        plan = self.recipe.schedule
        generator = seeded_generator(plan.seed, number, stream=2)
        for module in replica.modules():
            if isinstance(module, SeededDropout):
                module.generator = generator
            if isinstance(module, ShiftNorm):
                # The mean of all batches so far, then of about the last hundred: with the rate of the latter alone,
                # a run of 80 steps keeps nearly half of the values that the statistics began with.
                module.momentum = max(MOMENTUM, 1 / (step + 1))
        images = augment(self.images[rows], self.recipe.augmentation, generator).to(self.device)
        label, votes = self.label[rows].to(self.device), self.votes[rows].to(self.device)
        half = plan.precision == "bfloat16"
        with torch.autocast(self.device.type, torch.bfloat16) if half else nullcontext():
            logits = replica(standardise(images)).float()
        loss = objective(logits, label, votes, plan, self.weight)
        if self.taught is not None:
            lesson = self.recipe.distillation
            own = logits[:, : self.taught.shape[1]]
            taught = self.taught[rows].to(self.device)
            loss = torch.lerp(loss, learn_from(taught, own, lesson.temperature), lesson.share)
        return loss.item(), list(torch.autograd.grad(loss, trained_parameters(replica)))


def _mean(share: list[float], tensors: list[Tensor]) -> Tensor:
    total = tensors[0] * share[0]
    for weight, tensor in zip(share[1:], tensors[1:], strict=True):
        total.add_(tensor, alpha=weight)
    return total


def _keep_frozen_statistics(model: nn.Module) -> None:
    """A frozen batch normalisation keeps its mean and variance, too."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
            module.eval()


def trained_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Parameters that are not frozen."""
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def class_weights(label: Tensor, classes: int, balance: float) -> Tensor:
    """Weights (classes,) of the images of each class, with mean 1 over the images.

    Parameters
    ----------
    label
        ``(n,)``.
    classes
    balance
        0: every image counts the same; 1: every class; between: a power of the class's size.
    """
    counts = torch.bincount(label, minlength=classes).clamp_min(1)
    weight = counts.double() ** -balance
    return (weight / weight[label].mean()).float()


def objective(logits: Tensor, label: Tensor, votes: Tensor, plan: Schedule, weight: Tensor) -> Tensor:
    """Cross-entropy with the label softened by the votes, plus the second output's with the votes.

    Parameters
    ----------
    logits
        ``(n, k)`` or ``(n, 2 k)``.
    label
        ``(n,)``.
    votes
        ``(n, k)``: naN where there are none.
    plan
    weight
        ``(k,)``: how much an image counts in the loss of the labels (`class_weights`).
    """
    k = votes.shape[1]
    voted = ~votes.isnan().any(1, keepdim=True)
    soft = torch.where(voted, votes, torch.full_like(votes, 1 / k))
    target = torch.lerp(functional.one_hot(label, k).float(), soft, plan.smoothing)
    loss = (functional.cross_entropy(logits[:, :k], target, reduction="none") * weight[label]).mean()
    if logits.shape[1] > k:
        each = functional.cross_entropy(logits[:, k:], soft, reduction="none")
        loss = loss + plan.vote_weight * (each * voted[:, 0]).mean()
    return loss


def seeded_generator(seed: int, counter: int, stream: int) -> torch.Generator:
    """Random numbers that depend on these three numbers alone."""
    # SeedSequence mixes the three numbers; neighbouring seeds alone would be correlated.
    state = np.random.SeedSequence([seed, stream, counter]).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(state >> 1))
