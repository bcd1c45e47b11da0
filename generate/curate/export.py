"""Kept pairs to data/: Parquet shards by split, what was dropped beside them, in a fixed order."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..pairs import write_pairs, write_rejected
from ..seeds.order import drawn

Pair = dict[str, Any]

TRAIN, VALIDATION = "train", "validation"
VALIDATION_SHARE = 0.05  # of the documents
ROWS_PER_SHARD = 10_000
REJECTED = "rejected.parquet"


def validation_documents(names: set[str]) -> set[str]:
    """The documents whose pairs are for validation: one at least where there are two."""
    return drawn(names, 0, VALIDATION, VALIDATION_SHARE)


def empty_folder(folder: Path) -> None:
    """Make the folder, without the shards of an earlier time; the manifest goes first."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").unlink(missing_ok=True)
    for shard in folder.glob("*.parquet"):
        shard.unlink()


def write_shards(folder: Path, part: str, pairs: Iterable[Pair]) -> dict[str, int]:
    """Write part-00000.parquet and so on in the given order; returns rows by file name, none for no pairs."""
    files: dict[str, int] = {}
    remaining = iter(pairs)
    while shard := list(itertools.islice(remaining, ROWS_PER_SHARD)):
        name = f"{part}-{len(files):05d}.parquet"
        files[name] = write_pairs(folder / name, shard)
    return files


def write_dropped(folder: Path, pairs: Iterable[Pair], lost: dict[str, tuple[str, str]]) -> dict[str, int]:
    """Write a row for each lost pair, with the reason and, for a duplicate, the pair that it repeats."""
    return {REJECTED: write_rejected(folder / REJECTED, _dropped(pairs, lost))}


def _dropped(pairs: Iterable[Pair], lost: dict[str, tuple[str, str]]) -> Iterator[dict[str, str]]:
    for pair in pairs:
        if pair["id"] in lost:
            reason, detail = lost[pair["id"]]
            where = {name: pair[name] for name in ("id", "seed_id", "skill")}
            yield {**where, "step": "curate", "reason": reason, "detail": detail}


def split_of(held: set[str]) -> Callable[[Pair], str]:
    """The split of a pair, by its document."""
    return lambda pair: VALIDATION if pair["document"] in held else TRAIN
