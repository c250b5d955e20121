"""What people saw: codings of BORIS, ELAN, Datavyu and The Observer, and plain tables, as spans of video time.

Conventions: times are s from the start of the video; a span holds from its onset up to, not including, its
offset. Codes are kept as the coder wrote them.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from enicfer.errors import InputError
from enicfer.io.external.boris import read_boris
from enicfer.io.external.datavyu import read_datavyu
from enicfer.io.external.elan import read_elan
from enicfer.io.external.observer import read_observer
from enicfer.io.external.plain_codes import read_plain_codes
from enicfer.io.external.spans import Span

CODERS: Mapping[str, Callable[[Path], list[Span] | None]] = {
    "boris": read_boris,
    "datavyu": read_datavyu,
    "elan": read_elan,
    "observer": read_observer,
    "table": read_plain_codes,
}


def read_coding(path: Path, program: str | None = None) -> tuple[str, list[Span]] | None:
    """Read the export of a coding program.

    Parameters
    ----------
    path
        CSV, TSV or text file.
    program
        One of `CODERS`; None to tell by the columns.

    Returns
    -------
    program, spans
        In the order of their onsets; or None, if it is none of these exports.

    Raises
    ------
    InputError
        If it is one, but a span has no end or ends before it begins, or there is no span at all.
    """
    for name, read in CODERS.items():
        if program in (None, name):
            spans = read(path)
            if spans is None:
                continue
            if not spans:
                raise InputError(
                    f"{path.name} is an export of {name}, but has no coded span",
                    place=path,
                    remedy="export it again",
                )
            wrong = next((span for span in spans if span.offset < span.onset), None)
            if wrong is not None:
                raise InputError(
                    f"{path.name} codes {wrong.code!r} from {wrong.onset:.3f} to "
                    f"{wrong.offset:.3f} s, which is backwards",
                    place=path,
                    remedy="correct it",
                )
            return name, sorted(spans, key=lambda span: (span.onset, span.offset, span.who, span.code))
    return None
