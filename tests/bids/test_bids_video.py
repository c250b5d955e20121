"""Videos of every container in a data set: the same pictures at the same times."""

import av
import numpy as np
import pytest

from enicfer.bids.video import place_videos, read_stamps
from enicfer.errors import InputError
from enicfer.io.video.writer import write_video
from tests.io.test_audio import click
from tests.io.test_audio import write_video as write_sound

TICKS = np.cumsum([270_000, *np.random.default_rng(0).integers(2000, 6000, 29)])  # uneven, from 3 s on


def pictures():
    for i, tick in enumerate(TICKS.tolist()):
        yield tick, np.full((48, 64, 3), 8 * i, np.uint8)


def packets(path):
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.video[0]) if packet.size]


def into(source, target, kind):
    with av.open(str(source)) as a, av.open(str(target), "w", format=kind) as b:
        stream = b.add_stream_from_template(a.streams.video[0])
        for packet in a.demux(a.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                b.mux(packet)
    return target


def place(video, folder, **settings):
    return place_videos([video], folder, "sub-01_task-a", False, None, **settings)[0]


def test_what_the_draft_allows_is_copied_byte_by_byte(tmp_path):
    write_video(tmp_path / "a.MP4", pictures())
    placed = place(tmp_path / "a.MP4", tmp_path / "beh")
    assert placed.file.name == "sub-01_task-a_video.mp4" and placed.notes == ()
    assert placed.file.read_bytes() == (tmp_path / "a.MP4").read_bytes()


def test_a_mov_becomes_an_mp4_with_the_same_packets_and_stamps(tmp_path):
    write_video(tmp_path / "a.mov", pictures(), suffix=".mov")
    placed = place(tmp_path / "a.mov", tmp_path / "beh")
    assert placed.file.name == "sub-01_task-a_video.mp4" and "a.mov was packed anew" in placed.notes[0]
    assert packets(placed.file) == packets(tmp_path / "a.mov")
    np.testing.assert_allclose(read_stamps(placed.file), TICKS / 90000, atol=1e-9)
    assert placed.file.stat().st_mode & 0o077 == 0


def test_a_transport_stream_becomes_an_mp4_with_the_same_stamps(tmp_path):
    write_video(tmp_path / "a.mp4", pictures())
    source = into(tmp_path / "a.mp4", tmp_path / "a.mts", "mpegts")
    placed = place(source, tmp_path / "beh")
    np.testing.assert_allclose(read_stamps(placed.file), read_stamps(source), atol=1e-5)


def test_a_webm_becomes_matroska(tmp_path):
    with av.open(str(tmp_path / "a.webm"), "w") as container:
        stream = container.add_stream("libvpx", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for i in range(10):
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), i, np.uint8), format="rgb24"))
            )
        container.mux(stream.encode())
    placed = place(tmp_path / "a.webm", tmp_path / "beh")
    assert placed.file.suffix == ".mkv" and packets(placed.file) == packets(tmp_path / "a.webm")


@pytest.mark.parametrize(("codec", "ending"), [("aac", ".mp4"), ("pcm_s16le", ".mkv")])
def test_a_sound_track_goes_along_and_is_in_the_name(tmp_path, codec, ending):
    write_sound(tmp_path / "a.mov", codec, sound=click(48000))
    placed = place(tmp_path / "a.mov", tmp_path / "beh")
    assert placed.file.name == f"sub-01_task-a_audiovideo{ending}"
    with av.open(str(placed.file)) as container:
        assert container.streams.audio[0].codec_context.name == codec


def test_consecutive_files_are_numbered_on_one_time_line(tmp_path):
    for name in "ab":
        write_video(tmp_path / f"{name}.mp4", pictures())
    files = place_videos([tmp_path / "a.mp4", tmp_path / "b.mp4"], tmp_path / "beh", "sub-01", False, None)
    assert [f.file.name for f in files] == ["sub-01_split-1_video.mp4", "sub-01_split-2_video.mp4"]
    assert files[1].first == pytest.approx(TICKS[-1] / 90000 + np.median(np.diff(TICKS)) / 90000)


def test_times_that_would_change_are_refused(tmp_path, monkeypatch):
    write_video(tmp_path / "a.mov", pictures(), suffix=".mov")
    monkeypatch.setattr("enicfer.bids.video.MOST_SHIFT", -1.0)
    with pytest.raises(
        InputError, match=r"a.mov cannot be packed as mp4 with the same times .* convert it to MP4"
    ):
        place(tmp_path / "a.mov", tmp_path / "beh")
