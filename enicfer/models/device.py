"""Where networks run."""

import torch


def choose_device() -> torch.device:
    """A GPU, if PyTorch sees one, else the processor (``CUDA_VISIBLE_DEVICES=""`` hides GPUs)."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
