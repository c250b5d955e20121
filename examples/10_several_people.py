"""
Several people in the picture
=============================

An examiner comes beside the child, larger and nearer. Who is followed, and why frames are not valid, can be
seen here against the truth. Then we point at the other person, which takes seconds: all faces were kept.
"""

# slow: 60 s

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import enicfer
from enicfer.io.video.reader import read_frames
from enicfer.records import Status

folder = Path("example-eeg")
if not folder.exists():
    enicfer.write_example_session(folder, modality="eeg", seed=0)
result = enicfer.process_session(folder, enicfer.ProcessingOptions(overwrite=True))
run = result.runs[0]
truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["frames"]


# %%
# Who was followed
# ----------------
def middle(boxes):
    """Horizontal middle of boxes in px; missing where there is none."""
    return np.array([np.nan if box is None else (box[0] + box[2]) / 2 for box in boxes], float)


participant = middle([frame["participant"] for frame in truth])
examiner = middle([frame["other"] for frame in truth])
followed = np.where(run.expression.ok, (run.faces.box[:, 0] + run.faces.box[:, 2]) / 2, np.nan)

figure, ax = plt.subplots(figsize=(9, 3.2), layout="constrained")
ax.plot(run.time, participant, color="#0072B2", linewidth=5, alpha=0.3, label="participant, true")
ax.plot(run.time, examiner, color="#D55E00", linewidth=5, alpha=0.3, label="examiner, true")
ax.plot(run.time, followed, color="black", linewidth=1, label="valid frames")
ax.set(title="Whose face was read", xlabel="time in s", ylabel="place in the picture, px")
ax.legend(fontsize=8)
near = np.abs(followed - participant) < np.abs(followed - examiner)
known = np.isfinite(followed) & np.isfinite(examiner) & np.isfinite(participant)
print(f"both in the picture: {known.sum()} valid frames, {near[known].mean():.1%} are of the participant")
assert near[known].all()

# %%
# Three frames
# ------------
# A valid frame with both, one in which a hand covers the face, and one in which the participant is away.
covered = [frame["covered"] for frame in truth]
away = np.flatnonzero(run.faces.status == Status.OTHER_PERSON)
hidden = np.flatnonzero((run.faces.status == Status.OCCLUDED) & covered)
wanted = {
    "both are there": np.flatnonzero(known)[known.sum() // 2],
    "a hand": hidden[hidden.size // 2],
    "away": away[away.size // 2],
}
pictures = {}
for index, frame in enumerate(read_frames(folder / "camera.mp4")):
    if index in wanted.values():
        pictures[index] = np.array(frame.bgr())[..., ::-1]
figure, axes = plt.subplots(1, 3, figsize=(9, 2.7), layout="constrained")
figure.suptitle("What is read and what is not")
for ax, (name, index) in zip(axes, wanted.items(), strict=True):
    ax.imshow(pictures[index])
    left, top, right, bottom = run.faces.box[index]
    if np.isfinite(left) and run.expression.ok[index]:
        ax.add_patch(
            plt.Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor="#E69F00", lw=2)
        )
    ax.set(title=f"{name} ({Status(run.faces.status[index]).label})", xticks=[], yticks=[])

# %%
# Point at somebody
# -----------------
# ``faces`` takes a frame's number and a point in the face, as ``--face 120:310,205`` does. Here we point at
# the examiner, to show what it changes; nothing is decoded again.
index = int(np.flatnonzero(known)[known.sum() // 2])
left, top, right, bottom = truth[index]["other"]
point = (index, (left + right) / 2, (top + bottom) / 2)
other = enicfer.process_session(
    folder, enicfer.ProcessingOptions(faces=(point,), overwrite=True), output="the-examiner"
)
print(f"participant: {run.quality.valid_fraction:.0%} of the frames are valid")
print(f"examiner:    {other.runs[0].quality.valid_fraction:.0%}")
