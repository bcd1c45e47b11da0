"""The durable store: every teacher call before the flow goes on, every work item when it is settled.

SQLite in WAL mode with synchronous=FULL; one writer thread, which commits whatever has gathered since the
last commit began (group commit), at most a hundred times a second. What waits for it continues when its row
is on disk.

An item is a row from its first call on; its number orders the calls, so that those of items that are open
together lie side by side. What came of an item is staged in `outcomes` until a sealed part holds it.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import zstandard

from ..run import SAFE, BadInput, EnvironmentFailure
from .teacher import Reply

VERSION = 2
SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS names (code INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS items (
    id BLOB PRIMARY KEY, number INTEGER NOT NULL, skill INTEGER NOT NULL, seed_id TEXT NOT NULL, state TEXT,
    reason TEXT, detail TEXT, calls INTEGER, prompt_tokens INTEGER, completion_tokens INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS calls (
    item INTEGER NOT NULL, key BLOB NOT NULL, n INTEGER NOT NULL, agent INTEGER NOT NULL, finish_reason INTEGER NOT NULL,
    model INTEGER NOT NULL, prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, attempts INTEGER NOT NULL,
    reply BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS calls_of_item ON calls (item);
CREATE TABLE IF NOT EXISTS outcomes (
    number INTEGER PRIMARY KEY, item BLOB NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL, body BLOB NOT NULL);
"""
SETTLE = """
    UPDATE items SET state = ?, reason = ?, detail = ?, calls = ?, prompt_tokens = ?, completion_tokens = ?
    WHERE id = ?"""
PAIR, REJECTED = "pair", "rejected"
DONE, ITEM_REJECTED, QUARANTINED = "done", "rejected", "quarantined"
PAGE = 8192  # bytes: a page holds about a dozen compressed replies, so that little of it stays empty
ASKED_AT_ONCE = 500  # items in one query
PAUSE = 0.01  # seconds from one commit to the next: each costs a sync of the disk and a wake-up of the loop
CHECKPOINT = 4000  # pages in the write-ahead log before they are moved into the file

Statement = tuple[str, tuple[Any, ...]]
Write = tuple[list[Statement], asyncio.Future[None]]


@dataclass(frozen=True, slots=True)
class ItemName:
    """What a work item is known by: its id (32 hexadecimal digits), its skill and its seed."""

    id: str
    skill: str
    seed_id: str


@dataclass(frozen=True, slots=True)
class Call:
    """One reply that an item was given: who asked for it, by which key, for the how-manieth time."""

    agent: str
    key: bytes
    n: int
    reply: Reply


@dataclass(frozen=True, slots=True)
class Settled:
    """How a work item ended, what that took, and its pairs and rejected rows (each with an `id`)."""

    item: ItemName
    state: str
    reason: str = ""
    detail: str = ""
    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    pairs: tuple[dict[str, Any], ...] = ()
    rejected: tuple[dict[str, Any], ...] = ()


class Compressed(bytes):
    """A value that the writer compresses, away from the event loop; it stands last in its row."""


class Journal:
    """One run's store. Writes are awaited until they are durable; reads see all that is committed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader = self._open()
        self._codes: dict[str, int] = dict(self._reader.execute("SELECT name, code FROM names"))
        self._numbers: dict[str, int] = {}  # of the items that are open now
        self._new: set[str] = set()  # items that were looked for and have no row yet
        [last] = self._reader.execute("SELECT COALESCE(MAX(number), 0) FROM items").fetchone()
        self._next_number = itertools.count(last + 1)
        self.failed = False  # set for good when a commit was not taken, or a part could not be sealed
        self._waiting: queue.SimpleQueue[Write | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_until_closed, name="journal", daemon=True)
        self._writer.start()

    def _open(self) -> sqlite3.Connection:
        connection = connect(self.path)
        try:
            [version] = connection.execute("PRAGMA user_version").fetchone()
            [tables] = connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
            if not tables:  # all at once: a kill in between would leave a journal of no version
                connection.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version={VERSION}; COMMIT;")
            elif version != VERSION:
                raise BadInput(f"{self.path}: written by another version of genteach; begin another run")
        except sqlite3.Error as error:
            raise EnvironmentFailure(f"{self.path}: {error}; {SAFE}") from error
        return connection

    def close(self) -> None:
        """Finish what is waiting to be written, give freed space back, then let go of the file."""
        self._waiting.put(None)
        self._writer.join()
        with suppress(sqlite3.Error):  # on a full disk, say: it can be done another time
            self._reader.executescript("PRAGMA incremental_vacuum")  # execute would free a single page
        self._reader.close()

    # Writing

    async def record_call(self, item: ItemName, call: Call) -> None:
        """Make one reply durable."""
        statements: list[Statement] = []
        number = self._number(item, statements)
        statements.append(self._call_row(number, call, statements))
        await self._commit(statements)

    async def settle(self, settled: Settled) -> None:
        """Make a finished item durable together with everything that came of it: all or nothing."""
        await self._commit(self._settling(settled))
        self._numbers.pop(settled.item.id, None)

    async def restore(self, settled: Iterable[Settled], calls: Iterable[tuple[ItemName, Call]]) -> None:
        """Take over what sealed parts say of another journal that is lost: its settled items, and the calls
        of those that were still open. What came of the items stays in the parts."""
        statements: list[Statement] = []
        for each in settled:
            statements += self._settling(each)
            self._numbers.pop(each.item.id, None)
        for item, call in calls:
            number = self._number(item, statements)
            statements.append(self._call_row(number, call, statements))
        await self._commit(statements)

    async def reopen(self, *, keep_calls: bool = True, **facts: str) -> None:
        """Forget how items ended, and remember in the same commit why: the `facts` that are true from now on.

        The calls stay, so that a changed recipe pays again only for what it changes.
        """
        forgotten: list[Statement] = [("DELETE FROM outcomes", ()), ("UPDATE items SET state = NULL", ())]
        if not keep_calls:
            forgotten += [("DELETE FROM items", ()), ("DELETE FROM calls", ())]
            self._numbers.clear()
        await self._commit([*forgotten, *(_remember(name, value) for name, value in facts.items())])

    async def reopen_items(self, steps: dict[str, set[str]]) -> None:
        """Forget how these items ended, and the replies to the agents named for each."""
        statements: list[Statement] = []
        for item, agents in steps.items():
            key = (bytes.fromhex(item),)
            statements.append(("DELETE FROM outcomes WHERE item = ?", key))
            statements.append(("UPDATE items SET state = NULL WHERE id = ?", key))
            for agent in agents & self._codes.keys():
                sql = "DELETE FROM calls WHERE item = (SELECT number FROM items WHERE id = ?) AND agent = ?"
                statements.append((sql, (*key, self._codes[agent])))
        await self._commit(statements)

    async def unstage(self, up_to: int, **facts: str) -> None:
        """Let go of outcomes that a sealed part holds, and remember the `facts` of it in the same commit."""
        forgotten = ("DELETE FROM outcomes WHERE number <= ?", (up_to,))
        await self._commit([forgotten, *(_remember(name, value) for name, value in facts.items())])

    async def set_fact(self, name: str, value: str) -> None:
        """Remember `value` under `name`."""
        await self._commit([_remember(name, value)])

    def _number(self, item: ItemName, statements: list[Statement]) -> int:
        """The item's number; with a statement that makes its row, where it has none."""
        number = self._numbers.get(item.id)
        if number is None:
            number = self._known_number(item.id)
            if number is None:
                number = next(self._next_number)
                begun = (bytes.fromhex(item.id), number, self._code(item.skill, statements), item.seed_id)
                statements.append(("INSERT INTO items (id, number, skill, seed_id) VALUES (?,?,?,?)", begun))
            self._numbers[item.id] = number
        return number

    def _known_number(self, item: str) -> int | None:
        if item in self._new:
            self._new.remove(item)
            return None
        found = self._reader.execute("SELECT number FROM items WHERE id = ?", (bytes.fromhex(item),))
        return next((number for (number,) in found), None)

    def _code(self, name: str, statements: list[Statement]) -> int:
        """The number that stands for a recurring name; with a statement that remembers a new one."""
        code = self._codes.get(name)
        if code is None:
            code = self._codes[name] = len(self._codes)
            statements.append(("INSERT INTO names VALUES (?,?)", (code, name)))
        return code

    def _call_row(self, number: int, call: Call, statements: list[Statement]) -> Statement:
        reply = call.reply
        names = [self._code(name, statements) for name in (call.agent, reply.finish_reason, reply.model)]
        tokens = (reply.prompt_tokens, reply.completion_tokens)
        row = (number, call.key, call.n, *names, *tokens, reply.attempts, Compressed(reply.text.encode()))
        return "INSERT INTO calls VALUES (?,?,?,?,?,?,?,?,?,?)", row

    def _settling(self, settled: Settled) -> list[Statement]:
        statements: list[Statement] = []
        self._number(settled.item, statements)
        key = bytes.fromhex(settled.item.id)
        ended = (settled.state, settled.reason, settled.detail)
        took = (settled.calls, settled.prompt_tokens, settled.completion_tokens)
        statements.append((SETTLE, (*ended, *took, key)))
        for kind, rows in ((PAIR, settled.pairs), (REJECTED, settled.rejected)):
            for outcome in rows:
                row = (key, kind, outcome["id"], Compressed(orjson.dumps(outcome)))
                statements.append(("INSERT INTO outcomes (item, kind, id, body) VALUES (?,?,?,?)", row))
        return statements

    async def _commit(self, statements: list[Statement]) -> None:
        durable: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.put((statements, durable))
        await durable

    def _write_until_closed(self) -> None:
        """Commit batch after batch. After a failure nothing is written any more, as what the disk holds is
        no longer known; every write is still answered, so that nobody waits for ever."""
        connection: sqlite3.Connection | None = None
        failure: EnvironmentFailure | None = None
        compress, began = zstandard.ZstdCompressor(level=3).compress, 0.0
        while batch := self._gather(began + PAUSE):
            began = time.monotonic()
            try:
                if failure is None:
                    connection = connection or connect(self.path)
                    _write(connection, batch, compress)
            except EnvironmentFailure as error:
                failure = error
            except Exception as error:  # a full disk, or a row that SQLite does not take
                failure = EnvironmentFailure(f"{self.path}: {error}; {SAFE}")
            self.failed = self.failed or failure is not None
            loop = batch[0][1].get_loop()
            loop.call_soon_threadsafe(_wake, [durable for _, durable in batch], failure)
        if connection:
            connection.close()

    def _gather(self, not_before: float) -> list[Write]:
        """All that waits by then, at least one write; nothing once the journal is closed."""
        first = self._waiting.get()
        time.sleep(max(0.0, not_before - time.monotonic()))
        batch: list[Write] = []
        while first is not None:
            batch.append(first)
            if self._waiting.empty():
                return batch
            first = self._waiting.get()
        self._waiting.put(None)  # for the next time
        return batch

    # Reading

    def calls(self, item: str) -> dict[tuple[bytes, int], Call]:
        """The replies that an item has been given so far, by request key and occurrence."""
        if item in self._new:
            return {}
        return {
            (call.key, call.n): call for _, call in read_calls(self._reader, "i.id = ?", bytes.fromhex(item))
        }

    def states(self, items: list[str]) -> dict[str, tuple[str, str]]:
        """(state, reason) of those of at most ASKED_AT_ONCE items that are settled."""
        keys = [bytes.fromhex(item) for item in items]
        marks = ",".join("?" * len(keys))
        sql = f"SELECT id, state, reason FROM items WHERE id IN ({marks}) AND state IS NOT NULL"
        return {key.hex(): (state, reason) for key, state, reason in self._reader.execute(sql, keys)}

    def sealed_items(self) -> Iterator[str]:
        """The settled items whose outcomes are not staged any more: a sealed part holds them."""
        sql = "SELECT id FROM items WHERE state IS NOT NULL AND id NOT IN (SELECT item FROM outcomes)"
        return (key.hex() for (key,) in self._reader.execute(sql))

    def pending(self, items: list[str]) -> set[str]:
        """Those of at most ASKED_AT_ONCE items that are not settled, soon to be begun."""
        keys = [bytes.fromhex(item) for item in items]
        sql = f"SELECT id, state IS NOT NULL FROM items WHERE id IN ({','.join('?' * len(keys))})"
        known = {key.hex(): settled for key, settled in self._reader.execute(sql, keys)}
        new = set(items).difference(known)
        self._new |= new
        return new | {item for item, settled in known.items() if not settled}

    def count_calls(self) -> int:
        return self._reader.execute("SELECT COUNT(*) FROM calls").fetchone()[0]

    def count_settled(self) -> int:
        """How many items are settled."""
        return self._reader.execute("SELECT COUNT(*) FROM items WHERE state IS NOT NULL").fetchone()[0]

    def fact(self, name: str) -> str | None:
        """What is known under `name`, such as the teacher's identity."""
        row = self._reader.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None


def read_calls(connection: sqlite3.Connection, where: str, *values: Any) -> Iterator[tuple[ItemName, Call]]:
    """The calls for which the SQL condition holds (`i` is the item's row, `c` the call's), in the order they were made."""
    sql = f"""
        SELECT i.id, s.name, i.seed_id, a.name, c.key, c.n, c.reply, f.name, c.prompt_tokens, c.completion_tokens,
            m.name, c.attempts
        FROM items i JOIN calls c ON c.item = i.number JOIN names s ON s.code = i.skill
        JOIN names a ON a.code = c.agent JOIN names f ON f.code = c.finish_reason JOIN names m ON m.code = c.model
        WHERE {where} ORDER BY c.rowid"""
    decompressor = zstandard.ZstdDecompressor()
    for item, skill, seed_id, agent, key, n, body, *rest in connection.execute(sql, values):
        reply = Reply(decompressor.decompress(body).decode(), *rest)
        yield ItemName(item.hex(), skill, seed_id), Call(agent, key, n, reply)


def connect(path: Path) -> sqlite3.Connection:
    """A connection to a journal; raises EnvironmentFailure where SQLite cannot have one."""
    try:
        connection = sqlite3.connect(path, isolation_level=None)
        # The first two take effect in a new file alone; freed pages are given back on demand.
        connection.execute(f"PRAGMA page_size={PAGE}")
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT}")
    except sqlite3.Error as error:
        raise EnvironmentFailure(f"{path}: {error}; a journal needs a writable local disk; {SAFE}") from error
    return connection


def _write(connection: sqlite3.Connection, batch: list[Write], compress: Callable[[bytes], bytes]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statements, _ in batch:
        for sql, row in statements:
            if row and isinstance(row[-1], Compressed):
                row = (*row[:-1], compress(row[-1]))
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
