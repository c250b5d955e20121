"""What a function wrote, and what the user should know of it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class WrittenFiles:
    """What came of an export.

    Attributes
    ----------
    paths
        The files, sorted.
    notes
        What the user should know, one sentence each.
    """

    paths: tuple[Path, ...]
    notes: tuple[str, ...]
