"""Where only a reader can tell: the teacher reads the reply in a call of its own, and code holds it to the text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..agent import Agent
from ..flow import Context, Entry, Rejected
from ..record import Record, Verdict
from ..reply import Declined, form
from .evidence import located, short


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
        if judgement.casefold().rstrip(".") != "holds":
            return Verdict(False, "reviewed_reply", "reply_does_not_hold", f"because of {short(quote)}")
        if not located(quote, record.fields[self.source]):
            return Verdict(
                False, "reviewed_reply", "review_not_grounded", f"{short(quote)} is not in the {self.source}"
            )
        return Verdict(True, "reviewed_reply")


def reviewer(task: str, quote: str, about: str = "passage") -> Agent:
    """The agent for `Reviewed`: `task` says what holds means, and `quote` which words to quote for it."""
    return Agent(
        "reviewer",
        role="You check the work of others before it is used for teaching. You did not write it, and you gain "
        "nothing by letting it through.",
        task=task,
        about=about,
        form=form(review_quote=quote, judgement='the one word "holds" or "fails"'),
    )
