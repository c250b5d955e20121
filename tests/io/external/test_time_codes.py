"""Time conventions of BORIS, ELAN and Datavyu, against times counted frame by frame."""

import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.io.external.codings import read_coding
from enicfer.io.external.spans import Span
from enicfer.io.external.time_codes import read_frames_code

EXPECTED = [Span(1.5, 2.5, "happy", "face"), Span(61.0, 62.0, "sad", "face")]


def read(tmp_path, text):
    path = tmp_path / "coding.txt"
    path.write_text(text, encoding="utf-8")
    return read_coding(path)[1]


def test_drop_frame_codes_count_every_frame_once():
    """A counter that skips the numbers 00 and 01 of each minute but every tenth."""
    frame = 0
    for minute in range(21):
        for second in range(60):
            for number in range(30):
                if second == 0 and number < 2 and minute % 10:
                    continue
                code = f"00:{minute:02}:{second:02};{number:02}"
                assert read_frames_code(code, 30000 / 1001, True) == pytest.approx(frame * 1001 / 30000)
                frame += 1


@pytest.mark.parametrize(
    ("notation", "write"),
    [
        ("msec", lambda t: f"{t * 1000:.0f}"),
        ("ss.msec", lambda t: f"{t:.3f}"),
        ("hh:mm:ss.ms", lambda t: f"00:{int(t // 60):02}:{t % 60:06.3f}"),
        ("hh:mm:ss:ff PAL", lambda t: f"00:{int(t // 60):02}:{int(t % 60):02}:{int(t % 1 * 25 + 0.5):02}"),
        ("SMPTE PAL-50fps", lambda t: f"00:{int(t // 60):02}:{int(t % 60):02}:{int(t % 1 * 50 + 0.5):02}"),
    ],
)
def test_elan_times_by_header(tmp_path, notation, write):
    text = f"Tier\tBegin Time - {notation}\tEnd Time - {notation}\tAnnotation\n"
    text += "".join(f"face\t{write(s.onset)}\t{write(s.offset)}\t{s.code}\n" for s in EXPECTED)
    for found, wanted in zip(read(tmp_path, text), EXPECTED, strict=True):
        assert (found.onset, found.offset) == pytest.approx((wanted.onset, wanted.offset), abs=0.021)
        assert found.code == wanted.code


def test_ntsc_of_elan_and_frames_of_unknown_rate(tmp_path):
    text = "Tier\tBegin Time - {0}\tEnd Time - {0}\tAnnotation\nface\t00:01:00:02\t01:00:00:00\thappy\n"
    (span,) = read(tmp_path, text.format("NTSC"))
    assert (span.onset, span.offset) == pytest.approx((1800 * 1001 / 30000, 107892 * 1001 / 30000))
    (span,) = read(tmp_path, text.format("NTSC non-drop"))
    assert span.offset == pytest.approx(108000 * 1001 / 30000)
    with pytest.raises(InputError, match="how many frames a second has"):
        read(tmp_path, text.format("hh:mm:ss:ff"))
    with pytest.raises(InputError, match="frames per second it does not say"):
        read(tmp_path, "face\tAB\t00:00:01:12\t00:00:02:12\thappy\n")


@pytest.mark.parametrize(
    "write", [lambda t: f"{t * 1000:.0f}", lambda t: f"00:{int(t // 60):02}:{t % 60:06.3f}".replace(".", ":")]
)
def test_datavyu_ms_and_clock(tmp_path, write):
    rows = "".join(f"{i},{write(s.onset)},{write(s.offset)},{s.code}\n" for i, s in enumerate(EXPECTED, 1))
    assert read(tmp_path, "face.ordinal,face.onset,face.offset,face.code01\n" + rows) == EXPECTED


@pytest.mark.parametrize(
    ("onset", "message"),
    [("1.5", "in s or in ms"), ("00:00:01:12", "frames per second"), ("", r"Row 1 .* without an onset")],
)
def test_datavyu_times_that_cannot_be_told(tmp_path, onset, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, f"face.ordinal,face.onset,face.offset,face.code01\n1,{onset},2500,happy\n")


def boris(offset, times, media="cam.mp4", index=None):
    names = (
        "Observation id,Time offset (s),FPS,Subject,Behavior,Behavior type,Time,Media file name,Image index"
    )
    lines = [names.replace(",", "\t")]
    for kind, time in zip(("START", "STOP"), times, strict=True):
        shown = "NA" if index is None else str(round((time - index) * 25))
        file = media if kind == "START" else "cam.mp4"
        lines.append(f"o\t{offset}\t25\tchild\thappy\t{kind}\t{time}\t{file}\t{shown}")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("offset", [0, 10, 1_700_000_000.25, -1.5, "10,0"])
def test_boris_offset_is_taken_off(tmp_path, offset):
    add = float(str(offset).replace(",", "."))
    (span,) = read(tmp_path, boris(offset, (2 + add, 5 + add)))
    assert (span.onset, span.offset) == pytest.approx((2, 5), abs=1e-6)


def test_boris_offset_that_was_not_added(tmp_path):
    (span,) = read(tmp_path, boris(10, (12.0, 15.0), index=0.0))  # pictures 300 and 375: nothing was added
    assert (span.onset, span.offset) == (12.0, 15.0)
    with pytest.raises(InputError, match="cannot be told"):
        read(tmp_path, boris(10, (2.0, 5.0)))


def test_boris_offset_above_the_header_and_lost_files(tmp_path):
    text = boris(0, (12.0, 15.0), media="Not found").replace("Time offset (s)", "Note")
    (span,) = read(tmp_path, text)
    assert (span.onset, span.offset) == (12.0, 15.0)
    (span,) = read(tmp_path, "Time offset (s)\t10.0\n\n" + text)
    assert (span.onset, span.offset) == (2.0, 5.0)
    with pytest.raises(InputError, match=r"Row 1 .*no number of s"):
        read(tmp_path, boris(0, (12.0, 15.0)).replace("\t12.0\t", "\t1.2.0\t"))
    assert np.isnan(read_frames_code("00:00:01:30", 25.0))


@pytest.mark.parametrize(
    ("notation", "cell"),
    [("PAL", "00:00:01:26"), ("NTSC", "00:00:01;30"), ("ss.msec", "00:01"), ("hh:mm:ss.ms", "soon")],
)
def test_a_time_that_its_notation_does_not_have_is_named(tmp_path, notation, cell):
    path = tmp_path / "a.txt"
    path.write_text(
        f"Tier\tBegin Time - {notation}\tEnd Time - {notation}\tAnnotation\nface\t{cell}\t{cell}\thappy\n",
        "utf-8",
    )
    with pytest.raises(
        InputError, match=f"Row 1 of a.txt has '{cell}' in the column Begin Time - {notation}"
    ):
        read_coding(path)


ELAN = "Tier\tBegin Time - ss.msec\tEnd Time - ss.msec\tAnnotation{more}\nface\t1.5\t2.5\tsmile{cell}\n"


@pytest.mark.parametrize("offset", [0, 3500, -40])
@pytest.mark.parametrize("file", ["cam.mp4", "sound.wav"])
def test_elan_states_an_offset_of_the_video(tmp_path, offset, file):
    """Its manual: the offset of the master media is added to the times on request; the header lines say it anyhow."""
    lines = f'"#file:///C:/rec/{file} -- offset: {offset}, duration: 00:01:00.000 / 60.0 / 60000"\n'
    (tmp_path / "a.txt").write_text(lines + ELAN.format(more="", cell=""))
    if offset and file == "cam.mp4":
        with pytest.raises(
            InputError, match=rf"cam\.mp4 has an offset of {offset / 1000:g} s, .* export it again"
        ):
            read_coding(tmp_path / "a.txt")
    else:
        _, (span,) = read_coding(tmp_path / "a.txt")
        assert (span.onset, span.offset, span.code) == (1.5, 2.5, "smile")


def test_elan_exports_of_several_files_have_a_column_of_their_names(tmp_path):
    (tmp_path / "a.txt").write_text(ELAN.format(more="\tFile", cell="\ta.eaf"))
    _, spans = read_coding(tmp_path / "a.txt")
    assert [span.code for span in spans] == ["smile"], "the name of the file is no code"
    more = "face\t3.5\t4.5\tsmile\tb.eaf\n"
    (tmp_path / "a.txt").write_text(ELAN.format(more="\tFile", cell="\ta.eaf") + more)
    with pytest.raises(InputError, match=r"annotations of 2 files \(a\.eaf, b\.eaf\)"):
        read_coding(tmp_path / "a.txt")
