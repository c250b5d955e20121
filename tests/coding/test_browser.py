"""Coding in the browser, as the server answers it: blind, in the coder's own order, and on the disk at once."""

import json
import shutil
import signal
import struct
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise

import cv2
import httpx
import numpy as np
import pytest
from click.testing import CliRunner

from enicfer.cli.main import cli
from enicfer.coding import compare_coders, sample_frames
from enicfer.coding.clips import show_face
from enicfer.coding.items import list_frames
from enicfer.coding.plan import write_plan
from enicfer.coding.sampling import SamplingOptions
from enicfer.coding.tracks import read_coded_study
from enicfer.config.codebook import read_codebook
from enicfer.errors import EnicferError, InputError
from enicfer.review.study import Study
from tests.coding.filmed import CONDITIONS, VIDEO, N, coding, film_study
from tests.numbered import read

OPTIONS = SamplingOptions(n=24, distance=0.3, second=0.5, repeats=0.25)


@pytest.fixture(scope="session")
def plan(once):
    return sample_frames([once("filmed", film_study)], OPTIONS)


@pytest.fixture
def film(once, plan, tmp_path):
    """A copy that a test may write to: ``lab`` and ``plan.json``."""
    shutil.copytree(once("filmed", film_study), tmp_path / "lab")
    write_plan(tmp_path / "plan.json", plan)
    return tmp_path


@pytest.fixture
def start(film):
    def make(coder="Anna", **task):
        if task.get("mode", "frames") == "frames":
            task = {"plan": film / "plan.json", **task}
        return coding(film / "lab", coder, **task)

    return make


def logs(film, coder="Anna"):
    """What is on the disk of a coder: lines of JSON of all sessions."""
    paths = sorted((film / "lab").rglob(f"codings/*_coder-{coder}.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines()]


def unpack(data):
    n = struct.unpack_from("<I", data)[0]
    times = struct.unpack_from(f"<{n}f", data, 4)
    sizes = struct.unpack_from(f"<{n}I", data, 4 + 4 * n)
    ends = np.cumsum([4 + 8 * n, *sizes])
    return times, [data[a:b] for a, b in pairwise(ends)]


def number_in(jpeg):
    return read(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE))


SECRET = (
    *(*CONDITIONS, "clowns", "thunder", "S 11", VIDEO, "sub-0", "task-faces", "ses-A", "s01", "s02", "Ben"),
    *("codings", ".jsonl", "derivatives", "probability", "uncertain", "random", "seed", "repeat", "fer_"),
)


def test_a_coder_is_told_nothing(start, film):
    """Neither conditions, runs, files and places, nor what the classifier or others say, nor what is asked twice."""
    with start("Ben") as ben:
        ben.code(ben.open_ids()[0], category="sad")
    with start() as anna:
        ids = anna.open_ids()
        asked = ["/", "/api/coding", "/favicon.ico", "/api/items/x/clip"]
        asked += [f"/api/items/{known}/{part}" for known in ids[:3] for part in ("face.jpg", "clip")]
        asked += [f"/api/runs/{run}" for run in anna.desk.study.runs]
        answers = [anna.get(path) for path in asked]
        place = f"/api/items/{ids[0]}/code"
        said = ({"category": "sad", "took": 1.5}, {}, {"category": "sad", "frame": 3})
        answers += [anna.post(place, content) for content in said]
        answers += [
            anna.post("/api/undo", {}),
            anna.post("/api/undo", {}),
            anna.post("/api/items/x/code", {}),
        ]
        for path in (film / "lab").rglob(VIDEO):
            path.unlink()
        answers += [anna.get(f"/api/items/{known}/face.jpg") for known in ids[5:8]]
        for path in (film / "lab").rglob("*_coder-Anna.jsonl"):  # damaged
            path.write_text("{}\n{}\n", "utf-8")
        answers += [anna.post(f"/api/items/{known}/code", {"category": "sad"}) for known in ids[-8:]]
        answers.append(anna.get("/api/coding"))
    assert {200, 201, 400, 404, 409} == {answer.status_code for answer in answers}
    sent = "".join(f"{answer.headers} {answer.content.decode('latin-1')}" for answer in answers)
    assert [word for word in (*SECRET, str(film)) if word in sent] == []
    coding = answers[1].json()
    assert coding.keys() == {"coder", "mode", "book", "items", "restart", "note"}
    assert (coding["restart"], coding["note"]) == ("enicfer code STUDY --coder Anna --plan PLAN", "")
    assert {tuple(item) for item in coding["items"]} == {("id", "shows", "done", "codes")}
    assert {(item["shows"], *item["codes"]) for item in coding["items"]} == {("frame",)}
    said = " ".join(anna.notes)
    assert VIDEO in said and "coder-Anna.jsonl" in said, "the command line says it in full"


def test_the_face_is_of_exactly_the_frame_and_the_clip_of_the_second_around_it(start):
    with start() as anna:
        for known in anna.open_ids()[:4]:
            frame = anna.desk.items[known].number
            assert number_in(anna.get(f"/api/items/{known}/face.jpg").content) == frame
            times, pictures = unpack(anna.get(f"/api/items/{known}/clip").content)
            numbers = [number_in(picture) for picture in pictures]
            assert numbers == list(range(max(0, frame - 12), min(N, frame + 13)))
            assert np.allclose(times, [(number - frame) / 25 for number in numbers], atol=1e-3)
        run = anna.desk.items[known].run
        result, video = anna.desk.result(run), anna.desk.video(run)
        nowhere = replace(result, faces=replace(result.faces, box=np.full_like(result.faces.box, np.nan)))
        assert number_in(show_face(video, nowhere, 7)) == 7, "the whole picture"
        small = np.tile(np.array([100, 10, 120, 34], np.float32), (N, 1))
        near = replace(result, faces=replace(result.faces, box=small))
        face = cv2.imdecode(np.frombuffer(show_face(video, near, 7), np.uint8), cv2.IMREAD_GRAYSCALE)
        assert face.shape == (39, 39), "a square with room around the face"


def test_each_coder_has_an_order_of_her_own_and_the_second_her_part(start, film):
    from enicfer.coding import read_plan

    plan, study = read_plan(film / "plan.json"), Study([film / "lab"])

    def keys(coder, second=False):
        return [item.key for item in list_frames(study, plan, coder, second)[0]]

    assert keys("Anna") == keys(" Anna ") and keys("Anna") != keys("Ben")
    assert sorted(keys("Anna")) == sorted(keys("Ben")) and len(keys("Ben")) == len(plan.order)
    second = {(item.run, item.frame) for item in plan.items if item.second}
    assert {(run, frame) for run, _, frame, _ in keys("Ben", True)} == second and 0 < len(second) < len(
        plan.items
    )
    order = keys("Anna")
    again = [key for key in order if key[3]]
    assert len(again) == len(plan.order) - len(plan.items) > 0
    assert all(order.index((*key[:3], 0)) < order.index(key) for key in again)
    with start() as anna, start() as later:
        assert not {item["id"] for item in anna.items()} & {item["id"] for item in later.items()}
        shuffled = [item.key for item in anna.desk.items.values()]
        assert shuffled == order == [item.key for item in later.desk.items.values()]
        assert shuffled[: len(plan.items)] != sorted(shuffled)[: len(plan.items)]


def test_what_is_acknowledged_is_on_the_disk(start, film):
    said = [{"category": "happy", "intensity": 4, "took": 2.25}, {"reason": "blurred"}, {"category": "sad"}]
    with start() as anna:
        ids = anna.open_ids()
        for place, (known, content) in enumerate(zip(ids, said, strict=False)):
            assert anna.code(known, **content)["done"] == place + 1
            lines = logs(film)  # as after kill -9
            assert len(lines) == place + 1
            last = max(lines, key=lambda line: line["at"])
            item = anna.desk.items[known]
            assert (last["run"], last["frame"], last["coder"]) == (item.run.name, item.number, "Anna")
            assert {name: last[name] for name in content} == content
    with start() as anna:
        state = [item["done"] for item in anna.items()]
        assert state == [True] * 3 + [False] * (len(ids) - 3)
        first = [item["id"] for item in anna.items()][:3]
        undone = [anna.post("/api/undo", {}).json() for _ in range(2)]
        assert [(one["id"], one["done"]) for one in undone] == [(first[2], 2), (first[1], 1)]
        assert anna.open_ids()[:2] == first[1:]
        assert [line["kind"] for line in logs(film)].count("undo") == 2
        anna.code(first[1], category="neutral")
    with start() as anna:
        assert [item["done"] for item in anna.items()].count(True) == 2
        for _ in range(2):
            assert anna.post("/api/undo", {}).status_code == 201
        found = anna.post("/api/undo", {})
        assert found.status_code == 409 and found.json()["error"] == "There is nothing to undo."


def test_a_skip_comes_at_the_end_and_is_taken_back_first(start, film):
    for mode in ("frames", "trials"):
        with start(mode=mode) as anna:
            ids = anna.open_ids()
            keys = [anna.desk.items[known].key for known in ids]
            anna.code(ids[0], category="happy")
            for known in ids[1:3]:
                assert anna.post(f"/api/items/{known}/skip", {}).json()["done"] == 1
            anna.code(ids[3], category="sad")
            assert anna.open_ids() == [*ids[4:], *ids[1:3]]
        with start(mode=mode) as anna:
            left = [anna.desk.items[known].key for known in anna.open_ids()]
            assert left == [*keys[4:], *keys[1:3]]
            undone = [anna.post("/api/undo", {}).json() for _ in range(3)]
            assert [one["skipped"] for one in undone] == [False, True, True]
            assert [anna.desk.items[one["id"]].key for one in undone] == [keys[3], keys[2], keys[1]]
            assert [anna.desk.items[known].key for known in anna.open_ids()] == keys[1:]
            anna.post(f"/api/items/{anna.open_ids()[0]}/skip", {})
    assert {one.category for run in read_coded_study([film / "lab"]).runs for one in run.tracks["Anna"]} == {
        "happy"
    }


def test_a_second_server_and_a_page_of_another_coder_are_noticed(start):
    with start() as anna, start() as again:
        first, second = anna.open_ids()[:2]
        known = again.open_ids()[1]
        assert not anna.code(first, category="sad")["elsewhere"]
        assert again.code(known, category="sad")["elsewhere"]
        assert anna.code(second, category="sad")["elsewhere"]
    with start("Ben", second=True) as ben:
        known = ben.open_ids()[0]
        assert not ben.code(known, category="sad")["elsewhere"], "Anna is somebody else"
        for path in (f"/api/items/{known}/code", f"/api/items/{known}/skip", "/api/undo"):
            found = ben.post(path, {"category": "sad"}, **{"X-Coder": "Anna"})
            assert found.status_code == 409 and "This page is Anna's" in found.json()["error"]
        assert ben.post("/api/undo", {}, **{"X-Coder": "Ben"}).status_code == 201


def test_two_coders_at_once_and_what_they_say_is_compared(start, film):
    with start() as anna, start("Ben") as ben:
        for pair in zip(anna.open_ids(), ben.open_ids(), strict=True):
            for coder, known in zip((anna, ben), pair, strict=True):
                frame = coder.desk.items[known].number
                wrong = coder is ben and frame % 3 == 0
                coder.code(known, category="sad" if wrong else "happy")
    frames = {(line["run"], line["frame"]) for line in logs(film)}
    apart = sum(frame % 3 == 0 for _, frame in frames)
    assert len(frames) == 24 and 0 < apart < 24
    found, disagreements, _ = compare_coders([film / "lab"])
    pair = next(one for one in found.pairs if (one.first, one.second) == ("Anna", "Ben"))
    assert (pair.units, pair.percent.value) == (24, pytest.approx(1 - apart / 24))
    assert {one.kind for one in found.pairs} > {"self"} and len(disagreements) == apart
    with start() as anna:
        assert any("Ben has coded" in note and "--second" in note for note in anna.notes)
    with start("ben", second=True) as ben:
        assert "There are codes of Ben, and this is ben" in " ".join(ben.notes)


def test_nobody_else_gets_an_answer(start):
    with start(enter=False) as anna:
        for path in ("/", "/api/coding", "/static/js/code.js"):
            found = anna.get(path)
            assert found.status_code == 401 and "enicfer code printed" in found.text
    with start() as anna:
        known = anna.open_ids()[0]
        place, said = f"/api/items/{known}/code", {"category": "sad"}
        assert anna.get("/api/coding", Host="evil.example").status_code == 421
        for origin in ("http://evil.example", "null", ""):
            assert anna.post(place, said, Origin=origin).status_code == 403
        assert anna.http.request("POST", place, json=said).status_code == 403
        assert anna.post(place, said, **{"Content-Type": "text/plain"}).status_code == 415
        assert anna.post(place, {"category": "s" * 20_000}).status_code == 413
        assert anna.http.request("DELETE", place, headers=anna.origin).status_code == 405
        assert (
            anna.get("/static/../desk.py").status_code
            == anna.get("/static/%2e%2e/server.py").status_code
            == 404
        )
        headers = anna.get("/api/coding").headers
        assert (
            headers["cache-control"] == "no-store"
            and "default-src 'self'" in headers["content-security-policy"]
        )
        assert known in anna.open_ids()


def test_what_cannot_be_stored_is_not_and_is_said(start, film, monkeypatch):
    with start() as anna:
        known = anna.open_ids()[0]
        for said in (
            {},
            {"category": "proud"},
            {"category": "sad", "reason": "turned"},
            [1],
            {"category": "sad", "frame": 1},
        ):
            found = anna.post(f"/api/items/{known}/code", said)
            assert found.status_code == 400 and "command line" in found.json()["error"]
        text = anna.http.request(
            "POST",
            "/api/undo",
            content=b"[" * 9000,
            headers={**anna.origin, "Content-Type": "application/json"},
        )
        assert text.status_code == 400

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("enicfer.io.entry_log.os.fsync", full)
        found = anna.post(f"/api/items/{known}/code", {"category": "sad"})
        assert found.status_code == 507 and "make room" in found.json()["error"]
        monkeypatch.undo()
        assert logs(film) == [] and known in anna.open_ids()
        assert any("No space left" in note for note in anna.notes) and any(
            "proud" in note for note in anna.notes
        )


def test_trials_are_coded_whole_and_without_their_condition(start, film):
    with start(mode="trials") as anna:
        assert len(anna.desk.items) >= 8 and {item["shows"] for item in anna.items()} == {"trial"}
        known = anna.open_ids()[0]
        item = anna.desk.items[known]
        times, pictures = unpack(anna.get(f"/api/items/{known}/clip").content)
        result = anna.desk.result(item.run)
        onset = result.trials.iloc[item.number]["onset"]
        first = int(np.flatnonzero(result.time >= onset)[0])
        assert times[0] == 0 and number_in(pictures[0]) == first and 1.8 < times[-1] <= 2
        assert anna.get(f"/api/items/{known}/face.jpg").status_code == 409
        anna.code(known, category="happy")
        (line,) = logs(film)
        assert (line["kind"], line["trial"], line["onset"]) == ("trial", item.number, onset)
        text = anna.get("/api/coding").text
        assert not any(name in text for name in (*CONDITIONS, "S 11", "onset"))
    with start("Ben", mode="trials", second=True) as ben:
        assert len(ben.desk.items) <= 3
    with start(mode="trials") as anna:
        assert anna.items()[0]["done"]


def test_runs_are_coded_continuously_and_nothing_else_is_told_of_them(start, film):
    with start(mode="intervals") as anna:
        known = anna.open_ids()[0]
        item, place = anna.desk.items[known], f"/api/items/{known}"
        clock = anna.get(f"{place}/clock")
        times = np.frombuffer(clock.content[: 16 * N], "<f8").reshape(2, N)
        assert (times == anna.desk.result(item.run).faces.video_time).all(), (
            "the recording's times are not sent"
        )
        assert (
            not any(clock.content[16 * N : 21 * N])
            and np.isnan(np.frombuffer(clock.content[21 * N :], "<f4")).all()
        )
        assert number_in(anna.get(f"{place}/frame/123.jpg?width=64").content) == 123
        assert anna.get(f"{place}/frame/999.jpg").status_code == 409

        def say(status=201, **content):
            found = anna.post(f"{place}/codes", content)
            assert found.status_code == status
            return found.json().get("codes")

        first = say(kind="interval", frame=50, end_frame=80, category="happy")[0]
        assert first == {
            "id": first["id"],
            "kind": "interval",
            "category": "happy",
            "frame": 50,
            "end_frame": 80,
        }
        assert len(logs(film)) == 1
        say(400, kind="interval", frame=60, end_frame=90, category="sad")
        say(400, kind="frame", frame=60, category="sad")
        say(kind="interval", frame=20, end_frame=50, reason="covered")
        changed = say(
            kind="interval", frame=55, end_frame=80, apex_frame=60, category="happy", entry=first["id"]
        )
        assert [(code["frame"], code["end_frame"]) for code in changed] == [(20, 50), (55, 80)]
        assert changed[1]["id"] == first["id"] and changed[1]["apex_frame"] == 60
        assert [code["frame"] for code in say(kind="undo")] == [20, 50]
        assert [code["frame"] for code in say(kind="remove", entry=first["id"])] == [20]
        assert [code["frame"] for code in say(kind="undo")] == [20, 50]
        assert anna.open_ids().count(known) == 1
        say(kind="watched", frame=0, end_frame=N)
        assert known not in anna.open_ids()
        paths = (
            "/",
            "/api/coding",
            f"{place}/video",
            f"{place}/codes",
            f"{place}/proxy",
            f"{place}/proxy.mp4?v=1",
        )
        answers = [anna.get(path) for path in paths]
        answers += [
            anna.post(f"{place}/proxy", {}),
            anna.post(f"{place}/codes", {"kind": "remove", "entry": "x"}),
        ]
        assert anna.get(f"{place}/face.jpg").status_code == anna.get(f"{place}/clip").status_code == 404
        for path in (film / "lab").rglob(VIDEO):
            path.unlink()
        other = f"/api/items/{anna.open_ids()[0]}"
        answers += [
            anna.get(f"{other}/video"),
            anna.post(f"{other}/proxy", {}),
            anna.get(f"{other}/frame/1.jpg"),
        ]
        assert [answer.status_code for answer in answers] == [200] * 5 + [400, 200, 400, 200, 409, 409]
        sent = "".join(f"{answer.headers} {answer.content.decode('latin-1')}" for answer in answers)
        assert [word for word in (*SECRET, str(film)) if word in sent] == []
        anna.desk.stop()
    found = compare_coders([film / "lab"])[0]
    assert found.pairs[0].unit == "time" and found.pairs[0].first == "Anna"


def test_a_whole_video_comes_again_and_both_times_are_apart(start, film, monkeypatch):
    monkeypatch.setattr("enicfer.coding.items.REPEATS", 1.0)
    with start(mode="intervals") as anna:
        items = list(anna.desk.items.values())
        assert len(items) == 4 and sum(item.repeat for item in items) == 2
        first = items[0]
        again = next(item for item in items if item.repeat and item.run is first.run)
        stretch = {"kind": "interval", "frame": 50, "end_frame": 80, "category": "happy"}
        for item in (first, again):
            found = anna.post(f"/api/items/{item.id}/codes", stretch)
            assert found.status_code == 201 and len(found.json()["codes"]) == 1, "the first time is not shown"
        code = anna.get(f"/api/items/{first.id}/codes").json()["codes"][0]
        assert "repeat" not in code
        undone = anna.post(f"/api/items/{first.id}/codes", {"kind": "undo"})
        assert (
            undone.json()["codes"] == []
            and len(anna.get(f"/api/items/{again.id}/codes").json()["codes"]) == 1
        )
        anna.post(f"/api/items/{again.id}/codes", {"kind": "watched", "frame": 0, "end_frame": N})
        assert again.id not in anna.open_ids() and first.id in anna.open_ids()
    assert [line.get("repeat") for line in logs(film) if line["kind"] == "interval"] == [None, 1]


def test_what_they_disagree_on_is_decided_as_a_third_track(start, film):
    from enicfer.coding.store import store_coding

    book = read_codebook("expressions")
    with start() as anna, start("Ben") as ben:
        for coder, other in ((anna, "happy"), (ben, "sad")):
            for item in coder.desk.items.values():
                if not item.repeat:
                    code = other if item.number % 2 else "neutral"
                    coder.code(item.id, category=code)
        run = next(iter(anna.desk.study.runs.values()))
        result = anna.desk.result(run)
        for name, category in (("Anna", "angry"), ("Ben", "surprised")):
            store_coding(
                run,
                result,
                name,
                book,
                {"kind": "interval", "frame": 50, "end_frame": 75, "category": category},
            )
    before = logs(film), logs(film, "Ben")
    with start("Cleo", mode="adjudicate") as cleo:
        items = cleo.items()
        text = cleo.get("/api/coding").text
        assert not any(word in text for word in ("Anna", "Ben", "sub-0", *CONDITIONS))
        assert items[0]["shows"] == "interval" and set(items[0]["codes"]) == {"angry", "surprised"}
        times, pictures = unpack(cleo.get(f"/api/items/{items[0]['id']}/clip").content)
        assert number_in(pictures[0]) == 50 and abs(times[-1] - 0.96) < 0.05
        cleo.code(items[0]["id"], category="angry")
        assert {tuple(sorted(item["codes"])) for item in items[1:]} == {("happy", "sad")}
        orders = {tuple(item["codes"]) for item in items[1:]}
        assert len(orders) == 2, "left and right tell nothing"
        cleo.code(items[1]["id"], category="happy")
        cleo.code(items[2]["id"], reason="turned")
        assert cleo.post("/api/undo", {}).json()["id"] == items[2]["id"]
    lines = logs(film, "adjudicated")
    assert {line["by"] for line in lines if line["kind"] != "undo"} == {"Cleo"} and len(lines) == 4
    assert (logs(film), logs(film, "Ben")) == before
    with start("Cleo", mode="adjudicate") as cleo:
        assert [item["done"] for item in cleo.items()][:3] == [True, True, False]
        again = compare_coders([film / "lab"])[1]
        assert sum(bool(one.decided) for one in again) == 2
        second = cleo.items()[1]["id"]
        assert cleo.post("/api/undo", {}).json()["id"] == second
        assert cleo.open_ids()[0] == second
    with start("Anna", mode="adjudicate") as anna:
        said = anna.get("/api/coding").json()["note"]
        assert (
            said.startswith(f"Of {len(again)} disagreements {len(again)} are your own") and said in anna.notes
        )
        anna.code(anna.open_ids()[-1], category="happy")
    notes = compare_coders([film / "lab"])[0].notes
    assert "1 of 2 decisions is of a coder on a disagreement of their own." in notes
    with start("Dora", mode="adjudicate") as dora:
        assert dora.items()[0]["done"] and dora.post("/api/undo", {}).status_code == 409, "Cleo's decision"


def test_another_version_of_the_codebook_and_a_video_that_is_gone(start, film, tmp_path):
    with start() as anna:
        anna.code(anna.open_ids()[0], category="happy")
    book = read_codebook("expressions")
    path = tmp_path / "expressions.toml"
    text = book.file.read_text("utf-8").replace("Nose wrinkled", "Nose and brows wrinkled")
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match="raise its number"), start(book=path):
        pass
    text = text.replace("number = 1", "number = 2").replace('key = "3"', 'key = "3"\nexamples = ["a.png"]')
    path.write_text(text, "utf-8")
    (tmp_path / "a.png").write_bytes(b"a picture")
    (film / "lab" / "s01" / VIDEO).unlink()
    with start(book=path) as anna:
        notes = " ".join(anna.notes)
        assert (
            f"Version {book.version} of the codebook expressions has 1 code" in notes
            and "is not where it was" in notes
        )
        assert anna.get("/api/examples/2/0").content == b"a picture"
        assert anna.get("/api/examples/2/0").headers["content-type"] == "image/png"
        assert anna.get("/api/examples/2/1").status_code == anna.get("/api/examples/9/0").status_code == 409
        gone = next(item for item in anna.desk.items.values() if item.run.entities["sub"] == "01")
        there = next(item for item in anna.desk.items.values() if item.run.entities["sub"] == "02")
        assert anna.get(f"/api/items/{gone.id}/face.jpg").json()["kind"] == "not_shown"
        assert anna.get(f"/api/items/{there.id}/face.jpg").status_code == 200
        anna.code(there.id, category="sad")
    versions = [line["version"] for line in logs(film)]
    assert sorted({version[0] for version in versions}) == ["1", "2"]


def test_what_cannot_be_is_refused_in_a_sentence(start, film, plan, monkeypatch):
    def refused(*arguments, **task):
        with pytest.raises(EnicferError) as caught, start(*arguments, **task):
            pass
        text = caught.value.for_command_line()
        assert text.endswith(".") and "\n" not in text
        return text

    assert "--plan PLAN" in refused(plan=None)
    assert "There is no plan" in refused(plan=film / "none.json")
    (film / "bad.json").write_text('{"a": 1}', "utf-8")
    assert "bad.json" in refused(plan=film / "bad.json")
    assert "leave the plan out" in refused(mode="trials", plan=film / "plan.json")
    assert "smiles" in refused(book="smiles")
    for name in ("", "x" * 81, "Adjudicated", "Anna again"):
        assert "coder" in refused(name)
    assert "Nobody coded" in refused(mode="adjudicate")
    items = tuple(replace(item, run=f"sub-9{i}") for i, item in enumerate(plan.items))
    write_plan(film / "other.json", replace(plan, items=items))
    assert "The plan is of other runs" in refused(plan=film / "other.json")
    with start() as anna, start("Ben") as ben:
        for coder in (anna, ben):
            coder.code(coder.open_ids()[0], category="happy")
    assert "do not disagree" in refused("Cleo", mode="adjudicate")

    def closed(_):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("enicfer.coding.serve.try_writing", closed)
    text = refused("Dora")
    assert "Read-only file system; make that folder writable" in text and not logs(film, "Dora")
    monkeypatch.undo()
    for path in (film / "lab").rglob(VIDEO):
        path.unlink()
    assert "give the folders that hold them" in refused()


def test_the_command_says_the_link_and_what_a_person_should_know(film, monkeypatch):
    monkeypatch.setattr("enicfer.coding.serve.run_app", lambda app, listening, tell: tell(app.link))
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    (film / "lab" / "s01" / VIDEO).unlink()
    command = ["code", str(film / "lab"), "--coder", "Anna", "--plan", str(film / "plan.json")]
    answer = CliRunner().invoke(cli, [*command, "--second", "--no-browser"])
    link = next(word for word in answer.output.split() if word.startswith("http://127.0.0.1:"))
    assert answer.exit_code == 0 and "?token=" in link and "good for once" in answer.output and not opened
    assert f"note  sub-01_ses-A_task-faces: the video {VIDEO} is not where it was" in answer.output
    assert (
        f"To go on: enicfer code {film / 'lab'} --coder Anna --plan {film / 'plan.json'} --second"
        in answer.output
    )
    CliRunner().invoke(cli, command)
    assert len(opened) == 1
    monkeypatch.setattr("enicfer.coding.serve.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'enicfer\[review\]'"):
        CliRunner().invoke(cli, command, catch_exceptions=False)


def test_kill_loses_no_code_that_was_acknowledged(film):
    said = []
    for category in ("sad", "happy"):
        options = ["--coder", "Anna", "--plan", str(film / "plan.json"), "--no-browser"]
        run = [sys.executable, "-c", "from enicfer.cli.main import main; main()"]
        process = subprocess.Popen(
            [*run, "code", str(film / "lab"), *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            link = next(line for line in process.stdout if "token=" in line).split()[-1]
            base = link.split("/?")[0]
            with httpx.Client(base_url=base, timeout=60, trust_env=False) as http:
                assert http.get(link).status_code == 200
                left = [item["id"] for item in http.get("/api/coding").json()["items"] if not item["done"]]
                for known in left[:5]:
                    found = http.post(
                        f"/api/items/{known}/code", json={"category": category}, headers={"Origin": base}
                    )
                    assert found.status_code == 201
                    said.append(category)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate(timeout=30)
    assert sorted(entry["category"] for entry in logs(film) if entry.get("category")) == sorted(said)
