"""
Contrast maps from simulated BOLD with known effects
====================================================

How do you know that a design finds what the face did? Put effects of known size into a series of images,
and look whether they come back. Here the face's behaviour is known for every frame, and a response that
enicfer and nilearn know nothing of turns it into BOLD. What is analysed are the regressors that enicfer
makes of the session.
"""

# slow: 60 s

import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import nibabel
import numpy as np
from nilearn.glm.first_level import FirstLevelModel

import enicfer
from enicfer.export.fmri import timeseries_table

folder = Path("known-effects")
if not folder.exists():
    enicfer.write_example_session(folder, modality="fmri", seed=0)
truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))

# %%
# What the face did
# -----------------
# ``truth.json`` says it for every frame. We write it down as a program that reads faces would (here in the
# columns of Py-Feat), so that no error of a classifier is in the way. Frames in which the face is out of the
# picture or covered have no answer.
NAMES = {
    "angry": "anger",
    "happy": "happiness",
    "sad": "sadness",
    "surprised": "surprise",
    "neutral": "neutral",
}
rows = ["frame,FaceScore,FaceRectX,FaceRectY,FaceRectWidth,FaceRectHeight," + ",".join(NAMES.values())]
for frame in truth["frames"]:
    if frame["participant"] is None or frame["covered"]:
        continue
    left, top, right, bottom = frame["participant"]
    shown = dict.fromkeys(NAMES, 0.0)
    shown[frame["expression"]] += frame["strength"]
    shown["neutral"] += 1 - frame["strength"]
    box = f"{left},{top},{right - left},{bottom - top}"
    values = ",".join(f"{value:.4f}" for value in shown.values())
    rows.append(f"{frame['index']},0.9,{box},{values}")
(folder / "face.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
settings = folder / "session.toml"
text = settings.read_text(encoding="utf-8")
if "trace" not in text:
    settings.write_text(text + 'trace = "face.csv"\n', encoding="utf-8")
result = enicfer.process_session(folder, enicfer.ProcessingOptions(overwrite=True))
run = result.runs[0]

# %%
# Images with known effects
# -------------------------
# Two regions follow the face: one the happy expression, one the angry. The behaviour is taken at its true
# times and convolved in steps of 10 ms.
STEP, TR, N = 0.01, run.recording.repetition_time, run.recording.n_volumes
EFFECTS = {"happy": 6.0, "angry": -4.0}
REGIONS = {"happy": (slice(2, 5), slice(2, 5)), "angry": (slice(7, 10), slice(6, 9))}

lag = (np.arange(round(32 / STEP)) + 0.5) * STEP
response = lag**5 * np.exp(-lag) / math.factorial(5) - lag**15 * np.exp(-lag) / math.factorial(15) / 6
response /= response.sum()
time = np.arange(round(N * TR / STEP)) * STEP
frame_time = np.array([frame["time"] for frame in truth["frames"]])


def drive(name):
    """BOLD at the starts of the volumes, for an effect of 1."""
    strength = [frame["strength"] if frame["expression"] == name else 0.0 for frame in truth["frames"]]
    signal = np.convolve(np.interp(time, frame_time, strength), response)
    return signal[(np.arange(N) * TR / STEP).round().astype(int)]


data = np.random.default_rng(0).normal(100, 0.25, (12, 12, 3, N))
for name, (rows_of, columns_of) in REGIONS.items():
    data[rows_of, columns_of] += EFFECTS[name] * drive(name)
bold = nibabel.Nifti1Image(data.astype(np.float32), np.eye(4))
mask = nibabel.Nifti1Image(np.ones(data.shape[:3], np.uint8), np.eye(4))

# %%
# The model
# ---------
# ``timeseries_table(run, convolve=True)`` has a convolved column for each expression but the reference,
# neutral.
table, about = timeseries_table(run, convolve=True)
convolved = [name for name in table if name.endswith("_hrf") and table[name].std() > 1e-3]
design = table[convolved].assign(constant=1.0)
model = FirstLevelModel(t_r=TR, mask_img=mask, signal_scaling=False, noise_model="ols", minimize_memory=True)
model = model.fit(bold, design_matrices=design)

# %%
# Contrast maps
# -------------
# Beside each region's effect stands its 95 % interval, and what was put in.
figure, axes = plt.subplots(1, 3, figsize=(9, 3), layout="constrained")
contrasts = {
    "happy": "fer_happy_hrf",
    "angry": "fer_angry_hrf",
    "happy - angry": "fer_happy_hrf - fer_angry_hrf",
}
for ax, (title, contrast) in zip(axes, contrasts.items(), strict=True):
    maps = model.compute_contrast(contrast, output_type="all")
    z = maps["z_score"].get_fdata()
    ax.imshow(z[..., 1].T, cmap="RdBu_r", vmin=-8, vmax=8, origin="lower")
    ax.set(title=title, xticks=[], yticks=[])
    if title not in REGIONS:
        continue
    effect = maps["effect_size"].get_fdata()[REGIONS[title]]
    error = np.sqrt(maps["effect_variance"].get_fdata()[REGIONS[title]])
    # The voxels of a region have noise of their own: their mean is as much surer as they are many.
    half = 1.96 * error.mean() / np.sqrt(effect.size)
    print(f"{title}: {effect.mean():.2f} +- {half:.2f}, put in {EFFECTS[title]:.2f}")
    assert np.unravel_index(np.abs(z).argmax(), z.shape)[0] in range(*REGIONS[title][0].indices(12))
    assert abs(effect.mean() - EFFECTS[title]) < 0.1 * abs(EFFECTS[title])
figure.savefig("contrast-maps.png")

# %%
# ``benchmarks/bold_betas.py`` does this for 100 seeds, with noise that is correlated in time and
# probabilities that are noisy, and counts how often the effects lie within their intervals.
