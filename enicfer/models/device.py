"""Where networks run."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def choose_device() -> torch.device:
    """A GPU, if PyTorch sees one, else the processor (``CUDA_VISIBLE_DEVICES=""`` hides GPUs)."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch add up in one thread: sums that are split among threads are rounded otherwise."""
    before = torch.get_num_threads()
    if before > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if before > 1:
            torch.set_num_threads(before)
