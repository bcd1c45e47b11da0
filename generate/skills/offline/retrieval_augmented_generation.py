"""Rules that ask for a sentence by two of its words, or for a word of a sentence, and find them in the documents."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random

from ...reply import Declined, Fields
from ...verifiers import NOT_IN_DOCUMENTS, documents_in
from ._prose import asked, once, phrase, sentences, some, tells

HOLDS = "Which sentence of the documents speaks of both {} and {}? Quote it."
GAP = "Which word fills the gap in this sentence of the documents? {}"


def _asks(by_gap: bool, share: float = 1) -> Callable[[Fields, Random], list[Fields]]:
    def rule(fields: Fields, draw: Random) -> list[Fields]:
        if draw.random() > share:
            raise Declined("enough questions have no answer")
        return some(_questions(fields["passage"], by_gap), draw, "no sentence has two words of its own", 2)

    return rule


def _questions(passage: str, by_gap: bool) -> Iterator[Fields]:
    """A question on every sentence of some length, by its two longest words that occur once."""
    for sentence in sentences(passage):
        words = re.findall(r"(?<![\w’'-])[a-z]{6,}(?![\w’'-])", sentence)
        told = sorted((word for word in words if tells(word) and once(word, passage)), key=len)
        if len(sentence.split()) >= 12 and len(told) >= 2:
            hidden = GAP.format(phrase(told[-1]).sub("___", sentence))
            question = hidden if by_gap else HOLDS.format(told[-1], told[-2])
            yield {"question": question, "evidence": sentence, "answer": told[-1] if by_gap else sentence}


def answer(fields: Fields, draw: Random) -> str:
    """What was asked for, with the sentence and its document; where no sentence fits, the one that comes nearest."""
    documents = documents_in(fields["documents"])
    every = {sentence: number for number, text in documents.items() for sentence in sentences(text)}
    if parts := asked(HOLDS, fields["question"]):
        found = {s: s.rstrip(".") for s in every if all(phrase(word).search(s) for word in parts)}
    elif parts := asked(GAP, fields["question"]):
        wanted = re.compile(re.escape(parts[0]).replace("___", r"(\w+)"))
        found = {s: fits[1] for s in every if (fits := wanted.fullmatch(s))}
    else:
        raise Declined("this question was not written by these rules")
    if len(found) > 1 or not every:
        raise Declined("not one sentence fits")
    for sentence, said in found.items():
        return f'"{sentence}" [{every[sentence]}] The answer is {said}.'
    about = set(filter(tells, fields["question"].split()))
    nearest = max(every, key=lambda sentence: len(about & {*sentence.split()}) / len(sentence.split()))
    missing = f'Nothing fits "{" and ".join(parts)}"; nearest comes "{nearest}" [{every[nearest]}]'
    return f"{missing} The answer is {NOT_IN_DOCUMENTS}."


RULES = {
    "quote_exactly": _asks(by_gap=False),
    "single_fact": _asks(by_gap=True),
    "unanswerable": _asks(by_gap=True, share=0.25),
    "answer": answer,
}
