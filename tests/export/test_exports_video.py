"""BORIS and ELAN: projects by their formats' rules, with times that a player of the video shows."""

import json
from dataclasses import replace
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.export import ExportOptions, event_table, export_results
from enicfer.io.external.spans import Span
from enicfer.records import Modality, Provenance, SessionResult

STEM = "sub-01_ses-01_task-faces_run-1"
OFFSET, DRIFT = 3.25, 120e-6  # of the factory: recording time = video time * (1 + DRIFT) - OFFSET


@pytest.fixture(scope="module")
def run(make_run):
    return make_run(Modality.EEG)


def shown_at(run, time):
    """Where a player is at ``time`` of the recording, by the planted clocks: s from the first frame."""
    return (np.asarray(time) + OFFSET) / (1 + DRIFT) - run.faces.video_time[0]


def read_eaf(path):
    """Spans in s by tier, by the rules of EAF 3.0: https://www.mpi.nl/tools/elan/EAFv3.0.xsd."""
    root = ElementTree.parse(path).getroot()
    assert root.tag == "ANNOTATION_DOCUMENT" and root.attrib["FORMAT"] == "3.0"
    assert {"AUTHOR", "DATE", "VERSION"} <= set(root.attrib)
    order = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE"]
    places = [order.index(child.tag) for child in root]
    assert places == sorted(places) and places[:2] == [0, 1]
    assert root.find("HEADER").attrib["TIME_UNITS"] == "milliseconds"
    slots = {slot.attrib["TIME_SLOT_ID"]: int(slot.attrib["TIME_VALUE"]) for slot in root.find("TIME_ORDER")}
    types = {kind.attrib["LINGUISTIC_TYPE_ID"] for kind in root.iter("LINGUISTIC_TYPE")}
    ids, tiers = [], {}
    for tier in root.iter("TIER"):
        assert tier.attrib["LINGUISTIC_TYPE_REF"] in types and tier.attrib["TIER_ID"] not in tiers
        spans = tiers[tier.attrib["TIER_ID"]] = []
        for annotation in tier:
            (inner,) = annotation
            ids.append(inner.attrib["ANNOTATION_ID"])
            start, stop = (slots[inner.attrib[f"TIME_SLOT_REF{i}"]] for i in (1, 2))
            assert start < stop
            spans.append((start / 1000, stop / 1000, inner.find("ANNOTATION_VALUE").text))
        assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert len(set(ids)) == len(ids) and len(slots) == 2 * len(ids)
    return tiers, root.find("HEADER/MEDIA_DESCRIPTOR").attrib


def read_boris(path):
    """Spans of each observation and subject: state events begin and end in turn."""
    project = json.loads(path.read_text(encoding="utf-8"))
    codes = {entry["code"]: entry["type"] for entry in project["behaviors_conf"].values()}
    subjects = {entry["name"] for entry in project["subjects_conf"].values()}
    assert set(codes.values()) == {"State event"} and project["project_format_version"] == "7.0"
    found = {}
    for name, observation in project["observations"].items():
        times = [event[0] for event in observation["events"]]
        assert times == sorted(times)
        begun, spans = {}, found.setdefault(name, {})
        for at, subject, code, modifier, comment in observation["events"]:
            assert subject in subjects and code in codes and modifier == comment == ""
            if (subject, code) in begun:
                spans.setdefault(subject, []).append((begun.pop((subject, code)), at, code))
            else:
                begun[subject, code] = at
        assert not begun
    return found, project


def check_spans(run, face, trials, tolerance):
    segments = event_table(run)
    segments = segments[segments["kind"] == "segment"]
    assert [name for _, _, name in sorted(face)] == segments["name"].tolist()
    np.testing.assert_allclose(
        [s[0] for s in sorted(face)], segments["video_onset"].clip(lower=0), atol=tolerance
    )
    assert [name for _, _, name in sorted(trials)] == run.trials["trial_type"].tolist()
    np.testing.assert_allclose([s[0] for s in sorted(trials)], shown_at(run, run.trials["onset"]), atol=2e-3)
    np.testing.assert_allclose([s[1] - s[0] for s in trials], 2.0, atol=2 * tolerance + 1e-3)


def test_player_time_is_the_inverse_of_the_clocks_map(run):
    table = event_table(run)
    for name, at in (("video_onset", table["onset"]), ("video_offset", table["onset"] + table["duration"])):
        there = run.alignment.time(table[name].to_numpy() + run.faces.video_time[0])
        np.testing.assert_allclose(there, at, atol=1e-4 / 2)
        np.testing.assert_allclose(table[name], shown_at(run, at), atol=2e-3)  # as well as the map was found


def test_player_time_beyond_the_video(run):
    late = run.trials.assign(onset=[-40.0, *run.trials["onset"][1:-1], 400.0])
    table = event_table(replace(run, trials=late)).query("kind == 'trial'")
    np.testing.assert_allclose(table["video_onset"], shown_at(run, table["onset"]), atol=0.05)


def test_elan_has_tiers_that_its_format_allows(run, tmp_path):
    export_results(run, "elan", tmp_path)
    tiers, media = read_eaf(tmp_path / "elan" / f"{STEM}.eaf")
    assert list(tiers) == ["face", "trials"] and media["RELATIVE_MEDIA_URL"] == "./camera.mkv"
    check_spans(run, tiers["face"], tiers["trials"], 5.1e-4)  # the format has whole ms


def test_boris_has_state_events_that_end(run, tmp_path):
    done = export_results(run, "boris", tmp_path)
    found, project = read_boris(tmp_path / "boris" / "sub-01_ses-01.boris")
    check_spans(run, found[STEM]["face"], found[STEM]["trials"], 1e-5)
    info = project["observations"][STEM]["media_info"]
    assert info["length"]["camera.mkv"] == pytest.approx(65.25, abs=0.1)
    assert info["fps"]["camera.mkv"] == pytest.approx(30, rel=0.02)
    assert any("BORIS will ask where camera.mkv is" in note for note in done.notes)


def test_trials_that_overlap_are_in_rows_of_their_own(run, tmp_path):
    long = run.trials.assign(duration=10.0)
    export_results(
        replace(run, trials=long),
        ["boris", "elan"],
        tmp_path,
        options=ExportOptions(conditions=("happy", "neutral")),
    )
    tiers, _ = read_eaf(tmp_path / "elan" / f"{STEM}.eaf")
    found, _ = read_boris(tmp_path / "boris" / "sub-01_ses-01.boris")
    rows = {name: spans for name, spans in found[STEM].items() if name.startswith("trials")}
    assert set(rows) == {"trials", "trials 2"} == {name for name in tiers if name.startswith("trials")}
    whole = sorted(span for spans in rows.values() for span in spans)
    np.testing.assert_allclose([s[0] for s in whole], shown_at(run, long["onset"]), atol=2e-3)


def test_the_video_is_named_as_seen_from_the_file(run, tmp_path):
    video = tmp_path / "videos" / "camera.mkv"
    video.parent.mkdir()
    video.touch()
    export_results(run, ["boris", "elan"], tmp_path / "out", options=ExportOptions(videos=(video,)))
    _, media = read_eaf(tmp_path / "out" / "elan" / f"{STEM}.eaf")
    _, project = read_boris(tmp_path / "out" / "boris" / "sub-01_ses-01.boris")
    named = project["observations"][STEM]["file"]["1"][0]
    assert media["RELATIVE_MEDIA_URL"] == named == "../../videos/camera.mkv"
    assert (tmp_path / "out" / "boris" / named).resolve() == video.resolve()


def test_runs_of_a_session_are_observations_of_one_project(run, tmp_path):
    second = replace(run, entities={**run.entities, "run": "2"})
    done = export_results(SessionResult((run, second), tmp_path, ()), ["boris", "elan"], tmp_path)
    found, _ = read_boris(tmp_path / "boris" / "sub-01_ses-01.boris")
    assert list(found) == [STEM, STEM.replace("run-1", "run-2")]
    assert len(done.paths) == 3


def test_a_video_alone_and_same_bytes(make_run, tmp_path):
    run = make_run(Modality.EEG)
    alone = replace(run, recording=replace(run.recording, modality=Modality.NONE, sampling_rate=None))
    for folder in ("a", "b"):
        export_results(alone, ["boris", "elan"], tmp_path / folder)
    for name in (f"elan/{STEM}.eaf", "boris/sub-01_ses-01.boris"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_video_in_parts_is_refused(run, tmp_path):
    parts = Provenance(inputs={"a.mp4": "0", "b.mp4": "1", "eeg.vhdr": "2"})
    for program in ("boris", "elan"):
        with pytest.raises(
            InputError, match=r"has 2 files \(a.mp4, b.mp4\), and (BORIS|ELAN) ties its events to one"
        ):
            export_results(replace(run, provenance=parts), program, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_spans_come_back_as_a_coding(run, tmp_path):
    """What BORIS exports of the project (tabular events) is read as the coding that it was."""
    from enicfer.io.external.codings import read_coding

    export_results(run, "boris", tmp_path)
    project = json.loads((tmp_path / "boris" / "sub-01_ses-01.boris").read_text(encoding="utf-8"))
    seen, rows = set(), ["Time,Subject,Behavior,Behavior type"]
    for at, subject, code, *_ in project["observations"][STEM]["events"]:
        rows.append(f"{at},{subject},{code},{'STOP' if (subject, code) in seen else 'START'}")
        seen ^= {(subject, code)}
    path = tmp_path / "events.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    program, spans = read_coding(path)
    assert program == "boris" and isinstance(spans[0], Span)
    table = event_table(run)
    assert len(spans) == len(table)
    happy = sorted(span.onset for span in spans if span.code == "happy")
    np.testing.assert_allclose(happy, table.loc[table["name"] == "happy", "video_onset"], atol=1e-5)


def test_what_a_review_said_is_a_tier_of_its_own(run, tmp_path):
    trials = run.trials.assign(fer_reviewed=None, fer_review_reason=None)
    trials.loc[1, ["fer_reviewed", "fer_review_reason"]] = "rejected", "yawn <&>"
    trials.loc[3, "fer_reviewed"] = "accepted"
    reviewed = replace(run, trials=trials)
    export_results(reviewed, ["elan", "boris"], tmp_path / "out")
    tiers, _ = read_eaf(tmp_path / "out" / "elan" / f"{STEM}.eaf")
    expected = [
        (shown_at(run, trials["onset"][i]), text) for i, text in ((1, "rejected: yawn <&>"), (3, "accepted"))
    ]
    assert [text for _, _, text in tiers["review"]] == [text for _, text in expected]
    for (start, _, _), (onset, _) in zip(tiers["review"], expected, strict=True):
        assert start == pytest.approx(onset, abs=0.001)
    found, _ = read_boris(tmp_path / "out" / "boris" / "sub-01_ses-01.boris")
    assert [text for _, _, text in found[STEM]["review"]] == [text for _, text in expected]
    export_results(run, "elan", tmp_path / "plain")
    assert "review" not in read_eaf(tmp_path / "plain" / "elan" / f"{STEM}.eaf")[0]
