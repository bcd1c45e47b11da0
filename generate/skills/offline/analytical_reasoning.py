"""Rules that put four sentences of a passage in an order, tell it by clues that leave no other, and find it again by trying."""

from __future__ import annotations

import re
from random import Random

from ...reply import Declined, Fields
from ...tools.arrangements import RESERVED, parse
from ._prose import asked, one_of, sentences, tells

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday")
QUESTION = "From Monday to Thursday four sentences are dictated, one a day: {} | The rules: {}. Which comes on {}? Give its name."
LINES = f"items: {{}}\nplaces: {', '.join(DAYS)}\neach place holds 1"


def deduction(fields: Fields, draw: Random) -> Fields:
    named: dict[str, str] = {}
    for sentence in sentences(fields["passage"]):
        words = re.findall(r"(?<![\w’'-])[a-z]+(?![\w’'-])", sentence)
        telling = [word for word in words if tells(word) and word not in named and not RESERVED.search(word)]
        named |= {word: sentence for word in one_of(telling, draw)}
    if len(named) < len(DAYS):
        raise Declined("there are no four sentences that can stand alone")
    a, b, c, d = order = draw.sample(sorted(named), len(DAYS))
    # b c is a block: of the six orders of a, the block and d the second rule leaves three, and the last the one a b c d.
    last = draw.choice([[f"{c} comes before {d}"], [f"{d} is not on Monday", f"{d} is not on Tuesday"]])
    rules = draw.sample(every := [f"{b} comes right before {c}", f"{a} comes before {c}", *last], len(every))
    shown, day = " | ".join(f"{word}: {named[word]}" for word in sorted(order)), draw.choice(DAYS)
    question = QUESTION.format(shown, "; ".join(rules), day)
    return {
        "question": question,
        "puzzle": _lines(order, rules),
        "sought": day,
        "answer": order[DAYS.index(day)],
    }


def _lines(words: list[str], rules: list[str]) -> str:
    said = [rule.replace(" comes", "").replace(" is not on ", " not at ") for rule in rules]
    return "\n".join([LINES.format(", ".join(words)), *said])


def answer(fields: Fields, draw: Random) -> str:
    if (parts := asked(QUESTION, fields["question"])) is None:
        raise Declined("this puzzle was not written by these rules")
    said, rules = dict(named.split(": ", 1) for named in parts[0].split(" | ")), parts[1].split("; ")
    words, told = list(said), []
    for count, rule in enumerate(rules, 1):
        ways = list(parse(_lines(words, rules[:count])).arrangements())
        told.append(f"{rule}: orders left {len(ways)}.")
    [order] = [sorted(words, key=lambda word: way[words.index(word)]) for way in ways]
    placed = " ".join(f"{day}: {said[word]}" for day, word in zip(DAYS, order, strict=True))
    return f"{' '.join(told)} {placed} The answer is {order[DAYS.index(parts[2])]}."


RULES = {"deduction": deduction, "answer": answer}
