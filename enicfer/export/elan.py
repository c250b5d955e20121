"""ELAN: an annotation document (EAF 3.0) with a tier for the face and one for the trials, tied to the video.

The format has whole milliseconds, so times are within 0.5 ms. Annotations of a tier do not overlap, and none is
shorter than 1 ms.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from enicfer.export.event_table import ExportOptions, ExportRun, Notes, check_video
from enicfer.export.tracks import FACE, TASK, Coded, coded_events

_DATE = "2000-01-01T00:00:00+00:00"  # the format needs one; the same result gives the same file
_TYPE = "event"
_MIME = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".mpg": "video/mpeg"}
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"


def write_elan(runs: Sequence[ExportRun], folder: Path, options: ExportOptions) -> list[str]:
    """Write ``<run>.eaf``.

    Parameters
    ----------
    runs
        Of any kind of recording, or none.
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
        If the run was filmed in parts.
    """
    notes = Notes()
    for item in runs:
        check_video(item, "ELAN", notes)
        text = elan_document(coded_events(item, notes), item.media, (FACE, TASK))
        (folder / f"{item.stem}.eaf").write_text(text, encoding="utf-8", newline="\n")
    return notes.said


def elan_document(events: Sequence[Coded], media: str, tiers: Sequence[str] = ()) -> str:
    """An annotation document of events, tied to a video; it has these tiers, and one for each other row."""
    document = _document(events, media, tiers)
    ElementTree.indent(document)
    text = ElementTree.tostring(document, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _document(events: Sequence[Coded], media: str, tiers: Sequence[str]) -> ElementTree.Element:
    root = ElementTree.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "enicfer",
            "DATE": _DATE,
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    header = ElementTree.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    relative = media if media.startswith((".", "/")) or ":" in media[:3] else f"./{media}"
    kind = _MIME.get(Path(media).suffix.lower(), "video/*")
    about = {
        "MEDIA_URL": f"file:///{relative.lstrip('/')}",
        "MIME_TYPE": kind,
        "RELATIVE_MEDIA_URL": relative,
    }
    ElementTree.SubElement(header, "MEDIA_DESCRIPTOR", about)
    last = ElementTree.SubElement(header, "PROPERTY", {"NAME": "lastUsedAnnotationId"})
    last.text = str(len(events))
    order = ElementTree.SubElement(root, "TIME_ORDER")
    tracks = list(dict.fromkeys([*tiers, *(event.track for event in events)]))
    number = 0
    for track in tracks:
        tier = ElementTree.SubElement(root, "TIER", {"TIER_ID": track, "LINGUISTIC_TYPE_REF": _TYPE})
        until = 0
        for event in sorted((e for e in events if e.track == track), key=lambda e: e.onset):
            number += 1
            start = max(until, round(event.onset * 1000))
            until = max(start + 1, round(event.offset * 1000))
            ids = [f"ts{2 * number - 1}", f"ts{2 * number}"]
            for name, value in zip(ids, (start, until), strict=True):
                ElementTree.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": name, "TIME_VALUE": str(value)})
            outer = ElementTree.SubElement(tier, "ANNOTATION")
            inner = ElementTree.SubElement(
                outer,
                "ALIGNABLE_ANNOTATION",
                {"ANNOTATION_ID": f"a{number}", "TIME_SLOT_REF1": ids[0], "TIME_SLOT_REF2": ids[1]},
            )
            ElementTree.SubElement(inner, "ANNOTATION_VALUE").text = ":".join(
                [event.name, *(f"{name}={value}" for name, value in event.modifiers)]
            )
    about = {"LINGUISTIC_TYPE_ID": _TYPE, "TIME_ALIGNABLE": "true", "GRAPHIC_REFERENCES": "false"}
    ElementTree.SubElement(root, "LINGUISTIC_TYPE", about)
    return root
