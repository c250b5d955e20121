"""The recording of a run: its triggers on its own clock, its trials, and the pulses that the protocol promises."""

import contextlib
from dataclasses import replace

import pandas as pd

from enicfer.errors import InputError
from enicfer.io.bold import read_bold
from enicfer.io.eeg import read_eeg
from enicfer.io.triggers import read_events, read_trigger_log
from enicfer.protocol import Protocol
from enicfer.records import Modality, Recording
from enicfer.session import Run
from enicfer.sync.volumes import fit_volume_clock
from enicfer.trials import build_trials, select_codes


def read_recording(run: Run, protocol: Protocol) -> Recording:
    """Read a run's triggers, on the recording's clock; its notes name the conditions without a trial."""
    recording = read_eeg(run.recording) if run.recording is not None else _read_scan(run, protocol)
    with contextlib.suppress(InputError):  # `find_trials` refuses with it
        missing = _name_missing(*_find_events(run, recording), protocol)
        return replace(recording, notes=(*recording.notes, *missing))
    return recording


def _read_scan(run: Run, protocol: Protocol) -> Recording:
    """Read a BOLD image and its trigger log."""
    if run.bold is None or run.triggers is None:
        raise InputError(f"{run.name} has no recording: `enicfer trace` is for a video alone.")
    bold = read_bold(run.bold, protocol.scanner.repetition_time)
    log = read_trigger_log(run.triggers)
    volumes = select_codes(log, protocol.scanner.volume_codes)
    if volumes.empty:
        raise InputError(
            f"None of the volume codes ({', '.join(protocol.scanner.volume_codes) or 'none given'}) occurs in "
            f"{run.triggers.name}: it has {list_codes(log)}. Correct volume_codes in the protocol's [scanner]."
        )
    clock = fit_volume_clock(
        volumes["onset"].to_numpy(), bold.repetition_time, bold.n_volumes, protocol.scanner.dummy_volumes
    )
    triggers = log.assign(onset=clock.time(log["onset"].to_numpy()))
    return Recording(
        modality=Modality.FMRI,
        file=run.bold,
        duration=bold.n_volumes * bold.repetition_time,
        triggers=triggers,
        repetition_time=bold.repetition_time,
        n_volumes=bold.n_volumes,
        notes=(*bold.notes, *clock.notes),
        details={
            "log_start": clock.start,
            "log_drift_ppm": (clock.slope - 1) * 1e6,
            "missing_volume_pulses": list(clock.missing),
            "doubled_volume_pulses": list(clock.doubled),
        },
    )


def list_codes(triggers: pd.DataFrame, limit: int = 20) -> str:
    """The codes that occur, for a message."""
    codes = sorted(set(triggers["code"]))
    return (
        ", ".join(codes[:limit]) + (", ..." if len(codes) > limit else "") if codes else "no entries at all"
    )


def find_trials(run: Run, recording: Recording, protocol: Protocol) -> pd.DataFrame:
    """Trials of a run: from its events file where it has one, else from the recording's triggers."""
    events, source = _find_events(run, recording)
    return build_trials(events, protocol, source)


def _find_events(run: Run, recording: Recording) -> tuple[pd.DataFrame, str]:
    """Onsets and codes that trials are looked for in, and the name of their file."""
    if run.events is None:
        return recording.triggers, (run.triggers or recording.file).name
    return read_events(run.events, recording.modality), run.events.name


def _name_missing(events: pd.DataFrame, source: str, protocol: Protocol) -> tuple[str, ...]:
    """A sentence on the conditions that never occur, where others do."""
    missing = [
        f"{code} ({name})" for code, name in protocol.conditions.items() if select_codes(events, [code]).empty
    ]
    if not missing or len(missing) == len(protocol.conditions):
        return ()
    return (
        f"No trigger {', '.join(missing[:20])}{', ...' if len(missing) > 20 else ''} in {source}, so there are no "
        f"such trials: it has {list_codes(events)}.",
    )


def find_pulses(recording: Recording, protocol: Protocol) -> pd.DataFrame:
    """Pulses of the recording that the protocol promises.

    Raises
    ------
    InputError
        If none of their codes occurs; those that do are listed.
    """
    found = select_codes(recording.triggers, protocol.pulses.codes)
    if found.empty and protocol.pulses.codes:
        raise InputError(
            f"None of the pulse codes ({', '.join(protocol.pulses.codes)}) of the protocol {protocol.name} "
            f"occurs in {recording.file.name}: it has {list_codes(recording.triggers)}. Correct codes in the "
            "protocol's [pulses]."
        )
    return found
