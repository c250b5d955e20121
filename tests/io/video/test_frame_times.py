"""Logs of frame times as camera programs, spreadsheets and countries write them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.video.frame_times import read_frame_times

STATED = 0.5 + np.arange(30) / 30
TRUE = np.cumsum(np.r_[0, np.where(np.arange(29) == 10, 0.1, 1 / 30)])


def write(folder, text):
    path = folder / "times.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def day(form, t):
    return (datetime(2024, 2, 28, 23, 59, 59, 500000) + timedelta(seconds=t)).strftime(form)


def summer(t):
    """Wall time in Berlin with its zone, on the night when the clocks are set back."""
    begin = datetime(2024, 10, 27, 0, 59, 59, 500000, tzinfo=UTC)
    return (begin + timedelta(seconds=t)).astimezone(ZoneInfo("Europe/Berlin")).isoformat()


def iso(t):
    return (datetime(2024, 2, 28, 23, 59, 59, 500000) + timedelta(seconds=t)).isoformat()


LOGS = {
    "seconds": "\n".join(f"{1000 + t:.6f}" for t in TRUE),
    "opencv": "frame,timestamp\n" + "\n".join(f"{i},{t:.6f}" for i, t in enumerate(TRUE)),
    "ms": "frame;time_ms\n" + "\n".join(f"{i};{1000 * t:.3f}" for i, t in enumerate(TRUE)),
    "ms without a header": "\n".join(f"{i} {1000 * t:.3f}" for i, t in enumerate(TRUE)),
    "ns": "index,pts\n" + "\n".join(f"{i},{round(1e9 * t)}" for i, t in enumerate(TRUE)),
    "bonsai": "\n".join(f"{iso(t)}0+01:00" for t in TRUE),
    "line ends of Windows": "\r\n".join(f"{t:.6f}" for t in TRUE),
    "empty lines between": "\n\n".join(f"{t:.6f}" for t in TRUE),
    "byte order mark": b"\xef\xbb\xbftime\n" + "\n".join(f"{t:.6f}" for t in TRUE).encode(),
    "utf-16": ("time\n" + "\n".join(f"{t:.6f}" for t in TRUE)).encode("utf-16"),
    "windows-1252": ("time;größe\n" + "\n".join(f"{t:.6f};1" for t in TRUE)).encode("cp1252"),
    "comments": "# a camera\n" + "\n".join(f"{t:.6f}" for t in TRUE),
    "timestamps of mkvextract": "# timestamp format v2\n" + "\n".join(f"{1000 * t:.3f}" for t in TRUE),
    "ffprobe": "\n".join(f"frame,{t:.6f}" for t in TRUE),
    "exponents": "\n".join(f"{t:.7e}" for t in TRUE),
    "quotes": '"frame","time"\n' + "\n".join(f'"{i}","{t:.6f}"' for i, t in enumerate(TRUE)),
    "decimal commas and semicolons": "frame;time\n"
    + "\n".join(f"{i};{t:.6f}".replace(".", ",") for i, t in enumerate(TRUE)),
    "decimal commas and tabs": "\n".join(f"{i}\t{t:.6f}".replace(".", ",") for i, t in enumerate(TRUE)),
    "unix time": "\n".join(f"{1.7e9 + t:.6f}" for t in TRUE),
    "unix time in ms": "timestamp\n" + "\n".join(f"{1.7e12 + 1000 * t:.3f}" for t in TRUE),
    "us": "time_us\n" + "\n".join(f"{1e6 * t:.0f}" for t in TRUE),
    "unit in brackets": "Frame,Time (ms)\n" + "\n".join(f"{i},{1000 * t:.3f}" for i, t in enumerate(TRUE)),
    "iso in utc": "\n".join(f"{iso(t)}Z" for t in TRUE),
    "iso with a blank": "\n".join(day("%Y-%m-%d %H:%M:%S.%f", t) for t in TRUE),
    "iso with slashes": "\n".join(day("%Y/%m/%d %H:%M:%S.%f", t) for t in TRUE),
    "logging of Python": "\n".join(day("%Y-%m-%d %H:%M:%S,%f", t) for t in TRUE),
    "time of day over midnight": "\n".join(day("%H:%M:%S.%f", t) for t in TRUE),
    "clocks set back, with the zone": "\n".join(summer(t) for t in TRUE),
    "two columns of times": "frame,time,exposure\n"
    + "\n".join(f"{i},{t:.6f},0.01" for i, t in enumerate(TRUE)),
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
        ("frame,time\n0,0.0\n1,nan\n2,0.1\n", "line 3 has 'nan' as time"),
        ("frame,time\n\n0,0.0\n1,\n2,0.1\n", "line 4 has '' as time"),
        (
            'frame,time_ms\n0,"1,000.0"\n1,"1,033.3"\n',
            "line 2 has '1,000.0' as time_ms.*separators of thousands",
        ),
        ("time\n03/31/2024 01:59\n", "line 2 has .* as time"),
        (
            "\n".join(f"{t:.6f}".replace(".", ",") for t in TRUE),
            "may be times with a decimal comma, or two columns",
        ),
        ("\n".join(f"{90000 * t:.0f}" for t in TRUE), "agree in none of the units"),
        ("\n".join(f"{t:.6f}" for t in [*TRUE, 9.0]), "has 31 frame times but the video has 30"),
        ("\n".join(f"{(127.5 + t) % 128:.6f}" for t in TRUE), "do not increase at frame"),
        ("\n".join(f"{t:.0f}" for t in TRUE), "do not increase at frame 1"),
    ],
)
def test_logs_of_something_else_are_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_frame_times(write(tmp_path, text), STATED)


def test_missing_log(tmp_path):
    with pytest.raises(InputError, match=r"no frame times times\.csv"):
        read_frame_times(tmp_path / "times.csv", STATED)
