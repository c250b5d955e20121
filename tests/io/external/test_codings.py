import pytest

from enicfer.errors import InputError
from enicfer.io.external.codings import read_coding
from enicfer.io.external.spans import Span

EVENTS = """Observation id\tMedia file name\tSubject\tBehavior\tBehavioral category\t\
Modifier #1\tBehavior type\tTime\tComment
o1\ta.mp4\tchild\texpression\t\thappy\tSTART\t1.5\t
o1\ta.mp4\tparent\texpression\t\tsad\tSTART\t1.7\t
o1\ta.mp4\tchild\texpression\t\thappy\tSTOP\t2.5\t
o1\ta.mp4\tchild\tblink\t\t\tPOINT\t3.0\t
o1\ta.mp4\tparent\texpression\t\tsad\tSTOP\t4.0\t
"""
AGGREGATED = """Observation id,Media file,Total length,FPS,Subject,Behavior,\
Modifiers,Behavior type,Start (s),Stop (s),Duration (s)
o1,C:/a.mp4,9.0,30,child,happy,,STATE,1.5,2.5,1.0
o1,C:/a.mp4,9.0,30,child,blink,,POINT,3.0,3.0,0
"""
ELAN = """Tier\tBegin Time - hh:mm:ss.ms\tBegin Time - ss.msec\t\
End Time - hh:mm:ss.ms\tEnd Time - ss.msec\tDuration - ss.msec\tAnnotation
face\t00:00:01.500\t1.500\t00:00:02.500\t2.500\t1.000\thappy
gaze\t00:01:00.000\t60.000\t00:01:01.000\t61.000\t1.000\taway
"""
TIERS = """Begin Time - msec\tEnd Time - msec\tface\tgaze
1500\t2500\thappy\t
60000\t61000\t\taway
"""
BARE = """face\tAB\t00:00:01.500\t1.5\t00:00:02.500\t2.5\t00:00:01.000\t1.0\thappy
gaze\tAB\t00:01:00.000\t60.0\t00:01:01.000\t61.0\t00:00:01.000\t1.0\taway
"""
WIDE = """face.ordinal,face.onset,face.offset,face.code01,gaze.ordinal,gaze.onset,gaze.offset,gaze.code01
1,1500,2500,happy,1,60000,61000,away
2,3000,4000,sad,,,,
"""
LONG = """file,column,onset,offset,ordinal,code01
s1,face,1500,2500,1,happy
s1,face,3000,4000,2,sad
"""


def boris(*events):
    """Tabular events of a child, each given as ``behaviour:modifier START time``."""
    lines = ["Observation id\tSubject\tBehavior\tModifiers\tBehavior type\tTime"]
    for event in events:
        code, kind, time = event.split()
        lines.append("\t".join(("o", "child", *[*code.split(":"), ""][:2], kind, time)))
    return "\n".join(lines) + "\n"


def read(tmp_path, text, program=None):
    path = tmp_path / "coding.txt"
    path.write_text(text, encoding="utf-8")
    return read_coding(path, program)


def test_boris_events_are_paired_by_subject(tmp_path):
    program, spans = read(tmp_path, EVENTS)
    assert program == "boris"
    assert spans == [
        Span(1.5, 2.5, "expression:happy", "child"),
        Span(1.7, 4.0, "expression:sad", "parent"),
        Span(3.0, 3.0, "blink", "child"),
    ]


def test_boris_states_with_different_modifiers_overlap(tmp_path):
    _, spans = read(tmp_path, boris("e:happy START 1", "e:sad START 3", "e:sad STOP 4", "e:happy STOP 6"))
    assert spans == [Span(1, 6, "e:happy", "child"), Span(3, 4, "e:sad", "child")]
    _, spans = read(tmp_path, boris("e:happy START 1", "e STOP 4"))  # a stop without the modifier
    assert spans == [Span(1, 4, "e:happy", "child")]


def test_boris_aggregated(tmp_path):
    assert read(tmp_path, AGGREGATED) == (
        "boris",
        [Span(1.5, 2.5, "happy", "child"), Span(3.0, 3.0, "blink", "child")],
    )


@pytest.mark.parametrize("text", [ELAN, TIERS, BARE], ids=["header", "tiers", "bare"])
def test_elan(tmp_path, text):
    program, spans = read(tmp_path, text)
    assert program == "elan"
    assert spans == [Span(1.5, 2.5, "happy", "face"), Span(60.0, 61.0, "away", "gaze")]


def test_datavyu(tmp_path):
    happy, sad = Span(1.5, 2.5, "happy", "face"), Span(3.0, 4.0, "sad", "face")
    assert read(tmp_path, WIDE) == ("datavyu", [happy, sad, Span(60.0, 61.0, "away", "gaze")])
    assert read(tmp_path, LONG) == ("datavyu", [happy, sad])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (EVENTS.replace("sad\tSTOP", "sad\tPOINT"), r"begins 'expression:sad' at 1\.700 s and never ends"),
        (EVENTS.replace("happy\tSTART", "happy\tSTOP"), "nothing began"),
        (boris("happy START 1", "happy START 5", "happy STOP 6"), r"at 1\.000 s and again at 5\.000 s"),
        (
            boris("e:happy START 1", "e:sad START 3", "e:sad STOP 4"),
            r"begins 'e:happy' at 1\.000 s and never ends",
        ),
        (boris("e:happy START 1", "e:sad START 3", "e STOP 4"), "'e' at 4.000 s that nothing began"),
        (EVENTS.replace("o1\ta.mp4\tparent", "o2\ta.mp4\tparent"), "2 different entries in Observation id"),
        (EVENTS.replace("Behavior type", "Kind"), "no column Behavior type"),
        (AGGREGATED.replace("1.5,2.5", "2.5,1.5"), "backwards"),
        (AGGREGATED.replace("1.5,2.5", "1.5,"), "Row 1"),
        (AGGREGATED.split("\n")[0], "no coded span"),
        (ELAN.replace("End Time", "Ending"), "no End Time"),
    ],
)
def test_bad_exports(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_anything_else_is_none_of_them(tmp_path):
    assert read(tmp_path, "a,b\n1,2\n") is None
    assert read(tmp_path, "") is None
    assert read(tmp_path, "1\t2\t3\t4\n5\t6\t7\t8\n") is None
    assert read(tmp_path, AGGREGATED, "elan") is None
