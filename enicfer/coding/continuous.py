"""Continuous coding of whole runs: the video with its preview, and the stretches and instants of one coder.

As in `enicfer.coding.desk` nothing of a run is sent but its pictures, the times of its frames in the video, and what
this coder said of it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from enicfer.coding.desk import CodingDesk, CodingOptions, NotShownError
from enicfer.coding.items import CodingItem
from enicfer.coding.store import write_codings
from enicfer.errors import InputError
from enicfer.io.coding_log import coding_path, read_coding_log
from enicfer.records.coding import INTERVAL, POINT, REMOVE, UNDO, WATCHED, CodingEntry, standing_codings
from enicfer.review.pictures import measure
from enicfer.review.proxy import Proxies, Proxy
from enicfer.review.study import Study

CHANGES = (INTERVAL, POINT, WATCHED, REMOVE)
KINDS = (*CHANGES, UNDO)
SHOWN = ("kind", "category", "reason", "intensity", "modifiers", "frame", "apex_frame", "end_frame")
_PROXY = ("state", "frames_done", "seconds_done", "version", "width", "height")


class IntervalDesk(CodingDesk):
    """Everything that requests share where runs are coded continuously; see `enicfer.coding.desk.CodingDesk`."""

    def __init__(self, study: Study, items: Sequence[CodingItem], options: CodingOptions) -> None:
        super().__init__(study, items, options)
        self._proxies = Proxies()

    def proxy(self, item: CodingItem) -> Proxy:
        """The preview of a run, which the browser plays."""
        return self._proxies.of(item.run, self.video(item.run))

    def stop(self) -> None:
        """End the making of previews."""
        self._proxies.stop()

    def start_proxy(self, item: CodingItem) -> dict[str, Any]:
        """Begin to make the preview; how far it is."""
        self._shown(item, lambda video, result: bytes(video.need() is not None))
        self.proxy(item).start()
        return self.describe_proxy(item)

    def describe_proxy(self, item: CodingItem) -> dict[str, Any]:
        """How far the preview is."""
        proxy, times = self.proxy(item), self.result(item.run).faces.video_time
        state = proxy.state
        if state.error:
            self.tell(f"{item.run.name}: {state.error}")
        return {
            **{name: getattr(state, name) for name in _PROXY},
            "error": "The preview cannot be made; the command line says why." if state.error else "",
            "n_frames": int(times.size),
            "offset": proxy.offset,
        }

    def describe_video(self, item: CodingItem) -> dict[str, Any]:
        """Size of the pictures in px, and whether there are any."""
        video = self.video(item.run)
        size = measure(video)
        if size is None:
            self.tell(f"{item.run.name}: {video.text or 'the video cannot be decoded.'}")
        width, height = size or (None, None)
        state = "there" if size else "missing"
        text = "" if size else "This video cannot be shown; the command line says why."
        return {"video": {"state": state, "text": text, "width": width, "height": height}}

    def clock(self, item: CodingItem) -> tuple[int, bytes]:
        """Number of frames, and what the page takes as their table: times in the video, and nothing else of them."""
        times = self.result(item.run).faces.video_time.astype("<f8").tobytes()
        n = len(times) // 8
        nowhere = np.full((n, 4), np.nan, "<f4").tobytes()
        return n, times + times + bytes(4 * n) + bytes(n) + nowhere

    def frame(self, item: CodingItem, number: int, width: int | None) -> bytes:
        """A whole frame as JPEG."""
        return self._shown(item, lambda video, result: video.jpeg(number, None, width))

    def codes(self, item: CodingItem) -> list[dict[str, Any]]:
        """What the coder said of a run, in order of its beginning."""
        found = [entry for entry in self._said_of(item) if self._is_ours(entry) and entry.kind in KINDS]
        found.sort(key=lambda entry: (entry.frame or 0, entry.at))
        return [_describe(entry) for entry in found]

    def write(self, item: CodingItem, said: Any) -> list[dict[str, Any]]:
        """Store a stretch, an instant, a change, or that something is taken back; what holds then.

        Raises
        ------
        InputError
            If it cannot be meant, or the coder's file is damaged.
        OutputError
            If it cannot be written.
        """
        if not isinstance(said, Mapping) or said.get("kind") not in KINDS:
            raise InputError(f"The kind of a code is one of {', '.join(KINDS)}.")
        result, options = self.result(item.run), self.options
        with self._lock:
            if said["kind"] in (UNDO, REMOVE):
                content = {"kind": UNDO, "entry": self._last(item)} if said["kind"] == UNDO else said
            else:
                content = {**said, "repeat": int(item.repeat) or None}
            write_codings(item.run, result, options.coder, options.book, [content])
        return self.codes(item)

    def _last(self, item: CodingItem) -> str:
        """Id of the last entry on stretches and instants of a run that was not taken back."""
        entries = [entry for entry in self._all_of(item) if entry.run == item.run.name]
        undone = {entry.entry for entry in entries if entry.kind == UNDO}
        own = {e.id for e in entries if (e.repeat or 0) == int(item.repeat)}
        left = [
            e.id
            for e in entries
            if e.kind in CHANGES and e.id not in undone and (e.entry if e.kind == REMOVE else e.id) in own
        ]
        if not left:
            raise NotShownError("There is nothing to undo.")
        return left[-1]

    def _all_of(self, item: CodingItem) -> tuple[CodingEntry, ...]:
        return read_coding_log(coding_path(item.run.output, item.run.session, self.options.coder))[0]

    def _said_of(self, item: CodingItem) -> list[CodingEntry]:
        held = standing_codings(self._all_of(item))
        return [e for e in held if e.run == item.run.name and (e.repeat or 0) == int(item.repeat)]

    def _recover(self) -> list[tuple[str, str, bool]]:
        """The runs that were coded to their end."""
        return [
            (item.id, entry.id, False)
            for item in self.items.values()
            for entry in self._said_of(item)
            if entry.kind == WATCHED and self._is_ours(entry)
        ]


def _describe(entry: CodingEntry) -> dict[str, Any]:
    facts = {name: getattr(entry, name) for name in SHOWN}
    facts = {name: value for name, value in facts.items() if value not in (None, "")}
    return {"id": entry.entry or entry.id, **facts}
