"""A study with small videos whose frames show their number, and a client of the coding server without a socket."""

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx
import numpy as np

from enicfer.coding.desk import CodingDesk
from enicfer.coding.routes import make_coding_app
from enicfer.coding.serve import CodingTask, open_desk
from enicfer.export.bids import write_run
from enicfer.io.video.reader import read_frames
from enicfer.pipeline.provenance import hash_file
from tests.factory import make_run
from tests.numbered import SIZE, write

N = 300  # frames of a video
CONDITIONS = ("Clowns", "Thunder")
VIDEO = "clowns-then-thunder.mkv"
PORT = 4321
FILMED = {"preset": "ultrafast", "x264-params": "keyint=25:scenecut=0"}


def film_study(folder):
    """Two children with one run each, in ``folder/s01`` and ``folder/s02``."""
    video = write(folder / VIDEO, N, options=FILMED)
    times = np.array([frame.video_time for frame in read_frames(video)])
    for number in (1, 2):
        session = folder / f"s0{number}"
        session.mkdir()
        path = session / VIDEO
        path.write_bytes(video.read_bytes())
        run = make_run(
            seconds=40.0,
            n_trials=20,
            seed=number,
            entities={"sub": f"0{number}", "ses": "A", "task": "faces"},
        )
        kept = ("landmarks", "score", "status", "n_faces")
        faces = replace(
            run.faces,
            video_time=times,
            box=np.tile(np.array([0, 0, *SIZE], np.float32), (N, 1)),
            measures={key: values[:N] for key, values in run.faces.measures.items()},
            **{part: getattr(run.faces, part)[:N] for part in kept},
        )
        expression = replace(
            run.expression,
            video_time=times,
            probability=run.expression.probability[:N],
            status=run.expression.status[:N],
        )
        trials = run.trials.assign(trial_type=np.resize(np.array(CONDITIONS, object), 20))
        run = replace(
            run,
            faces=faces,
            expression=expression,
            time=run.alignment.time(times),
            trials=trials.astype({"trial_type": "str"}),
            quality=replace(run.quality, n_frames=N),
            provenance=replace(run.provenance, inputs={VIDEO: hash_file(path)}),
        )
        output = session / "derivatives" / "enicfer"
        write_run(output, run)
        (output / "dataset_description.json").write_text("{}", encoding="utf-8")
    video.unlink()
    return folder


class Browser:
    """Asks an application, one request after the other."""

    def __init__(self, app, runner):
        self.runner = runner
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url=f"http://127.0.0.1:{PORT}", trust_env=False
        )

    def request(self, method, path, **more):
        return self.runner.run(self.client.request(method, path, **more))


@dataclass
class Coder:
    """A browser that has opened the link."""

    http: Browser
    desk: CodingDesk
    notes: list
    link: str

    @property
    def origin(self):
        return {"Origin": f"http://127.0.0.1:{PORT}"}

    def get(self, path, **headers):
        return self.http.request("GET", path, headers=headers)

    def post(self, path, content, **headers):
        return self.http.request("POST", path, json=content, headers={**self.origin, **headers})

    def items(self):
        return self.get("/api/coding").json()["items"]

    def open_ids(self):
        return [item["id"] for item in self.items() if not item["done"]]

    def code(self, known, **said):
        found = self.post(f"/api/items/{known}/code", said)
        assert found.status_code == 201, found.text
        return found.json()


@contextmanager
def coding(folder, coder="Anna", enter=True, **task):
    """A server for a coder of a study."""
    notes = []
    desk, told = open_desk([folder], CodingTask(coder, **task), notes.append)
    app = make_coding_app(desk, PORT)
    with asyncio.Runner() as runner:
        http = Browser(app, runner)
        if enter:
            assert http.request("GET", f"/?token={app.token}").status_code == 200
        notes += told
        yield Coder(http, desk, notes, app.link)
