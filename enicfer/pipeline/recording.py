"""The recording of a run: its triggers on its own clock, its trials, and the pulses that the protocol promises."""

from collections.abc import Collection
from dataclasses import replace

import pandas as pd

from enicfer.config.protocol import Log, Protocol
from enicfer.config.runs import Run
from enicfer.errors import InputError, ProtocolError
from enicfer.io.bold import read_bold
from enicfer.io.eeg import read_eeg
from enicfer.io.triggers import read_events, read_trigger_log
from enicfer.io.xdf.streams import note_xdf
from enicfer.records import Modality, Recording, RecordingDetails
from enicfer.sync.volumes import fit_volume_clock
from enicfer.timecourse.trials import build_trials, check_inside, list_codes, select_codes


def read_recording(run: Run, protocol: Protocol) -> Recording:
    """Read a run's triggers, on the recording's clock; its notes name what was passed over and what has no trial."""
    recording = read_eeg(run.recording) if run.recording is not None else _read_scan(run, protocol)
    if protocol.modality not in (Modality.EEG, recording.modality):
        raise ProtocolError(
            f"The protocol {protocol.name} is for {protocol.modality.name}, and "
            f"{recording.file.name} holds {recording.modality.name}",
            place=recording.file,
            remedy='correct its modality ("eeg" takes every recording with samples)',
        )
    recording = replace(recording, notes=(*recording.notes, *run.notes))
    if run.xdf is not None and run.xdf != run.recording:
        recording = replace(recording, notes=(*recording.notes, *note_xdf(run.xdf)))
    try:
        events, source, notes = _find_events(run, recording, protocol)
        missing = _name_missing(events, source, protocol)
        outside = check_inside(build_trials(events, protocol, source), protocol, recording.duration, source)
    except InputError:  # `find_trials` refuses with it
        return recording
    return replace(recording, notes=(*recording.notes, *notes, *missing, *outside))


def _read_scan(run: Run, protocol: Protocol) -> Recording:
    """Read a BOLD image and its trigger log."""
    if run.bold is None or run.triggers is None:
        raise InputError(
            f"{run.name} has no recording",
            remedy="give one, or use `enicfer trace`, which is for a video alone",
        )
    bold = read_bold(run.bold, protocol.scanner.repetition_time)
    read = read_trigger_log(run.triggers, protocol.log)
    log = read.table
    volumes = select_codes(log, protocol.scanner.volume_codes)
    if volumes.empty:
        raise ProtocolError(
            "None of the volume codes "
            f"({', '.join(protocol.scanner.volume_codes) or 'none given'}) occurs in the log "
            f"{run.triggers.name}: it has {list_codes(log, protocol.scanner.volume_codes)}.",
            remedy=f"correct volume_codes in [scanner] of the protocol {protocol.name}",
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
        notes=(*bold.notes, *read.notes, *clock.notes),
        log=run.triggers,
        details=RecordingDetails(
            log_start=clock.start,
            log_drift_ppm=(clock.slope - 1) * 1e6,
            missing_volume_pulses=tuple(clock.missing),
            doubled_volume_pulses=tuple(clock.doubled),
        ),
    )


def find_trials(run: Run, recording: Recording, protocol: Protocol) -> pd.DataFrame:
    """Trials of a run: from its events file where it has one, else from the recording's triggers.

    Raises
    ------
    InputError
        If there are none of the protocol's codes, or all of its trials lie outside of the recording.
    """
    events, source, _ = _find_events(run, recording, protocol)
    if run.events is None:
        _check_triggers(recording, protocol.conditions)
    trials = build_trials(events, protocol, source)
    check_inside(trials, protocol, recording.duration, source)
    return trials


def _check_triggers(recording: Recording, codes: Collection[str]) -> None:
    """Refuse a recording without any trigger where codes are looked for and reading it noted why there are none."""
    if codes and recording.triggers.empty and recording.notes:
        raise InputError(
            f"{recording.file.name} has no triggers at all. {' '.join(recording.notes)}",
            place=recording.file,
            remedy="export it again with its markers, or give the trials as events in session.toml",
        )


def _find_events(
    run: Run, recording: Recording, protocol: Protocol
) -> tuple[pd.DataFrame, str, tuple[str, ...]]:
    """Onsets and codes that trials are looked for in, the name of their file, and notes on reading it."""
    if run.events is None:
        own = recording.triggers, (recording.log or recording.file).name, ()
        if run.events_beside is None or not protocol.conditions:
            return own
        try:
            beside = read_events(run.events_beside, recording.modality, _columns(run, protocol))
        except InputError as error:
            return *own[:2], (f"The events table beside the recording was passed over: {error}",)
        there, here = _count_found(beside.table, protocol), _count_found(recording.triggers, protocol)
        if not there and not here:  # what both have is worth knowing
            both = pd.concat([beside.table, recording.triggers], ignore_index=True)
            return both, f"{run.events_beside.name} or {own[1]}", beside.notes
        return (beside.table, run.events_beside.name, beside.notes) if there > here else own
    read = read_events(run.events, recording.modality, _columns(run, protocol))
    return read.table, run.events.name, read.notes


def _columns(run: Run, protocol: Protocol) -> Log | None:
    """The columns of an events table that [log] names: where there is a log with volume pulses, they are its own."""
    return protocol.log if run.triggers is None else None


def _count_found(events: pd.DataFrame, protocol: Protocol) -> int:
    """How many of the protocol's codes occur; one that may mean several does."""
    there = {*events["code"], *(code.rpartition("/")[2] for code in events["code"])}
    return sum(code in there for code in protocol.conditions)


def _name_missing(events: pd.DataFrame, source: str, protocol: Protocol) -> tuple[str, ...]:
    """A sentence on the conditions that never occur, where others do."""
    missing = [
        f"{code} ({name})" for code, name in protocol.conditions.items() if select_codes(events, [code]).empty
    ]
    if not missing or len(missing) == len(protocol.conditions):
        return ()
    return (
        f"No trigger {', '.join(missing[:20])}{', ...' if len(missing) > 20 else ''} of the protocol {protocol.name} "
        f"in {source}, so there are no such trials: it has {list_codes(events, missing)}.",
    )


def find_pulses(recording: Recording, protocol: Protocol) -> pd.DataFrame:
    """Pulses of the recording that the protocol promises.

    Raises
    ------
    InputError
        If none of their codes occurs; those that do are listed.
    """
    _check_triggers(recording, protocol.pulses.codes)
    found = select_codes(recording.triggers, protocol.pulses.codes)
    if found.empty and protocol.pulses.codes:
        raise ProtocolError(
            f"None of the pulse codes ({', '.join(protocol.pulses.codes)}) of the protocol "
            f"{protocol.name} occurs in {(recording.log or recording.file).name}: it has "
            f"{list_codes(recording.triggers, protocol.pulses.codes)}.",
            remedy="correct codes in the protocol's [pulses]",
        )
    return found
