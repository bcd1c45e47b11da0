"""Lists of items with named fields: the schema that a task writes down, and the reading of a reply that fills it.

A schema has a line to each field, `name (how): meaning`, where `how` is one of three words. A `copied` value stands in
the passage word for word; a `normalised` one is put in the form that its meaning says; `one of: a | b` is what it says.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .answers import plain_text
from .constraints import words

KEY = "items"
"""The one key of the JSON object that holds a list."""
ABSENT = ""
MAX_ITEMS, MAX_FIELDS = 100, 8
_FIELD = re.compile(r"(?:- )?(\w+) \((copied|normali[sz]ed|one of:)([^()]*)\): \S.*")

Item = dict[str, str]


class Malformed(ValueError):
    """This is no schema, or no list by the schema; the message says why."""


@dataclass(frozen=True)
class ItemField:
    """One field of every item; `choices` are the values that it may have, if only certain ones are right."""

    name: str
    copied: bool
    choices: tuple[str, ...] = ()


def schema(lines: str) -> list[ItemField]:
    """The fields that a schema names, in order. Raises Malformed."""
    fields = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        if not (found := _FIELD.fullmatch(line)):
            raise Malformed(f"{line[:80]!r} is not written 'name (copied|normalised|one of: a | b): meaning'")
        values = tuple(value.strip() for value in found[3].split("|")) if found[2] == "one of:" else ()
        if len(values) == 1 or ABSENT in values:
            raise Malformed(f"{line[:80]!r} leaves no choice between values")
        fields.append(ItemField(found[1], found[2] == "copied", values))
    names = [field.name for field in fields]
    if not 1 <= len(names) <= MAX_FIELDS or len(set(names)) < len(names):
        raise Malformed(f"{len(names)} fields; there must be 1 to {MAX_FIELDS}, each once")
    if not any(field.copied for field in fields):
        raise Malformed("no field is copied, so nothing ties an item to the passage")
    return fields


def read(reply: str, fields: Sequence[ItemField]) -> list[Item]:
    """The items of a reply: a JSON object with the key "items", or a Markdown table with the fields as its head.

    What stands around the object or table is not read; null and a missing cell are the empty value. Raises Malformed.
    """
    rows = [line for line in reply.splitlines() if line.lstrip().startswith("|")]  # no line of JSON begins so
    items = _rows(rows) if rows else _objects(reply[reply.find("{") : reply.rfind("}") + 1])
    if len(items) > MAX_ITEMS:
        raise Malformed(f"{len(items)} items; at most {MAX_ITEMS} are read")
    names = [field.name for field in fields]
    for item in items:
        if sorted(item) != sorted(names):
            raise Malformed(
                f"an item has the fields {', '.join(item)[:120]}; the schema has {', '.join(names)}"
            )
    return items


def _objects(text: str) -> list[Item]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise Malformed(f"no JSON: {str(wrong)[:80]}") from wrong
    if not isinstance(found, dict) or list(found) != [KEY] or not isinstance(found[KEY], list):
        raise Malformed(f'the JSON is no object with a list under the one key "{KEY}"')
    return [{name: _text(value) for name, value in _object(item).items()} for item in found[KEY]]


def _object(item: object) -> dict[str, object]:
    if not isinstance(item, dict):
        raise Malformed("an item is no JSON object")
    return item


def _text(value: object) -> str:
    if isinstance(value, dict | list | bool):
        raise Malformed(f"the value {str(value)[:80]} is neither text nor a number")
    return ABSENT if value is None else str(value).strip()


def _rows(written: Sequence[str]) -> list[Item]:
    lines = [_cells(line) for line in written]
    if len(lines) < 2 or not all(re.fullmatch(r":?-+:?", cell) for cell in lines[1]):
        raise Malformed("the table has no line of dashes under its head")
    head, _, *rows = lines
    if any(len(row) != len(head) for row in rows):
        raise Malformed("a row of the table has not as many cells as its head")
    return [dict(zip(head, row, strict=True)) for row in rows]


def _cells(line: str) -> list[str]:
    cells = re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
    return [cell.strip().strip("*`").replace("\\|", "|").strip() for cell in cells]


@dataclass(frozen=True)
class Match:
    """Two lists, item by item: how many are alike, and what each has that the other lacks."""

    alike: int
    extra: tuple[Item, ...]
    missing: tuple[Item, ...]

    @property
    def f1(self) -> float:
        """1 where each item of one list has its like in the other, 0 where none has."""
        every = 2 * self.alike + len(self.extra) + len(self.missing)
        return 2 * self.alike / every if every else 1.0


def match(
    given: Sequence[Item], wanted: Sequence[Item], fields: Sequence[ItemField], least_overlap: float = 1.0
) -> Match:
    """The two lists as sets: items are alike where every field is equal as text.

    Below a `least_overlap` of 1, what is copied may be cut shorter or longer: it is alike where the words of both have
    that F1 (as SQuAD scores spans, arXiv 1606.05250), unless it is what another wanted item has.
    """
    known = {field.name: {plain_text(item[field.name]) for item in wanted} for field in fields}

    def alike(one: Item, other: Item, field: ItemField) -> bool:
        mine, theirs = plain_text(one[field.name]), plain_text(other[field.name])
        is_cut = field.copied and least_overlap < 1 and mine not in known[field.name]
        return mine == theirs or (is_cut and overlap(mine, theirs) >= least_overlap)

    missing, extra = list(wanted), []
    for item in given:
        like = next((other for other in missing if all(alike(item, other, field) for field in fields)), None)
        if like is None:
            extra.append(item)
        else:
            missing.remove(like)
    return Match(len(given) - len(extra), tuple(extra), tuple(missing))


def overlap(one: str, other: str) -> float:
    """F1 of the words of two texts, with repetition; 0 where one has a figure that the other lacks."""
    mine, theirs = (Counter(words(plain_text(text))) for text in (one, other))
    if any(character.isdigit() for word in mine.keys() ^ theirs.keys() for character in word):
        return 0.0
    total = mine.total() + theirs.total()
    return 2 * (mine & theirs).total() / total if total else 0.0
