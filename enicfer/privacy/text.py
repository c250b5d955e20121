r"""What gives somebody away in text: patterns, and the ways in which a text can be written.

A name may be written as ``Zo\u00eb``, ``Zo&euml;`` or ``Zo%C3%AB``, with tags inside of it, or with spaces,
dots or underscores between its parts. So a text is searched as it is, and again with its escapes undone, up
to three deep.
"""

import codecs
import html
import re
from collections.abc import Iterator, Sequence
from unicodedata import category, combining, normalize
from urllib.parse import unquote_to_bytes

Found = tuple[str, str]

_MONTH = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
_YEAR = r"(?:19|20)\d\d"
_DAY, _SHORT = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])"
_COMPACT = rf"{_YEAR}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"  # by itself it is rather a count
_CLOCK = r"(?:[01]\d|2[0-3])[0-5]\d[0-5]\d"
# what: pattern
PATTERNS: dict[str, re.Pattern[str]] = {
    "absolute path": re.compile(
        r"(?<![\w.:/<-])/(?:home|Users|mnt|media|root|tmp|var|srv|scratch|data|work|opt|private|Volumes|gpfs|nfs)"
        r"/[^\s\"'<>|]+|(?<![\w/])[A-Za-z]:(?:\\{1,2}|/(?!/))[^\s\"'<>|]+|(?<!\\)\\\\[\w.-]+\\[^\s\"'<>|]+"
        r"|(?i:\bfile|\bsmb|\bafp|\bnfs):/+[^\s\"'<>|]+|(?<![\w/.~])~(?:[A-Za-z_]\w*)?/[A-Za-z_][^\s\"'<>|]*"
    ),
    "date": re.compile(
        rf"(?<![\d.-]){_YEAR}(?P<first>[-/_.])(?:0[1-9]|1[0-2])(?P=first)(?:0[1-9]|[12]\d|3[01])(?!\d)"
        rf"|(?<![\d.]){_DAY}(?P<last>[-/_.]){_DAY}(?P=last){_YEAR}(?![\d.])"
        rf"|(?<![\d./])(?:{_DAY}/{_SHORT}|{_SHORT}/{_DAY})/\d\d(?![\d./])"
        rf"|(?<!\d){_YEAR}[-_ ]{_MONTH}[-_ ]\d{{1,2}}(?!\d)"
        rf"|(?<=[_\"'-]){_COMPACT}(?![^\W_])|(?<![^\W_])(?<!\.){_COMPACT}(?=[_\"'-]|T\d{{4}})"
        rf"|(?<![^\W_])(?<!\.){_COMPACT}{_CLOCK}(?:\d{{6}})?(?![^\W_])"
        rf"|\b\d{{1,2}}\.? {_MONTH}\.? {_YEAR}\b|\b{_MONTH} \d{{1,2}},? (?:[\d:]+ )?{_YEAR}\b"
        rf"|(?i:(?<!\d)\d{{1,2}}[-/.]{_MONTH}[-/.]{_YEAR})(?!\d)"
    ),
    "place": re.compile(
        r"(?i)\bGPS(?:Latitude|Longitude|Position|Info|[ _]?coordinates?)\b"
        r"|\b(?:latitude|longitude)\"?\s*[:=\t]\s*\"?[-+]?\d+\.\d+"
        r"|(?<![\d.])[+-]\d{2}\.\d{3,}[+-]\d{3}\.\d{3,}"
    ),
    "e-mail address": re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]+\.[\w.-]+\b"),
}
# The same in bytes of an unknown kind, where chance writes short words.
_CERTAIN = {
    **PATTERNS,
    "absolute path": re.compile(
        r"(?<![\w.:/<-])/(?:home|Users|mnt|media|root|data|work|private|Volumes)/[\w.-]{2,}/?[\w./-]*"
        r"|\b[A-Za-z]:\\Users\\\w+|\bfile:///?\w+/\w+"
    ),
    "e-mail address": re.compile(r"(?a:(?<![\w.+-])[\w.+-]{3,}+@[\w-]{3,}\.[a-z]{2,})\b"),
}
SHORTEST = 4  # letters of a name that chance does not write
# Names of XML vocabularies look like web addresses with a date; nobody's day is in them.
_VOCABULARY = re.compile(
    r"https?://(?:www\.)?(?:w3\.org|purl\.org|creativecommons\.org|ns\.adobe\.com|iptc\.org)/[\w./-]*#?"
)
_ROUNDS = 3
_JSON = re.compile(r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([nrtbf\"'/\\]))")
_BYTES = re.compile(r"(?<!\\)(?:\\x[0-9a-fA-F]{2})+")
_PERCENT = re.compile(r"(?:%[0-9a-fA-F]{2})+")
_QUOTED = re.compile(r"(?:=[0-9A-F]{2})+")
_TAG = re.compile(r"<[^<>]{0,2000}>")
_BETWEEN = r"[\s_.,^+\-]*"


def make_patterns(names: Sequence[str], certain: bool = False) -> dict[str, re.Pattern[str]]:
    """Patterns with those of names; ``certain`` ones for bytes of an unknown kind."""
    named = name_pattern([name for name in names if not certain or len(name.strip()) >= SHORTEST])
    return {**(_CERTAIN if certain else PATTERNS), **({} if named is None else {"name": named})}


def name_pattern(names: Sequence[str]) -> re.Pattern[str] | None:
    """Pattern of names in folded text (`fold`), or None if there are none.

    Whole words, also beside digits and underscores; the parts of a name in this order, or the last one first.
    """
    forms: list[str] = []
    for name in names:
        parts = [re.escape(part) for part in re.split(r"[\s_]+", fold(name.strip())) if part]
        if parts:
            forms.append(_BETWEEN.join(parts))
        if len(parts) > 1:
            forms.append(_BETWEEN.join([parts[-1], *parts[:-1]]))
    if not forms:
        return None
    return re.compile(rf"(?<![^\W\d_])(?:{'|'.join(dict.fromkeys(forms))})(?![^\W\d_])")


def fold(text: str) -> str:
    """Text without capitals, accents and letters that are not seen."""
    if text.isascii():
        return text.casefold()
    plain = (c for c in normalize("NFKD", text) if not combining(c) and (c in "\n\t" or category(c) != "Cf"))
    return "".join(plain).casefold()


def search_text(text: str, patterns: dict[str, re.Pattern[str]]) -> Iterator[Found]:
    """Everything that the patterns find in the ways in which the text can be read."""
    for spelling in spell(text):
        composed = _VOCABULARY.sub("", normalize("NFC", spelling))
        for what, pattern in patterns.items():
            for match in pattern.finditer(composed if what != "name" else fold(composed)):
                yield what, match[0][:120]
        if "name" in patterns and "<" in composed:
            for instead in ("", " "):
                for match in patterns["name"].finditer(fold(_TAG.sub(instead, composed))):
                    yield "name", match[0][:120]


def spell(text: str) -> Iterator[str]:
    """The text, and the text with the escapes of JSON, HTML, URLs and mail undone."""
    yield text
    for undo in (_unescape, _unquote_mail):
        now = text
        for _ in range(_ROUNDS):
            before, now = now, undo(now)
            if now == before:
                break
            yield now


def _unescape(text: str) -> str:
    if "\\" in text:
        text = _BYTES.sub(lambda m: _to_text(bytes.fromhex(m[0].replace("\\x", ""))), text)
        text = _pair(_JSON.sub(_unjson, text))
    if "&" in text:
        text = html.unescape(text)
    if "%" in text:
        text = _PERCENT.sub(lambda m: _to_text(unquote_to_bytes(m[0])), text)
    return text


def _unquote_mail(text: str) -> str:
    if "=" not in text:
        return text
    return _QUOTED.sub(lambda m: _to_text(bytes.fromhex(m[0].replace("=", ""))), text.replace("=\n", ""))


def _unjson(match: re.Match[str]) -> str:
    number = match[1] or match[2] or match[3]
    if number is None:
        return match[4] if match[4] in "\"'/\\" else " "
    code = int(number, 16)
    return chr(code) if code < 0x110000 else " "


def _pair(text: str) -> str:
    """Join the two halves with which JSON writes a letter beyond U+FFFF."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _to_text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def decode_text(data: bytes) -> str | None:
    """Text of a file in UTF-8, UTF-16, UTF-32 or Windows-1252; None where it is none."""
    for mark, encoding in (
        (codecs.BOM_UTF32_LE, "utf-32"),
        (codecs.BOM_UTF32_BE, "utf-32"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    head = data[:4096]
    if b"\0" not in data:
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError:
            strange = sum(byte < 9 or 13 < byte < 32 for byte in head)
            return data.decode("cp1252", errors="replace") if strange <= len(head) // 100 else None
    for encoding in ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
        zeros = head[1::2] if encoding.endswith("le") else head[::2]
        if zeros.count(0) > 0.7 * len(zeros):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError:
                continue
            if "\0" not in text:
                return text
    return None


_RUNS = {
    "utf-8": re.compile(rb"(?:[\t\n\r -~]|[\xc3-\xcf][\x80-\xbf])+"),
    "latin-1": re.compile(rb"[\t\n\r -~\xc0-\xff]{8,}"),
    "utf-16-le": re.compile(rb"(?:[\t\n\r -~\xa0-\xff]\0){4,}"),
    "utf-16-be": re.compile(rb"(?:\0[\t\n\r -~\xa0-\xff]){4,}"),
    "utf-32-le": re.compile(rb"(?:[\t\n\r -~\xa0-\xff]\0\0\0){3,}"),
}
_WORDY = re.compile(r"[\w\s.,:;=@/\\+~^'\"()<>&#?%-]{5,}")


def find_strings(data: bytes) -> str:
    """Runs of letters in bytes of another kind, each on a line; what a compressor makes is seldom one."""
    lines: list[str] = []
    for encoding, pattern in _RUNS.items():
        for match in pattern.finditer(data):
            text = match[0].decode(encoding)
            lines += [run[0] for run in _WORDY.finditer(text)]
    return "\n".join(lines)
