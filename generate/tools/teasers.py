"""Teasers whose answer a rule decides: number sequences, play with letters, sums in which letters stand for digits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from string import ascii_lowercase

from .answers import arithmetic, number


class BadTeaser(ValueError):
    """The rule does not fit what the question shows; the message says how."""


# --- sequences ---

GAP = "?"
FEWEST_TERMS, MAX_TERMS, LONGEST_RULE = 4, 20, 120
_TERM = r"(?:[-−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:/\d+)?|\?|_{2,})"
_RUN = re.compile(rf"(?<![\w.,]){_TERM}(?:(?:, (?:and )?| and |; | → ){_TERM}){{3,}}")


def shown_terms(question: str) -> list[str]:
    """The terms of the longest row of numbers in a question; "?" where one is left out, at the end if nowhere else."""
    rows = [
        [GAP if set(term) <= {"?", "_"} else term for term in re.split(r", (?:and )?| and |; | → ", row)]
        for row in _RUN.findall(question)
    ]
    longest = max(rows, key=len, default=[])
    if longest.count(GAP) > 1 or not FEWEST_TERMS <= len(longest) <= MAX_TERMS:
        raise BadTeaser(f"{len(longest)} terms are shown, with {longest.count(GAP)} gaps")
    return longest if GAP in longest else [*longest, GAP]


def missing_term(question: str, rule: str) -> Fraction:
    """What stands in the gap by a rule over n (1 for the first term), p (the term before) and q (the one before p).

    Raises BadTeaser where the rule gives another number than one that is shown, or is too free to be tested: it has
    to give at least three of those shown.
    """
    shown = shown_terms(question)
    terms: list[Fraction] = []
    told = 0
    missing = Fraction(0)
    for n, term in enumerate(shown, 1):
        value, written = _value(rule, n, terms), None if term == GAP else number(term)
        given = written if value is None else value
        if given is None:
            raise BadTeaser(f"{rule[:80]!r} has no value for the missing term")
        if written is not None and given != written:
            raise BadTeaser(f"{rule[:80]!r} gives {given} for term {n}, which is {term}")
        told += value is not None and written is not None
        missing = given if term == GAP else missing
        terms.append(given)
    if told < 3:
        raise BadTeaser(f"{rule[:80]!r} gives only {told} of the terms that are shown")
    return missing


def _value(rule: str, n: int, terms: list[Fraction]) -> Fraction | None:
    """The rule's value for the term number n; None where the terms before it, of which it speaks, are not there."""
    known = {"n": Fraction(n), **dict(zip("pq", reversed(terms), strict=False))}
    names = set(re.findall(r"[A-Za-z_]\w*", rule))
    if not names or not names <= set("npq") or len(rule) > LONGEST_RULE:
        raise BadTeaser(f"{rule[:80]!r} is no rule over n, p and q")
    if not names <= known.keys():
        return None
    value = arithmetic(re.sub(r"[npq]", lambda name: f"({known[name[0]]})", rule))
    if value is None:
        raise BadTeaser(f"{rule[:80]!r} cannot be computed for term {n}")
    return value


# --- letters ---


def letters(text: str) -> str:
    """The letters of a text, small, without anything between them."""
    return "".join(character for character in text.casefold() if character.isalpha())


def _hidden(answer: str, text: str) -> bool:
    """Whether the answer runs over the borders of the text's words, and lies within none of them."""
    within = any(letters(answer) in letters(word) for word in text.split())
    return letters(answer) in letters(text) and not within


def _is_shifted(answer: str, text: str, by: int) -> bool:
    turned = ascii_lowercase[by % 26 :] + ascii_lowercase[: by % 26]
    return (
        letters(answer).translate(str.maketrans(ascii_lowercase, turned)) == letters(text) != letters(answer)
    )


# How one is written, what it says of the answer, and whether it is so.
PLAYS: dict[str, tuple[str, Callable[[str, str], bool]]] = {
    "anagram": (
        "its letters are those of TEXT in another order",
        lambda a, t: sorted(letters(a)) == sorted(letters(t)) and letters(a) != letters(t),
    ),
    "hidden": ("it runs through the letters of TEXT, over the borders of words", _hidden),
    "initials": (
        "the first letters of the words of TEXT spell it",
        lambda a, t: letters(a) == "".join(letters(word)[:1] for word in t.split()),
    ),
    "backwards": (
        "TEXT is it, read from the end",
        lambda a, t: letters(a) == letters(t)[::-1] != letters(t),
    ),
    "vowels": (
        "TEXT is it without a, e, i, o and u",
        lambda a, t: re.sub("[aeiou]", "", letters(a)) == letters(t) != letters(a),
    ),
}
SHIFTED = "shifted N: TEXT"
PLAY_LIST = "\n".join(
    [*(f"- {name}: TEXT ({says})" for name, (says, _) in PLAYS.items())]
    + [f"- {SHIFTED} (each letter of it moved on by N places of the alphabet, z followed by a, gives TEXT)"]
)


def spells(play: str, answer: str) -> tuple[str, bool]:
    """The text that the line of play is about, and whether the answer has that relation to it. Raises BadTeaser."""
    name, _, text = (part.strip() for part in play.partition(":"))
    shifted = re.fullmatch(r"shifted (\d{1,2})", name, re.IGNORECASE)
    if not letters(text) or not letters(answer) or not (shifted or name.casefold() in PLAYS):
        raise BadTeaser(f"{play[:80]!r} is no line of the list")
    if shifted:
        return text, _is_shifted(answer, text, int(shifted[1]))
    return text, PLAYS[name.casefold()][1](answer, text)


# --- sums in letters ---

MAX_STEPS = 200_000


def deciphered(puzzle: str) -> dict[str, int]:
    """The digit of each letter in the one solution of a sum such as "SEND + MORE = MONEY": different letters, different
    digits, no number begins with 0. Raises BadTeaser where there is not exactly one solution."""
    if not re.fullmatch(r"[A-Z]{1,8}(?: \+ [A-Z]{1,8}){1,5} = [A-Z]{1,8}", puzzle.strip()):
        raise BadTeaser(f"{puzzle[:80]!r} is no sum of words in capital letters")
    *summands, total = re.findall("[A-Z]+", puzzle)
    weights: dict[str, int] = {}
    for sign, word in [*((1, word) for word in summands), (-1, total)]:
        for power, letter in enumerate(reversed(word)):
            weights[letter] = weights.get(letter, 0) + sign * 10**power
    if len(weights) > 10:
        raise BadTeaser(f"{len(weights)} letters for ten digits")
    found = []
    for digits in _digits(weights, {word[0] for word in [*summands, total]}):
        found.append(digits)
        if len(found) > 1:
            raise BadTeaser(f"{puzzle} has more than one solution")
    if not found:
        raise BadTeaser(f"{puzzle} has no solution")
    return found[0]


def _digits(weights: dict[str, int], leading: set[str]) -> Iterator[dict[str, int]]:
    """Every way to give the letters digits so that the weighted sum is zero, the heaviest letter first."""
    order = sorted(weights, key=lambda letter: -abs(weights[letter]))
    # What the letters from here on can add at least, and at most, whichever digits they get.
    low = [9 * sum(min(0, weights[letter]) for letter in order[start:]) for start in range(len(order) + 1)]
    high = [9 * sum(max(0, weights[letter]) for letter in order[start:]) for start in range(len(order) + 1)]
    steps = 0
    ways: list[tuple[tuple[int, ...], int]] = [((), 0)]
    while ways:
        if (steps := steps + 1) > MAX_STEPS:
            raise BadTeaser(f"more than {MAX_STEPS} steps to solve")
        given, total = ways.pop()
        if len(given) == len(order):
            yield dict(zip(order, given, strict=True))
            continue
        letter = order[len(given)]
        for digit in set(range(letter in leading, 10)) - set(given):
            further = total + digit * weights[letter]
            if low[len(given) + 1] <= -further <= high[len(given) + 1]:
                ways.append(((*given, digit), further))
