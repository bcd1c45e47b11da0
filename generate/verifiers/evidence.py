"""Words that must stand where they are said to stand: evidence, excerpts, answers taken from the evidence."""

from __future__ import annotations

import re

from ..flow import Context, Entry, Verifier
from ..formats import NOT_STATED
from ..record import Record, Verdict

_STRAIGHT = str.maketrans("‘’“”", "''\"\"")
SHORTEST_QUOTE = 8  # characters; anything shorter is found in many texts


async def quoted(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The evidence stands in the passage, word for word; where nothing is stated, it has gone from there."""
    if "evidence" not in record.fields:
        return None
    evidence, passage = record.fields["evidence"], record.fields["passage"]
    if record.fields.get("answer") == NOT_STATED:
        if any(located(quote, passage) for quote in quotes(evidence)):
            return Verdict(
                False, "evidence_gone", "evidence_remains", f"the passage still says {short(evidence)}"
            )
        return Verdict(True, "evidence_gone")
    for quote in quotes(evidence) or [""]:
        if len(quote) < SHORTEST_QUOTE or not located(quote, passage):
            return Verdict(
                False, "quoted_evidence", "evidence_not_found", f"the passage does not say {short(quote)}"
            )
    return Verdict(True, "quoted_evidence")


def excerpt_of(whole: str, part: str = "text", in_pieces: bool = False) -> Verifier:
    """The field `part` is a piece of the field `whole`, word for word; `in_pieces`, several, on a line each or with …
    between them."""

    async def excerpted(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        copied = record.fields[part]
        for piece in re.split(r"…|\.\.\.|\n", copied) if in_pieces else [copied]:
            if not located(piece, record.fields[whole]):
                return Verdict(False, "excerpted_text", "text_not_found", f"{short(piece)} is not there")
        return Verdict(True, "excerpted_text")

    return excerpted


def extractive(*entries: str) -> Verifier:
    """In these entries, the answer is words of the evidence."""

    async def extracted(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        evidence, answer = record.fields["evidence"], record.fields["answer"]
        if entry.name not in entries or answer == NOT_STATED:
            return None
        if stands(answer.casefold(), evidence.casefold()):
            return Verdict(True, "extracted_answer")
        detail = f"{short(answer)} is not in {short(evidence)}"
        return Verdict(False, "extracted_answer", "answer_not_in_evidence", detail)

    return extracted


def quotes(evidence: str) -> list[str]:
    """The quotations of an evidence field: one to a line, perhaps in quotation marks."""
    lines = (line.translate(_STRAIGHT).strip().strip('"').strip() for line in evidence.splitlines())
    return [line for line in lines if line]


def located(quote: str, text: str) -> bool:
    """Whether the text has the quotation word for word: spacing and the shape of quotation marks do not count."""
    return plain(quote) in plain(text)


def stands(phrase: str, text: str) -> bool:
    """Whether the text has the phrase as whole words, in this spelling: no "rat" stands in "strategy"."""
    wanted = plain(phrase)
    if not wanted:
        return False
    left = r"(?<!\w)" if wanted[0].isalnum() else ""
    right = r"(?!\w)" if wanted[-1].isalnum() else ""
    return re.search(left + re.escape(wanted) + right, plain(text)) is not None


def plain(text: str) -> str:
    """The text on one line, with straight quotation marks."""
    return " ".join(text.translate(_STRAIGHT).split())


def short(text: str) -> str:
    """A text for the detail of a verdict: on one line, in quotation marks, its beginning where it is long."""
    flat = plain(text)
    return repr(flat if len(flat) <= 80 else f"{flat[:77]}…")
