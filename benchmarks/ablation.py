"""What each choice of RonNet's recipe is worth: the same short training with one thing changed.

Every run learns from the same images of FER2013's Training part, drawn at random, for the same number of epochs, and
is scored on the PublicTest images that do not occur in Training, with FER2013's labels and with the majority of the
FER+ raters. Short runs on a part of the images: differences say which way a choice points when training is short, not
what it is worth after a long one. WORK keeps the runs, and a second call continues them. Writes ablation.md.

    python benchmarks/ablation.py FER2013.npz WORK [--images 4000] [--epochs 4] [--precision bfloat16]
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from enicfer.models import load_model
from enicfer.training.augmentation import Augmentation
from enicfer.training.commands import prepare_recipe
from enicfer.training.datasets import read_dataset
from enicfer.training.export import export_model
from enicfer.training.loop import train
from enicfer.training.recipe import Distillation
from enicfer.training.splits import TRAIN, VALIDATION

RESULTS = Path(__file__).parent / "results" / "ablation.md"
STILL = Augmentation(*[0.0] * 11)
# What changes: name -> (part of the recipe, settings).
CHANGES = {
    "as the recipe has it, without a teacher": ("schedule", {}),
    "padding: same": ("network", {"padding": "same"}),
    "input: 64 x 64": ("network", {"input_size": 64}),
    "dropout 0.25 and 0.5, as in the original work": ("network", {"dropout": (0.25, 0.5)}),
    "no augmentation": ("augmentation", STILL),
    "googlenet-7 as teacher": ("distillation", Distillation(("googlenet-7",))),
    "no votes: hard labels": ("schedule", {"smoothing": 0.0, "vote_weight": 0.0}),
    "AdamW (0.0015) instead of Muon": ("schedule", {"optimiser": "adamw", "learning_rate": 0.0015}),
    "no averaging of the weights": ("schedule", {"ema": 0.0}),
}


def change(recipe, part, settings):
    """The recipe with one part changed."""
    now = getattr(recipe, part)
    return replace(recipe, **{part: replace(now, **settings) if isinstance(settings, dict) else settings})


def main():
    """Train all variants, measure, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--output", type=Path, default=RESULTS)
    options = parser.parse_args()

    recipe = prepare_recipe(Path("ronnet-7"), options.data)
    plan = replace(recipe.schedule, epochs=options.epochs, precision=options.precision, ema=0.98)
    recipe = replace(recipe, schedule=plan, distillation=Distillation())
    faces = read_dataset(options.data, "fer2013").only_labels(recipe.data.labels)
    training = np.flatnonzero(faces.split == "Training")
    public = np.flatnonzero(faces.split == "PublicTest")
    public = public[~np.isin(faces.digest[public], faces.digest[training])]
    chosen = np.random.default_rng(0).permutation(training)[: options.images]
    data = faces.select(np.concatenate([chosen, public]))
    data = replace(data, split=np.repeat([TRAIN, VALIDATION], [len(chosen), len(public)]))
    check = data.select(data.split == VALIDATION)
    voted = check.majority >= 0

    lines = [
        f"# One change at a time: {options.images:,} images, {options.epochs} epochs, {len(check):,} images to score",
        "",
        "Single runs; 95 % interval of one accuracy "
        f"± {196 * np.sqrt(0.24 / len(check)):.1f} points, of a difference between two rows about as much.",
        "",
        "| RonNet | FER2013's labels | FER+ majority | images/s in training |",
        "| --- | --- | --- | --- |",
    ]
    for number, (name, (part, settings)) in enumerate(CHANGES.items()):
        folder = options.work / str(number)
        path, start = folder / "model.safetensors", time.perf_counter()
        if not path.exists():
            changed = change(recipe, part, settings)
            export_model(train(changed, data, folder, lambda _: None), changed, data, path)
        speeds = np.genfromtxt(folder / "log.csv", delimiter=",", names=True)["images_per_second"]
        said = load_model(path).predict(check.image).argmax(axis=1)
        right = (said == check.label).mean(), (said == check.majority)[voted].mean()
        lines.append(
            f"| {name} | {100 * right[0]:.1f} % | {100 * right[1]:.1f} % | {np.median(speeds):.0f} |"
        )
        print(lines[-1], f"{time.perf_counter() - start:.0f} s", flush=True)
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
