"""The recording of a run: its triggers on its own clock, its trials, and the pulses that the protocol promises."""

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
    """Read a run's triggers, on the recording's clock."""
    if run.recording is not None:
        return read_eeg(run.recording)
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
    if run.events is None:
        source = run.triggers or recording.file
        return build_trials(recording.triggers, protocol, source.name)
    return build_trials(read_events(run.events), protocol, run.events.name)


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
