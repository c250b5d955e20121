"""Records of the videos of one session: looked up, made, and kept when it is their time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from enicfer.config.protocol import Pulses
from enicfer.config.runs import Run
from enicfer.pipeline.cache import keep_cells, keep_record, name_record, read_record
from enicfer.pipeline.observe import LoadedModels, Progress, VideoRecord, record_video

Camera = tuple[Path | None, ...]  # the files of one video, and the trace that stands for it


@dataclass(frozen=True)
class _Watched:
    """A camera's video, the file of its record, the record, and whether it has yet to be written."""

    videos: tuple[Path, ...]
    path: Path
    record: VideoRecord
    unwritten: bool


@dataclass(frozen=True)
class KeptRecords:
    """Where records are kept, and when.

    Attributes
    ----------
    folder
        Where the files are, None for nowhere.
    models_hash
        From `enicfer.pipeline.provenance.hash_models`, where there is a folder.
    counts
        Numbers of pulses that the runs of each camera have.
    late
        The folder is below the outputs: nothing is written there before the results are whole.
    """

    folder: Path | None
    models_hash: str
    counts: Mapping[Camera, tuple[int, ...]]
    late: bool = False
    _watched: dict[Camera, _Watched] = field(default_factory=dict)

    def find_or_make(
        self, run: Run, models: LoadedModels, pulses: Pulses, progress: Progress | None, threads: int
    ) -> VideoRecord:
        """The record of a run's video; one that is made is kept now, or by `finish` where that is later."""
        videos, key = run.videos, (*run.videos, run.trace)
        if self.folder is None:
            return record_video(videos, models, pulses, progress, threads)
        path = self.folder / f"{name_record(videos, models, pulses, self.models_hash)}.h5"
        record = read_record(path, self.counts[key])
        made = record is None
        if record is None:
            record = record_video(videos, models, pulses, progress, threads)
            if not self.late:
                keep_record(path, record, videos)
        self._watched[key] = _Watched(videos, path, record, made and self.late)
        return record

    def reduce(self, run: Run) -> None:
        """Keep those cells of the grid alone that runs of this camera may need, of a record that is written."""
        key = (*run.videos, run.trace)
        watched = self._watched.get(key)
        if watched is not None and not self.late:
            keep_cells(watched.path, watched.record, self.counts[key])

    def finish(self) -> None:
        """Keep what was not kept while the results were made."""
        for key, watched in self._watched.items() if self.late else ():
            if watched.unwritten:
                keep_record(watched.path, watched.record, watched.videos)
            keep_cells(watched.path, watched.record, self.counts[key])
