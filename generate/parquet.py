"""Rows to one Parquet file: streamed, whole or absent, and the same bytes for the same rows."""

import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from ..run import aside_of, settle, writing

ROWS_PER_GROUP = 1000  # fixed: the bytes depend on the rows alone, and a reader holds little at once


def write_rows(path: Path, rows: Iterable[dict[str, Any]], schema: pa.Schema) -> int:
    """Write the rows aside, sync them and rename the file into place; returns how many rows there were."""
    aside = aside_of(path)
    with writing(path):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as file:
                count = _write_groups(file, rows, schema)
                file.flush()
                os.fsync(file.fileno())
            settle(aside, path)
        finally:
            aside.unlink(missing_ok=True)
    return count


def _write_groups(file: BinaryIO, rows: Iterable[dict[str, Any]], schema: pa.Schema) -> int:
    count, remaining = 0, iter(rows)
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        while group := list(itertools.islice(remaining, ROWS_PER_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema), row_group_size=ROWS_PER_GROUP)
            count += len(group)
    return count


def read_rows(path: Path, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """The rows of one file in order, a batch in memory at a time."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=ROWS_PER_GROUP, columns=columns):
            yield from batch.to_pylist()
