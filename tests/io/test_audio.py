import av
import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.audio import _fit_stamps, read_sound

RATE = 48000


def write_video(path, codec="pcm_s16le", start=0, sound=None, cut=None, fast=0.0):
    """A short video with a sound track that begins at ``start`` samples; ``cut`` leaves a packet out.

    The sound card ran ``1 + fast`` times as fast as the clock of the stamps.
    """
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
                frame.sample_rate, frame.pts = RATE, round((start + first) / (1 + fast))
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
    sound, rate, first, _ = read_sound(path)
    assert rate == RATE
    onset = first + np.argmax(sound[:, 0] > 0.25) / rate
    assert onset == pytest.approx((start + 30000) / RATE, abs=0.001)  # MKV rounds to 1 ms


def test_a_gap_between_packets_does_not_shift_what_follows(tmp_path):
    path = write_video(tmp_path / "a.mkv", sound=click(60000), cut=10)
    sound, rate, first, _ = read_sound(path)
    assert first + np.argmax(sound[:, 0] > 0.25) / rate == pytest.approx(60000 / RATE, abs=0.002)


@pytest.mark.parametrize("fast", [200e-6, -200e-6, 0.0])
@pytest.mark.parametrize("cut", [None, 100])
def test_a_fast_or_slow_sound_card_does_not_shift_beeps(tmp_path, fast, cut):
    at = np.array([30000, 240000, 470000])
    heard = 0.3 + sum(click(first, 10 * RATE) for first in at)
    sound, rate, first, off = read_sound(write_video(tmp_path / "a.mkv", sound=heard, fast=fast, cut=cut))
    edges = np.flatnonzero(np.diff(sound[:, 0]) > 0.4)  # at a gap, the offset comes back by 0.3
    assert len(edges) == 3
    np.testing.assert_allclose(first + (edges + 1) / rate, at / RATE / (1 + fast), atol=0.0003)
    assert off < 0.0002


@pytest.mark.parametrize("jitter", [0.0005, 0.012])
@pytest.mark.parametrize("gap", [0.0, 0.064])
def test_stamps_that_jitter_are_no_gaps(jitter, gap):
    true = np.arange(1000) * 1024 / RATE * 1.0002 + np.where(np.arange(1000) >= 400, gap, 0)
    stamps = true + np.random.default_rng(0).uniform(-jitter, jitter, 1000)
    stamps[700] += 0.05  # one packet alone
    begin, stop, off = _fit_stamps(np.full(1000, 1024), stamps, RATE)
    assert np.abs(begin - true).max() < 0.002
    assert np.abs(stop[:-1] - begin[1:])[np.arange(999) != 399].max() < 1e-9
    assert off < 0.01


def test_a_sound_card_that_wanders_says_so():
    count = np.full(1000, 1024)
    true = np.arange(1000) * 1024 / RATE
    begin, _, off = _fit_stamps(count, true + 0.002 * np.sin(true), RATE)
    assert np.abs(begin - true).max() < 0.0005
    assert 0.0015 < off < 0.0025


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
    sound, rate, first, _ = read_sound(path)
    assert first + np.argmax(np.abs(sound[:, 0]) > 0.2) / rate == pytest.approx(40000 / RATE, abs=0.002)


def test_a_video_without_sound_is_refused(tmp_path):
    path = write_video(tmp_path / "a.mkv")
    with pytest.raises(InputError, match=r"a\.mkv has no sound track"):
        read_sound(path)
    with pytest.raises(InputError, match=r"no video b\.mkv"):
        read_sound(tmp_path / "b.mkv")
