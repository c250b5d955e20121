"""What other programs or people said of a video, as the records that everything after it works on.

The video is opened all the same: its own time stamps are the times of the frames, whatever the other program
made of them, and its frames tell whether the file belongs to it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from enicfer.config.options import ImportOptions
from enicfer.config.protocol import Pulses
from enicfer.errors import InputError
from enicfer.io.columns import explain_unknown, read_header
from enicfer.io.external.codings import CODERS, read_coding
from enicfer.io.external.face_rows import FaceRows
from enicfer.io.external.face_tables import PROGRAMS, read_face_table
from enicfer.io.external.spans import Span
from enicfer.io.files.steady import read_steadily
from enicfer.io.frames_file import read_trace
from enicfer.io.video.brightness import BrightnessRecorder
from enicfer.io.video.reader import probe_video, read_frames
from enicfer.pipeline.import_rows import place_rows
from enicfer.pipeline.import_spans import place_spans
from enicfer.pipeline.observe import Observations
from enicfer.records import ExpressionTrace, FaceTrack, FloatArray, Progress
from enicfer.records.validity import check_expression, check_faces

FORMATS = (*PROGRAMS, *CODERS)
# What a table is known by; ELAN may have no header.
NEEDED = {
    "Py-Feat": ("frame", "FaceScore"),
    "OpenFace": ("frame", "timestamp", "confidence", "success"),
    "FaceReader": ("Video Time", "Neutral"),
    "BORIS": ("Behavior", "Behavior type", "Time"),
    "Datavyu": ("ordinal", "onset", "offset"),
    "ELAN": ("Begin Time - ss.msec", "End Time - ss.msec"),
}

Said = FaceRows | tuple[str, list[Span]] | tuple[FaceTrack, ExpressionTrace]


def import_trace(
    path: str | Path,
    videos: str | Path | Sequence[str | Path],
    options: ImportOptions | None = None,
    *,
    output: str | Path | None = None,
    progress: Progress | None = None,
) -> tuple[FaceTrack, ExpressionTrace]:
    """Bring what another program or a coder said of a video into enicfer's records.

    Parameters
    ----------
    path
        Per-frame table of Py-Feat, OpenFace or FaceReader; export of BORIS, ELAN, Datavyu or The Observer; a table of
        codes; or an HDF5 file of ``enicfer trace`` or ``enicfer import``.
    videos
        The video, or consecutive files of one camera.
    options
        How the file is read.
    output
        ``.h5`` or ``.tsv`` file to write, or None; its folder is made. A ``.h5`` file is what ``trace = ...`` in
        ``session.toml`` takes.
    progress
        Called as ``progress(frames_done, frames_in_all, stage)``.

    Returns
    -------
    FaceTrack, ExpressionTrace
        One row for each frame of the video, on the video's own clock (``video_time`` in s).

    Raises
    ------
    InputError
        If the file is none of these, does not fit the video, or says nothing that could be used.
    OutputError
        If the output is there already or cannot be written.
    """
    from enicfer.io.files.places import check_free
    from enicfer.io.frames_file import check_trace_file, write_trace

    options = options or ImportOptions()
    if output is not None:
        check_trace_file(Path(output))
        check_free(Path(output), options.overwrite)
    given = (videos,) if isinstance(videos, str | Path) else videos
    seen = place_trace(Path(path), [Path(video) for video in given], options=options, progress=progress)
    if output is not None:
        Path(output).parent.mkdir(parents=True, exist_ok=True)
        write_trace(output, seen.faces, seen.expression)
    return seen.faces, seen.expression


def place_trace(
    path: Path,
    videos: Sequence[Path],
    pulses: Pulses | None = None,
    *,
    options: ImportOptions | None = None,
    progress: Progress | None = None,
    threads: int = 0,
    said: Said | None = None,
) -> Observations:
    """Place what a file says in the frames of a video, and measure the pulses in the picture; see `import_trace`.

    Parameters
    ----------
    path, videos, options, progress
        As in `import_trace`.
    pulses
        What shows the pulses in the picture, or None.
    threads
        Threads that decode, 0 for as many as there are cores.
    said
        What `read_said` gave for the file, where it was read already.
    """
    options = options or ImportOptions()
    said = read_said(path, options.program) if said is None else said
    with read_steadily(videos):
        time, decodable, brightness = _read_video(videos, pulses, progress, threads)
    if isinstance(said, FaceRows):
        faces, expression = place_rows(said, time, decodable, path.name, options.of)
    elif isinstance(said[0], FaceTrack):
        faces, expression = _check_trace(*said, time, path.name)
    else:
        faces, expression = place_spans(*said, time, decodable, path.name, options)
    try:
        check_faces(faces)
        check_expression(expression)
    except InputError as error:
        raise InputError(
            f"{path.name}: {error}", place=path, remedy="correct the file, or make it again"
        ) from None
    return Observations(faces, expression, brightness)


def look_at_inputs(videos: Iterable[Path], traces: Iterable[Path]) -> dict[Path, Said]:
    """Refuse a video or a trace that cannot be read before anything large is loaded; what each trace says.

    Raises
    ------
    InputError
        With the first that cannot be read.
    """
    for video in dict.fromkeys(videos):
        probe_video(video)
    return {trace: read_said(trace) for trace in traces}


def read_said(path: Path, program: str | None = None) -> Said:
    """Read what another program, a coder, or an earlier run said, without a look at the video.

    Raises
    ------
    InputError
        If there is no such file, or it is none that can be used.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path.name} in {path.parent.name}", remedy="check the name")
    if path.suffix.lower() in (".h5", ".hdf5"):
        said: Said | None = read_trace(path)
    else:
        said = None if program in CODERS else read_face_table(path, program)
        if said is None and program not in PROGRAMS:
            said = read_coding(path, program)
    if said is None:
        kinds = {name: columns for name, columns in NEEDED.items() if program in (None, name.lower())}
        raise InputError(
            f"{path.name} is no {program or 'table'} that could be read. "
            f"{explain_unknown(path.name, read_header(path), kinds)}",
            place=path,
            remedy=(
                "give a per-frame table of Py-Feat, OpenFace or FaceReader; an export of BORIS, ELAN, Datavyu or The "
                "Observer; a table with onset, offset and code; or an HDF5 file of enicfer trace"
            ),
        )
    return said


def _read_video(
    videos: Sequence[Path], pulses: Pulses | None, progress: Progress | None, threads: int
) -> tuple[FloatArray, np.ndarray, "FloatArray | np.ndarray | None"]:
    total = sum(probe_video(video).n_frames for video in videos)
    times: list[float] = []
    decodable: list[bool] = []
    with BrightnessRecorder(pulses) as brightness:
        for frame in read_frames(tuple(videos), threads):
            times.append(frame.video_time)
            decodable.append(frame.decodable)
            brightness.add(frame)
            if progress is not None and len(times) % 100 == 0:
                progress(len(times), max(total, len(times)), "frame times")
        if not times:
            raise InputError(
                f"{videos[0].name} has no frame that can be read", remedy="give a complete video"
            )
        return np.array(times), np.array(decodable), brightness.finish()


def _check_trace(
    faces: FaceTrack, expression: ExpressionTrace, time: FloatArray, source: str
) -> tuple[FaceTrack, ExpressionTrace]:
    if faces.video_time.size != time.size or np.abs(faces.video_time - time).max() > 1e-3:
        raise InputError(
            f"{source} has {faces.video_time.size} frames from {faces.video_time[0]:.3f} s, the "
            f"video {time.size} from {time[0]:.3f} s, so it was made from another video",
            remedy="give the trace of this video",
        )
    return replace(faces, video_time=time), replace(expression, video_time=time)
