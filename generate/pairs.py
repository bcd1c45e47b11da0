"""What a pair and a rejected row look like on disk: the one place that knows their columns."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from ..run import read_manifest
from .parquet import read_rows, write_rows

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
LINEAGE = pa.list_(pa.struct([("agent", pa.string()), ("call", pa.string()), ("choice", pa.string())]))
# Not a map: `datasets` cannot load one ("Arrow type map<string, double> does not have … equivalent").
SCORES = pa.list_(pa.struct([("name", pa.string()), ("value", pa.float64())]))

PAIR_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("skill", pa.string()),
        ("entry", pa.string()),
        ("messages", MESSAGES),
        ("answer", pa.string()),
        ("match", pa.string()),
        ("seed_id", pa.string()),
        ("document", pa.string()),
        ("span", pa.list_(pa.int64())),
        ("source", pa.string()),
        ("licence", pa.string()),
        ("lineage", LINEAGE),
        ("teacher", pa.string()),
        ("verdict", pa.string()),
        ("verified_by", pa.string()),
        ("vote_share", pa.float64()),
        ("scores", SCORES),
    ]
)
REJECTED_COLUMNS = ("id", "seed_id", "skill", "step", "reason", "detail")
REJECTED_SCHEMA = pa.schema([(name, pa.string()) for name in REJECTED_COLUMNS])
ITEM_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "skill", "seed_id", "state", "reason", "detail")),
        *((name, pa.int64()) for name in ("calls", "prompt_tokens", "completion_tokens")),
    ]
)
CALL_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("item", "skill", "seed_id", "agent")),
        ("key", pa.binary()),
        ("n", pa.int64()),
        *((name, pa.string()) for name in ("text", "finish_reason", "model")),
        *((name, pa.int64()) for name in ("prompt_tokens", "completion_tokens", "attempts")),
    ]
)


def write_pairs(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write pairs in order (`scores` is a dict in memory). Returns how many; same rows, same bytes."""
    listed = (row | {"scores": _as_list(row.get("scores") or {})} for row in rows)
    return write_rows(path, listed, PAIR_SCHEMA)


def write_rejected(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write rejected rows in the given order; returns how many."""
    return write_rows(path, rows, REJECTED_SCHEMA)


def read_pairs(folder: Path) -> Iterator[dict[str, Any]]:
    """The pairs of every pairs-*.parquet that the folder's manifest names, in the manifest's order.

    Raises BadInput, by way of the manifest, when a file is missing or is not the one that was written.
    """
    for row in _rows_of(folder, "pairs-"):
        yield row | {"scores": {score["name"]: score["value"] for score in row["scores"]}}


def read_rejected(folder: Path) -> Iterator[dict[str, Any]]:
    """The rejected rows that the folder's manifest names, in the manifest's order."""
    return _rows_of(folder, "rejected-")


def count_by(folder: Path) -> tuple[Counter[str], Counter[str]]:
    """Accepted pairs by skill, and rejected rows by `step: reason`."""
    accepted = Counter(row["skill"] for row in read_pairs(folder))
    return accepted, Counter(f"{row['step']}: {row['reason']}" for row in read_rejected(folder))


def _rows_of(folder: Path, prefix: str) -> Iterator[dict[str, Any]]:
    for file in read_manifest(folder)["files"]:
        if file["name"].startswith(prefix):
            yield from read_rows(folder / file["name"])


def _as_list(scores: dict[str, float]) -> list[dict[str, Any]]:
    return [{"name": name, "value": scores[name]} for name in sorted(scores)]
