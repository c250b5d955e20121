"""Call a function in a Python process of its own, which has no threads yet and can therefore be forked."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any


def call_clean(function: str, *given: Any, seconds: float = 500.0) -> Any:
    """Result of ``module:function`` for what is given; both must be JSON.

    Raises
    ------
    AssertionError
        If the process failed, with what it said.
    """
    ended = subprocess.run(
        [sys.executable, "-m", "tests.clean", function, json.dumps(given)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout.splitlines()[-1])


if __name__ == "__main__":
    module, _, name = sys.argv[1].partition(":")
    found = getattr(importlib.import_module(module), name)(*json.loads(sys.argv[2]))
    print(json.dumps(found))
