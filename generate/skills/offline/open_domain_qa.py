"""Rules that set problems around the quantities of a passage, and solve them from the problem alone, step by step."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from ...reply import Declined, Fields
from ._prose import around, asked, flat, some

TIMES = "What is {} times {}?"
SHARES = "One share is {} {}. How many {} are {} such shares?"
AMOUNT = "An amount of {} {}. How much is it then?"
MORE = "{} Then add {}: what is the result?"
SIGNS = {"times": "*", "are": "*", "grows by": "+", "shrinks by": "-", "add": "+"}
STEP = re.compile(rf"\b({'|'.join(SIGNS)}) (\d+)\b")
NUMBER = r"(?<![\w.,:/^*=+$–-])(\d{1,3}(?:,\d{3})+|\d{1,5})(?![\w:/^*=+–-]|[.,]\d)"
# Words before a number that make it a name, not a quantity.
NAMES = r"(?:\b(?:[Vv]ersion|[Cc]hapter|[Ss]ection|[Pp]age|[Ff]igure|[Tt]able|[Ss]tep|[Ee]xercise|PEP|Python|RFC|[A-Z]\w+) )$"
LARGEST = 100_000
BRIEF = 500  # characters; a shorter passage may give no number, so its own lengths are quantities too


def _quantities(passage: str) -> list[tuple[int, str, str]]:
    """Numbers, the plural noun after each or nothing, and the words around it."""
    found = []
    for number in re.finditer(rf"{NUMBER}(?: ([a-z]{{3,}}[^s\W]s)\b)?", passage):
        value, told = int(number[1].replace(",", "")), around(passage, number)
        named, debris = re.search(NAMES, passage[: number.start()]), len(told.split()) <= 3
        if 1 < value < LARGEST and not named and not debris:
            found.append((value, number[2] or "", told))
    if len(passage) < BRIEF:
        line = flat(passage)
        found += [(len(line), "characters", line[:60]), (len(line.split()), "words", line[:60])]
    return found


def _problems(ask: Callable[[int, str, Random], str]) -> Callable[[Fields, Random], list[Fields]]:
    def rule(fields: Fields, draw: Random) -> list[Fields]:
        found = []
        for value, unit, evidence in _quantities(fields["passage"]):
            question = ask(value, unit, draw)
            found.append({"question": question, "evidence": evidence, **_solved(question)})
        return some(found, draw, "there is no quantity for such a problem")

    return rule


def _product(a: int, unit: str, draw: Random) -> str:
    n = draw.randrange(2, 10)
    return SHARES.format(a, unit, unit, n) if unit else TIMES.format(a, n)


def _change(*verbs: str) -> Callable[[int, str, Random], str]:
    def ask(a: int, unit: str, draw: Random) -> str:
        changes = " and then ".join(f"{verb} {draw.randrange(1, a)}" for verb in verbs)
        return AMOUNT.format(f"{a} {unit}".strip(), changes)

    return ask


def _solved(question: str) -> Fields:
    """The working, the expression and the answer of a problem: its first number, changed step by step."""
    numbers, steps = re.findall(r"\d+", question), STEP.findall(question)
    if not steps or len(numbers) != len(steps) + 1:
        raise Declined("this problem was not written by these rules")
    value, expression, working = int(numbers[0]), numbers[0], []
    for sign, n in ((SIGNS[verb], int(number)) for verb, number in steps):
        result = {"+": value + n, "-": value - n, "*": value * n}[sign]
        working.append(columns(value, n) if sign == "*" else f"{value} {sign} {n} = {result}")
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
    return [{"suggestion": f"Add {n} to the result."} for n in draw.sample(range(11, 100), 3)]


def edit(fields: Fields, draw: Random) -> Fields:
    [n] = re.findall(r"\d+", fields["suggestion"])
    question = MORE.format(fields["question"], n)
    return {"question": question, **_solved(question)}


def answer(fields: Fields, draw: Random) -> str:
    solved = _solved(fields["question"])
    return f"{solved['working']}. The answer is {solved['answer']}."


RULES = {
    "multiplication": _problems(_product),
    "addition": _problems(_change("grows by")),
    "subtraction": _problems(_change("shrinks by")),
    "several_steps": _problems(_change("grows by", "shrinks by")),
    "suggest_complex_problem": suggest,
    "edit_complex_problem": edit,
    "answer": answer,
}
