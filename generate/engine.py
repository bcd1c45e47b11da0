"""Many seeds at once: a bounded window of flows over one journal, resume for free, everything accounted for."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import itertools
import signal
import time
import traceback
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ..progress import Progress
from ..run import Accounting, AccountingError, BadInput, Failure, Interrupted, asked_to_stop
from .context import SeedContext, Tally
from .flow import Dials, Rejected, Skill
from .journal import ASKED_AT_ONCE, DONE, ITEM_REJECTED, QUARANTINED, ItemName, Journal, Settled
from .recipe import SkillChoice
from .seeds import Seed
from .teacher import Draining, Unanswerable
from .teacher.faculty import Faculty
from .tools.search import SeedIndex

TICK = 0.5  # seconds between two looks at the window, the progress and the seal
SMALLEST_WINDOW = 400
ITEMS_PER_SLOT = 1.6  # more than one: while one item's reply is committed, another's request is on its way
PAIRS_PER_PART, SECONDS_PER_PART = 10_000, 600.0
FIRST_PART = 1000  # pairs: whatever is wrong with the place that parts go to shows early


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One skill on one seed: the unit that is planned, settled and accounted for."""

    id: str
    skill: Skill
    seed: Seed
    dials: Dials

    @property
    def name(self) -> ItemName:
        return ItemName(self.id, self.skill.name, self.seed.id)


@dataclass(frozen=True, slots=True)
class Shard:
    """One of `count` equal shares of a run's work items; they are drawn by hash, whatever the run holds."""

    number: int = 0
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Shard:
        """Read the command line's form, I/N; raises BadInput."""
        number, _, count = text.partition("/")
        if not (number.isdecimal() and count.isdecimal() and int(number) < int(count)):
            raise BadInput(f"--shard {text}: give I/N, with I from 0 to N - 1")
        return cls(int(number), int(count))

    def __str__(self) -> str:
        return f"{self.number}-of-{self.count}"

    def holds(self, item: str) -> bool:
        """Whether the item, by its id, is one of the share's."""
        return int(item[16:], 16) % self.count == self.number


Flows = dict[str, tuple[Skill, SkillChoice, Dials]]
WHOLE = Shard()


def item_id(skill: str, seed_id: str) -> str:
    """32 hexadecimal digits: the same for this skill on this seed in every run."""
    return hashlib.sha256(f"{skill}\0{seed_id}".encode()).hexdigest()[:32]


def work_items(seeds: Iterable[Seed], flows: Flows, shard: Shard = WHOLE) -> Iterator[WorkItem]:
    """The items of a run, in the order of the seeds; a skill's share of the seeds is drawn by hash."""
    for seed in seeds:
        for name, (skill, choice, dials) in flows.items():
            if seed.kind not in skill.kinds:
                continue
            item = item_id(name, seed.id)
            if int(item[:16], 16) < choice.share * 2**64 and shard.holds(item):
                yield WorkItem(item, skill, seed, dials)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Have Python look for cyclic garbage less often: with hundreds of flows open, each look finds them alive.

    It took a fifth of the time of a call (scripts/bench/engine). What is loaded so far is never looked at.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def _nothing() -> None:
    """What a run seals that has nowhere to seal to."""


class Engine:
    """Runs work items against their teachers and one journal; `seal` is called now and then, and at the end.

    `window` bounds the items that are open at once; by default it follows what the teacher takes.
    """

    def __init__(
        self,
        faculty: Faculty,
        journal: Journal,
        run_seed: int,
        window: int | None = None,
        seal: Callable[[], Awaitable[None]] = _nothing,
        index: SeedIndex | None = None,
    ) -> None:
        self.faculty, self.journal, self.run_seed = faculty, journal, run_seed
        self.window, self.seal, self.index = window, seal, index
        self.tally = Tally()
        self.seconds = 0.0
        self._idle = asyncio.Event()
        self._turns = itertools.count()
        self._sealed_at, self._sealed_pairs = time.monotonic(), 0

    async def run(self, items: Callable[[], Iterator[WorkItem]], progress: Progress) -> Accounting:
        """Settle every item that is not settled yet; the accounting covers all of them.

        `items` is called twice: to work, and to count. Raises Interrupted when a signal asked for it,
        EnvironmentFailure when the teacher or the disk is gone; the accounting is said before.
        """
        began = time.monotonic()
        with _rare_collections():
            failure = await self._settle_all(items(), progress)
        self._show(progress)
        self.seconds = time.monotonic() - began
        accounting = self.account(items())
        if failure is None and self.tally.stopping and accounting.pending:
            failure = Interrupted(
                f"stopped with {accounting.pending} of {accounting.planned} items pending; "
                "run the same command to go on"
            )
        if not self.journal.failed:
            try:
                await self.seal()
            except Failure as error:
                failure = failure or error
        if failure:
            progress.say(str(accounting))
            raise failure
        return accounting

    def speed(self) -> dict[str, float]:
        """Calls and tokens per second of this run so far; nothing where it made no calls."""
        tally, seconds = self.tally, self.seconds
        if not (tally.calls and seconds):
            return {}
        return {
            "calls_per_s": tally.calls / seconds,
            "prompt_tokens_per_s": tally.prompt_tokens / seconds,
            "completion_tokens_per_s": tally.completion_tokens / seconds,
        }

    async def _settle_all(self, items: Iterator[WorkItem], progress: Progress) -> Exception | None:
        """Work until nothing waits, or the run is stopped; returns what broke it off, if anything did."""
        task = asyncio.current_task()
        waiting = self._pending(items)
        try:
            with self._draining_on_signals(task, progress):
                async with asyncio.TaskGroup() as flows:
                    while self._fill_window(flows, waiting):
                        with suppress(TimeoutError):
                            await asyncio.wait_for(self._idle.wait(), TICK)
                        self._show(progress)
                        await self._seal_when_due()
        except ExceptionGroup as group:
            return group.exceptions[0]
        except asyncio.CancelledError:
            if not (self.tally.stopping and task):
                raise
            task.uncancel()  # it was the second signal: there is still the accounting to be done
        return None

    def _pending(self, items: Iterator[WorkItem]) -> Iterator[WorkItem]:
        """Those that are not settled yet; the journal is asked about many at once."""
        while chunk := list(itertools.islice(items, ASKED_AT_ONCE)):
            pending = self.journal.pending([item.id for item in chunk])
            self.tally.items += len(chunk) - len(pending)
            yield from (item for item in chunk if item.id in pending)

    @property
    def _places(self) -> int:
        return self.window or max(SMALLEST_WINDOW, int(ITEMS_PER_SLOT * self.faculty.limit))

    def _fill_window(self, flows: asyncio.TaskGroup, waiting: Iterator[WorkItem]) -> bool:
        """Open as many places as the teacher has use for; False when all work has ended."""
        if self._idle.is_set():
            return False
        for _ in range(self._places - self.tally.open):
            if self.tally.stopping or (item := next(waiting, None)) is None:
                break
            self.tally.open += 1
            flows.create_task(self._work(item, waiting))
        return self.tally.open > 0

    async def _work(self, item: WorkItem, waiting: Iterator[WorkItem]) -> None:
        """One place in the window: takes the next pending item when its last one is settled."""
        try:
            while True:
                settled = await self._walk(item)
                await self.journal.settle(settled)
                self.tally.items += 1
                self.tally.pairs += len(settled.pairs)
                self.tally.rejected += len(settled.rejected)
                if self.tally.stopping or self.tally.open > 2 * self._places:
                    return
                if (following := next(waiting, None)) is None:
                    return
                item = following
        except Draining:
            return
        finally:
            self.tally.open -= 1
            if not self.tally.open:
                self._idle.set()

    async def _walk(self, item: WorkItem) -> Settled:
        """One flow from start to end; whatever goes wrong with this item is part of how it ends."""
        ctx = SeedContext(
            item.skill,
            item.seed,
            item.name,
            next(self._turns),
            self.run_seed,
            self.faculty.teacher_of(item.id),
            self.journal,
            self.tally,
            self.index,
            self.faculty.weaker,
        )
        state, step, reason, detail = DONE, "flow", "", ""
        try:
            await item.skill.run(item.seed, ctx, item.dials)
            if not ctx.pairs:
                state, reason = ITEM_REJECTED, ctx.rejected[0]["reason"] if ctx.rejected else "no_pair"
        except Rejected as rejected:
            state, step, reason, detail = ITEM_REJECTED, rejected.step, rejected.reason, rejected.detail
        except Unanswerable as failure:
            state, step, reason, detail = QUARANTINED, "teacher", failure.reason, failure.detail
        except (Draining, Failure, MemoryError, OSError):  # no fault of this item: the run cannot go on
            raise
        except Exception as fault:  # what one reply breaks would break every resumed run at the same place
            state, reason = QUARANTINED, f"fault:{type(fault).__name__}"
            detail = traceback.format_exc(limit=-3)
        if state == QUARANTINED:  # nothing of an item that failed half-way is kept
            ctx.pairs, ctx.rejected = [], []
        if state != DONE and not ctx.rejected:
            ctx.rejected.append(ctx.rejected_row(item.id, step, reason, detail))
        took = (ctx.calls, ctx.prompt_tokens, ctx.completion_tokens)
        return Settled(item.name, state, reason, detail, *took, tuple(ctx.pairs), tuple(ctx.rejected))

    def account(self, items: Iterator[WorkItem]) -> Accounting:
        """Where every planned item stands, counted from the journal; raises AccountingError when one is nowhere."""
        accounting = Accounting()
        while chunk := [item.id for item in itertools.islice(items, ASKED_AT_ONCE)]:
            accounting.planned += len(chunk)
            states = self.journal.states(chunk)
            accounting.pending += len(chunk) - len(states)
            for state, reason in states.values():
                accounting.add(state, reason)
        accounting.check()
        held, settled = self.journal.count_settled(), accounting.planned - accounting.pending
        if held != settled:
            raise AccountingError(
                f"{self.journal.path}: holds {held} settled items, the plan has {settled}; "
                "the seeds changed under the run: begin another"
            )
        return accounting

    async def _seal_when_due(self) -> None:
        waited = time.monotonic() - self._sealed_at >= SECONDS_PER_PART
        enough = PAIRS_PER_PART if self._sealed_pairs else FIRST_PART
        if self.tally.pairs - self._sealed_pairs >= enough or waited:
            self._sealed_pairs = self.tally.pairs
            await self.seal()
            self._sealed_at = time.monotonic()

    def _show(self, progress: Progress) -> None:
        tally = self.tally
        progress.advance(tally.items - progress.done)
        progress.state(
            accepted=tally.pairs,
            rejected=tally.rejected,
            calls=tally.calls,
            reused=tally.reused,
            open=tally.open,
        )

    @contextmanager
    def _draining_on_signals(self, task: asyncio.Task[Any] | None, progress: Progress) -> Iterator[None]:
        """The first SIGINT or SIGTERM lets calls in flight finish; the second stops at once."""
        loop = asyncio.get_running_loop()

        def stop() -> None:
            if self.tally.stopping and task:
                task.cancel()
            elif not self.tally.stopping:
                progress.say("finishing the calls in flight; press again to stop at once")
            self.tally.stopping = True
            self.faculty.drain()

        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, stop)
        if asked_to_stop():
            stop()
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
