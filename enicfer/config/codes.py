"""Trigger codes: when two texts are one code.

Conventions: codes are text. Runs of blanks are one blank. A whole number that a program wrote as a fraction (pandas,
in a column with empty cells) is that number. Other texts that look alike, such as ``011`` and ``11``, are not one.
"""

import re
from collections.abc import Mapping
from typing import Any

_WHOLE = re.compile(r"(?<![^/])(-?(?:0|[1-9]\d*))\.0+(?![^/])", re.ASCII)


def normalise_code(code: object) -> str:
    """Text of a trigger code: ``"S  1"`` becomes ``"S 1"`` and ``11.0`` becomes ``"11"``, also behind a slash.

    ``011``, ``1.10`` and ``1.0.0`` stay.
    """
    return _WHOLE.sub(r"\1", " ".join(str(code).split()))


def join_numbers(conditions: Any) -> Any:
    """A protocol's conditions, where ``11.0 = "happy"`` is one code: TOML reads it as a table in a table."""
    if not isinstance(conditions, dict):
        return conditions
    joined: dict[str, Any] = {}
    for code, value in conditions.items():
        parts = value if isinstance(value, dict) and code.isdigit() else {}
        if parts and all(part.isdigit() for part in parts):
            joined |= {f"{code}.{part}": name for part, name in parts.items()}
        else:
            joined[code] = value
    return joined


def find_rivals(conditions: Mapping[str, str]) -> list[str]:
    """A sentence for the first two codes that are one and have different names, or nothing."""
    seen: dict[str, str] = {}
    for code, name in conditions.items():
        first = seen.setdefault(normalise_code(code), code)
        if conditions[first] != name:
            return [f"[conditions] gives one code two names: {first[:80]} and {code[:80]} are the same"]
    return []
