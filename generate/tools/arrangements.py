"""Logic puzzles of finite assignment, solved by trying: items take places under rules in a small fixed vocabulary.

    items: Ada, Ben, Cleo
    places: Monday, Tuesday, Wednesday
    each place holds 1
    Ada before Ben
    if Cleo at Monday then Ben at Tuesday

Nothing here executes text: a line is one of the patterns below, or a BadPuzzle; the search is cut off after MAX_STEPS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

MAX_ITEMS = MAX_PLACES = 12
MAX_RULES, MAX_STEPS, MAX_LINE = 40, 100_000, 400
RESERVED_WORDS = "and, or, if, then, iff, not, at, before, after, with, next, right, of"
VOCABULARY = f"""\
items: NAME, NAME, …           who or what takes a place; each takes exactly one
places: NAME, NAME, …          seats, days, ranks (in their order), groups, roles, or true, false
each place holds N             or: each place holds N to M; PLACE holds N; PLACE holds N to M; without such a line, any number
ITEM at PLACE                  ITEM not at PLACE
ITEM before ITEM               also: after, right before, right after, next to, with (at the same place); each also with not
if … then …                    one or more such facts on either side, joined by "and" or by "or"
… iff …                        both sides hold, or neither does
exactly N of: FACT; FACT; …    also: at least N of, at most N of
A NAME is one to five plain words, spelled alike everywhere, and none of {RESERVED_WORDS}."""

Arrangement = Sequence[int]  # the place of each item
Test = Callable[[Arrangement], bool]


class BadPuzzle(ValueError):
    """The puzzle cannot be solved as it is written; the message says why."""


class Rule(NamedTuple):
    """What must hold, and the last of the items that it names: from there on it can be tested."""

    last: int
    holds: Test


@dataclass(frozen=True)
class Puzzle:
    """Items, places, how many items each place may hold, and the rules."""

    items: tuple[str, ...]
    places: tuple[str, ...]
    least: tuple[int, ...]
    most: tuple[int, ...]
    rules: tuple[Rule, ...]

    def arrangements(self) -> Iterator[tuple[int, ...]]:
        """Every arrangement that keeps all rules. Raises BadPuzzle where that takes too long to find out."""
        steps = 0
        due = [[rule for rule in self.rules if rule.last == item] for item in range(len(self.items))]
        open_ways: list[tuple[int, ...]] = [()]
        while open_ways:
            way = open_ways.pop()
            if len(way) == len(self.items):
                yield way
                continue
            for place in reversed(range(len(self.places))):
                if (steps := steps + 1) > MAX_STEPS:
                    raise BadPuzzle(f"more than {MAX_STEPS} steps to solve")
                further = (*way, place)
                if self._has_room(further) and all(rule.holds(further) for rule in due[len(way)]):
                    open_ways.append(further)

    def _has_room(self, way: tuple[int, ...]) -> bool:
        """Whether no place holds too many, and the items to come can fill those that hold too few."""
        held = [way.count(place) for place in range(len(self.places))]
        missing = sum(max(0, least - count) for least, count in zip(self.least, held, strict=True))
        return held[way[-1]] <= self.most[way[-1]] and missing <= len(self.items) - len(way)

    def statement(self, text: str) -> Rule:
        """One line of the vocabulary about these items and places."""
        return _Names(self.items, self.places).statement(text)


def parse(text: str) -> Puzzle:
    """The puzzle that the lines say. Raises BadPuzzle."""
    lines = [" ".join(line.split()).strip("-• ").rstrip(".") for line in text.splitlines() if line.strip()]
    if len(lines) > MAX_RULES or any(len(line) > MAX_LINE for line in lines):
        raise BadPuzzle(f"more than {MAX_RULES} lines, or one of more than {MAX_LINE} characters")
    items, lines = _list(lines, "items", MAX_ITEMS)
    places, lines = _list(lines, "places", MAX_PLACES)
    names = _Names(items, places)
    least, most, rules = [0] * len(places), [len(items)] * len(places), []
    for line in lines:
        if found := re.fullmatch(
            r"(.+?) holds?(?: exactly)? (\d{1,2})(?: to (\d{1,2}))?", line, re.IGNORECASE
        ):
            for place in (
                range(len(places)) if found[1].casefold() == "each place" else [names.place(found[1])]
            ):
                least[place], most[place] = int(found[2]), int(found[3] or found[2])
        else:
            rules.append(names.statement(line))
    return Puzzle(items, places, tuple(least), tuple(most), tuple(rules))


def _list(lines: list[str], head: str, most: int) -> tuple[tuple[str, ...], list[str]]:
    """The names of the one line that begins so, and the other lines."""
    found = [line for line in lines if line.casefold().startswith(f"{head}:")]
    if len(found) != 1:
        raise BadPuzzle(f'{len(found)} lines begin with "{head}:"; there must be one')
    names = tuple(name.strip() for name in found[0].partition(":")[2].split(","))
    if not 1 <= len(names) <= most or len({name.casefold() for name in names}) < len(names):
        raise BadPuzzle(f"between 1 and {most} {head} are wanted, all different")
    for name in names:
        if not re.fullmatch(r"[\w'’.-]+(?: [\w'’.-]+){0,4}", name) or RESERVED.search(name):
            raise BadPuzzle(f"{name[:60]!r} is no name for one of the {head}")
    return names, [line for line in lines if line not in found]


RESERVED = re.compile(rf"\b(?:{RESERVED_WORDS.replace(', ', '|')})\b", re.IGNORECASE)
_COUNTS: dict[str, Callable[[int, int], bool]] = {
    "exactly": lambda count, wanted: count == wanted,
    "at least": lambda count, wanted: count >= wanted,
    "at most": lambda count, wanted: count <= wanted,
}
_RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "before": lambda a, b: a < b,
    "after": lambda a, b: a > b,
    "right before": lambda a, b: a + 1 == b,
    "right after": lambda a, b: a == b + 1,
    "next to": lambda a, b: abs(a - b) == 1,
    "with": lambda a, b: a == b,
}


class _Names:
    """Reads statements about certain items and places."""

    def __init__(self, items: Sequence[str], places: Sequence[str]) -> None:
        self.items = {name.casefold(): number for number, name in enumerate(items)}
        self.places = {name.casefold(): number for number, name in enumerate(places)}

    def statement(self, text: str) -> Rule:
        text = " ".join(text.split()).rstrip(".")
        if found := re.fullmatch(r"(exactly|at least|at most) (\d{1,2}) of: ?(.+)", text, re.IGNORECASE):
            compare, wanted = _COUNTS[found[1].casefold()], int(found[2])
            return _joined(self._all(found[3], ";"), lambda truths: compare(sum(truths), wanted))
        if found := re.fullmatch(r"if (.+?),? then (.+)", text, re.IGNORECASE):
            return _joined(
                [self._either(found[1]), self._either(found[2])], lambda truths: not truths[0] or truths[1]
            )
        if len(sides := re.split(r" iff ", text, flags=re.IGNORECASE)) == 2:
            return _joined([self._either(side) for side in sides], lambda truths: truths[0] == truths[1])
        return self._either(text)

    def _either(self, text: str) -> Rule:
        parts = re.split(r" or ", text, flags=re.IGNORECASE)
        return _joined([_joined(self._all(part, " and "), all) for part in parts], any)

    def _all(self, text: str, mark: str) -> list[Rule]:
        return [self._fact(part.strip()) for part in re.split(mark, text, flags=re.IGNORECASE)]

    def _fact(self, text: str) -> Rule:
        found = re.fullmatch(
            r"(not )?(.+?) (not )?(at|before|after|right before|right after|next to|with) (.+)",
            text,
            re.IGNORECASE,
        )
        if not found:
            raise BadPuzzle(f"{text[:80]!r} is not in the vocabulary")
        item, relation, expected = self.item(found[2]), found[4].casefold(), not (found[1] or found[3])
        if relation == "at":
            place = self.place(found[5])
            return Rule(item, lambda way: (way[item] == place) == expected)
        other, compare = self.item(found[5]), _RELATIONS[relation]
        return Rule(max(item, other), lambda way: compare(way[item], way[other]) == expected)

    def item(self, name: str) -> int:
        return _number(self.items, name, "item")

    def place(self, name: str) -> int:
        return _number(self.places, name, "place")


def _number(names: dict[str, int], name: str, kind: str) -> int:
    if (number := names.get(name.casefold())) is None:
        raise BadPuzzle(f"{name[:60]!r} is no {kind} of the puzzle")
    return number


def _joined(rules: list[Rule], judge: Callable[[list[bool]], bool]) -> Rule:
    return Rule(max(rule.last for rule in rules), lambda way: judge([rule.holds(way) for rule in rules]))


# --- what is asked of a puzzle ---

MUST, COULD, CANNOT, NEED_NOT = "must be true", "could be true", "cannot be true", "need not be true"
ASKED = (MUST, COULD, CANNOT, NEED_NOT)
HOW_MANY = "how many"


def following(text: str, asked: str, claims: Sequence[str]) -> list[int]:
    """The places of the claims that the puzzle makes so: in all, some, none or not all of its arrangements.

    Raises BadPuzzle; also where no arrangement keeps the rules, of which anything would follow.
    """
    puzzle = parse(text)
    rules = [puzzle.statement(claim) for claim in claims]
    found = [[rule.holds(way) for rule in rules] for way in _some(puzzle)]
    so = {
        MUST: all,
        COULD: any,
        CANNOT: lambda truths: not any(truths),
        NEED_NOT: lambda truths: not all(truths),
    }
    return [place for place, truths in enumerate(zip(*found, strict=True)) if so[asked](truths)]


def solution(text: str, sought: str) -> str:
    """What the puzzle fixes: the place of the item `sought`, the items at the place `sought`, or, for "how many",
    the number of arrangements. Raises BadPuzzle where that is not one and the same in every arrangement."""
    puzzle = parse(text)
    ways = _some(puzzle)
    if sought.casefold() == HOW_MANY:
        return str(len(ways))
    names = _Names(puzzle.items, puzzle.places)
    if sought.casefold() in names.items:
        answers = {puzzle.places[way[names.item(sought)]] for way in ways}
    else:
        place = names.place(sought)
        answers = {
            ", ".join(i for i, at in zip(puzzle.items, way, strict=True) if at == place) for way in ways
        }
    if len(answers) > 1:
        raise BadPuzzle(f"{sought} is not fixed: {' or '.join(sorted(answers))[:80]}")
    return answers.pop()


def _some(puzzle: Puzzle) -> list[tuple[int, ...]]:
    if not (ways := list(puzzle.arrangements())):
        raise BadPuzzle("no arrangement keeps all rules")
    return ways
