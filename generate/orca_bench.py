"""Orca-Bench (arXiv 2407.03502, section 4.1): held-out items of 18 sets, frozen with their teacher's replies.

A set for each skill, and one more for the questions of open-domain QA that refinement made complex.
"""

from __future__ import annotations

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import orjson

from ..run import write_manifest, write_whole
from .pairs import read_pairs
from .seeds import Seed
from .seeds.order import rank
from .skills import load

COMPLEX = {"open_domain_qa": "complex_open_domain_qa"}
"""Of these skills, the refined items are a set of their own."""


def draw(seeds: Iterable[Seed], count: int, run_seed: int) -> list[Seed]:
    """`count` of the seeds: the documents take turns, in an order drawn by hash."""
    turns: Counter[str] = Counter()

    def turn(seed: Seed) -> tuple[int, float]:
        turns[seed.document] += 1
        return turns[seed.document], rank(run_seed, seed.document)

    return heapq.nsmallest(count, seeds, key=turn)


def sets(skills: Iterable[str], refine_rounds: int) -> list[str]:
    """The sets that these skills fill: a complex one only where instructions are refined."""
    plain = list(skills)
    refined = [COMPLEX[skill] for skill in plain if skill in COMPLEX and refine_rounds]
    return sorted([*plain, *refined])


def freeze(folder: Path, wanted: int, names: Iterable[str]) -> dict[str, int]:
    """Write NAME.jsonl of each set from the sealed round in `folder`; returns the number of items per set.

    Where there are more than `wanted` pairs, the seeds take turns and each gives the pair with the
    lowest hash, so that as many documents as possible are covered. The manifest names the sets that fall short.
    """
    by_set: dict[str, list[dict[str, Any]]] = {name: [] for name in sorted(names)}
    for pair in read_pairs(folder / "rounds" / "0001"):
        by_set[set_of(pair)].append(pair)
    files, counts = {}, {}
    for name, pairs in by_set.items():
        chosen = _spread(pairs)[:wanted]
        counts[name] = len(chosen)
        if chosen:
            rows = [row for pair in sorted(chosen, key=lambda pair: pair["id"]) for row in _rows(pair)]
            write_whole(folder / f"{name}.jsonl", b"".join(orjson.dumps(row) + b"\n" for row in rows))
            files[f"{name}.jsonl"] = len(rows)
    write_manifest(folder, files, wanted=wanted, items=counts, shortfalls=shortfalls(counts, wanted))
    return counts


def shortfalls(counts: dict[str, int], wanted: int) -> dict[str, str]:
    """The sets that held-out documents did not fill, as "37 of 100"."""
    return {name: f"{count} of {wanted}" for name, count in counts.items() if count < wanted}


def set_of(pair: dict[str, Any]) -> str:
    """The set that a pair belongs to: its skill, or the complex form where an editor had a hand in it."""
    skill = pair["skill"]
    if skill in COMPLEX and any(step["agent"] in _editors(skill) for step in pair["lineage"]):
        return COMPLEX[skill]
    return skill


@cache
def _editors(skill: str) -> frozenset[str]:
    return frozenset(agent.name for each in load(skill).refine for agent in each.editor.agents())


def _spread(pairs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Round-robin over the seeds, in hash order."""
    taken: dict[str, int] = defaultdict(int)
    turns = []
    for pair in sorted(pairs, key=lambda pair: hashlib.sha256(pair["id"].encode()).digest()):
        turns.append((taken[pair["seed_id"]], pair))
        taken[pair["seed_id"]] += 1
    return [pair for _, pair in sorted(turns, key=lambda turn: turn[0])]


def _rows(pair: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A row for each reply of the teacher, on all that was said before it; the short answer is that of the last.

    What the teacher says before anybody asks is history alone.
    """
    messages = pair["messages"]
    asked = [at - 1 for at, turn in enumerate(messages) if turn["role"] == "assistant"]
    asked = [at for at in asked if at >= 0 and messages[at]["role"] == "user"]
    of_item = {key: pair[key] for key in ("id", "entry", "document", "seed_id")} | {"skill": set_of(pair)}
    for turn, at in enumerate(asked, 1):
        is_last = turn == len(asked)
        yield {
            **of_item,
            "turn": turn,
            "turns": len(asked),
            "answer": pair["answer"] if is_last else None,
            "match": pair["match"] if is_last else "judge",
            "messages": messages[: at + 1],
            "reference": messages[at + 1]["content"],
        }
