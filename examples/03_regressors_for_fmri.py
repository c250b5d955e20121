"""
Regressors for fMRI, with nilearn
=================================

One row a volume: expression regressors that nilearn takes as they are, and a planted effect found with
them.
"""

# slow: 60 s

from pathlib import Path

import matplotlib.pyplot as plt
import nibabel
import numpy as np
import pandas as pd
from nilearn.glm.first_level import FirstLevelModel

import enicfer

folder = Path("example-fmri")
if not folder.exists():
    enicfer.write_example_session(folder, modality="fmri", seed=0)
result = enicfer.process_session(folder, enicfer.ProcessingOptions(overwrite=True))

# %%
# The table
# ---------
# There are no gaps, so that it fits a design. ``fer_valid`` says how much of a volume was seen. Neutral is
# the reference and has no column.
table = next(path for path in result.paths if path.name.endswith("_timeseries.tsv"))
regressors = pd.read_csv(table, sep="\t")
print(regressors.describe().T[["mean", "std"]])

recording = result.runs[0].recording
start = np.arange(recording.n_volumes) * recording.repetition_time
figure, ax = plt.subplots(figsize=(8, 3), layout="constrained")
for name, colour in (("fer_happy", "#E69F00"), ("fer_angry", "#D55E00"), ("fer_surprised", "#CC79A7")):
    if name in regressors:
        ax.step(start, regressors[name], where="post", color=colour, label=name)
ax.step(start, regressors["fer_valid"], where="post", color="0.5", linestyle=":", label="fer_valid")
ax.set(title="One value for each volume", xlabel="time in s", ylabel="mean probability", ylim=(-0.05, 1.3))
ax.legend(fontsize=8, ncols=4, loc="upper right")

# %%
# A planted effect, found
# -----------------------
# One voxel of noise follows the happy face.
happy = regressors.filter(like="happy").iloc[:, 0].to_numpy()
data = np.random.default_rng(0).normal(100, 1, (6, 6, 6, recording.n_volumes))
data[3, 3, 3] += 4 * (happy - happy.mean()) / happy.std()
bold = nibabel.Nifti1Image(data.astype(np.float32), np.eye(4))
mask = nibabel.Nifti1Image(np.ones(data.shape[:3], np.uint8), np.eye(4))
design = pd.DataFrame({"happy": happy - happy.mean(), "constant": 1.0})
model = FirstLevelModel(
    t_r=recording.repetition_time, mask_img=mask, signal_scaling=False, minimize_memory=True
)
z = model.fit(bold, design_matrices=design).compute_contrast("happy").get_fdata()
found = tuple(int(i) for i in np.unravel_index(z.argmax(), z.shape))
print("largest effect of the happy face in voxel", found, f"z = {z.max():.1f}")
assert found == (3, 3, 3)

figure, ax = plt.subplots(figsize=(4, 3.4), layout="constrained")
image = ax.imshow(z[:, :, 3].T, cmap="cividis", origin="lower")
ax.set(title="z of the happy face, slice 3", xlabel="x", ylabel="y")
figure.colorbar(image)
