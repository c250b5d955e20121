"""What it costs to say what the data set's labels say, or what most raters would say.

A network that was trained on FER2013 with FER+ votes has two outputs, one for each; the finished model has one, a
weighted sum. This script writes the finished model of a checkpoint for several weights and measures each on
PublicTest.

    python benchmarks/vote_share.py RUN FER2013.npz [--recipe ronnet-7]
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from enicfer.training.commands import prepare_recipe, read_recipe_data
from enicfer.training.export import export_model
from enicfer.training.splits import divide

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
COLUMNS = (
    "accuracy",
    "accuracy_flip",
    "accuracy_unseen",
    "accuracy_votes",
    "accuracy_votes_flip",
    "ece_calibrated",
)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of the training, with its checkpoint")
    parser.add_argument("data", type=Path)
    parser.add_argument("--recipe", default="ronnet-7")
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parent / "results")
    options = parser.parse_args()

    recipe = prepare_recipe(Path(options.recipe), options.data)
    faces = divide(read_recipe_data(recipe), recipe.data, recipe.schedule.seed)
    lines = ["| share of the votes | " + " | ".join(COLUMNS) + " |", "| --- |" + " --- |" * len(COLUMNS)]
    with tempfile.TemporaryDirectory() as folder:
        for share in SHARES:
            chosen = replace(recipe, schedule=replace(recipe.schedule, vote_share=share))
            path = Path(folder) / "model.safetensors"
            metrics = export_model(options.run / "checkpoint.pt", chosen, faces, path, vote_share=share)
            lines.append(f"| {share:g} | " + " | ".join(f"{metrics[name]:.3f}" for name in COLUMNS) + " |")
    options.output.mkdir(parents=True, exist_ok=True)
    text = "\n".join(lines) + "\n"
    (options.output / f"vote_share-{Path(options.recipe).stem}.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
