"""Rules that label sentences by definitions which name the deciding words, so that nothing is left to judgement."""

from __future__ import annotations

from random import Random

from ...reply import Declined, Fields
from ._prose import phrase, sentences

SHORTEST = 20  # words of a sentence that is classified
# the entry, what it asks, and the words by which a sentence gets each label
SETS = (
    ("claim_type", "What does this sentence of a textbook do with its subject?",
     {"definition": ("is called", "are called", "is known as", "are known as", "refers to", "is defined as"),
      "example": ("for example", "for instance", "such as"),
      "contrast": ("whereas", "unlike", "although", "however", "in contrast")}),
    ("causal_claim", "Does this sentence of a textbook give a cause, or a purpose?",
     {"cause": ("because", "due to", "causes", "leads to", "as a result", "therefore"),
      "purpose": ("in order to", "so that", "is used to", "are used to", "for the purpose of")}),
    ("certainty", "How sure is this sentence of a textbook?",
     {"certain": ("always", "must", "never", "certainly"), "likely": ("likely", "probably", "usually", "often"),
      "possible": ("may", "might", "possible", "perhaps", "could")}),
)  # fmt: skip


def items(question: str, labels: dict[str, tuple[str, ...]], passage: str, draw: Random) -> list[Fields]:
    """A sentence to each label; one with words of two labels is left out."""
    defined = "\n".join(f"{label}: the sentence has {' or '.join(cues)}" for label, cues in labels.items())
    found: dict[str, Fields] = {}
    for text in draw.sample(told := sentences(passage), len(told)):
        cues = _cues(text, labels)
        if len(text.split()) >= SHORTEST and len({label for label, _ in cues}) == 1:
            item = {"text": text, "evidence": cues[0][1], "answer": cues[0][0]}
            found.setdefault(cues[0][0], {"instruction": question, "labels": defined, **item})
    if not found:
        raise Declined("no sentence of the passage has words that decide")
    return list(found.values())


def classify(fields: Fields, draw: Random) -> str:
    for _, question, labels in SETS:
        if question == fields["instruction"]:
            (label, words), *_ = _cues(fields["text"], labels)
            return f'"{words}" decides in "{fields["text"]}" The answer is {label}.'
    raise Declined("this task was not written by these rules")


def _cues(text: str, labels: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    found = [(label, phrase(cue).search(text)) for label, cues in labels.items() for cue in cues]
    return [(label, words[0]) for label, words in found if words]


RULES = {
    entry: lambda fields, draw, question=question, labels=labels: items(
        question, labels, fields["passage"], draw
    )
    for entry, question, labels in SETS
} | {"classify": classify}
