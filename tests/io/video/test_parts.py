"""Parts give the frames of the whole recording, or there is one part only."""

from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enicfer.errors import InputError
from enicfer.io.video.parts import cut_recording
from enicfer.io.video.reader import read_frames
from tests.io.video.test_reader import VFR, write_video


def look(frames):
    """What must be the same: number, time, and the picture's bytes."""
    return [(f.index, f.video_time, f.gray().tobytes() if f.decodable else None) for f in frames]


def look_at_parts(parts):
    return [seen for part in parts for seen in look(part.read())]


STEADY = [33 * i for i in range(200)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".avi"])
@pytest.mark.parametrize("bframes", [0, 3])
def test_the_parts_are_the_whole(tmp_path, suffix, bframes):
    path = write_video(tmp_path / f"a{suffix}", STEADY, bframes=bframes, keyframes=20)
    parts = cut_recording([path], least=30)
    assert len(parts) >= (5 if suffix != ".avi" else 1)
    assert look_at_parts(parts) == look(read_frames(path))
    for part, following in pairwise(parts):
        assert following.before == (0.0, look(part.read())[-1][1])


@settings(max_examples=15)
@given(
    steps=st.lists(st.integers(1, 300), min_size=40, max_size=90),
    start=st.integers(0, 5000),
    keyframes=st.integers(1, 25),
    bframes=st.integers(0, 4),
    open_gop=st.booleans(),
    least=st.integers(1, 40),
)
def test_whatever_the_stamps_and_keyframes(
    tmp_path_factory, steps, start, keyframes, bframes, open_gop, least
):
    path = tmp_path_factory.mktemp("v") / "a.mkv"
    stamps = (start + np.cumsum(steps)).tolist()
    write_video(path, stamps, bframes=bframes, keyframes=keyframes, open_gop=open_gop)
    parts = cut_recording([path], least)
    assert look_at_parts(parts) == look(read_frames(path))
    assert all(part.start == -np.inf or len(list(part.read())) >= least for part in parts)


def write_noise(path, params, count=130, aspect=None, pix_fmt="yuv420p"):
    """A moving pattern, which no picture shows without those before it, coded as the encoder's parameters say."""
    rng = np.random.default_rng(0)
    pattern = np.repeat(np.repeat(rng.integers(0, 256, (16, 40), np.uint8), 8, axis=0), 8, axis=1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = 160, 128, pix_fmt
        stream.codec_context.options = {"preset": "fast", "x264-params": params}
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for i in range(count):
            picture = np.repeat(pattern[:, i : i + 160, None], 3, axis=2)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_stream_that_is_refreshed_bit_by_bit_is_left_whole(tmp_path, suffix):
    """Such a stream (cameras with low delay) marks packets as keyframes at which no decoder can begin."""
    path = write_noise(tmp_path / f"a{suffix}", "intra-refresh=1:keyint=30:bframes=0")
    with av.open(str(path)) as container:
        assert sum(p.is_keyframe for p in container.demux(video=0) if p.size) > 2
    parts = cut_recording([path], least=20)
    assert len(parts) == 1
    assert look_at_parts(parts) == look(read_frames(path))


@pytest.mark.parametrize("damaged", [30, 53, 58])
def test_threads_do_not_show_where_packets_are_damaged(tmp_path, damaged):
    path = write_noise(tmp_path / "a.mkv", "keyint=250:scenecut=0", count=60)
    broken = tmp_path / "b.mkv"
    rng = np.random.default_rng(1)
    with av.open(str(path)) as source, av.open(str(broken), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for i, packet in enumerate(p for p in source.demux(video=0) if p.size):
            fresh = av.Packet(rng.bytes(packet.size)) if i == damaged else packet
            fresh.pts, fresh.dts, fresh.time_base = packet.pts, packet.dts, packet.time_base
            fresh.stream = stream
            target.mux(fresh)
    found = [look(read_frames(broken, threads)) for threads in (1, 2, 4, 8)]
    assert len(found[0]) == 60
    assert found.count(found[0]) == 4


def test_consecutive_files_are_one_time_line(tmp_path):
    files = [
        write_video(tmp_path / "1.mp4", [700 + s for s in STEADY], keyframes=25),
        write_video(tmp_path / "2.mkv", VFR),
        write_video(tmp_path / "3.mp4", STEADY, bframes=2, keyframes=25),
    ]
    parts = cut_recording(files, least=50)
    assert len(parts) > len(files)
    assert look_at_parts(parts) == look(read_frames(files))


def test_two_pictures_with_one_stamp_leave_the_file_whole(tmp_path):
    path = tmp_path / "a.mkv"
    write_video(path, [*STEADY[:80], STEADY[79] + 1, *STEADY[80:]], keyframes=10)
    double = tmp_path / "b.mkv"
    with av.open(str(path)) as source, av.open(str(double), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for i, packet in enumerate(p for p in source.demux(video=0) if p.dts is not None):
            packet.stream = stream
            if i == 80:
                packet.pts = packet.dts = round(0.033 * 79 / packet.time_base)
            target.mux(packet)
    assert len(cut_recording([path], least=30)) > 1
    assert len(cut_recording([double], least=30)) == 1
    assert look_at_parts(cut_recording([double], least=30)) == look(read_frames(double))


def test_a_file_that_is_cut_short_keeps_its_frames(tmp_path):
    path = write_video(tmp_path / "a.mkv", STEADY, keyframes=20)
    short = tmp_path / "b.mkv"
    short.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert look_at_parts(cut_recording([short], least=30)) == look(read_frames(short))


@pytest.mark.parametrize("place", [0.3, 0.5, 0.7])
def test_damage_shows_as_it_did(tmp_path, place):
    path = write_video(tmp_path / "a.mkv", STEADY, keyframes=20)
    content = bytearray(path.read_bytes())
    for at in range(int(len(content) * place), int(len(content) * place) + 40):
        content[at] ^= 0x5A
    path.write_bytes(content)
    whole, parts = look(read_frames(path)), look_at_parts(cut_recording([path], least=30))
    assert [seen[:2] for seen in parts] == [seen[:2] for seen in whole]


def test_a_file_that_changes_meanwhile_is_refused(tmp_path):
    path = write_video(tmp_path / "a.mkv", STEADY, keyframes=20)
    last = cut_recording([path], least=30)[-1]
    write_video(path, STEADY[:50], keyframes=20)
    with pytest.raises(InputError, match="has changed while it was read"):
        list(last.read())


def test_short_files_are_one_part(tmp_path):
    path = write_video(tmp_path / "a.mp4", STEADY, keyframes=20)
    (part,) = cut_recording([path])
    assert (part.start, part.end, part.before) == (-np.inf, np.inf, ())


@pytest.mark.parametrize("n, longest", [(500, 140), (4800, 220)])
def test_a_longer_file_has_longer_parts(tmp_path, n, longest):
    path = write_video(tmp_path / "a.mkv", [33 * i for i in range(n)], keyframes=20)
    parts = cut_recording([path])
    lengths = np.diff([part.index for part in parts] + [n])
    assert min(lengths) >= max(n // 24, 120) and max(lengths[:-1]) <= longest


def test_the_shared_clips(shared_data):
    for path in sorted((shared_data / "video").glob("signer_*.mkv")):
        assert look_at_parts(cut_recording([path], least=1)) == look(read_frames(path))
