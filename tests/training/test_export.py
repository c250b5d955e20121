import numpy as np
import pytest

from enicfer.training import export
from enicfer.training.export import cross_fitted_error


@pytest.mark.parametrize("known", [True, False])
def test_the_temperature_is_fitted_on_other_people(known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    person = np.repeat(np.arange(10), 8)
    logits = generator.normal(size=(80, 11))
    # The label is the person, so what is fitted says who it was.
    fitted: list[set[int]] = []
    monkeypatch.setattr(export, "fit_temperature", lambda _, label: fitted.append(set(label.tolist())) or 1.0)
    subject = np.array([f"child{i}" if known else "" for i in person])
    assert 0 < cross_fitted_error(logits, person, subject) < 1
    first, second = fitted
    assert first | second == set(range(10))
    assert bool(first & second) != known
    if known:
        assert len(first) == len(second)


def test_one_person_has_no_other_half() -> None:
    assert np.isnan(cross_fitted_error(np.zeros((4, 2)), np.array([0, 1, 0, 1]), np.full(4, "one")))
