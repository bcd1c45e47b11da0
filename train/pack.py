"""The packing plan: which documents share a row, settled from their lengths alone; no token is copied."""

from __future__ import annotations

import hashlib
import heapq
import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ..progress import say
from ..run import BadInput, read_manifest, write_whole
from .recipe import read_recipe
from .shards import Shards


def best_fit(lengths: np.ndarray, row_length: int) -> np.ndarray:
    """The row of each document, by best-fit decreasing; every length must be in 1..row_length.

    Rows are kept by what is left in them, and a bit mask says which amounts occur: the fullest row that
    still takes a document is one shift away, so the whole plan is linear in the documents.
    """
    rows = np.empty(len(lengths), np.int64)
    order = np.argsort(-lengths.astype(np.int64), kind="stable")
    open_rows: list[list[int]] = [[] for _ in range(row_length + 1)]
    mask, used = 0, 0
    for document, length in zip(order.tolist(), lengths[order].tolist(), strict=True):
        fitting = mask >> length
        if fitting:
            left = length + (fitting & -fitting).bit_length() - 1
            row = open_rows[left].pop()
            if not open_rows[left]:
                mask ^= 1 << left
        else:
            left, row = row_length, used
            used += 1
        rows[document] = row
        left -= length
        if left:
            open_rows[left].append(row)
            mask |= 1 << left
    return rows


def spread(rows: np.ndarray, multiple: int) -> np.ndarray:
    """The same packing with its number of rows raised to the next multiple of `multiple`.

    Rows of several documents are halved until the count is right. No document is repeated or left out and
    no row is empty; since a batch is flattened without padding, a shorter row costs only its own tokens.
    There must be as many documents as rows are wanted.
    """
    counts = np.bincount(rows)
    missing = -len(counts) % multiple
    fullest = np.argsort(-counts, kind="stable")[:missing]
    heap = [(-int(counts[row]), int(row), np.flatnonzero(rows == row)) for row in fullest]
    heapq.heapify(heap)
    rows = rows.copy()
    for new in range(len(counts), len(counts) + missing):
        _, row, members = heapq.heappop(heap)
        half = len(members) // 2
        rows[members[:half]] = new
        for part, owner in ((members[:half], new), (members[half:], row)):
            heapq.heappush(heap, (-len(part), owner, part))
    return rows


def trim(rows: np.ndarray, lengths: np.ndarray, multiple: int) -> np.ndarray:
    """The same packing without its shortest rows, so that the rest is a multiple; their documents get row -1."""
    tokens = np.bincount(rows, weights=lengths)
    kept = np.sort(np.argsort(-tokens, kind="stable")[: len(tokens) // multiple * multiple])
    renumbered = np.full(len(tokens), -1)
    renumbered[kept] = np.arange(len(kept))
    return renumbered[rows]


@dataclass(frozen=True)
class Plan:
    """Rows of documents: row i holds `documents[starts[i]:starts[i + 1]]`."""

    documents: np.ndarray
    starts: np.ndarray
    facts: dict[str, Any]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def row(self, number: int) -> np.ndarray:
        """The documents of one row, by their number in the shards."""
        return self.documents[self.starts[number] : self.starts[number + 1]]


def make_plan(lengths: np.ndarray, row_length: int, global_batch: int, seed: int) -> Plan:
    """Pack the documents into whole global batches of rows, in an order drawn from `seed`.

    Documents longer than a row are left out, and counted. Only where nearly every row is a single document,
    so that none can be split, are the rows beyond the last whole batch left out too. Raises BadInput when
    fewer documents fit than one global batch has rows.
    """
    kept = np.flatnonzero(lengths <= row_length)
    fits = lengths[kept]
    if len(kept) < global_batch:
        raise BadInput(
            f"max_length: {len(kept)} of {len(lengths)} documents fit into {row_length} tokens, fewer than one global "
            f"batch of {global_batch} rows; raise max_length, lower global_batch_size or add data"
        )
    rows = best_fit(fits, row_length)
    wanted = -(-(int(rows.max()) + 1) // global_batch) * global_batch
    rows = spread(rows, global_batch) if wanted <= len(kept) else trim(rows, fits, global_batch)
    left_over = int((rows < 0).sum())
    kept, fits, rows = kept[rows >= 0], fits[rows >= 0], rows[rows >= 0]
    count = int(rows.max()) + 1
    rows = np.random.default_rng(seed).permutation(count)[rows]
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))])
    documents = kept[np.argsort(rows, kind="stable")]
    tokens = int(fits.sum())
    facts = {
        "max_length": row_length,
        "global_batch_size": global_batch,
        "seed": seed,
        "rows": count,
        "steps_per_epoch": count // global_batch,
        "documents": len(kept),
        "tokens": tokens,
        "fill": round(tokens / (count * row_length), 6),
        "too_long": int((lengths > row_length).sum()),
        "left_over": left_over,
    }
    return Plan(documents, starts, facts)


def write_plan(folder: Path, plan: Plan, shards_sha256: str) -> dict[str, Any]:
    """Write plan.npz, then plan.json with its hash and the hash of the shards it was made for."""
    arrays = BytesIO()
    np.savez(arrays, documents=plan.documents.astype(np.int64), starts=plan.starts.astype(np.int64))
    write_whole(folder / "plan.npz", arrays.getvalue())
    digest = hashlib.sha256(arrays.getvalue()).hexdigest()
    facts = {**plan.facts, "plan_sha256": digest, "shards_sha256": shards_sha256}
    write_whole(folder / "plan.json", json.dumps(facts, indent=2) + "\n")
    return facts


def read_plan(shards: Shards, row_length: int, global_batch: int) -> Plan:
    """The plan of these shards; BadInput when there is none, or it is of other shards or another recipe."""
    described, arrays = shards.folder / "plan.json", shards.folder / "plan.npz"
    if not described.is_file() or not arrays.is_file():
        raise BadInput(f"tokens: {shards.folder} has no plan; run `genteach pack` first")
    facts = json.loads(described.read_text())
    if facts["shards_sha256"] != shards.sha256:
        raise BadInput(f"tokens: {described} was made for other shards; run `genteach pack` again")
    for name, wanted in (("max_length", row_length), ("global_batch_size", global_batch)):
        if facts[name] != wanted:
            raise BadInput(
                f"{name}: {wanted}, but {described} was packed for {facts[name]}; run `genteach pack` again"
            )
    data = arrays.read_bytes()
    if hashlib.sha256(data).hexdigest() != facts["plan_sha256"]:
        raise BadInput(
            f"tokens: {arrays} is not the file that plan.json describes; run `genteach pack` again"
        )
    loaded = np.load(BytesIO(data), allow_pickle=False)
    return Plan(loaded["documents"], loaded["starts"], facts)


def pack(config: Path, settings: dict[str, Any] | None = None) -> dict[str, Any]:
    """`genteach pack`: settle the rows for the recipe's max_length and global batch, and say how full they are."""
    recipe = read_recipe(config, settings)
    read_manifest(recipe.tokens)
    shards = Shards(recipe.tokens)
    plan = make_plan(shards.lengths(), recipe.max_length, recipe.global_batch_size, recipe.seed)
    facts = write_plan(recipe.tokens, plan, shards.sha256)
    say(
        f"packed {facts['documents']:,} documents, {facts['tokens']:,} tokens into {facts['rows']:,} rows of at most "
        f"{recipe.max_length:,} ({facts['fill']:.2%} full): {facts['steps_per_epoch']:,} steps an epoch of "
        f"{recipe.global_batch_size:,} rows"
    )
    if facts["too_long"]:
        say(f"left out: {facts['too_long']:,} documents over {recipe.max_length:,} tokens")
    if facts["left_over"]:
        say(f"left out: {facts['left_over']:,} documents beyond the last whole batch")
    return facts
