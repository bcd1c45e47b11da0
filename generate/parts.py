"""Sealed parts: what a shard of a run has finished, readable by anybody, and enough to go on without its journal.

    RUN/parts/0-of-3/00007/   pairs.parquet  rejected.parquet  items.parquet  calls.parquet  manifest.json

A part holds the outcomes that were staged since the one before, the items that they are of, and the calls of
the items that were open just then. It is written aside and renamed, then the journal lets go of what it holds.
Its manifest names that journal: a shard may have had others, on other machines, and what they sealed stands.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from ..run import BadInput, EnvironmentFailure, fingerprint, read_manifest, settle, write_manifest
from .engine import Shard
from .journal import ASKED_AT_ONCE, PAIR, REJECTED, Call, ItemName, Journal, Settled, connect
from .pairs import CALL_SCHEMA, ITEM_SCHEMA, write_pairs, write_rejected
from .parquet import read_rows, write_rows
from .snapshot import Snapshot
from .teacher import Reply

FOLDER, ROUND = "parts", Path("rounds") / "0001"
_MAKE_ANEW = "remove {} and run genteach generate again: it is made anew from the journal, without a call"
BEFORE = ".before-merging"  # where the round is for a moment while a new one takes its place


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
        """Bring journal and parts to agree; returns how many items the journal took over from sealed parts."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for aside in self.folder.glob(".[0-9]*"):
            shutil.rmtree(aside)
        if self.journal.fact("journal") is None:
            await self.journal.set_fact("journal", secrets.token_hex(8))
        for part in self.folder.glob("[0-9]*"):
            if self._is_void(int(part.name), _manifest_of(part) or {}):
                discard(part)
        taken = await self.restore()
        await self._reopen_lost()
        await self.journal.set_fact("parts", str(self._next))
        return taken

    def _is_void(self, number: int, manifest: dict[str, Any]) -> bool:
        """Whether a part is of a recipe that was changed, or the journal was killed before it let go of it."""
        ours = manifest.get("journal") == self.journal.fact("journal")
        return manifest.get("recipe") != self.recipe or (ours and number >= self._count)

    async def seal(self) -> None:
        """Put what is staged, and the calls of what is open, into a part; if there is anything new."""
        number, journal = self._count, self.journal.fact("journal") or ""
        aside = self.folder / f".{number:05d}-{journal}"
        teachers = orjson.loads(self.journal.fact("teachers") or "[]")
        facts = {"recipe": self.recipe, "journal": journal, "teachers": teachers}
        before = int(self.journal.fact("sealed calls") or 0)
        try:
            written = await asyncio.to_thread(self._write, aside, facts, before)
            if written is None:
                return
            last, calls = written
            self.still_ours()
            settle(aside, self.folder / f"{number:05d}")
        except EnvironmentFailure:
            self.journal.failed = True  # nothing is sealed any more: what the disk holds is not known
            raise
        await self.journal.unstage(last, **{"parts": str(number + 1), "sealed calls": str(calls)})

    @property
    def _count(self) -> int:
        return int(self.journal.fact("parts") or 0)

    @property
    def _next(self) -> int:
        """The number of the next part: after those that are there, whoever sealed them."""
        numbers = (int(part.name) + 1 for part in self.folder.glob("[0-9]*"))
        return max(self._count, *numbers, 0)

    def _write(self, aside: Path, facts: dict[str, Any], before: int) -> tuple[int, int] | None:
        """The part's files; returns the numbers of the last outcome and the last call that are sealed with it.

        Of the open items only the calls after the first `before` are written: parts hold those already. None
        where there is nothing new.
        """
        with Snapshot(self.journal.path) as staged:
            if not staged.last and next(staged.open_calls(before), None) is None:
                return None
            open_calls = map(_call_row, staged.open_calls(before))
            files = {
                "calls.parquet": write_rows(aside / "calls.parquet", open_calls, CALL_SCHEMA),
                "pairs.parquet": write_pairs(aside / "pairs.parquet", staged.outcomes(PAIR)),
                "rejected.parquet": write_rejected(aside / "rejected.parquet", staged.outcomes(REJECTED)),
                "items.parquet": write_rows(aside / "items.parquet", staged.items(), ITEM_SCHEMA),
            }
            write_manifest(aside, files, **facts, repeated_calls=staged.repeated_calls())
            return staged.last, staged.last_call()

    async def restore(self) -> int:
        """Take over what others have sealed of this shard since the last time; returns how many items that are.

        Others are the journals that the shard had on other machines, and the shards of another count; a new
        journal takes over all there is. What this journal has settled once, it knows better.
        """
        found = [source for source in _sources(self.run, self.recipe) if self._concerns(source)]
        state = fingerprint([source.manifest for source in found])
        if self.journal.fact("taken over") == state:
            return 0
        try:
            taken = await self._take_over([source.checked() for source in found])
        except (BadInput, FileNotFoundError) as error:
            if all(source.folder.exists() for source in found):
                raise
            raise EnvironmentFailure(
                f"{self.run}: was merged meanwhile; run the same command again"
            ) from error
        await self.journal.set_fact("taken over", state)
        return taken

    def _concerns(self, source: Source) -> bool:
        """Whether it may hold items of this shard that another journal settled."""
        return source.manifest.get("journal") != self.journal.fact("journal") and self._may_hold(source)

    def _may_hold(self, source: Source) -> bool:
        """Whether items of this shard may be in it."""
        name = source.folder.parent.name
        return name == str(self.shard) or not name.endswith(f"-of-{self.shard.count}")

    async def _reopen_lost(self) -> None:
        """Reopen what the journal has settled and nothing holds any more: a part was damaged, and removed.

        It is made anew from the calls that the journal keeps. 8 bytes of memory for each item that is held.
        """
        found = [source for source in _sources(self.run, self.recipe) if self._may_hold(source)]
        numbers = (int(row["id"][:16], 16) for source in found for row in source.rows("items", ["id"]))
        held = np.unique(np.fromiter(numbers, np.uint64))
        sealed = self.journal.sealed_items()
        while chunk := list(itertools.islice(sealed, ASKED_AT_ONCE)):
            if lost := _missing(chunk, held):
                await self.journal.reopen_items({item: set() for item in lost})

    async def _take_over(self, found: list[Source]) -> int:
        taken = 0
        with closing(connect(self.journal.path)) as reader:
            for source in reversed(found):  # what the latest says of an item stands
                for rows in self._share_of(source.rows("items"), "id"):
                    ended = _ever_settled(reader, rows)
                    new = [_settled(row) for row in rows if row["id"] not in ended]
                    await self.journal.restore(new, ())
                    taken += len(new)
        for source in found:
            for rows in self._share_of(source.rows("calls"), "item"):
                await self.journal.restore((), [_call(row) for row in self._unknown(rows)])
        if found and self.journal.fact("teachers") is None:
            await self.journal.set_fact("teachers", orjson.dumps(found[-1].manifest["teachers"]).decode())
        return taken

    def _share_of(self, rows: Iterator[dict[str, Any]], item: str) -> Iterator[list[dict[str, Any]]]:
        """Those of this shard's items, many at once."""
        ours = (row for row in rows if self.shard.holds(row[item]))
        while chunk := list(itertools.islice(ours, ASKED_AT_ONCE)):
            yield chunk

    def _unknown(self, calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those of items that are still open which the journal does not have."""
        settled = self.journal.states(list({row["item"] for row in calls}))
        waiting = [row for row in calls if row["item"] not in settled]
        known = {item: self.journal.calls(item) for item in {row["item"] for row in waiting}}
        return [row for row in waiting if (row["key"], row["n"]) not in known[row["item"]]]


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

    def checked(self) -> Source:
        """Itself, once all its files are found to be what was written; raises BadInput."""
        try:
            read_manifest(self.folder)
        except BadInput as error:
            raise BadInput(f"{error}; {_MAKE_ANEW.format(self.folder)}") from error
        return self


def sources(run: Path, recipe: str) -> list[Source]:
    """The merged round, if there is one, then the parts: those of this recipe, each checked by its hashes.

    What a later source says of an item stands. Raises BadInput where a file is missing or changed.
    """
    return [source.checked() for source in _sources(run, recipe)]


def _sources(run: Path, recipe: str) -> list[Source]:
    merged = run / ROUND if (run / ROUND).exists() else run / BEFORE
    folders = [merged, *sorted((run / FOLDER).glob("*-of-*/[0-9]*"))]
    known = [(folder, _manifest_of(folder)) for folder in folders]
    return [
        Source(folder, manifest) for folder, manifest in known if manifest and manifest["recipe"] == recipe
    ]


def _manifest_of(folder: Path) -> dict[str, Any] | None:
    path = folder / "manifest.json"
    try:
        return orjson.loads(path.read_bytes()) if path.is_file() else None
    except ValueError:
        raise BadInput(f"{path}: is damaged; {_MAKE_ANEW.format(folder)}") from None


def _missing(items: list[str], held: np.ndarray) -> list[str]:
    """The items whose first 8 bytes are not among the sorted numbers."""
    numbers = np.array([int(item[:16], 16) for item in items], np.uint64)
    places = held.searchsorted(numbers)
    there = np.append(held, np.uint64(0))[places] == numbers
    return [item for item, known in zip(items, there, strict=True) if not known]


def discard(part: Path) -> None:
    """Remove a part so that a kill leaves all of it or none."""
    aside = part.with_name(f".{part.name}-discarded")
    shutil.rmtree(aside, ignore_errors=True)
    os.replace(part, aside)
    shutil.rmtree(aside)


def _ever_settled(reader: sqlite3.Connection, rows: list[dict[str, Any]]) -> set[str]:
    """The items among the rows that a journal has settled, be it that they were reopened since."""
    marks = ",".join("?" * len(rows))
    sql = f"SELECT id FROM items WHERE id IN ({marks}) AND (state IS NOT NULL OR reason IS NOT NULL)"
    return {key.hex() for (key,) in reader.execute(sql, [bytes.fromhex(row["id"]) for row in rows])}


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
