"""
Training on your own children
=============================

The shipped classifier learnt from photographs from the web. Here twelve children are invented (two drawn
people, each in other light, size and sharpness), their pictures are listed in a manifest, and the last
layer is fitted to some of them. The number to report is that of children who were not in training.
"""

# slow: 60 s

import csv
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np

from enicfer.synthetic.portraits import PEOPLE, load_portrait
from enicfer.synthetic.warp import pose_portrait
from enicfer.training import evaluate_files, train_recipe
from enicfer.training.commands import ReadingOptions

rng = np.random.default_rng(0)
LABELS = ("angry", "happy", "neutral")


# %%
# Pictures of twelve children
# ---------------------------
# Each child has an expressiveness of its own: some smile with half of their strength.
def draw_child(person, expression, strength, light, blur):
    """A grey picture of a head before a plain wall."""
    portrait = load_portrait(person)
    image, alpha = pose_portrait(portrait, expression, strength, rng.uniform(-0.15, 0.15))
    picture = image + (255 - alpha[..., None]) / 255 * 120
    left, _, right, _ = portrait.box
    side = (right - left) * rng.uniform(1.9, 2.2)
    x, y = portrait.centre + rng.normal(0, 2, 2)
    cut = picture[
        max(int(y - side / 2), 0) : int(y + side / 2), max(int(x - side / 2), 0) : int(x + side / 2)
    ]
    grey = cv2.GaussianBlur(cv2.resize(cut.astype(np.float32), (160, 160)).mean(axis=2), (0, 0), blur)
    return np.clip(grey * light + rng.normal(0, 4, grey.shape), 0, 255).astype(np.uint8)


folder = Path("pictures")
folder.mkdir(exist_ok=True)
rows, shown = [], []
for child in range(12):
    person, light, blur = PEOPLE[child % 2], rng.uniform(0.3, 1.0), rng.uniform(0.5, 3.0)
    strength = rng.uniform(0.4, 1.0)
    for expression in LABELS:
        for number in range(6):
            picture = draw_child(person, expression, strength * rng.uniform(0.8, 1), light, blur)
            name = f"child{child:02d}_{expression}_{number}.png"
            cv2.imwrite(str(folder / name), picture)
            part = "others" if child >= 8 else "own"
            rows.append((part, name, expression, f"child{child:02d}"))
            if number == 0 and child in (0, 1, 5):
                shown.append((expression, picture))
for part in ("own", "others"):
    with (folder / f"{part}.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "subject"])
        table.writerows(row[1:] for row in rows if row[0] == part)

figure, axes = plt.subplots(3, 3, figsize=(5, 5), layout="constrained")
figure.suptitle("Three of the invented children")
for ax, (expression, picture) in zip(axes.flat, shown, strict=True):
    ax.imshow(picture, cmap="gray", vmin=0, vmax=255)
    ax.set(title=expression, xticks=[], yticks=[])

# %%
# Fit
# ---
# ``own-children`` fits the last layer, as firmly held to the start as cross-validation says. The command is
# ``enicfer train own-children --data pictures/own.csv -o run``. It recommends the model only if it is surely
# better.
labels = 'data.labels=["angry", "happy", "neutral"]'
model = train_recipe(
    "own-children", Path("run"), Path("pictures/own.csv"), settings=[labels, "data.share=0.25"]
)

# %%
# Measure, on children whom neither model has seen
# ------------------------------------------------
# ``--against`` of ``enicfer evaluate`` compares two models on the same pictures. Intervals are over children:
# pictures of one child are alike, so few children tell little, however many pictures there are.
figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
for place, name in enumerate(("ronnet-7", str(model))):
    found = evaluate_files(
        name, Path("pictures/others.csv"), reader="manifest", reading=ReadingOptions(crop=True)
    )
    low, high = found.interval
    accuracy = found.summary["accuracy"]
    print(
        f"{Path(name).stem}: {accuracy:.1%} of {found.summary['images']} pictures of {found.subjects} children"
    )
    ax.errorbar(
        accuracy, place, xerr=[[accuracy - low], [high - accuracy]], fmt="o", capsize=4, color="#0072B2"
    )
    ax.text(accuracy, place + 0.15, Path(name).stem, ha="center")
ax.set(
    yticks=[],
    ylim=(-0.5, 1.6),
    xlim=(0, 1.05),
    xlabel="accuracy, with 95 % interval",
    title="Before and after",
)
