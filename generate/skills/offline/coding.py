"""Rules that ask what a small program prints about words of the passage, and run it in their head, word by word."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from random import Random

from ...reply import Declined, Fields
from ._prose import tells

ASK = "What does this program print?\n\n```python\nwords = {}\nprint({})\n```"
COUNT = 8  # words that a program is about


def _each(change: Callable[[str], str], order: Callable = list) -> Callable[[list[str]], tuple[str, str]]:
    """Working and output of a program that prints what becomes of each word."""

    def run(words: list[str]) -> tuple[str, str]:
        return ", ".join(f"{word} gives {change(word)}" for word in words), " ".join(
            order(map(change, words))
        )

    return run


PROGRAMS: dict[str, Callable[[list[str]], tuple[str, str]]] = {
    "*(word[::2] for word in words)": _each(lambda word: word[::2]),
    "*(word[1:] + word[0] for word in words)": _each(lambda word: word[1:] + word[0]),
    "*(word[:-2].upper() for word in words)": _each(lambda word: word[:-2].upper()),
    "*(word[2:] + word[:2] for word in words)": _each(lambda word: word[2:] + word[:2]),
    "*sorted(word[::-1] for word in words)": _each(lambda word: word[::-1], sorted),
}


def predict(fields: Fields, draw: Random) -> list[Fields]:
    words = sorted({word.lower() for word in re.findall(r"[A-Za-z]{5,}", fields["passage"]) if tells(word)})
    if len(words) < 3 * COUNT:
        raise Declined("the passage has too few words to compute with")
    drawn, programs = draw.sample(words, 3 * COUNT), draw.sample(list(PROGRAMS), 3)
    return [
        {"question": ASK.format(some, program), "answer": PROGRAMS[program](some)[1]}
        for program, some in zip(programs, (drawn[at::3] for at in range(3)), strict=True)
    ]


def answer(fields: Fields, draw: Random) -> str:
    lines = fields["question"].splitlines()
    if len(lines) != 6 or (program := lines[4].removeprefix("print(")[:-1]) not in PROGRAMS:
        raise Declined("this question was not written by these rules")
    working, printed = PROGRAMS[program](ast.literal_eval(lines[3].removeprefix("words = ")))
    return f"{working}. The answer is {printed}."


RULES = {"predict_the_output": predict, "answer": answer}
