"""Questions among documents: what a search of the run's seeds finds for a question stands around the text that answers it.

Three steps for a skill's lists. Each asks one agent and writes `documents`, numbered, as the student sees them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..agent import Agent
from ..flow import Context, Rejected
from ..injection import sign_of
from ..record import Record
from ..seeds import Seed
from ..seeds.passages import cut
from ..tools.constraints import words
from ..verifiers import NOT_IN_DOCUMENTS, documents_in, has_answer, located, numbered, quotes

FOUND = 8  # seeds that are looked at for a question
FEWEST, MOST = 2, 5  # other documents around the passage
SHORTEST, LONGEST = 200, 1500  # characters of one document, as retrieval systems cut them
TODAY = "12 May 2025"
"""The date of the passage, where documents have dates."""
EARLIER = (
    "3 February 2011",
    "27 June 2014",
    "9 September 2016",
    "7 May 2018",
    "18 January 2019",
    "30 August 2021",
    "2 November 2022",
)
"""The dates of the others, one each."""


@dataclass(frozen=True)
class _Asking:
    """A step that asks one agent, and lays out documents before or after; `rules` are the ways to put to the student
    what to do with them."""

    agent: Agent
    rules: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.agent.name

    @property
    def reads(self) -> frozenset[str]:
        return self.agent.reads - {"documents"} | {"passage"}

    @property
    def writes(self) -> frozenset[str]:
        return self.agent.writes | {"documents", "rules"}

    def agents(self) -> Iterable[Agent]:
        return (self.agent,)

    def _laid_out(self, record: Record, ctx: Context, texts: list[str], dates: list[str]) -> Record:
        """The record with the texts in a drawn order, each with its date if there are any."""
        order = ctx.choose(f"order {record.path}", range(len(texts)))
        documents = numbered([texts[at] for at in order], [dates[at] for at in order] if dates else ())
        rules = ctx.choose(f"rules {record.path}", self.rules)[0]
        return record.with_fields({"documents": documents, "rules": rules})


@dataclass(frozen=True)
class AmongOthers(_Asking):
    """The agent asks about the passage; then the passage stands among what the search finds for the question.

    Of a share `left_out` of the questions it does not stand there, nor any document that has the answer. A document
    that the agent writes, as the field `other`, stands there too. Where they are `dated`, the passage is the newest.
    A question for which too few other documents are found is rejected, and the next goes on.
    """

    left_out: float = 0
    dated: bool = False

    async def __call__(self, record: Record, ctx: Context) -> list[Record]:
        placed: list[Record] = []
        for asked in await ctx.ask(self.agent, record):
            try:
                placed.append(await self._placed(asked, ctx))
            except Rejected as rejected:
                ctx.reject(asked, rejected.step, rejected.reason, rejected.detail)
        return placed

    async def _placed(self, asked: Record, ctx: Context) -> Record:
        question, evidence, answer = (asked.fields[name] for name in ("question", "evidence", "answer"))
        others = await neighbours(asked, ctx, f"{question} {evidence}")
        if ctx.chance(f"left out {asked.path}") < self.left_out:
            silent = [text for text in others if not has_answer(text, evidence, answer)]
            asked = asked.with_fields({"withheld": answer, "answer": NOT_IN_DOCUMENTS})
            return self._laid_out(asked, ctx, _some(asked, ctx, silent), [])
        own = excerpt(asked.fields["passage"], question, evidence)
        written = [asked.fields["other"]] if "other" in asked.fields else []
        dates = [TODAY, *ctx.choose(f"dates {asked.path}", EARLIER)] if self.dated else []
        return self._laid_out(asked, ctx, [own, *written, *_some(asked, ctx, others)], dates)


@dataclass(frozen=True)
class Across(_Asking):
    """The search finds documents that are near the passage; then the agent asks about all of them together.

    Raises Rejected where too few are found.
    """

    async def __call__(self, record: Record, ctx: Context) -> list[Record]:
        passage = excerpt(record.fields["passage"], record.fields["passage"])
        others = _some(record, ctx, await neighbours(record, ctx, passage))
        return await ctx.ask(self.agent, self._laid_out(record, ctx, [passage, *others], []))


@dataclass(frozen=True)
class Planted:
    """The agent writes one more document, the field `decoy`, which is put among the others.

    Raises Rejected where it has the answer.
    """

    agent: Agent
    writes: frozenset[str] = frozenset({"documents"})

    @property
    def name(self) -> str:
        return self.agent.name

    @property
    def reads(self) -> frozenset[str]:
        return self.agent.reads

    def agents(self) -> Iterable[Agent]:
        return (self.agent,)

    async def __call__(self, record: Record, ctx: Context) -> list[Record]:
        [written] = await ctx.ask(self.agent, record)
        decoy, fields = written.fields["decoy"], record.fields
        if has_answer(decoy, fields["evidence"], fields.get("withheld", fields["answer"])):
            raise Rejected(self.name, "decoy_answers", "the document that was added has the answer")
        texts = [*documents_in(fields["documents"]).values()]
        place = ctx.choose(f"place {written.path}", range(len(texts) + 1))[0]
        return [written.with_fields({"documents": numbered([*texts[:place], decoy, *texts[place:]])})]


async def neighbours(record: Record, ctx: Context, query: str) -> list[str]:
    """Excerpts of the seeds that a search finds for the query, the best first: of other texts than the record's own."""
    found = await ctx.search(query, FOUND)
    texts = (excerpt(seed.text, query) for seed in found if _is_another(seed, record.seed))
    return list(dict.fromkeys(texts))


def _is_another(found: Seed, seed: Seed) -> bool:
    """Whether it is of the same kind, of another place, and gives no orders to whoever reads it."""
    (start, end), (other_start, other_end) = seed.span, found.span
    overlaps = found.document == seed.document and other_start < end and start < other_end
    return found.kind == seed.kind and not overlaps and sign_of(found.text) is None


def _some(record: Record, ctx: Context, others: list[str]) -> list[str]:
    """As many of them as are drawn for the record, the best; raises Rejected where there are too few."""
    if len(others) < FEWEST:
        raise Rejected("search", "too_few_documents", f"{len(others)} other documents were found")
    return others[: ctx.choose(f"how many {record.path}", range(FEWEST, MOST + 1))[0]]


def excerpt(text: str, query: str, evidence: str = "") -> str:
    """The piece of a text that shares most words with the query, among those that hold all of its evidence.

    Where the evidence stands too far apart for one piece, the whole text.
    """
    pieces = [text[start:end] for start, end in cut(text, "text", SHORTEST, LONGEST).spans]
    needed = [quote for quote in quotes(evidence) if located(quote, text)]
    holding = [piece for piece in pieces if all(located(quote, piece) for quote in needed)]
    wanted = set(words(query.casefold()))
    return max(holding, key=lambda piece: len(wanted & set(words(piece.casefold()))), default=text)
