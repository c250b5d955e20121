from datetime import datetime, timedelta

import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.frame_times import read_frame_times

STATED = 0.5 + np.arange(30) / 30
TRUE = np.cumsum(np.r_[0, np.where(np.arange(29) == 10, 0.1, 1 / 30)])


def write(folder, text):
    path = folder / "times.csv"
    path.write_text(text, encoding="utf-8")
    return path


def iso(t):
    return (datetime(2024, 2, 28, 23, 59, 59, 500000) + timedelta(seconds=t)).isoformat()


LOGS = {
    "seconds": "\n".join(f"{1000 + t:.6f}" for t in TRUE),
    "opencv": "frame,timestamp\n" + "\n".join(f"{i},{t:.6f}" for i, t in enumerate(TRUE)),
    "ms": "frame;time_ms\n" + "\n".join(f"{i};{1000 * t:.3f}" for i, t in enumerate(TRUE)),
    "ms without a header": "\n".join(f"{i} {1000 * t:.3f}" for i, t in enumerate(TRUE)),
    "ns": "index,pts\n" + "\n".join(f"{i},{round(1e9 * t)}" for i, t in enumerate(TRUE)),
    "bonsai": "\n".join(f"{iso(t)}0+01:00" for t in TRUE),
    "iso with more": "name,frame,time\n" + "\n".join(f"cam,{i},{iso(t)}" for i, t in enumerate(TRUE)),
}


@pytest.mark.parametrize("name", LOGS)
def test_logs_replace_the_containers_times(tmp_path, name):
    found, notes = read_frame_times(write(tmp_path, LOGS[name]), STATED)
    np.testing.assert_allclose(found, 0.5 + TRUE, atol=2e-5)
    assert "differ by up to 0.067 s" in notes[0]


def test_times_that_agree_are_said_to(tmp_path):
    found, notes = read_frame_times(write(tmp_path, "\n".join(f"{t:.6f}" for t in STATED)), STATED)
    np.testing.assert_allclose(found, STATED, atol=1e-6)
    assert "both agree" in notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\n".join(f"{t:.6f}" for t in TRUE[:-1]), "has 29 frame times but the video has 30 frames"),
        ("\n".join(f"{t:.6f}" for t in np.r_[TRUE[:5], TRUE[3], TRUE[6:]]), "do not increase at frame 5"),
        ("\n".join(f"{7 * t:.6f}" for t in TRUE), "agree in none of the units"),
        ("a,b\nx,y\n", "no column with a time"),
        ("", "no line with a time"),
        ("a,b\nx,y,13.5\n", "has 1 frame times"),
    ],
)
def test_logs_of_something_else_are_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_frame_times(write(tmp_path, text), STATED)


def test_missing_log(tmp_path):
    with pytest.raises(InputError, match=r"no frame times times\.csv"):
        read_frame_times(tmp_path / "times.csv", STATED)
