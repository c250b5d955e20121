"""What the server of a coder knows: the items, their videos, and what this coder said; nothing else is sent.

Not sent are: names of runs and files, times in the recording, conditions, what the classifier says, the seed and the
random part of a plan, names and codes of other coders. What goes wrong is told in full on the command line, and
without names in the browser.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from enicfer.coding.adjudication import store_decision
from enicfer.coding.clips import show_around, show_face, show_stretch
from enicfer.coding.items import ADJUDICATE, CodingItem, Key, frames_of_trial
from enicfer.coding.store import write_codings
from enicfer.config.codebook import Category, Codebook
from enicfer.errors import EnicferError, InputError, counted
from enicfer.io.coding_log import coding_path, find_codings, read_coding_log
from enicfer.io.results import read_run
from enicfer.records import RunResult
from enicfer.records.coding import (
    ADJUDICATED,
    CODES,
    FRAME,
    INTERVAL,
    SKIP,
    TRIAL,
    UNDO,
    WATCHED,
    CodingEntry,
    standing_codings,
)
from enicfer.review.pictures import RunVideo, keep_videos
from enicfer.review.recent import Recent
from enicfer.review.study import ReviewRun, Study

OPEN_VIDEOS = 64  # faces come from all runs in turn
SAYS = frozenset({"category", "reason", "intensity", "modifiers", "took"})


class NotShownError(InputError):
    """What is asked about cannot be shown; its text names no file."""


@dataclass(frozen=True)
class CodingOptions:
    """How a study is coded.

    Attributes
    ----------
    coder
        Who codes, or decides.
    mode
        One of `enicfer.coding.items.MODES`.
    book
        The codebook.
    decided
        Ids of the disagreements that somebody decided before.
    note
        Called with each sentence that is for the command line alone.
    restart
        What is typed to start the server again, but for the port: in full, and without names of places.
    """

    coder: str
    mode: str
    book: Codebook
    decided: frozenset[str] = field(default=frozenset())
    note: Callable[[str], None] = print
    restart: tuple[str, str] = ("enicfer code ...",) * 2


class CodingDesk:
    """Everything that requests share.

    Parameters
    ----------
    study
        The runs.
    items
        What is coded, in order.
    options
        Who codes, and how.
    """

    def __init__(self, study: Study, items: Sequence[CodingItem], options: CodingOptions) -> None:
        self.study, self.options = study, options
        self.items = {item.id: item for item in items}
        self._results: Recent[RunResult] = Recent(OPEN_VIDEOS)
        self._videos = keep_videos(OPEN_VIDEOS)
        self._lock = Lock()
        self._told: set[str] = set()
        self._said = self._recover()  # id of an item, of its code or skip, and whether it is a skip; in order
        self._decided = options.decided - self._coded()
        self._sizes = self._measure()
        self._is_elsewhere = False

    @property
    def _track(self) -> str:
        """Whose file is written."""
        return ADJUDICATED if self.options.mode == ADJUDICATE else self.options.coder

    def result(self, run: ReviewRun) -> RunResult:
        """The results of a run, as they were when they were first needed."""
        return self._results.get((run.id,), lambda: read_run(run.frames).of_camera())

    def video(self, run: ReviewRun) -> RunVideo:
        """The video of a run."""
        result = self.result(run)
        return self._videos.get(
            (run.id,), lambda: RunVideo(result, *self.study.find_videos(run, result.provenance.inputs))
        )

    def stop(self) -> None:
        """End what is being made."""

    def warm(self) -> None:
        """Open the videos one after the other, in order of the items: the first look at a large one takes long."""
        for run in {item.run.id: item.run for item in self.items.values()}.values():
            try:
                video = self.video(run)
                video.need()
                video.check(wait=True)
            except EnicferError:
                continue  # said where it is shown

    def tell(self, text: str) -> None:
        """Say something on the command line, once."""
        if text not in self._told:
            self._told.add(text)
            self.options.note(text)

    def describe(self) -> dict[str, Any]:
        """What the page needs: the codebook, and the items with what is done of them."""
        with self._lock:
            self._said = self._recover()
            self._sizes = self._measure()
            done, items = self._done(), self._in_order()
        book = self.options.book
        return {
            "coder": self.options.coder,
            "mode": self.options.mode,
            "restart": self.options.restart[1],
            "note": self.describe_own(),
            "book": {
                "name": book.name,
                "version": book.version,
                "description": book.description,
                "categories": [
                    {
                        "name": one.name,
                        "key": one.key,
                        "definition": one.definition,
                        "kind": one.kind,
                        "exclusive": one.exclusive,
                        "modifiers": one.modifiers,
                        "examples": len(self._examples(one)),
                    }
                    for one in book.categories
                ],
                "cannot": book.cannot,
                "modifiers": [{"name": one.name, "values": one.values} for one in book.modifiers],
            },
            "items": [
                {"id": item.id, "shows": item.kind, "done": item.id in done, "codes": item.codes}
                for item in items
            ],
        }

    def describe_own(self) -> str:
        """How much of what is decided who decides has coded as well, as a sentence; "" where it is nothing."""
        own = sum(item.own for item in self.items.values())
        text = f"Of {counted(len(self.items), 'disagreement')} {own} {'is' if own == 1 else 'are'} your own"
        return (
            f"{text}: you are one of the coders who disagree. The report counts what you decide of them."
            if own
            else ""
        )

    def _in_order(self) -> list[CodingItem]:
        """What is asked: what was skipped comes at the end, in the order in which it was."""
        last = {known: place for place, (known, _, is_skip) in enumerate(self._said) if is_skip}
        return sorted(self.items.values(), key=lambda item: last.get(item.id, -1))

    def face(self, item: CodingItem) -> bytes:
        """A face as JPEG."""
        if item.kind != FRAME:
            raise NotShownError("This is no single face.")
        return self._shown(item, lambda video, result: show_face(video, result, item.number))

    def clip(self, item: CodingItem) -> bytes:
        """A clip, as `enicfer.coding.clips` packs it: around a face, of a trial, or of a stretch."""

        def show(video: RunVideo, result: RunResult) -> bytes:
            if item.kind == FRAME:
                return show_around(video, result, item.number)
            if item.kind == TRIAL:
                return show_stretch(video, result, frames_of_trial(result, item.number))
            return show_stretch(video, result, range(item.number, item.stop))

        return self._shown(item, show)

    def _shown(self, item: CodingItem, show: Callable[[RunVideo, RunResult], bytes]) -> bytes:
        try:
            return show(self.video(item.run), self.result(item.run))
        except EnicferError as error:
            self.tell(f"{item.run.name}: {error}".replace("enicfer review", "enicfer code"))
            raise NotShownError(
                "This cannot be shown: its video is gone, is another one, or is damaged. Skip it; the command line "
                "says more."
            ) from None

    def example(self, category: int, number: int) -> Path:
        """An example picture of the codebook."""
        categories = self.options.book.categories
        found = self._examples(categories[category]) if category < len(categories) else []
        if number >= len(found):
            raise NotShownError("There is no such example.")
        return found[number]

    def _examples(self, category: Category) -> list[Path]:
        """Example pictures; there are none beside the copy of a codebook."""
        paths = (self.options.book.file.parent / name for name in category.examples)
        return [path for path in paths if path.is_file()]

    def store(self, item: CodingItem, said: Any) -> int:
        """Store what the coder says of an item; it is on the disk when this returns. How many items are coded now.

        Raises
        ------
        InputError
            If it cannot be meant, or the coder's file is damaged.
        OutputError
            If it cannot be written.
        """
        if not isinstance(said, Mapping) or not said.keys() <= SAYS:
            raise InputError(f"What is said of an item has {', '.join(sorted(SAYS))}, and nothing else.")
        options, result = self.options, self.result(item.run)
        with self._lock:
            self._look_around()
            content = item.content(said)
            if options.mode == ADJUDICATE:
                entry = store_decision(item.run, result, options.coder, options.book, content)
            else:
                (entry,) = write_codings(item.run, result, options.coder, options.book, [content])
            self._sizes = self._measure()
            self._said.append((item.id, entry.id, False))
            return len(self._done())

    def skip(self, item: CodingItem) -> int:
        """Store that an item comes later; it is on the disk when this returns. How many items are coded now.

        Raises
        ------
        InputError
            If the coder's file is damaged.
        OutputError
            If it cannot be written.
        """
        options, result = self.options, self.result(item.run)
        with self._lock:
            self._look_around()
            by = {"by": options.coder} if options.mode == ADJUDICATE else {}
            content = {"kind": SKIP, **item.place}
            (entry,) = write_codings(item.run, result, self._track, options.book, [content], **by)
            self._sizes = self._measure()
            self._said.append((item.id, entry.id, True))
            return len(self._done())

    def undo(self) -> tuple[CodingItem, int, bool]:
        """Take back the last code or skip of this coder, which is on the disk when this returns.

        Returns
        -------
        CodingItem, int, bool
            Of which item, how many are left, and whether it was a skip.

        Raises
        ------
        InputError
            If there is nothing to take back, or the coder's file is damaged.
        OutputError
            If it cannot be written.
        """
        with self._lock:
            if not self._said:
                raise NotShownError("There is nothing to undo.")
            self._look_around()
            known, entry, is_skip = self._said[-1]
            item = self.items[known]
            result = self.result(item.run)
            content = {"kind": UNDO, "entry": entry}
            write_codings(item.run, result, self._track, self.options.book, [content])
            self._sizes = self._measure()
            self._said.pop()
            return item, len(self._done()), is_skip

    @property
    def elsewhere(self) -> bool:
        """Whether somebody else writes as this coder: a second server, on this machine or another one."""
        return self._is_elsewhere

    def _look_around(self) -> None:
        """See whether the coder's files are other than this server left them."""
        self._is_elsewhere |= self._measure() != self._sizes

    def _measure(self) -> dict[Path, int]:
        """Sizes of the coder's files."""
        paths = (coding_path(run.output, run.session, self._track) for run in self._runs())
        return {path: path.stat().st_size for path in paths if path.is_file()}

    def others(self) -> dict[str, set[Key]]:
        """Other coder -> what of all runs they coded with this codebook, without what they were asked again."""
        found: dict[str, set[Key]] = {}
        for run in self._runs():
            for path in find_codings(run.output, run.session):
                for entry in standing_codings(read_coding_log(path)[0]):
                    if (
                        entry.kind != SKIP
                        and entry.coder not in (self.options.coder, ADJUDICATED)
                        and self._is_ours(entry)
                    ):
                        found.setdefault(entry.coder, set()).add(_key_of(entry))
        return found

    def versions(self) -> dict[str, int]:
        """Version of the codebook -> how many of the items this coder has coded with it."""
        found: dict[str, int] = {}
        keys = {item.key for item in self.items.values()}
        for entry in self._own():
            if _key_of(entry) in keys and entry.kind != SKIP:
                found[entry.version] = found.get(entry.version, 0) + 1
        return found

    def _runs(self) -> list[ReviewRun]:
        """A run of each session."""
        return list({(i.run.output, i.run.session): i.run for i in self.items.values()}.values())

    def _own(self) -> list[CodingEntry]:
        """What this coder said that holds, in order of the time of day."""
        found = []
        for run in self._runs():
            entries, _ = read_coding_log(coding_path(run.output, run.session, self._track))
            found += [entry for entry in standing_codings(entries) if self._is_ours(entry)]
        if self.options.mode == ADJUDICATE:
            found = [entry for entry in found if entry.by == self.options.coder]
        return sorted(found, key=lambda entry: entry.at)

    def _recover(self) -> list[tuple[str, str, bool]]:
        ids = {item.key: item.id for item in self.items.values()}
        return [(ids[key], e.id, e.kind == SKIP) for e in self._own() if (key := _key_of(e)) in ids]

    def _is_ours(self, entry: CodingEntry) -> bool:
        return entry.kind in (*CODES, WATCHED, SKIP) and entry.book == self.options.book.name

    def _coded(self) -> set[str]:
        return {known for known, _, is_skip in self._said if not is_skip}

    def _done(self) -> set[str]:
        return self._coded() | self._decided


def _key_of(entry: CodingEntry) -> Key:
    number = entry.frame if entry.trial is None else entry.trial
    kind = INTERVAL if entry.kind == WATCHED else entry.kind
    if kind == SKIP:
        kind = TRIAL if entry.trial is not None else FRAME if entry.end_frame is None else INTERVAL
    return entry.run, kind, -1 if number is None else number, entry.repeat or 0
