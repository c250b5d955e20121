"""Which parts of the face decided: attributions, their shares on the face, groups, and whether to believe them.

Reading order: `attribution` (pixels), `common_face` (regions), `deletion` and `trust` (checks), `filters`,
`permutation` and `statistics`, `face_maps` (what is stored), `explain`, `session` and `overlay` (what the
commands do), `design`, `compare` and `comparison_files` (groups), `figures`.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "METHODS": "attribution",
    "attribute": "attribution",
    "explain": "attribution",
    "REGIONS": "common_face",
    "locate_attribution": "common_face",
    "region_shares": "common_face",
    "warp_to_common_face": "common_face",
    "check_trust": "trust",
    "find_exciting_images": "filters",
    "backpropagate_filter": "filters",
    "compare_groups": "statistics",
    "read_face_maps": "face_maps",
    "compare_face_maps": "compare",
    "compare_sources": "comparison_files",
    "explain_faces": "explain",
    "explain_images": "explain",
    "explain_session": "session",
    "take_crops": "pictures",
}

__all__ = list(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
