"""Conversations: what the assistant claims is held against the document, and its last answer against its first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..agent import Agent
from ..flow import Context, Entry, Rejected, Verifier
from ..record import Record, Verdict
from ..reply import Declined, form
from ..teacher import Sampling
from ..tools.answers import number, numbers, plain_text
from .evidence import SHORTEST_QUOTE, located, short
from .judged import REVIEWER, replies, transcript

HOLDS, FAILS = "borne out", "contradicted"

CLAIMS = Agent(
    "claims",
    role=REVIEWER,
    task="Task: hold what an assistant said against the document above, which the assistant knew and the person did not.\n\n"
    "$conversation\n\n"
    "Go through the assistant's replies and pick the claims on which the document bears, those that the person will rely "
    "on most, and above all those that you doubt. For each, copy the claim from the reply, copy the words of the document "
    "that decide about it, and say whether they bear it out or contradict it. A claim that goes further than the document, "
    "turns its direction round, drops its condition or changes a number is contradicted. Leave out what the person said, "
    "what is common knowledge, and what only organises the talk. Decline where no reply says anything on which the document "
    "bears.",
    about="document",
    form=form(
        many=6,
        choices={"decision": (HOLDS, FAILS)},
        claim="the claim, copied from one reply: at least a clause, with nothing left out",
        source="the words of the document, copied: at least a clause",
        decision=f'"{HOLDS}" or "{FAILS}"',
    ),
    sampling=Sampling(temperature=0.2, max_tokens=2048),
)


@dataclass(frozen=True)
class Grounded:
    """A reader in a call apart names the claims that rest on the document, with the words on which they rest; code finds
    both where they are said to stand. Without such a claim there is nothing to say."""

    agent: Agent = CLAIMS

    def agents(self) -> Iterable[Agent]:
        return (self.agent,)

    async def __call__(self, record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        try:
            claims = await ctx.ask(self.agent, record.with_fields({"conversation": transcript(record)}))
        except Declined:
            return None
        except Rejected as rejected:
            return Verdict(False, "grounded_claims", f"claims_{rejected.reason}", rejected.detail)
        for claim in claims:
            if problem := _problem(claim):
                return problem
        return Verdict(True, "grounded_claims", scores={"claims": float(len(claims))})


def _problem(record: Record) -> Verdict | None:
    claim, source = record.fields["claim"], record.fields["source"]
    if record.fields["decision"] == FAILS:
        detail = f"{short(claim)} is contradicted by {short(source)}"
        return Verdict(False, "grounded_claims", "claim_contradicted", detail)
    if len(claim) < SHORTEST_QUOTE or not any(located(claim, reply) for reply in replies(record)):
        return Verdict(False, "grounded_claims", "claim_not_found", f"no reply says {short(claim)}")
    if len(source) < SHORTEST_QUOTE or not located(source, record.fields["document"]):
        return Verdict(
            False, "grounded_claims", "source_not_found", f"the document does not say {short(source)}"
        )
    return None


def consistent(*entries: str) -> Verifier:
    """In these entries, whose first question comes again at the end, the first reply gives the author's answer already."""

    async def kept(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        if entry.name not in entries:
            return None
        answer, first = record.fields["answer"], replies(record)[0]
        if _says(first, answer, entry):
            return Verdict(True, "consistent_answers")
        detail = f"the first reply does not say {short(answer)}"
        return Verdict(False, "consistent_answers", "first_reply_differs", detail)

    return kept


def _says(reply: str, answer: str, entry: Entry) -> bool:
    if entry.match == "number":
        return number(answer) in {found.value for found in numbers(reply)}
    return f" {_plain_words(answer)} " in f" {_plain_words(reply)} "


def _plain_words(text: str) -> str:
    """The text as `plain_text` compares it, without the marks between its words."""
    return " ".join("".join(c if c.isalnum() else " " for c in plain_text(text)).split())
