"""Orca-Bench: held-out items of every skill, scored by exact match where the item allows it and by a judge where not."""

import json
from pathlib import Path
from typing import Any

from ..run import BadInput, read_manifest
from .item import Item

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
    return Item(task, row["id"], str(row["document"]), messages, gold, kind, reference=row["reference"])
