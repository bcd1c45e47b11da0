"""The durable store: every teacher call before the flow goes on, every work item when it is settled.

SQLite in WAL mode with synchronous=FULL; one writer thread, which commits whatever has gathered while the
last commit was under way (group commit). What waits for it continues when its row is on disk.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import zstandard

from ..run import EnvironmentFailure
from .teacher import Reply

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS calls (
    item TEXT, key BLOB, n INTEGER, agent TEXT NOT NULL, reply BLOB NOT NULL, finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, model TEXT NOT NULL, attempts INTEGER NOT NULL,
    PRIMARY KEY (item, key, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS items (
    id TEXT PRIMARY KEY, skill TEXT NOT NULL, seed_id TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,
    detail TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outcomes (
    kind TEXT, id TEXT, item TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID;
"""
PAIR, REJECTED = "pair", "rejected"
DONE, ITEM_REJECTED, QUARANTINED = "done", "rejected", "quarantined"

Statement = tuple[str, tuple[Any, ...]]
Write = tuple[list[Statement], asyncio.Future[None]]


@dataclass(frozen=True, slots=True)
class Settled:
    """How a work item ended, with its pairs and rejected rows (each with an `id`)."""

    item: str
    skill: str
    seed_id: str
    state: str
    reason: str = ""
    detail: str = ""
    pairs: tuple[dict[str, Any], ...] = ()
    rejected: tuple[dict[str, Any], ...] = ()


class Journal:
    """One run's store. Writes are awaited until they are durable; reads see all that is committed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._compressor = zstandard.ZstdCompressor(level=3)
        self._decompressor = zstandard.ZstdDecompressor()
        self._reader = self._connect()
        self._reader.executescript(SCHEMA)
        self._waiting: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_until_closed, name="journal", daemon=True)
        self._writer.start()

    def _connect(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self.path, isolation_level=None)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
        except sqlite3.Error as error:
            raise EnvironmentFailure(
                f"{self.path}: {error}; the journal needs a writable local disk"
            ) from error
        return connection

    def close(self) -> None:
        """Finish what is waiting to be written, then let go of the file."""
        self._waiting.put(None)
        self._writer.join()
        self._reader.close()

    # Writing

    async def record_call(self, item: str, key: bytes, n: int, agent: str, reply: Reply) -> None:
        """Make one reply durable."""
        body = self._compressor.compress(reply.text.encode())
        numbers = (reply.prompt_tokens, reply.completion_tokens)
        row = (item, key, n, agent, body, reply.finish_reason, *numbers, reply.model, reply.attempts)
        await self._commit([("INSERT OR IGNORE INTO calls VALUES (?,?,?,?,?,?,?,?,?,?)", row)])

    async def settle(self, settled: Settled) -> None:
        """Make a finished item durable together with everything that came of it: all or nothing."""
        row = (settled.item, settled.skill, settled.seed_id, settled.state, settled.reason, settled.detail)
        statements: list[Statement] = [("INSERT OR REPLACE INTO items VALUES (?,?,?,?,?,?)", row)]
        for kind, rows in ((PAIR, settled.pairs), (REJECTED, settled.rejected)):
            for outcome in rows:
                body = self._compressor.compress(orjson.dumps(outcome))
                row = (kind, outcome["id"], settled.item, body)
                statements.append(("INSERT OR REPLACE INTO outcomes VALUES (?,?,?,?)", row))
        await self._commit(statements)

    async def reopen(self, *, keep_calls: bool = True, **facts: str) -> None:
        """Forget how items ended, and remember in the same commit why: the `facts` that are true from now on.

        The calls stay, so that a changed recipe pays again only for what it changes.
        """
        tables = ("items", "outcomes") if keep_calls else ("items", "outcomes", "calls")
        forgotten: list[Statement] = [(f"DELETE FROM {table}", ()) for table in tables]
        await self._commit([*forgotten, *(_remember(name, value) for name, value in facts.items())])

    async def _commit(self, statements: list[Statement]) -> None:
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put((statements, durable))
        await durable

    def _write_until_closed(self) -> None:
        """Commit batch after batch. After a failure nothing is written any more, as what the disk holds is
        no longer known; every write is still answered, so that nobody waits for ever."""
        connection: sqlite3.Connection | None = None
        failure: EnvironmentFailure | None = None
        while batch := self._gather():
            try:
                if failure is None:
                    connection = connection or self._connect()
                    _write(connection, batch)
            except EnvironmentFailure as error:
                failure = error
            except Exception as error:  # a full disk, or a row that SQLite does not take
                failure = EnvironmentFailure(
                    f"{self.path}: {error}; what was counted is safe: put that right and run again"
                )
            loop = batch[0][1].get_loop()
            loop.call_soon_threadsafe(_wake, [durable for _, durable in batch], failure)
        if connection:
            connection.close()

    def _gather(self) -> list[Write]:
        """All that waits, at least one write; nothing once the journal is closed."""
        batch: list[Write] = []
        while not batch or not self._waiting.empty():
            if (write := self._waiting.get()) is None:
                self._waiting.put(None)
                break
            batch.append(write)
        return batch

    # Reading

    def calls(self, item: str) -> dict[tuple[bytes, int], Reply]:
        """The replies that an item has been given so far, by request key and occurrence."""
        columns = "key, n, reply, finish_reason, prompt_tokens, completion_tokens, model, attempts"
        rows = self._reader.execute(f"SELECT {columns} FROM calls WHERE item = ?", (item,))
        return {
            (key, n): Reply(self._decompressor.decompress(body).decode(), *rest)
            for key, n, body, *rest in rows
        }

    def state(self, item: str) -> tuple[str, str] | None:
        """(state, reason) of a settled item, or None while it is pending."""
        return self._reader.execute("SELECT state, reason FROM items WHERE id = ?", (item,)).fetchone()

    def count(self, table: str) -> int:
        """How many rows `calls`, `items` or `outcomes` has."""
        return self._reader.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]

    def repeated_calls(self) -> int:
        """How many requests were sent more than once."""
        return self._reader.execute("SELECT COALESCE(SUM(attempts - 1), 0) FROM calls").fetchone()[0]

    def outcomes(self, kind: str) -> Iterator[dict[str, Any]]:
        """Pairs or rejected rows in the order of their ids, which no crash and no scheduling can change."""
        for (body,) in self._reader.execute("SELECT body FROM outcomes WHERE kind = ? ORDER BY id", (kind,)):
            yield orjson.loads(self._decompressor.decompress(body))

    def fact(self, name: str) -> str | None:
        """What is known under `name`, such as the teacher's identity."""
        row = self._reader.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    async def set_fact(self, name: str, value: str) -> None:
        """Remember `value` under `name`."""
        await self._commit([_remember(name, value)])


def _write(connection: sqlite3.Connection, batch: list[Write]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statements, _ in batch:
        for sql, row in statements:
            connection.execute(sql, row)
    connection.execute("COMMIT")


def _remember(name: str, value: str) -> Statement:
    return "INSERT OR REPLACE INTO facts VALUES (?,?)", (name, value)


def _wake(waiting: Iterable[asyncio.Future[None]], failure: EnvironmentFailure | None) -> None:
    for durable in waiting:
        if durable.cancelled():
            continue
        if failure:
            durable.set_exception(failure)
        else:
            durable.set_result(None)
