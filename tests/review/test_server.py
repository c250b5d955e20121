"""What the server tells of a study and of a run, and what it keeps of what a person says."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import httpx
import numpy as np
import pandas as pd
import pytest

from enicfer.errors import InputError
from enicfer.export.bids import write_root, write_run
from enicfer.io.results import read_run
from enicfer.io.review_log import read_review, review_path
from enicfer.pipeline.publish import write_outputs
from enicfer.records import ModelCard, Status
from enicfer.review.curves import curves_between
from enicfer.review.study import Study
from tests.thorough import only_thorough

EVIL = "<script>alert(1)</script>\"'&=1+1 דנה Jörg"


def reject(client, trial=1, reason="yawn", **more):
    entry = {"kind": "trial", "trial": trial, "verdict": "rejected", "reason": reason, **more}
    return client.post(f"{client.run()}/review", entry)


def test_what_was_said_is_there_again(plain, serve):
    with serve(plain) as client:
        assert reject(client, note=EVIL).status_code == 201
        assert (
            client.post(f"{client.run()}/review", {"kind": "never", "frame": 9, "x": 3, "y": 4.5}).status_code
            == 201
        )
        assert client.post(f"{client.run()}/review", {"kind": "signoff", "name": EVIL}).status_code == 201
    with serve(plain) as client:
        found = client.get(f"{client.run()}/review").json()
        assert [entry["kind"] for entry in found["entries"]] == ["trial", "never", "signoff"]
        assert found["signed"]["name"] == EVIL
        trial = client.get(f"{client.run()}/trials").json()["trials"][1]
        (review,) = trial["reviews"]
        assert (review["verdict"], review["reason"], review["note"]) == ("rejected", "yawn", EVIL)
        assert review["onset"] == trial["onset"]
        (row,) = client.runs()
        assert row["n_rejected"] == 1 and row["stale"] and row["reviews"][0]["signed"]["name"] == EVIL
        (never,) = client.get(f"{client.run()}/people").json()["corrections"]
        run = read_run(plain / "out")
        assert never["video_time"] == pytest.approx(run.faces.video_time[9])
        assert never["time"] == pytest.approx(run.time[9])


def test_undo_and_two_coders(plain, serve):
    with serve(plain) as anna, serve(plain, coder="Jörg Müller") as other:
        place = f"{anna.run()}/review"
        reject(anna)
        reject(anna, reason="talking")
        other.post(place, {"kind": "trial", "trial": 1, "verdict": "accepted"})
        assert anna.post(place, {"kind": "undo"}).json()["review"]["entries"][0]["reason"] == "yawn"
        assert anna.post(place, {"kind": "undo"}).json()["review"]["entries"] == []
        assert anna.post(place, {"kind": "undo"}).status_code == 400
        assert other.get(place).json()["entries"][0]["verdict"] == "accepted"
        assert anna.get(place).json()["others"][0]["coder"] == "Jörg Müller"
        theirs = other.get(place).json()["entries"][0]["id"]
        assert anna.post(place, {"kind": "undo", "entry": theirs}).status_code == 400
        mine = {"kind": "trial", "trial": 2, "verdict": "accepted"}
        refused = anna.post(place, mine, **{"X-Coder": "J%C3%B6rg%20M%C3%BCller"})
        assert refused.status_code == 409 and refused.json()["kind"] == "coder"
        says = "This page is Jörg Müller's, and the server was started for Anna: load the page again."
        assert refused.json()["error"] == says
        assert other.post(place, mine, **{"X-Coder": "J%C3%B6rg%20M%C3%BCller"}).status_code == 201
        restart = other.get(other.run()).json()["restart"]
        assert restart == f"enicfer review {plain} --coder 'Jörg Müller'"
    assert len(list((plain / "out" / "reviews").glob("*.jsonl"))) == 2


def test_two_servers_of_one_coder_on_one_study(plain, serve):
    with serve(plain) as one, serve(plain) as two:
        assert one.run() == two.run()
        for trial in range(8):
            assert reject((one, two)[trial % 2], trial).status_code == 201
        for client in (one, two):
            said = client.get(f"{client.run()}/review").json()["entries"]
            assert [entry["trial"] for entry in said] == list(range(8))
        place = f"{one.run()}/review"
        look = f"{one.run()}/results"
        known, said = two.get(place).json(), two.get(look).json()["said"]
        assert known["said"] == said and (known["n_entries"], known["last"]["number"]) == (8, 7)
        undone = one.post(place, {"kind": "undo", "entry": known["last"]["id"]}).json()
        assert undone["undone"]["trial"] == 7 and undone["review"]["last"]["number"] == 6
        assert undone["review"]["n_entries"] == 9 and two.get(look).json()["said"] != said
        assert len(two.get(place).json()["entries"]) == 7


@pytest.mark.parametrize(
    "entry",
    [
        {},
        [],
        "x",
        None,
        {"kind": "other"},
        {"kind": ["trial"]},
        {"kind": "trial"},
        {"kind": "trial", "trial": 8, "verdict": "accepted"},
        {"kind": "trial", "trial": -1, "verdict": "accepted"},
        {"kind": "trial", "trial": True, "verdict": "accepted"},
        {"kind": "trial", "trial": 1.0, "verdict": "accepted"},
        {"kind": "trial", "trial": 1, "verdict": "maybe"},
        {"kind": "trial", "trial": 1, "verdict": "rejected"},
        {"kind": "trial", "trial": 1, "verdict": "rejected", "reason": "  "},
        {"kind": "trial", "trial": 1, "verdict": "accepted", "reason": "x"},
        {"kind": "trial", "trial": 1, "verdict": "rejected", "reason": "x" * 201},
        {"kind": "trial", "trial": 1, "verdict": "accepted", "note": 3},
        {"kind": "trial", "trial": 1, "verdict": "accepted", "note": "\ud800"},
        {"kind": "trial", "trial": 1, "verdict": "accepted", "note": "\x00"},
        {"kind": "trial", "trial": 1, "verdict": "accepted", "coder": "Ben"},
        {"kind": "never", "frame": 10**9, "x": 1, "y": 1},
        {"kind": "never", "frame": 1, "x": -1, "y": 1},
        {"kind": "never", "frame": 1, "x": "1", "y": 1},
        {"kind": "never", "frame": 1},
        {"kind": "mark", "frame": None},
        {"kind": "signoff"},
        {"kind": "signoff", "name": ""},
        {"kind": "undo", "entry": "nothing"},
    ],
)
def test_what_cannot_be_meant_is_refused_and_not_stored(plain, serve, entry):
    with serve(plain) as client:
        headers = {**client.origin, "Content-Type": "application/json"}
        found = client.http.post(f"{client.run()}/review", content=json.dumps(entry), headers=headers)
        assert found.status_code == 400
        assert found.json()["kind"] == "bad_request" and found.json()["error"].endswith(".")
    files = list((plain / "out" / "reviews").glob("*.jsonl")) if (plain / "out" / "reviews").exists() else []
    assert all(read_review(path) == () for path in files)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"NaN", b'{"kind": NaN}', b"[" * 10_000])
def test_what_is_no_json_is_refused(plain, serve, body):
    with serve(plain) as client:
        headers = {**client.origin, "Content-Type": "application/json"}
        assert client.http.post(f"{client.run()}/review", content=body, headers=headers).status_code == 400


def test_read_only_stores_nothing(plain, serve):
    with serve(plain, read_only=True) as client:
        found = reject(client)
        assert found.status_code == 403 and found.json()["kind"] == "read_only"
        assert client.get(client.run()).json()["read_only"]
    assert not (plain / "out" / "reviews").exists()


def test_a_full_disk_is_said_and_nothing_is_half_written(plain, serve, monkeypatch):
    with serve(plain) as client:
        reject(client, 0)
        path = review_path(plain / "out", "sub-01_ses-01", "Anna")
        before = path.read_bytes()
        import os

        write = os.write

        def half(file, data):  # a disk with room for 20 bytes
            if b"talking" in data:
                write(file, data[:20])
                raise OSError(28, "No space left on device")
            return write(file, data)

        monkeypatch.setattr("enicfer.io.entry_log.os.write", half)
        found = reject(client, 1, "talking")
        assert found.status_code == 507 and found.json()["kind"] == "disk"
        assert "No space left on device" in found.json()["error"]
        assert path.read_bytes() == before
        assert reject(client, 2).status_code == 201
        assert [entry.trial for entry in read_review(path)] == [0, 2]


def test_a_damaged_review_is_named_and_stays_as_it_is(plain, serve):
    path = review_path(plain / "out", "sub-01_ses-01", "Anna")
    path.parent.mkdir()
    path.write_bytes(b"wrong\n")
    with serve(plain) as client:
        study = client.get("/api/study").json()
        assert study["runs"] == [] and "Line 1 of sub-01_ses-01_coder-Anna.jsonl" in study["notes"][0]
    assert path.read_bytes() == b"wrong\n"


SERVER = """
import sys
from enicfer.review import open_review
open_review([sys.argv[1]], coder="Anna", tell=lambda link: print(link, flush=True))
"""


def test_kill_during_writes_loses_nothing_that_was_acknowledged(plain):
    told = []
    for round_ in range(2):
        process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(plain)], stdout=subprocess.PIPE, text=True
        )
        try:
            link = process.stdout.readline().strip()
            base = link.split("/?")[0]
            with httpx.Client(base_url=base, timeout=60, trust_env=False) as http:
                assert http.get(link).status_code == 200
                place = f"/api/runs/{http.get('/api/study').json()['runs'][0]['id']}/review"
                for number in range(20):
                    entry = {"kind": "mark", "frame": number, "note": f"{round_}-{number}"}
                    found = http.post(place, json=entry, headers={"Origin": base})
                    assert found.status_code == 201
                    told.append(found.json()["entry"]["id"])
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=30)
    path = review_path(plain / "out", "sub-01_ses-01", "Anna")
    assert set(told) <= {entry.id for entry in read_review(path)}


def test_script_in_every_name_is_text_in_json(make_run, tmp_path, serve):
    run = make_run()
    trials = run.trials.assign(trial_type=pd.Series([EVIL] * len(run.trials), dtype="str"))
    trials["code"] = pd.Series([EVIL] * len(trials), dtype="str")
    run = replace(run, trials=trials, warnings=(EVIL,))
    write_outputs([run], tmp_path / "out")
    with serve(tmp_path, coder=EVIL) as client:
        for path in ("/api/study", client.run(), f"{client.run()}/trials", f"{client.run()}/queue"):
            found = client.get(path)
            assert found.headers["content-type"] == "application/json"
        assert client.get(client.run()).json()["conditions"] == [EVIL]
        trial = client.get(f"{client.run()}/trials").json()["trials"][0]
        assert (trial["condition"], trial["code"]) == (EVIL, EVIL)
        assert reject(client, 0).status_code == 201
        assert client.get(f"{client.run()}/trials").json()["trials"][0]["reviews"][0]["reason"] == "yawn"


def test_the_clock_of_every_frame_comes_exact(plain, serve):
    run = read_run(plain / "out")
    with serve(plain) as client:
        found = client.get(f"{client.run()}/clock")
        n = int(found.headers["x-frames"])
        data = found.content
        assert n == run.time.size and len(data) == 37 * n
        np.testing.assert_array_equal(np.frombuffer(data[: 8 * n], "<f8"), run.faces.video_time)
        np.testing.assert_array_equal(np.frombuffer(data[8 * n : 16 * n], "<f8"), run.time)
        bound = run.alignment.frame_uncertainty(run.faces.video_time)
        np.testing.assert_allclose(np.frombuffer(data[16 * n : 20 * n], "<f4"), bound, rtol=1e-6)
        np.testing.assert_array_equal(np.frombuffer(data[20 * n : 21 * n], "u1"), run.expression.status)
        np.testing.assert_array_equal(np.frombuffer(data[21 * n :], "<f4").reshape(n, 4), run.faces.box)


def test_curves_are_exact_when_zoomed_and_keep_extremes_when_not(make_run):
    run = make_run(seconds=120)
    p = run.expression.probability
    whole = curves_between(run, -10, 200, points=60)
    assert not whole["exact"] and len(whole["time"]) == 120
    for k, label in enumerate(run.expression.labels):
        shown = np.array([np.nan if v is None else v for v in whole["probability"][label]])
        assert np.nanmax(shown) == pytest.approx(np.nanmax(p[:, k]), abs=1e-4)
        assert np.nanmin(shown) == pytest.approx(np.nanmin(p[:, k]), abs=1e-4)
    assert (np.diff(whole["time"]) >= 0).all()
    assert {span["status"] for span in whole["status"]} >= {0, 1, 7}
    zoomed = curves_between(run, 30, 31, points=60)
    inside = (run.time >= 30) & (run.time <= 31)
    assert zoomed["exact"] and inside.sum() <= len(zoomed["time"]) <= inside.sum() + 2
    times = np.array(zoomed["time"])
    chosen = (times >= 30) & (times <= 31)
    np.testing.assert_allclose(times[chosen], run.time[inside], atol=1e-6)
    happy = np.array(zoomed["probability"]["happy"], float)[chosen]
    np.testing.assert_allclose(happy, p[inside, run.expression.labels.index("happy")], atol=1e-4)


def test_one_bad_frame_stays_in_sight(make_run):
    run = make_run(seconds=600)
    status = np.zeros_like(run.expression.status)
    status[9000] = 2
    run = replace(run, expression=replace(run.expression, status=status))
    spans = curves_between(run, 0, 600, points=100)["status"]
    (bad,) = [span for span in spans if span["status"]]
    assert bad["status"] == 2 and bad["start"] <= run.time[9000] <= bad["stop"]


def test_what_is_asked_for_wrongly_is_told(plain, serve):
    with serve(plain) as client:
        for query in ("?start=x", "?start=3&stop=2", "?points=nan", "?start=inf"):
            assert client.get(f"{client.run()}/curves{query}").status_code == 400
        assert client.get("/api/runs/0000000000000000").status_code == 404
        assert client.get(f"{client.run()}/trials/99").json()["kind"] == "not_found"


@pytest.mark.slow
@only_thorough
def test_an_hour_and_three_thousand_trials(make_run, tmp_path, serve):
    run = make_run(seconds=3600)
    trials = pd.concat([run.trials] * 375, ignore_index=True)
    run = replace(run, trials=trials.assign(onset=np.linspace(2, 3590, 3000)))
    write_run(tmp_path / "out", run)
    with serve(tmp_path) as client:
        place = client.run()
        client.get(place)
        times = {}
        for path in ("", "/clock", "/curves", "/trials", "/queue", "/pulses", "/people", "/segments"):
            start = time.monotonic()
            found = client.get(place + path)
            times[path] = time.monotonic() - start
            assert found.status_code == 200
        assert len(client.get(f"{place}/trials").json()["trials"]) == 3000
        assert len(client.get(f"{place}/queue").json()["queue"]) == 20
        assert max(times.values()) < 20, times  # s, on a machine that does much else
        assert reject(client, 2999).status_code == 201


def test_three_hundred_sessions(make_run, tmp_path, serve):
    run = make_run(seconds=45)
    out = tmp_path / "out"
    write_root(out, run) if out.mkdir() is None else None
    write_run(out, replace(run, entities={"sub": "000", "task": "faces"}))
    for i in range(1, 300):
        shutil.copytree(out / "sub-000", out / f"sub-{i:03}")
        for path in list((out / f"sub-{i:03}").rglob("sub-000_*")):
            path.rename(path.with_name(path.name.replace("sub-000", f"sub-{i:03}")))
    qc = next((out / "sub-123").rglob("*_qc.json"))
    content = json.loads(qc.read_text(encoding="utf-8"))
    content["quality"]["valid_fraction"] = 0.1
    qc.write_text(json.dumps(content), encoding="utf-8")
    with serve(tmp_path) as client:
        client.get("/api/study")
        start = time.monotonic()
        runs = client.runs()
        assert time.monotonic() - start < 20
        assert len(runs) == 300 and runs[0]["participant"] == "123"
        assert len({row["id"] for row in runs}) == 300
        first = client.get(f"/api/runs/{runs[0]['id']}").json()
        assert first["previous"] is None and first["next"] == runs[1]["id"]
        client.post(f"/api/runs/{runs[0]['id']}/review", {"kind": "signoff", "name": "Anna"})
        assert client.runs()[-1]["participant"] == "123"


def test_ids_tell_no_path_and_stay(plain, tmp_path):
    (plain / "session.toml").write_text("", encoding="utf-8")
    assert Study([plain / "session.toml"]).folders == (plain,)
    one, two = Study([plain]), Study([plain / "out", plain / "out" / "sub-01"])
    assert one.runs.keys() == two.runs.keys()
    assert all(len(key) == 16 and int(key, 16) >= 0 for key in one.runs)


def test_the_trials_to_look_at_are_the_odd_ones(make_run):
    from enicfer.review.judge import pick_trials

    run = make_run(seconds=400, n_trials=60)
    trials = run.trials.copy()
    for name in ("fer_invalid_no_face", "fer_invalid_occluded", "fer_invalid_ambiguous_person"):
        trials[name] = 0.0
    trials["fer_valid"] = 1.0
    for label in run.expression.labels:
        trials[f"fer_{label}_mean"] = 0.9 if label == "neutral" else 0.02
    trials.loc[7, ["fer_valid", "fer_invalid_no_face"]] = 0.1, 0.9
    trials.loc[20, ["fer_happy_mean", "fer_neutral_mean"]] = 0.7, 0.2
    trials.loc[33, ["fer_valid", "fer_invalid_ambiguous_person"]] = 0.7, 0.3
    found = pick_trials(replace(run, trials=trials), ())
    assert {entry["trial"] for entry in found[:3]} == {7, 20, 33}
    assert len(found) == 20 and all(entry["reasons"] == ["spot check"] for entry in found[3:])
    (lost,) = [entry for entry in found if entry["trial"] == 7]
    assert "90% is not valid, mostly no face" in lost["reasons"]
    (odd,) = [entry for entry in found if entry["trial"] == 20]
    assert any(reason.startswith("unusual for") and "happy 0.70" in reason for reason in odd["reasons"])
    assert odd["loop"][0] < trials["onset"][20] < odd["loop"][1]


def test_how_certain_it_is_whose_face_it_is(make_run):
    from enicfer.review.judge import RunCheck, judge_identity

    run = make_run()
    counts = {status.label: 0 for status in Status}
    counts |= {"ok": 896, "no_face": 5000, "blurred": 100, "other_person": 0, "ambiguous_person": 4}
    counts |= {"outside_recording": 77}
    check = RunCheck(replace(run.quality, status=counts, n_frames_inside=6000), run.provenance)
    found = judge_identity(check)
    assert "confidence" not in found and found["certain_fraction"] == 0.996
    assert found["text"].endswith("certain in more than 99% of the frames with a face")
    nobody = replace(check, quality=replace(check.quality, status={**dict.fromkeys(counts, 0), "no_face": 9}))
    assert judge_identity(nobody)["certain_fraction"] is None
    imported = replace(run.provenance, model=ModelCard({"imported": "faces.csv"}))
    assert judge_identity(replace(check, provenance=imported))["certain_fraction"] is None


def test_the_drift_has_its_sign_and_its_bound(plain, serve):
    from enicfer.timecourse.quality import drift_text

    run = read_run(plain / "out")
    (drift,) = run.quality.sync.drifts
    with serve(plain) as client:
        found = client.get(f"{client.run()}/pulses").json()
    assert found["drifts"] == [drift_text(drift)] and found["drifts"][0][0] in "+-"
    assert f"camera's drift {drift_text(drift)} (+ is too fast)" in found["text"]


def test_every_route_is_described():
    from pathlib import Path

    from enicfer.review.server import _DATA

    text = (Path(__file__).parents[2] / "docs" / "review_api.md").read_text(encoding="utf-8")
    names = {path.split("/")[-1].replace(":int", "") for path in _DATA} - {"{run}", "{trial}"}
    assert {name for name in names if name not in text} == set()


def test_a_sign_off_says_what_of_the_queue_was_not_judged(plain, serve):
    with serve(plain) as client:
        place = f"{client.run()}/review"
        assert client.runs()[0]["stale"] is False
        assert client.post(place, {"kind": "signoff", "name": "Anna"}).status_code == 201
        assert client.runs()[0]["stale"] is True, "the results do not say yet who signed"
        client.post(place, {"kind": "undo"})
        assert client.runs()[0]["stale"] is False
        queue = [row["trial"] for row in client.get(f"{client.run()}/queue").json()["queue"]]
        for trial in queue[:3]:
            client.post(place, {"kind": "trial", "trial": trial, "verdict": "accepted"})
        client.post(place, {"kind": "trial", "trial": queue[0], "verdict": "open"})
        found = client.post(place, {"kind": "signoff", "name": "Anna"}).json()
        left = sorted(set(queue) - set(queue[1:3]))
        assert found["entry"]["unjudged"] == found["review"]["signed"]["unjudged"] == left
        for trial in left:
            client.post(place, {"kind": "trial", "trial": trial, "verdict": "accepted"})
        found = client.post(place, {"kind": "signoff", "name": "Anna"}).json()
        assert "unjudged" not in found["entry"] and found["review"]["signed"]["unjudged"] == []
    path = review_path(plain / "out", "sub-01_ses-01", "Anna")
    stored = [entry.unjudged for entry in read_review(path) if entry.kind == "signoff"]
    assert stored[1:] == [tuple(left), ()], "the first sign-off was taken back"
    line = '{"id":"a","at":"b","coder":"Anna","run":"r","kind":"signoff","unjudged":%s}\n'
    for wrong in ("[1.5]", "[true]", '["1"]', "3"):
        path.write_text(line % wrong, encoding="utf-8")
        with pytest.raises(InputError, match="Line 1"):
            read_review(path)
