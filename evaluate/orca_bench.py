"""Orca-Bench: held-out items of every skill, scored by exact match where the item allows it and by a judge where not.

In a conversation the model answers each of the user's turns on the teacher's history (arXiv 2407.03502, section 4.1). The
item's score is the mean over its turns, so that a long conversation weighs no more than a short one; its replies are
not independent, and count as one item.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..run import BadInput, read_manifest
from .item import Item, Row

PREFIX = "orca_bench_"
JUDGED = "_judged"
"""Judged items make a task of their own: their scores are ratios of 0-10 judgements, not shares of right answers."""

_FIELDS = ("id", "skill", "messages", "reference", "answer", "match", "document")
_MATCHES = ("exact", "number", "text", "judge")


def load(folder: Path) -> tuple[list[Item], dict[str, str]]:
    """The items of every SKILL.jsonl that the folder's manifest names, and each file's sha256; BadInput names the mistake."""
    files = {
        entry["name"]: entry["sha256"]
        for entry in read_manifest(folder)["files"]
        if entry["name"].endswith(".jsonl")
    }
    items = [item for name in sorted(files) for item in _read(folder / name)]
    if not items:
        raise BadInput(f"{folder}: holds no Orca-Bench items; build them with genteach orca-bench build")
    return items, {f"orca_bench/{name}": hash for name, hash in files.items()}


def _read(path: Path) -> list[Item]:
    items = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                items.append(_item(json.loads(line)))
            except (ValueError, KeyError, TypeError) as error:
                raise BadInput(
                    f"{path}:{number}: not an Orca-Bench item ({error}); it needs {', '.join(_FIELDS)}"
                ) from error
    return items


def _item(row: dict[str, Any]) -> Item:
    messages = tuple({"role": m["role"], "content": m["content"]} for m in row["messages"])
    if not messages or messages[-1]["role"] != "user":
        raise ValueError("messages must end with the user's turn")
    kind = row["match"] if row["answer"] is not None else "judge"
    if kind not in _MATCHES:
        raise ValueError(f"match is {kind!r}; known are {', '.join(_MATCHES)}")
    gold = row["reference"] if kind == "judge" else str(row["answer"])
    task = PREFIX + row["skill"] + (JUDGED if kind == "judge" else "")
    talk = row["id"] if row.get("turns", 1) > 1 else ""
    name = f"{talk}#{row['turn']}" if talk else row["id"]
    return Item(
        task, name, str(row["document"]), messages, gold, kind, reference=row["reference"], turn_of=talk
    )


def whole(items: Sequence[Item], rows: Sequence[Row]) -> list[Row]:
    """The graded rows of these items, those of a conversation's turns brought together to one."""
    turns: dict[tuple[str, str], list[Row]] = {}
    for item, row in zip(items, rows, strict=True):
        turns.setdefault((item.task, item.whole), []).append(row)
    talks = {(item.task, item.turn_of) for item in items if item.turn_of}
    return [_together(key[1], each) if key in talks else each[0] for key, each in turns.items()]


def _together(name: str, turns: list[Row]) -> Row:
    """Measured if all its turns are, and a failure of the model if all of them are."""
    statuses = [row["status"] for row in turns]
    decisive = next((status for status in ("not_measured", "scored") if status in statuses), statuses[-1])
    found = {
        **turns[-1],
        "id": name,
        "status": decisive,
        "score": None if decisive == "not_measured" else _mean(turns, "score"),
        "prompt_tokens": sum(row["prompt_tokens"] for row in turns),
        "new_tokens": sum(row["new_tokens"] for row in turns),
        "turns": turns,
    }
    if decisive != "not_measured" and "teacher_score" in turns[-1]:
        found["teacher_score"] = _mean(turns, "teacher_score")
    return found


def _mean(turns: list[Row], name: str) -> float:
    return sum(row[name] for row in turns) / len(turns)
