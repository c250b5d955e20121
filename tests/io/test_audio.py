import av
import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.audio import read_sound

RATE = 48000


def write_video(path, codec="pcm_s16le", start=0, sound=None, cut=None):
    """A short video with a sound track that begins at ``start`` samples; ``cut`` leaves a packet out."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream(codec, rate=RATE, layout="mono") if sound is not None else None
        for i in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), i, np.uint8), format="rgb24")
            frame.pts = i
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if track is not None:
            for k, first in enumerate(range(0, len(sound), 1024)):
                block = (sound[None, first : first + 1024] * 32767).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
                frame.sample_rate, frame.pts = RATE, start + first
                if k != cut:
                    container.mux(track.encode(frame))
            container.mux(track.encode())
    return path


def click(at, n=2 * RATE):
    sound = np.zeros(n)
    sound[at : at + 200] = 0.5
    return sound


@pytest.mark.parametrize("start", [0, 12000])
def test_samples_keep_their_time(tmp_path, start):
    path = write_video(tmp_path / "a.mkv", start=start, sound=click(30000))
    sound, rate, first = read_sound(path)
    assert rate == RATE
    onset = first + np.argmax(sound[:, 0] > 0.25) / rate
    assert onset == pytest.approx((start + 30000) / RATE, abs=0.001)  # MKV rounds to 1 ms


def test_a_gap_between_packets_does_not_shift_what_follows(tmp_path):
    path = write_video(tmp_path / "a.mkv", sound=click(60000), cut=10)
    sound, rate, first = read_sound(path)
    assert first + np.argmax(sound[:, 0] > 0.25) / rate == pytest.approx(60000 / RATE, abs=0.002)


def test_compressed_sound(tmp_path):
    path = tmp_path / "a.mp4"
    tone = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / RATE) * (np.arange(2 * RATE) >= 40000)
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream("aac", rate=RATE, layout="mono")
        for i in range(50):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), i, np.uint8), format="rgb24")
            frame.pts = i
            container.mux(video.encode(frame))
        container.mux(video.encode())
        for first in range(0, len(tone), 1024):
            frame = av.AudioFrame.from_ndarray(
                tone[None, first : first + 1024].astype(np.float32), format="fltp", layout="mono"
            )
            frame.sample_rate, frame.pts = RATE, first
            container.mux(track.encode(frame))
        container.mux(track.encode())
    sound, rate, first = read_sound(path)
    assert first + np.argmax(np.abs(sound[:, 0]) > 0.2) / rate == pytest.approx(40000 / RATE, abs=0.002)


def test_a_video_without_sound_is_refused(tmp_path):
    path = write_video(tmp_path / "a.mkv")
    with pytest.raises(InputError, match=r"a\.mkv has no sound track"):
        read_sound(path)
    with pytest.raises(InputError, match=r"no video b\.mkv"):
        read_sound(tmp_path / "b.mkv")
