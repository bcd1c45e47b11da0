"""Rules that set problems around the quantities of a passage, and solve them from the problem alone, step by step."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random

from ...reply import Declined, Fields
from ._prose import around, asked, flat, some

TIMES = "What is {} times {}?"
SHARES = "One share is {} {}. How many {} are {} such shares?"
CHANGES = "A count of {} {}. What is it then?"
MORE = "{} Now add {} to that. What is the result?"
SIGNS = {"times": "*", "are": "*", "grows by": "+", "shrinks by": "-", "add": "+"}
STEP = re.compile(rf"\b({'|'.join(SIGNS)}) (\d+)\b")
# A number with the plural noun after it or none, and the words before a number that make it a name.
QUANTITY = (
    r"(?<![\w.,:/^*=+$–-])(\d{1,3}(?:,\d{3})+|\d{1,5})(?![\w:/^*=+–-]|[.,]\d)(?: ([a-z]{3,}[^s\W]s)\b)?"
)
NAMES = r"\b(?:version|chapter|section|page|figure|table|step|exercise|[A-Z]\w+) $"


def _quantities(passage: str) -> Iterator[tuple[int, str, str]]:
    """Values, their units or "", and the words around them; every passage has its lengths."""
    for found in re.finditer(QUANTITY, passage):
        value, told = int(found[1].replace(",", "")), around(passage, found)
        named, debris = re.search(NAMES, passage[: found.start()]), len(told.split()) <= 3
        if 1 < value < 100_000 and not named and not debris:
            yield value, found[2] or "", told
    line = flat(passage)
    yield from ((len(line), "characters", line[:60]), (len(line.split()), "words", line[:60]))


def _problems(ask: Callable[[Random, int, str], str]) -> Callable[[Fields, Random], list[Fields]]:
    def rule(fields: Fields, draw: Random) -> list[Fields]:
        made = [(ask(draw, value, unit), told) for value, unit, told in _quantities(fields["passage"])]
        found = [{"question": question, "evidence": told, **_solved(question)} for question, told in made]
        return some(found, draw, "there is no quantity for such a problem")

    return rule


def _product(draw: Random, a: int, unit: str) -> str:
    n = draw.randrange(2, 10)
    return SHARES.format(a, unit, unit, n) if unit else TIMES.format(a, n)


def _changes(*verbs: str) -> Callable[[Random, int, str], str]:
    def ask(draw: Random, a: int, unit: str) -> str:
        changes = " and then ".join(f"{verb} {draw.randrange(1, a + 1)}" for verb in verbs)
        return CHANGES.format(f"{a} {unit}".strip(), changes)

    return ask


def _solved(question: str) -> Fields:
    """The working, the expression and the answer of a problem: its first number, changed step by step."""
    numbers, steps = re.findall(r"\d+", question), STEP.findall(question)
    if not steps or len(numbers) != len(steps) + 1:
        raise Declined("this problem was not written by these rules")
    value, expression, working = int(numbers[0]), numbers[0], []
    for sign, n in ((SIGNS[verb], int(number)) for verb, number in steps):
        result = {"+": value + n, "-": value - n, "*": value * n}[sign]
        working.append(columns(value, n) if sign == "*" else f"{value}{sign}{n}={result}")
        value, expression = result, f"({expression} {sign} {n})"
    return {"working": ". ".join(working), "expression": expression, "answer": str(value)}


def columns(a: int, n: int) -> str:
    """Column multiplication by one digit, from the units: 47 and 6 give "7*6=42, 4*6+4=28"."""
    steps, carry = [], 0
    for digit in map(int, reversed(str(a))):
        total = digit * n + carry
        steps.append(f"{digit}*{n}{f'+{carry}' if carry else ''}={total}")
        carry = total // 10
    return ", ".join(steps)


def suggest(fields: Fields, draw: Random) -> list[Fields]:
    if asked(MORE, fields["question"]):
        raise Declined("the problem has enough steps")
    return [{"suggestion": f"Add {n} to the result."} for n in draw.sample(range(100, 1000), 3)]


def edit(fields: Fields, draw: Random) -> Fields:
    [n] = re.findall(r"\d+", fields["suggestion"])
    question = MORE.format(fields["question"], n)
    return {"question": question, **_solved(question)}


def answer(fields: Fields, draw: Random) -> str:
    solved = _solved(fields["question"])
    return f"{solved['working']}. The answer is {solved['answer']}."


RULES = {
    "multiplication": _problems(_product),
    "addition": _problems(_changes("grows by")),
    "subtraction": _problems(_changes("shrinks by")),
    "several_steps": _problems(_changes("grows by", "shrinks by")),
    "suggest_complex_problem": suggest,
    "edit_complex_problem": edit,
    "answer": answer,
}
