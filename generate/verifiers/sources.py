"""Replies that rest on numbered documents: what they cite is there, and says so. And replies that copy nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from ..flow import Context, Entry, Verifier
from ..formats import stated
from ..record import Record, Verdict
from ..tools.answers import same_text
from ..tools.constraints import words
from .evidence import SHORTEST_QUOTE, located, plain, quotes, short

NOT_IN_DOCUMENTS = "not stated in the documents"
"""The answer to a question that none of the documents answers."""
LONGEST_COPY = 12  # words in a row, beyond which a text is not one's own
_HEAD = re.compile(r"^Document \[(\d+)\](?:, .+)?\n", re.MULTILINE)
_CITED = re.compile(r"\[(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)\]")
# What a reply quotes from the document that it cites right after: “…” [2], "…," [2], "…" ([2]).
_CITED_QUOTE = re.compile(r"[\"“]([^\"“”\n]{8,1000})[\"”][.,;]?\s*\(?\[(\d{1,3})\]")

_QUOTE = re.compile(r"[\"“]([^\"“”\n]*)[\"”]")
FEWEST_WORDS = (
    4  # of what is quoted from a document; fewer in quotation marks may be a term, or the reader's own words
)


def numbered(texts: Iterable[str], dates: Sequence[str] = ()) -> str:
    """The texts as documents [1], [2] …, each perhaps with its date; a line in them that looks like a head is none."""
    heads = [f", {date}" for date in dates]
    shown = []
    for number, text in enumerate(texts, 1):
        body = _HEAD.sub(lambda head: f"({head[0].strip()})\n", f"{text.strip()}\n").strip()
        shown.append(f"Document [{number}]{heads[number - 1] if heads else ''}\n{body}")
    return "\n\n".join(shown)


def documents_in(shown: str) -> dict[int, str]:
    """The texts of numbered documents, by their numbers."""
    _, *parts = _HEAD.split(shown)
    return {int(number): text.strip() for number, text in zip(parts[::2], parts[1::2], strict=True)}


def citations(reply: str) -> set[int]:
    """The numbers that a reply cites: [2], [1][3], [1, 3]."""
    return {int(number) for listed in _CITED.findall(reply) for number in re.findall(r"\d+", listed)}


def has_answer(text: str, evidence: str, answer: str) -> bool:
    """Whether a text has one of the quotations of the evidence, or the words of an answer that is not yes or no."""
    if any(located(quote, text) for quote in quotes(evidence)):
        return True
    wanted = re.escape(plain(answer).casefold())
    is_word = answer.casefold() not in ("yes", "no")
    return is_word and re.search(rf"(?<!\w){wanted}(?!\w)", plain(text).casefold()) is not None


def sourced(*several: str) -> Verifier:
    """Every quotation of the evidence stands in a document that the reply cites, and no citation or quotation of the
    reply is false; in the entries `several`, the evidence comes from two documents or more.

    Where the documents do not state the answer, the evidence, and the answer that was withheld, stand in none.
    """

    async def rested(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        documents = documents_in(record.fields["documents"])
        if problem := _false_citation(record, documents):
            return problem
        if record.fields["answer"] == NOT_IN_DOCUMENTS:
            return _absent(record, entry, documents)
        return _borne_out(record, documents, 2 if entry.name in several else 1)

    return rested


def enumerated(*entries: str) -> Verifier:
    """In these entries, the author's answer is the numbers of the documents in which the evidence stands, all of them."""

    async def counted(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        if entry.name not in entries:
            return None
        evidence, said = (
            quotes(record.fields["evidence"]),
            set(map(int, re.findall(r"\d+", record.fields["answer"]))),
        )
        documents = documents_in(record.fields["documents"])
        holding = {n for n, text in documents.items() if any(located(quote, text) for quote in evidence)}
        if said == holding:
            return Verdict(True, "enumerated_documents")
        detail = f"the evidence stands in {sorted(holding)}, the answer names {sorted(said)}"
        return Verdict(False, "enumerated_documents", "other_documents", detail)

    return counted


def _false_citation(record: Record, documents: dict[int, str]) -> Verdict | None:
    """A document that is cited and not there, or words in quotation marks that it, or any of them, does not say."""
    reply, question = record.fields["response"], record.fields.get("question", "")
    for number in sorted(citations(reply) - documents.keys()):
        return _rejected("no_such_document", f"the reply cites [{number}] of {len(documents)} documents")
    for quote, number in _CITED_QUOTE.findall(reply):
        if not _says(documents[int(number)], quote):
            return _rejected("misquoted_document", f"document [{number}] does not say {short(quote)}")
    if record.fields.get("form") == "json":  # its texts stand in quotation marks, whatever they are
        return None
    sayable = "\n".join([*documents.values(), question, NOT_IN_DOCUMENTS])
    for quote in _QUOTE.findall(reply):
        if len(words(quote)) >= FEWEST_WORDS and not _says(sayable, quote):
            return _rejected("misquoted_document", f"no document says {short(quote)}")
    return None


def _says(text: str, quote: str) -> bool:
    """Whether the text has the quotation, piece by piece where something is left out."""
    return all(located(piece.strip(" .,;:\\"), text) for piece in re.split(r"…|\.\.\.", quote))


def _borne_out(record: Record, documents: dict[int, str], fewest: int) -> Verdict:
    cited = citations(record.fields["response"])
    if not cited:
        return _rejected("no_citation", "the reply cites no document")
    sources: set[int] = set()
    for quote in quotes(record.fields["evidence"]) or [""]:
        holding = {number for number, text in documents.items() if located(quote, text)}
        if len(quote) < SHORTEST_QUOTE or not holding:
            return _rejected("evidence_not_found", f"no document says {short(quote)}")
        if not holding & cited:
            return _rejected(
                "wrong_citation", f"{short(quote)} stands in {sorted(holding)}, cited: {sorted(cited)}"
            )
        sources |= holding & cited
    if len(sources) < fewest:
        return _rejected("one_document", f"all of the evidence stands in {sorted(sources)}")
    return Verdict(True, "cited_evidence")


def _absent(record: Record, entry: Entry, documents: dict[int, str]) -> Verdict:
    evidence, withheld = record.fields["evidence"], record.fields.get("withheld", "")
    for number, text in documents.items():
        if has_answer(text, evidence, withheld or evidence):
            return _rejected("evidence_remains", f"document [{number}] has {short(withheld or evidence)}")
    if (said := stated(record, entry)) is None or not same_text(said, NOT_IN_DOCUMENTS):
        return _rejected("answer_invented", f"the reply says {short(said or record.fields['response'])}")
    return Verdict(True, "absent_evidence")


def _rejected(reason: str, detail: str) -> Verdict:
    return Verdict(False, "cited_evidence", reason, detail)


async def original(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """Turns down a reply that copies twelve words in a row from its passage or document; the rest, others say."""
    reply = _runs(record.fields["response"])
    for source in ("passage", "document"):
        if copied := sorted(reply & _runs(record.fields[source])):
            return Verdict(
                False, "original_text", "copied_text", f"the {source} says {short(' '.join(copied[0]))}"
            )
    return None


def _runs(text: str) -> set[tuple[str, ...]]:
    every = [word.casefold() for word in words(text)]
    return {tuple(every[at : at + LONGEST_COPY]) for at in range(len(every) - LONGEST_COPY + 1)}
