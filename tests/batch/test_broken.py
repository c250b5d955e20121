"""Real sessions broken in real ways: each is named with its own reason, by the real readers."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from enicfer.config.options import ProcessingOptions


def rewrite(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(session: Path) -> None:
        path = session / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return change


def own_protocol(text: str) -> Callable[[Path], None]:
    def change(session: Path) -> None:
        (session / "own.toml").write_text('modality = "eeg"\n' + text, encoding="utf-8")
        rewrite("session.toml", "eeg-led", "own.toml")(session)

    return change


# how it is broken: (the break, a word of the reason)
BREAKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "novideo": (lambda s: (s / "camera.mp4").unlink(), "camera.mp4"),
    "emptyvideo": (lambda s: (s / "camera.mp4").write_bytes(b""), "0 bytes"),
    "textvideo": (lambda s: (s / "camera.mp4").write_text("no video"), "cannot be read as a video"),
    "noheader": (lambda s: (s / "eeg.vhdr").unlink(), "eeg.vhdr"),
    "brokenheader": (lambda s: (s / "eeg.vhdr").write_text("x"), "cannot be read as a recording"),
    "nomarkers": (lambda s: (s / "eeg.vmrk").unlink(), "no triggers at all"),
    "syntax": (lambda s: (s / "session.toml").write_text("participant = "), "session.toml"),
    "unknownkey": (rewrite("session.toml", "task", "tusk"), "tusk"),
    "unknownprotocol": (rewrite("session.toml", "eeg-led", "eeg-lead"), "eeg-lead"),
    "othercodes": (own_protocol('[conditions]\n"S 99" = "x"\n'), "S 99"),
    "otherpulses": (own_protocol('[pulses]\ncodes = ["S 77"]\n'), "S 77"),
}


@pytest.mark.slow
def test_each_break_has_its_own_reason(once, study, tmp_path):
    good = once("batch-study", study.make_filmed_study) / "s1"
    folder = tmp_path / "study"
    for name, (break_it, _) in BREAKS.items():
        shutil.copytree(good, folder / name)
        rewrite("session.toml", 'participant = "01"', f'participant = "{name}"')(folder / name)
        break_it(folder / name)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    result = study.run_study(folder, tmp_path / "out", options=ProcessingOptions(max_uncertainty=0.2))
    assert len(result.failed) == len(BREAKS)
    table = pd.read_csv(tmp_path / "out" / "group_qc.tsv", sep="\t", keep_default_na=False)
    reasons = {
        source.removeprefix("sub-"): reason
        for source, reason in zip(table["source"], table["reason"], strict=True)
    }
    kinds = dict(zip(reasons, table["kind"], strict=True))
    for name, (_, word) in BREAKS.items():
        assert word in reasons[name], (name, reasons[name])
        assert kinds[name] in ("input", "protocol")
        assert str(tmp_path) not in reasons[name]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
