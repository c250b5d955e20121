"""Videos as cameras and converters leave them: handled, or refused in one sentence; frames keep their place."""

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.video.reader import read_frames
from enicfer.pipeline.process import trace_video
from enicfer.records import Status
from enicfer.synthetic.portraits import load_portrait


def picture(size, i=0, scale=0.26):
    """Somebody's face in the middle, which moves a little from frame to frame; (h, w, 3) RGB."""
    width, height = size
    person = load_portrait("hopper")
    at = np.array([width / 2 + i, height / 2])
    matrix = np.column_stack([scale * np.eye(2), at - scale * person.centre])
    image = cv2.warpAffine(person.image, matrix, size)
    alpha = cv2.warpAffine(person.alpha, matrix, size)[..., None] / 255
    shown = (150 * (1 - alpha) + image * alpha).astype(np.uint8)
    return np.ascontiguousarray(shown[..., ::-1])


def write(path, codec, pixel_format, size=(192, 144), n=6, rate=30, options=None, draw=picture):
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        stream.codec_context.options = options or {}
        for i in range(n):
            frame = av.VideoFrame.from_ndarray(draw(size, i), format="rgb24").reformat(format=pixel_format)
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


FORMATS = {
    "hevc.mp4": ("libx265", "yuv420p", {"x265-params": "log-level=none"}),
    "hdr.mkv": (
        "libx265",
        "yuv420p10le",
        {"x265-params": "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"},
    ),
    "ten-bit-422.mov": ("prores_ks", "yuv422p10le", {}),
    "mjpeg.avi": ("mjpeg", "yuvj420p", {}),
    "mjpeg-422.mkv": ("mjpeg", "yuvj422p", {}),
    "alpha.mov": ("qtrle", "argb", {}),
    "alpha.webm": ("libvpx-vp9", "yuva420p", {"deadline": "realtime", "cpu-used": "8"}),
    "packed.avi": ("rawvideo", "uyvy422", {}),
    "gray16.mkv": ("ffv1", "gray16le", {}),
    "rgb.mkv": ("ffv1", "bgr0", {}),
}


@pytest.mark.parametrize("name", FORMATS)
def test_the_face_is_found_in_every_format(tmp_path, name):
    codec, pixel_format, options = FORMATS[name]
    path = write(tmp_path / name, codec, pixel_format, options=options)
    faces, trace = trace_video(path)
    assert trace.ok.all() and trace.ok.size == 6
    np.testing.assert_allclose(faces.video_time, np.arange(6) / 30, atol=1.1e-3)
    middle = (faces.box[:, :2] + faces.box[:, 2:]) / 2
    np.testing.assert_allclose(middle, [[96 + i, 72] for i in range(6)], atol=12)
    assert np.isfinite(trace.probability).all()


def flat(size, i):
    return np.full((size[1], size[0], 3), 30 + 5 * (i % 40), np.uint8)


@pytest.mark.parametrize(
    ("size", "n", "rate"), [((1, 1), 4, 30), ((2, 700), 4, 30), ((7680, 4320), 2, 30), ((64, 48), 300, 1000)]
)
def test_odd_sizes_and_rates(tmp_path, size, n, rate):
    codec, pixel_format = ("ffv1", "yuv444p") if size[0] < 64 else ("mjpeg", "yuvj420p")
    path = write(tmp_path / "a.mkv", codec, pixel_format, size, n, rate, draw=flat)
    faces, trace = trace_video(path)
    assert trace.status.tolist() == [Status.NO_FACE] * n
    np.testing.assert_allclose(faces.video_time, np.arange(n) / rate, atol=1.1e-3)


def enlarged(size, i):
    return cv2.resize(picture((480, 270), i, 0.375), size, interpolation=cv2.INTER_LINEAR)


def test_an_8k_face_is_found(tmp_path):
    path = write(
        tmp_path / "a.mkv", "mjpeg", "yuvj420p", (7680, 4320), 1, draw=lambda s, i: picture(s, i, 6.0)
    )
    faces, trace = trace_video(path)
    assert trace.ok.all()
    np.testing.assert_allclose((faces.box[0, :2] + faces.box[0, 2:]) / 2, [3840, 2160], atol=300)


@pytest.mark.parametrize("cut", [0.35, 0.6, 0.85])
def test_a_file_that_ends_within_a_frame(tmp_path, cut):
    whole = write(tmp_path / "whole.mkv", "mjpeg", "yuvj420p", n=12)
    content = whole.read_bytes()
    path = tmp_path / "cut.mkv"
    path.write_bytes(content[: int(cut * len(content))])
    faces, trace = trace_video(path)
    n = trace.ok.size
    assert 0 < n < 12 and trace.ok.sum() >= n - 1
    assert set(trace.status[~trace.ok]) <= {Status.UNDECODABLE}
    np.testing.assert_allclose(faces.video_time, np.arange(n) / 30, atol=1.1e-3)


def test_the_size_of_the_picture_changes_half_way(tmp_path):
    """As a webcam does that is asked for another resolution: boxes are in each frame's own pixels."""
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=30)
        stream.width, stream.height, stream.pix_fmt = 192, 144, "yuvj420p"
        stream.time_base = Fraction(1, 30)
        for i in range(20):
            large = i >= 10
            encoder = av.CodecContext.create("mjpeg", "w")
            encoder.width, encoder.height = (384, 288) if large else (192, 144)
            encoder.pix_fmt, encoder.time_base = "yuvj420p", Fraction(1, 30)
            drawn = picture((encoder.width, encoder.height), 0, 0.52 if large else 0.26)
            frame = av.VideoFrame.from_ndarray(drawn, format="rgb24")
            frame.pts = 0
            for packet in [*encoder.encode(frame), *encoder.encode()]:
                packet.stream, packet.pts, packet.dts = stream, i, i
                container.mux(packet)
    faces, trace = trace_video(path)
    assert [frame.width for frame in read_frames(path)] == [192] * 10 + [384] * 10
    assert trace.ok.all() and trace.ok.size == 20
    middle = (faces.box[:, :2] + faces.box[:, 2:]) / 2
    np.testing.assert_allclose(middle[:10], [[96, 72]] * 10, atol=12)
    np.testing.assert_allclose(middle[10:], [[192, 144]] * 10, atol=24)
    assert any("changes its size" in note and "384 x 288" in note for note in faces.notes)


def test_sound_alone_is_refused(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), format="fltp", layout="mono")
        sound.sample_rate, sound.pts = 48000, 0
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    with pytest.raises(InputError, match=r"sound\.mp4 has no video stream"):
        trace_video(path)


@pytest.mark.parametrize("name", ["empty.mp4", "empty.mkv", "empty.avi"])
def test_an_empty_file_is_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=rf"{name} \(0 bytes\) cannot be read as a video"):
        trace_video(tmp_path / name)


def test_a_video_without_frames_is_refused(tmp_path):
    path = write(tmp_path / "a.mkv", "mjpeg", "yuvj420p", n=6)
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\xff\xd8")])
    with pytest.raises(InputError, match=r"a\.mkv"):
        trace_video(path)
