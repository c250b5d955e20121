"""A study in which files were swapped: the group's page, the tables and the outcomes name the partners."""

import numpy as np
import pandas as pd
import pytest

from enicfer.batch.markers import DONE, FAILED, Marker
from enicfer.batch.partners import name_partners
from enicfer.errors import AlignmentError

FRAME = 1 / 30


@pytest.fixture
def trains():
    """Pulses of five sessions on the clock of a video, and on that of its recording."""
    rng = np.random.default_rng(4)
    seen = [np.cumsum(rng.uniform(5, 15, 30)) for _ in range(5)]
    return seen, [x * (1 + 2e-4) + 50 + 10 * i for i, x in enumerate(seen)]


def facts(name, seen, sent, residual=None, doubtful=True):
    video = {"name": f"{name}_task-faces", "onsets": [seen.tolist()], "tolerance": 0.75 * FRAME}
    return {
        "videos": [{**video, "residual": residual, "doubtful": doubtful}],
        "recordings": [{"name": f"{name}_task-faces", "time": sent.tolist()}],
    }


def test_both_sessions_of_a_swap_say_what_they_fit(trains):
    seen, sent = trains
    order = [0, 2, 1, 3, 4]
    markers = {
        f"sub-0{i}": Marker(FAILED, {}, {}, pulses=facts(f"sub-0{i}", seen[i], sent[order[i]]))
        if order[i] != i
        else Marker(DONE, {}, {}, pulses=facts(f"sub-0{i}", seen[i], sent[i], 1e-3, doubtful=False))
        for i in range(5)
    }
    told = name_partners(markers)
    assert set(told) == {"sub-01", "sub-02"}
    assert "The video of sub-01_task-faces fits the recording of sub-02_task-faces" in told["sub-01"]
    assert "The recording of sub-01_task-faces fits the video of sub-02_task-faces" in told["sub-01"]
    assert "swapped (30 of 30 pulses" in told["sub-01"]


def test_the_same_program_on_several_days_is_said(trains):
    seen, sent = trains
    markers = {
        f"sub-0{i}": Marker(DONE, {}, {}, pulses=facts(f"sub-0{i}", seen[0], sent[0] + i, 1e-3, i == 0))
        for i in range(5)
    }
    told = name_partners(markers)
    assert set(told) == {"sub-00"}
    assert "and 1 more: the same program may have run several times" in told["sub-00"]


def test_nothing_is_compared_where_nothing_is_in_doubt(trains, monkeypatch):
    seen, sent = trains
    marker = Marker(DONE, {}, {}, pulses=facts("sub-01", seen[0], sent[0], 1e-3, doubtful=False))
    monkeypatch.setattr("enicfer.batch.partners.find_partners", None)
    assert name_partners({"sub-01": marker, "sub-02": Marker(FAILED, {}, {})}) == {}


def test_tables_page_and_outcomes_name_the_partners(without_video, trains, tmp_path, monkeypatch):
    seen, sent = trains
    folders = without_video.make_study(tmp_path / "study", 3)
    whole = without_video.process_without_video

    def refuse_swapped(session, options, **settings):
        i = int(session.participant)
        if i == 3:
            return whole(session, options, **settings)
        error = AlignmentError("The pulses have nothing in common.")
        error.pulses = facts(f"sub-{i:02}", seen[i], sent[3 - i])
        raise error

    monkeypatch.setattr("enicfer.pipeline.process.process_session", refuse_swapped)
    result = without_video.run_study(folders[0].parent, tmp_path / "out")
    sentence = "The video of sub-01_task-faces fits the recording of sub-02_task-faces"
    (first,) = [outcome for outcome in result.outcomes if outcome.name == "sub-01"]
    assert sentence in first.reason
    table = pd.read_csv(tmp_path / "out" / "group_qc.tsv", sep="\t").set_index("source")
    assert sentence in table.loc["sub-01", "reason"]
    assert "sub-03" not in table.loc["sub-02", "reason"]
    assert sentence in (tmp_path / "out" / "group.html").read_text(encoding="utf-8")
    again = without_video.run_study(folders[0].parent, tmp_path / "out")
    assert sentence in next(o for o in again.outcomes if o.name == "sub-01").reason, (
        "also when it is not tried again"
    )
