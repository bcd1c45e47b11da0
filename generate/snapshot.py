"""A journal at one moment: what is staged in it, for the thread that seals it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
import zstandard

from .journal import Call, ItemName, connect, read_calls


class Snapshot:
    """The journal as it stands at one moment, read from any thread while others write to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Snapshot:
        self._connection = connect(self.path)
        self._connection.execute("BEGIN")
        [self.last] = self._connection.execute("SELECT COALESCE(MAX(number), 0) FROM outcomes").fetchone()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def outcomes(self, kind: str) -> Iterator[dict[str, Any]]:
        """Staged pairs or rejected rows in the order of their ids, which no crash and no scheduling can change."""
        numbers = self._connection.execute("SELECT number FROM outcomes WHERE kind = ? ORDER BY id", (kind,))
        decompressor = zstandard.ZstdDecompressor()
        # The bodies are read one by one: to sort them would be to hold them all.
        for number in [number for (number,) in numbers]:
            [body] = self._connection.execute(
                "SELECT body FROM outcomes WHERE number = ?", (number,)
            ).fetchone()
            yield orjson.loads(decompressor.decompress(body))

    def items(self) -> Iterator[dict[str, Any]]:
        """The items whose outcomes are staged, by id: how they ended, and what they took."""
        columns = ("state", "reason", "detail", "calls", "prompt_tokens", "completion_tokens")
        sql = f"""
            SELECT id, name, seed_id, {", ".join(columns)} FROM items JOIN names ON code = skill
            WHERE id IN (SELECT item FROM outcomes) ORDER BY id"""
        for key, *rest in self._connection.execute(sql):
            yield dict(zip(("id", "skill", "seed_id", *columns), (key.hex(), *rest), strict=True))

    def repeated_calls(self) -> int:
        """How many requests of these items were sent again."""
        sql = """
            SELECT COALESCE(SUM(attempts - 1), 0) FROM calls JOIN items ON item = number
            WHERE id IN (SELECT item FROM outcomes)"""
        return self._connection.execute(sql).fetchone()[0]

    def open_calls(self, after: int) -> Iterator[tuple[ItemName, Call]]:
        """The calls of the items that are not settled yet, but for the first `after` calls of the journal."""
        return read_calls(self._connection, "i.state IS NULL AND c.rowid > ?", after)

    def last_call(self) -> int:
        """The number of the journal's last call."""
        return self._connection.execute("SELECT COALESCE(MAX(rowid), 0) FROM calls").fetchone()[0]
