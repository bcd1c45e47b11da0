"""A journal that is looked at and not changed, whoever else writes to it meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import zstandard

from ..run import BadInput, EnvironmentFailure
from .journal import VERSION, Call, read_calls

ITEM = ("id", "skill", "seed_id", "state", "reason", "detail", "calls", "prompt_tokens", "completion_tokens")


class JournalReader:
    """What a journal holds. Raises BadInput for another version's, EnvironmentFailure for a broken one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._connection = _connect(path)
            [version] = self._connection.execute("PRAGMA user_version").fetchone()
        except sqlite3.Error as error:
            raise EnvironmentFailure(f"{path}: {error}") from error
        if version != VERSION:
            self.close()
            raise BadInput(f"{path}: written by another version of genteach, which can read it")

    def __enter__(self) -> JournalReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def fact(self, name: str) -> str | None:
        """What is known under `name`, such as the teacher's identity."""
        row = self._connection.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def calls(self, item: str) -> dict[tuple[bytes, int], Call]:
        """The replies that an item has been given, by request key and occurrence, as they were made."""
        found = read_calls(self._connection, "i.id = ?", bytes.fromhex(item))
        return {(call.key, call.n): call for _, call in found}

    def begun(self, items: Iterable[str]) -> dict[str, str | None]:
        """Those of at most ASKED_AT_ONCE items that have been asked about; how they ended, or None."""
        keys = [bytes.fromhex(item) for item in items]
        marks = ",".join("?" * len(keys))
        sql = f"SELECT id, trim(state || ' ' || reason) FROM items WHERE id IN ({marks})"
        return {key.hex(): ended for key, ended in self._connection.execute(sql, keys)}

    def items(self, prefix: str) -> list[dict[str, Any]]:
        """The items whose ids begin so; `state` is None for one that is still open."""
        low, high = bytes.fromhex(prefix.ljust(32, "0")), bytes.fromhex(prefix.ljust(32, "f"))
        sql = f"SELECT {', '.join(ITEM).replace('skill', 'name')} FROM items JOIN names ON code = skill"
        rows = self._connection.execute(f"{sql} WHERE id BETWEEN ? AND ?", (low, high))
        return [dict(zip(ITEM, (key.hex(), *rest), strict=True)) for key, *rest in rows]

    def outcomes(self, kind: str, prefix: str = "") -> Iterator[dict[str, Any]]:
        """Pairs or rejected rows that no part holds yet and whose ids begin so, by id."""
        sql = "SELECT body FROM outcomes WHERE kind = ? AND substr(id, 1, ?) = ? ORDER BY id"
        decompressor = zstandard.ZstdDecompressor()
        for (body,) in self._connection.execute(sql, (kind, len(prefix), prefix)):
            yield orjson.loads(decompressor.decompress(body))

    def staged_items(self) -> set[str]:
        """The items whose outcomes no part holds yet."""
        return {key.hex() for (key,) in self._connection.execute("SELECT DISTINCT item FROM outcomes")}

    def mean(self, skill: str) -> tuple[float, float, float] | None:
        """Calls, prompt and completion tokens that a settled item of the skill took; None where there is none."""
        sql = """
            SELECT AVG(calls), AVG(prompt_tokens), AVG(completion_tokens)
            FROM items JOIN names ON code = skill WHERE name = ? AND state IS NOT NULL"""
        means = self._connection.execute(sql, (skill,)).fetchone()
        return None if means[0] is None else means

    def by_agent(self) -> Iterator[tuple[str, str, int, int, int]]:
        """Skill, agent, calls, prompt and completion tokens, of every agent that was asked; tools are not among them."""
        sql = """
            SELECT s.name, a.name, COUNT(*), SUM(c.prompt_tokens), SUM(c.completion_tokens)
            FROM calls c JOIN items i ON c.item = i.number JOIN names s ON s.code = i.skill
            JOIN names a ON a.code = c.agent WHERE a.name NOT LIKE 'tool:%' GROUP BY 1, 2 ORDER BY 1, 2"""
        return self._connection.execute(sql)

    def bytes_per_call(self) -> float | None:
        """What a call takes on disk, with all that belongs to it; None where none was made."""
        [calls] = self._connection.execute("SELECT MAX(rowid) FROM calls").fetchone()
        return self.path.stat().st_size / calls if calls else None


def _connect(path: Path) -> sqlite3.Connection:
    """Read-only. Without a write-ahead log nobody writes, and SQLite is told so: else it would begin one."""
    log = path.with_name(f"{path.name}-wal")
    is_written_to = log.is_file() and log.stat().st_size > 0
    uri = f"{path.resolve().as_uri()}?{'mode=ro' if is_written_to else 'immutable=1'}"
    return sqlite3.connect(uri, uri=True, isolation_level=None)
