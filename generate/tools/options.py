"""Questions that end with lettered options: reading them, putting them in another order, and which one an answer chooses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .answers import plain_text

LETTERS = "ABCDEFGH"
FEWEST, MOST = 4, 5  # options of a question
_LINE = re.compile(r"^[ \t]*[*_]{0,2}\(?([A-H])[).:][*_]{0,2}[ \t]+(?=\S)", re.MULTILINE)
# An option that names others by where they stand says another thing in another order.
_PLACES = re.compile(
    r"(?<!\w)\([A-H]\)|\b(?i:option|choice|answer)s? [A-H]\b|\b[A-H] and [A-H] only\b|\b(?i:all the above)\b"
    r"|\b(?i:none|all|any|both|neither|either|each|two|three) of the (?i:above|below|preceding|following)\b"
)
_NAMED = re.compile(
    r"(?:the )?(?:option |choice |answer )?(?:\(([A-H])\)|([A-H])(?=[).:]|$))[).:]?\s*(.*)",
    re.IGNORECASE | re.DOTALL,
)
_SET_OFF = re.compile(r"\(?([A-H])\)?,? (?:[–—-] (.{2,})|\((.{2,})\))", re.DOTALL)  # B – words, (B) (words)
_DECORATION = "*_` \t\n"


class BadOptions(ValueError):
    """The options cannot be used; the message says why."""


@dataclass(frozen=True)
class Lettered:
    """A stem and its options, without their letters."""

    stem: str
    options: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([*([self.stem, ""] if self.stem else []), *self.lines()])

    def lines(self) -> list[str]:
        """The options as "(A) words", a line each."""
        return [f"({letter}) {option}" for letter, option in zip(LETTERS, self.options, strict=False)]

    def reordered(self, order: Sequence[int]) -> Lettered:
        """The same with the option number order[0] first, order[1] second …"""
        return Lettered(self.stem, tuple(self.options[place] for place in order))


def read(question: str) -> Lettered | None:
    """The question in its parts; None where it has no options. Raises BadOptions for what no reader could answer by
    letter: a letter left out, two options alike, one that points at another's place."""
    found = lettered(question)
    if found is None:
        return None
    if not FEWEST <= len(found.options) <= MOST:
        raise BadOptions(f"{len(found.options)} options; there must be {FEWEST} or {MOST}")
    if len({plain_text(option) for option in found.options}) < len(found.options):
        raise BadOptions("two options say the same")
    for option in found.options:
        if _PLACES.search(option):
            raise BadOptions(f"the option {option[:60]!r} points at the place of others")
    return found


def lettered(text: str) -> Lettered | None:
    """A text in its lettered lines (A), (B), (C) … and what stands before them; None where it has none."""
    heads = list(_LINE.finditer(text))
    starts = [place for place, head in enumerate(heads) if head[1] == "A"]
    if not starts:
        return None
    block = heads[starts[-1] :]
    if "".join(head[1] for head in block) != LETTERS[: len(block)]:
        raise BadOptions(f"the options are lettered {', '.join(head[1] for head in block)}")
    ends = [head.start() for head in block[1:]] + [len(text)]
    bodies = [text[head.end() : end].strip() for head, end in zip(block, ends, strict=True)]
    if any(re.search(r"\n\s*\n", body) for body in bodies):
        raise BadOptions("something stands after the options")
    return Lettered(text[: block[0].start()].strip(), tuple(" ".join(body.split()) for body in bodies))


def chosen(said: str, options: Sequence[str]) -> int | None:
    """The place of the option that a short answer names by its letter, its words or both; None where it names none,
    several, or a letter and the words of another."""
    meant = said.strip(_DECORATION).rstrip(".").strip(_DECORATION)
    if set_off := _SET_OFF.fullmatch(meant):
        meant = f"{set_off[1]}. {set_off[2] or set_off[3]}"
    by_words = [place for place, option in enumerate(options) if plain_text(option) == plain_text(meant)]
    named = _NAMED.fullmatch(meant)
    if named is None or (by_words and len(meant) > 1):
        return by_words[0] if len(by_words) == 1 else None
    place = LETTERS.index((named[1] or named[2]).upper())
    if place >= len(options) or _PLACES.search(named[3]):
        return None
    told = [other for other, option in enumerate(options) if plain_text(option) == plain_text(named[3])]
    return place if told in ([], [place]) else None
