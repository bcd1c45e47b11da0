"""Rules that take out of a passage what has a shape, and what is said about it: years, figures, names, quoted terms.

The instruction says the shape exactly, so that the list is what a search for it finds; the rule that replies searches anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random

from ...reply import Declined, Fields
from ._prose import around

WORDS = 8  # on either side of what is found
FEWEST, MOST = 2, 10  # items of a list
LIST = "List every {} in the text, each time that it occurs, in order. Add what is said: the {} words before and after it too."
SAID = (
    "{} (copied): {}\nsaid (copied): the same with up to {} words before and after it, within its paragraph"
)
# the entry; its one field; what it lists, in words, and the same as a pattern
SHAPES = (
    ("dates", "year", "year from 1000 to 2099 that stands in four digits", r"(?<![\w.,:/–-])(?:1\d|20)\d\d(?![\w%/–-]|[.,:]\d)"),
    ("quantities", "quantity", "figure of one to three digits that stands right before a word of small letters, with that word",
     r"(?<![\w.,:/$–-])\d{1,3} [a-z]+(?![\w-])"),
    ("named_entities", "name", "run of two to four words with capital first letters that stands between words in small letters",
     r"(?<=[a-z] )[A-Z][a-z]+(?: [A-Z][a-z]+){1,3}(?= [a-z]+\b)"),
    ("key_terms", "term", "term of one to three plain words that stands alone in double quotation marks",
     r"(?<=[“\"])[A-Za-z]+(?: [A-Za-z]+){0,2}(?=[.,]?[”\"])"),
)  # fmt: skip


def _listed(field: str, shape: str, passage: str) -> list[Fields]:
    return [{field: found[0], "said": around(passage, found, WORDS)} for found in re.finditer(shape, passage)]


def author(field: str, what: str, shape: str, passage: str) -> Fields:
    items = _listed(field, shape, passage)
    if not FEWEST <= len(items) <= MOST:
        raise Declined(f"the passage has {len(items)} of that shape")
    schema = SAID.format(field, what, WORDS)
    return {"instruction": LIST.format(what, WORDS), "schema": schema, "answer": _written(items)}


def extract(fields: Fields, draw: Random) -> str:
    for _, field, what, shape in SHAPES:
        if LIST.format(what, WORDS) == fields["instruction"]:
            return _written(_listed(field, shape, fields["passage"]))
    raise Declined("this task was not written by these rules")


def _written(items: list[Fields]) -> str:
    return json.dumps({"items": items}, ensure_ascii=False, indent=1)


def _author(field: str, what: str, shape: str) -> Callable[[Fields, Random], Fields]:
    return lambda fields, draw: author(field, what, shape, fields["passage"])


RULES = {entry: _author(*shape) for entry, *shape in SHAPES} | {"extract": extract}
