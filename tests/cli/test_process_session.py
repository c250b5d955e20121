"""``enicfer process-session``: what it prints."""

from enicfer.cli.process_session import describe
from enicfer.records import SessionResult


def test_trials_are_counted_by_condition(make_run, tmp_path):
    text = describe(SessionResult((make_run(n_trials=7),), tmp_path, ()))
    assert "  trials        all 7 of 7, happy 4 of 4, neutral 3 of 3 with values" in text.splitlines()
