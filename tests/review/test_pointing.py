"""A point is in a face, or it is refused before anything is stored."""

from dataclasses import replace

import numpy as np
import pytest

from enicfer.export.bids import write_run
from enicfer.io.results import read_run
from enicfer.records import ModelCard
from tests.review.conftest import keep_faces

WALL = np.array([500.0, 20.0, 560.0, 80.0], np.float32)  # where somebody looks in
BRIEF = np.array([20.0, 20.0, 60.0, 60.0], np.float32)


@pytest.fixture
def known(plain):
    """Results with a record of all faces: somebody else is there in frames 100 to 199, and in another three."""
    keep_faces(plain / "out", {1: (range(100, 200), WALL), 2: (range(300, 303), BRIEF)})
    return plain


def say(client, kind, frame, x, y):
    before = list(client.get(f"{client.run()}/review").json()["entries"])
    answer = client.post(f"{client.run()}/review", {"kind": kind, "frame": frame, "x": x, "y": y})
    if answer.status_code == 201:
        assert not any("not checked" in text for text in answer.json()["told"])
        return ""
    assert answer.status_code == 400
    assert client.get(f"{client.run()}/review").json()["entries"] == before
    return answer.json()["error"]


@pytest.mark.parametrize("kind", ["participant", "not_participant", "never"])
def test_a_point_at_the_wall_is_refused_with_where_the_faces_are(known, serve, kind):
    run = read_run(known / "out")
    x, y = ((run.faces.box[50, :2] + run.faces.box[50, 2:]) / 2).tolist()
    empty = int(np.flatnonzero(~np.isfinite(run.faces.box[:, 0]))[5])
    before, after = empty - 6, int(np.flatnonzero(np.isfinite(run.faces.box[empty:, 0]))[0]) + empty
    with serve(known) as client:
        said = say(client, kind, 50, x - 90, y)
        assert said == (
            "There is no face where you clicked in frame 50: the nearest one is to the right. Click inside a face."
        )
        assert "in frame 150: the nearest one is above and to the right." in say(client, kind, 150, 5, 470)
        said = say(client, kind, empty, 530, 50)
        assert said.startswith(
            f"Frame {empty} has no face: the nearest frames with one are {before} and {after}."
        )
        assert say(client, kind, 150, 530, 50) == ""


def test_a_face_seen_briefly_is_no_participant_but_can_be_excluded(known, serve):
    with serve(known) as client:
        assert "seen too briefly to be followed" in say(client, "participant", 301, 40, 40)
        assert say(client, "never", 301, 40, 40) == ""


def test_two_people_of_one_picture_are_not_both_the_participant(known, serve):
    run = read_run(known / "out")
    x, y = ((run.faces.box[400, :2] + run.faces.box[400, 2:]) / 2).tolist()
    with serve(known) as anna, serve(known, coder="Ben") as ben:
        assert say(anna, "participant", 150, 530, 50) == ""
        said = say(ben, "participant", 400, x, y)
        assert "not the person at whom Anna pointed in frame 150, and both are in one picture" in said
        assert say(ben, "participant", 160, 540, 40) == ""
        # One coder's other point in the same frame takes the place of the first.
        anna.post(f"{anna.run()}/review", {"kind": "undo"})
        ben.post(f"{ben.run()}/review", {"kind": "undo"})
        assert say(ben, "participant", 400, x, y) == ""
        assert "Ben pointed in frame 400" in say(anna, "participant", 150, 530, 50)


def test_without_a_record_it_is_stored_and_said(plain, serve):
    run = read_run(plain / "out")
    x, y = ((run.faces.box[50, :2] + run.faces.box[50, 2:]) / 2).tolist()
    empty = int(np.flatnonzero(run.faces.n_faces == 0)[3])
    with serve(plain) as client:
        answer = client.post(f"{client.run()}/review", {"kind": "participant", "frame": 50, "x": 5, "y": 5})
        assert answer.status_code == 201 and "it was not checked" in answer.json()["told"][0]
        assert say(client, "participant", 50, x, y) == ""
        assert f"Frame {empty} has no face" in say(client, "participant", empty, x, y)
        # A record that is kept later is found without a new start.
        keep_faces(plain / "out", {1: (range(100, 200), WALL)})
        assert "no face where you clicked" in say(client, "participant", 51, 5, 5)


def test_nobody_points_into_faces_of_another_program(plain, serve):
    run = read_run(plain / "out")
    card = ModelCard({**run.provenance.model.content, "imported": "faces.csv"})
    write_run(plain / "out", replace(run, provenance=replace(run.provenance, model=card)))
    with serve(plain) as client:
        assert "come from faces.csv" in say(client, "participant", 50, 250, 250)


def test_the_faces_of_others_are_given_frame_by_frame(known, serve):
    with serve(known) as client:
        found = client.get(f"{client.run()}/others")
        n = len(found.content) // 21
        frame, box = np.frombuffer(found.content, "<i4", n), np.frombuffer(found.content, "<f4", 4 * n, 4 * n)
        whose = np.frombuffer(found.content, np.uint8, n, 20 * n)
        assert found.headers["X-Known"] == "True" and len(found.content) == 21 * n
        assert frame.tolist() == [*range(100, 200), *range(300, 303)]
        assert (box.reshape(n, 4) == np.where(frame[:, None] < 200, WALL, BRIEF)).all()
        assert (whose == (frame < 200)).all(), "1 is the other who is there most, 0 a face seen too briefly"


def test_where_no_record_was_kept_the_faces_of_others_are_not_known(plain, serve):
    with serve(plain) as client:
        found = client.get(f"{client.run()}/others")
        assert (found.content, found.headers["X-Known"]) == (b"", "False")
