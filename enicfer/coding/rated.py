"""All units of a study that somebody rated, from the codings and the results beside them."""

from dataclasses import dataclass

from enicfer.coding.ratings import (
    TIME,
    Dimension,
    RunRatings,
    find_dimensions,
    rate_run,
)
from enicfer.coding.tracks import CodedStudy
from enicfer.config.codebook import Codebook
from enicfer.io.coding_log import kept_codebooks
from enicfer.io.results import read_run
from enicfer.records import RunResult
from enicfer.records.coding import ADJUDICATED, AGAIN, CLASSIFIER, FRAME, INTERVAL, POINT, TRIAL

UNITS = {FRAME: (FRAME,), TRIAL: (TRIAL,), TIME: (INTERVAL, POINT)}


@dataclass(frozen=True)
class Rated:
    """All units of one sort in a study, with categories that exclude each other.

    Attributes
    ----------
    unit, dimension
        What they are.
    runs
        Child, name of the run, and its units.
    """

    unit: str
    dimension: Dimension
    runs: tuple[tuple[str, str, RunRatings], ...]

    @property
    def raters(self) -> tuple[str, ...]:
        """Names of all raters, sorted."""
        return tuple(sorted({rater for _, _, run in self.runs for rater in run.codes}))

    @property
    def people(self) -> tuple[str, ...]:
        """Names of the coders."""
        return tuple(r for r in self.raters if r not in (CLASSIFIER, ADJUDICATED) and not r.endswith(AGAIN))


def rate_study(study: CodedStudy) -> tuple[tuple[Rated, ...], tuple[str, ...]]:
    """All units of a study that somebody rated, and the categories that the classifier should know and does not."""
    results: dict[str, RunResult] = {run.run.name: read_run(run.run.frames) for run in study.runs}
    book = newest_book(study)
    found = []
    for unit, kinds in UNITS.items():
        entries = [e for run in study.runs for own in run.tracks.values() for e in own if e.kind in kinds]
        used = {entry.category for entry in entries}
        for dimension in find_dimensions(book, unit, used) if entries else ():
            if unit == TIME and not used & set(dimension.categories):
                continue
            rows = []
            for run in study.runs:
                ratings = rate_run(run, results[run.run.name], unit, dimension)
                if ratings is not None:
                    rows.append((run.participant, run.run.name, ratings))
            if rows:
                found.append(Rated(unit, dimension, tuple(rows)))
    labels = {label for result in results.values() for label in result.expression.labels}
    expressions = book.expressions()
    return tuple(found), tuple(c for e, c in expressions.items() if e not in labels)


def newest_book(study: CodedStudy) -> Codebook:
    """The newest version of the codebook of a study that its codes name."""
    books = [
        book
        for output in dict.fromkeys(run.run.output for run in study.runs)
        for (name, version), book in kept_codebooks(output).items()
        if name == study.book and version in study.versions
    ]
    if books:
        return max(books, key=lambda one: one.number)
    return Codebook(study.book, 1, ())
