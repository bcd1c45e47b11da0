"""Sealed parts outlive the journals that they came from: whoever goes on, where, and with how many shares."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from genteach.generate.engine import WHOLE, Engine, Shard, WorkItem, work_items
from genteach.generate.flow import Dials
from genteach.generate.journal import Journal
from genteach.generate.merge import merge
from genteach.generate.parquet import read_rows
from genteach.generate.parts import Parts
from genteach.generate.recipe import SkillChoice
from genteach.generate.seeds import Seed
from genteach.generate.teacher import Request
from genteach.generate.teacher.faculty import Faculty
from genteach.progress import Progress
from genteach.run import EnvironmentFailure, Interrupted

from .toy import TOY, Scripted

CALLS = 3  # of an item


def items(shard: Shard = WHOLE) -> Iterator[WorkItem]:
    seeds = [
        Seed(f"{n:x}" + "f" * 31, f"text {n}", "text", f"d{n}", (0, 6), "tests", "CC0-1.0") for n in range(16)
    ]
    return work_items(seeds, {"toy": (TOY, SkillChoice(), Dials(1, 0))}, shard)


ALL = [item.id for item in items()]
REFUSED = 1  # the seed that begins with 0 costs a call less
WHOLE_COST = CALLS * len(ALL) - REFUSED


def mine() -> None:
    """The shard is still ours."""


async def nothing() -> None:
    """What a run seals that is killed."""


def work(
    run: Path,
    journal: Path,
    shard: Shard = WHOLE,
    calls: int = 10_000,
    seals: bool = True,
    still_ours: Callable[[], None] = mine,
) -> list[bytes]:
    """A shard's work, until so many calls were made; the keys of those calls. A run that does not seal was killed."""

    async def go() -> None:
        opened = Journal(journal)
        parts = Parts(run, shard, opened, "recipe", still_ours)
        teacher = Scripted(lambda request: note(request))
        engine = Engine(Faculty([teacher], [1]), opened, 0, 4, parts.seal if seals else nothing)

        def note(request: Request) -> None:
            asked.append(request.key)
            if len(asked) == calls:
                teacher.draining = engine.tally.stopping = True

        teacher.draining = engine.tally.stopping = not calls
        try:
            await parts.open()
            await opened.set_fact("recipe", "recipe")
            await engine.run(lambda: items(shard), Progress("test", None, "items", as_json=True))
        finally:
            opened.close()

    asked: list[bytes] = []
    with suppress(Interrupted):
        asyncio.run(go())
    return asked


def parts(run: Path, shard: Shard = WHOLE) -> list[Path]:
    return sorted((run / "parts" / str(shard)).glob("[0-9]*"))


def merged(run: Path) -> dict[str, Any]:
    return merge(run, "recipe", iter(ALL))


def files(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (run / "rounds/0001").iterdir()}


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, bytes]:
    """The round that nothing happened to."""
    run = tmp_path / "whole"
    assert len(work(run, folder(run) / "journal.sqlite")) == WHOLE_COST
    merged(run)
    return files(run)


def folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return folder(tmp_path / "run")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return folder(tmp_path / "here") / "journal.sqlite"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return folder(tmp_path / "there") / "journal.sqlite"


def test_another_machine_buys_nothing_that_was_sealed(
    run: Path, here: Path, there: Path, whole: dict[str, bytes]
) -> None:
    bought = work(run, here, calls=20) + work(run, there)
    assert len(bought) == len(set(bought)) == WHOLE_COST
    merged(run)
    assert files(run) == whole


@pytest.mark.parametrize("sealed_before", [True, False])
def test_a_machine_that_comes_back_takes_over_what_others_sealed(
    run: Path, here: Path, there: Path, whole: dict[str, bytes], sealed_before: bool
) -> None:
    begun = work(run, here, calls=20, seals=sealed_before)
    between = work(run, there, calls=20)
    back = work(run, here)
    assert not set(begun) & set(back), "the journal knew these"
    assert not set(between) & set(back), "these were sealed"
    assert len(set(begun) | set(between) | set(back)) == WHOLE_COST
    merged(run)
    assert files(run) == whole


def test_a_machine_that_comes_back_after_a_merge_asks_nothing(run: Path, here: Path, there: Path) -> None:
    work(run, here, calls=20)
    work(run, there)
    merged(run)
    assert work(run, here) == []


def test_a_merge_before_the_end_says_what_is_pending_and_forgets_no_call(
    run: Path, here: Path, there: Path, whole: dict[str, bytes]
) -> None:
    bought = work(run, here, calls=20)
    manifest = merged(run)
    assert 0 < manifest["pending"] < manifest["planned"] == len(ALL)
    assert not parts(run)
    bought += work(run, there)
    assert len(bought) == len(set(bought)) == WHOLE_COST
    assert merged(run)["pending"] == 0
    assert files(run) == whole


def test_the_shares_are_cut_anew_between_two_runs(run: Path, tmp_path: Path, whole: dict[str, bytes]) -> None:
    bought = []
    for count, calls in ((2, 8), (3, 6), (1, 10), (2, 10_000)):
        for number in range(count):
            journal = folder(tmp_path / f"{number}-of-{count}") / "journal.sqlite"
            bought += work(run, journal, Shard(number, count), calls)
    assert len(bought) == len(set(bought)) == WHOLE_COST
    merged(run)
    assert files(run) == whole


def test_calls_are_sealed_though_no_item_is_finished_and_once_only(
    run: Path, here: Path, there: Path
) -> None:
    bought = work(run, here, calls=4)
    [part] = parts(run)
    assert sum(1 for _ in read_rows(part / "calls.parquet")) == len(bought) == 4
    assert work(run, here, calls=0) == []
    assert parts(run) == [part]
    assert not set(bought) & set(work(run, there))


def test_a_part_that_the_journal_did_not_let_go_of_is_sealed_again(
    run: Path, here: Path, there: Path, whole: dict[str, bytes]
) -> None:
    work(run, here, calls=20, seals=False)
    shutil.copy(here, there)  # as it was before the seal
    work(run, here, calls=0)
    [sealed] = parts(run)
    bought = work(run, there, calls=20)
    assert parts(run) == [sealed]
    assert not set(bought) & set(work(run, there))
    merged(run)
    assert files(run) == whole


@pytest.mark.parametrize("late", [False, True])
def test_who_was_taken_over_puts_no_part_in_place(
    run: Path, here: Path, there: Path, whole: dict[str, bytes], late: bool
) -> None:
    async def begin() -> None:
        opened = Journal(there)
        await Parts(run, WHOLE, opened, "recipe", mine).open()
        opened.close()

    def taken_over() -> None:
        """Between the writing of a part and its place in the run, another machine begins."""
        with ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(asyncio.run, begin()).result()
        if not late:
            raise EnvironmentFailure("taken over")

    with pytest.raises((EnvironmentFailure, FileNotFoundError)):
        work(run, here, still_ours=taken_over)
    assert not parts(run)
    assert len(work(run, there)) == WHOLE_COST
    merged(run)
    assert files(run) == whole


def test_a_round_that_is_just_being_replaced_is_not_missed(run: Path, here: Path, there: Path) -> None:
    work(run, here)
    merged(run)
    (run / "rounds/0001").rename(run / ".before-merging")
    assert work(run, there) == []
