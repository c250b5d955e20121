from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import av
import numpy as np
import pytest

from enicfer.pipeline import dates
from enicfer.pipeline.dates import check_dates, find_doubts, parse_date, read_video_dates
from enicfer.sync.fit import fit_line
from enicfer.sync.pieces import line_alignment

MEASURED = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
VIDEO_TIME = np.arange(0, 600, 1 / 30)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-02T10:00:00.000000Z",
        "2026-03-02T12:00:00+0200",
        "2026-03-02 10:00:00",
        "2026:03:02 10:00:00",
        "2026-03-02 10:00:00 UTC",
        "Mon Mar  2 10:00:00 2026",
    ],
)
def test_spellings_of_a_date(text):
    assert parse_date(text) == datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["", "2026", "2026-03-02", "1904-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2000-01-01 00:00:00", "soon"],
)
def test_no_date_and_clocks_never_set(text):
    assert parse_date(text) is None


def test_dates_of_containers_and_streams(tmp_path):
    path = tmp_path / "v.mp4"
    with av.open(path, "w", options={"movflags": "use_metadata_tags"}) as container:
        container.metadata["com.apple.quicktime.creationdate"] = "2026-03-02T12:00:00+0200"
        stream = container.add_stream("mpeg4", rate=10)
        stream.width = stream.height = 32
        for packet in [*stream.encode(av.VideoFrame(32, 32, "yuv420p")), *stream.encode()]:
            container.mux(packet)
    assert datetime(2026, 3, 2, 10, tzinfo=UTC) in read_video_dates(path)


def alignment(scatter=0.001):
    rng = np.random.default_rng(1)
    video = np.sort(rng.uniform(0, 600, 40))
    time = video + 20 + rng.normal(0, scatter, 40)
    return line_alignment(fit_line(video, time), (video, time), "led")


def notes_of(monkeypatch, hours, measured=MEASURED):
    filmed = [] if hours is None else [MEASURED + timedelta(hours=hours)]
    monkeypatch.setattr(dates, "read_video_dates", lambda path: filmed)
    monkeypatch.setattr(dates, "read_recording_date", lambda run: measured)
    run, recording = SimpleNamespace(videos=("v.mp4",)), SimpleNamespace(duration=660.0)
    return check_dates(run, recording, alignment(), VIDEO_TIME)


@pytest.mark.parametrize("hours", [None, 0, 0.2, -13.9, 14, 8])
def test_time_zones_are_no_contradiction(monkeypatch, hours):
    assert notes_of(monkeypatch, hours) == ()


@pytest.mark.parametrize(
    ("hours", "text"), [(-28, "28 hours before"), (20, "20 hours after"), (-240, "10 days before")]
)
def test_another_day_is_told_without_the_date(monkeypatch, hours, text):
    (note,) = notes_of(monkeypatch, hours)
    assert text in note
    assert "202" not in note


def test_a_recording_without_a_date_says_nothing(monkeypatch):
    assert notes_of(monkeypatch, -28, measured=None) == ()


def test_pulses_that_scatter_more_than_an_led_does_are_told(monkeypatch):
    monkeypatch.setattr(dates, "check_dates", lambda *args: ())
    assert find_doubts(None, None, alignment(0.003), VIDEO_TIME) == ()
    (note,) = find_doubts(None, None, alignment(0.025), VIDEO_TIME)
    assert "off the map" in note
