"""Why an answer is believed: each verifier looks at a finished record by a path of its own, or has nothing to say (None)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .agent import Agent
from .flow import Context, Entry, Rejected, Verifier
from .record import Record, Verdict
from .reply import Declined, form
from .tools import constraints
from .tools.answers import COMPARE, Equation, equations, final_answer

NOT_STATED = "not stated in the passage"
"""The answer to a question that the passage does not answer."""

_STRAIGHT = str.maketrans("‘’“”", "''\"\"")
ROUNDING = re.compile(r"\bround|\bnearest\b", re.IGNORECASE)  # in a problem that wants its answer so
SHORTEST_QUOTE = 8  # characters; anything shorter is found in many texts


async def quoted(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The evidence stands in the passage, word for word; where nothing is stated, it has gone from there."""
    if "evidence" not in record.fields:
        return None
    evidence, passage = record.fields["evidence"], record.fields["passage"]
    if record.fields.get("answer") == NOT_STATED:
        if any(located(quote, passage) for quote in quotes(evidence)):
            return Verdict(
                False, "evidence_gone", "evidence_remains", f"the passage still says {_short(evidence)}"
            )
        return Verdict(True, "evidence_gone")
    for quote in quotes(evidence) or [""]:
        if len(quote) < SHORTEST_QUOTE or not located(quote, passage):
            return Verdict(
                False, "quoted_evidence", "evidence_not_found", f"the passage does not say {_short(quote)}"
            )
    return Verdict(True, "quoted_evidence")


async def agreed(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The answer of the reply is the one that the writer of the question gave, before and apart from it."""
    if entry.match == "judge":
        return None
    wanted, given = record.fields["answer"], stated(record.fields["response"], entry)
    if given is None:
        return Verdict(
            False, "agreed_answer", "no_final_answer", 'the reply does not end with "The answer is …"'
        )
    if not same(given, wanted, entry):
        detail = f"the reply says {_short(given)}, the writer of the question {_short(wanted)}"
        return Verdict(False, "agreed_answer", "answers_disagree", detail)
    return Verdict(True, "agreed_answer")


async def computed(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The writer's expression has the answer as its value, and every step of the reply holds."""
    if "expression" not in record.fields:
        return None
    expression, answer = record.fields["expression"], record.fields["answer"]
    rounded = ROUNDING.search(record.fields.get("question", "")) is not None
    if not Equation(expression, answer).holds(rounded):
        detail = f"{_short(expression)} is not {_short(answer)}"
        return Verdict(False, "computed_answer", "expression_disagrees", detail)
    for step in equations(record.fields["response"]):
        if not step.holds():
            return Verdict(False, "computed_answer", "wrong_step", f"{step.left} is not {step.right}")
    return Verdict(True, "computed_answer")


async def checked(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The reply keeps every constraint that the writer of the instruction wrote down as a check."""
    try:
        checks = constraints.parse(record.fields.get("checks", constraints.NONE))
    except constraints.Unknown as unknown:
        return Verdict(False, "checked_constraints", "unknown_check", str(unknown))
    for check in checks:
        if not check.holds(record.fields["response"]):
            return Verdict(
                False, "checked_constraints", "constraint_broken", f"the reply does not keep {check}"
            )
    return Verdict(True, "checked_constraints") if checks else None


def excerpt_of(whole: str, part: str = "text") -> Verifier:
    """The field `part` is a piece of the field `whole`, word for word."""

    async def excerpted(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        if located(record.fields[part], record.fields[whole]):
            return Verdict(True, "excerpted_text")
        return Verdict(
            False, "excerpted_text", "text_not_found", f"{_short(record.fields[part])} is not there"
        )

    return excerpted


def extractive(*entries: str) -> Verifier:
    """In these entries, the answer is words of the evidence."""

    async def extracted(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        evidence, answer = record.fields["evidence"], record.fields["answer"]
        if entry.name not in entries or answer == NOT_STATED:
            return None
        if located(answer.casefold(), evidence.casefold()):
            return Verdict(True, "extracted_answer")
        detail = f"{_short(answer)} is not in {_short(evidence)}"
        return Verdict(False, "extracted_answer", "answer_not_in_evidence", detail)

    return extracted


@dataclass(frozen=True)
class Reviewed:
    """Where only a reader can tell, `agent` reads the reply in a call of its own and says whether it holds,
    with a quotation that code finds in the field `source`; see `reviewer` for such an agent."""

    agent: Agent
    source: str = "passage"

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
            return Verdict(False, "reviewed_reply", "reply_does_not_hold", f"because of {_short(quote)}")
        if not located(quote, record.fields[self.source]):
            return Verdict(
                False, "reviewed_reply", "review_not_grounded", f"{_short(quote)} is not in the {self.source}"
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


def stated(response: str, entry: Entry) -> str | None:
    """The answer that a reply states by "The answer is X."; without that, an edited text is the whole reply."""
    final = final_answer(response)
    return response if final is None and entry.match == "exact" else final


def same(given: str, wanted: str, entry: Entry) -> bool:
    """Whether two answers are equal in the way of the entry; "not stated" is words whatever the entry."""
    return COMPARE["text" if wanted == NOT_STATED else entry.match](given, wanted)


def quotes(evidence: str) -> list[str]:
    """The quotations of an evidence field: one to a line, perhaps in quotation marks."""
    lines = (line.translate(_STRAIGHT).strip().strip('"').strip() for line in evidence.splitlines())
    return [line for line in lines if line]


def located(quote: str, text: str) -> bool:
    """Whether the text has the quotation word for word: spacing and the shape of quotation marks do not count."""
    return _plain(quote) in _plain(text)


def _plain(text: str) -> str:
    return " ".join(text.translate(_STRAIGHT).split())


def _short(text: str) -> str:
    flat = _plain(text)
    return repr(flat if len(flat) <= 80 else f"{flat[:77]}…")
