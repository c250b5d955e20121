"""How many images a lab must label: zero-shot, refit, transfer and direct training, rehearsed without child's data.

    python benchmarks/rehearsal.py FER2013.npz WORK [-o benchmarks/results] [--threads 2] [--quick]

The network is a RonNet without padding. Source: FER2013's Training part without 6,395 images drawn at random (the
number of children's images in the original work). Target: those 6,395 and the PublicTest part under imitated lab
conditions (`enicfer.training.lab_conditions`), each image with one, drawn once. Every regime is scored on the
PublicTest images that do not occur in Training. It is a rehearsal with adults' and children's faces from the web: the
shape of the curve carries over, its level does not. Subjects of FER2013 are unknown, so people may be in source and
target. WORK keeps the runs, and a second call continues them.
Writes rehearsal.csv, rehearsal.md and rehearsal.svg.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from enicfer.models import load_model
from enicfer.models.preprocessing import as_tensor
from enicfer.training.commands import prepare_recipe
from enicfer.training.datasets import read_dataset
from enicfer.training.export import export_model
from enicfer.training.lab_conditions import imitate_lab
from enicfer.training.recipe import Distillation, Transfer
from enicfer.training.refit import train_or_refit
from enicfer.training.splits import TRAIN, VALIDATION

COUNTS = (100, 300, 1000, 3000, 6395)
STEPS, BATCH = 800, 64  # rounded up to whole epochs
REGIMES = {
    "zero-shot": "the source model as it is",
    "refit": "the source model, its last layer fitted to the target and held to the source (`own-children`)",
    "transfer": "the source model, its convolutions frozen, trained on the target",
    "direct": "a new network, trained on the target alone",
}


def in_the_lab(data, seed):
    """The same images, each under one imitated condition."""
    generator = torch.Generator().manual_seed(seed)
    images = [imitate_lab(as_tensor(chunk), 1.0, generator) for chunk in np.array_split(data.image, 64)]
    return replace(data, image=(torch.cat(images)[:, 0] * 255).round().to(torch.uint8).numpy())


def parts(data, seed=0):
    """A tenth of the images validates (it decides nothing)."""
    order = np.random.default_rng(seed).permutation(len(data))
    split = np.full(len(data), TRAIN, "<U10")
    split[order[: len(data) // 10]] = VALIDATION
    return replace(data, split=split)


def run(recipe, data, folder):
    """Train, or continue, and load the model."""
    path = folder / "model.safetensors"
    if not path.exists():
        export_model(train_or_refit(recipe, data, folder), recipe, data, path)
    return load_model(path)


def schedule(recipe, count, **settings):
    """The same number of steps for every number of images, or the curve shows the length of the training."""
    epochs = -(-STEPS // ((count - count // 10) // BATCH))
    return replace(recipe, schedule=replace(recipe.schedule, epochs=epochs, batch_size=BATCH, **settings))


def draw(rows, path):
    """Accuracy against the number of labelled images."""
    import matplotlib

    matplotlib.rcParams["svg.hashsalt"] = "enicfer"
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.6, 3.6), layout="constrained")
    axes = figure.subplots()
    for regime in ("refit", "transfer", "direct"):
        chosen = [row for row in rows if row[0] == regime]
        axes.errorbar(
            [r[1] for r in chosen], [r[2] for r in chosen], [r[3] for r in chosen], marker="o", label=regime
        )
    axes.axhline(rows[0][2], color="grey", linestyle="--", label="zero-shot")
    axes.set_xscale("log")
    axes.set_xticks(COUNTS, [f"{count:,}" for count in COUNTS], minor=False)
    axes.minorticks_off()
    axes.set_xlabel("labelled images of the target")
    axes.set_ylabel("accuracy on the target, seven labels")
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})


def main():
    """Train all regimes, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=8, help="of the source model")
    parser.add_argument("--quick", action="store_true", help="few images; shows only that it runs")
    options = parser.parse_args()

    recipe = prepare_recipe(Path("ronnet-7"), options.data)
    plan = replace(
        recipe.schedule, precision=options.precision, threads=options.threads, epochs=options.epochs
    )
    # No teachers: they have seen the target's images.
    recipe = replace(recipe, schedule=plan, distillation=Distillation())
    faces = read_dataset(options.data, "fer2013").only_labels(recipe.data.labels)
    pool, check = (faces.select(faces.split == name) for name in ("Training", "PublicTest"))
    check = in_the_lab(check.select(~np.isin(check.digest, pool.digest)), 1)
    order = np.random.default_rng(0).permutation(len(pool))
    target = in_the_lab(pool.select(order[: COUNTS[-1]]), 2)
    source = pool.select(order[COUNTS[-1] :])
    counts = COUNTS
    if options.quick:
        source, check, counts = source.select(np.arange(600)), check.select(np.arange(300)), COUNTS[:2]

    def score(model):
        right = model.predict(check.image).argmax(1) == check.label
        half = 1.96 * right.std() / np.sqrt(len(right))
        return right.mean(), half

    first = run(recipe, parts(source), options.work / "source")
    rows = [("zero-shot", 0, *score(first))]
    start = Transfer(str(options.work / "source" / "model.safetensors"), ("convs",))
    for count in counts:
        labelled = parts(target.select(np.arange(count)))
        gently = replace(schedule(recipe, count, learning_rate=5e-4, optimiser="adamw"), transfer=start)
        # At the full 0.006 the run with most images diverged after 220 steps, before Muon was repaired.
        anew = schedule(recipe, count, learning_rate=2e-3)
        held = replace(gently, transfer=replace(start, refit=True))
        held = replace(held, schedule=replace(held.schedule, vote_weight=0.0))
        for regime, chosen in (("refit", held), ("transfer", gently), ("direct", anew)):
            model = run(chosen, labelled, options.work / f"{regime}-{count}")
            rows.append((regime, count, *score(model)))
            print(*rows[-1], flush=True)

    options.output.mkdir(parents=True, exist_ok=True)
    table = ["regime,labelled_images,accuracy,half_interval"]
    table += [f"{a},{b},{c:.4f},{d:.4f}" for a, b, c, d in rows]
    (options.output / "rehearsal.csv").write_text("\n".join(table) + "\n", encoding="utf-8")
    lines = [
        f"# Rehearsal of the three regimes: {len(source):,} source images, {len(check):,} target images to score",
        "",
        "Imitated lab conditions; **no child's data**, and no subject is known. 95 % intervals over images.",
        "",
        "| labelled images | " + " | ".join(REGIMES) + " |",
        "| --- |" + " --- |" * len(REGIMES),
    ]
    said = {(regime, count): f"{100 * a:.1f} ± {100 * h:.1f} %" for regime, count, a, h in rows}
    for count in (0, *counts):
        lines.append(f"| {count:,} | " + " | ".join(said.get((r, count), "") for r in REGIMES) + " |")
    lines += ["", *(f"- {name}: {text}." for name, text in REGIMES.items())]
    (options.output / "rehearsal.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    draw(rows, options.output / "rehearsal.svg")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
