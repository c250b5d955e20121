"""
Two coders and a classifier of your own
=======================================

The whole loop, with coders who are made up: frames worth labelling, two coders, agreement, a decision where they
disagree, pictures for training, a classifier, its accuracy, and sessions again.
"""

# slow: 240 s

import shutil
from pathlib import Path

import numpy as np

import enicfer
from enicfer.coding import CodingTask, SamplingOptions, compare_coders, sample_frames, write_manifest
from enicfer.coding.serve import open_desk
from enicfer.expressions import FIVE
from enicfer.training import evaluate_files, train_recipe

first = Path("example-eeg")
if not first.exists():
    enicfer.write_example_session(first, modality="eeg", seed=0)
lab = Path("lab")
for child in ("01", "02", "03", "04"):  # the same session stands for four children
    shutil.copytree(first, lab / child, ignore=shutil.ignore_patterns("derivatives"))
    settings = lab / child / "session.toml"
    text = settings.read_text(encoding="utf-8").replace('participant = "01"', f'participant = "{child}"')
    settings.write_text(text, encoding="utf-8")
    enicfer.process_session(lab / child)

# %%
# Which frames are worth it: a quarter at random, the others where the classifier is unsure.
plan = Path("plan.json")
sample_frames([lab], SamplingOptions(n=80, random=0.5, distance=0.2, per_trial=0), output=plan)

# %%
# What the faces show. Here the example is told: what the classifier says is right in 7 of 10 frames.
rng = np.random.default_rng(0)
labels = np.array(FIVE, object)


def show(desk, run, frame):
    """The expression that the face of a frame shows."""
    expression = desk.result(run).expression
    truth = np.random.default_rng((frame, *run.name.encode()))
    said = expression.labels[int(np.nan_to_num(expression.probability[frame]).argmax())]
    return said if truth.random() < 0.7 else str(truth.choice(labels))


# %%
# Two coders code all of them, as they do in the browser: enicfer code lab --coder Anna --plan plan.json
# They err more often with fear and anger, and with the third child.
for coder in ("Anna", "Ben"):
    desk, _ = open_desk([lab], CodingTask(coder, plan=plan))
    for item in desk.items.values():
        shown = show(desk, item.run, item.number)
        errs = (0.3 if shown in ("fearful", "angry") else 0.1) * (2 if "sub-03" in item.run.name else 1)
        desk.store(item, {"category": str(rng.choice(labels)) if rng.random() < errs else shown})

# %%
# A third person decides where they disagree: enicfer code lab --coder Cleo --mode adjudicate
desk, _ = open_desk([lab], CodingTask("Cleo", mode="adjudicate"))
for item in desk.items.values():
    desk.store(item, {"category": show(desk, item.run, item.number)})

# %%
# How well they agree, and how often the classifier is right.
agreement, disagreements, _ = compare_coders([lab], plan=plan, output="agreement")
pair = agreement.pairs[0]
print(f"kappa {pair.kappa.value:.2f}, {len(disagreements)} disagreements")
found = next(one for one in agreement.accuracy if one.rater == "adjudicated").accuracy
print(
    f"the classifier is right in {found.value:.2f} ({found.low:.2f} to {found.high:.2f}) of all valid frames"
)
true = [
    show(desk, run, frame) == result.expression.labels[int(result.expression.probability[frame].argmax())]
    for run in desk.study.runs.values()
    for result in [desk.result(run)]
    for frame in np.flatnonzero(result.expression.ok).tolist()
]
print(f"the truth, which nobody knows in a lab: {np.mean(true):.2f}")

# %%
# Pictures to train on, a classifier of one's own, and what it brings.
made = write_manifest([lab], "crops", plan=plan)
print(f"{made.rows} pictures: {dict(made.labels)}")
manifest = made.folder / "manifest.csv"
model = train_recipe(made.folder / "own-children.toml", Path("run"), data=manifest, report=lambda line: None)
for name in ("ronnet-7", str(model)):
    numbers = evaluate_files(name, manifest, split="validation").summary
    print(
        f"{Path(name).stem}: {numbers['accuracy']:.2f} of {numbers['images']} pictures of children it never saw"
    )

# %%
# And the sessions again, by the new one.
result = enicfer.process_session(
    lab / "01", enicfer.ProcessingOptions(model=str(model), overwrite=True), output="again"
)
print(result.runs[0].trials[["onset", "trial_type", "fer_dominant"]].head().to_string(index=False))
