"""``enicfer trace``: what it prints."""

import numpy as np
from click.testing import CliRunner

from enicfer.cli.main import cli
from enicfer.pipeline import process as pipeline
from enicfer.records import ExpressionTrace, Status


def test_frames_that_were_not_to_be_read_do_not_count(make_run, monkeypatch, tmp_path):
    faces = make_run().faces
    status = np.full(faces.status.size, Status.NOT_ANALYSED, np.uint8)
    status[:8] = [Status.OK] * 6 + [Status.NO_FACE] * 2
    probability = np.where((status == Status.OK)[:, None], 0.5, np.nan).astype(np.float32).repeat(2, axis=1)
    trace = ExpressionTrace(faces.video_time, probability, status, ("happy", "sad"), "m")
    monkeypatch.setattr(pipeline, "trace_video", lambda *_, **__: (faces, trace))
    out = CliRunner().invoke(cli, ["trace", "a.mp4", "-o", str(tmp_path / "out.tsv")])
    assert out.output.startswith("75.0% of the 8 frames read are valid.")
