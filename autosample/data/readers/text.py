"""Text as rows: UTF-8, one kind of line end, and nothing before the first row."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from autosample.data.readers.source import Source
from autosample.errors import DataError

ENCODINGS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""Byte order marks; those of UTF-32 first, since UTF-16's begin them."""
SEPARATOR_LINE = re.compile(rb"sep=(::|[^\r\n])\r?\n", re.IGNORECASE)
"""What Excel writes first, to tell itself the separator."""
COMMENT = re.compile(rb"#[^\n]*\n")
BLANK = re.compile(rb"\s*\n")


@dataclass(frozen=True)
class Text:
    """The rows of a text file."""

    name: str
    raw: bytes
    """UTF-8 without a byte order mark; it begins with the first row."""
    separator: str | None
    """What a line `sep=` names."""
    notes: tuple[str, ...]


def text_of(source: Source) -> Text:
    """Return the rows of a file. Raises DataError where it is not text."""
    raw, notes = _as_utf8(source)
    if b"\n" not in raw and b"\r" in raw:
        raw = raw.replace(b"\r", b"\n")
        notes.append("lines end as on old Macs")
    return _without_preamble(Text(source.name, raw, None, (*source.notes, *notes)))


def _as_utf8(source: Source) -> tuple[bytes, list[str]]:
    raw, name = source.raw, source.name
    for mark, encoding in ENCODINGS:
        if not raw.startswith(mark):
            continue
        if encoding == "utf-8":
            raw = raw.removeprefix(mark)
            break
        try:
            return raw.decode(encoding).encode(), [f"{encoding.upper()} text"]
        except UnicodeError as error:
            raise DataError(f"{name} is damaged {encoding}: {error}") from error
    if b"\0" in raw:
        raise DataError(
            f"{name} is neither text nor Parquet: it has NUL bytes; text in UTF-16"
            " needs its byte order mark"
        )
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name} is not UTF-8: byte 0x{raw[error.start]:02x} in line {line};"
            " save it as UTF-8"
        ) from error
    return raw, []


def _without_preamble(text: Text) -> Text:
    """Skip blank lines, comments and Excel's `sep=` before the first row."""
    raw, separator, comments = text.raw, text.separator, 0
    at = 0
    while True:
        if blank := BLANK.match(raw, at):
            at = blank.end()
        elif line := SEPARATOR_LINE.match(raw, at):
            separator, at = line[1].decode(), line.end()
        elif (comment := COMMENT.match(raw, at)) and not _is_header(comment[0]):
            comments, at = comments + 1, comment.end()
        else:
            break
    if not raw[at:].strip():
        raise DataError(f"{text.name} is empty")
    if raw.startswith(b"#", at):  # a header that is written as a comment
        at += 1
    notes = list(text.notes)
    if comments:
        notes.append(f"{comments} comment line{'s' * (comments > 1)} skipped")
    return Text(text.name, raw[at:], separator, tuple(notes))


def _is_header(comment: bytes) -> bool:
    """Tell whether a comment names columns, as `# user_id,item_id` does."""
    words = set(re.split(r"[\s,;|]+", comment.decode().lower().strip("# \r\n")))
    return any("user" in word for word in words) and any("item" in w for w in words)
