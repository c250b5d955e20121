"""A video is watched in parts: their number and that of the threads must not show."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from benchmarks.memory import repeat_clip, write_clip
from enicfer.config.options import ProcessingOptions
from enicfer.config.protocol import Pulses, Quality
from enicfer.errors import InputError
from enicfer.io.video.parts import cut_recording
from enicfer.pipeline import observe as watch
from enicfer.pipeline.observe import load_models, observe_video


@pytest.fixture(scope="module")
def tools():
    return load_models(ProcessingOptions(), Quality(), None, 10.0)


@pytest.fixture(scope="module")
def video(once):
    """A face that moves: 150 frames, cut into five parts."""

    def make(folder):
        repeat_clip(write_clip(folder / "clip.mkv", 30), folder / "a.mkv", 5)

    return once("parts", make) / "a.mkv"


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(watch, "cut_recording", lambda videos: cut_recording(videos, 30))


def to_bytes(seen):
    return [
        np.asarray(values).tobytes()
        for values in (
            seen.faces.video_time,
            seen.faces.box,
            seen.faces.landmarks,
            seen.faces.status,
            seen.expression.probability,
            seen.expression.status,
            seen.brightness,
        )
    ]


def test_a_protocol_may_go_below_the_detector_s_threshold():
    for wanted, kept in ((0.1, 0.1), (0.35, 0.35), (0.6, 0.35)):
        tools = load_models(ProcessingOptions(), Quality(min_score=wanted))
        assert tools.detector.min_score == kept


def test_a_point_beside_all_faces_is_refused_with_its_video(video, tools):
    pointed = replace(tools, faces=((4, 1.0, 1.0),))
    with pytest.raises(InputError, match=r"^a\.mkv, .* 4:1,1 points at no face .* frame 4 has faces around"):
        observe_video((video,), pointed, None)


@pytest.mark.parametrize("region", ["auto", (0.0, 0.0, 0.5, 0.5)])
def test_the_number_of_threads_does_not_show(video, tools, small_parts, region):
    assert len(cut_recording([video], 30)) >= 4
    pulses = Pulses(source="led", region=region)
    found = [to_bytes(observe_video((video,), tools, pulses, threads=threads)) for threads in (1, 2, 3)]
    assert found[0] == found[1] == found[2]


def test_all_crops_are_classified_by_threads_that_work_alone(video, tools, small_parts, monkeypatch):
    threads = []
    predict = tools.model.predict

    def noted(crops):
        threads.append((threading.current_thread().name, torch.get_num_threads()))
        return predict(crops)

    monkeypatch.setattr(tools.model, "predict", noted)
    observe_video((video,), tools, None, threads=2)
    assert len(threads) >= 4
    assert all(name.startswith("watch") and count == 1 for name, count in threads)


def test_parts_change_nothing_but_where_a_search_begins(video, tools, monkeypatch):
    pulses = Pulses(source="led", region="auto")
    whole = observe_video((video,), tools, pulses)
    monkeypatch.setattr(watch, "cut_recording", lambda videos: cut_recording(videos, 30))
    parts = observe_video((video,), tools, pulses)
    np.testing.assert_array_equal(parts.faces.video_time, whole.faces.video_time)
    np.testing.assert_array_equal(parts.faces.status, whole.faces.status)
    np.testing.assert_array_equal(parts.expression.status, whole.expression.status)
    np.testing.assert_array_equal(parts.brightness, whole.brightness)
    np.testing.assert_allclose(parts.faces.box, whole.faces.box, atol=3.0)


def test_progress_counts_every_frame_once(video, tools, small_parts):
    told = []
    seen = observe_video((video,), tools, None, lambda *what: told.append(what), threads=2)
    done = [n for n, _, _ in told]
    assert done == sorted(done) and done[-1] == seen.faces.status.size
    assert told[-1][:2] == (done[-1], done[-1])


def test_a_failure_ends_all_parts(video, tools, small_parts):
    def stop(done, total, stage):
        if done == 20:
            raise InputError("Enough.")

    before = cv2.getNumThreads()
    with pytest.raises(InputError, match="Enough"):
        observe_video((video,), tools, None, stop, threads=2)
    assert cv2.getNumThreads() == before


def test_later_threads_keep_what_torch_may_use(video, tools):
    torch.set_num_threads(2)
    observe_video((video,), tools, None, threads=2)
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(torch.get_num_threads).result() == 2
