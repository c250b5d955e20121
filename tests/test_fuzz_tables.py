"""Whole text files that hypothesis writes: every row is read, is counted in a note, or the file is refused.

What was written is known here, so that the count needs no reader.
"""

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enicfer.errors import EnicferError
from enicfer.io.external.codings import read_coding
from enicfer.io.triggers import read_events, read_trigger_log
from enicfer.records import Modality

fast = settings(
    max_examples=150, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
times = st.sampled_from(["{:.3f}", "{}", "{:e}", "{:.1f}"])
no_times = st.sampled_from(["", "n/a", "NaN", "pause"])
codes = st.sampled_from(["happy", "S 11", "5", "a, b", 'the "big" one', "fröhlich", "x;y", "sad "])
no_codes = st.sampled_from(["", "n/a", "nan"])
odd = st.sampled_from(['"open', "12:30", "1.000,5", "1e999", "\u0662"])


def counted(notes):
    """How many rows the notes name as left out."""
    total = 0
    for note in notes:
        found = re.match(r"(\d+) lines? of \S+ without a", note)
        total += int(found[1]) if found else note.startswith("The last line of") and "left out" in note
    return total


def quoted(cell, separator):
    return '"' + cell.replace('"', '""') + '"' if separator in cell or '"' in cell else cell


def read(reader, path, text):
    path.write_bytes(text.encode())
    try:
        return reader(path)
    except EnicferError as error:
        assert len(str(error)) > 20 and "\n" not in str(error)
        return None


rows_of_events = st.lists(
    st.tuples(times | times | no_times, codes | codes | no_codes, no_codes | st.just("7")),
    min_size=1,
    max_size=12,
)


@fast
@given(
    rows=rows_of_events,
    separator=st.sampled_from("\t,;"),
    layout=st.permutations(["onset", "trial_type", "value", "duration"]),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    ended=st.booleans(),
)
def test_every_row_of_an_events_table_is_read_or_named(tmp_path, rows, separator, layout, end, ended):
    lines = [separator.join(layout)]
    whole = 0
    for i, (time, kind, value) in enumerate(rows):
        onset = time.format(i + 0.5)
        cells = {"onset": onset, "trial_type": kind, "value": value, "duration": "0"}
        lines.append(separator.join(quoted(cells[name], separator) for name in layout))
        there = [c.strip() for c in (kind, value) if c.strip().lower() not in ("", "n/a", "nan")]
        whole += "{" in time and bool(there)
    found = read(
        lambda path: read_events(path, Modality.EEG), tmp_path / "e.tsv", end.join(lines) + end * ended
    )
    if found is None:
        # With an end that is whole, only a table without any event is refused.
        assert not ended or whole == 0
        return
    assert found.table["onset"].is_monotonic_increasing
    assert found.table["onset"].nunique() + counted(found.notes) == len(rows)
    if ended:
        assert found.table["onset"].nunique() == whole


@fast
@given(
    rows=st.lists(st.tuples(times | times | odd, codes | odd), min_size=1, max_size=8),
    separator=st.sampled_from("\t,;"),
    header=st.booleans(),
)
def test_odd_cells_refuse_a_log_or_lose_no_row(tmp_path, rows, separator, header):
    """Here cells are not put into quotes where they should be: the file is refused, or all of its rows are there."""
    lines = [f"time{separator}code"] * header
    lines += [f"{time.format(i + 0.5)}{separator}{code}" for i, (time, code) in enumerate(rows)]
    found = read(read_trigger_log, tmp_path / "log.txt", "\n".join(lines) + "\n")
    if found is not None:
        first = [] if header or "{" in rows[0][0] else [0]  # may be taken for names of columns
        assert len(found.table) + counted(found.notes) >= len(rows) - len(first)
        assert len(found.table) <= len(rows)


@fast
@given(
    rows=st.lists(st.tuples(st.booleans(), st.sampled_from(["Picture", "Pulse", "Response"]), codes | st.just("")),
                  min_size=1, max_size=12),
    cut=st.integers(0, 11),
)  # fmt: skip
def test_every_row_of_a_presentation_log_is_read_or_named(tmp_path, rows, cut):
    lines = ["Scenario -\tx", "", "Subject\tTrial\tEvent Type\tCode\tTime\tTTime", ""]
    for i, (timed, kind, code) in enumerate(rows):
        cells = ["1", "1", kind, code, str(10000 * (i + 1)) if timed else "", "0"]
        lines.append("\t".join(cells[:3] if i == cut else cells))
    lines += ["", "Event Type\tCode\tType\tResponse", "Picture\ta\thit\t1", ""]
    found = read(read_trigger_log, tmp_path / "a.log", "\n".join(lines))
    whole = sum(timed and bool(code) and i != cut for i, (timed, _, code) in enumerate(rows))
    assert (found is None) == (whole == 0)
    if found is not None:
        assert len(found.table) == whole and whole + counted(found.notes) == len(rows)


@fast
@given(values=st.lists(st.sampled_from(["1500", "2750", "0", "none", "3 s"]), min_size=1, max_size=10))
def test_every_onset_of_an_eprime_log_is_read_or_named(tmp_path, values):
    lines = [
        f"*** LogFrame Start ***\nFace{i}.OnsetTime: {v}\n*** LogFrame End ***" for i, v in enumerate(values)
    ]
    found = read(read_trigger_log, tmp_path / "e.txt", "\n".join(lines) + "\n")
    if "3 s" in values or not {"1500", "2750"} & set(values):
        assert found is None
    else:
        assert len(found.table) == sum(v in ("1500", "2750") for v in values)
        assert counted(found.notes) == values.count("none")


@fast
@given(
    rows=st.lists(st.tuples(st.booleans(), codes), min_size=1, max_size=10),
    separator=st.sampled_from(",;\t"),
)
def test_every_start_of_a_psychopy_table_is_read(tmp_path, rows, separator):
    lines = [separator.join(["emotion", "face.started", "n"])]
    for i, (shown, code) in enumerate(rows):
        lines.append(separator.join([quoted(code, separator), str(i + 0.5) if shown else "", str(i)]))
    found = read(read_trigger_log, tmp_path / "p.csv", "\n".join(lines) + "\n")
    shown = [i + 0.5 for i, (there, _) in enumerate(rows) if there]
    assert (found is None) == (not shown)
    if found is not None:
        assert found.table["onset"][found.table["code"] == "face"].tolist() == shown


spans = st.lists(
    st.tuples(st.integers(0, 5000), st.integers(1, 500), codes | st.just("")), min_size=1, max_size=10
)
broken = st.none() | st.tuples(st.integers(0, 9), st.sampled_from(["", "n/a", "1:2:3:4:5", '"']))


@pytest.mark.parametrize("program", ["elan", "datavyu", "boris"])
@fast
@given(rows=spans, fault=broken)
def test_every_row_of_a_coding_is_a_span_or_the_file_is_refused(tmp_path, program, rows, fault):
    lines = []
    for i, (onset, length, code) in enumerate(rows):
        begin = fault[1] if fault is not None and fault[0] == i else f"{onset / 1000:.3f}"
        end = f"{(onset + length) / 1000:.3f}"
        if program == "elan":
            lines.append("\t".join(["face", begin, end, quoted(code, "\t")]))
        elif program == "boris":
            lines.append("\t".join([quoted(code, "\t") or "b", "STATE", begin, end]))
        else:
            begin = begin.replace(".", "") if begin[:1].isdigit() and ":" not in begin else begin
            lines.append(
                ",".join(
                    [str(i + 1), begin and (begin.lstrip("0") or "0"), str(onset + length), quoted(code, ",")]
                )
            )
    head = {
        "elan": "Tier\tBegin Time - ss.msec\tEnd Time - ss.msec\tvalue",
        "datavyu": "face.ordinal,face.onset,face.offset,face.code01",
        "boris": "Behavior\tBehavior type\tStart (s)\tStop (s)",
    }[program]
    found = read(read_coding, tmp_path / "c.txt", "\n".join([head, *lines]) + "\n")
    coded = [code for *_, code in rows if code.strip() or program == "boris"]
    damaged = fault is not None and fault[0] < len(rows) and (rows[fault[0]][2].strip() or program == "boris")
    if found is None:
        assert damaged or not coded or fault is not None
    else:
        assert len(found[1]) == len(coded)
        assert not damaged
