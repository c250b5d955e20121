"""
Files for SPM, FSL and AFNI
===========================

The same trials, written as each program reads them, with the happy expression as a parametric modulation.
All files come from one table, so no two of them disagree; here we read them back and look.
"""

# slow: 60 s

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.io import loadmat

import enicfer
from enicfer.export import ExportOptions, export_results

folder = Path("example-fmri")
if not folder.exists():
    enicfer.write_example_session(folder, modality="fmri", seed=0)
output = folder / "derivatives" / "enicfer"
if not (output / "sub-01").exists():
    enicfer.process_session(folder)
result = enicfer.read_result(output)

options = ExportOptions(measures=("fer_happy_mean",), parametric=True)
done = export_results(result, ["fsl", "spm", "afni"], "designs", options=options, overwrite=True)
for path in done.paths:
    print(Path(path).relative_to(Path("designs").resolve() if Path(path).is_absolute() else "designs"))

# %%
# FSL
# ---
# Three columns: onset, duration, weight. Choose *Custom (3 column format)* in FEAT. The weights of ``_pmod``
# files are demeaned.
(three,) = Path("designs/fsl").glob("*_happy.txt")
print(three.read_text())
(weights,) = Path("designs/fsl").glob("*_happy_fer_happy_mean_pmod.txt")
print(weights.read_text())

# %%
# SPM
# ---
# ``names``, ``onsets``, ``durations`` and ``pmod``, to be given as *Multiple conditions*.
(mat,) = Path("designs/spm").glob("*_conditions.mat")
spm = loadmat(mat, squeeze_me=True)
names = list(spm["names"])
print(names)
print(spm["onsets"][names.index("happy")])

# %%
# AFNI
# ----
# A row for each run; ``-stim_times_AM2`` takes ``onset*amplitude``.
(married,) = Path("designs/afni").glob("*_happy_amplitudes.1D")
print(married.read_text())

# %%
# The three agree
# ---------------
fsl = np.loadtxt(three, ndmin=2)
afni = [float(word.split("*")[0]) for word in married.read_text().split()]
figure, ax = plt.subplots(figsize=(8, 2.6), layout="constrained")
for place, (name, onsets) in enumerate(
    {"FSL": fsl[:, 0], "SPM": spm["onsets"][names.index("happy")], "AFNI": np.array(afni)}.items()
):
    ax.plot(onsets, np.full(len(onsets), place), "|", markersize=18, markeredgewidth=2, color="#0072B2")
    ax.text(-2, place, name, ha="right", va="center")
ax.set(
    yticks=[],
    ylim=(-0.6, 2.6),
    xlabel="time in s",
    title="Onsets of the happy trials, read back from three programs",
)
assert np.allclose(np.sort(fsl[:, 0]), np.sort(spm["onsets"][names.index("happy")]), atol=1e-3)
