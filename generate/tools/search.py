"""A search index over the seeds of a run: SQLite's full text search, ranked by BM25, in one file that is made once."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from ..seeds import Seed

FILE = "index.sqlite"
MOST_WORDS = 8  # of a query, the rarest: common words cost time and tell nothing
COLUMNS = ("id", "kind", "document", "span_start", "span_end", "source", "licence")


class SeedIndex:
    """The seeds of one file, found by their words: the same words find the same seeds, on every machine."""

    def __init__(self, path: Path) -> None:
        uri = f"file:{path.absolute()}?mode=ro&immutable=1"
        self._database = sqlite3.connect(uri, uri=True, check_same_thread=False)
        self._database.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, seeds, row)")

    @classmethod
    def build(cls, path: Path, seeds: Iterable[Seed]) -> None:
        """Write the index of these seeds; a crash leaves none, or the whole one."""
        aside = path.with_suffix(".new")
        aside.unlink(missing_ok=True)
        database = sqlite3.connect(aside)
        database.execute("PRAGMA synchronous = OFF")  # it can be made again
        kept = ", ".join(f"{name} UNINDEXED" for name in COLUMNS)
        database.execute(f"CREATE VIRTUAL TABLE seeds USING fts5(text, {kept}, tokenize = 'unicode61')")
        rows = (
            (seed.text, seed.id, seed.kind, seed.document, *seed.span, seed.source, seed.licence)
            for seed in seeds
        )
        with database:
            database.executemany(f"INSERT INTO seeds VALUES (?{', ?' * len(COLUMNS)})", rows)
        database.close()
        os.replace(aside, path)

    async def search(self, query: str, count: int, but: str = "") -> list[Seed]:
        """The best `count` seeds for the rarest words of the query, the best first; not the one with the id `but`."""
        return await asyncio.to_thread(self._search, query, count, but)

    def close(self) -> None:
        self._database.close()

    def _search(self, query: str, count: int, but: str) -> list[Seed]:
        words = self._rarest(query)
        if not words:
            return []
        wanted = " OR ".join(f'"{word}"' for word in words)
        rows = self._database.execute(
            f"SELECT text, {', '.join(COLUMNS)} FROM seeds WHERE seeds MATCH ? AND id <> ? ORDER BY rank, id LIMIT ?",
            (wanted, but, count),
        )
        return [
            Seed(id, text, kind, document, (start, end), source, licence)
            for text, id, kind, document, start, end, source, licence in rows
        ]

    def _rarest(self, query: str) -> list[str]:
        """The words of the query that the fewest seeds have, among those that any has."""
        words = sorted(set(re.findall(r"\w{3,}", query.casefold())))
        found = [(self._seeds_with(word), word) for word in words]
        return [word for count, word in sorted(found) if count][:MOST_WORDS]

    def _seeds_with(self, word: str) -> int:
        [found] = self._database.execute("SELECT doc FROM temp.words WHERE term = ?", (word,)).fetchone() or [
            0
        ]
        return found
