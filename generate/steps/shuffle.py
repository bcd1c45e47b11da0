"""Authors like to put the right option at the same place: code puts the options of each question in an order of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..agent import Agent
from ..flow import Context
from ..record import Record
from ..tools.options import LETTERS, BadOptions, chosen, lettered, read


@dataclass(frozen=True)
class Shuffled:
    """An author of questions with options, and after it a draw of their order; `answer` becomes the new letter.

    Where the author wrote `claims`, one for each option, they move with them. A question whose options or letter
    cannot be read is rejected by itself.
    """

    author: Agent

    @property
    def name(self) -> str:
        return self.author.name

    @property
    def reads(self) -> frozenset[str]:
        return self.author.reads

    @property
    def writes(self) -> frozenset[str]:
        return self.author.writes

    def agents(self) -> Iterable[Agent]:
        """Whom it asks: the author."""
        return (self.author,)

    async def __call__(self, record: Record, ctx: Context) -> list[Record]:
        """The questions of the author's reply. Raises Declined, or Rejected when it stays unreadable."""
        drawn = []
        for written in await ctx.ask(self.author, record):
            try:
                drawn.append(_drawn(written, ctx))
            except BadOptions as bad:
                ctx.reject(written, self.name, "options_unreadable", str(bad))
        return drawn


def _drawn(record: Record, ctx: Context) -> Record:
    question = read(record.fields["question"])
    if question is None:
        raise BadOptions("the question has no options")
    right = chosen(record.fields["answer"], question.options)
    if right is None:
        raise BadOptions(f"the answer {record.fields['answer'][:60]!r} is none of the options")
    order = ctx.choose(f"options {record.path}", range(len(question.options)))
    moved = {"question": str(question.reordered(order)), "answer": LETTERS[order.index(right)]}
    if "claims" in record.fields:
        claims = lettered(record.fields["claims"])
        if claims is None or len(claims.options) != len(order):
            raise BadOptions("there is not one claim for each option")
        moved["claims"] = "\n".join(claims.reordered(order).lines())
    return record.with_fields(moved)
