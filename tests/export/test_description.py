"""What the methods paragraph says was done."""

from dataclasses import replace

import pytest

from enicfer.config.protocol import TraceSettings
from enicfer.export.description import ALIGNED_BY, methods_text
from enicfer.records import Modality, ModelCard, ProtocolCard
from enicfer.sync import SOURCES


@pytest.mark.parametrize("source", SOURCES)
def test_each_source_of_pulses_has_its_own_sentence(make_run, source):
    run = make_run()
    text = methods_text(replace(run, alignment=replace(run.alignment, source=source)))
    assert ALIGNED_BY.keys() == SOURCES.keys() and len(set(ALIGNED_BY.values())) == len(SOURCES)
    assert f"aligned by {ALIGNED_BY[source]}" in text and "uncertainty" in ALIGNED_BY[source]
    assert ("pulses" in ALIGNED_BY[source]) == (source in ("led", "audio", "frames"))


def test_a_video_alone_was_not_aligned(make_run):
    assert "aligned" not in methods_text(make_run(Modality.NONE))


def test_what_was_made_of_the_probabilities_is_said(make_run):
    plain = methods_text(make_run())
    settings = TraceSettings(smoothing=0.2, min_probability=0.7, relative_to="quantile", quantile_window=20.0)
    run = make_run(settings=settings)
    text = methods_text(run)
    assert len(run.time_course.about) == 3
    for sentence in run.time_course.about.values():
        assert sentence in text and sentence not in plain


def test_the_rate_and_the_baseline_of_trials_are_said(make_run):
    run = make_run()
    protocol = ProtocolCard({"trial": {"baseline": [-0.5, 0.0]}})
    told = replace(run, provenance=replace(run.provenance, analysis_rate=12.5, protocol=protocol))
    assert "at most 12.5 times a second" in methods_text(told) and "-0.5 to 0 s" in methods_text(told)
    plain = replace(run, provenance=replace(run.provenance, protocol=ProtocolCard({"trial": {}})))
    assert "times a second" not in methods_text(plain) and "Changes" not in methods_text(plain)
    imported = replace(told.provenance, model=ModelCard({"name": "x", "imported": "faces.csv"}))
    assert "times a second" not in methods_text(replace(told, provenance=imported))
