"""Images per second of training on one core, and what the data path costs of it.

    python benchmarks/training_speed.py

Times processor seconds of one thread on random images; the best of the rounds counts.  Prints a
Markdown table.
"""

import argparse
import time
from dataclasses import replace

import numpy as np
import torch

from enicfer.models.preprocessing import as_tensor, standardise
from enicfer.training.augmentation import augment
from enicfer.training.gradient import objective
from enicfer.training.networks import build_network
from enicfer.training.recipe import Network, Recipe


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=4)
    options = parser.parse_args()
    torch.set_num_threads(1)
    generator = torch.Generator().manual_seed(0)
    numbers = np.random.default_rng(0)
    images = as_tensor(numbers.integers(0, 256, (options.batch, 48, 48), np.uint8))
    label = torch.from_numpy(numbers.integers(0, 7, options.batch))
    votes = torch.full((options.batch, 7), 1 / 7)
    print("| network | padding | images/s | data path, part of a step |")
    print("| --- | --- | --- | --- |")
    for architecture, padding in (("ronnet", "same"), ("ronnet", "valid"), ("googlenet", "")):
        plan = Network(architecture=architecture, padding=padding or "same")
        recipe = replace(Recipe(), network=plan)
        network = build_network(recipe).train()
        optimiser = torch.optim.AdamW(network.parameters(), fused=True)
        whole, data = float("inf"), float("inf")
        for _ in range(options.rounds):
            start = time.thread_time()
            batch = standardise(augment(images, recipe.augmentation, generator))
            ready = time.thread_time()
            loss = objective(network(batch), label, votes, recipe.schedule, torch.ones(7))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            whole = min(whole, time.thread_time() - start)
            data = min(data, ready - start)
        rate = options.batch / whole
        print(f"| {architecture} | {padding} | {rate:.0f} | {data / whole:.1%} |", flush=True)


if __name__ == "__main__":
    main()
