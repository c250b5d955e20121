"""`enicfer align` on small generated sessions, one per kind of evidence, against the truth."""

import struct
from datetime import UTC, datetime
from fractions import Fraction
from types import SimpleNamespace

import av
import mne
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from enicfer.config.protocol import Protocol, Pulses
from enicfer.errors import AlignmentError, InputError, OutputError, ProtocolError
from enicfer.export.keys import SYNC_KEYS, find_undocumented
from enicfer.pipeline.align import align_session
from enicfer.pipeline.evidence import _add_wall_clocks
from enicfer.records import Modality
from enicfer.records.plain import to_plain
from enicfer.report.alignment import describe_alignment
from enicfer.sync import Evidence

SLOPE, OFFSET, FRAME = 1.0002, 4.0, 0.04
RATE = 8000


@pytest.fixture(scope="module")
def truth():
    rng = np.random.default_rng(7)
    onset = 1 + np.cumsum(rng.uniform(0.6, 2.4, 30))
    frames = np.flatnonzero(rng.random(int((onset[-1] + 2) / FRAME)) > 0.03)  # some are dropped
    return onset, np.round(frames * FRAME, 3)


def write_video(path, onset, stamps, sound=True):
    noise = np.random.default_rng(0)
    millisecond = Fraction(1, 1000)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"preset": "ultrafast", "crf": "12"})
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        video.time_base = video.codec_context.time_base = millisecond
        track = container.add_stream("pcm_s16le", rate=RATE, layout="mono") if sound else None
        for stamp in stamps:
            picture = noise.integers(60, 70, (120, 160, 3)).astype(np.uint8)
            picture[40:100, int(30 + 20 * np.sin(stamp)) : 70] = 150  # somebody moves
            light = np.clip((stamp - onset) / (0.5 * FRAME), 0, 1) * (stamp - onset < 0.2)
            picture[10:22, 130:142] = 30 + int(200 * light.max())
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = round(stamp * 1000), millisecond
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if track is not None:
            x = noise.normal(0, 0.003, int((stamps[-1] + 0.1) * RATE))
            for start in onset:
                first = int(np.ceil(start * RATE))
                x[first : first + 400] += 0.5 * np.sin(
                    2 * np.pi * 1000 * (np.arange(first, first + 400) / RATE - start)
                )
            for first in range(0, len(x), 1024):
                block = (np.clip(x[None, first : first + 1024], -1, 1) * 32767).astype(np.int16)
                frame = av.AudioFrame.from_ndarray(block, format="s16", layout="mono")
                frame.sample_rate, frame.pts = RATE, first
                container.mux(track.encode(frame))
            container.mux(track.encode())


def write_eeg(folder, events, duration, meas_date=None):
    from pybv import write_brainvision

    kinds = {"S": "Stimulus", "R": "Response"}
    rows = [
        {"onset": round(t * 1000), "description": int(code[1:]), "type": kinds[code[0]]}
        for t, code in sorted(events)
    ]
    write_brainvision(
        data=np.random.default_rng(0).normal(0, 1e-5, (2, int(duration * 1000))),
        sfreq=1000, ch_names=["Cz", "Pz"], fname_base="eeg", folder_out=str(folder), events=rows, meas_date=meas_date,
    )  # fmt: skip


def write_xdf(path, streams):
    """Streams ``(name, type, format, times, values)`` as an XDF file, by its specification."""

    def chunk(tag, content):
        return b"\x04" + struct.pack("<I", len(content) + 2) + struct.pack("<H", tag) + content

    out = b"XDF:" + chunk(1, b"<?xml version='1.0'?><info><version>1.0</version></info>")
    for number, (name, kind, form, times, values) in enumerate(streams, 1):
        head = struct.pack("<I", number)
        out += chunk(
            2,
            head
            + f"<?xml version='1.0'?><info><name>{name}</name><type>{kind}</type>"
            f"<channel_count>1</channel_count><nominal_srate>0</nominal_srate><channel_format>{form}</channel_format></info>".encode(),
        )  # fmt: skip
        body = head + b"\x04" + struct.pack("<I", len(times))
        for t, value in zip(times, values, strict=True):
            text = str(value).encode()
            data = b"\x01" + bytes([len(text)]) + text if form == "string" else struct.pack("<i", value)
            body += b"\x08" + struct.pack("<d", t) + data
        out += chunk(3, body)
        out += chunk(
            6,
            head
            + f"<?xml version='1.0'?><info><first_timestamp>{times[0]}</first_timestamp>"
            f"<last_timestamp>{times[-1]}</last_timestamp><sample_count>{len(times)}</sample_count></info>".encode(),
        )  # fmt: skip
    path.write_bytes(out)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, truth):
    onset, stamps = truth
    folder = tmp_path_factory.mktemp("session")
    write_video(folder / "camera.mkv", onset, stamps)
    write_video(folder / "silent.mkv", onset[:3], stamps[:150], sound=False)
    rng = np.random.default_rng(1)
    exposures = np.arange(round(stamps[0] / FRAME), round(stamps[-1] / FRAME) + 1) * FRAME
    events = [(t * SLOPE + OFFSET, "S  1") for t in onset[rng.random(30) > 0.1]]
    events += [(t * SLOPE + OFFSET + 0.0005, "R  2") for t in exposures]
    events += [(stamps[0] * SLOPE + OFFSET, "S  3")]
    letters = [f"S{int(i):3d}" for i in rng.integers(10, 40, 30)]
    moments = np.sort(rng.uniform(1, stamps[-1], 30))
    events += [(t * SLOPE + OFFSET, code) for t, code in zip(moments, letters, strict=True)]
    write_eeg(folder, events, stamps[-1] * SLOPE + OFFSET + 5)
    lsl = 1000.0
    markers = [f"Stimulus/{code}" for code in letters]
    write_xdf(
        folder / "lab.xdf",
        [
            ("task", "Markers", "string", moments + lsl, markers),
            ("camera", "frames", "int32", stamps + lsl, np.arange(len(stamps))),
        ],
    )
    (folder / "times.csv").write_text(
        "frame,time\n" + "\n".join(f"{i},{t:.4f}" for i, t in enumerate(stamps))
    )
    return folder


def settings(folder, pulses, run=""):
    (folder / "task.toml").write_text(f'modality = "eeg"\n[pulses]\n{pulses}\n', encoding="utf-8")
    (folder / "session.toml").write_text(
        'participant = "01"\nprotocol = "task.toml"\n[[run]]\ntask = "faces"\n'
        + ("" if "video" in run else 'video = "camera.mkv"\n')
        + f'recording = "eeg.vhdr"\n{run}\n',
        encoding="utf-8",
    )
    return folder


def worst(run, truth):
    v = truth[1]
    return float(np.abs(run.alignment.time(v) - (SLOPE * v + OFFSET)).max())


CASES = {
    "led": ('source = "led"\ncodes = ["Stimulus/S 1"]', "", 0.005),
    "led in a region": ('codes = ["Stimulus/S 1"]\nregion = [0.82, 0.1, 0.87, 0.16]', "", 0.005),
    "led with a log": ('codes = ["Stimulus/S 1"]', 'frame_times = "times.csv"', 0.005),
    "audio": ('source = "audio"\ncodes = ["Stimulus/S 1"]', "", 0.0015),
    "frames": ('source = "frames"\ncodes = ["Response/R 2"]', "", 0.002),
    "stream": ('source = "stream"\nstream = "camera"', 'xdf = "lab.xdf"', 0.002),
}


@pytest.mark.parametrize("name", CASES)
def test_every_source_finds_the_truth_and_its_bound_holds(folder, truth, name, tmp_path):
    pulses, run, limit = CASES[name]
    (found,), paths = align_session(settings(folder, pulses, run), output=tmp_path / "out")
    assert worst(found, truth) < limit
    details = to_plain({"alignment": {"details": found.alignment.details}})
    assert find_undocumented(details, SYNC_KEYS) == []
    v = truth[1][::20]
    inside = np.abs(found.alignment.time(v) - (SLOPE * v + OFFSET)) <= found.alignment.uncertainty(v) + 0.0006
    assert np.mean(inside) > 0.9  # triggers are rounded to samples of 1 ms
    page = paths[0].read_text(encoding="utf-8")
    assert "drift" in page and "data:image/png" in page
    drift = dict(describe_alignment(found))["drift of the camera's clock (+: too fast)"]
    assert drift.startswith("-"), "the recording is fast, so the camera is slow"
    table = pd.read_csv(paths[1], sep="\t")
    assert list(table.columns) == ["status", "video_time", "time", "residual"]
    if name.startswith("led"):
        assert len(found.strips) == 5
        assert "The LED comes on" in page
        for pulse, times, tiles in found.strips:
            bright = tiles[:, 40:56, 40:56].mean(axis=(1, 2))
            assert bright[times > pulse].max() > 150 > 80 > bright[times <= pulse].max()


def test_a_wrong_pulse_code_names_the_one_that_fits(folder, tmp_path):
    settings(folder, 'codes = ["Response/R 2"]\nregion = [0.82, 0.1, 0.87, 0.16]')
    with pytest.raises(
        AlignmentError,
        match=r"^The pulse code Response/R 2 \(\d{4} times\) of the protocol task does not fit the video, and "
        r"Stimulus/S 1 \(\d\d times\) does: correct codes in \[pulses\]",
    ):
        align_session(folder, output=tmp_path / "out")


def test_where_no_code_fits_the_codes_are_listed_with_counts_first(folder, tmp_path):
    settings(folder, 'codes = ["S 1"]\nregion = [0.1, 0.9, 0.15, 0.95]')
    with pytest.raises(AlignmentError) as caught:
        align_session(folder, output=tmp_path / "out")
    first, _, rest = str(caught.value).partition("If it is: ")
    assert (
        first.startswith("The pulse code Stimulus/S 1 (")
        and "Response/R 2 (" in first
        and "region" not in first
    )
    assert rest


def test_same_input_same_page(folder, tmp_path):
    settings(folder, 'codes = ["Stimulus/S 1"]')
    _, a = align_session(folder, output=tmp_path / "a")
    _, b = align_session(folder, output=tmp_path / "b")
    assert [p.read_bytes() for p in a] == [p.read_bytes() for p in b]
    with pytest.raises(OutputError, match="overwrite=True"):
        align_session(folder, output=tmp_path / "a")


def test_the_command_prints_what_a_reviewer_asks(folder, tmp_path):
    from enicfer.cli.align import align

    settings(folder, 'codes = ["Stimulus/S 1"]')
    out = CliRunner().invoke(align, [str(folder), "--output", str(tmp_path / "out")], catch_exceptions=False)
    assert out.exit_code == 0
    for word in ("matched pulses", "drift", "runner-up", "95 % bound", "LED found at", "Look at"):
        assert word in out.output


@pytest.mark.parametrize(
    ("pulses", "run", "kind", "message"),
    [
        (
            'codes = ["Stimulus/S 1"]\nregion = [0.0, 0.9, 0.1, 1.0]',
            "",
            AlignmentError,
            "never steps|in common",
        ),
        (
            'source = "audio"\ncodes = ["Stimulus/S 1"]',
            'video = "silent.mkv"',
            InputError,
            "silent.mkv has no sound track",
        ),
        ('codes = ["Stimulus/S 99"]', "", InputError, "None of the pulse codes"),
        ('source = "stream"\nstream = "eyes"', 'xdf = "lab.xdf"', InputError, "no stream 'eyes'.*'camera'"),
        ('source = "stream"\nstream = "camera"', "", InputError, "names no xdf file"),
        ('source = "clock"', "", AlignmentError, "time of day"),
        ('source = "start"\ncodes = ["Stimulus/S 3"]', "", AlignmentError, "only known to within"),
    ],
)
def test_bad_input_is_one_sentence(folder, tmp_path, pulses, run, kind, message):
    with pytest.raises(kind, match=message) as error:
        align_session(settings(folder, pulses, run), output=tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def write_dated_video(folder, onset, count):
    """camera.mkv, which says that it began at 10:00:10.3."""
    write_video(folder / "made.mkv", onset, np.arange(count) * FRAME, sound=False)
    with av.open(str(folder / "made.mkv")) as a, av.open(str(folder / "camera.mkv"), "w") as b:
        b.metadata["creation_time"] = "2024-05-01T10:00:10.300000Z"
        copy = b.add_stream_from_template(a.streams.video[0])
        for packet in a.demux(a.streams.video[0]):
            if packet.dts is not None:
                packet.stream = copy
                b.mux(packet)


def test_clocks_that_somebody_set_tell_regular_pulses_apart(tmp_path):
    onset = 1.5 + 2.003 * np.arange(12)  # regular, but everywhere in the frame interval
    write_dated_video(tmp_path, onset, 650)
    write_eeg(tmp_path, [(t + 10, "S  1") for t in onset], 50, meas_date=datetime(2024, 5, 1, 10, tzinfo=UTC))
    pulses = 'codes = ["Stimulus/S 1"]\n'
    with pytest.raises(AlignmentError, match="more than one way"):
        align_session(settings(tmp_path, pulses), output=tmp_path / "out")
    (found,), _ = align_session(settings(tmp_path, pulses + "wall_clock = 0.9"), output=tmp_path / "out")
    assert found.alignment.time(5.0) == pytest.approx(15.0, abs=0.005)
    assert found.alignment.details.coarse_offset == pytest.approx([10.3, 0.9])
    settings(tmp_path, pulses + "wall_clock = 0.9", "coarse_offset = [12.0, 0.9]")  # by hand goes first
    (found,), _ = align_session(tmp_path, output=tmp_path / "more")
    assert found.alignment.time(5.0) == pytest.approx(17.0, abs=0.005)


def test_a_cropped_recording_began_later_than_its_date_says(tmp_path):
    write_dated_video(tmp_path, np.array([0.5]), 40)
    info = mne.create_info(["Cz"], 100.0, "eeg")
    raw = mne.io.RawArray(np.zeros((1, 3000)), info, verbose="error")
    raw.set_meas_date(datetime(2024, 5, 1, 10, tzinfo=UTC))
    raw.crop(6.0).save(tmp_path / "eeg_raw.fif", verbose="error")
    run = SimpleNamespace(videos=(tmp_path / "camera.mkv",), recording=tmp_path / "eeg_raw.fif")
    protocol = Protocol("p", "", Modality.EEG, pulses=Pulses(source="clock", wall_clock=0.9))
    found = _add_wall_clocks(Evidence(np.arange(3.0)), run, None, protocol)
    # The camera began 10.3 s after the first sample, of which 6 s are cut off.
    assert found.coarse_offset == pytest.approx((4.3, 0.9))
    assert found.video_start_wall - found.recording_start_wall == pytest.approx(4.3)


def test_a_video_without_a_date_is_matched_by_its_pulses(folder, truth, tmp_path):
    settings(folder, 'codes = ["Stimulus/S 1"]\nwall_clock = 5')
    (found,), _ = align_session(folder, output=tmp_path / "out")
    assert worst(found, truth) < 0.005


def test_regular_pulses_need_a_coarse_offset_of_the_session(folder, truth, tmp_path):
    pulses = 'source = "frames"\ncodes = ["Response/R 2"]'
    settings(folder, pulses, f"coarse_offset = [{OFFSET}, 0.015]")
    (found,), _ = align_session(folder, output=tmp_path / "out")
    assert found.evidence.coarse_offset == (OFFSET, 0.015)
    assert worst(found, truth) < 0.002
    settings(folder, pulses, "coarse_offset = [1, 0]")
    with pytest.raises(ProtocolError, match=r"coarse_offset is .* must be two numbers"):
        align_session(folder, output=tmp_path / "more")


def test_the_limit_can_be_set(folder, truth, tmp_path):
    settings(folder, 'source = "start"\ncodes = ["Stimulus/S 3"]')
    (found,), _ = align_session(folder, output=tmp_path / "out", max_uncertainty=0.2)
    assert worst(found, truth) < 0.05
    rows = dict(describe_alignment(found))
    assert rows["residual, root mean square"] == "n/a"
    assert rows["drift of the camera's clock (+: too fast)"] == "not measured"
    settings(folder, 'codes = ["Stimulus/S 1"]')
    with pytest.raises(AlignmentError, match=r"more than the 0\.1 ms that are allowed"):
        align_session(folder, output=tmp_path / "more", max_uncertainty=0.0001)


def test_a_run_that_is_refused_leaves_the_reports_of_the_others(folder, tmp_path):
    settings(folder, 'source = "anchors"\nanchors = [[0.0, 4.0], [5.0, 9.001]]')
    (folder / "broken.edf").write_bytes(b"not a recording")
    runs = [("1", "broken.edf"), ("2", "eeg.vhdr")]
    (folder / "session.toml").write_text(
        'participant = "01"\nprotocol = "task.toml"\n'
        + "".join(
            f'[[run]]\ntask = "faces"\nrun = "{run}"\nvideo = "silent.mkv"\nrecording = "{recording}"\n'
            for run, recording in runs
        ),
        encoding="utf-8",
    )
    with pytest.raises(InputError, match=r"broken\.edf cannot be read"):
        align_session(folder, output=tmp_path / "out", max_uncertainty=1.0)
    assert [p.name for p in (tmp_path / "out").glob("*.html")] == ["sub-01_task-faces_run-2_sync.html"]
    with pytest.raises(InputError, match="has 2 runs, each with an offset of its own"):
        align_session(folder, output=tmp_path / "more", coarse_offset=(4.0, 0.1))
