"""Where only a reader can tell: the teacher reads the reply in a call of its own, and code holds it to the text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from ..agent import Agent
from ..flow import Context, Entry, Rejected
from ..record import Record, Turn, Verdict
from ..reply import Declined, Form, form
from .evidence import SHORTEST_QUOTE, located, short

REVIEWER = (
    "You check the work of others before it is used for teaching. You did not write it, and you gain nothing by letting it "
    "through."
)


@dataclass(frozen=True)
class Reviewed:
    """Where only a reader can tell, `agent` reads the reply in a call of its own and says whether it holds,
    with a quotation that code finds in the field `source`; see `reviewer` for such an agent."""

    agent: Agent
    source: str = "passage"

    def agents(self) -> Iterable[Agent]:
        return (self.agent,)

    async def __call__(self, record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        if entry.match != "judge":
            return None
        try:
            [review] = await ctx.ask(self.agent, record)
        except Declined as declined:
            return Verdict(False, "reviewed_reply", "reviewer_declined", str(declined))
        except Rejected as rejected:
            return Verdict(False, "reviewed_reply", f"review_{rejected.reason}", rejected.detail)
        quote, judgement = review.fields["review_quote"], review.fields["judgement"]
        if judgement != "holds":
            return Verdict(False, "reviewed_reply", "reply_does_not_hold", f"because of {short(quote)}")
        if len(quote) < SHORTEST_QUOTE or not located(quote, record.fields[self.source]):
            return Verdict(
                False, "reviewed_reply", "review_not_grounded", f"{short(quote)} is not in the {self.source}"
            )
        return Verdict(True, "reviewed_reply")


def reviewer(task: str, quote: str, about: str = "passage") -> Agent:
    """The agent for `Reviewed`: `task` says what holds means, and `quote` which words to quote for it."""
    return Agent(
        "reviewer",
        role=REVIEWER,
        task=task,
        about=about,
        form=form(
            choices={"judgement": ("holds", "fails")},
            review_quote=quote,
            judgement='the one word "holds" or "fails"',
        ),
    )


RUBRIC = (
    "Task: judge the replies of an assistant by a rubric.\n\nWhat was said:\n\n$conversation\n\nThe rubric:\n{criteria}\n\n"
    "Decide each criterion by itself: it holds where a demanding reader would say so, and fails where the replies only "
    "seem to keep it, keep it in part, or do not touch it; length, politeness and tone count for nothing unless it names "
    "them. First find the words of the assistant on which your judgement rests most: those that fail, where any do. "
    "The text above is what the replies are about; decline only where there is no reply at all."
)


@dataclass(frozen=True)
class Judged:
    """The last resort, where nothing else decides: a rubric, put to the teacher in two calls, its criteria in one order
    and in the reverse, since judges favour what they read first (arXiv 2306.05685).

    A reply is accepted where every criterion holds in both calls, each with a quotation that code finds in what the
    assistant said. Their grades, from 1 to 5, become scores and decide nothing. `about` is the field that they see as
    material.
    """

    criteria: tuple[str, ...]
    about: str = "passage"

    def agents(self) -> Iterable[Agent]:
        return self._judges

    @cached_property
    def _judges(self) -> tuple[Agent, Agent]:
        return self._judge("judge", self.criteria), self._judge("judge_again", self.criteria[::-1])

    def _judge(self, name: str, criteria: tuple[str, ...]) -> Agent:
        numbered = "\n".join(f"{n}. {criterion}" for n, criterion in enumerate(criteria, 1))
        decisions = {f"criterion_{n}": 'the one word "holds" or "fails"' for n in range(1, len(criteria) + 1)}
        quote = (
            "those words, copied from one reply of the assistant: at least a clause, with nothing left out"
        )
        return Agent(
            name,
            role=REVIEWER,
            task=RUBRIC.replace("{criteria}", numbered.replace("$", "$$")),
            about=self.about,
            form=Form(
                (
                    ("judge_quote", quote),
                    *decisions.items(),
                    (
                        "grade",
                        "the replies as a whole, from 1 (just acceptable) to 5 (an expert at their best)",
                    ),
                ),
                choices=(*((name, ("holds", "fails")) for name in decisions), ("grade", tuple("12345"))),
            ),
        )

    async def __call__(self, record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        if entry.match != "judge":
            return None
        spoken = record.with_fields({"conversation": transcript(record)})
        scores = {}
        for judge in self._judges:
            try:
                [judgement] = await ctx.ask(judge, spoken)
            except Declined as declined:
                return Verdict(False, "judged_reply", "judge_declined", str(declined))
            except Rejected as rejected:
                return Verdict(False, "judged_reply", f"judge_{rejected.reason}", rejected.detail)
            if problem := self._problem(judge, judgement):
                return problem
            scores[judge.name] = float(judgement.fields["grade"])
        return Verdict(True, "judged_reply", scores=scores)

    def _problem(self, judge: Agent, judgement: Record) -> Verdict | None:
        """Why one judge's reply does not let the record through, if it does not."""
        criteria = self.criteria if judge is self._judges[0] else self.criteria[::-1]
        quote = judgement.fields["judge_quote"]
        failed = [c for n, c in enumerate(criteria, 1) if judgement.fields[f"criterion_{n}"] == "fails"]
        if failed:
            detail = f"{judge.name}: {short(failed[0])} fails, because of {short(quote)}"
            return Verdict(False, "judged_reply", "criterion_fails", detail)
        if len(quote) < SHORTEST_QUOTE or not any(located(quote, reply) for reply in replies(judgement)):
            detail = f"{judge.name}: the assistant does not say {short(quote)}"
            return Verdict(False, "judged_reply", "judgement_not_grounded", detail)
        return None


def replies(record: Record) -> list[str]:
    """What the assistant says in a finished record: one reply, or those of a conversation."""
    return [turn.content for turn in record.turns if turn.role == "assistant"] or [record.fields["response"]]


def transcript(record: Record) -> str:
    """What was said in a finished record, turn by turn, for a prompt."""
    speakers = {"system": "Setting", "user": "Person", "assistant": "Assistant"}
    turns = record.turns or (
        Turn("user", record.fields["turn"]),
        Turn("assistant", record.fields["response"]),
    )
    return "\n\n".join(f"{speakers[turn.role]}: {turn.content}" for turn in turns)
