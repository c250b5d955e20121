"""The version of a file's layout, which files carry, and what is said of one that this program does not read.

Conventions: a whole number from 1 that rises when older programs can no longer read what is written. A file
without one is of the layout 1: it was written before files carried it.
"""

from collections.abc import Collection

from enicfer.errors import EnicferError, FormatError, shown

# Of sync.json, qc.json, frames.h5 and traces in HDF5.
RESULTS = 1
KEY = "format_version"


def check_format(
    found: object,
    known: Collection[int],
    what: str,
    remedy: str,
    error: type[EnicferError] = FormatError,
) -> None:
    """Refuse a file of another layout.

    Parameters
    ----------
    found
        What the file says, None where it says nothing.
    known
        The versions that can be read.
    what
        How the message calls the file.
    remedy
        What to do about it, such as "process the session again".
    error
        The error to raise.

    Raises
    ------
    FormatError
        Or another ``error``.
    """
    version = 1 if found is None else found
    if isinstance(version, bool) or not isinstance(version, int) or version not in known:
        raise error(
            f"{what} has the format version {shown(version, 40)}, and this version of enicfer reads "
            f"{' and '.join(map(str, sorted(known)))}: {remedy}, or use the version of enicfer that wrote it."
        )
