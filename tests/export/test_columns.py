"""Columns: what their descriptions say."""

import pytest

from enicfer.export.columns import describe_columns


@pytest.mark.parametrize("measure", ["latency", "onset", "offset"])
def test_times_of_the_face_are_late_by_half_an_exposure(measure):
    (about,) = describe_columns([f"fer_happy_{measure}"], ["happy"]).values()
    assert about["Units"] == "s"
    assert "happy" in about["Description"] and "late by half of the exposure" in about["Description"]
