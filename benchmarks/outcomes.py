"""Outcomes of simulated cases, kept in work files, so that a benchmark goes on where it was stopped.

A row has one work file of fixed records. Its name follows from the row and from the code that is tested, so that
outcomes of other code are never mixed in. A case is one session; its errors at several instants depend on each other,
and the standard error of a row's coverage is therefore taken over cases.

Errors and bounds are in s.
"""

import csv
import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

import enicfer

INSTANTS = 50
SEEDS_A_TASK = 10
ACCEPTED, REFUSED, UNRELATED = 0, 1, 2  # what became of a case; errors are known of accepted ones
RECORD = np.dtype(
    [
        ("seed", "<i4"),
        ("state", "<i4"),
        ("wrong", "<i4"),
        ("noted", "<i4"),
        ("untimed", "<f4"),
        ("seconds", "<f4"),
        ("error", "<f4", INSTANTS),
        ("bound", "<f4", INSTANTS),
        ("frame_error", "<f4", INSTANTS),
        ("frame_bound", "<f4", INSTANTS),
    ]
)
Runner = Callable[[range], np.ndarray]  # seeds to records; it is pickled where there are several processes


def empty(seeds: range) -> np.ndarray:
    """Records of these seeds, all refused and with NaN for errors and bounds."""
    records = np.zeros(len(seeds), RECORD)
    records["seed"], records["state"] = seeds, REFUSED
    for name in ("error", "bound", "frame_error", "frame_bound"):
        records[name] = np.nan
    return records


def digest_code(*more: Path) -> str:
    """Digest of what the outcomes depend on: the alignment, and the files of the simulation."""
    package = Path(enicfer.__file__).parent
    record = package / "records" / "alignment.py"
    files = [*sorted((package / "sync").glob("*.py")), record, *more]
    return hashlib.sha256(b"".join(hashlib.sha256(f.read_bytes()).digest() for f in files)).hexdigest()


class Store:
    """The work files of one benchmark and one state of the code; nothing is kept without a folder."""

    def __init__(self, folder: Path | None, digest: str) -> None:
        self.folder = None if folder is None else folder / digest[:16]
        self.kept: dict[str, np.ndarray] = {}
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)

    def _file(self, row: object) -> Path | None:
        name = hashlib.sha256(repr(row).encode()).hexdigest()[:24]
        return None if self.folder is None else self.folder / f"{name}.bin"

    def read(self, row: object) -> np.ndarray:
        """What is there of a row; a record that was being written when the benchmark was stopped is left out."""
        file = self._file(row)
        if file is None or not file.exists():
            return self.kept.get(repr(row), np.empty(0, RECORD))
        data = file.read_bytes()
        return np.frombuffer(data[: len(data) // RECORD.itemsize * RECORD.itemsize], RECORD)

    def append(self, row: object, records: np.ndarray) -> None:
        """Keep more records of a row."""
        file = self._file(row)
        if file is None:
            self.kept[repr(row)] = np.concatenate([self.read(row), records])
            return
        whole = self.read(row)
        with file.open("r+b" if file.exists() else "w+b") as out:
            out.seek(len(whole) * RECORD.itemsize)
            out.truncate()
            out.write(records.tobytes())

    def run(
        self, row: object, runner: Runner, seeds: range, pool: ProcessPoolExecutor | None = None
    ) -> np.ndarray:
        """The records of a row's seeds; those that are missing are made."""
        there = set(self.read(row)["seed"].tolist())
        parts = [seeds[i : i + SEEDS_A_TASK] for i in range(0, len(seeds), SEEDS_A_TASK)]
        parts = [part for part in parts if not there.issuperset(part)]
        for records in (map if pool is None else pool.map)(runner, parts):
            self.append(row, records[~np.isin(records["seed"], list(there))])
        records = self.read(row)
        return records[np.isin(records["seed"], seeds)]


def rounds(first: int, cases: int, step: int) -> Iterator[range]:
    """Ever more seeds, so that a benchmark that is stopped early has something of every row."""
    for n in range(min(step, cases), cases, step):
        yield range(first, first + n)
    yield range(first, first + cases)


def summarise(records: np.ndarray, error: str = "error", bound: str = "bound") -> dict[str, str]:
    """Errors, bounds and coverage of the accepted cases, in ms."""
    accepted = records[records["state"] == ACCEPTED]
    columns = ("median_ms", "p95_ms", "max_ms", "bound_ms", "bound_to_p95", "coverage", "coverage_se")
    e, b = 1000.0 * np.abs(accepted[error]), 1000.0 * accepted[bound]
    known = np.isfinite(e)
    if not known.any():
        return dict.fromkeys(columns, "")
    covered = np.where(known, e <= b, np.nan)
    each = np.nanmean(covered[known.any(axis=1)], axis=1)
    p95 = float(np.quantile(e[known], 0.95))
    middle = float(np.median(b[known]))
    values = (
        f"{np.median(e[known]):.2f}",
        f"{p95:.2f}",
        f"{np.max(e[known]):.2f}",
        f"{middle:.2f}",
        f"{middle / p95:.2f}",
        f"{np.nanmean(covered):.3f}",
        f"{each.std(ddof=1) / np.sqrt(len(each)):.3f}" if len(each) > 1 else "",
    )
    return dict(zip(columns, values, strict=True))


def read_finished(table: Path, code: str, cases: int) -> dict[str, dict[str, str]]:
    """Rows of a table that this code gave with at least so many cases, by name; they need not be made again."""
    if not table.exists():
        return {}
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {row["name"]: row for row in rows if row.get("code") == code and int(row["cases"]) >= cases}


def write_table(rows: list[dict[str, str]], folder: Path, name: str, leave_out: tuple[str, ...] = ()) -> None:
    """The table as CSV and Markdown."""
    columns = [c for c in rows[0] if c not in leave_out]
    table = [[row[c] for c in columns] for row in rows]
    folder.mkdir(parents=True, exist_ok=True)
    quoted = [[f'"{x}"' if "," in x else x for x in line] for line in (columns, *table)]
    (folder / f"{name}.csv").write_text(
        "".join(",".join(line) + "\n" for line in quoted), encoding="utf-8", newline="\n"
    )
    lines = ["| " + " | ".join(line) + " |" for line in (columns, ["---"] * len(columns), *table)]
    (folder / f"{name}.md").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
