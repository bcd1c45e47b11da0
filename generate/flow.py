"""A skill is five lists, read in the order that the data goes: transform, instruct, refine, respond, verify."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from string import Template
from typing import Literal, Protocol, TypeVar

from .agent import Agent
from .record import Record, Step, Verdict
from .reply import Declined
from .seeds import Seed

T = TypeVar("T")
# The paper's identity agent copies its text verbatim: that takes no teacher, and no tokens.
IDENTITY = Agent(
    "identity", role="You copy a document verbatim.", task="", about="document", writes_text="passage"
)
Match = Literal["exact", "number", "text", "judge"]


class Rejected(Exception):
    """This record goes no further; `reason` is a short name to count by, `detail` a line for people."""

    def __init__(self, step: str, reason: str, detail: str = "") -> None:
        super().__init__(f"{step}: {reason}")
        self.step, self.reason, self.detail = step, reason, detail


class Context(Protocol):
    """All that a flow may do to the world; every call is durable before the flow goes on."""

    async def ask(self, agent: Agent, record: Record) -> list[Record]:
        """One new record for each item of the reply. Raises Declined, or Rejected when it stays unreadable."""
        ...

    def choose(self, label: str, options: list[T]) -> list[T]:
        """The options in an order drawn from hash(run seed, skill, seed id, label)."""
        ...

    def emit(self, record: Record, verdict: Verdict) -> None: ...

    def reject(self, record: Record, step: str, reason: str, detail: str = "") -> None: ...

    def declined(self, agent: Agent) -> None: ...


Verifier = Callable[[Record, "Entry", Context], Awaitable[Verdict | None]]


@dataclass(frozen=True)
class Entry:
    """One line of a taxonomy: a kind of instruction, the agent that writes it, and how its answers compare.

    `definition` says what kind, in a sentence or more; `after` names the transformations after which it may
    run (empty: after any). `origin` tells the paper's entries from ours.
    """

    name: str
    agent: Agent
    definition: str
    after: frozenset[str] = frozenset()
    match: Match = "judge"
    origin: Literal["paper", "ours"] = "ours"

    def suits(self, transformation: str) -> bool:
        return not self.after or transformation in self.after


@dataclass(frozen=True)
class Refinement:
    """A goal, pursued in two calls: the suggester proposes several ways, the editor carries out each."""

    goal: str
    suggester: Agent
    editor: Agent
    entries: frozenset[str] = frozenset()  # empty: any

    def suits(self, entry: str) -> bool:
        return not self.entries or entry in self.entries


@dataclass(frozen=True)
class Skill:
    """A flow as data. `turn` is the user's turn of the finished pair, from the record's fields."""

    name: str
    summary: str
    transform: list[Agent]
    instruct: list[Entry]
    refine: list[Refinement]
    respond: Agent
    verify: list[Verifier]
    turn: str
    kinds: frozenset[str] = frozenset({"text"})

    def entry(self, name: str) -> Entry:
        """The taxonomy's entry of that name."""
        return next(entry for entry in self.instruct if entry.name == name)

    def agents(self) -> Iterator[Agent]:
        """Every agent that the flow may call."""
        yield from self.transform
        yield from (entry.agent for entry in self.instruct)
        for refinement in self.refine:
            yield refinement.suggester
            yield refinement.editor
        yield self.respond
        for verify in self.verify:
            if reviewer := getattr(verify, "agent", None):  # a verifier that asks the teacher says whom
                yield reviewer

    def agent(self, name: str) -> Agent | None:
        """The agent of that name, if the flow has one."""
        return next((agent for agent in self.agents() if agent.name == name), None)

    async def run(self, seed: Seed, ctx: Context, dials: Dials) -> None:
        """Walk one seed through the five lists; whatever comes of it is emitted or rejected, nothing is lost."""
        passage = await self._transform(Record.begin(self.name, seed), ctx, dials)
        for record in await self._instruct(passage, ctx, dials):
            for candidate in [record, *await self._refine(record, ctx, dials)]:
                try:
                    await self._finish(candidate, ctx)
                except Rejected as rejected:
                    ctx.reject(candidate, rejected.step, rejected.reason, rejected.detail)

    async def _transform(self, record: Record, ctx: Context, dials: Dials) -> Record:
        """One transformation agent, drawn; one that declines gives its place to the next of the draw."""
        allowed = [agent for agent in self.transform if dials.allows_transformation(agent.name)]
        for agent in ctx.choose("transform", allowed):
            if agent is IDENTITY:
                copy = {"passage": record.fields["document"], "transformation": agent.name}
                return record.with_fields(copy, Step(agent.name, "", ""))
            try:
                [passage] = await ctx.ask(agent, record)
            except Declined:
                ctx.declined(agent)
                continue
            return passage.with_fields({"transformation": agent.name})
        raise Rejected("transform", "unsuitable", "every transformation declined the seed")

    async def _instruct(self, passage: Record, ctx: Context, dials: Dials) -> list[Record]:
        """Instructions of the drawn entries, among those that suit the transformation that ran."""
        suited = [
            e
            for e in self.instruct
            if e.suits(passage.fields["transformation"]) and dials.allows_entry(e.name)
        ]
        found: list[Record] = []
        any_rejected = False
        entries_left = dials.entries_per_seed
        for entry in ctx.choose("instruct", suited):
            try:
                found += await ctx.ask(entry.agent, passage.at(entry.name))
            except Declined:
                ctx.declined(entry.agent)
                continue
            except Rejected as rejected:
                ctx.reject(passage.at(entry.name), rejected.step, rejected.reason, rejected.detail)
                any_rejected = True
            entries_left -= 1
            if not entries_left:
                break
        if not found and not any_rejected:
            raise Rejected("instruct", "unsuitable", "every entry that was drawn declined the passage")
        return found

    async def _refine(self, parent: Record, ctx: Context, dials: Dials) -> list[Record]:
        """Children of one instruction; the parent stays. One goal is drawn for each round."""
        children: list[Record] = []
        generation = [parent]
        for round_number in range(dials.refine_rounds):
            generation = [
                child for record in generation for child in await self._refine_once(record, round_number, ctx)
            ]
            children += generation
        return children

    async def _refine_once(self, record: Record, round_number: int, ctx: Context) -> list[Record]:
        suited = [refinement for refinement in self.refine if refinement.suits(record.entry)]
        for refinement in ctx.choose(f"refine {round_number} {record.id}", suited):
            try:
                suggestions = await ctx.ask(refinement.suggester, record)
                return [
                    edited
                    for suggestion in suggestions
                    for edited in await self._edit(refinement, suggestion, ctx)
                ]
            except Declined:
                ctx.declined(refinement.suggester)
            except Rejected as rejected:
                ctx.reject(record, rejected.step, rejected.reason, rejected.detail)
                return []
        return []

    async def _edit(self, refinement: Refinement, suggestion: Record, ctx: Context) -> list[Record]:
        try:
            edited = await ctx.ask(refinement.editor, suggestion)
        except Declined:
            ctx.declined(refinement.editor)
            return []
        except Rejected as rejected:
            ctx.reject(suggestion, rejected.step, rejected.reason, rejected.detail)
            return []
        return [record.with_fields({"goal": refinement.goal}) for record in edited]

    async def _finish(self, record: Record, ctx: Context) -> None:
        """The answer, in a call of its own, and what the verifiers say of it."""
        turn = Template(self.turn).substitute(record.fields).strip()
        try:
            [answered] = await ctx.ask(self.respond, record.with_fields({"turn": turn}))
        except Declined as declined:
            raise Rejected("respond", "declined", str(declined)) from declined
        ctx.emit(answered, await self._verdict(answered, ctx))

    async def _verdict(self, record: Record, ctx: Context) -> Verdict:
        """Every verifier that has something to say must accept, and at least one must."""
        entry = self.entry(record.entry)
        said = [verdict for verify in self.verify if (verdict := await verify(record, entry, ctx))]
        if not said:
            raise Rejected("verify", "unverified", "no verifier could decide")
        for verdict in said:
            if not verdict.accepted:
                raise Rejected("verify", verdict.reason, f"{verdict.by}: {verdict.detail}")
        shares = [verdict.vote_share for verdict in said if verdict.vote_share is not None]
        scores = {name: score for verdict in said for name, score in verdict.scores.items()}
        return Verdict(
            True,
            "+".join(verdict.by for verdict in said),
            vote_share=min(shares, default=None),
            scores=scores,
        )


@dataclass(frozen=True)
class Dials:
    """How much a flow makes of one seed; empty `transformations` or `entries` allow all."""

    entries_per_seed: int = 3
    refine_rounds: int = 1
    transformations: frozenset[str] = frozenset()
    entries: frozenset[str] = frozenset()

    def allows_transformation(self, name: str) -> bool:
        return not self.transformations or name in self.transformations

    def allows_entry(self, name: str) -> bool:
        return not self.entries or name in self.entries
