"""Many seeds at once: a bounded window of flows over one journal, resume for free, everything accounted for."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..progress import Progress
from ..run import Accounting, AccountingError, Failure, Interrupted
from .context import SeedContext, Stopping, Tally
from .flow import Dials, Rejected, Skill
from .journal import DONE, ITEM_REJECTED, QUARANTINED, Journal, Settled
from .recipe import SkillChoice
from .seeds import Seed
from .teacher import Teacher, Unanswerable


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One skill on one seed: the unit that is planned, settled and accounted for."""

    id: str
    skill: Skill
    seed: Seed
    dials: Dials


Flows = dict[str, tuple[Skill, SkillChoice, Dials]]


def work_items(seeds: Iterable[Seed], flows: Flows) -> Iterator[WorkItem]:
    """The items of a run, in the order of the seeds; a skill's share of the seeds is drawn by hash."""
    for seed in seeds:
        for name, (skill, choice, dials) in flows.items():
            if seed.kind not in skill.kinds:
                continue
            identity = hashlib.sha256(f"{name}\0{seed.id}".encode()).digest()
            if int.from_bytes(identity[:8]) < choice.share * 2**64:
                yield WorkItem(identity.hex()[:32], skill, seed, dials)


class Engine:
    """Runs work items against one teacher and one journal."""

    def __init__(self, teacher: Teacher, journal: Journal, run_seed: int, window: int) -> None:
        self.teacher, self.journal, self.run_seed, self.window = teacher, journal, run_seed, window
        self.tally = Tally()
        self.slots = asyncio.Semaphore(teacher.slots)

    async def run(self, items: Callable[[], Iterator[WorkItem]], progress: Progress) -> Accounting:
        """Settle every item that is not settled yet; the accounting covers all of them.

        `items` is called twice: to work, and to count. Raises Interrupted when a signal asked for it,
        EnvironmentFailure when the teacher or the disk is gone; the accounting is said before.
        """
        failure = await self._settle_all(items(), progress)
        accounting = self.account(items())
        if failure is None and self.tally.stopping and accounting.pending:
            failure = Interrupted(
                f"stopped with {accounting.pending} of {accounting.planned} items pending; "
                "run the same command to go on"
            )
        if failure:
            progress.say(str(accounting))
            raise failure
        return accounting

    async def _settle_all(self, waiting: Iterator[WorkItem], progress: Progress) -> Exception | None:
        """Work until nothing waits, or the run is stopped; returns what broke it off, if anything did."""
        task = asyncio.current_task()
        try:
            with self._draining_on_signals(task, progress):
                async with asyncio.TaskGroup() as flows:
                    for _ in range(self.window):
                        flows.create_task(self._work(waiting, progress))
        except ExceptionGroup as group:
            return group.exceptions[0]
        except asyncio.CancelledError:
            if not (self.tally.stopping and task):
                raise
            task.uncancel()  # it was the second signal: there is still the accounting to be done
        return None

    async def _work(self, waiting: Iterator[WorkItem], progress: Progress) -> None:
        """One place in the window: takes the next pending item when its last one is settled."""
        for item in waiting:
            if self.tally.stopping:
                return
            if self.journal.state(item.id) is None:
                try:
                    settled = await self._walk(item)
                except Stopping:
                    return
                await self.journal.settle(settled)
                self.tally.pairs += len(settled.pairs)
                self.tally.rejected += len(settled.rejected)
            progress.advance()
            self._show(progress)

    async def _walk(self, item: WorkItem) -> Settled:
        """One flow from start to end; whatever goes wrong with this item is part of how it ends."""
        ctx = SeedContext(
            item.id, item.skill, item.seed, self.run_seed, self.teacher, self.journal, self.tally, self.slots
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
        except (Stopping, Failure):
            raise
        except Exception as fault:  # what one reply breaks would break every resumed run at the same place
            state, reason = QUARANTINED, f"fault:{type(fault).__name__}"
            detail = traceback.format_exc(limit=-3)
        if state == QUARANTINED:  # nothing of an item that failed half-way is kept
            ctx.pairs, ctx.rejected = [], []
        if state != DONE and not ctx.rejected:
            ctx.rejected.append(ctx.rejected_row(item.id, step, reason, detail))
        where = (item.id, item.skill.name, item.seed.id)
        return Settled(*where, state, reason, detail, tuple(ctx.pairs), tuple(ctx.rejected))

    def account(self, items: Iterable[WorkItem]) -> Accounting:
        """Where every planned item stands, counted from the journal; raises AccountingError when one is nowhere."""
        accounting = Accounting()
        for item in items:
            accounting.planned += 1
            match self.journal.state(item.id):
                case None:
                    accounting.pending += 1
                case (state, _) if state == DONE:
                    accounting.done += 1
                case (state, reason) if state == ITEM_REJECTED:
                    accounting.rejected[reason] += 1
                case (_, reason):
                    accounting.quarantined[reason] += 1
        accounting.check()
        held, settled = self.journal.count("items"), accounting.planned - accounting.pending
        if held != settled:
            raise AccountingError(
                f"{self.journal.path}: holds {held} settled items, the plan has {settled}; "
                "the seeds changed under the run: begin another"
            )
        return accounting

    def _show(self, progress: Progress) -> None:
        tally = self.tally
        progress.state(
            accepted=tally.pairs,
            rejected=tally.rejected,
            calls=tally.calls,
            reused=tally.reused,
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

        signals = (signal.SIGINT, signal.SIGTERM)
        for number in signals:
            loop.add_signal_handler(number, stop)
        try:
            yield
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
