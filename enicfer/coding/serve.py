"""Starts the browser in coding mode on this machine alone, and says the link that opens it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from threading import Thread

from enicfer.coding.continuous import IntervalDesk
from enicfer.coding.desk import CodingDesk, CodingOptions
from enicfer.coding.items import (
    ADJUDICATE,
    FRAMES,
    INTERVALS,
    MODES,
    TRIALS,
    CodingItem,
    describe_others,
    list_frames,
    list_runs,
    list_trials,
    list_undecided,
)
from enicfer.coding.plan import read_plan
from enicfer.coding.rated import newest_book
from enicfer.coding.store import check_coder
from enicfer.coding.tracks import read_coded_study
from enicfer.config.codebook import Codebook, read_codebook
from enicfer.errors import InputError, OutputError, counted, option
from enicfer.io.coding_log import check_codebook
from enicfer.io.files.names import CODINGS
from enicfer.io.files.places import try_writing
from enicfer.io.results import read_run
from enicfer.records import RunResult
from enicfer.review.serve import listen, run_app
from enicfer.review.study import ReviewRun, Study, as_typed

EXPRESSIONS = "expressions"  # the codebook where none is given


@dataclass(frozen=True)
class CodingTask:
    """What is to be coded, by whom.

    Attributes
    ----------
    coder
        Who codes, or decides.
    mode
        ``frames``: the faces of a plan; ``trials``: all trials; ``intervals``: all runs, continuously;
        ``adjudicate``: what coders disagree on.
    plan
        File of `enicfer.coding.sampling.sample_frames`; for faces alone.
    book
        Codebook, by name or as a file; "" for ``expressions``, or to decide for the one that was used.
    second
        The part for a second coder alone.
    seed
        Of the order of trials and runs and of the part of them for a second coder; for faces the plan has it.
    """

    coder: str
    mode: str = FRAMES
    plan: str | Path | None = None
    book: str | Path = ""
    second: bool = False
    seed: int = 0


def open_coding(
    folders: Sequence[str | Path],
    task: CodingTask,
    *,
    port: int = 0,
    tell: Callable[[str], None] = print,
    note: Callable[[str], None] = print,
) -> None:
    """Let a person code in the browser until it is interrupted.

    Parameters
    ----------
    folders
        Session folders, folders of them, or outputs.
    task
        What is coded, and by whom.
    port
        Of the server, 0 for any that is free.
    tell
        Called once with the link that opens the page.
    note
        Called with each sentence that a person should know and that may name files and other coders: it is not for
        the coder's eyes.

    Raises
    ------
    InputError
        If there are no results, the plan, the codebook or the coder's name cannot be used, the port is taken, or the
        packages of the extra ``review`` are missing.
    OutputError
        If no codes can be stored beside the results.
    """
    if missing := [name for name in ("starlette", "uvicorn") if find_spec(name) is None]:
        raise InputError(f"Coding needs {' and '.join(missing)}: pip install 'enicfer[review]'.")
    from enicfer.coding.routes import make_coding_app

    desk, notes = open_desk(folders, task, note)
    for text in notes:
        note(text)
    with listen(port) as listening:
        Thread(target=desk.warm, daemon=True).start()
        try:
            run_app(make_coding_app(desk, listening.getsockname()[1]), listening, tell)
        finally:
            desk.stop()
            note(f"To go on: {desk.options.restart[0]}")


def open_desk(
    folders: Sequence[str | Path], task: CodingTask, note: Callable[[str], None] = print
) -> tuple[CodingDesk, list[str]]:
    """What the server knows, and what a person should know of it; see `open_coding`."""
    check_coder(task.coder)
    if task.mode not in MODES:
        raise InputError(f"The mode is {task.mode}; allowed are {', '.join(MODES)}.")
    task = replace(task, coder=" ".join(task.coder.split()))
    study = Study([Path(folder) for folder in folders])
    results: dict[str, RunResult] = {}

    def read(run: ReviewRun) -> RunResult:
        if run.id not in results:
            results[run.id] = read_run(run.frames).of_camera()
        return results[run.id]

    book = _read_book(study, task)
    items, decided, notes = _list_items(study, task, read, book)
    for output in {item.run.output: None for item in items}:
        check_codebook(output, book)
        try:
            try_writing((output / CODINGS, output))
        except OSError as error:
            raise OutputError(
                f"Codes cannot be written to {output / CODINGS}: {error.strerror or error}",
                place=output,
                remedy="make that folder writable, or code a copy of the study in a place that is",
            ) from None
    make = IntervalDesk if task.mode == INTERVALS else CodingDesk
    options = CodingOptions(task.coder, task.mode, book, decided, note, _as_typed(folders, task))
    desk = make(study, items, options)
    return desk, [*notes, *_describe_known(desk, items, task), *_describe_videos(study, items)]


def _as_typed(folders: Sequence[str | Path], task: CodingTask) -> tuple[str, str]:
    """The command that serves this again, but for the port: in full, and without what the page may not say."""
    words: list[tuple[str, str]] = [("--coder", task.coder)]
    words += [("--mode", task.mode)] * (task.mode != FRAMES)
    shown = list(words)
    if task.plan is not None:
        words.append(("--plan", str(Path(task.plan).resolve())))
        shown.append(("--plan", "PLAN"))
    if task.book:
        is_file = Path(task.book).is_file()
        words.append(("--codebook", str(Path(task.book).resolve()) if is_file else str(task.book)))
        shown.append(("--codebook", "FILE" if is_file else str(task.book)))
    words += [("--seed", str(task.seed))] * bool(task.seed)
    shown += [("--seed", "NUMBER")] * bool(task.seed)
    second = ["--second"] * task.second
    places = [str(Path(folder).resolve()) for folder in folders]
    return tuple(
        as_typed(["enicfer", "code", *where, *(word for pair in pairs for word in pair), *second])
        for where, pairs in ((places, words), (["STUDY"], shown))
    )  # type: ignore[return-value]


def _read_book(study: Study, task: CodingTask) -> Codebook:
    if task.mode != ADJUDICATE or task.book:
        return read_codebook(task.book or EXPRESSIONS)
    coded = read_coded_study([Path(folder) for folder in study.folders])
    book = newest_book(coded)
    copies = (check_codebook(run.run.output, book) for run in coded.runs)
    file = next((path for path in copies if path.is_file()), None)
    if file is None:
        raise InputError(
            f"The codebook {book.name} is not beside the codes",
            remedy=f"give it as a file with {option('book', '--codebook FILE')}",
        )
    return replace(book, file=file)


def _list_items(
    study: Study, task: CodingTask, read: Callable[[ReviewRun], RunResult], book: Codebook
) -> tuple[Sequence[CodingItem], frozenset[str], list[str]]:
    if task.mode == ADJUDICATE:
        return list_undecided(study, read, book.name, task.coder)
    if task.mode != FRAMES and task.plan is not None:
        raise InputError(f"A plan has single frames, and the mode is {task.mode}: leave the plan out.")
    if task.mode == INTERVALS:
        return list_runs(study, task.coder, task.second, task.seed), frozenset(), []
    if task.mode == TRIALS:
        return list_trials(study, read, task.coder, task.second, task.seed), frozenset(), []
    if task.plan is None:
        raise InputError(
            "Which faces are to be coded is not said",
            remedy=f"make a plan with enicfer sample, and give it with {option('plan', '--plan PLAN')}",
        )
    found, notes = list_frames(study, read_plan(Path(task.plan)), task.coder, task.second)
    if not found:
        raise InputError(
            "The plan has no frame for this coder", remedy="make a plan with a part for a second coder"
        )
    return found, frozenset(), notes


def _describe_known(desk: CodingDesk, items: Sequence[CodingItem], task: CodingTask) -> list[str]:
    """What was coded before, by this coder and by others."""
    if task.mode in (ADJUDICATE, INTERVALS):
        return [text] if (text := desk.describe_own()) else []
    version, notes = desk.options.book.version, []
    for other, count in desk.versions().items():
        if other != version:
            notes.append(
                f"Version {other} of the codebook {desk.options.book.name} has {counted(count, 'code')}, which "
                f"stay as they are; this is version {version}."
            )
    others, own = desk.others(), desk.options.coder
    for name in sorted(others):
        if name.casefold() == own.casefold():
            notes.append(f"There are codes of {name}, and this is {own}: they count as two coders.")
    return notes + describe_others(items, others, task.second)


def _describe_videos(study: Study, items: Sequence[CodingItem]) -> list[str]:
    """The videos that are not where they were; it is refused to begin where there is none."""
    notes = []
    runs = {item.run.id: item.run for item in items}.values()
    for run in runs:
        check = study.quality(run)
        shown = next(iter(check.quality.cameras.cameras), "") if check.quality.cameras else ""
        found, missing = study.find_videos(run, check.provenance.inputs_of(shown))
        if missing or not found:
            names = ", ".join(missing) or "of this run"
            notes.append(
                f"{run.name}: the video {names} is not where it was, and its part cannot be coded: give the folder "
                "that holds it as well."
            )
    if len(notes) == len(runs):
        raise InputError(
            "Not one of the videos is where it was", remedy="give the folders that hold them as well"
        )
    return notes
