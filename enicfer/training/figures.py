"""Figures of an evaluation: they draw numbers and compute none.

Conventions: one function writes one PNG file, replaced atomically, with the same bytes for the
same numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from enicfer.io.files.atomic import replacing
from enicfer.models.calibration import Reliability
from enicfer.training.metrics import Coverage

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_confusion(labels: Sequence[str], confusion: np.ndarray, path: Path) -> None:
    """Draw a confusion matrix: colour is the part of the true label, text the count."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 5.4), layout="constrained")
    axes = figure.subplots()
    total = confusion.sum(axis=1, keepdims=True)
    part = confusion / np.where(total > 0, total, 1)
    axes.imshow(part, cmap="Blues", vmin=0, vmax=1)
    for row in range(len(labels)):
        for column in range(len(labels)):
            colour = "white" if part[row, column] > 0.55 else "black"
            text = f"{part[row, column]:.0%}\n{confusion[row, column]}"
            axes.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    _save(figure, path)


def draw_reliability(before: Reliability, after: Reliability, path: Path, fitted: bool = False) -> None:
    """Draw accuracy against confidence, before and after temperature scaling.

    Parameters
    ----------
    before, after
    path
    fitted
        The temperature was fitted on these very images; the figure says so.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linestyle=":")
    remark = " (fitted on these images)" if fitted else ""
    for curve, name, colour in ((before, "before", "tab:orange"), (after, "after", "tab:blue")):
        text = f"{name} calibration{remark if curve is after else ''}, ECE {curve.error:.3f}"
        axes.plot(curve.confidence, curve.accuracy, marker="o", color=colour, label=text)
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left", frameon=False)
    _save(figure, path)


def draw_coverage(curve: Coverage, path: Path) -> None:
    """Draw the accuracy among the most confident part of the images."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(curve.coverage, curve.accuracy, color="tab:blue")
    axes.set(xlabel="part of the images that get an answer", ylabel="accuracy", xlim=(0, 1))
    axes.grid(alpha=0.3)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    # Without its own name and version in the file, matplotlib writes the same bytes each time.
    with replacing(path) as partial:
        figure.savefig(partial, format="png", dpi=120, metadata={"Software": None})
