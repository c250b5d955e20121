"""Containers beyond the usual ones: every picture in its order, and every stamp as it was written."""

from fractions import Fraction

import av
import numpy as np
import pytest

from enicfer.io.video.reader import read_frames

TICK = Fraction(1, 90000)
STEADY = np.arange(60) / 25
VARIABLE = np.cumsum(np.random.default_rng(0).uniform(0.02, 0.08, 60))
B_FRAMES = {"bf": "3", "g": "25"}
HIDDEN = {"auto-alt-ref": "1", "lag-in-frames": "16"}
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
OPEN = {"x264-params": "bframes=3:keyint=20:open-gop=1:scenecut=0"}
KINDS = {
    # file: codec, container, pixels, times, tick, options of the codec and of the container
    "fragmented.mp4": ("libx264", "mp4", "yuv420p", VARIABLE, TICK, B_FRAMES, FRAGMENTS),
    "offsets.mp4": ("libx264", "mp4", "yuv420p", VARIABLE, TICK, B_FRAMES, {"movflags": "negative_cts_offsets"}),
    "a.nut": ("libx264", "nut", "yuv420p", VARIABLE, TICK, B_FRAMES, {}),
    "hidden.webm": ("libvpx-vp9", "webm", "yuv420p", VARIABLE, Fraction(1, 1000), HIDDEN, {}),
    "a.flv": ("libx264", "flv", "yuv420p", STEADY, Fraction(1, 1000), B_FRAMES, {}),
    "open.ts": ("libx264", "mpegts", "yuv420p", STEADY, TICK, OPEN, {}),
    "a.m2ts": ("libx264", "mpegts", "yuv420p", STEADY, TICK, B_FRAMES, {"mpegts_m2ts_mode": "1"}),
    "a.mxf": ("mpeg2video", "mxf", "yuv420p", STEADY, Fraction(1, 25), {}, {}),
    "a.wmv": ("wmv2", "asf", "yuv420p", STEADY, Fraction(1, 25), {}, {}),
    "a.3gp": ("mpeg4", "3gp", "yuv420p", STEADY, Fraction(1, 25), {}, {}),
    "a.gif": ("gif", "gif", "gray", STEADY, Fraction(1, 100), {}, {}),
    "wrong-name.avi": ("libx264", "mov", "yuv420p", VARIABLE, TICK, B_FRAMES, {}),
}  # fmt: skip


def picture(i):
    """Eight stripes that are the bits of a number."""
    return (
        np.repeat([255 * (i >> bit & 1) for bit in range(8)], 8).astype(np.uint8)[None, :, None].repeat(64, 0)
    )


@pytest.mark.parametrize("name", KINDS)
def test_every_picture_and_every_stamp(tmp_path, name):
    codec, form, pixels, times, tick, options, container_options = KINDS[name]
    with av.open(str(tmp_path / name), "w", format=form, options=container_options) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width = stream.height = 64
        stream.pix_fmt, stream.codec_context.time_base = pixels, tick
        for i, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(i).repeat(3, 2), format="rgb24")
            frame.pts, frame.time_base = round(time / tick), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    found = [(f.video_time, f.gray()[32, 4::8] > 127) for f in read_frames(tmp_path / name)]
    numbers = [int(bits @ (1 << np.arange(8))) for _, bits in found]
    assert numbers == list(range(len(times)))
    since = np.array([time for time, _ in found]) - found[0][0]
    assert np.abs(since - (times - times[0])).max() < 0.0016
