"""A real server on this machine, and studies to review."""

import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import numpy as np
import pytest
import uvicorn

from enicfer.faces.appearance import SIGNATURE
from enicfer.faces.choose import SeenFaces
from enicfer.faces.rows import FRAME, ROW, Signatures
from enicfer.io.results import read_run
from enicfer.io.video.reader import read_frames
from enicfer.pipeline.cache import write_record
from enicfer.pipeline.observe import VideoRecord
from enicfer.pipeline.provenance import hash_file
from enicfer.pipeline.publish import write_outputs
from enicfer.review.desk import Desk, ReviewOptions
from enicfer.review.serve import listen
from enicfer.review.server import make_app
from enicfer.review.study import Study
from tests.numbered import write

FILMED = {"options": {"preset": "ultrafast", "x264-params": "keyint=25:scenecut=0"}}


@dataclass
class Client:
    """A browser that has opened the link."""

    http: httpx.Client
    desk: Desk
    port: int
    link: str

    @property
    def origin(self):
        return {"Origin": f"http://127.0.0.1:{self.port}"}

    def get(self, path, **more):
        return self.http.get(path, **more)

    def post(self, path, content, **headers):
        return self.http.post(path, json=content, headers={**self.origin, **headers})

    def runs(self):
        found = self.get("/api/study")
        assert found.status_code == 200, found.text
        return found.json()["runs"]

    def run(self, number=0):
        """Where the data of a run are."""
        return f"/api/runs/{self.runs()[number]['id']}"


@contextmanager
def serving(folder, enter=True, at=0, **options):
    study = Study([folder] if isinstance(folder, Path) else folder)
    desk = Desk(study, ReviewOptions(**{"coder": "Anna", **options}))
    with listen(at) as listening:
        port = listening.getsockname()[1]
        app = make_app(desk, port)
        config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        listening.listen(64)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False) as http:
            if enter:
                assert http.get(app.link).status_code == 200
            try:
                yield Client(http, desk, port, app.link)
            finally:
                desk.stop()
                server.should_exit = True
                thread.join(30)
                assert not thread.is_alive()


@pytest.fixture
def serve():
    return serving


@pytest.fixture
def filmed(make_run):
    """Write results whose video is there: ``filmed(folder, n=200, kind={}, cover=...)`` gives the session folder."""

    def make(folder, n=200, name="camera.mkv", **kind):
        session = folder / "session"
        session.mkdir(parents=True)
        path = write(session / name, n, **(kind or FILMED))
        times = np.array([frame.video_time for frame in read_frames(path)])
        run = make_run()
        parts = ("box", "landmarks", "score", "status", "n_faces")
        faces = {part: getattr(run.faces, part)[:n] for part in parts}
        measures = {key: values[:n] for key, values in run.faces.measures.items()}
        expression = replace(
            run.expression,
            video_time=times,
            probability=run.expression.probability[:n],
            status=run.expression.status[:n],
        )
        run = replace(
            run,
            faces=replace(run.faces, video_time=times, measures=measures, **faces),
            expression=expression,
            time=run.alignment.time(times),
            provenance=replace(run.provenance, inputs={name: hash_file(path)}),
        )
        write_outputs([run], session / "derivatives" / "enicfer")
        return session

    return make


@pytest.fixture(scope="session")
def written(make_run, once):
    return once("review-plain", lambda folder: write_outputs([make_run()], folder / "out"))


@pytest.fixture
def plain(written, tmp_path):
    """Results of one run whose video is not here."""
    shutil.copytree(written / "out", tmp_path / "study" / "out")
    return tmp_path / "study"


def wait_for(ready, seconds=60):
    end = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.1)
    return found


def keep_faces(out, others):
    """Keep a record of all faces for the one run in ``out``: its own, and ``others`` {tracklet: (frames, box)}."""
    run = read_run(out)
    boxed = np.flatnonzero(np.isfinite(run.faces.box).all(axis=1))
    seen = [(int(frame), 0, run.faces.box[frame]) for frame in boxed]
    seen += [(int(frame), who, box) for who, (where, box) in others.items() for frame in where]
    seen.sort(key=lambda face: face[:2])
    frames, rows = np.zeros(run.faces.video_time.size, FRAME), np.zeros(len(seen), ROW)
    frames["video_time"], frames["decodable"], frames["size"] = run.faces.video_time, True, (640, 480)
    rows["frame"], rows["tracklet"], rows["box"] = (list(part) for part in zip(*seen, strict=True))
    rows["score"] = 0.9
    frames["n_faces"] = np.bincount(rows["frame"], minlength=len(frames))
    looks = np.random.default_rng(0).integers(0, 256, (9, SIGNATURE), np.uint8)
    signatures = Signatures()
    signatures.extend_block(looks[rows["tracklet"]])
    faces = SeenFaces(rows, frames, signatures, "centerface")
    probability = np.zeros((len(rows), len(run.expression.labels)), np.float32)
    record = VideoRecord(faces, probability, np.ones(len(frames), np.bool_), (), None)
    folder = out / ".enicfer" / "seen"
    folder.mkdir(parents=True, exist_ok=True)
    write_record(folder / "a.h5", record, videos=[next(iter(run.provenance.inputs.values()))])
