"""The files at the root of the derivative: what made it, how to cite it, what the validator should skip."""

from collections.abc import Mapping
from typing import Any

from enicfer import __version__
from enicfer.errors import counted
from enicfer.export.columns import HED_VERSION
from enicfer.records import Modality, RunResult
from enicfer.timecourse.cameras import CHANGE, INVALID, TURNED

BIDS_VERSION = "1.11.1"

# The schema has no rule yet for these; physio and func events are of its kinds but without `desc`.
BIDSIGNORE = """\
*.html
figures
group_*
reviews
codings
*_annot.fif
*_frames.h5
*_sync.json
*_qc.json
*_desc-enicfer_physio.*
*_desc-enicfer_physioevents.*
*_desc-enicfer_timeseries.*
**/func/*_desc-enicfer_events.*
"""

DESCRIPTION = "Facial expression of the participant, from video, on the clock of the recording."

_README = """\
# Facial expressions by enicfer {version}

This folder is a BIDS derivative. It holds, for each run, the expression of the participant's face on the
recording's clock: for every video frame, for every segment of one expression, and for every trial. Time 0 is the
first sample of an EEG recording, or the first stored volume of a BOLD series.

## Files of a run

| file | content |
| --- | --- |
| `*_desc-enicfer_events.tsv` | the trials, each with its `fer_*` columns (described in the `.json`) |
| `*_recording-face_desc-enicfer_physio.tsv.gz` | the trace on a regular grid; the `.json` names its columns |
| `*_recording-face_desc-enicfer_physioevents.tsv.gz` | segments of one expression, and those without a face |
| `*_desc-enicfer_annot.fif` | EEG: the segments as MNE-Python annotations of the whole recording |
| `*_desc-enicfer_timeseries.tsv` | fMRI: one row per volume, without gaps; one expression, usually neutral, is the \
reference and has no column; `ConfoundColumns` of the `.json` are those for `confounds=` of nilearn |
| `*_desc-enicfer_sync.json` | how video time became recording time, with residuals and uncertainty |
| `*_desc-enicfer_qc.json` | quality in numbers, warnings, provenance |
| `*_desc-enicfer_frames.h5` | every frame: true times, face box, landmarks, probabilities, status |

`sub-*.html` shows a session at a glance. Missing values are `n/a`, and every invalid frame has a
reason. Probabilities say what the face shows, as a classifier sees it; they do not say what a person feels.

## Use

```python
import enicfer

result = enicfer.read_result("sub-<label>")  # of a session; any file of a run gives that run alone
run = result.runs[0]  # or result["task-..."]
run.trials, run.segments  # pandas tables

# EEG: raw is an mne.io.Raw, cropped or not
enicfer.add_emotion_events(raw, run)
enicfer.add_emotion_channels(raw, run)
epochs.metadata = enicfer.emotion_metadata(epochs, run)  # then epochs["fer_happy_mean > 0.5"]

# fMRI: main effect and demeaned modulation as events; of the volumes' columns those that vary as confounds
from nilearn.glm.first_level import FirstLevelModel

from enicfer.export.fmri import modulation_events, timeseries_table

events = modulation_events(run, "happy")
table, about = timeseries_table(run)
model = FirstLevelModel(t_r=about["RepetitionTime"], slice_time_ref=0)  # 0.5: slice timing corrected to the middle
model.fit("bold.nii.gz", events=events, confounds=table[about["ConfoundColumns"]])
```

## Methods, to paste and adapt

{methods}

## References

{references}

## Authors

`dataset_description.json` needs the names of those who made the recordings: put them in place of the first
entry of `Authors`.
"""
_FITTED = (
    "with a piecewise affine map of the frames' presentation time stamps, fitted to them; its residuals and 95 % "
    "uncertainty are reported for each run."
)
_OFFSET = (
    "which gives the offset alone: the drift between the clocks was not measured, and the 95 % uncertainty that is "
    "reported for each run allows for it."
)
# source of an alignment: by what "video and recording were aligned"
ALIGNED_BY = {
    "led": f"matching flashes in the picture and the recording's pulses, {_FITTED}",
    "audio": f"matching beeps on the sound track and the recording's pulses, {_FITTED}",
    "frames": f"the camera's pulses in the recording, one for each exposure, {_FITTED}",
    "stream": f"a stream of frame numbers with their times on the recording's clock, {_FITTED}",
    "anchors": f"instants that were found in both by hand, {_FITTED}",
    "start": f"one marker of the video's start in the recording, {_OFFSET}",
    "clock": f"the times of day at which they say they began, {_OFFSET}",
}
_REFERENCES = (
    ("bids", "BIDS: Gorgolewski et al. 2016, Scientific Data 3, doi:10.1038/sdata.2016.44"),
    (" eeg", "EEG-BIDS: Pernet et al. 2019, Scientific Data 6, doi:10.1038/s41597-019-0104-8"),
    (" meg", "MEG-BIDS: Niso et al. 2018, Scientific Data 5, doi:10.1038/sdata.2018.110"),
    (" ieeg", "iEEG-BIDS: Holdgraf et al. 2019, Scientific Data 6, doi:10.1038/s41597-019-0105-7"),
    (" nirs", "NIRS-BIDS: Luke et al. 2025, Scientific Data 12, doi:10.1038/s41597-024-04136-9"),
    (" mne", "MNE-Python: Gramfort et al. 2013, Frontiers in Neuroscience 7, doi:10.3389/fnins.2013.00267"),
    ("centerface", "CenterFace: Xu et al. 2020, Scientific Programming 2020, doi:10.1155/2020/7845384"),
    ("yunet", "YuNet: Wu et al. 2023, Machine Intelligence Research 20, doi:10.1007/s11633-023-1423-y"),
    ("fer2013", "FER2013: Goodfellow et al. 2013, ICONIP, doi:10.1007/978-3-642-42051-1_16"),
    ("ferplus", "FER+: Barsoum et al. 2016, ICMI, doi:10.1145/2993148.2993165"),
)


def dataset_description(more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Content of ``dataset_description.json``; ``more`` replaces or adds entries, such as ``Authors``."""
    return {
        "Name": "Facial expressions by enicfer",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "HEDVersion": HED_VERSION,
        "License": "n/a",
        "Authors": ["Names of those who made the recordings", "enicfer"],
        "GeneratedBy": [
            {
                "Name": "enicfer",
                "Version": __version__,
                "Description": DESCRIPTION,
            }
        ],
        "SourceDatasets": [{"Version": "n/a"}],
        **(more or {}),
    }


def descriptions_table() -> str:
    """Content of ``descriptions.tsv``."""
    return f"desc_id\tdescription\ndesc-enicfer\t{DESCRIPTION}\n"


def descriptions_sidecar() -> dict[str, Any]:
    """Content of ``descriptions.json``."""
    return {
        "Description": "What the desc entities of this dataset mean.",
        "desc_id": {"Description": "The entity, as file names have it."},
        "description": {"Description": "What files with this entity hold."},
    }


def readme(run: RunResult | None) -> str:
    """Content of ``README.md``; ``run`` stands for the runs that were processed in the same way, None for no run."""
    cited = references(run) if run is not None else [text for key, text in _REFERENCES if key == "bids"]
    return _README.format(
        version=__version__,
        methods=methods_text(run) if run is not None else "No run is done yet; group.html says why.",
        references="\n".join(f"- {text}" for text in cited),
    )


def references(run: RunResult) -> list[str]:
    """What to cite: the formats, and the detector, data and tools that made the run."""
    words = " ".join(
        (run.faces.detector, run.expression.model, str(run.provenance.model.content or ""))
    ).lower()
    words += f" bids {run.recording.modality.value}{' mne' * run.recording.modality.sampled}"
    return [text for key, text in _REFERENCES if key in words]


def methods_text(run: RunResult) -> str:
    """A paragraph for the methods section of a paper: what was done, with versions and parameters."""
    expression = run.expression
    labels = ", ".join(expression.labels)
    sync = (
        f"Video and recording were aligned by {ALIGNED_BY[run.alignment.source]}"
        if run.recording.modality is not Modality.NONE
        else "Times are the frames' presentation time stamps."
    )
    rest = [sync, *_cameras_text(run)]
    if run.time_course.about:
        rest += ["The probabilities were processed further.", *run.time_course.about.values()]
    rest.append(
        "For each trial and expression we report mean, peak, latency of the peak, area under the curve and dwell "
        "time. They are of the trial's window; each frame is weighted by the time that it stands for. Trials with "
        "too few valid frames are missing."
    )
    baseline = run.provenance.protocol.baseline
    if baseline is not None:
        start, stop = baseline
        rest.append(f"Changes are the mean minus that from {start:g} to {stop:g} s around the trial's onset.")
    imported = run.provenance.model.imported
    if imported is not None:
        return (
            f"Expressions ({labels}) were not read by enicfer but taken from {imported} ({expression.model}), and "
            f"brought to the recording's clock with enicfer {__version__}. {' '.join(rest)}"
        )
    rate = run.provenance.analysis_rate
    pace = f" Expressions were read at most {rate:g} times a second." if rate else ""
    return (
        f"Facial expressions were read from video with enicfer {__version__}. In each frame, faces were found "
        f"with the detector {run.faces.detector}, the participant's face was told from others by following it "
        f"over time, and the face was classified by the model {expression.model} into {len(expression.labels)} "
        f"expressions ({labels}). Frames in which the face was missing, turned away, blurred, dark, covered, too "
        f"small or another person's have no probabilities, and none were made up for them.{pace}{accuracy_text(run)} "
        f"{' '.join(rest)}"
    )


def people_text(run: RunResult) -> str:
    """Sentences on what people did to one run: how its face was chosen, and its review; or ""."""
    origin, review, trials = run.provenance, run.quality.review, run.quality.n_trials
    sentences = []
    if origin.model.imported is None and (given := origin.n_faces_given):
        sentences.append(f"A person pointed at the participant's face in {given} frame{'s' * (given > 1)}.")
    elif origin.photo_given:
        sentences.append("The participant's face was chosen by how alike it was to a photo.")
    if review is not None and trials:
        count = len(review.coders)
        who = "one person" if count == 1 else f"{count} people"
        sentences.append(
            f"The trials were reviewed in the video by {who}: {review.n_trials_reviewed} of {trials} were judged, of "
            f"which {review.n_trials_rejected} {'was' if review.n_trials_rejected == 1 else 'were'} rejected."
        )
        if left := review.n_trials_unjudged:
            sentences.append(
                f"The review was signed off while {counted(left, 'trial')} of those chosen for it had no verdict."
            )
    return " ".join(sentences)


def _cameras_text(run: RunResult) -> list[str]:
    """Sentences on several cameras."""
    if run.cameras is None:
        return []
    names = ", ".join(run.cameras.names)
    return [
        f"The clock of each camera ({names}) was related to the recording's on its own, and the participant was "
        "found in each. At each time the values are of one camera: the sequence of cameras was chosen that costs "
        f"least, where a second without a valid frame costs {INVALID:g}, one with a valid frame {TURNED * 90:g} times"
        f" the head's turn from the camera in units of 90 degrees, and a change of camera {CHANGE:g}. No value was "
        "moved in time, or made of two cameras' frames, except by smoothing where that is stated."
    ]


def accuracy_text(run: RunResult) -> str:
    """A sentence on how good the model is, from its card, or nothing."""
    card = run.provenance.model
    if card.accuracy is None:
        return ""
    sets, error = ", ".join(card.data_sets) or "its data", card.calibration_error
    calibration = f" with an expected calibration error of {error:.3f}" if error is not None else ""
    return (
        f" On images of {sets} that it was not trained on ({card.validation or 'validation part'}) the model's "
        f"accuracy was {card.accuracy:.1%}{calibration}; how good it is on the faces of this study was not measured."
    )
