"""How many face crops per second one core classifies, and how it could be done otherwise.

    python benchmarks/classifier_speed.py

Times processor seconds of one thread, so that other programs on the machine matter less; the
ways are interleaved and the best of the rounds counts.  Prints a Markdown table.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from enicfer.models import load_model

WAYS = ("classifier", "fourier", "direct", "channels last")


def direct(network: torch.nn.Module, x: Tensor) -> Tensor:
    """RonNet by the library's own convolutions."""
    for conv in network.convs:
        x = functional.max_pool2d(torch.relu(conv(x)), 2)
    return network.fc2(torch.relu(network.fc1(x.flatten(1))))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 16, 64])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=64)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model()
    network = model.network
    crops = np.random.default_rng(0).integers(0, 256, (options.images, 48, 48), np.uint8)
    inputs = model.prepare(crops)
    last = inputs.contiguous(memory_format=torch.channels_last)
    copy = load_model().network.to(memory_format=torch.channels_last)
    print("| images in a batch | " + " | ".join(WAYS) + " |")
    print("| --- " * (len(WAYS) + 1) + "|")
    for batch in options.batches:
        best = dict.fromkeys(WAYS, 0.0)
        runs: dict[str, Callable[[int], object]] = {
            "classifier": lambda i, b=batch: model.predict(crops[i : i + b]),
            "fourier": lambda i, b=batch: network(inputs[i : i + b]),
            "direct": lambda i, b=batch: direct(network, inputs[i : i + b]),
            "channels last": lambda i, b=batch: direct(copy, last[i : i + b]),
        }
        for _ in range(options.rounds):
            for way, run in runs.items():
                start = time.thread_time()
                for i in range(0, options.images, batch):
                    run(i)
                best[way] = max(best[way], options.images / (time.thread_time() - start))
        print(f"| {batch} | " + " | ".join(f"{best[way]:.0f}" for way in WAYS) + " |", flush=True)


if __name__ == "__main__":
    with torch.no_grad():
        main()
