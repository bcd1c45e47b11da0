"""From journal to dataset: shards in record-id order, and a manifest that names and accounts for them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..run import Accounting, write_manifest
from .journal import PAIR, REJECTED, Journal
from .pairs import write_pairs, write_rejected

ROWS_PER_SHARD = 10_000
Row = dict[str, Any]


def seal(journal: Journal, folder: Path, accounting: Accounting, **facts: Any) -> dict[str, Any]:
    """Write the round's shards and, last, its manifest; the same journal gives the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        **_shards(folder, "pairs", journal.outcomes(PAIR), write_pairs),
        **_shards(folder, "rejected", journal.outcomes(REJECTED), write_rejected),
    }
    calls = {"teacher_calls": journal.count("calls"), "repeated_calls": journal.repeated_calls()}
    return write_manifest(folder, files, **accounting.facts(), **calls, **facts)


def _shards(
    folder: Path, name: str, rows: Iterator[Row], write: Callable[[Path, Iterable[Row]], int]
) -> dict[str, int]:
    files: dict[str, int] = {}
    for number in itertools.count():
        shard = list(itertools.islice(rows, ROWS_PER_SHARD))
        if not shard and files:
            break
        path = folder / f"{name}-{number:05d}.parquet"
        files[path.name] = write(path, shard)
        if len(shard) < ROWS_PER_SHARD:
            break
    return files
