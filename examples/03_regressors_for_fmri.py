# %% [markdown]
# One row a volume: expression regressors that nilearn takes as they are, and a planted effect found with them.

# %%
from pathlib import Path

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
table = next(path for path in result.paths if path.name.endswith("_timeseries.tsv"))
regressors = pd.read_csv(table, sep="\t")
print(regressors.describe().T[["mean", "std"]])

# %% Plant an effect of the happy face in one voxel of noise, and find it.
recording = result.runs[0].recording
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
