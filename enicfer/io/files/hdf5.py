"""HDF5 files of other people, opened so that nothing but their own content can be read.

An HDF5 file can say that its data lie in any other file (external storage, external links, virtual data
sets), that a name stands for another (soft links), or that a few bytes are a terabyte. Who reads such a file
and writes what was in it copies files of this computer into outputs. Here each link is looked at before it is
followed, and only data sets of a known name, kind and shape can be read.

Conventions: a layout maps names below the root to `Kind`; the name ``group/*`` stands for every data set of a
group. In shapes, a letter is a length that must be the same wherever it occurs.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enicfer.errors import InputError

if TYPE_CHECKING:
    import h5py

MOST_ROWS = 50_000_000  # frames: ten days at 50 frames per s
MOST_NAMES = 4096  # of one group
MOST_OBJECTS = 1_000_000
# What gzip makes of equal bytes at best, with room for a chunk's unused end.
MOST_PACKED = 1200
SLACK = 1 << 24
_FILTERS = {1, 2, 3, 32000}  # deflate, shuffle, fletcher32, lzf: all that need no plug-in


class ForeignError(ValueError):
    """A file holds something that is not read; the message names it, without a full stop."""


@dataclass(frozen=True)
class Kind:
    """What a data set must be.

    Attributes
    ----------
    types
        Letters of `numpy.dtype.kind` that it may have; ``"O"`` stands for text.
    shape
        Of each axis the length, or a letter.
    """

    types: str
    shape: tuple[str | int, ...]


@contextmanager
def open_hdf5(path: Path, layout: Mapping[str, Kind]) -> "Iterator[h5py.File]":
    """Open a file of a known layout for reading, after a look at everything in it.

    Parameters
    ----------
    path
        The file.
    layout
        Name -> what it must be, if it is there. Other names may be there; they are looked at as well, not
        read.

    Raises
    ------
    InputError
        If something in the file lies elsewhere, is of another kind, or is larger than its bytes can be.
    OSError
        If it is no HDF5 file.
    """
    import h5py

    with h5py.File(path, "r", locking=False) as file:
        try:
            sets = dict(walk_sets(file))
            _check_layout(sets, layout)
        except ForeignError as error:
            raise InputError(f"{path.name}: {error}", place=path, remedy="make it again") from None
        yield file


def refuse_links(path: Path) -> None:
    """Refuse an HDF5 file of any layout that has data elsewhere; a file of another kind is let through.

    Raises
    ------
    InputError
        If something in the file lies in another file, or stands for another name.
    """
    import h5py

    if not path.is_file() or not is_hdf5(path):
        return
    try:
        with h5py.File(path, "r", locking=False) as file:
            for _ in walk_sets(file, once=False):
                pass
    except ForeignError as error:
        raise InputError(f"{path.name}: {error}", place=path, remedy="make it again") from None
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"{path.name} is a damaged HDF5 file ({reason})",
            place=path,
            remedy="give the file as its program wrote it",
        ) from None


def is_hdf5(path: Path) -> bool:
    """Whether a file is HDF5."""
    import h5py

    return bool(h5py.is_hdf5(path))


def read_number(path: Path, names: Sequence[str]) -> float | None:
    """The first number of the first of some data sets that is in a file; links are not followed."""
    import h5py

    with h5py.File(path, "r", locking=False) as file:
        for name, content in walk_sets(file, once=False):
            if name in names and content.dtype.kind in "fiu" and 0 < content.size < MOST_NAMES:
                return float(content[()].ravel()[0]) if content.ndim else float(content[()])
    return None


def walk_sets(file: "h5py.File", once: bool = True) -> "Iterator[tuple[str, h5py.Dataset]]":
    """Name and data set of everything in a file; no data are read and no link is followed.

    Parameters
    ----------
    file
        The file.
    once
        Whether one thing under two names is an error; else it is given under the first.

    Raises
    ------
    ForeignError
        At a link, at data that lie in other files, and at a filter that would need a plug-in.
    """
    import h5py

    waiting: list[tuple[str, h5py.Group]] = [("", file)]
    met = {_address(file)}
    while waiting:
        prefix, group = waiting.pop()
        for name in group:
            place = f"{prefix}{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ForeignError(
                    f"{place[:80]!r} is a link to another place or file, and links are not followed: give a file "
                    "that holds its data itself"
                )
            member = group[name]
            if _address(member) in met:
                if once:
                    raise ForeignError(f"{place[:80]!r} is a second name of something else in it")
                continue
            met.add(_address(member))
            if len(met) > MOST_OBJECTS:
                raise ForeignError(f"there are more than {MOST_OBJECTS} things in it")
            if isinstance(member, h5py.Group):
                waiting.append((f"{place}/", member))
            elif isinstance(member, h5py.Dataset):
                _check_storage(place, member)
                yield place, member


def _address(member: Any) -> Any:
    import h5py

    return h5py.h5o.get_info(member.id).addr


def _check_storage(place: str, data: "h5py.Dataset") -> None:
    """Refuse data that are in other files, or that only a plug-in can unpack."""
    import h5py

    properties = data.id.get_create_plist()
    if properties.get_external_count() or properties.get_layout() == h5py.h5d.VIRTUAL:
        raise ForeignError(
            f"the data of {place[:80]!r} lie in other files, which can be any files of this computer, and are not "
            "read: give a file that holds its data itself"
        )
    filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
    if not filters <= _FILTERS:
        raise ForeignError(f"{place[:80]!r} is packed with a filter that is not known: pack it with gzip")


def _check_layout(sets: "Mapping[str, h5py.Dataset]", layout: Mapping[str, Kind]) -> None:
    lengths: dict[str, int] = {}
    for name, kind in layout.items():
        if name.endswith("/*"):
            members = {place: data for place, data in sets.items() if place.startswith(name[:-1])}
            if len(members) > MOST_NAMES:
                raise ForeignError(f"{name[:-2]} has {len(members)} data sets; at most {MOST_NAMES} are read")
        else:
            members = {name: sets[name]} if name in sets else {}
        for place, data in members.items():
            _check_kind(place, data, kind, lengths)


def _check_kind(place: str, data: "h5py.Dataset", kind: Kind, lengths: dict[str, int]) -> None:
    """Compare a data set with what it must be, and its size with the bytes that are there."""
    import h5py

    shape = data.shape
    if shape is None or len(shape) != len(kind.shape):
        raise ForeignError(f"{place} has the shape {shape}, but should have {len(kind.shape)} axes")
    text = h5py.check_string_dtype(data.dtype) is not None
    if ("O" in kind.types) != text or (not text and data.dtype.kind not in kind.types):
        raise ForeignError(f"{place} holds {data.dtype}, which is another kind of data than it should be")
    for found, wanted in zip(shape, kind.shape, strict=True):
        length = wanted if isinstance(wanted, int) else lengths.setdefault(wanted, found)
        if found != length:
            raise ForeignError(f"{place} has the shape {shape}, which does not fit the other data sets")
    if shape[0] > MOST_ROWS:
        raise ForeignError(f"{place} has {shape[0]} rows; at most {MOST_ROWS} are read")
    if data.nbytes > MOST_PACKED * data.id.get_storage_size() + SLACK * bool(data.id.get_storage_size()):
        raise ForeignError(f"{place} says that it has {data.nbytes} bytes, which are not in the file")
