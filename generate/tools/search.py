"""A search index over the seeds of a run: SQLite's full text search, ranked by BM25, in one file that is made once."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from ...run import aside_of, settle
from ..seeds import Seed

FILE = "index.sqlite"
MOST_WORDS = 12  # of a query, the rarest: common words cost time and tell nothing
MOST_RANKED = 10_000  # seeds that are weighed for a query, however large the index
LONGEST_QUERY = 20_000  # characters; beyond that a text has enough rare words
COLUMNS = ("id", "kind", "document", "span_start", "span_end", "source", "licence")
_KEPT = ", ".join(f"{name} UNINDEXED" for name in COLUMNS)
_SCHEMA = f"""
    CREATE VIRTUAL TABLE seeds USING fts5(text, {_KEPT}, tokenize = 'unicode61 remove_diacritics 2');
    CREATE VIRTUAL TABLE vocabulary USING fts5vocab(seeds, row);
    CREATE TABLE words (word TEXT PRIMARY KEY, seeds INTEGER) WITHOUT ROWID;
"""


class SeedIndex:
    """The seeds of one file, found by their words: the same words find the same seeds, on every machine."""

    def __init__(self, path: Path) -> None:
        uri = f"file:{path.absolute()}?mode=ro&immutable=1"
        self._database = sqlite3.connect(uri, uri=True, check_same_thread=False)

    @classmethod
    def build(cls, path: Path, seeds: Iterable[Seed]) -> None:
        """Write the index of these seeds; a crash leaves none, or the whole one."""
        aside = aside_of(path)
        aside.unlink(missing_ok=True)
        database = sqlite3.connect(aside)
        database.execute("PRAGMA journal_mode = OFF")  # half an index is never read
        database.executescript(_SCHEMA)
        rows = (
            (seed.text, seed.id, seed.kind, seed.document, *seed.span, seed.source, seed.licence)
            for seed in seeds
        )
        with database:
            database.executemany(f"INSERT INTO seeds VALUES (?{', ?' * len(COLUMNS)})", rows)
            # The vocabulary counts a word by reading where it stands: too slow to be asked for "the" each time.
            database.execute("INSERT INTO words SELECT term, doc FROM vocabulary")
        database.close()
        settle(aside, path)

    async def search(self, query: str, count: int, but: str = "") -> list[Seed]:
        """The best `count` seeds for the rarest words of the query, the best first; not the one with the id `but`."""
        return await asyncio.to_thread(self._search, query, count, but)

    def close(self) -> None:
        self._database.close()

    def _search(self, query: str, count: int, but: str) -> list[Seed]:
        words = self._rarest(query, but)
        if not words:
            return []
        rows = self._database.execute(
            f"SELECT text, {', '.join(COLUMNS)} FROM seeds JOIN "
            "(SELECT rowid AS place, rank AS fit FROM seeds WHERE seeds MATCH ? ORDER BY fit, place LIMIT ?) "
            "ON seeds.rowid = place ORDER BY fit, place",
            (" OR ".join(f'"{word}"' for word in words), count + 1),
        )
        found = [
            Seed(id, text, kind, document, (start, end), source, licence)
            for text, id, kind, document, start, end, source, licence in rows
            if id != but
        ]
        return found[:count]

    def _rarest(self, query: str, but: str) -> list[str]:
        """The words of the query that the fewest seeds have, among those that another one than `but` has."""
        counted = sorted((found, word) for word in query_words(query) if (found := self._seeds_with(word)))
        rarest: list[str] = []
        to_rank = 0
        for found, word in counted:
            to_rank += found
            if rarest and (len(rarest) == MOST_WORDS or to_rank > MOST_RANKED):
                break
            if found > 1 or not self._is_only_in(but, word):
                rarest.append(word)
        return rarest

    def _seeds_with(self, word: str) -> int:
        found = self._database.execute("SELECT seeds FROM words WHERE word = ?", (word,)).fetchone()
        return found[0] if found else 0

    def _is_only_in(self, seed_id: str, word: str) -> bool:
        rows = self._database.execute("SELECT id FROM seeds WHERE seeds MATCH ?", (f'"{word}"',))
        return rows.fetchone() == (seed_id,)


def query_words(query: str) -> set[str]:
    """The words of three letters or more in small letters, as written and without accents: the index drops most."""
    letters = unicodedata.normalize("NFD", query[:LONGEST_QUERY])
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    written = unicodedata.normalize("NFC", letters)
    return {word for text in (plain, written) for word in re.findall(r"[^\W_]{3,}", _small(text))}


def _small(text: str) -> str:
    """In small letters, one for one: `str.lower` ends a Greek word in another sigma, the index does not."""
    return "".join(map(str.lower, text))
