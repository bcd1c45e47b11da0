"""A skill is five lists, read in the order that the data goes: transform, instruct, refine, respond, verify."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from string import Template
from typing import Any, Literal, Protocol, TypeVar

from .agent import Agent
from .difficulty import weaker_right
from .formats import FREE, NO_FORMAT
from .injection import sign_of
from .record import Record, Step, Verdict
from .reply import Declined
from .seeds import Seed

T = TypeVar("T")
Match = Literal["exact", "number", "magnitude", "text", "judge"]
UNVERIFIED = "none"
"""What `verified_by` says where no verifier had a second path to the answer."""


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

    async def ask_weaker(self, question: str, count: int) -> list[str]:
        """What a weaker responder says to a question, `count` times; nothing where the run has none."""
        ...

    async def use(self, tool: Tool, asked: dict[str, Any]) -> dict[str, Any]:
        """What the tool makes of this, both as JSON has it; done once, whatever crashes."""
        ...

    async def search(self, query: str, count: int) -> list[Seed]:
        """The `count` seeds of the run that fit these words best (BM25), without the one that is walked."""
        ...

    def choose(self, label: str, options: Sequence[T]) -> list[T]:
        """The options in an order drawn from hash(run seed, skill, seed id, label)."""
        ...

    def chance(self, label: str) -> float:
        """A number from 0 to 1, drawn in the same way."""
        ...

    def emit(self, record: Record, verdict: Verdict) -> None: ...

    def reject(self, record: Record, step: str, reason: str, detail: str = "") -> None: ...

    def declined(self, step: FlowStep) -> None: ...


class Tool(Protocol):
    """Something outside the flow that answers as a teacher does, and is journaled as one: a sandbox, for instance."""

    @property
    def __name__(self) -> str: ...

    async def __call__(self, asked: dict[str, Any]) -> dict[str, Any]: ...


class FlowStep(Protocol):
    """What stands in the lists of a skill: mostly an agent, otherwise an object that walks a longer way.

    It says which fields of a record it reads and writes, and whom it asks. Called with a record, it gives one or more
    that are further on; it raises Declined where the text does not suit it, and Rejected where it failed.
    """

    @property
    def name(self) -> str: ...

    @property
    def reads(self) -> frozenset[str]: ...

    @property
    def writes(self) -> frozenset[str]: ...

    def agents(self) -> Iterable[Agent]: ...

    async def __call__(self, record: Record, ctx: Context) -> list[Record]: ...


@dataclass(frozen=True)
class Identity:
    """The paper's identity agent: it copies its text verbatim, which takes no teacher, and no tokens."""

    name: str = "identity"
    reads: frozenset[str] = frozenset({"document"})
    writes: frozenset[str] = frozenset({"passage"})

    def agents(self) -> Iterable[Agent]:
        return ()

    async def __call__(self, record: Record, ctx: Context) -> list[Record]:
        return [record.with_fields({"passage": record.fields["document"]}, Step(self.name, "", ""))]


IDENTITY = Identity()
Verifier = Callable[[Record, "Entry", Context], Awaitable[Verdict | None]]


@dataclass(frozen=True)
class Entry:
    """One line of a taxonomy: a kind of instruction, the step that writes it, and how its answers compare.

    `definition` says what kind, in a sentence or more; `after` names the transformations after which it may
    run (empty: after any). `origin` tells the paper's entries from ours.
    """

    name: str
    agent: FlowStep
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
    suggester: FlowStep
    editor: FlowStep
    entries: frozenset[str] = frozenset()  # empty: any

    def suits(self, entry: str) -> bool:
        return not self.entries or entry in self.entries


@dataclass(frozen=True)
class Skill:
    """A flow as data. `turn` is the user's turn of the finished pair, from the record's fields.

    `format` says, for a share of the instructions, in which form the reply is wanted; its words end the turn. Where
    `respond` writes a conversation, that is the pair, and `turn` is what the person who begins it wants. `needs` says
    what must be there besides a teacher.
    """

    name: str
    summary: str
    transform: Sequence[FlowStep]
    instruct: Sequence[Entry]
    refine: Sequence[Refinement]
    respond: FlowStep
    verify: Sequence[Verifier]
    turn: str
    kinds: frozenset[str] = frozenset({"text"})
    format: Agent | None = None
    needs: frozenset[Literal["index", "sandbox"]] = frozenset()

    def entry(self, name: str) -> Entry:
        """The taxonomy's entry of that name."""
        return next(entry for entry in self.instruct if entry.name == name)

    def agents(self) -> Iterator[Agent]:
        """Every agent that the flow may call."""
        for step in self.steps():
            yield from step.agents()
        for verify in self.verify:
            yield from asked_by(verify)

    def steps(self) -> Iterator[FlowStep]:
        """What the lists hold, but for the verifiers."""
        yield from self.transform
        yield from (entry.agent for entry in self.instruct)
        for refinement in self.refine:
            yield refinement.suggester
            yield refinement.editor
        if self.format:
            yield self.format
        yield self.respond

    def agent(self, name: str) -> Agent | None:
        """The agent of that name, if the flow has one."""
        return next((agent for agent in self.agents() if agent.name == name), None)

    async def run(self, seed: Seed, ctx: Context, dials: Dials) -> None:
        """Walk one seed through the five lists; whatever comes of it is emitted or rejected, nothing is lost.

        A seed that gives orders to whoever reads it is left out (see injection.py), before anybody is asked.
        """
        if not dials.keep_flagged and (sign := sign_of(seed.text)):
            raise Rejected("seed", "flagged", f"its text shows a sign of prompt injection: {sign}")
        passage = await self._transform(Record.begin(self.name, seed), ctx, dials)
        for record in await self._instruct(passage, ctx, dials):
            for candidate in [record, *await self._refine(record, ctx, dials)]:
                try:
                    await self._finish(await self._formatted(candidate, ctx, dials), ctx)
                except Rejected as rejected:
                    ctx.reject(candidate, rejected.step, rejected.reason, rejected.detail)

    async def _transform(self, record: Record, ctx: Context, dials: Dials) -> Record:
        """One transformation agent, drawn; one that declines gives its place to the next of the draw."""
        allowed = [step for step in self.transform if dials.allows_transformation(step.name)]
        for step in ctx.choose("transform", allowed):
            try:
                [passage] = await step(record, ctx)
            except Declined:
                ctx.declined(step)
                continue
            return passage.with_fields({"transformation": step.name})
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
                found += await entry.agent(passage.at(entry.name), ctx)
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
        for refinement in ctx.choose(f"refine {round_number} {record.path}", suited):
            try:
                suggestions = await refinement.suggester(record, ctx)
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
            edited = await refinement.editor(suggestion, ctx)
        except Declined:
            ctx.declined(refinement.editor)
            return []
        except Rejected as rejected:
            ctx.reject(suggestion, rejected.step, rejected.reason, rejected.detail)
            return []
        return [record.with_fields({"goal": refinement.goal}) for record in edited]

    async def _formatted(self, record: Record, ctx: Context, dials: Dials) -> Record:
        """The record with the form in which its reply is wanted; most often that is left to whoever replies."""
        plain = record.with_fields({"form": FREE, "format": NO_FORMAT})
        is_exact = self.entry(record.entry).match == "exact"  # a text down to its last character has its form
        if self.format is None or is_exact or ctx.chance(f"format {record.path}") >= dials.format_share:
            return plain
        try:
            [formatted] = await self.format(plain, ctx)
        except Declined:
            ctx.declined(self.format)
            return plain
        return formatted

    async def _finish(self, record: Record, ctx: Context) -> None:
        """The answer, in a call of its own, and what the verifiers say of it."""
        turn = Template(self.turn).substitute(record.fields).strip()
        if record.fields["format"] != NO_FORMAT:
            turn = f"{turn}\n\n{record.fields['format']}"
        try:
            [answered] = await self.respond(record.with_fields({"turn": turn}), ctx)
        except Declined as declined:
            raise Rejected("respond", "declined", str(declined)) from declined
        verdict = await self.verdict(answered, ctx)
        measured = await weaker_right(answered, self.entry(record.entry), ctx)
        ctx.emit(answered, replace(verdict, scores={**verdict.scores, **measured}))

    async def verdict(self, record: Record, ctx: Context) -> Verdict:
        """Every verifier that has something to say must accept; what none had a second path for is not verified.

        They are asked in their order, and none after the first that does not accept.
        """
        entry = self.entry(record.entry)
        said: list[Verdict] = []
        for verify in self.verify:
            if (verdict := await verify(record, entry, ctx)) is None:
                continue
            if not verdict.accepted:
                raise Rejected("verify", verdict.reason, f"{verdict.by}: {verdict.detail}")
            said.append(verdict)
        shares = [verdict.vote_share for verdict in said if verdict.vote_share is not None]
        scores = {name: score for verdict in said for name, score in verdict.scores.items()}
        return Verdict(
            True,
            "+".join(verdict.by for verdict in said) or UNVERIFIED,
            vote_share=min(shares, default=None),
            scores=scores,
        )


@dataclass(frozen=True)
class Dials:
    """How much a flow makes of one seed; empty `transformations` or `entries` allow all.

    `format_share` is the share of instructions that ask for a form of their own; `keep_flagged` takes seeds too that
    show a sign of prompt injection.
    """

    entries_per_seed: int = 3
    refine_rounds: int = 1
    transformations: frozenset[str] = frozenset()
    entries: frozenset[str] = frozenset()
    format_share: float = 0.5
    keep_flagged: bool = False

    def allows_transformation(self, name: str) -> bool:
        return not self.transformations or name in self.transformations

    def allows_entry(self, name: str) -> bool:
        return not self.entries or name in self.entries


def asked_by(verify: Verifier) -> Iterable[Agent]:
    """The agents that a verifier may ask; most ask none."""
    agents = getattr(verify, "agents", None)
    return agents() if agents else ()
