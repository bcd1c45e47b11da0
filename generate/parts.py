"""Sealed parts: what a shard of a run has finished, readable by anybody, and enough to go on without its journal.

    RUN/parts/0-of-3/00007/   pairs.parquet  rejected.parquet  items.parquet  calls.parquet  manifest.json

A part holds the outcomes that were staged since the one before, the items that they are of, and the calls of
the items that were open just then. It is written aside and renamed, then the journal lets go of what it holds.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from ..run import read_manifest, settle, write_manifest
from .engine import Shard
from .journal import PAIR, REJECTED, Call, ItemName, Journal, Settled, Snapshot
from .pairs import CALL_SCHEMA, ITEM_SCHEMA, write_pairs, write_rejected
from .parquet import read_rows, write_rows
from .teacher import Reply

FOLDER, ROUND = "parts", Path("rounds") / "0001"
ROWS_AT_ONCE = 5000


@dataclass(frozen=True)
class Parts:
    """The parts of one shard; `recipe` is the fingerprint of all that decides their content.

    `still_ours` is asked before a part is put in place, and raises when the shard was taken over.
    """

    run: Path
    shard: Shard
    journal: Journal
    recipe: str
    still_ours: Callable[[], None]

    @property
    def folder(self) -> Path:
        return self.run / FOLDER / str(self.shard)

    async def open(self) -> int:
        """Bring journal and parts to agree; returns how many items a new journal took over from the parts."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for aside in self.folder.glob(".*"):
            shutil.rmtree(aside)
        if self.journal.fact("recipe") is None:
            return await self._restore()
        for part in sorted(self.folder.glob("[0-9]*")):
            if int(part.name) >= self._count:  # a kill came before the journal let go of what it holds
                shutil.rmtree(part)
        return 0

    async def seal(self) -> None:
        """Put what is staged into a part, if anything is."""
        number = self._count
        aside = self.folder / f".{number:05d}"
        teachers = orjson.loads(self.journal.fact("teachers") or "[]")
        last = await asyncio.to_thread(self._write, aside, teachers)
        if not last:
            return
        self.still_ours()
        settle(aside, self.folder / f"{number:05d}")
        await self.journal.unstage(last, parts=str(number + 1))

    @property
    def _count(self) -> int:
        return int(self.journal.fact("parts") or 0)

    def _write(self, aside: Path, teachers: list[dict[str, Any]]) -> int:
        """The part's files; returns the number of the last outcome among them, 0 where nothing is staged."""
        with Snapshot(self.journal.path) as staged:
            if not staged.last:
                return 0
            files = {
                "pairs.parquet": write_pairs(aside / "pairs.parquet", staged.outcomes(PAIR)),
                "rejected.parquet": write_rejected(aside / "rejected.parquet", staged.outcomes(REJECTED)),
                "items.parquet": write_rows(aside / "items.parquet", staged.items(), ITEM_SCHEMA),
                "calls.parquet": write_rows(
                    aside / "calls.parquet", map(_call_row, staged.open_calls()), CALL_SCHEMA
                ),
            }
            repeated = staged.repeated_calls()
            write_manifest(aside, files, recipe=self.recipe, teachers=teachers, repeated_calls=repeated)
            return staged.last

    async def _restore(self) -> int:
        """Settle in a new journal what the run's parts and its merged round hold of this shard."""
        known: set[str] = set()
        found = sources(self.run, self.recipe)
        for source in found:
            rows = (row for row in source.rows("items") if self.shard.holds(row["id"]))
            while chunk := list(itertools.islice(rows, ROWS_AT_ONCE)):
                await self.journal.restore((_settled(row) for row in chunk if row["id"] not in known), ())
                known.update(row["id"] for row in chunk)
        calls = {
            (row["item"], row["key"], row["n"]): _call(row)
            for source in found
            for row in source.rows("calls")
            if row["item"] not in known and self.shard.holds(row["item"])
        }
        await self.journal.restore((), calls.values())
        numbers = [int(part.name) + 1 for part in self.folder.glob("[0-9]*")]
        await self.journal.set_fact("parts", str(max(numbers, default=0)))
        if found:
            await self.journal.set_fact("teachers", orjson.dumps(found[-1].manifest["teachers"]).decode())
        return len(known)


@dataclass(frozen=True)
class Source:
    """A folder with sealed rows: one part, or the merged round."""

    folder: Path
    manifest: dict[str, Any]

    def rows(self, kind: str, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
        """Its `pairs`, `rejected`, `items` or `calls`, in the order of their ids (calls: of their making)."""
        for file in self.manifest["files"]:
            if file["name"].startswith(kind):
                yield from read_rows(self.folder / file["name"], columns)


def sources(run: Path, recipe: str) -> list[Source]:
    """The merged round, if there is one, then the parts: those of this recipe, each checked by its hashes.

    What a later source says of an item stands. Raises BadInput where a file is missing or changed.
    """
    folders = [run / ROUND, *sorted((run / FOLDER).glob("*-of-*/[0-9]*"))]
    found = [folder for folder in folders if _recipe_of(folder) == recipe]
    return [Source(folder, read_manifest(folder)) for folder in found]


def _recipe_of(folder: Path) -> str | None:
    path = folder / "manifest.json"
    return orjson.loads(path.read_bytes()).get("recipe") if path.is_file() else None


def _settled(row: dict[str, Any]) -> Settled:
    name = ItemName(row["id"], row["skill"], row["seed_id"])
    took = (row["calls"], row["prompt_tokens"], row["completion_tokens"])
    return Settled(name, row["state"], row["reason"], row["detail"], *took)


def _call_row(made: tuple[ItemName, Call]) -> dict[str, Any]:
    item, call = made
    reply = call.reply
    return {
        "item": item.id,
        "skill": item.skill,
        "seed_id": item.seed_id,
        "agent": call.agent,
        "key": call.key,
        "n": call.n,
        "text": reply.text,
        "finish_reason": reply.finish_reason,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "model": reply.model,
        "attempts": reply.attempts,
    }


def _call(row: dict[str, Any]) -> tuple[ItemName, Call]:
    counts = (row["prompt_tokens"], row["completion_tokens"])
    reply = Reply(row["text"], row["finish_reason"], *counts, row["model"], row["attempts"])
    item = ItemName(row["item"], row["skill"], row["seed_id"])
    return item, Call(row["agent"], row["key"], row["n"], reply)
