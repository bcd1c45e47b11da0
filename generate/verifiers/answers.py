"""The answer of a reply against another path to it: the author's, an expression's, or that of further samples."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..agent import Agent
from ..flow import Context, Entry, Rejected
from ..formats import same, stated
from ..record import Record, Verdict
from ..reply import Declined
from ..tools.answers import Equation, equations
from .evidence import short

ROUNDING = re.compile(r"\bround|\bnearest\b", re.IGNORECASE)  # in a problem that wants its answer so


async def agreed(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The answer of the reply is the one that the writer of the question gave, before and apart from it."""
    if entry.match == "judge":
        return None
    wanted, given = record.fields["answer"], stated(record, entry)
    if given is None:
        return Verdict(
            False, "agreed_answer", "no_final_answer", 'the reply does not end with "The answer is …"'
        )
    if not same(given, wanted, entry):
        detail = f"the reply says {short(given)}, the writer of the question {short(wanted)}"
        return Verdict(False, "agreed_answer", "answers_disagree", detail)
    return Verdict(True, "agreed_answer")


async def computed(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The writer's expression has the answer as its value, and every step of the reply holds.

    An expression that is only the answer once more is no second path.
    """
    if "expression" not in record.fields:
        return None
    expression, answer = record.fields["expression"], record.fields["answer"]
    rounded = ROUNDING.search(record.fields.get("question", "")) is not None
    if not Equation(expression, answer).holds(rounded):
        detail = f"{short(expression)} is not {short(answer)}"
        return Verdict(False, "computed_answer", "expression_disagrees", detail)
    if wrong := wrong_step(record.fields["response"]):
        return Verdict(False, "computed_answer", "wrong_step", wrong)
    return Verdict(True, "computed_answer") if calculates(expression) else None


def wrong_step(reply: str) -> str:
    """The first equation of a worked reply that does not hold, as a line for people; empty where all do."""
    wrong = (step for step in equations(reply) if not step.holds())
    return next((f"{step.left} is not {step.right}" for step in wrong), "")


def calculates(expression: str) -> bool:
    """Whether an expression joins numbers, and is not one that is only written down."""
    return re.search(r"[\d).]\s*[-+*/×·÷−–xX%]", expression) is not None


@dataclass(frozen=True)
class Voted:
    """The reply's answer is that of most replies: `respond` is asked the same `samples` times more.

    `least` is the share of all replies, the judged one among them, that have to agree (self-consistency,
    arXiv 2203.11171); a reply that is unreadable, or gives no answer, agrees with none.
    """

    respond: Agent
    samples: int = 2
    least: float = 0.6

    def agents(self) -> Iterable[Agent]:
        return (self.respond,)

    async def __call__(self, record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        if entry.match == "judge":
            return None
        if (given := stated(record, entry)) is None:
            return Verdict(False, "voted_answer", "no_final_answer", "the reply states no answer")
        others = [await self._answer(record, entry, ctx) for _ in range(self.samples)]
        agreeing = sum(other is not None and same(other, given, entry) for other in others)
        share = (1 + agreeing) / (1 + self.samples)
        if share < self.least:
            detail = f"{short(given)} is the answer of {1 + agreeing} of {1 + self.samples} replies"
            return Verdict(False, "voted_answer", "votes_differ", detail, vote_share=share)
        return Verdict(True, "voted_answer", vote_share=share)

    async def _answer(self, record: Record, entry: Entry, ctx: Context) -> str | None:
        try:
            [other] = await ctx.ask(self.respond, record)
        except (Declined, Rejected):
            return None
        return stated(other, entry)
