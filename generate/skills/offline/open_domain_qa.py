"""Rules that set and solve problems around the quantities of a passage, with the arithmetic worked digit by digit.

The rule that answers sees the problem alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from random import Random

from ...reply import Declined, Fields
from ._prose import BRIEF, around, asked, flat, some

ADD = "An amount of {} {} grows by {}. How many {} is it then?"
SUBTRACT = "An amount of {} {} shrinks by {}. How many {} are left?"
MULTIPLY = "One share is {} {}. How many {} are {} such shares?"
DIVIDE = "An amount of {} {} is divided into {} equal shares. How many {} is one share?"
STEPS = "An amount of {} {} first grows by {} and then shrinks by {}. How many {} is it then?"
PERCENT = "How many {} are {} percent of {} {}?"
MEAN = "Three counts give {}, {} and {} {}. How many {} is that on average?"
LONGER = "A text has {} {}. What is {} plus {}?"
PLUS = "What is {} plus {}?"
MINUS = "What is {} minus {}?"
TIMES = "What is {} times {}?"
AND_THEN = "{} Now take that {} times: what is the result?"
COUNTED = ("characters", "words")  # of a brief passage, which may give no number itself
LARGEST = 100_000
NUMBER = r"(?<![\w.,:/^*=+$–-])(\d{1,3}(?:,\d{3})+|\d{1,5})(?![\w:/^*=+–-]|[.,]\d)"
# Words before a number that make it a name, not a quantity.
NAMES = r"(?:\b(?:[Vv]ersion|[Cc]hapter|[Ss]ection|[Pp]age|[Ff]igure|[Tt]able|[Ss]tep|[Ee]xercise|PEP|Python|RFC|[A-Z]\w+) )$"


# A number, the plural noun after it or nothing, and words of the passage around it.
Quantity = tuple[int, str, str]
Problem = tuple[str, str, int]  # the question, the expression, and its value


def _quantities(passage: str) -> list[Quantity]:
    """The quantities of the passage; of a brief one its lengths too."""
    found = []
    for number in re.finditer(rf"{NUMBER}(?: ([a-z]{{3,}}[^s\W]s)\b)?", passage):
        value, told = int(number[1].replace(",", "")), around(passage, number)
        named = re.search(NAMES, passage[: number.start()])
        alone = len(told.split()) <= 3  # debris of a formula
        if 1 < value < LARGEST and not named and not alone:
            found.append((value, number[2] or "", told))
    if len(passage) < BRIEF:
        line = flat(passage)
        lengths = (len(line), len(line.split()))
        found += [(length, unit, line[:60]) for length, unit in zip(lengths, COUNTED, strict=True)]
    return found


def _problems(make: Callable[[int, str, Random], Problem | None]) -> Callable[[Fields, Random], list[Fields]]:
    """The rule that sets one kind of problem around the quantities of the passage."""

    def rule(fields: Fields, draw: Random) -> list[Fields]:
        found = []
        for value, unit, evidence in _quantities(fields["passage"]):
            if made := make(value, unit, draw):
                question, expression, answer = made
                item = {
                    "question": question,
                    "evidence": evidence,
                    "expression": expression,
                    "answer": str(answer),
                }
                found.append(item)
        return some(found, draw, "there is no quantity for such a problem")

    return rule


def _sum(a: int, unit: str, draw: Random) -> Problem:
    b = _beside(a, draw)
    if unit in COUNTED:
        return LONGER.format(a, unit, a, b), f"{a}+{b}", a + b
    question = ADD.format(a, unit, b, unit) if unit else PLUS.format(a, b)
    return question, f"{a}+{b}", a + b


def _difference(a: int, unit: str, draw: Random) -> Problem:
    b = draw.randrange(1, a)
    question = SUBTRACT.format(a, unit, b, unit) if unit else MINUS.format(a, b)
    return question, f"{a}-{b}", a - b


def _product(a: int, unit: str, draw: Random) -> Problem:
    n = draw.randrange(2, 10)
    question = MULTIPLY.format(a, unit, unit, n) if unit else TIMES.format(a, n)
    return question, f"{a}*{n}", a * n


def _quotient(a: int, unit: str, draw: Random) -> Problem | None:
    divisors = [n for n in range(2, 10) if a % n == 0 and a > n]
    if not unit or not divisors:
        return None
    n = draw.choice(divisors)
    return DIVIDE.format(a, unit, n, unit), f"{a}/{n}", a // n


def _several(a: int, unit: str, draw: Random) -> Problem | None:
    b, c = _beside(a, draw), draw.randrange(1, a)
    return (STEPS.format(a, unit, b, c, unit), f"{a}+{b}-{c}", a + b - c) if unit else None


def _share(a: int, unit: str, draw: Random) -> Problem | None:
    shares = [p for p in (10, 20, 25, 50, 75) if a * p % 100 == 0]
    if not unit or not shares:
        return None
    p = draw.choice(shares)
    return PERCENT.format(unit, p, a, unit), f"{a}*{p}/100", a * p // 100


def _mean(a: int, unit: str, draw: Random) -> Problem | None:
    b = _beside(a, draw)
    mean = draw.randrange((a + b) // 3 + 1, (a + b) // 3 + 1 + a)
    c = 3 * mean - a - b
    return (MEAN.format(a, b, c, unit, unit), f"({a}+{b}+{c})/3", mean) if unit else None


def _beside(a: int, draw: Random) -> int:
    """A number of the same size."""
    return draw.randrange(10 ** (len(str(a)) - 1), 10 ** len(str(a)))


# --- refinement: one step more ---


def suggest(fields: Fields, draw: Random) -> list[Fields]:
    if asked(AND_THEN, fields["question"]):
        raise Declined("the problem has enough steps")
    times = draw.sample(range(2, 10), 3)
    return [{"suggestion": f"Ask for {n} times the result."} for n in times]


def edit(fields: Fields, draw: Random) -> Fields:
    _, first = _solved(fields["question"])
    [n] = re.findall(r"\d", fields["suggestion"])
    question = AND_THEN.format(fields["question"], n)
    return {"question": question, "expression": f"{first}*{n}", "answer": str(first * int(n))}


# --- solutions: a template, and the steps and result of a problem written from it ---


def answer(fields: Fields, draw: Random) -> str:
    steps, result = _solved(fields["question"])
    return f"{steps}. The answer is {result}."


def _solved(question: str) -> tuple[str, int]:
    if parts := asked(AND_THEN, question):
        steps, first = _solved(parts[0])
        more, result = multiplied(first, int(parts[1]))
        return f"{steps}. That is {first}. {more}", result
    for template, solve in SOLUTIONS.items():
        if (parts := asked(template, question)) is not None:
            return solve(*(int(part) for part in parts if part.isdigit()))
    raise Declined("this problem was not written by these rules")


def added(a: int, b: int) -> tuple[str, int]:
    """Column addition from the units: 47 and 85 give "7+5=12, 4+8+1=13"."""
    steps, carry = [], 0
    for p, q in _columns(a, b):
        total = p + q + carry
        steps.append(f"{p}+{q}{f'+{carry}' if carry else ''}={total}")
        carry = total // 10
    return ", ".join(steps), a + b


def taken(a: int, b: int) -> tuple[str, int]:
    """Column subtraction from the units, for a >= b: 42 and 17 give "12-7=5, 4-1-1=2"."""
    steps, borrowed = [], 0
    for p, q in _columns(a, b):
        lent = 10 if p < q + borrowed else 0
        steps.append(f"{p + lent}-{q}{f'-{borrowed}' if borrowed else ''}={p + lent - q - borrowed}")
        borrowed = lent // 10
    return ", ".join(steps), a - b


def multiplied(a: int, n: int) -> tuple[str, int]:
    """Column multiplication by one digit: 47 and 6 give "7*6=42, 4*6+4=28"."""
    steps, carry = [], 0
    for p, _ in _columns(a, 0):
        total = p * n + carry
        steps.append(f"{p}*{n}{f'+{carry}' if carry else ''}={total}")
        carry = total // 10
    return ", ".join(steps), a * n


def _columns(a: int, b: int) -> Iterator[tuple[int, int]]:
    """The digits of both numbers, from the units up."""
    width = max(len(str(a)), len(str(b)))
    for p, q in zip(str(a).zfill(width)[::-1], str(b).zfill(width)[::-1], strict=True):
        yield int(p), int(q)


def _both(a: int, b: int, c: int) -> tuple[str, int]:
    return f"{a} + {b} = {a + b}, {a + b} - {c} = {a + b - c}", a + b - c


def _averaged(a: int, b: int, c: int) -> tuple[str, int]:
    total = a + b + c
    return f"{a} + {b} + {c} = {total}, {total} / 3 = {total // 3}", total // 3


SOLUTIONS: dict[str, Callable[..., tuple[str, int]]] = {
    STEPS: _both,  # before ADD, whose template it fits as well
    ADD: added,
    PLUS: added,
    LONGER: lambda a, _, b: added(a, b),
    SUBTRACT: taken,
    MINUS: taken,
    MULTIPLY: multiplied,
    TIMES: multiplied,
    DIVIDE: lambda a, n: (f"{a} / {n} = {a // n}", a // n),
    PERCENT: lambda p, a: (f"{a} * {p} = {a * p}, {a * p} / 100 = {a * p // 100}", a * p // 100),
    MEAN: _averaged,
}

RULES = {
    "addition": _problems(_sum),
    "subtraction": _problems(_difference),
    "multiplication": _problems(_product),
    "division": _problems(_quotient),
    "several_steps": _problems(_several),
    "percentages": _problems(_share),
    "average": _problems(_mean),
    "suggest_complex_problem": suggest,
    "edit_complex_problem": edit,
    "answer": answer,
}
