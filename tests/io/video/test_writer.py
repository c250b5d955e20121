import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enicfer.errors import InputError
from enicfer.io.video.reader import read_frames
from enicfer.io.video.writer import TIME_BASE, to_ticks, write_video


def pictures(ticks, size=(32, 48)):
    return [(t, np.full((*size, 3), 20 + 10 * (i % 20), np.uint8)) for i, t in enumerate(ticks)]


@settings(max_examples=25)
@given(st.lists(st.integers(90, 90_000), min_size=1, max_size=20), st.integers(0, 10**6))
def test_every_frame_keeps_its_time(tmp_path_factory, steps, first):
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    ticks = (first + np.cumsum(steps)).tolist()
    assert write_video(path, pictures(ticks)) == len(ticks)
    read = [frame.video_time for frame in read_frames(path)]
    np.testing.assert_allclose(read, np.array(ticks) * float(TIME_BASE), rtol=0, atol=1e-6)
    assert [to_ticks(time) for time in read] == ticks


@pytest.mark.parametrize(("suffix", "step"), [(".mp4", 1), (".mkv", 90)])
def test_pictures_of_one_instant_are_one_tick_apart(tmp_path, suffix, step):
    """Cameras stamp several frames with one time."""
    path = tmp_path / f"a{suffix}"
    assert write_video(path, pictures([0, 3000, 3000, 3000, 6000]), suffix=suffix) == 5
    found = [to_ticks(frame.video_time) for frame in read_frames(path)]
    np.testing.assert_allclose(
        found, [0, 3000, 3000 + step, 3000 + 2 * step, 6000], atol=45 if step > 1 else 0
    )
    assert len(set(found)) == 5


def test_a_picture_with_odd_sides_loses_its_last_row_and_column(tmp_path):
    write_video(tmp_path / "a.mkv", pictures([0, 3000], (33, 49)), suffix=".mkv")
    assert {(frame.width, frame.height) for frame in read_frames(tmp_path / "a.mkv")} == {(48, 32)}


def test_nothing_and_another_size_are_refused(tmp_path):
    with pytest.raises(InputError, match="no frame that can be read"):
        write_video(tmp_path / "a.mp4", [])
    with pytest.raises(InputError, match=r"changes its size at 0\.1 s, from 48 x 32 to 64 x 32 px"):
        write_video(tmp_path / "b.mp4", [*pictures([0]), *pictures([9000], (32, 64))])
