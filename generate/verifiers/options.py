"""Which option a reply chooses: against the author's, against an expression's value, and with the options in another order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..agent import Agent
from ..flow import Context, Entry, Rejected
from ..record import Record, Verdict
from ..reply import Declined
from ..tools.answers import Equation, number
from ..tools.options import LETTERS, BadOptions, Lettered, chosen, read
from .answers import ROUNDING, agreed, calculates, stated, wrong_step
from .evidence import short

NONE_OF_THESE = re.compile(r"none of (?:these|the others?)(?: \w+)?\.?", re.IGNORECASE)
_FIGURE = re.compile(r"\W*?([-−–]?\s?[$€£]?[\d,]*\.?\d+(?:\s*/\s*\d+)?)")


async def chose(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The reply chooses the option that the author of the question meant, by its letter or by its words.

    A question without options is compared as `agreed` does.
    """
    try:
        question = read(record.fields["question"])
    except BadOptions as bad:
        return Verdict(False, "agreed_answer", "options_unreadable", str(bad))
    if question is None:
        return await agreed(record, entry, ctx)
    given, wanted = _choice(record, entry, question), chosen(record.fields["answer"], question.options)
    if given is None:
        detail = f"the reply chooses none of the options: {short(stated(record, entry) or '')}"
        return Verdict(False, "agreed_answer", "no_option_chosen", detail)
    if given != wanted:
        detail = (
            f"the reply says {LETTERS[given]}, the writer of the question {short(record.fields['answer'])}"
        )
        return Verdict(False, "agreed_answer", "answers_disagree", detail)
    return Verdict(True, "agreed_answer")


async def computed_option(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """Of all the options only the author's has the value of the expression, and every step of the reply holds."""
    if "expression" not in record.fields or (question := _readable(record)) is None:
        return None
    expression = record.fields["expression"]
    rounded = ROUNDING.search(question.stem) is not None
    right = [
        place for place, option in enumerate(question.options) if _has_value(option, expression, rounded)
    ]
    if not right:  # then the option that says so is the right one
        right = [place for place, option in enumerate(question.options) if NONE_OF_THESE.fullmatch(option)]
    if len(right) != 1:
        reason = "several_options_right" if right else "no_option_right"
        detail = f"{len(right)} options have the value of {short(expression)}"
        return Verdict(False, "computed_option", reason, detail)
    if right[0] != chosen(record.fields["answer"], question.options):
        detail = f"{short(expression)} is {short(question.options[right[0]])}, not option {record.fields['answer']}"
        return Verdict(False, "computed_option", "expression_disagrees", detail)
    if not calculates(expression):  # and no vote is taken beside it
        detail = f"{short(expression)} is a number, and no way to it"
        return Verdict(False, "computed_option", "nothing_computed", detail)
    if wrong := wrong_step(record.fields["response"]):
        return Verdict(False, "computed_option", "wrong_step", wrong)
    return Verdict(True, "computed_option")


def _has_value(option: str, expression: str, rounded: bool) -> bool:
    figure = _FIGURE.match(option)
    return (
        number(option) is not None and figure is not None and Equation(expression, figure[1]).holds(rounded)
    )


@dataclass(frozen=True)
class Permuted:
    """The reply's choice does not hang on where the options stand: `respond` is asked again with the options moved
    round, so that each stands at another letter, and has to choose the same words.

    `least` is the share of all replies, the judged one among them, that have to agree; one that is unreadable, or
    chooses nothing, agrees with none. Models lean towards certain letters (arXiv 2309.03882): one that answers by
    letter agrees with itself in no other order. A record with one of the fields `decided` has its answer from code,
    and is spared the calls.
    """

    respond: Agent
    orders: int = 2
    least: float = 0.6
    decided: frozenset[str] = frozenset()

    def agents(self) -> Iterable[Agent]:
        return (self.respond,)

    async def __call__(self, record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        if self.decided & record.fields.keys() or (question := _readable(record)) is None:
            return None
        if (given := _choice(record, entry, question)) is None:
            return Verdict(
                False, "permuted_options", "no_option_chosen", "the reply chooses none of the options"
            )
        every = len(question.options)
        shifts = ctx.choose(f"rotation {record.path}", range(1, every))[: self.orders]
        moved = [question.reordered([(place + shift) % every for place in range(every)]) for shift in shifts]
        others = [await self._words(record, entry, ctx, order) for order in moved]
        share = (1 + others.count(question.options[given])) / (1 + len(others))
        if share < self.least:
            detail = f"{short(question.options[given])} is chosen in {share:.0%} of the orders"
            return Verdict(False, "permuted_options", "choice_follows_place", detail, vote_share=share)
        return Verdict(True, "permuted_options", vote_share=share)

    async def _words(self, record: Record, entry: Entry, ctx: Context, question: Lettered) -> str | None:
        """The option that is chosen in this order."""
        try:
            [other] = await ctx.ask(self.respond, record.with_fields({"question": str(question)}))
        except (Declined, Rejected):
            return None
        place = _choice(other, entry, question)
        return None if place is None else question.options[place]


def _readable(record: Record) -> Lettered | None:
    """The question with its options, where it has such; what is wrong with others, `chose` says."""
    try:
        return read(record.fields["question"])
    except BadOptions:
        return None


def _choice(record: Record, entry: Entry, question: Lettered) -> int | None:
    said = stated(record, entry)
    return None if said is None else chosen(said, question.options)
