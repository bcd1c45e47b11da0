"""Arms beside the student, from the same pairs: bare answers, and answers that nobody verified.

Each is written in the columns of data/; `verdict` says of a changed pair what was done to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ...run import BadInput, read_manifest, write_manifest
from ..pairs import write_pairs
from ..parquet import read_rows
from ..seeds.order import rank
from ..tools.answers import plain_text
from .export import TRAIN, VALIDATION, empty_folder

Pair = dict[str, Any]
Change = Callable[[Pair], Pair]

WRONG_SHARE = 0.3  # of the pairs: about what an unverified teacher gets wrong


def write_control(run: Path, name: str) -> dict[str, int]:
    """Write controls/NAME from data/; returns how many pairs were changed and kept as they were.

    Raises BadInput for an unknown name, and when the run was not curated.
    """
    if name not in CONTROLS:
        raise BadInput(f"--control {name}: unknown; choose {' or '.join(sorted(CONTROLS))}")
    if not (run / "data" / "manifest.json").is_file():
        raise BadInput(f"{run}/data: not there yet; run genteach curate {run} first")
    files = [file["name"] for file in read_manifest(run / "data")["files"]]
    splits = {name: name.split("-")[0] for name in files if name.startswith((f"{TRAIN}-", f"{VALIDATION}-"))}
    change = CONTROLS[name](run / "data", splits)
    folder = run / "controls" / name
    empty_folder(folder)
    counts = {"changed": 0, "unchanged": 0}
    written = {}
    for file in splits:
        rows = [change(pair) for pair in read_shard(run / "data" / file)]
        written[file] = write_pairs(folder / file, rows)
        changed = sum(pair["verdict"].startswith("control:") for pair in rows)
        counts["changed"] += changed
        counts["unchanged"] += len(rows) - changed
    write_manifest(folder, written, control=name, **counts)
    return counts


def read_shard(path: Path) -> Iterator[Pair]:
    """The pairs of one shard, scores as a dict."""
    for row in read_rows(path):
        yield row | {"scores": {score["name"]: score["value"] for score in row["scores"]}}


def bare(data: Path, splits: dict[str, str]) -> Change:
    """The answer alone instead of the worked reply; a pair without a short answer keeps its reply."""

    def change(pair: Pair) -> Pair:
        if pair["answer"] is None:
            return pair
        return pair | {"messages": _with_reply(pair, pair["answer"]), "verdict": "control: bare answer"}

    return change


def unverified(data: Path, splits: dict[str, str]) -> Change:
    """For 30 % of the pairs, by hash, the reply of another pair of the entry that has a different answer."""
    donors = _donors(data, splits)
    wanted = set(donors.values())
    given = {pair["id"]: pair for file in splits for pair in read_shard(data / file) if pair["id"] in wanted}

    def change(pair: Pair) -> Pair:
        if pair["id"] not in donors:
            return pair
        donor = given[donors[pair["id"]]]
        return pair | {
            "messages": _with_reply(pair, donor["messages"][-1]["content"]),
            "answer": donor["answer"],
            "verdict": "control: reply of another pair",
            "verified_by": f"nothing (the reply belongs to {donor['id']})",
        }

    return change


CONTROLS: dict[str, Callable[[Path, dict[str, str]], Change]] = {"bare": bare, "unverified": unverified}


def _with_reply(pair: Pair, reply: str) -> list[dict[str, str]]:
    return [*pair["messages"][:-1], {"role": "assistant", "content": reply}]


def _donors(data: Path, splits: dict[str, str]) -> dict[str, str]:
    """The ids to change, each with the id whose reply it gets: of the same split, skill and entry."""
    pools: dict[tuple[str, str, str], list[tuple[str, str]]] = defaultdict(list)
    total = 0
    for file, part in splits.items():
        for pair in read_shard(data / file):
            said = pair["answer"] if pair["answer"] is not None else pair["messages"][-1]["content"]
            pools[part, pair["skill"], pair["entry"]].append((pair["id"], plain_text(said)))
            total += 1
    matched = dict(match for pool in pools.values() for match in _matches(pool))
    first = sorted(matched, key=lambda name: rank(0, f"unverified {name}"))[: round(WRONG_SHARE * total)]
    return {name: matched[name] for name in first}


def _matches(pool: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """For each pair the next one in an order drawn by hash, round the end, whose answer is another."""
    ring = sorted(pool, key=lambda each: rank(0, f"donor {each[0]}"))
    if len({said for _, said in ring}) < 2:
        return
    for at, (name, said) in enumerate(ring):
        others = (ring[(at + step) % len(ring)] for step in range(1, len(ring)))
        yield name, next(other for other, answer in others if answer != said)
