"""What a person coded, as probabilities for each frame of the video.

Conventions: times are float64 s; a code's are from the video's first frame. A frame has the codes that hold at its
time, in equal parts.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from enicfer.config.options import ImportOptions
from enicfer.errors import InputError, option
from enicfer.expressions import WORDS, Expression
from enicfer.io.external.spans import Span
from enicfer.records import ExpressionTrace, FaceTrack, FloatArray, Status


@dataclass(frozen=True)
class _Codes:
    """What a coding says of one person.

    Attributes
    ----------
    mine
        All of their spans.
    used
        Those of an expression that last some time, with the expression.
    other
        Codes that are no expression.
    points
        Number of codes without duration.
    """

    mine: list[Span]
    used: list[tuple[Span, str]]
    other: list[str]
    points: int

    @property
    def extent(self) -> tuple[float, float]:
        """Start of the first and end of the last expression in s."""
        return min(span.onset for span, _ in self.used), max(span.offset for span, _ in self.used)


def place_spans(
    program: str,
    spans: Sequence[Span],
    time: FloatArray,
    decodable: npt.NDArray[np.bool_],
    source: str,
    options: ImportOptions | None = None,
) -> tuple[FaceTrack, ExpressionTrace]:
    """Give each frame the codes that hold at its time.

    Parameters
    ----------
    program
        What the coder worked with.
    spans
        The whole coding.
    time
        ``(n,)`` s of video time.
    decodable
        ``(n,)`` whether a frame could be read.
    source
        Name of the file, for messages.
    options
        Whose coding, what the codes mean, and what frames without a code are.

    Raises
    ------
    InputError
        If it is not clear whose coding it is, or nothing of it could be used.
    """
    options = options or ImportOptions()
    codes = _choose_codes(spans, source, options)
    said = {label for _, label in codes.used} | ({"neutral"} if options.uncoded == "neutral" else set())
    labels = tuple(str(label) for label in Expression if label in said)
    since = time - time[0]
    first, last = codes.extent
    if first > since[-1]:
        raise InputError(
            f"{source} codes expressions from {first:.1f} to {last:.1f} s, but the video lasts "
            f"{since[-1]:.1f} s",
            remedy=(
                "check that it is the coding of this video; its times must be in the unit that its columns say, and "
                "without an offset"
            ),
        )
    weight, otherwise = _weigh(codes, since, labels, options.uncoded)
    total = weight.sum(axis=1)
    coded = (total > 0) & decodable
    probability = np.full(weight.shape, np.nan, np.float32)
    probability[coded] = weight[coded] / total[coded, None]
    status = np.where(decodable, np.where(coded, Status.OK, Status.NO_EXPRESSION), Status.UNDECODABLE)
    notes = [
        f"Expressions are what a person coded with {program}: 1 while a code holds, in equal parts where several do."
    ]
    if options.uncoded == "neutral":
        rest = float(since[-1]) - max(span.offset for span in codes.mine)
        notes += _describe_neutral(int(otherwise.sum()), codes.other, rest)
    notes += _describe_left_out(codes, source, float(since[-1]))
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


def _choose_codes(spans: Sequence[Span], source: str, options: ImportOptions) -> _Codes:
    known = {code.lower(): label for code, label in {**WORDS, **options.codes}.items()}
    wrong = sorted({label for label in known.values() if label not in list(Expression)})
    if wrong:
        raise InputError(
            f"{', '.join(wrong)} is no expression", remedy=f"give one of {', '.join(Expression)}"
        )
    of = options.of
    people = Counter(span.who for span in spans if _meaning(span, known))
    everyone = Counter(span.who for span in spans)
    if of is not None and of not in everyone:
        raise InputError(
            f"{source} has no coding of {of!r}",
            remedy=f"give one that it has: {', '.join(map(repr, sorted(everyone)[:12]))}",
        )
    if of is None and len(people) > 1:
        raise InputError(
            f"{source} codes expressions of {', '.join(map(repr, sorted(people)[:12]))}",
            place=source,
            remedy=f"say which with {option('of', '--of')} when you import it",
        )
    mine = [span for span in spans if of is None or span.who == of]
    other = sorted({span.code for span in mine if not _meaning(span, known)})
    named = [(span, label) for span in mine if (label := _meaning(span, known))]
    used = [(span, label) for span, label in named if span.offset > span.onset]
    if not used:
        raise InputError(
            f"{source} has no span of an expression; its codes are "
            f"{', '.join(other[:20]) or 'points in time alone'}",
            place=source,
            remedy=f"say what they mean with {option('codes', '--code')} CODE=EXPRESSION when you import it",
        )
    return _Codes(mine, used, other, sum(span.offset == span.onset for span, _ in named))


def _weigh(
    codes: _Codes, since: FloatArray, labels: Sequence[str], uncoded: str
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Weight ``(n, k)`` of each label in each frame; the frames under nothing but codes that are no expression."""
    weight = np.zeros((since.size, len(labels)))
    for span, label in codes.used:
        weight[(since >= span.onset) & (since < span.offset), labels.index(label)] = 1
    total = weight.sum(axis=1)
    otherwise = np.zeros(since.size, np.bool_)
    for span in codes.mine:
        otherwise |= (since >= span.onset) & (since < span.offset) & (total == 0)
    if uncoded == "neutral":
        weight[(total == 0) & ~otherwise, labels.index("neutral")] = 1
    return weight, otherwise


def _describe_left_out(codes: _Codes, source: str, end: float) -> list[str]:
    """What of the coding is in no frame; ``end`` is the last frame's time in s."""
    notes, last = [], codes.extent[1]
    if codes.other:
        notes.append(f"Codes that are no expression were left out: {', '.join(codes.other[:12])}.")
    if codes.points:
        notes.append(f"{codes.points} codes are points in time without duration, and were left out.")
    if last > end + 1.0:
        notes.append(f"{source} codes up to {last:.1f} s, but the video ends at {end:.1f} s.")
    return notes


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
