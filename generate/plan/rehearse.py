"""A run without its teacher: the real flows walk on the replies of the journal, and show what a run would ask.

What the journal knows is reused. For what it does not, the reply that the agent gave at this place before
stands in; where there was none, one that it gave about another passage (see understudy.py).
"""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from string import Template
from typing import Any, cast

from ..agent import Agent
from ..context import SeedContext, Tally
from ..engine import WorkItem
from ..flow import Rejected, Skill, Tool, asked_by
from ..journal import ASKED_AT_ONCE, Journal
from ..reader import JournalReader
from ..record import Record
from ..teacher import Reply, Request, Teacher
from ..teacher.faculty import Faculty
from .understudy import Understudy

# Items of a skill that are walked, of those begun and of those never begun, whose calls can only be guessed; the
# others are taken to be like them.
MOST_BEGUN, MOST_FRESH = 2000, 300
DONORS = 200  # items of a skill whose replies stand in for those of others
ANY = "(any)"  # the agent of calls that are not told apart


@dataclass
class Calls:
    """Calls of one agent: reused, or new because the prompt is another one (`changed`), because it reads a new
    reply (`following`), or because none like it was ever made (`guessed`). Tokens are those of new calls."""

    reused: float = 0
    changed: float = 0
    following: float = 0
    guessed: float = 0
    prompt_tokens: float = 0
    completion_tokens: float = 0

    @property
    def new(self) -> float:
        return self.changed + self.following + self.guessed

    def take(self, reply: Reply) -> None:
        """Count the tokens of one more new call by those of a reply in its place."""
        self.prompt_tokens += reply.prompt_tokens
        self.completion_tokens += reply.completion_tokens

    def add(self, other: Calls, times: float = 1) -> None:
        for name, count in vars(other).items():
            setattr(self, name, getattr(self, name) + times * count)


@dataclass
class Estimate:
    """What one skill has to do: its items, and its calls by agent.

    Of the items `to_do`, so many were `walked`, and so many taken for the mean of the settled ones; `last` are
    the agents whose replies decide about no other call.
    """

    last: frozenset[str]
    settled: int = 0
    to_do: int = 0
    walked: int = 0
    by_mean: int = 0
    agents: dict[str, Calls] = field(default_factory=lambda: defaultdict(Calls))

    @property
    def calls(self) -> Calls:
        """Those of all agents together."""
        total = Calls()
        for calls in self.agents.values():
            total.add(calls)
        return total

    @property
    def exact(self) -> bool:
        """Whether its new calls are known one by one, and none of their replies can lead to others."""
        total = self.calls
        changed = {agent for agent, calls in self.agents.items() if calls.changed}
        return self.walked == self.to_do and not (total.following or total.guessed) and changed <= self.last


class Sample:
    """How many items there are of a kind, and at most so many of them, spread by hash."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.count = 0
        self._drawn: list[tuple[int, str, WorkItem]] = []

    def __len__(self) -> int:
        return len(self._drawn)

    def __iter__(self) -> Iterator[WorkItem]:
        return (item for _, _, item in sorted(self._drawn, reverse=True))

    def offer(self, item: WorkItem) -> None:
        """Count the item, and take it if its id says so: by its second half, as the first drew the skill's share."""
        self.count += 1
        drawn = (-int(item.id[16:], 16), item.id, item)
        if len(self) < self.most:
            heapq.heappush(self._drawn, drawn)
        else:
            heapq.heappushpop(self._drawn, drawn)


@dataclass
class Items:
    """The items of one skill: settled ones, those that some call was made for, and those never begun."""

    skill: Skill
    settled: Sample = field(default_factory=lambda: Sample(DONORS))
    begun: Sample = field(default_factory=lambda: Sample(MOST_BEGUN))
    fresh: Sample = field(default_factory=lambda: Sample(MOST_FRESH))


class Rehearsal(SeedContext):
    """The context of one item that is walked without its teacher; `found` are the calls that this takes.

    `spare` are the replies of each agent that stand in, in their order, for those that a run would buy.
    """

    def __init__(self, item: WorkItem, stage: Stage, spare: dict[str, list[Reply]]) -> None:
        teacher = stage.faculty.teacher_of(item.id)
        journal = cast(Journal, stage.journal)  # of which a context that buys nothing only reads
        super().__init__(item.skill, item.seed, item.name, 0, stage.run_seed, teacher, journal, Tally())
        self.found: dict[str, Calls] = defaultdict(Calls)
        self._spare = {agent: iter(replies) for agent, replies in spare.items()}
        self._unused = dict(self.known)
        self._new: set[str] = set()
        if stage.anew:
            self.known = {}

    def unused(self) -> dict[str, list[Reply]]:
        """The replies that this walk has found no use for, by agent."""
        found: dict[str, list[Reply]] = defaultdict(list)
        for call in self._unused.values():
            found[call.agent].append(call.reply)
        return found

    def _request(
        self, agent: Agent, record: Record, messages: tuple[dict[str, str], ...], guided: bool
    ) -> Request:
        request = super()._request(agent, record, messages, guided)
        if known := self.known.get((request.key, request.n)):
            calls = self.found[agent.name]
            self._unused.pop((request.key, request.n))
            if self._reads_new(agent, record):
                calls.following += 1
                calls.take(known.reply)
                self._new.add(request.key.hex())
            else:
                calls.reused += 1
        return request

    async def use(self, tool: Tool, asked: dict[str, Any]) -> dict[str, Any]:
        """What the journal has; a tool that was not used yet is not used for a rehearsal, and its record ends here."""
        if not self.has_used(tool, asked):
            raise Rejected("plan", "tool_not_used")
        return await super().use(tool, asked)

    async def _buy(self, request: Request, teacher: Teacher) -> Reply:
        calls = self.found[request.agent]
        reply = next(self._spare.get(request.agent, iter(())), None)
        if reply is not None:
            calls.changed += 1
        else:
            reply = await teacher.ask(request)
            calls.guessed += 1
        calls.take(reply)
        self._new.add(request.key.hex())
        return reply

    def _reads_new(self, agent: Agent, record: Record) -> bool:
        """Whether something that the agent reads was written by a reply that a run would buy."""
        wanted = set(agent.reads)
        if "turn" in wanted:
            wanted |= set(Template(self.skill.turn).get_identifiers())
        for step in reversed(record.lineage):
            writer = self.skill.agent(step.agent)
            wrote = wanted & writer.writes if writer else set()
            if wrote and step.call in self._new:
                return True
            wanted -= wrote
        return False


def last_agents(skill: Skill) -> frozenset[str]:
    """The agents of the answer and of its verdict: nothing comes after them."""
    reviewers = (agent for verify in skill.verify for agent in asked_by(verify))
    return frozenset(agent.name for agent in (*skill.respond.agents(), *reviewers))


@dataclass(frozen=True)
class Stage:
    """Where a run is rehearsed; the faculty is of understudies.

    `reopened`: settled items are walked again, as a changed recipe has it; `anew`: no reply is reused, as
    they are another teacher's.
    """

    journal: JournalReader
    faculty: Faculty
    run_seed: int
    reopened: bool = False
    anew: bool = False

    async def rehearse(self, items: Iterable[WorkItem]) -> dict[str, Estimate]:
        """What a run would ask, by skill."""
        return {name: await self._estimate(of_skill) for name, of_skill in self._sort_out(items).items()}

    def _sort_out(self, items: Iterable[WorkItem]) -> dict[str, Items]:
        found: dict[str, Items] = {}
        remaining = iter(items)
        while chunk := list(itertools.islice(remaining, ASKED_AT_ONCE)):
            begun = self.journal.begun(item.id for item in chunk)
            for item in chunk:
                of_skill = found.setdefault(item.skill.name, Items(item.skill))
                if item.id not in begun:
                    of_skill.fresh.offer(item)
                elif begun[item.id] and not self.reopened:
                    of_skill.settled.offer(item)
                else:
                    of_skill.begun.offer(item)
        return found

    async def _estimate(self, items: Items) -> Estimate:
        skill = items.skill
        estimate = Estimate(last_agents(skill), items.settled.count, items.begun.count + items.fresh.count)
        self._instruct(items)
        await self._walk(items.begun, estimate)
        # Items that nothing is known of are like the settled ones, as long as these were made by this recipe.
        if self.reopened or (mean := self.journal.mean(skill.name)) is None:
            await self._walk(items.fresh, estimate)
        elif items.fresh.count:
            calls, *tokens = mean
            estimate.by_mean = items.fresh.count
            estimate.agents[ANY].add(Calls(0, 0, 0, calls, *tokens), items.fresh.count)
        return estimate

    def _instruct(self, items: Items) -> None:
        """Let the understudies meet the skill, and hear what was said about some of the items."""
        some = itertools.islice(itertools.chain(items.settled, items.begun), DONORS)
        heard = [call for item in some for call in self.journal.calls(item.id).values()]
        for understudy in self.faculty.teachers:
            assert isinstance(understudy, Understudy)
            understudy.meet(items.skill)
            for call in heard:
                understudy.hear(items.skill, call.agent, call.reply)

    async def _walk(self, sample: Sample, estimate: Estimate) -> None:
        """Walk the sample, and add to the estimate what as many items as it stands for take."""
        estimate.walked += len(sample)
        for item in sample:
            for agent, calls in (await self._rehearsed(item)).found.items():
                estimate.agents[agent].add(calls, sample.count / len(sample))

    async def _rehearsed(self, item: WorkItem) -> Rehearsal:
        """The item walked; and, where it has replies that are not reused, walked again with these to spare."""
        first = await self._walked(item, Rehearsal(item, self, {}))
        asks = any(calls.new for calls in first.found.values())
        unused = first.unused()
        return await self._walked(item, Rehearsal(item, self, unused)) if asks and unused else first

    async def _walked(self, item: WorkItem, ctx: Rehearsal) -> Rehearsal:
        with suppress(Exception):  # however an item ends: what it asked until then is what it takes
            await item.skill.run(item.seed, ctx, item.dials)
        return ctx
