"""
Faces from Py-Feat, codes from BORIS
====================================

Another program read the faces, or people coded them. enicfer then does the rest: frame times, clocks,
trials, files. Here a table in Py-Feat's columns and an export of BORIS are written from the truth of the
example session, and read.
"""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import enicfer

folder = Path("example-eeg")
if not folder.exists():
    enicfer.write_example_session(folder, modality="eeg", seed=0)
frames = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["frames"]

# %%
# A table as Py-Feat writes it
# ----------------------------
# One row a frame with a face; frames count from 0.
NAMES = {
    "angry": "anger",
    "happy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
    "neutral": "neutral",
}
rows = []
for frame in frames:
    if frame["participant"] is None or frame["covered"]:
        continue
    left, top, right, bottom = frame["participant"]
    shown = dict.fromkeys(NAMES.values(), 0.0)
    shown[NAMES[frame["expression"]]] += frame["strength"]
    shown["neutral"] += 1 - frame["strength"]
    box = {"FaceRectX": left, "FaceRectY": top, "FaceRectWidth": right - left, "FaceRectHeight": bottom - top}
    rows.append({"frame": frame["index"], "FaceScore": 0.9, **box, **shown})
pd.DataFrame(rows).to_csv("py-feat.csv", index=False)
faces, expression = enicfer.import_trace("py-feat.csv", folder / "camera.mp4")
print(f"Py-Feat: {expression.ok.mean():.0%} of {expression.ok.size} frames have an expression")

# %%
# An export of BORIS
# ------------------
# Smiles of the child, from onset to offset in s of the video. What is not coded is neutral: ``uncoded`` says
# so, for a coder who marked everything that is not neutral.
smiling = np.array(
    [
        frame["participant"] is not None and frame["expression"] == "happy" and frame["strength"] > 0.5
        for frame in frames
    ]
)
edge = np.diff(np.r_[0, smiling.astype(int), 0])
time = np.array([frame["video_time"] for frame in frames])
codes = pd.DataFrame(
    {
        "Observation id": "one",
        "Media file name": "camera.mp4",
        "Subject": "child",
        "Behavior": "smile",
        "Behavior type": "STATE",
        "Start (s)": (time[np.flatnonzero(edge == 1)] - time[0]).round(3),
        "Stop (s)": (time[np.minimum(np.flatnonzero(edge == -1), time.size - 1)] - time[0]).round(3),
    }
)
codes.to_csv("boris.csv", index=False)
print(codes[["Subject", "Behavior", "Start (s)", "Stop (s)"]])
options = enicfer.ImportOptions(of="child", codes={"smile": "happy"}, uncoded="neutral")
_, coded = enicfer.import_trace("boris.csv", folder / "camera.mp4", options)

# %%
# Both on the video's own clock
# -----------------------------
# Frame times are those of the video, whatever the other program wrote.
figure, ax = plt.subplots(figsize=(9, 3), layout="constrained")
for said, name, colour, width in ((coded, "BORIS", "#56B4E9", 4), (expression, "Py-Feat", "#D55E00", 1)):
    happy = np.where(said.ok, said.probability[:, said.labels.index("happy")], np.nan)
    ax.plot(said.video_time, happy, color=colour, linewidth=width, label=name)
ax.set(title="The happy expression, from two sources", xlabel="video time in s", ylabel="probability")
ax.legend()
assert np.array_equal(expression.video_time, coded.video_time)

# %%
# In a session, name the table in ``session.toml``: ``trace = "py-feat.csv"``. Then ``enicfer
# process-session`` makes trials, annotations and regressors of it, as of the program's own reading.
