"""Which files are videos, recordings and logs, by the ending of their names in small letters."""

import re
from pathlib import Path

RECORDING_SUFFIXES = (  # of EEG, MEG, iEEG and NIRS
    ".vhdr", ".edf", ".bdf", ".gdf", ".set", ".fif", ".mff", ".raw", ".cnt", ".nxe", ".lay", ".data", ".cdt", ".dap",
    ".rs3", ".ns3", ".nedf", ".ds", ".con", ".sqd", ".mefd", ".snirf",
)  # fmt: skip
PACKED_SUFFIXES = (".mff", ".ds", ".mefd")  # recordings that are folders
XDF_SUFFIXES = (".xdf", ".xdfz")
VIDEO_SUFFIXES = (".mp4", ".mov", ".mkv", ".avi", ".webm", ".m4v", ".mts", ".m2ts", ".mpg", ".wmv")
LOG_SUFFIXES = (".csv", ".tsv", ".log", ".txt")


def is_continued(path: Path) -> bool:
    """Whether a FIF file is the second or a later part of a recording whose first part is beside it.

    MNE-Python splits what is longer than 2 GB into ``a_raw.fif``, ``a_raw-1.fif``, or as BIDS has it into
    ``a_split-01_raw.fif``, ``a_split-02_raw.fif``; the first part leads to the others.
    """
    match = re.fullmatch(r"(.+)-(\d+)\.fif", path.name)
    if match is not None and path.with_name(f"{match[1]}.fif").exists():
        return True
    match = re.fullmatch(r"(.+_split-)(\d+)(_.+\.fif)", path.name)
    if match is None:
        return False
    first = "1".zfill(len(match[2]))
    return match[2] != first and path.with_name(f"{match[1]}{first}{match[3]}").exists()
