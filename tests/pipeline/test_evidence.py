from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from enicfer.config.protocol import Protocol, Pulses, Scanner
from enicfer.errors import AlignmentError
from enicfer.pipeline.evidence import check_uncertainty, collect_evidence
from enicfer.records import Modality, Recording
from enicfer.sync import align
from enicfer.sync.volumes import fit_volume_clock

RUN = SimpleNamespace(videos=(Path("camera.mp4"),), coarse_offset=None)
PULSES = Pulses(source="anchors", anchors=((10.0, 15.0), (100.0, 105.0), (200.0, 205.0), (300.0, 305.0)))


def scan(logged, dummy_volumes=0):
    """A recording of 200 volumes whose log has the pulses with these numbers, at 10 s and every 2 s."""
    clock = fit_volume_clock(10 + 2.0 * np.asarray(logged), 2.0, 200, dummy_volumes)
    onset = clock.time(10 + 2.0 * np.asarray(logged))
    return Recording(
        Modality.FMRI,
        Path("bold.nii"),
        400.0,
        pd.DataFrame({"onset": onset, "code": "5"}),
        repetition_time=2.0,
        n_volumes=200,
        notes=clock.notes,
    )


def bound(recording, **scanner):
    settings = Scanner(volume_codes=("5",), **scanner)
    protocol = Protocol("p", "", Modality.FMRI, pulses=PULSES, scanner=settings)
    video_time = np.arange(9000) / 30
    evidence = collect_evidence(RUN, recording, protocol, video_time)
    alignment = align(evidence, PULSES)
    with pytest.raises(AlignmentError) as refused:
        check_uncertainty(alignment, recording, video_time, -1.0)
    return float(alignment.uncertainty(50.0)), alignment.notes, str(refused.value)


@pytest.mark.parametrize("logged", [range(1, 200), range(199)])
def test_a_log_without_an_outer_volume_pulse_is_known_to_a_tr(logged):
    recording = scan(logged)
    found, notes, message = bound(recording)
    assert found >= 2
    assert "time 0 may be early" in notes[-1]
    assert "no volume pulse in the last 2 s of bold.nii" in message
    assert "if the log lacks pulses at its beginning, all times are too early" in recording.notes[0]


@pytest.mark.parametrize(
    ("logged", "dummies"),
    [(range(200), 0), (range(204), 4), ([*range(50), *range(52, 200)], 0)],
    ids=["all", "dummies", "missing inside"],
)
def test_a_log_that_spans_the_image_is_certain(logged, dummies):
    found, _, message = bound(scan(logged, dummies))
    assert found < 0.1
    assert "only known to within" in message


def test_a_log_that_surely_has_the_first_pulse_may_end_early():
    found, _, message = bound(scan(range(195)), first_pulse_logged=True)
    assert found < 0.1
    assert "only known to within" in message
