"""With --blur-others the faces of others cannot be recognised, wherever a picture of them is shown."""

import cv2
import numpy as np
import pytest

from enicfer.io.results import read_run
from enicfer.io.video.reader import read_frames
from enicfer.pipeline.people import KnownFaces
from enicfer.review.cover import BRIDGE, HOLD, cover_faces, find_others
from tests.review.conftest import keep_faces, wait_for

OTHER = np.array([150.0, 10.0, 180.0, 40.0], np.float32)


def picture_of(answer):
    assert answer.status_code == 200, answer.text
    return cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)


def cells_of(part):
    """How many colours there are, to 3 bits: a face in cells has few."""
    return len(np.unique((part.astype(int) >> 5).reshape(-1, 3), axis=0))


def known(frames, boxes, person, followed=None, tracklet=None):
    n = len(frames)
    followed = np.zeros(n, bool) if followed is None else np.array(followed)
    tracklet = np.zeros(n, np.int32) if tracklet is None else np.array(tracklet, np.int32)
    return KnownFaces(
        np.array(frames, np.int32), np.array(boxes, np.float32), np.array(person), tracklet, followed
    )


def test_a_face_is_covered_between_its_detections_and_for_a_while_around_them():
    time = np.arange(1500) / 30
    a, b, far = [0, 0, 10, 10], [50, 20, 60, 30], [90, 90, 99, 99]
    frames = [200, 200 + int(30 * (BRIDGE - 1)), 200 + int(30 * (2 * BRIDGE))]
    found = find_others(known(frames, [a, b, far], [3, 3, 3]), time)
    assert found.of(200).tolist() == [a]
    for frame in (201, 300, frames[1] - 1):
        assert found.of(frame).tolist() == [[0, 0, 60, 30]]
    held = int(30 * HOLD)
    assert found.of(200 - held + 1).tolist() == [a] and not found.of(200 - held - 2).size
    assert found.of(frames[1] + held - 1).tolist() == [b] and not found.of(frames[1] + held + 2).size
    assert found.of(frames[2] - held + 1).tolist() == [far]
    assert found.of(frames[2] + held - 1).tolist() == [far] and not found.of(frames[2] + held + 2).size


def test_the_participant_is_never_covered_and_who_was_seen_briefly_is():
    time = np.arange(100) / 30
    mine, mirror, brief = [0, 0, 10, 10], [40, 0, 50, 10], [70, 70, 80, 80]
    faces = known(
        [5, 6, 6, 50], [mine, mine, mirror, brief], [1, 1, 1, -1], [True, True, False, False], [0, 0, 1, 2]
    )
    found = find_others(faces, time)
    assert {tuple(box) for box in found.box.tolist()} == {tuple(brief)}
    nobody = find_others(known([], np.zeros((0, 4)), []), time)
    assert not nobody.of(3).size


def test_covering_takes_all_detail_of_a_face_and_leaves_the_rest():
    picture = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    own, other = (
        np.array([100.0, 80.0, 150.0, 140.0]),
        np.array([[140.0, 90.0, 180.0, 130.0], [300, 220, 400, 300]]),
    )
    found = cover_faces(picture, other, own)
    np.testing.assert_array_equal(found[80:140, 100:150], picture[80:140, 100:150])
    assert len(np.unique(found[70:150, 151:200].reshape(-1, 3), axis=0)) <= 16
    np.testing.assert_array_equal(found[:, :90], picture[:, :90])
    assert len(np.unique(found[200:, 270:].reshape(-1, 3), axis=0)) <= 16 + 30 * 40
    np.testing.assert_array_equal(cover_faces(picture, other[:0], own), picture)


@pytest.fixture
def watched(tmp_path, filmed):
    """A session in which somebody else is there in frames 10 to 39, but was not found in frames 20 to 24."""
    session = filmed(tmp_path, 60)
    keep_faces(session / "derivatives" / "enicfer", {1: ([*range(10, 20), *range(25, 40)], OTHER)})
    return session


def test_picture_strip_and_video_for_playing_agree(tmp_path, watched, serve):
    left, top, right, bottom = (int(side) for side in OTHER)
    face = slice(top, bottom), slice(left, right)
    run = read_run(watched / "derivatives" / "enicfer")
    with serve(watched) as client:
        plain = picture_of(client.get(f"{client.run()}/frame/22.jpg"))
    with serve(watched, blur_others=True) as client:
        place = client.run()
        covered = picture_of(client.get(f"{place}/frame/22.jpg"))
        box = f"{left},{top},{right},{bottom}"
        strip = picture_of(client.get(f"{place}/frame/22.jpg?box={box}&width=96"))
        client.post(f"{place}/proxy", {})
        wait_for(lambda: client.get(f"{place}/proxy").json()["state"] == "ready")
        (tmp_path / "proxy.mp4").write_bytes(client.get(f"{place}/proxy.mp4").content)
    proxied = [frame.bgr() for frame in read_frames(tmp_path / "proxy.mp4")][22]
    assert (np.abs(plain[face].astype(int) - covered[face]) > 20).mean() > 0.2
    for found in (covered[face], strip, proxied[face]):
        np.testing.assert_allclose(found.mean(axis=(0, 1)), covered[face].mean(axis=(0, 1)), atol=8)
        assert cells_of(found) < cells_of(plain[face]) or cells_of(found) <= 16
    # Away from the face the picture stays what it is, the participant's neighbourhood and all else.
    np.testing.assert_array_equal(plain[:, : left - 40], covered[:, : left - 40])
    assert np.isfinite(run.faces.box[22]).all()
    folder = watched / "derivatives" / "enicfer" / ".enicfer" / "proxies"
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o600"}


def test_without_the_record_all_but_the_participant_is_covered_and_the_video_is_another(watched, serve):
    out = watched / "derivatives" / "enicfer"
    with serve(watched, blur_others=True) as client:
        first = client.desk.proxy(client.desk.study.runs[client.runs()[0]["id"]])
        before = picture_of(client.get(f"{client.run()}/frame/55.jpg"))
        (out / ".enicfer" / "seen" / "a.h5").unlink()
        after = picture_of(client.get(f"{client.run()}/frame/55.jpg"))
        second = client.desk.proxy(client.desk.study.runs[client.runs()[0]["id"]])
    assert (np.abs(before.astype(int) - after) > 20).mean() > 0.2
    assert first.path != second.path


def test_a_version_is_of_one_video_for_playing(watched, serve):
    out = watched / "derivatives" / "enicfer"
    with serve(watched, blur_others=True) as client:
        place = client.run()

        def ready():
            client.post(f"{place}/proxy", {})
            return wait_for(lambda: (s := client.get(f"{place}/proxy").json())["state"] == "ready" and s)

        version = ready()["version"]
        assert version < 2**53
        whole = client.get(f"{place}/proxy.mp4?v={version}")
        assert whole.status_code == 200 and whole.content == client.get(f"{place}/proxy.mp4").content
        for other in (0, 1, version - 1, version + 1, 1 << 30):
            answer = client.get(f"{place}/proxy.mp4?v={other}")
            assert answer.status_code == 409 and answer.json()["kind"] == "version"
            assert "ask which version is there" in answer.json()["error"]
        for wrong in ("x", "-1", "1.0", "", "9" * 40):
            assert client.get(f"{place}/proxy.mp4?v={wrong}").status_code == 400
        # What is covered changes, and so does the video: the page that has the old one is told.
        (out / ".enicfer" / "seen" / "a.h5").unlink()
        assert client.get(f"{place}/proxy.mp4?v={version}").status_code in (404, 409)
        assert ready()["version"] != version
        ranged = client.get(f"{place}/proxy.mp4?v={version}", headers={"Range": "bytes=0-9"})
        assert ranged.status_code == 409
