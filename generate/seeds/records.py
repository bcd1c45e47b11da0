"""Turns a record (a jsonl line, a Parquet or hub row) into a document, by the field names of the recipe."""

from typing import Any

from .corpus import Corpus
from .document import Document, Skipped, Unreadable, clean


def document_of(record: Any, place: str, corpus: Corpus, source: str) -> Document | Skipped:
    """The record's document, named by its id, else its title, else its `place`; or why it has none."""
    try:
        if not isinstance(record, dict):
            raise Unreadable("record is not an object")
        fields = corpus.fields
        return Document(
            name=_plain(record, fields.id) or _plain(record, fields.title) or place,
            text=clean(_text(record, fields.text)),
            kind=corpus.kind or "text",
            source=_plain(record, fields.source) or source,
            licence=_plain(record, fields.licence) or _plain(record, "license") or corpus.terms,
        )
    except Unreadable as error:
        return Skipped(place, str(error))


def _text(record: dict[str, Any], field: str) -> str:
    if field not in record:
        raise Unreadable(f"record has no field {field!r}")
    if not isinstance(record[field], str):
        raise Unreadable(f"field {field!r} is not text")
    return record[field]


def _plain(record: dict[str, Any], field: str) -> str:
    """The field as text, or "" where it is missing, empty, or neither text nor a number."""
    value = record.get(field)
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
