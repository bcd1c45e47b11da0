"""Reads .jsonl, .jsonl.gz and .parquet files, a record at a time."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import orjson

from .corpus import Corpus
from .document import MAX_BYTES, Document, Skipped, Unreadable
from .records import document_of

JSONL_SUFFIXES = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
PARQUET_SUFFIXES = (".parquet",)
MAX_RATIO = 100  # of text, gzip reaches 3 to 10; of a bomb, 1,000
SMALL = 16_000_000  # bytes that may be expanded before the ratio is looked at
BLOCK = 1_000_000  # bytes read at once
BATCH = 64  # rows read at once


def read_jsonl(path: Path, name: str, corpus: Corpus) -> Iterator[Document | Skipped]:
    """A document a line; a line that gives none is skipped with its reason."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for number, line in _lines(file, path.stat().st_size):
                yield _record(line, f"{name}:{number}", corpus)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Unreadable("damaged gzip") from error
    except OSError as error:
        raise Unreadable(error.strerror or "cannot be read") from error


def _lines(file: BinaryIO | gzip.GzipFile, size: int) -> Iterator[tuple[int, bytes]]:
    """Numbered lines that are not blank, in bounded memory: a line above MAX_BYTES is cut just above it."""
    number, taken, tail = 0, 0, b""
    while block := file.read(BLOCK):
        taken += len(block)
        if taken > max(SMALL, MAX_RATIO * size):
            raise Unreadable(f"expands more than {MAX_RATIO} times (gzip bomb)")
        if len(tail) > MAX_BYTES and b"\n" not in block:
            continue
        *whole, tail = (tail + block).split(b"\n")
        yield from ((at, line) for at, line in enumerate(whole, number + 1) if line and not line.isspace())
        number += len(whole)
        tail = tail[: MAX_BYTES + 1]
    if tail.strip():
        yield number + 1, tail


def _record(line: bytes, place: str, corpus: Corpus) -> Document | Skipped:
    if len(line) > MAX_BYTES:
        return Skipped(place, f"larger than {MAX_BYTES // 1_000_000} MB")
    try:
        record = orjson.loads(line.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return Skipped(place, "not JSON")
    return document_of(record, place, corpus, corpus.label)


def read_parquet(path: Path, name: str, corpus: Corpus) -> Iterator[Document | Skipped]:
    """A document a row; only the columns that the recipe names are read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if corpus.fields.text not in names:
                raise Unreadable(f"no column {corpus.fields.text!r}")
            wanted = [column for column in corpus.fields.model_dump().values() if column in names]
            number = 0
            for batch in file.iter_batches(batch_size=BATCH, columns=wanted):
                for record in batch.to_pylist():
                    number += 1
                    yield document_of(record, f"{name}:{number}", corpus, corpus.label)
    except (pa.ArrowException, OSError) as error:
        raise Unreadable("damaged Parquet") from error
