"""Runs with several cameras in ``session.toml``, on the command line, and in a table of videos: read, or refused."""

import pytest

from enicfer.batch.video_table import read_video_table
from enicfer.config.cameras import find_points, read_camera_point
from enicfer.config.session import read_session
from enicfer.errors import InputError, ProtocolError

SETTINGS = """
participant = "01"
protocol = "eeg-led"
{above}
[[run]]
task = "faces"
video = {video}
recording = "eeg.vhdr"
{more}
"""
BOTH = '{front = "a.mp4", side = ["b.mp4", "c.mp4"]}'
FILES = ("a.mp4", "b.mp4", "c.mp4", "eeg.vhdr", "t.csv")


@pytest.fixture
def session(tmp_path):
    """Read a session with these keys: ``session(video, more, above)``."""

    def get(video=BOTH, more="", above="", protocol="eeg-led"):
        for name in FILES:
            (tmp_path / name).write_bytes(b"")
        text = SETTINGS.format(video=video, more=more, above=above).replace("eeg-led", protocol)
        (tmp_path / "session.toml").write_text(text, "utf-8")
        return read_session(tmp_path)

    return get


def test_each_camera_is_a_view_with_its_own_files_and_settings(session, tmp_path):
    more = (
        'frame_times = {side = "t.csv"}\nface = {side = ["3:1,2"], front = "4:5,6"}\n'
        "coarse_offset = {front = [1, 2], side = [3, 4]}"
    )
    found = session(more=more, above="participant_region = {side = [0, 0, 0.5, 1]}")
    (run,) = found.runs
    front, side = run.views
    assert (front.camera, side.camera) == ("front", "side")
    assert front.videos == (tmp_path / "a.mp4",) and side.videos == (tmp_path / "b.mp4", tmp_path / "c.mp4")
    assert front.frame_times is None and side.frame_times == tmp_path / "t.csv"
    assert front.faces == ((4, 5.0, 6.0),) and side.faces == ((3, 1.0, 2.0),)
    assert (front.coarse_offset, side.coarse_offset) == ((1, 2), (3, 4))
    assert front.recording == side.recording == tmp_path / "eeg.vhdr" and front.name == side.name
    assert found.region_of("side") == (0, 0, 0.5, 1) and found.region_of("front") is None
    assert not front.others and not side.others


def test_a_table_of_one_camera_is_a_run_with_one_camera(session):
    (run,) = session('{front = "a.mp4"}').runs
    assert run.views == (run,) and run.camera == "front"


def test_a_run_without_a_camera_of_the_others_says_so(session):
    second = '[[run]]\ntask = "faces"\nrun = 2\nvideo = {front = "c.mp4"}\nrecording = "eeg.vhdr"'
    first, other = session('{front = "a.mp4", side = "b.mp4"}', second).runs
    assert first.notes == ()
    assert other.notes == (
        "task-faces run-2 has no video of the camera side, which other runs of the session have.",
    )


@pytest.mark.parametrize(
    ("video", "more", "words"),
    [
        ("{}", "", "it names no camera: write {front ="),
        ('{front = "a.mp4", front = "b.mp4"}', "", "session.toml is not valid TOML: .*front"),
        (
            '{front = "a.mp4", "" = "b.mp4"}',
            "",
            "a camera's name has only letters and digits, up to 64, and '' is none",
        ),
        ('{front = "a.mp4", "le/ft" = "b.mp4"}', "", "and 'le/ft' is none: write"),
        ('{front = "a.mp4", Front = "b.mp4"}', "", "the cameras front and Front differ in capitals alone"),
        ('{front = "a.mp4", side = "a.mp4"}', "", "front and side have the same file a.mp4: give each"),
        ('{front = "a.mp4", side = ["b.mp4", "./a.mp4"]}', "", "front and side have the same file a.mp4"),
        (
            '{front = "a.mp4", side = []}',
            "",
            r"side is \[\], and must be a file name, or a list of consecutive files",
        ),
        (
            '{front = "a.mp4", side = "x.mp4"}',
            "",
            r"side is 'x.mp4', and it is not in the folder \(nearest: ",
        ),
        (
            BOTH,
            'face = "3:1,2"',
            "has 2 cameras, and face does not say of which it is: write face = {front = ...}",
        ),
        (BOTH, 'face = {sied = "3:1,2"}', "face is of the camera 'sied', and video has front, side"),
        (BOTH, 'face = {side = "3"}', "side is '3', and write FRAME:X,Y"),
        (BOTH, 'trace = {side = "t.csv"}', "has a trace of some cameras and none of front"),
        (BOTH, "coarse_offset = [1, 2]", "and coarse_offset does not say of which"),
        ('"a.mp4"', 'face = {front = "3:1,2"}', "face is a table of cameras, and video names none"),
    ],
)
def test_cameras_that_cannot_be_meant_are_refused_in_one_sentence(session, video, more, words):
    with pytest.raises(ProtocolError, match=words) as error:
        session(video, more)
    assert str(error.value).endswith(".") and "\n" not in str(error.value).rstrip()


def test_what_is_of_one_video_is_not_said_of_several(session, tmp_path):
    own = '[pulses]\nsource = "anchors"\nanchors = [[0, 1], [10, 11]]\n'
    (tmp_path / "own.toml").write_text(f'modality = "eeg"\n{own}', "utf-8")
    with pytest.raises(
        ProtocolError, match=r"2 cameras, and the pulses of own \(source anchors\) are of one video"
    ):
        session(protocol="own.toml")
    with pytest.raises(ProtocolError, match="of the camera top, and the runs have front, side"):
        session(above="participant_region = {top = [0, 0, 1, 1]}")


def test_a_point_names_its_camera(session, tmp_path):
    assert read_camera_point("120:310,205") == (120, 310.0, 205.0)
    assert read_camera_point("side:120:310,205") == ("side", 120, 310.0, 205.0)
    for text in ("si/de:1:2,3", ":1:2,3", "side:1", "side:1:2"):
        with pytest.raises(ValueError):
            read_camera_point(text)
    found = session(more='face = {front = "4:5,6"}')
    a, b = (tmp_path / "a.mp4",), (tmp_path / "b.mp4", tmp_path / "c.mp4")
    assert find_points(found, ()) == {a: ((4, 5.0, 6.0),), b: ()}
    assert find_points(found, [("side", 3, 1.0, 2.0)]) == {a: ((4, 5.0, 6.0),), b: ((3, 1.0, 2.0),)}
    with pytest.raises(
        InputError, match=r"has 2 .a.mp4, b.mp4.: name the camera, such as faces front:120:310,205"
    ):
        find_points(found, [(3, 1.0, 2.0)])
    with pytest.raises(
        InputError, match=r"points into the camera top, and .* has front, side: correct the name"
    ):
        find_points(found, [("top", 3, 1.0, 2.0)])


def test_a_table_of_videos_names_cameras(tmp_path):
    for name in ("r.vhdr", *FILES):
        (tmp_path / name).write_bytes(b"")
    table = tmp_path / "videos.tsv"
    head = "recording\tvideo\tcamera\n"
    table.write_text(f"{head}r.vhdr\ta.mp4\tfront\nr.vhdr\tb.mp4\tside\nr.vhdr\tc.mp4\tside\n", "utf-8")
    (run,) = read_video_table(table, tmp_path).values()
    assert [(view.camera, [v.name for v in view.videos]) for view in run.views] == [
        ("front", ["a.mp4"]),
        ("side", ["b.mp4", "c.mp4"]),
    ]
    for rows, words in {
        "r.vhdr\ta.mp4\tfront\nr.vhdr\tb.mp4\t\n": "cameras of r.vhdr in videos.tsv cannot be used: .*'' is none",
        "r.vhdr\ta.mp4\tfront\nr.vhdr\ta.mp4\tside\n": "front and side have the same file a.mp4",
    }.items():
        table.write_text(head + rows, "utf-8")
        with pytest.raises(InputError, match=words):
            read_video_table(table, tmp_path)
