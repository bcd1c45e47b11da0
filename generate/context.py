"""What one flow has in hand while it walks one seed: asking, choosing, and saying what came of it."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import orjson

from .agent import Agent, fence_for
from .flow import UNVERIFIED, Entry, FlowStep, Rejected, Skill, Tool
from .journal import Call, ItemName, Journal
from .record import Record, Step, Turn, Verdict
from .reply import Refused, Unreadable
from .seeds import Seed
from .teacher import Reply, Request, Sampling, Teacher, Unanswerable, response_format
from .tools.search import SeedIndex

T = TypeVar("T")
# For one seed and skill; a flow that would go on for ever, or grow its prompt without end, is put aside.
MOST_CALLS = 1000
LONGEST_PROMPT = 4 << 20  # bytes
WEAKER = Sampling(temperature=0.7, max_tokens=1024)
TOOL = "tool"  # in place of the model's name, of a result that no teacher wrote
REPAIR = (
    "That reply could not be used: {why}. Reply again, with the same content, "
    "in exactly the format that was asked for."
)


class Tally:
    """Counters of one run of the engine, for the progress line and the report."""

    def __init__(self) -> None:
        self.calls = self.reused = self.repairs = self.prompt_tokens = self.completion_tokens = 0
        self.items = self.pairs = self.rejected = 0  # of settled items
        self.open = 0
        self.declined: Counter[str] = Counter()
        self.stopping = False


class SeedContext:
    """The context of one work item (skill, seed); see flow.Context for what each method promises."""

    def __init__(
        self,
        skill: Skill,
        seed: Seed,
        item: ItemName,
        turn: int,
        run_seed: int,
        teacher: Teacher,
        journal: Journal,
        tally: Tally,
        index: SeedIndex | None = None,
        weaker: Teacher | None = None,
    ) -> None:
        self.skill, self.seed, self.item, self.turn = skill, seed, item, turn
        self.run_seed, self.teacher, self.journal, self.tally = run_seed, teacher, journal, tally
        self.index, self.weaker = index, weaker
        self.fence = fence_for(run_seed, seed.id)
        self.known = journal.calls(item.id)
        self.asked: Counter[bytes] = Counter()
        self.numbers: Counter[str] = Counter()
        self.calls = self.prompt_tokens = self.completion_tokens = 0
        self.pairs: list[dict[str, Any]] = []
        self.rejected: list[dict[str, Any]] = []

    async def ask(self, agent: Agent, record: Record) -> list[Record]:
        """One call, and one more with the complaint when the reply does not keep to the form; a refusal stands."""
        guided = self.teacher.guided != "none"
        messages = agent.messages(record.fields, self.fence, guided)
        reply, call = await self._call(agent, record, messages, guided)
        try:
            items = agent.read(reply.text, record.fields)
        except Refused as refused:
            raise Rejected(agent.name, refused.reason, str(refused)) from refused
        except Unreadable as why:
            self.tally.repairs += 1
            said = {"role": "assistant", "content": reply.text}
            complaint = {"role": "user", "content": REPAIR.format(why=why)}
            reply, call = await self._call(agent, record, (*messages, said, complaint), guided)
            try:
                items = agent.read(reply.text, record.fields)
            except Unreadable as still:
                raise Rejected(agent.name, still.reason, str(still)) from still
        return [record.with_fields(item, Step(agent.name, call, str(n))) for n, item in enumerate(items)]

    async def _call(
        self, agent: Agent, record: Record, messages: tuple[dict[str, str], ...], guided: bool
    ) -> tuple[Reply, str]:
        """The journal's reply where it has one, else the teacher's, durable before it is returned."""
        request = self._request(agent, record, messages, guided)
        reply = await self._answered(request, self.teacher)
        if reply.finish_reason == "length":
            raise Rejected(agent.name, "truncated_reply", f"stopped after {reply.completion_tokens} tokens")
        return reply, request.key.hex()

    async def _answered(self, request: Request, teacher: Teacher) -> Reply:
        known = self.known.get((request.key, request.n))
        if known is None:
            reply = await self._buy(request, teacher)
        else:
            reply = known.reply
            self.tally.reused += 1
        self.calls += 1
        self.prompt_tokens += reply.prompt_tokens
        self.completion_tokens += reply.completion_tokens
        return reply

    def _request(
        self, agent: Agent, record: Record, messages: tuple[dict[str, str], ...], guided: bool
    ) -> Request:
        request = Request(
            messages=messages,
            sampling=agent.sampling,
            response_format=response_format(agent.form.schema, self.teacher.guided) if guided else None,
            skill=self.skill.name,
            agent=agent.name,
            seed_id=self.seed.id,
            turn=self.turn,
            shared=agent.shared(record.fields, self.fence),
            fields={name: record.fields[name] for name in agent.reads},
        )
        return self._numbered(request)

    def _numbered(self, request: Request) -> Request:
        """The request with its numbers: of the agent's requests, and of those that are the same."""
        if len(request.content) > LONGEST_PROMPT:
            raise Unanswerable("prompt_too_long", f"{len(request.content)} bytes, by {request.agent}")
        number, n = self.numbers[request.agent], self.asked[request.key]
        self.numbers[request.agent] += 1
        self.asked[request.key] += 1
        if self.numbers.total() > MOST_CALLS:
            raise Unanswerable(
                "too_many_calls", f"more than {MOST_CALLS} for one seed, the last by {request.agent}"
            )
        return replace(request, number=number, n=n) if number or n else request

    async def _buy(self, request: Request, teacher: Teacher) -> Reply:
        reply = await teacher.ask(request)
        await self.journal.record_call(self.item, Call(request.agent, request.key, request.n, reply))
        self.tally.calls += 1
        self.tally.prompt_tokens += reply.prompt_tokens
        self.tally.completion_tokens += reply.completion_tokens
        return reply

    async def ask_weaker(self, question: str, count: int) -> list[str]:
        """One call for each reply; one that was cut, or cannot be had, is empty."""
        return [await self._ask_weaker(question) for _ in range(count)] if self.weaker else []

    async def _ask_weaker(self, question: str) -> str:
        assert self.weaker is not None
        request = Request(
            messages=({"role": "user", "content": question},),
            sampling=WEAKER,
            role="weaker",
            skill=self.skill.name,
            agent="weaker",
            seed_id=self.seed.id,
            turn=self.turn,
        )
        try:
            reply = await self._answered(self._numbered(request), self.weaker)
        except Unanswerable:
            return ""
        return reply.text if reply.finish_reason != "length" else ""

    async def use(self, tool: Tool, asked: dict[str, Any]) -> dict[str, Any]:
        """The journal's result where it has one, else the tool's, durable before it is returned."""
        key = _key_of(tool, asked)
        n = self.asked[key]
        self.asked[key] += 1
        if (known := self.known.get((key, n))) is not None:
            return orjson.loads(known.reply.text)
        result = orjson.dumps(await tool(asked)).decode()
        call = Call(f"tool:{tool.__name__}", key, n, Reply(result, "stop", 0, 0, TOOL))
        await self.journal.record_call(self.item, call)
        return orjson.loads(result)

    def has_used(self, tool: Tool, asked: dict[str, Any]) -> bool:
        """Whether the journal has the result that `use` would give now."""
        key = _key_of(tool, asked)
        return (key, self.asked[key]) in self.known

    async def search(self, query: str, count: int) -> list[Seed]:
        """From the run's index of its seeds, which the seeds alone decide."""
        if self.index is None:
            raise RuntimeError(
                f"the skill {self.skill.name} searches, and this run has no index of its seeds"
            )
        return await self.index.search(query, count, self.seed.id)

    def choose(self, label: str, options: Sequence[T]) -> list[T]:
        """A function of the run seed, the skill, the seed and the label alone: the same on every run."""
        return self._draw(label).sample(options, len(options))

    def chance(self, label: str) -> float:
        """A function of the same."""
        return self._draw(label).random()

    def _draw(self, label: str) -> random.Random:
        identity = f"{self.run_seed}\0{self.skill.name}\0{self.seed.id}\0{label}"
        return random.Random(hashlib.sha256(identity.encode()).digest())

    def emit(self, record: Record, verdict: Verdict) -> None:
        self.pairs.append(pair_row(record, verdict, self.skill.entry(record.entry), self.teacher.name))

    def reject(self, record: Record, step: str, reason: str, detail: str = "") -> None:
        # One record can fail at several steps: to be refined, and later to be answered.
        self.rejected.append(self.rejected_row(f"{record.id}-{step}", step, reason, detail))

    def rejected_row(self, name: str, step: str, reason: str, detail: str) -> dict[str, str]:
        """A row of the rejected shards (see pairs.REJECTED_SCHEMA)."""
        where = {"id": name, "seed_id": self.seed.id, "skill": self.skill.name}
        return {**where, "step": step, "reason": reason, "detail": detail}

    def declined(self, step: FlowStep) -> None:
        self.tally.declined[step.name] += 1


def _key_of(tool: Tool, asked: dict[str, Any]) -> bytes:
    content = orjson.dumps(asked, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(f"tool:{tool.__name__}\0".encode() + content).digest()[:16]


def turns_of(record: Record) -> tuple[Turn, ...]:
    """The conversation of a finished record: its own, or the one question with its reply."""
    return record.turns or (Turn("user", record.fields["turn"]), Turn("assistant", record.fields["response"]))


def pair_row(record: Record, verdict: Verdict, entry: Entry, teacher: str) -> dict[str, Any]:
    """A finished record as a row of the dataset (see pairs.PAIR_SCHEMA)."""
    seed = record.seed
    return {
        "id": record.id,
        "skill": record.skill,
        "entry": record.entry,
        "messages": [{"role": turn.role, "content": turn.content} for turn in turns_of(record)],
        "answer": record.fields.get("answer") if entry.match != "judge" else None,
        "match": entry.match,
        "seed_id": seed.id,
        "document": seed.document,
        "span": list(seed.span),
        "source": seed.source,
        "licence": seed.licence,
        "lineage": [
            {"agent": step.agent, "call": step.call, "choice": step.choice} for step in record.lineage
        ],
        "teacher": teacher,
        "verdict": "accepted" if verdict.by != UNVERIFIED else "unverified",
        "verified_by": verdict.by,
        "vote_share": verdict.vote_share,
        "scores": dict(verdict.scores),
    }
