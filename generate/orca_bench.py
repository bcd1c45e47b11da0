"""Orca-Bench (arXiv 2407.03502, section 4.1): held-out items per skill, frozen with their teacher's reply."""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from ..run import write_manifest, write_whole
from .pairs import read_pairs
from .seeds import Seed
from .seeds.order import rank


def draw(seeds: Iterable[Seed], count: int, run_seed: int) -> list[Seed]:
    """`count` of the seeds: the documents take turns, in an order drawn by hash."""
    turns: Counter[str] = Counter()

    def turn(seed: Seed) -> tuple[int, float]:
        turns[seed.document] += 1
        return turns[seed.document], rank(run_seed, seed.document)

    return heapq.nsmallest(count, seeds, key=turn)


def freeze(folder: Path, per_skill: int) -> dict[str, int]:
    """Write SKILL.jsonl from the sealed round in `folder`; returns the number of items per skill.

    Where there are more than `per_skill` pairs, the seeds take turns and each gives the pair with the
    lowest hash, so that as many documents as possible are covered.
    """
    by_skill: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for pair in read_pairs(folder / "rounds" / "0001"):
        by_skill[pair["skill"]].append(pair)
    counts = {}
    for skill, pairs in sorted(by_skill.items()):
        chosen = _spread(pairs)[:per_skill]
        lines = (orjson.dumps(_item(pair)) + b"\n" for pair in sorted(chosen, key=lambda pair: pair["id"]))
        write_whole(folder / f"{skill}.jsonl", b"".join(lines))
        counts[skill] = len(chosen)
    write_manifest(folder, {f"{skill}.jsonl": count for skill, count in counts.items()})
    return counts


def _spread(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Round-robin over the seeds, in hash order."""
    taken: dict[str, int] = defaultdict(int)
    turns = []
    for pair in sorted(pairs, key=lambda pair: hashlib.sha256(pair["id"].encode()).digest()):
        turns.append((taken[pair["seed_id"]], pair))
        taken[pair["seed_id"]] += 1
    return [pair for _, pair in sorted(turns, key=lambda turn: turn[0])]


def _item(pair: dict[str, Any]) -> dict[str, Any]:
    kept = {key: pair[key] for key in ("id", "skill", "entry", "answer", "match", "document", "seed_id")}
    return {**kept, "messages": pair["messages"][:-1], "reference": pair["messages"][-1]["content"]}
