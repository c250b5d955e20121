"""Keys of ``session.toml`` that a run with several cameras gives for each of them, and what may be wrong with these.

``video = {front = "a.mp4", side = "b.mp4"}`` names the cameras of a run, the first one first. The other keys that are
about one video (`OF_A_VIDEO`) are tables with the same names then. Points on the command line are
``CAMERA:FRAME:X,Y``. Points are in px of the upright full-size picture of their camera.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

from enicfer.config.engine import Check
from enicfer.config.runs import Run, Session
from enicfer.config.values import LABEL
from enicfer.errors import InputError, ProtocolError, option, shown
from enicfer.records import CameraPoint, FacePoint

OF_A_VIDEO = ("frame_times", "xdf", "trace", "coarse_offset", "face")
ONE_VIDEO = ("start", "anchors")  # pulse sources that say something of one video alone
FACE_FORMAT = "FRAME:X,Y, such as 120:310,205 (frame number, then pixels)"
_EXAMPLE = '{front = "a.mp4", side = "b.mp4"}'


def each_camera(read: Callable[..., Any], in_folder: bool = False) -> Check:
    """A check that takes what ``read`` takes, or a table of it by the names of cameras."""

    def read_either(value: Any, *folder: Path) -> Any:
        if not isinstance(value, Mapping):
            return read(value, *folder)
        check_names(list(value))
        found, wrong = {}, []
        for camera, item in value.items():
            try:
                found[camera] = read(item, *folder)
            except ValueError as error:
                wrong.append(f"{camera} is {shown(item)}, and {error}")
        if wrong:
            raise ValueError("; ".join(wrong))
        return found

    return Check(read_either, in_folder)


def check_files(videos: Mapping[str, Sequence[Path]]) -> None:
    """Refuse one file for two cameras; ValueError."""
    for (one, its), (other, theirs) in combinations(videos.items(), 2):
        if same := {path.resolve() for path in its} & {path.resolve() for path in theirs}:
            raise ValueError(
                f"{one} and {other} have the same file {min(same).name}: give each camera its own video"
            )


def check_names(names: Sequence[str]) -> None:
    """Refuse no cameras, and names that are no labels or differ in capitals alone; ValueError."""
    if not names:
        raise ValueError(f"it names no camera: write {_EXAMPLE}, or one file name")
    if wrong := [name for name in names if not LABEL.fullmatch(name)]:
        raise ValueError(
            f"a camera's name has only letters and digits, up to 64, and {shown(wrong[0])} is none: write {_EXAMPLE}"
        )
    for one, other in combinations(names, 2):
        if one.lower() == other.lower():
            raise ValueError(f"the cameras {one} and {other} differ in capitals alone: give them other names")


def find_camera_conflicts(table: Mapping[str, Any], where: str) -> list[str]:
    """What is wrong between the keys of a ``[[run]]`` that are about one video."""
    video = table.get("video")
    cameras = list(video) if isinstance(video, Mapping) else []
    if not all(LABEL.fullmatch(name) for name in cameras):
        return []  # what is wrong with them is said where they are read
    problems = []
    for key in (key for key in OF_A_VIDEO if key in table):
        named = table[key]
        if isinstance(named, Mapping):
            if not cameras:
                problems.append(
                    f"{where} {key} is a table of cameras, and video names none: write {_EXAMPLE}"
                )
            elif unknown := [name for name in named if name not in cameras]:
                problems.append(
                    f"{where} {key} is of the camera {shown(unknown[0])}, and video has {', '.join(cameras)}"
                )
        elif len(cameras) > 1:
            problems.append(
                f"{where} has {len(cameras)} cameras, and {key} does not say of which it is: "
                f"write {key} = {{{cameras[0]} = ...}}"
            )
    traced = table.get("trace")
    if (
        isinstance(traced, Mapping)
        and cameras
        and (lacking := [name for name in cameras if name not in traced])
    ):
        problems.append(
            f"{where} has a trace of some cameras and none of {', '.join(lacking)}: probabilities of two programs "
            "are not one trace; give one of each camera, or none"
        )
    return problems


def views_of(video: Any, shared: Mapping[str, Any], of_a_video: Mapping[str, Any]) -> Run:
    """The run that a ``[[run]]`` is.

    Parameters
    ----------
    video
        Its files, or a table of them by camera.
    shared
        The fields of `Run` that all cameras have.
    of_a_video
        Those that are of one video, each perhaps a table by camera.
    """
    if not isinstance(video, Mapping):
        return Run(videos=video, **shared, **of_a_video)
    views: list[dict[str, Any]] = []
    for camera, files in video.items():
        own: dict[str, Any] = {
            name: value.get(camera) if isinstance(value, Mapping) else value
            for name, value in of_a_video.items()
        }
        own["faces"] = own["faces"] or ()
        views.append({**shared, **own, "videos": files, "camera": camera})
    return Run(**views[0], others=tuple(Run(**view) for view in views[1:]))


def note_missing(runs: Sequence[Run]) -> tuple[Run, ...]:
    """The runs, each with a note where it has no video of a camera that others have."""
    every = list(dict.fromkeys(view.camera for run in runs for view in run.views if view.camera))
    noted = []
    for run in runs:
        missing = [name for name in every if name not in {view.camera for view in run.views}]
        note = f"{run.name} has no video of the camera {', '.join(missing)}, which other runs of the session have."
        noted.append(replace(run, notes=(*run.notes, note)) if missing else run)
    return tuple(noted)


def check_cameras(session: Session) -> None:
    """Refuse what a session with several cameras cannot mean.

    Raises
    ------
    ProtocolError
        If the protocol's pulses are of one video, or a region is of a camera that no run has.
    """
    source = session.protocol.pulses.source
    for run in session.runs:
        if run.others and source in ONE_VIDEO:
            raise ProtocolError(
                f"{run.name} has {len(run.views)} cameras, and the pulses of {session.protocol.name} (source "
                f"{source}) are of one video",
                remedy="use pulses that every camera sees, such as led or audio",
            )
    cameras = list(dict.fromkeys(view.camera for run in session.runs for view in run.views if view.camera))
    if unknown := [name for name, _ in session.regions if name not in cameras]:
        raise ProtocolError(
            f"participant_region is of the camera {unknown[0]}, and the runs have "
            f"{', '.join(cameras) or 'no camera with a name'}",
            remedy="correct the name",
        )


def read_face_point(text: str) -> FacePoint:
    """Read ``FRAME:X,Y``, a point in px in the participant's face, or raise ValueError."""
    frame, point = text.split(":")
    x, y = point.split(",")
    if not 0 <= (number := int(frame)) <= 1e12 or not all(abs(float(side)) <= 1e9 for side in (x, y)):
        raise ValueError("no frame and point")
    return number, float(x), float(y)


def read_camera_point(text: str) -> FacePoint | CameraPoint:
    """Read ``FRAME:X,Y`` or ``CAMERA:FRAME:X,Y``, a point in px in the participant's face, or raise ValueError."""
    camera, colon, rest = text.partition(":")
    if not colon or ":" not in rest:
        return read_face_point(text)
    if not LABEL.fullmatch(camera):
        raise ValueError("no camera's name")
    return (camera, *read_face_point(rest))


def find_points(
    session: Session, faces: Sequence[FacePoint | CameraPoint]
) -> dict[tuple[Path, ...], tuple[FacePoint, ...]]:
    """Where the participant's face is pointed at in each video: ``faces``, or else what its runs say.

    Raises
    ------
    InputError
        If a point does not say into which of several videos it is, or names a camera that there is not; see also
        `check_cameras`.
    """
    check_cameras(session)
    views = [view for run in session.runs for view in run.views]
    points: dict[tuple[Path, ...], tuple[FacePoint, ...]] = {}
    for view in views:
        points[view.videos] = tuple(dict.fromkeys((*points.get(view.videos, ()), *view.faces)))
    plain = tuple(point for point in faces if len(point) == 3)
    if plain:
        pointed = dict.fromkeys(view.videos for view in views if view.trace is None)
        camera = next((view.camera for view in views if view.camera), "")
        remedy = (
            f"name the camera, such as {option('faces', '--face')} {camera}:120:310,205"
            if camera
            else 'say in session.toml in which run it is, such as face = "120:310,205"'
        )
        _refuse_several(session, list(pointed), "", remedy)
        points.update(dict.fromkeys(points, plain))
    named: dict[str, list[FacePoint]] = {}
    for point in faces:
        if len(point) == 4:
            named.setdefault(point[0], []).append(point[1:])
    cameras = list(dict.fromkeys(view.camera for view in views if view.camera))
    for camera, its in named.items():
        if camera not in cameras:
            raise InputError(
                f"{option('faces', '--face')} points into the camera {camera}, and {session.folder.name} has "
                f"{', '.join(cameras) or 'no camera with a name'}",
                remedy="correct the name",
            )
        own = list(dict.fromkeys(view.videos for view in views if view.camera == camera))
        remedy = f'say in session.toml in which run it is, such as face = {{{camera} = "120:310,205"}}'
        _refuse_several(session, own, f" of {camera}", remedy)
        points[own[0]] = tuple(its)
    return points


def _refuse_several(session: Session, videos: Sequence[tuple[Path, ...]], whose: str, remedy: str) -> None:
    if len(videos) > 1:
        names = ", ".join(files[0].name for files in videos)
        raise InputError(
            f"{option('faces', '--face')} points into one video, but {session.folder.name} has "
            f"{len(videos)}{whose} ({names})",
            remedy=remedy,
        )
