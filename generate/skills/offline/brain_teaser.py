"""Rules that move the letters of a word along the alphabet, and find it again."""

from __future__ import annotations

import re
from random import Random
from string import ascii_lowercase as ALPHABET

from ...reply import Declined, Fields
from ._prose import asked, one_of, sentences, some, tells

CIPHER = 'Each letter of a word was moved on by {} in the alphabet, and a follows z. That made "{}". Which word fills "{}"?'

FEWEST_WORDS = 15  # of the sentence, so that the reply tells more than letters


def cipher(fields: Fields, draw: Random) -> list[Fields]:
    found = []
    for sentence in sentences(fields["passage"]):
        if len(sentence.split()) < FEWEST_WORDS:
            continue
        told = re.findall(r"(?<![\w’'-])[a-z]{5,7}(?![\w’'-])", sentence)
        for word in one_of([word for word in told if tells(word) and told.count(word) == 1], draw):
            by = draw.randrange(2, 10)
            question = CIPHER.format(by, _moved(word, by), re.sub(rf"\b{word}\b", "___", sentence, count=1))
            found.append({"question": question, "play": f"shifted {by}: {_moved(word, by)}", "answer": word})
    return some(found, draw, "no sentence has a word to hide", 2)


def _moved(word: str, by: int) -> str:
    return "".join(ALPHABET[(ALPHABET.index(letter) + by) % 26] for letter in word)


def answer(fields: Fields, draw: Random) -> str:
    if (parts := asked(CIPHER, fields["question"])) is None:
        raise Declined("this puzzle was not written by these rules")
    by, shown, sentence = int(parts[0]), parts[1], parts[2]
    word = _moved(shown, -by)
    steps = ", ".join(f"{a}-{b}" for a, b in zip(shown, word, strict=True))
    return f"{steps}: {sentence.replace('___', word)} The answer is {word}."


RULES = {"cipher": cipher, "answer": answer}
