"""Whether tests that try many of a kind try all of them (``ENICFER_THOROUGH=1``), or as many as fit into minutes."""

import os

import pytest

THOROUGH = bool(os.environ.get("ENICFER_THOROUGH"))
only_thorough = pytest.mark.skipif(not THOROUGH, reason="takes long: set ENICFER_THOROUGH=1")
