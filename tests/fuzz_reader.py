"""Fuzz one reader of small files, guided by its coverage: ``python tests/fuzz_reader.py NAME RUNS``.

NAME is one of `tests/test_fuzz.py`'s `SMALL`. Needs atheris (``pip install -e ".[fuzz]"``). Ends with another code
than 0 at the first input that gives anything but a result or an `EnicferError`, or takes more than 5 s; the input
is then in a file ``crash-*`` or ``timeout-*`` of the current folder.
"""

import importlib.util
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["enicfer.io", "enicfer.protocol", "enicfer.training", "enicfer.batch"]
):
    from enicfer.errors import EnicferError

    place = Path(__file__).with_name("test_fuzz.py")
    spec = importlib.util.spec_from_file_location("test_fuzz", place)
    assert spec is not None and spec.loader is not None
    cases = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(cases)


def main() -> None:
    """Try so many inputs; the same ones each time."""
    name, runs = sys.argv[1:]
    make, read = cases.SMALL[name]
    with tempfile.TemporaryDirectory() as folder:
        corpus, path = Path(folder) / "corpus", Path(folder) / name
        corpus.mkdir()
        (corpus / "seed").write_bytes(make())

        def try_one(content: bytes) -> None:
            path.write_bytes(content)
            try:
                read(path)
            except EnicferError as error:
                assert len(str(error)) > 20, error

        warnings.simplefilter("error")
        options = [
            "-timeout=5",
            f"-runs={runs}",
            "-max_len=20000",
            "-seed=1",
            "-rss_limit_mb=3000",
        ]
        atheris.Setup([sys.argv[0], *options, str(corpus)], try_one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
