"""Rules that hide a rule in words of the passage, and find one by trying those they know on every example."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from ...reply import Declined, Fields
from ._prose import some, tells

ASK = "Find what leads from each input to its output, and give the output of the last input."
SHOTS = 6  # examples, before the new input
F = "def f(x):\n    return {}"
# the entry, the rule in words, as an expression over the word x, and as a function
KNOWN: tuple[tuple[str, str, str, Callable[[str], str]], ...] = (
    ("string_pattern", "reversed", "x[::-1]", lambda x: x[::-1]),
    ("string_pattern", "first letter last", "x[1:] + x[0]", lambda x: x[1:] + x[0]),
    ("string_pattern", "every other letter", "x[::2]", lambda x: x[::2]),
    ("string_pattern", "letters sorted", '"".join(sorted(x))', lambda x: "".join(sorted(x))),
    ("two_steps", "halves swapped, upper", "(x[len(x) // 2:] + x[:len(x) // 2]).upper()",
     lambda x: (x[len(x) // 2 :] + x[: len(x) // 2]).upper()),
    ("two_steps", "reversed, plus length", "x[::-1] + str(len(x))", lambda x: x[::-1] + str(len(x))),
)  # fmt: skip


def tasks(entry: str, passage: str, draw: Random) -> list[Fields]:
    words = sorted({word.lower() for word in re.findall(r"[A-Za-z]{5,}", passage) if tells(word)})
    if len(words) < 3 * (SHOTS + 1):
        raise Declined("the passage has too few words for examples")
    drawn = draw.sample(words, 3 * (SHOTS + 1))
    known = some([rule for rule in KNOWN if rule[0] == entry], draw, "there is no rule of this kind")
    return [_task(drawn[at :: len(known)][: SHOTS + 1], rule) for at, rule in enumerate(known)]


def _task(words: list[str], rule: tuple[str, str, str, Callable[[str], str]]) -> Fields:
    _, _, code, f = rule
    *shown, query = words
    examples = "\n\n".join(f"Input: {word}\nOutput: {f(word)}" for word in shown)
    told = {"instruction": ASK, "examples": examples, "query": query}
    return {**told, "answer": f(query), "rule": F.format(code)}


def answer(fields: Fields, draw: Random) -> str:
    *pairs, query = re.findall(r"^Input: (\w+)\nOutput:(?: (\w+))?", fields["turn"], re.MULTILINE)
    for _, words, _, f in KNOWN:
        if pairs and all(f(given) == wanted for given, wanted in pairs):
            tested = ", ".join(f"{given} → {f(given)}" for given, _ in pairs)
            return f"{words.capitalize()}: {tested}; {query[0]} → {f(query[0])}. The answer is {f(query[0])}."
    raise Declined("none of the rules that are known here fits")


RULES = {
    entry: lambda fields, draw, entry=entry: tasks(entry, fields["passage"], draw) for entry, *_ in KNOWN
} | {"answer": answer}
