"""Records as JSON and back: nothing is lost, and what does not fit is named with its place."""

import json
from dataclasses import replace

import numpy as np
import pytest

from enicfer.errors import InputError
from enicfer.records import (
    ModelCard,
    ProtocolCard,
    Provenance,
    RecordingDetails,
    RunQuality,
    from_plain,
    to_plain,
)


def there_and_back(record):
    return from_plain(type(record), json.loads(json.dumps(to_plain(record), allow_nan=False)), "record")


def test_a_run_s_quality_and_provenance_come_back(make_run):
    run = make_run()
    assert there_and_back(run.quality) == run.quality
    provenance = replace(
        run.provenance, protocol=ProtocolCard({"trial": {"window": [0.0, 2.0]}}), faces_given=((3, 1.5, 2.0),)
    )
    assert there_and_back(provenance) == provenance
    assert there_and_back(provenance).protocol.window == (0.0, 2.0)


def test_keys_are_the_fields_in_order_without_the_unknown():
    details = RecordingDetails(log_start=1.5, missing_volume_pulses=(14,))
    assert list(to_plain(details).items()) == [("log_start", 1.5), ("missing_volume_pulses", [14])]
    assert to_plain(RecordingDetails()) == {} and there_and_back(RecordingDetails()) == RecordingDetails()
    assert there_and_back(details) == details


def test_a_number_that_is_not_finite_is_none_and_nan_again(make_run):
    quality = replace(make_run().quality, longest_loss=float("inf"))
    assert to_plain(quality)["longest_loss"] is None
    assert np.isnan(there_and_back(quality).longest_loss)


def test_unknown_keys_are_passed_over_and_missing_ones_named(make_run):
    content = to_plain(make_run().quality)
    assert from_plain(RunQuality, {**content, "later": 1}, "quality") == make_run().quality
    del content["sync"]["n_matched"]
    with pytest.raises(InputError, match=r"^quality sync lacks n_matched$"):
        from_plain(RunQuality, content, "quality")


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("n_frames",), "many", "quality n_frames is 'many', and must be of kind int"),
        (("n_frames",), True, "quality n_frames is True, and must be of kind int"),
        (("sync",), 3, "quality sync is 3, and must be a table"),
        (("sync", "drifts"), 3, "quality sync drifts is 3, and must be a list"),
        (
            ("sync", "drifts"),
            [{"video_start": "a"}],
            r"quality sync drifts\[0\] video_start is 'a', and must be",
        ),
        (("status",), {"ok": 1.5}, "quality status ok is 1.5, and must be of kind int"),
    ],
)
def test_what_is_of_another_kind_is_named_with_its_place(make_run, place, value, said):
    content = to_plain(make_run().quality)
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    with pytest.raises(InputError, match=said):
        from_plain(RunQuality, content, "quality")


def test_a_card_keeps_what_it_does_not_know():
    content = {"name": "m", "metrics": {"accuracy": 0.6, "later": [1]}, "data": {"sets": ["a", "b"]}}
    card = ModelCard(content)
    assert to_plain(Provenance(model=card))["model"] == content
    assert (card.name, card.accuracy, card.data_sets, card.imported) == ("m", 0.6, ("a", "b"), None)
    with pytest.raises(InputError, match="data sets is 3, and must be a list"):
        _ = ModelCard({"data": {"sets": 3}}).data_sets
