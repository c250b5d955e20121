"""Which file of a recording is to be given, and recordings of programs that nothing here reads.

Conventions: refused is what another file of the same name heads, or what no reader is known for; what a file of a
known kind holds is for its reader to say.
"""

from pathlib import Path

from enicfer.config.suffixes import RECORDING_SUFFIXES
from enicfer.errors import InputError

# Files that hold a part of a recording -> endings of those that head it.
_PARTS = {
    ".eeg": (".vhdr",),
    ".avg": (".vhdr",),
    ".seg": (".vhdr",),
    ".vmrk": (".vhdr",),
    ".dat": (".vhdr", ".lay"),
    ".fdt": (".set",),
    ".head": (".data",),
    ".21e": (".eeg",),
    ".pnt": (".eeg",),
    ".log": (".eeg",),
}
# Recordings that MNE-Python does not read.
_FOREIGN = {
    ".trc": "Micromed",
    ".e": "Nicolet One",
    ".smr": "Spike2",
    ".smrx": "Spike2",
    ".acq": "BIOPAC",
    ".poly5": "TMSi",
    ".rhd": "Intan",
    ".ncs": "Neuralynx",
}
KINDS = f"{', '.join(RECORDING_SUFFIXES)}, .xdf, or .eeg of Nihon Kohden"
_NIHON = (b"EEG-1100", b"EEG-2100", b"EEG-1200", b"QI-403A", b"DAE-2100")


def is_nihon(path: Path) -> bool:
    """Whether a file is a recording of Nihon Kohden; BrainVision gives the same ending to its data."""
    if path.suffix.lower() != ".eeg" or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(16).startswith(_NIHON)


def check_kind(path: Path) -> None:
    """Refuse a file that is only a part of a recording, or of a program whose recordings are not read.

    Raises
    ------
    InputError
        With the file to give instead, or the format to export to.
    """
    kind = path.suffix.lower()
    if is_nihon(path):
        return
    heads = [name for ending in _PARTS.get(kind, ()) if (name := _find_head(path, ending))]
    if heads:
        raise InputError(
            f"{path.name} is only one file of a recording",
            place=path,
            remedy=f"give its main file {heads[0]}",
        )
    if kind in _FOREIGN:
        raise InputError(
            f"{path.name} is a recording of {_FOREIGN[kind]}, which is not read",
            place=path,
            remedy="export it as EDF+ or BrainVision, with its markers",
        )


def _find_head(path: Path, ending: str) -> str:
    """Name of the file beside it that heads it, or nothing."""
    names = sorted(
        p.name for p in path.parent.iterdir() if p.suffix.lower() == ending and p.stem == path.stem
    )
    return next((name for name in names if ending != ".eeg" or is_nihon(path.with_name(name))), "")
