"""EDF+ and BDF+: a copy of the file with the events as annotations, beside those that are there.

Onsets are in s from the first sample, as text, and so as exact as they are. The signals' numbers stay as they are.
Needs the package edfio.
"""

from collections.abc import Sequence
from pathlib import Path

from enicfer.errors import InputError
from enicfer.export.copies import events_inside, need_recording
from enicfer.export.event_table import ExportOptions, ExportRun, Notes


def write_edf(runs: Sequence[ExportRun], folder: Path, options: ExportOptions) -> list[str]:
    """Write ``<run>_eeg.edf`` or ``.bdf``.

    Parameters
    ----------
    runs
        Of EEG, with their ``.edf`` or ``.bdf``.
    folder
        For the files.
    options
        Not used.

    Returns
    -------
    list of str
        What the user should know, a sentence each.

    Raises
    ------
    InputError
        If the recording was not given or is no such file, or edfio is not installed or cannot read it.
    """
    try:
        from edfio import EdfAnnotation, read_bdf, read_edf
    except ImportError:
        raise InputError(
            "EDF+ and BDF+ are written with the package edfio, which is not installed",
            remedy="pip install 'enicfer[export]'",
        ) from None
    notes = Notes()
    for item in runs:
        source = need_recording(item, "EDF+", (".edf", ".bdf"))
        table = events_inside(item, notes)
        rows = zip(table["onset"], table["duration"], table["label"], strict=True)
        new = [
            EdfAnnotation(round(float(start), 6), round(float(length), 6), name)
            for start, length, name in rows
        ]
        kind = source.suffix.lower()
        try:
            file = (read_bdf if kind == ".bdf" else read_edf)(source)
            _continuous(file, kind)
            file.add_annotations(new)
            file.write(folder / f"{item.stem}_eeg{kind}")
        except (ValueError, IndexError, KeyError) as error:
            raise InputError(
                f"{source.name} cannot be copied with annotations ({error})",
                place=source,
                remedy="export it again",
            ) from None
    return notes.said


def _continuous(file: object, kind: str) -> None:
    """State that the copy is EDF+C or BDF+C: a file without annotations does not say so."""
    file._set_reserved("BDF+C" if kind == ".bdf" else "EDF+C")  # type: ignore[attr-defined]
