"""A small video of a run that every browser plays, with the true times of its frames.

While it is made the file grows by fragments, and can be played so far; a process that was stopped goes on where the
last whole fragment ends. In the end it is put in order for seeking and takes its place whole.
Nobody but its owner can read it (with ``shared``, the group that can read the video can too).
"""

import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from enicfer.errors import EnicferError, InputError, OutputError
from enicfer.io.files.names import proxy_folders
from enicfer.io.files.portable import lock_file, move
from enicfer.io.files.private import PRIVATE_FILE, make_private_folder
from enicfer.io.files.swap import sync
from enicfer.pipeline.provenance import hash_content
from enicfer.review.pictures import RunVideo
from enicfer.review.proxy_file import (
    GROWING,
    LONG_SIDE,
    SETTINGS,
    ProxyWriter,
    end_of_fragments,
    put_in_order,
)
from enicfer.review.study import ReviewRun

_VERSIONS = 1 << 20  # of one proxy
SHARED_FILE, SHARED_FOLDER = 0o640, 0o750


def proxy_folder(output: Path) -> Path:
    """Where the proxies of a tree of outputs are made; elsewhere where the outputs cannot be written."""
    own, other = proxy_folders(output)
    return own if os.access(output, os.W_OK) else other


def clean_proxies(outputs: list[Path]) -> list[Path]:
    """Remove the proxies of trees of outputs; the folders that were removed.

    Raises
    ------
    OutputError
        If one cannot be removed.
    """
    removed = []
    for output in outputs:
        for folder in proxy_folders(output):
            if folder.is_dir():
                try:
                    shutil.rmtree(folder)
                except OSError as error:
                    raise OutputError(f"{folder} cannot be removed: {error.strerror or error}.") from None
                removed.append(folder)
    return removed


class StaleVersionError(InputError):
    """A version of a proxy was asked for that is not there."""


@dataclass(frozen=True)
class ProxyState:
    """How far a proxy is.

    Attributes
    ----------
    state
        ``none``, ``making``, ``ready`` or ``failed``.
    frames_done
        Frames that are in it.
    seconds_done
        Of the video, in s from its first frame.
    version
        Rises whenever more of it can be played, and is never that of another proxy (see `Proxy.part`); 0 for none.
    size
        Bytes that can be played.
    width, height
        In px.
    error
        Why it failed.
    """

    state: str = "none"
    frames_done: int = 0
    seconds_done: float = 0.0
    version: int = 0
    size: int = 0
    width: int = 0
    height: int = 0
    error: str = ""


class Proxy:
    """The proxy of one run.

    Parameters
    ----------
    folder
        Where it is.
    stem
        What its name begins with: the run's.
    video
        The run's video.
    shared
        Whether the group that can read the video may read it.
    """

    def __init__(self, folder: Path, stem: str, video: RunVideo, shared: bool = False) -> None:
        inputs = {path.name: video.run.provenance.inputs.get(path.name, "") for path in video.paths}
        depends = [
            inputs,
            SETTINGS,
            LONG_SIDE,
            sha256(video.run.faces.video_time.tobytes() + video.covering).hexdigest(),
        ]
        key = hash_content(depends)[:12]
        name = f"{stem}_{key}"
        # Versions of this proxy alone, and small enough for the numbers of a browser.
        self._first = int(key[:8], 16) * _VERSIONS
        self._parts: dict[int, int] = {}  # version -> bytes of the file that grows
        self.folder, self.video, self.shared = folder, video, shared
        self.path = folder / f"{name}.mp4"
        self.growing = folder / f"{name}.growing.mp4"
        self._about = folder / f"{name}.json"
        self._lock, self._thread, self._stop = Lock(), None, False
        self._state, self._told = ProxyState(), 0

    @property
    def offset(self) -> float:
        """Video time in s of the proxy's time 0."""
        return float(self.video.run.faces.video_time[0]) if self.video.run.faces.video_time.size else 0.0

    @property
    def state(self) -> ProxyState:
        """How far it is now."""
        with self._lock:
            if self._state.state in ("none", "failed") and self.path.is_file():
                self._state = self._ready()
            return self._state

    def part(self, version: int | None) -> tuple[Path, int, bool]:
        """The file that a version is of.

        Parameters
        ----------
        version
            Which one, None for what is there now.

        Returns
        -------
        path, size
            The file, and its bytes that belong to the version.
        whole
            Whether it is the whole proxy; also of a version from when it grew, which holds the same frames.

        Raises
        ------
        InputError
            If nothing can be played yet.
        StaleVersionError
            If the version is of another proxy, or of one that was begun anew.
        """
        state, parts = self.state, self._parts
        if not state.size:
            raise InputError("The video for the browser is not there yet.")
        whole = state.state == "ready"
        if version not in (None, state.version) and version not in parts:
            raise StaleVersionError(
                "The video for playing is another one than the page asked for: ask which version is there."
            )
        if whole:
            return self.path, state.size, True
        return self.growing, state.size if version is None else parts[version], False

    def start(self) -> None:
        """Begin to make it, unless it is there or is being made; what goes wrong is in its state."""
        with self._lock:
            if self._state.state in ("making", "ready"):
                return
            if self.path.is_file():
                self._state = self._ready()
                return
            self._state = ProxyState("making", version=0)
            self._parts = {}
            self._stop = False
            thread = Thread(target=self._make, daemon=True)
            self._thread = thread  # type: ignore[assignment]
        thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait until it is made or failed; False if it is not in that time."""
        thread: Any = self._thread
        if thread is not None:
            thread.join(seconds)
        return self.state.state in ("ready", "failed", "none")

    def stop(self) -> None:
        """End the making; what is there is gone on with the next time."""
        self._stop = True

    def _ready(self) -> ProxyState:
        facts: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            facts = json.loads(self._about.read_text(encoding="utf-8"))
        times = self.video.run.faces.video_time
        return ProxyState(
            "ready",
            int(facts.get("frames", times.size)),
            float(times[-1] - times[0]) if times.size else 0.0,
            self._first + _VERSIONS - 1,
            self.path.stat().st_size,
            int(facts.get("width", 0)),
            int(facts.get("height", 0)),
        )

    def _make(self) -> None:
        lock = -1
        try:
            self.video.need(wait=True)
            self._open_folder()
            lock = os.open(self.folder / f"{self.path.stem}.lock", os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
            if lock_file(lock) is None:
                raise OutputError(
                    "Another enicfer review makes this proxy now: wait for it, and load the page again."
                )
            if not self.path.is_file():
                self._write()
            if not self._stop:
                self._set(self._ready())
        except EnicferError as error:
            self._set(ProxyState("failed", error=str(error)))
        except OSError as error:
            reason = error.strerror or str(error)
            self._set(ProxyState("failed", error=f"The proxy cannot be written to {self.folder}: {reason}."))
        except Exception as error:  # whatever a decoder raises: the page says it, and exact frames still work
            self._set(
                ProxyState("failed", error=f"The proxy cannot be made: {type(error).__name__}: {error}.")
            )
        finally:
            if lock >= 0:
                os.close(lock)

    def _set(self, state: ProxyState) -> None:
        with self._lock:
            self._state = state

    def _open_folder(self) -> None:
        make_private_folder(self.folder)
        if self.shared:
            group = self.video.paths[0].stat().st_gid
            with suppress(OSError):
                os.chown(self.folder, -1, group)
            self.folder.chmod(SHARED_FOLDER)

    def _private(self, path: Path) -> None:
        path.chmod(SHARED_FILE if self.shared else PRIVATE_FILE)
        if self.shared:
            with suppress(OSError):
                os.chown(path, -1, self.video.paths[0].stat().st_gid)

    def _write(self) -> None:
        import av

        before = self.growing.with_name(f"{self.path.stem}.before.mp4")
        if self.growing.is_file() and not before.is_file():
            move(self.growing, before)
        os.close(os.open(self.growing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE))
        self._private(self.growing)
        with (
            self.growing.open("r+b") as file,
            av.open(file, "w", format="mp4", options=dict(GROWING)) as container,
        ):
            writer = ProxyWriter(container, self.video.run.faces.video_time, self._tell)
            if before.is_file():
                writer.copy(before)
            before.unlink(missing_ok=True)
            for frame in self.video.need().frames_from(writer.frames):
                if self._stop:
                    self._set(ProxyState())
                    return
                if frame.decodable:
                    writer.add(frame.index, self.video.shown(frame, LONG_SIDE))
            writer.finish()
        if not writer.frames:
            raise OutputError("There is no frame that can be read: give a complete video.")
        self._put_in_order(writer)

    def _tell(self, writer: ProxyWriter) -> None:
        """Note how far it can be played."""
        known = self.state
        size = end_of_fragments(self.growing, known.size)
        version = known.version
        if size > known.size:
            self._told += 1
            version = self._first + self._told
            self._parts[version] = size
        self._set(
            replace(
                known,
                frames_done=writer.frames,
                seconds_done=writer.seconds,
                version=version,
                size=size,
                width=writer.width,
                height=writer.height,
            )
        )

    def _put_in_order(self, writer: ProxyWriter) -> None:
        """Put the fragments into one file whose index comes first, which takes its place whole."""
        ordered = self.growing.with_name(f"{self.path.stem}.ordered.mp4")
        os.close(os.open(ordered, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE))
        put_in_order(self.growing, ordered)
        self._private(ordered)
        facts = {"frames": writer.frames, "width": writer.width, "height": writer.height}
        self._about.write_text(json.dumps(facts), encoding="utf-8")
        self._private(self._about)
        sync(ordered)
        move(ordered, self.path)
        self._set(self._ready())  # before the other goes: who asks now gets the whole
        self.growing.unlink(missing_ok=True)


class Proxies:
    """The proxies of runs, one each."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[str, Proxy] = {}

    def of(self, run: ReviewRun, video: RunVideo, shared: bool = False) -> Proxy:
        """The proxy of a run; another one where it is to be of another video now."""
        proxy = Proxy(proxy_folder(run.output), run.name, video, shared)
        with self._lock:
            known = self._known.get(run.id)
            if known is None or known.path != proxy.path:
                self._known[run.id] = proxy
            return self._known[run.id]

    def stop(self) -> None:
        """End what is being made."""
        for proxy in self._known.values():
            proxy.stop()
