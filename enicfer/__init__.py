"""From the video of a child's face to emotion events on the recording's own clock.

The public names are imported on first use, so that ``import enicfer`` costs nothing.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "EnicferError": "enicfer.errors",
    "Expression": "enicfer.expressions",
    "read_protocol": "enicfer.protocol",
    "read_session": "enicfer.session",
    "load_model": "enicfer.models",
    "process_session": "enicfer.pipeline",
    "trace_video": "enicfer.pipeline",
    "read_result": "enicfer.io.store",
    "add_emotion_events": "enicfer.export.mne",
    "add_emotion_channels": "enicfer.export.mne",
    "emotion_metadata": "enicfer.export.mne",
    "write_example_session": "enicfer.example",
}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'enicfer' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
