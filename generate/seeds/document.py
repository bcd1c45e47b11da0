"""A document on its way to becoming seeds, and the ways in which a file fails to be one."""

import re
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 50_000_000  # of one document: the longest books are 5 MB
BYTE_ORDER_MARKS = (  # the longest first: UTF-32's begins with UTF-16's
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
MAGIC = (b"\x7fELF", b"%PDF-", b"PK\x03\x04", b"\x89PNG", b"\x1f\x8b", b"GIF8", b"\xff\xd8\xff", b"MZ\x90")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Document:
    """One text of one origin; the spans of its seeds count characters of `text`."""

    name: str
    text: str
    kind: str
    source: str
    licence: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or record that gave no document, and why."""

    name: str
    reason: str


class Unreadable(Exception):
    """What is being read is no document; the message is the reason, worded so that reasons can be counted."""


def load_bytes(path: Path) -> bytes:
    """The whole of a file that is small enough to be one document."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Unreadable(f"larger than {MAX_BYTES // 1_000_000} MB")
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(error.strerror or "cannot be read") from error


def decode(data: bytes) -> str:
    """Text of a UTF-8 file, or of a UTF-16 or UTF-32 one with a byte-order mark; newlines become \\n."""
    encoding = next((name for mark, name in BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    if data.startswith(MAGIC) or (encoding in ("utf-8", "utf-8-sig") and b"\0" in data):
        raise Unreadable("binary")
    try:
        return clean(data.decode(encoding))
    except UnicodeDecodeError as error:
        raise Unreadable(f"not {encoding.removesuffix('-sig').upper()} text") from error


def clean(text: str) -> str:
    """The text with plain newlines, if it is text: not empty, no NUL, hardly a control character."""
    if not text.strip():
        raise Unreadable("empty")
    if len(text) > MAX_BYTES:
        raise Unreadable(f"larger than {MAX_BYTES // 1_000_000} MB")
    if "\0" in text or len(CONTROL.findall(text)) * 100 > len(text):
        raise Unreadable("binary")
    return text.replace("\r\n", "\n").replace("\r", "\n")
