"""Every key of the files for programs is described, on a page that is made from the descriptions."""

import json
import re
from pathlib import Path

import h5py
import pytest

from enicfer.config.protocol import TraceSettings
from enicfer.config.session import read_session
from enicfer.export.keys import QC_KEYS, SYNC_KEYS, find_undocumented, render_page, walk_keys
from enicfer.io.frames_file import write_frames
from enicfer.io.results import quality_record, sync_record
from enicfer.io.tables import write_json
from enicfer.pipeline.recording import read_recording
from enicfer.records import Modality
from enicfer.records.plain import to_plain

PAGE = Path(__file__).resolve().parents[2] / "docs" / "keys.md"


@pytest.mark.parametrize("modality", list(Modality))
def test_every_key_is_described(make_run, tmp_path, modality):
    run = make_run(modality)
    for content, keys in (
        (sync_record(run), SYNC_KEYS),
        (quality_record(run), QC_KEYS),
    ):
        write_json(tmp_path / "a.json", content)
        written = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
        assert len(list(walk_keys(written))) > 10
        assert find_undocumented(written, keys) == []


@pytest.mark.parametrize("modality", list(Modality))
def test_every_data_set_of_the_frames_is_on_the_page(make_run, tmp_path, modality):
    settings = TraceSettings(smoothing=0.5, min_probability=0.3, relative_to="quantile")
    write_frames(tmp_path / "a.h5", make_run(modality, settings=settings))
    page = PAGE.read_text(encoding="utf-8")
    found = []
    with h5py.File(tmp_path / "a.h5") as file:
        file.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
        found += list(file.attrs)
    assert {"course/smoothed", "triggers/code", "measures/yaw", "provenance"} <= set(found)
    assert [name for name in found if f"`{re.sub('^measures/.*', 'measures/*', name)}`" not in page] == []


@pytest.mark.parametrize("modality", ["eeg", "fmri"])
def test_facts_of_a_real_recording_are_described(example, modality):
    session = read_session(example(modality, short=True))
    (run,) = session.runs
    details = to_plain({"recording": {"details": read_recording(run, session.protocol).details}})
    assert len(list(walk_keys(details))) == {"eeg": 1, "fmri": 4}[modality]
    assert find_undocumented(details, SYNC_KEYS) == []


def test_a_new_key_is_noticed():
    keys = {"a.b": "", "c[].d": "", "e.*": ""}
    assert find_undocumented({"a": {"b": 1}, "c": [{"d": 1}], "e": {"x": {"y": 1}}}, keys) == []
    assert find_undocumented({"a": {"new": 1}, "c": [{"d": 1}, {"f": 2}], "g": 3}, keys) == [
        "a.new",
        "c[].f",
        "g",
    ]


def test_the_page_is_that_of_the_descriptions():
    assert PAGE.read_text(encoding="utf-8") == render_page(), "python -m enicfer.export.keys > docs/keys.md"
