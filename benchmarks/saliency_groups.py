"""How often groups of maps without a difference are called different, and a planted one is found.

    python benchmarks/saliency_groups.py [--runs 1000] [-o benchmarks/results]

Maps are made: smooth fields, with a pattern of each subject's own and one of each image. The groups differ in the
number of subjects, in the number of images per subject and in the spread between subjects; beside `compare_groups`
stands Welch's t with the labels of the groups exchanged. The family-wise error should be 0.05.
"""

import argparse
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from enicfer.saliency.groups.statistics import compare_groups

SIZE, SMOOTH, DRAWS = 16, 1.5, 199
FEW, MANY, SOME = (1, 2), (20, 40), (3, 5)
# subjects of A and B, spread between subjects of A and B, images per subject of A and B, skewed values
DESIGNS = (
    (8, 8, 1, 1, SOME, SOME, False),
    (12, 12, 1, 1, SOME, SOME, False),
    (30, 30, 1, 1, SOME, SOME, False),
    (8, 30, 1, 1, SOME, SOME, False),
    (15, 30, 2, 1, SOME, SOME, False),
    (30, 8, 2, 1, SOME, SOME, False),
    (8, 15, 4, 1, SOME, SOME, False),
    (8, 30, 4, 1, SOME, SOME, False),
    (30, 30, 4, 1, SOME, SOME, False),
    (8, 8, 0.3, 0.3, FEW, MANY, False),
    (12, 12, 0.3, 0.3, FEW, MANY, False),
    (8, 30, 0.3, 0.3, FEW, MANY, False),
    (30, 8, 0.3, 0.3, FEW, MANY, False),
    (12, 12, 0.3, 0.3, (1, 40), (1, 40), False),
    (12, 12, 1, 1, SOME, SOME, True),
    (8, 30, 1, 1, SOME, SOME, True),
    (8, 30, 0.3, 0.3, FEW, MANY, True),
)
# subjects of A and B, size of the planted difference, skewed values
PLANTED = ((8, 8, 2.0, False), (12, 12, 1.5, False), (20, 20, 1.1, False), (30, 30, 0.9, False))


def make_fields(rng: np.random.Generator, count: int, skewed: bool) -> np.ndarray:
    """``(count, SIZE, SIZE)`` smooth fields with mean 0 and a variance of about 1."""
    fields = 5.3 * gaussian_filter(rng.normal(size=(count, SIZE, SIZE)), (0, SMOOTH, SMOOTH))
    return np.exp(0.7 * fields) - np.exp(0.245) if skewed else fields


def make_group(
    rng: np.random.Generator, subjects: int, spread: float, images: tuple[int, int], skewed: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Maps ``(n, SIZE * SIZE)`` of all images of a group, and the subject of each."""
    counts = rng.integers(images[0], images[1] + 1, subjects)
    unit = np.repeat(np.arange(subjects), counts)
    maps = spread * make_fields(rng, subjects, skewed)[unit] + make_fields(rng, len(unit), skewed)
    return maps.reshape(len(unit), -1), unit


def exchange_labels(a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> float:
    """Smallest corrected p of Welch's t when the groups' labels of subjects (rows) are exchanged."""
    values = np.concatenate([a, b]) - np.concatenate([a, b]).mean(axis=0)
    n, k = len(a), len(b)
    group = np.zeros((DRAWS + 1, n + k))
    group[0, :n] = 1
    for row in group[1:]:
        row[rng.permutation(n + k)[:n]] = 1
    total, squares = group @ values, group @ values**2
    mean, other = total / n, (values.sum(axis=0) - total) / k
    variance = (squares - n * mean**2) / (n - 1)
    rest = ((values**2).sum(axis=0) - squares - k * other**2) / (k - 1)
    largest = np.abs((mean - other) / np.sqrt(variance / n + rest / k)).max(axis=1)
    return float((largest >= largest[0] - 1e-9).mean())


def average(maps: np.ndarray, unit: np.ndarray) -> np.ndarray:
    """Mean map of each subject."""
    return np.stack([maps[unit == u].mean(axis=0) for u in np.unique(unit)])


def measure(design: tuple, runs: int, planted: float = 0.0) -> tuple[float, float]:
    """Part of the runs in which a difference is found: by `compare_groups`, and with labels exchanged."""
    n, k, spread, other, images, images_b, skewed = design
    where = np.zeros((SIZE, SIZE))
    where[4:8, 4:8] = planted
    found = np.zeros(2)
    for run in range(runs):
        rng = np.random.default_rng(run)
        (a, u), (b, v) = (
            make_group(rng, n, spread, images, skewed),
            make_group(rng, k, other, images_b, skewed),
        )
        a = a + where.ravel()
        p = np.nanmin(compare_groups(a, b, u, v + n, permutations=DRAWS, seed=run).p)
        found += [p <= 0.05, exchange_labels(average(a, u), average(b, v), rng) <= 0.05]
    return found[0] / runs, found[1] / runs


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("-o", "--output", type=Path, default=Path("benchmarks/results"))
    arguments = parser.parse_args()
    lines = [
        f"{arguments.runs} comparisons a row, {SIZE} x {SIZE} pixels, {DRAWS} draws. Error: part in which any pixel "
        "differs though none does; 0.05 is right.",
        "",
        "| subjects | spread between subjects | images per subject | values | error | labels exchanged |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for design in DESIGNS:
        n, k, spread, other, images, images_b, skewed = design
        error, before = measure(design, arguments.runs)
        shape = "skewed" if skewed else "symmetric"
        lines.append(
            f"| {n}, {k} | {spread:g}, {other:g} | {images[0]}-{images[1]}, {images_b[0]}-{images_b[1]} | {shape} "
            f"| {error:.3f} | {before:.3f} |"
        )
        print(lines[-1], flush=True)
    lines += ["", "| subjects | planted difference | found | labels exchanged |", "| --- | --- | --- | --- |"]
    for n, k, size, skewed in PLANTED:
        power, before = measure((n, k, 1, 1, SOME, SOME, skewed), arguments.runs // 2, size)
        lines.append(f"| {n}, {k} | {size:g} | {power:.3f} | {before:.3f} |")
        print(lines[-1], flush=True)
    path = arguments.output / "saliency_groups.md"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
