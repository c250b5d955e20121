"""The page of the documents that explains an error: by its kind, else by the command."""

from collections.abc import Sequence

from enicfer.errors import (
    AlignmentError,
    EnicferError,
    FormatError,
    ModelError,
    PointError,
    ProtocolError,
)

DOCS = "docs/"  # where the pages are
FIRST = "install.md"
BY_KIND: dict[type[EnicferError], str] = {
    AlignmentError: "sessions.md#what-ties-the-clocks-together",
    PointError: "sessions.md",
    ProtocolError: "sessions.md#every-pulse-source-as-a-whole-protocol",
    FormatError: "install.md#another-version",
    ModelError: "install.md#models-and-detectors",
}
BY_COMMAND = {
    "process-session": "sessions.md",
    "process-sessions": "many-sessions.md",
    "process-dataset": "many-sessions.md",
    "review": "review.md",
    "sample": "coding.md#which-frames-are-worth-coding",
    "code": "coding.md#coding-in-the-browser",
    "import-coding": "coding.md#codes-of-other-programs",
    "export-coding": "coding.md#codes-of-other-programs",
    "agreement": "coding.md#how-well-do-coders-agree",
    "manifest": "coding.md#pictures-to-train-on",
    "slurm-script": "many-sessions.md#on-a-cluster",
    "share-check": "before-you-share.md#3-search-the-copy",
    "cache": "before-you-share.md#what-is-kept-on-your-computer",
    "forget": "before-you-share.md#5-if-somebody-withdraws",
    "deidentify": "before-you-share.md#4-if-the-scene-must-be-shown",
    "trace": "formats.md#video-what-a-file-may-hold",
    "import": "sessions.md#faces-that-were-read-elsewhere",
    "doctor": FIRST,
    "events": "sessions.md#codes-events-and-logs",
    "align": "sessions.md#what-ties-the-clocks-together",
    "apply": "export.md",
    "export": "export.md",
    "bidsify": "bidsify.md",
    "example-session": FIRST,
    "protocols": "sessions.md#every-pulse-source-as-a-whole-protocol",
    "codebooks": "coding.md#codebooks",
    "models": "install.md#models-and-detectors",
    "train": "training.md",
    "evaluate": "training.md",
    "cross-validate": "training.md",
    "cross-evaluate": "training.md",
    "dataset": "training.md#data-sets",
    "saliency": "training.md",
    "saliency-compare": "training.md",
}


def find_page(error: EnicferError, arguments: Sequence[str]) -> str:
    """The page, such as ``docs/sessions.md``.

    Parameters
    ----------
    error
        What was raised.
    arguments
        Those of the command line, the command first.
    """
    page = BY_KIND.get(type(error)) if "--book" not in arguments else None
    if page is None:
        page = next((BY_COMMAND[word] for word in arguments[:1] if word in BY_COMMAND), FIRST)
    return DOCS + page
