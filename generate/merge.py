"""One round out of many parts: shards in record-id order, and a manifest that names and accounts for them.

The same outcomes give the same bytes, whatever crashed, and however many processes the work was shared by.
The round of a run that is not finished also keeps the calls of its open items.
"""

from __future__ import annotations

import heapq
import itertools
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..run import Accounting, AccountingError, BadInput, settle, write_manifest
from .engine import item_id
from .pairs import CALL_SCHEMA, ITEM_SCHEMA, PAIR_SCHEMA, REJECTED_SCHEMA
from .parquet import read_rows, write_rows
from .parts import BEFORE, ROUND, Source, discard, sources

ROWS_PER_SHARD = 10_000
MOST_STREAMS = 64  # that are read at once: each holds a thousand rows in memory
SCHEMAS = {"pairs": PAIR_SCHEMA, "rejected": REJECTED_SCHEMA, "items": ITEM_SCHEMA}
MERGING = ".merging"
Row = dict[str, Any]


def merge(run: Path, recipe: str, planned: Iterator[str]) -> dict[str, Any]:
    """Write RUN/rounds/0001 from its parts, and let go of them; returns the manifest.

    `planned` are the ids of all work items. Memory does not grow with the run. Raises AccountingError where
    the parts hold an item that is not planned, or hold all items but not the planned ones.
    """
    _finish_swap(run)
    found = sources(run, recipe)
    if not found:
        raise BadInput(f"{run}: no part is sealed yet; run genteach generate first")
    if [source.folder for source in found] == [run / ROUND]:
        return found[0].manifest  # nothing new
    aside = run / MERGING
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    overruled = _overruled(found)
    files: dict[str, int] = {}
    with tempfile.TemporaryDirectory(dir=run, prefix=".sorting-") as scratch:
        for kind, schema in SCHEMAS.items():
            rows = _merged(_streams(found, kind, overruled), schema, Path(scratch))
            files |= _write_shards(aside, kind, rows, schema)
    accounting, calls = _account(aside, files, planned)
    if accounting.pending:
        files |= _write_shards(aside, "calls", _open_calls(found), CALL_SCHEMA)
    repeated = sum(source.manifest["repeated_calls"] for source in found)
    counts = {"teacher_calls": calls, "repeated_calls": repeated}
    manifest = write_manifest(
        aside, files, recipe=recipe, **accounting.facts(), **counts, teachers=found[-1].manifest["teachers"]
    )
    _finish_swap(run)
    for source in found:
        if source.folder != run / ROUND:
            discard(source.folder)
    return manifest


def _finish_swap(run: Path) -> None:
    """Put a finished merge in the place of the round before it; a kill between any two steps is made good."""
    place, aside, before = run / ROUND, run / MERGING, run / BEFORE
    if (aside / "manifest.json").is_file():
        if place.exists():
            shutil.rmtree(before, ignore_errors=True)
            settle(place, before)
        place.parent.mkdir(exist_ok=True)
        settle(aside, place)
    shutil.rmtree(before, ignore_errors=True)


def _overruled(found: list[Source]) -> dict[str, int]:
    """Of the items that several sources hold, the place of the source that counts: the last. 8 bytes an item."""
    numbers = (int(row["id"][:16], 16) for source in found for row in source.rows("items", ["id"]))
    values, counts = np.unique(np.fromiter(numbers, np.uint64), return_counts=True)
    if not (twice := set(values[counts > 1].tolist())):
        return {}
    return {
        row["id"]: place
        for place, source in enumerate(found)
        for row in source.rows("items", ["id"])
        if int(row["id"][:16], 16) in twice
    }


def _open_calls(found: list[Source]) -> Iterator[Row]:
    """The calls of the items that no source has settled, each once: a lost journal need not buy them again."""
    numbers = (int(row["id"][:16], 16) for source in found for row in source.rows("items", ["id"]))
    settled, seen = np.unique(np.fromiter(numbers, np.uint64)), set()
    for source in found:
        for row in source.rows("calls"):
            call, number = (row["item"], row["key"], row["n"]), np.uint64(int(row["item"][:16], 16))
            place = settled.searchsorted(number)
            if call not in seen and (place == len(settled) or settled[place] != number):
                seen.add(call)
                yield row


def _streams(found: list[Source], kind: str, overruled: dict[str, int]) -> list[Iterator[Row]]:
    """The rows of each source in the order of their ids, without those that a later source overrules."""

    def item_of(row: Row) -> str:
        return row["id"] if kind == "items" else item_id(row["skill"], row["seed_id"])

    def standing(source: Source, place: int) -> Iterator[Row]:
        rows = source.rows(kind)
        return (row for row in rows if overruled.get(item_of(row), place) == place) if overruled else rows

    return [standing(source, place) for place, source in enumerate(found)]


def _merged(streams: list[Iterator[Row]], schema: pa.Schema, scratch: Path) -> Iterator[Row]:
    """One stream in the order of the ids; too many are first merged into fewer, on disk."""
    for number in itertools.count():
        if len(streams) <= MOST_STREAMS:
            break
        some, streams = streams[:MOST_STREAMS], streams[MOST_STREAMS:]
        path = scratch / f"{number}.parquet"
        write_rows(path, heapq.merge(*some, key=_by_id), schema)
        streams.append(read_rows(path))
    return heapq.merge(*streams, key=_by_id)


def _by_id(row: Row) -> str:
    return row["id"]


def _write_shards(folder: Path, name: str, rows: Iterator[Row], schema: pa.Schema) -> dict[str, int]:
    files: dict[str, int] = {}
    for number in itertools.count():
        shard = list(itertools.islice(rows, ROWS_PER_SHARD))
        if not shard and files:
            break
        path = folder / f"{name}-{number:05d}.parquet"
        files[path.name] = write_rows(path, shard, schema)
        if len(shard) < ROWS_PER_SHARD:
            break
    return files


def _account(folder: Path, files: dict[str, int], planned: Iterator[str]) -> tuple[Accounting, int]:
    """Where every planned item stands, and the calls that the settled ones took."""
    accounting, calls, settled, settled_sum = Accounting(), 0, 0, 0
    for name in files:
        if name.startswith("items"):
            for item in read_rows(folder / name, ["id", "state", "reason", "calls"]):
                accounting.add(item["state"], item["reason"])
                settled, calls, settled_sum = (
                    settled + 1,
                    calls + item["calls"],
                    settled_sum + int(item["id"], 16),
                )
    planned_sum = 0
    for item in planned:
        accounting.planned += 1
        planned_sum += int(item, 16)
    accounting.pending = accounting.planned - settled
    # The ids of both must add up to the same: an item of another plan in the place of a planned one shows.
    if accounting.pending < 0 or (not accounting.pending and settled_sum != planned_sum):
        raise AccountingError(
            f"{folder}: {settled} settled items, not the {accounting.planned} planned ones; please report this"
        )
    accounting.check()
    return accounting, calls
