"""What other programs or people said of a video, as the records that everything after it works on.

The video is opened all the same: its own time stamps are the times of the frames, whatever the other program
made of them, and its frames tell whether the file belongs to it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from enicfer.errors import InputError
from enicfer.expressions import WORDS, Expression
from enicfer.io.brightness import BrightnessRecorder
from enicfer.io.codings import CODERS, Span, read_coding
from enicfer.io.face_tables import PROGRAMS, FaceRows, read_face_table
from enicfer.io.frame_times import find_nearest
from enicfer.io.store import read_trace
from enicfer.io.video import probe_video, read_frames
from enicfer.protocol import Pulses
from enicfer.records import ExpressionTrace, FaceTrack, FloatArray, Progress, Status
from enicfer.watch import Seen

FORMATS = (*PROGRAMS, *CODERS)


def import_trace(
    path: Path,
    videos: Sequence[Path],
    pulses: Pulses | None = None,
    *,
    program: str | None = None,
    of: str | None = None,
    codes: Mapping[str, str] | None = None,
    uncoded: str = "missing",
    progress: Progress | None = None,
    threads: int = 0,
) -> Seen:
    """Bring what another program or a coder said of a video into enicfer's records.

    Parameters
    ----------
    path
        Per-frame table of Py-Feat, OpenFace or FaceReader; export of BORIS, ELAN or Datavyu; or an HDF5 file of
        ``enicfer trace`` or ``enicfer import``.
    videos
        The video, or consecutive files of one camera.
    pulses
        What shows the pulses in the picture, or None.
    program
        One of `FORMATS`; None to tell by the columns.
    of
        Whose face: what the program calls it (face id, identity), or the coding's subject, tier or column. Needed
        where there is more than one.
    codes
        What the coder's codes mean: code -> name of an `Expression`. Names and common words for them
        (`enicfer.expressions.WORDS`) need not be given; other codes are left out, with a note.
    uncoded
        What frames without a code are: ``"missing"`` or ``"neutral"``. Frames under a code that is no expression
        are missing either way.
    progress
        Called as ``progress(frames_done, frames_in_all, stage)``.
    threads
        Threads that decode, 0 for as many as there are cores.

    Raises
    ------
    InputError
        If the file is none of these, does not fit the video, or says nothing that could be used.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path.name} in {path.parent.name}: check the name.")
    if path.suffix.lower() in (".h5", ".hdf5"):
        said: FaceRows | tuple[str, list[Span]] | tuple[FaceTrack, ExpressionTrace] | None = read_trace(path)
    else:
        said = None if program in CODERS else read_face_table(path, program)
        if said is None and program not in PROGRAMS:
            said = read_coding(path, program)
    if said is None:
        raise InputError(
            f"{path.name} is no {program or 'table'} that could be read: give a per-frame table of Py-Feat, OpenFace "
            "or FaceReader, an export of BORIS, ELAN or Datavyu, or an HDF5 file of enicfer trace."
        )
    time, decodable, brightness = _read_video(videos, pulses, progress, threads)
    if isinstance(said, FaceRows):
        faces, expression = place_rows(said, time, decodable, path.name, of)
    elif isinstance(said[0], FaceTrack):
        faces, expression = _check_trace(*said, time, path.name)
    else:
        name, spans = said
        faces, expression = place_spans(name, spans, time, decodable, path.name, of, codes or {}, uncoded)
    return Seen(faces, expression, brightness)


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
            raise InputError(f"{videos[0].name} has no frame that can be read: give a complete video.")
        return np.array(times), np.array(decodable), brightness.finish()


def place_rows(
    rows: FaceRows, time: FloatArray, decodable: np.ndarray, source: str, of: str | None = None
) -> tuple[FaceTrack, ExpressionTrace]:
    """Give each frame of the video (``time``, ``(n,)`` s) its row; frames without one are ``NOT_ANALYSED``.

    A frame with several rows of unknown faces is ``AMBIGUOUS_PERSON``.
    """
    n = time.size
    frame, notes = _frames_of(rows, time, source)
    if frame.max() >= n:
        raise InputError(
            f"{source} speaks of frame {frame.max()} (counted from 0), but the video has {n} frames: is it the "
            "table of this video?"
        )
    seen = rows.status != Status.NO_FACE
    n_faces = np.bincount(frame[seen], minlength=n)
    names = Counter(name for name, there in zip(rows.who or (), seen, strict=False) if there)
    if of is not None and of not in names:
        raise InputError(
            f"{source} has no face {of!r}: {_listed(names) if names else 'it does not tell faces apart'}."
        )
    if of is None and len(names) > 1:
        raise InputError(
            f"{source} has {len(names)} faces ({_listed(names)}): say whose it is with --of when you import it."
        )
    mine = seen if of is None else seen & np.array([name == of for name in rows.who or ()])
    order = np.flatnonzero(mine)
    count = np.bincount(frame[order], minlength=n)
    row = np.full(n, -1)
    row[frame[order]] = order
    row[count > 1] = -1
    status = np.full(n, Status.NOT_ANALYSED, np.uint8)
    status[frame] = Status.NO_FACE
    status[(n_faces > 0) & (count == 0)] = Status.OTHER_PERSON
    status[count > 1] = Status.AMBIGUOUS_PERSON
    given = row >= 0
    status[given] = rows.status[row[given]]
    status[~decodable] = Status.UNDECODABLE
    given &= decodable

    def take(values: np.ndarray) -> np.ndarray:
        taken = np.full((n, *values.shape[1:]), np.nan, np.float32)
        taken[given] = values[row[given]]
        return taken

    if (count > 1).any():
        notes.append(
            f"{int((count > 1).sum())} frames have more than one face in {source}, which does not say whose they "
            "are: they have no answer."
        )
    faces = FaceTrack(
        video_time=time,
        box=take(rows.box),
        landmarks=take(rows.landmarks),
        score=take(rows.score),
        status=status,
        n_faces=np.minimum(n_faces, 255).astype(np.uint8),
        measures={name: take(values) for name, values in rows.measures.items()},
        detector=rows.program,
        notes=(*rows.notes, *notes),
    )
    return faces, ExpressionTrace(time, take(rows.probability), status, rows.labels, rows.program)


def _listed(names: Mapping[str, int]) -> str:
    return ", ".join(f"{name!r} in {count} frames" for name, count in sorted(names.items())[:8])


def _frames_of(rows: FaceRows, time: FloatArray, source: str) -> tuple[np.ndarray, list[str]]:
    """Frame of each row, and what there is to say about the program's own times."""
    since = time - time[0]
    step = float(np.median(np.diff(time))) if time.size > 1 else 1.0
    notes: list[str] = []
    if rows.frame is not None:
        frame = rows.frame
        if rows.time is not None and frame.max() < time.size:
            off = float(np.nanmax(np.abs(rows.time - since[frame]))) if np.isfinite(rows.time).any() else 0.0
            if off > step:
                notes.append(
                    f"The times in {source} are up to {off * 1000:.0f} ms off the frames' own time stamps, which "
                    "are used."
                )
    elif rows.time is not None and rows.time.size == time.size:
        frame = np.arange(time.size)
        notes.append(f"{source} has one row for each frame: rows are frames, whatever times it gives them.")
    else:
        assert rows.time is not None
        frame = find_nearest(since, rows.time)
        off = float(np.abs(rows.time - since[frame]).max())
        if off > 2 * step:
            raise InputError(
                f"{source} has {rows.time.size} rows up to {rows.time.max():.2f} s, the video {time.size} frames "
                f"up to {since[-1]:.2f} s, and times are up to {off * 1000:.0f} ms apart: is it "
                "the table of this video?"
            )
        notes.append(f"{source} has times but no frame numbers: each row is the frame nearest to it.")
    missing = time.size - np.unique(frame[frame < time.size]).size
    if missing:
        notes.append(f"{source} has no row for {missing} of {time.size} frames: they are not analysed.")
    return frame, notes


def place_spans(
    program: str,
    spans: Sequence[Span],
    time: FloatArray,
    decodable: np.ndarray,
    source: str,
    of: str | None = None,
    codes: Mapping[str, str] | None = None,
    uncoded: str = "missing",
) -> tuple[FaceTrack, ExpressionTrace]:
    """Give each frame the codes that hold at its time (from the video's first frame), in equal parts."""
    known = {code.lower(): label for code, label in {**WORDS, **(codes or {})}.items()}
    wrong = sorted({label for label in known.values() if label not in list(Expression)})
    if wrong:
        raise InputError(f"{', '.join(wrong)} is no expression: give one of {', '.join(Expression)}.")
    people = Counter(span.who for span in spans if _meaning(span, known))
    everyone = Counter(span.who for span in spans)
    if of is not None and of not in everyone:
        raise InputError(
            f"{source} has no coding of {of!r}: it has {', '.join(map(repr, sorted(everyone)[:12]))}."
        )
    if of is None and len(people) > 1:
        raise InputError(
            f"{source} codes expressions of {', '.join(map(repr, sorted(people)[:12]))}: say which with --of when "
            "you import it."
        )
    mine = [span for span in spans if of is None or span.who == of]
    other = sorted({span.code for span in mine if not _meaning(span, known)})
    used = [(span, label) for span in mine if (label := _meaning(span, known))]
    points = sum(span.offset == span.onset for span, _ in used)
    used = [(span, label) for span, label in used if span.offset > span.onset]
    if not used:
        raise InputError(
            f"{source} has no span of an expression; its codes are {', '.join(other[:20]) or 'points in time alone'}"
            ": say what they mean with --code CODE=EXPRESSION when you import it."
        )
    said = {label for _, label in used} | ({"neutral"} if uncoded == "neutral" else set())
    labels = tuple(str(label) for label in Expression if label in said)
    since = time - time[0]
    weight = np.zeros((time.size, len(labels)))
    for span, label in used:
        weight[(since >= span.onset) & (since < span.offset), labels.index(label)] = 1
    total = weight.sum(axis=1)
    otherwise = np.zeros(time.size, np.bool_)  # under nothing but codes that are no expression
    for span in mine:
        otherwise |= (since >= span.onset) & (since < span.offset) & (total == 0)
    if uncoded == "neutral":
        weight[(total == 0) & ~otherwise, labels.index("neutral")] = 1
        total = weight.sum(axis=1)
    coded = (total > 0) & decodable
    probability = np.full(weight.shape, np.nan, np.float32)
    probability[coded] = weight[coded] / total[coded, None]
    status = np.where(decodable, np.where(coded, Status.OK, Status.NO_EXPRESSION), Status.UNDECODABLE)
    notes = [
        f"Expressions are what a person coded with {program}: 1 while a code holds, in equal parts where several do."
    ]
    if uncoded == "neutral":
        notes += _describe_neutral(
            int(otherwise.sum()), other, float(since[-1]) - max(s.offset for s in mine)
        )
    if other:
        notes.append(f"Codes that are no expression were left out: {', '.join(other[:12])}.")
    if points:
        notes.append(f"{points} codes are points in time without duration, and were left out.")
    late = max(span.offset for span, _ in used)
    if late > since[-1] + 1.0:
        notes.append(f"{source} codes up to {late:.1f} s, but the video ends at {since[-1]:.1f} s.")
    nothing = np.full(time.size, np.nan, np.float32)
    faces = FaceTrack(
        video_time=time,
        box=np.full((time.size, 4), np.nan, np.float32),
        landmarks=np.full((time.size, 5, 2), np.nan, np.float32),
        score=nothing,
        status=status.astype(np.uint8),
        n_faces=np.zeros(time.size, np.uint8),
        measures={},
        detector=f"{program} coding",
        notes=tuple(notes),
    )
    return faces, ExpressionTrace(time, probability, status.astype(np.uint8), labels, f"{program} coding")


def _describe_neutral(n_otherwise: int, codes: Sequence[str], rest: float) -> list[str]:
    """What was taken to be neutral; ``rest`` is the time in s after the last code."""
    text = "Frames without a code were taken to be neutral"
    if n_otherwise:
        text += (
            f", but not {n_otherwise} frames under nothing but codes that are no expression "
            f"({', '.join(codes[:12])}): --code CODE=neutral makes them neutral, and --of leaves out what is about "
            "somebody else"
        )
    notes = [f"{text}."]
    if rest > 1.0:
        notes.append(
            f"The {rest:.1f} s after the last code were taken to be neutral: they are only if the coder watched to "
            "the end."
        )
    return notes


def _meaning(span: Span, known: Mapping[str, str]) -> str | None:
    """The expression that a code stands for: the whole code, or a part of it such as a modifier."""
    words = [span.code, *span.code.split(":")]
    return next((known[word.strip().lower()] for word in words if word.strip().lower() in known), None)


def _check_trace(
    faces: FaceTrack, expression: ExpressionTrace, time: FloatArray, source: str
) -> tuple[FaceTrack, ExpressionTrace]:
    if faces.video_time.size != time.size or np.abs(faces.video_time - time).max() > 1e-3:
        raise InputError(
            f"{source} has {faces.video_time.size} frames from {faces.video_time[0]:.3f} s, the video {time.size} "
            f"from {time[0]:.3f} s: it was made from another video."
        )
    return replace(faces, video_time=time), replace(expression, video_time=time)
