"""The picture that is shown is the frame of that number: the number is in its pixels."""

import asyncio
import os
import shutil
import time
from dataclasses import replace
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest

from enicfer.io.results import read_run
from enicfer.io.video.reader import read_frames
from enicfer.review.answers import preview_answer
from enicfer.review.cover import cover_others
from enicfer.review.pictures import RunVideo
from enicfer.review.proxy import Proxy, StaleVersionError, clean_proxies
from enicfer.review.proxy_file import GOP, end_of_fragments
from enicfer.review.ranges import file_part
from tests.io.video.test_finder import KINDS
from tests.io.video.test_reader import set_display
from tests.numbered import read
from tests.review.conftest import wait_for


def shown(answer):
    assert answer.status_code == 200, answer.text
    return cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)


ODD = ["mjpeg.avi", "hevc.mp4", "ten-bit.mkv", "interlaced.mkv", "variable.mp4", "reordered.avi"]


@pytest.mark.parametrize("name", ODD)
def test_the_frame_of_a_video_that_no_browser_plays(tmp_path, filmed, serve, name):
    session = filmed(tmp_path, 150, name, **KINDS[name])
    times = read_run(session / "derivatives" / "enicfer").faces.video_time
    with serve(session) as client:
        about = client.get(client.run()).json()
        assert about["video"]["state"] == "there" and about["video"]["width"] == 224
        for number in (0, 149, 77, 76):
            answer = client.get(f"{client.run()}/frame/{number}.jpg")
            assert read(shown(answer)) == number
            assert answer.headers["x-frame"] == str(number)
            assert float(answer.headers["x-video-time"]) == times[number]
        client.post(f"{client.run()}/proxy", {})
        wait_for(lambda: client.get(f"{client.run()}/proxy").json()["state"] == "ready")
        (tmp_path / "proxy.mp4").write_bytes(client.get(f"{client.run()}/proxy.mp4").content)
        about = client.get(f"{client.run()}/proxy").json()
        frames = list(read_frames(tmp_path / "proxy.mp4"))
        assert [read(frame.gray()) for frame in frames] == list(range(150))
        np.testing.assert_allclose(
            [frame.video_time + about["offset"] for frame in frames], times, atol=0.6 / 90_000
        )


def test_a_rotated_video_is_shown_upright(tmp_path, filmed, serve):
    session = filmed(tmp_path, 40, "a.mp4")
    video = session / "a.mp4"
    set_display(video, 0, 1, -1, 0)
    out = session / "derivatives" / "enicfer"
    run = read_run(out)
    run = replace(run, provenance=replace(run.provenance, inputs={}))
    tall = RunVideo(run, [video], [])
    picture = tall.picture(7)
    assert picture.shape[0] > picture.shape[1] and 7 in {read(np.rot90(picture, k)) for k in range(4)}
    proxy = Proxy(tmp_path / "p", "a", tall)
    proxy.start()
    assert proxy.wait(60) and proxy.state.state == "ready", proxy.state
    first = next(read_frames(proxy.path))
    assert first.height > first.width


def test_parts_of_a_picture(tmp_path, filmed, serve):
    with serve(filmed(tmp_path, 30)) as client:
        place = f"{client.run()}/frame/21.jpg"
        whole = shown(client.get(place))
        assert shown(client.get(f"{place}?width=112")).shape[:2] == (32, 112)
        assert shown(client.get(f"{place}?width=4000")).shape == whole.shape
        part = shown(client.get(f"{place}?box=64,16,96,32&quality=95"))
        np.testing.assert_allclose(part, whole[16:32, 64:96], atol=12)
        assert shown(client.get(f"{place}?box=-50,-50,9999,20")).shape[:2] == (20, 224)
        for wrong in ("box=1,2,3", "box=1,2,3,nan", "box=a,b,c,d", "width=x"):
            assert client.get(f"{place}?{wrong}").status_code == 400
        assert client.get(f"{place}?box=500,500,600,600").status_code == 404
        for number in ("30", "999999999999", "-1"):
            assert client.get(f"{client.run()}/frame/{number}.jpg").status_code == 404


def test_a_video_that_was_moved_away_and_back(tmp_path, filmed, serve):
    session = filmed(tmp_path, 30)
    with serve(session) as client:
        place = client.run()
        assert client.get(f"{place}/frame/3.jpg").status_code == 200
        (session / "camera.mkv").rename(tmp_path / "away.mkv")
        found = client.get(f"{place}/frame/4.jpg")
        assert found.status_code == 409 and found.json()["kind"] == "no_video"
        assert "camera.mkv is not where it was" in found.json()["error"]
        assert client.get(place).json()["video"]["state"] == "missing"
        assert client.post(f"{place}/proxy", {}).status_code == 409
        for path in ("/clock", "/curves", "/trials", "/pulses", "/queue", "/people"):
            assert client.get(place + path).status_code == 200
        entry = {"kind": "trial", "trial": 1, "verdict": "accepted"}
        assert client.post(f"{place}/review", entry).status_code == 201
        (tmp_path / "away.mkv").rename(session / "camera.mkv")
        assert client.get(f"{place}/frame/4.jpg").status_code == 200


def test_another_video_of_the_same_name_is_not_shown(tmp_path, filmed, serve):
    session, other = filmed(tmp_path / "a", 30), filmed(tmp_path / "b", 31)
    shutil.copy(other / "camera.mkv", session / "camera.mkv")
    with serve(session) as client:
        found = client.get(f"{client.run()}/frame/4.jpg")
        assert found.status_code == 409 and "camera.mkv has changed" in found.json()["error"]


def test_a_video_elsewhere_is_found_by_the_folder_that_holds_it(tmp_path, filmed, serve):
    session = filmed(tmp_path, 30)
    shutil.move(session / "derivatives" / "enicfer", tmp_path / "out")
    (session / "session.toml").write_text('participant = "01"\nsession = "01"\n', encoding="utf-8")
    (session / "videos").mkdir()
    (session / "camera.mkv").rename(session / "videos" / "camera.mkv")
    with serve([tmp_path / "out", session]) as client:
        assert client.runs()[0]["has_video"]
        assert read(shown(client.get(f"{client.run()}/frame/12.jpg"))) == 12
    with serve(tmp_path / "out") as client:
        assert not client.runs()[0]["has_video"]


def test_results_without_a_video(make_run, tmp_path, serve):
    from enicfer.pipeline.publish import write_outputs

    run = make_run()
    write_outputs([replace(run, provenance=replace(run.provenance, inputs={}))], tmp_path / "out")
    with serve(tmp_path) as client:
        assert client.get(client.run()).json()["video"]["state"] == "none"
        assert client.get(f"{client.run()}/frame/1.jpg").json()["kind"] == "no_video"
        assert client.get(f"{client.run()}/pulses").json()["region"] is None


def test_strips_show_the_frames_around_a_pulse(tmp_path, filmed, serve):
    session = filmed(tmp_path, 200)
    run = read_run(session / "derivatives" / "enicfer")
    with serve(session) as client:
        found = client.get(f"{client.run()}/pulses").json()
        assert len(found["matched"]) == run.alignment.residual.size
        assert found["strips"]
        for strip in found["strips"]:
            onset = strip["onset_frame"]
            assert strip["frames"] == list(range(max(0, onset - 3), min(200, onset + 4)))
            pulse = run.alignment.pulse_video_time[strip["pulse"]]
            assert run.faces.video_time[onset - 1] < pulse <= run.faces.video_time[onset]


def test_others_are_covered_by_the_server(tmp_path, filmed, serve):
    session = filmed(tmp_path, 60)
    run = read_run(session / "derivatives" / "enicfer")
    with serve(session) as client:
        plain = shown(client.get(f"{client.run()}/frame/21.jpg"))
    with serve(session, blur_others=True) as client:
        covered = shown(client.get(f"{client.run()}/frame/21.jpg"))
        assert client.get(client.run()).json()["blur_others"]
        client.post(f"{client.run()}/proxy", {})
        wait_for(lambda: client.get(f"{client.run()}/proxy").json()["state"] == "ready")
        (tmp_path / "proxy.mp4").write_bytes(client.get(f"{client.run()}/proxy.mp4").content)
    assert read(plain) == 21
    left = run.faces.box[21, 0] - 0.3 * 120
    away = slice(0, max(0, int(left) - 8))  # px columns that are not near the face
    assert np.abs(plain[:, away].astype(int) - covered[:, away]).max() > 60
    proxied = [frame.bgr() for frame in read_frames(tmp_path / "proxy.mp4")][21]
    np.testing.assert_allclose(proxied[:, away].mean(), covered[:, away].mean(), atol=8)


def test_covering_leaves_the_face_and_nothing_fine_else():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (240, 320, 3), np.uint8)
    found = cover_others(picture, np.array([100.0, 80.0, 150.0, 140.0]))
    np.testing.assert_array_equal(found[80:140, 100:150], picture[80:140, 100:150])
    assert len(np.unique(found[:, 200:].reshape(-1, 3), axis=0)) <= 24 * 24
    assert len(np.unique(cover_others(picture, None).reshape(-1, 3), axis=0)) <= 24 * 24


@pytest.fixture
def video(tmp_path, filmed, request):
    """A video of 450 frames, or of as many as the test says."""
    session = filmed(tmp_path, getattr(request, "param", 450))
    return RunVideo(read_run(session / "derivatives" / "enicfer"), [session / "camera.mkv"], [])


def test_a_proxy_is_private_grows_goes_on_and_is_whole(tmp_path, video, monkeypatch):
    proxy = Proxy(tmp_path / "work" / "proxies", "sub-01", video)
    add = "enicfer.review.proxy_file.ProxyWriter.add"
    from enicfer.review.proxy_file import ProxyWriter

    original, made = ProxyWriter.add, []

    def stopped(self, number, picture):
        made.append(number)
        if number == 250 and made[0] == 0:
            proxy.stop()
        original(self, number, picture)

    monkeypatch.setattr(add, stopped)
    proxy.start()
    assert proxy.wait(120)
    assert proxy.state.state == "none" and not proxy.path.exists() and proxy.growing.is_file()
    assert oct(proxy.growing.stat().st_mode & 0o777) == "0o600"
    assert oct(proxy.folder.stat().st_mode & 0o777) == "0o700"
    # As after kill -9: the last fragment is torn.
    size = proxy.growing.stat().st_size
    os.truncate(proxy.growing, size - 40)
    assert end_of_fragments(proxy.growing) < size - 40
    made.clear()
    proxy.start()
    assert proxy.wait(120) and proxy.state.state == "ready", proxy.state
    assert 150 < made[0] <= 251, "what was there was made again"
    frames = list(read_frames(proxy.path))
    assert [read(frame.gray()) for frame in frames] == list(range(450))
    times = video.run.faces.video_time
    np.testing.assert_allclose([f.video_time for f in frames], times - times[0], atol=0.6 / 90_000)
    with av.open(str(proxy.path)) as container:
        keys = [i for i, p in enumerate(p for p in container.demux(video=0) if p.size) if p.is_keyframe]
    assert max(np.diff(keys)) <= GOP
    head = proxy.path.read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")
    assert {oct(path.stat().st_mode & 0o777) for path in proxy.folder.iterdir()} == {"0o600"}
    assert not list(proxy.folder.glob("*growing*")) and not list(proxy.folder.glob("*before*"))


def test_a_growing_proxy_can_be_played_so_far(tmp_path, filmed, serve, monkeypatch):
    from enicfer.review.proxy_file import ProxyWriter

    original = ProxyWriter.add

    def slow(self, number, picture):
        time.sleep(0.3 if number > 300 and number % 30 == 0 else 0)
        original(self, number, picture)

    monkeypatch.setattr(ProxyWriter, "add", slow)
    with serve(filmed(tmp_path, 450)) as client:
        place = client.run()
        assert client.get(f"{place}/proxy.mp4").status_code == 404
        assert client.post(f"{place}/proxy", {}).json()["state"] in ("making", "ready")
        so_far = wait_for(lambda: (s := client.get(f"{place}/proxy").json())["frames_done"] > 150 and s)
        assert so_far["state"] == "making" and so_far["version"] > 0
        part = client.get(f"{place}/proxy.mp4?v={so_far['version']}")
        assert part.status_code == 200 and part.headers["content-type"] == "video/mp4"
        (tmp_path / "part.mp4").write_bytes(part.content)
        frames = [read(frame.gray()) for frame in read_frames(tmp_path / "part.mp4")]
        assert frames == list(range(len(frames))) and len(frames) > 100
        later = wait_for(
            lambda: (s := client.get(f"{place}/proxy").json())["version"] > so_far["version"] and s
        )
        again = client.get(f"{place}/proxy.mp4?v={so_far['version']}")
        if later["state"] == "making":  # as long as it grows, a version keeps its bytes
            assert again.content == part.content
        assert client.get(f"{place}/proxy.mp4?v={later['version'] + 99}").status_code == 409
        ranged = client.get(f"{place}/proxy.mp4", headers={"Range": "bytes=100-299"})
        assert ranged.status_code == 206 and ranged.content == part.content[100:300]
        assert ranged.headers["content-range"].startswith("bytes 100-299/")
        beyond = client.get(f"{place}/proxy.mp4", headers={"Range": "bytes=999999999-"})
        assert beyond.status_code == 416
        wait_for(lambda: client.get(f"{place}/proxy").json()["state"] == "ready")
        older = f"{place}/proxy.mp4?v={so_far['version']}"
        assert client.get(older, headers={"Range": "bytes=0-9"}).status_code == 409
        assert client.get(older).content == client.get(f"{place}/proxy.mp4").content
        whole = client.get(f"{place}/proxy.mp4", headers={"Range": "bytes=-10"})
        assert whole.status_code == 206 and len(whole.content) == 10


@pytest.mark.parametrize(("span", "asked"), [("", range(900)), ("bytes=100-", range(100, 900))])
def test_a_part_that_is_removed_while_it_is_sent_arrives_whole(tmp_path, span, asked):
    """As the growing preview is, in the moment in which it is complete."""
    content = bytes(i % 251 for i in range(1000))
    (tmp_path / "growing.mp4").write_bytes(content)
    answer = file_part(tmp_path / "growing.mp4", 900, span, "video/mp4")
    (tmp_path / "growing.mp4").unlink()

    async def receive():
        return b"".join([part async for part in answer.body_iterator])

    assert asyncio.run(receive()) == content[asked.start : asked.stop]
    assert int(answer.headers["content-length"]) == len(asked)
    with pytest.raises(FileNotFoundError):
        file_part(tmp_path / "growing.mp4", 900, span, "video/mp4")
    proxy = SimpleNamespace(part=lambda version: (tmp_path / "growing.mp4", 900, False))
    with pytest.raises(StaleVersionError, match="complete now"):
        preview_answer(proxy, SimpleNamespace(query_params={"v": "3"}, headers={"range": span}))


@pytest.mark.parametrize("video", [60], indirect=True)
def test_a_shared_proxy_is_the_group_s(tmp_path, video):
    proxy = Proxy(tmp_path / "p", "a", video, shared=True)
    proxy.start()
    assert proxy.wait(120) and proxy.state.state == "ready"
    assert oct(proxy.path.stat().st_mode & 0o777) == "0o640"
    assert oct(proxy.folder.stat().st_mode & 0o777) == "0o750"
    assert proxy.path.stat().st_gid == video.paths[0].stat().st_gid


@pytest.mark.parametrize("video", [60], indirect=True)
def test_a_disk_that_fills_leaves_no_half_proxy(tmp_path, video, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("enicfer.review.proxy_file.ProxyWriter.add", full)
    proxy = Proxy(tmp_path / "p", "a", video)
    proxy.start()
    assert proxy.wait(60)
    assert proxy.state.state == "failed" and "No space left on device" in proxy.state.error
    assert not proxy.path.exists()


def test_clean_removes_proxies(tmp_path):
    folder = tmp_path / "out" / ".enicfer" / "proxies"
    folder.mkdir(parents=True)
    (folder / "sub-01.mp4").write_bytes(b"x")
    assert clean_proxies([tmp_path / "out"]) == [folder]
    assert not folder.exists() and folder.parent.is_dir()
    assert clean_proxies([tmp_path / "out"]) == []


@pytest.mark.slow
def test_a_strip_shows_the_led_come_on(example, processed, serve, tmp_path):
    """Of the frames around an onset, the first lit one is the onset's, or a neighbour where exposure blurs it."""
    out = shutil.copytree(processed("eeg", short=True), tmp_path / "out")
    with serve([out, example("eeg", short=True)]) as client:
        found = client.get(f"{client.run()}/pulses").json()
        left, top, right, bottom = found["region"]
        assert len(found["strips"]) == 3
        for strip in found["strips"]:
            assert len(strip["frames"]) == 7
            box = f"box={left},{top},{right},{bottom}"
            parts = [shown(client.get(f"{client.run()}/frame/{n}.jpg?{box}")) for n in strip["frames"]]
            light = np.array([np.sort(part.mean(axis=2).ravel())[-20:].mean() for part in parts])
            jump = int(np.argmax(np.diff(light))) + 1  # the first lit one in the strip
            assert light[jump] - light[:jump].max() > 100
            assert abs(strip["frames"][jump] - strip["onset_frame"]) <= 1
