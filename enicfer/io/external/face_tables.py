"""What other programs say of the face in each frame: the tables of Py-Feat, OpenFace and FaceReader.

Conventions: frames count from 0, whatever the program counts from. The programs' own times are kept only to be
compared with the video's, because most of them are frame number / average rate. Values that are no
probabilities are made to sum to 1, with a note; the program's own columns are kept as measures under their own
names and in their own units.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from enicfer.errors import InputError
from enicfer.io.external.face_rows import FaceRows
from enicfer.io.external.facereader import is_facereader, read_facereader
from enicfer.io.external.openface import is_openface, read_openface
from enicfer.io.external.pyfeat import is_pyfeat, read_pyfeat
from enicfer.io.row_tables import RowTable, leave_out_cut, read_rows

PROGRAMS: Mapping[str, tuple[Callable[[Sequence[str]], bool], Callable[[RowTable], FaceRows]]] = {
    "py-feat": (is_pyfeat, read_pyfeat),
    "openface": (is_openface, read_openface),
    "facereader": (is_facereader, read_facereader),
}


def read_face_table(path: Path, program: str | None = None) -> FaceRows | None:
    """Read a table that says something of each frame.

    Parameters
    ----------
    path
        The table.
    program
        One of `PROGRAMS`; None to tell by the columns.

    Returns
    -------
    FaceRows or None
        None if it is none of these tables.

    Raises
    ------
    InputError
        If it is one, and a column or all rows are missing.
    """
    for name, (header, read) in PROGRAMS.items():
        if program in (None, name):
            table = read_rows(path, header)
            if table is not None:
                if not len(table):
                    raise InputError(
                        f"{path.name} is a table of {name}, but has no row",
                        place=path,
                        remedy="export it again",
                    )
                leave_out_cut(table)
                return read(table)
    if program in (None, "facereader") and read_rows(
        path, lambda names: set(names) >= {"Video Time", "Emotion"}
    ):
        raise InputError(
            f"{path.name} is a state log of FaceReader, which has no values of each frame",
            place=path,
            remedy="export the detailed log",
        )
    return None
