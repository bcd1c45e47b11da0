"""Rules that take a word out of a sentence and offer four, of which one has the right letters.

The rule that answers sees the question alone.
"""

from __future__ import annotations

import re
from random import Random

from ...reply import Declined, Fields
from ...tools.options import LETTERS, lettered
from ._prose import asked, one_of, sentences, some, tells

GAP = 'Which word has {} letters, begins with "{}" and fills the gap? "{}"'
WORD = r"(?<![\w’'-])[a-z]+(?![\w’'-])"


def recall(fields: Fields, draw: Random) -> list[Fields]:
    words = sorted(set(filter(tells, re.findall(WORD, fields["passage"]))))
    found = []
    for sentence in sentences(fields["passage"]):
        told = re.findall(WORD, sentence)
        for word in one_of([word for word in told if tells(word) and told.count(word) == 1], draw):
            others = [w for w in words if (len(w), w[0]) != (len(word), word[0]) and w not in told]
            if len(others) >= 3:
                stem = GAP.format(len(word), word[0], re.sub(rf"\b{word}\b", "___", sentence, count=1))
                offered = zip(LETTERS, [word, *draw.sample(others, 3)], strict=False)
                question = "\n".join([stem, "", *(f"({letter}) {option}" for letter, option in offered)])
                found.append({"question": question, "evidence": sentence, "answer": "A"})
    return some(found, draw, "no sentence can lose a word that others of the passage do not resemble")


def answer(fields: Fields, draw: Random) -> str:
    question = lettered(fields["question"])
    parts = asked(GAP, question.stem) if question else None
    if question is None or parts is None:
        raise Declined("this question was not written by these rules")
    length, first, sentence = parts
    right = next(word for word in question.options if (len(word), word[0]) == (int(length), first))
    others = ", ".join(f"{word} ({len(word)}, {word[0]})" for word in question.options if word != right)
    told = f'"{sentence.replace("___", right)}" Not so {others}.'
    return f"{told} The answer is {LETTERS[question.options.index(right)]}."


RULES = {"recall": recall, "answer": answer}
