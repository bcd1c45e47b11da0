"""What the rules know of running text: its sentences, its words, and what occurs in it once."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from typing import TypeVar

from ...reply import Declined

T = TypeVar("T")
PLAIN = re.compile(r"[A-Za-z]+")
# Words that hold a sentence together and tell little: no question and no edit is about them.
_EMPTY = """
    about above after again against also although always among another around because been before
    being below between both came come could does done down during each either else even every from
    gets give given goes have having here however into itself just like made make many more most
    much must need never none only onto other over same shall should since some such take than that
    their them then there therefore these they this those though through thus toward under until
    upon used uses using very want well were what when where whereas whether which while whom whose
    will with within without would your yours
"""
EMPTY = frozenset(_EMPTY.split())
# A full stop after these ends an abbreviation, not a sentence.
_ABBREVIATED = r"(?<!\b[A-Z]\.)(?<!\b[DMS][rst]\.)(?<!\bMrs\.)(?<!\bvs\.)(?<!\bca\.)(?<!\bal\.)(?<!\bno\.)(?<!\b[ie]\.[eg]\.)"
_BORDER = re.compile(rf"(?:(?<=[.!?]){_ABBREVIATED}|(?<=[.!?][”\")])) (?=[\"“(]?[A-Z])")
_WORDLIKE = re.compile(r"[\"“(]?\$?[A-Za-z0-9][A-Za-z0-9'’,.–-]*[.,;:!?)\"”%]*")
_ODD = re.compile(
    r"\(\s*\)|\(\w\)|[|<>=_*~^{}\\#]|::|://|answer is|\bsection\b|\bFigure\b|^(?:Visit|Click|Watch|See) "
)


def flat(text: str) -> str:
    """The text on one line, with single spaces."""
    return " ".join(text.split())


def sentences(passage: str) -> list[str]:
    """The sentences that can be shown alone: they begin and end as one, occur once, and hold no formula or markup."""
    blocks = re.split(r"\n\s*\n|\n(?=\s*[-*•#])", passage)
    found = [sentence for block in blocks for sentence in _BORDER.split(re.sub(r"^[-*•] ", "", flat(block)))]
    return [sentence for sentence in found if _shown_alone(sentence) and found.count(sentence) == 1]


def _shown_alone(sentence: str) -> bool:
    words = sentence.split()
    closed = (
        all(sentence.count(a) == sentence.count(b) for a, b in ("()", "“”")) and sentence.count('"') % 2 == 0
    )
    return (
        5 <= len(words) <= 45
        and sentence[0].isupper()
        and sentence[-1] in ".!?"
        and closed
        and not _ODD.search(sentence)
        and all(_WORDLIKE.fullmatch(word) for word in words)
    )


def clauses(passage: str) -> list[str]:
    """The clauses of four to nine plain words, cut where the passage has a mark; each once."""
    parts = re.split(r"[.,:;!?()\"“”]+(?:\s+|$)|\s+(?=[\"“(])|\n\s*\n", passage)
    found = [flat(part) for part in parts if all(map(PLAIN.fullmatch, part.split()))]
    return [part for part in dict.fromkeys(found) if 4 <= len(part.split()) <= 9]


def listed(words: list[str]) -> str:
    """The words with their places: "1 the 2 list 3 of"."""
    return " ".join(f"{place} {word}" for place, word in enumerate(words, 1))


def tells(word: str) -> bool:
    """Whether this is a plain word of four letters or more that tells something."""
    return len(word) >= 4 and PLAIN.fullmatch(word) is not None and word.lower() not in EMPTY


def phrase(text: str) -> re.Pattern[str]:
    """A pattern for `text` as whole words, over line breaks, in any case."""
    words = r"\s+".join(re.escape(word) for word in text.split())
    left, right = r"(?<!\w)" if text[0].isalnum() else "", r"(?!\w)" if text[-1].isalnum() else ""
    return re.compile(f"{left}{words}{right}", re.IGNORECASE)


def once(text: str, passage: str) -> bool:
    """Whether the passage has these words exactly once."""
    return len(phrase(text).findall(passage)) == 1


def around(passage: str, found: re.Match[str], words: int = 4) -> str:
    """What was found, with up to `words` words of its paragraph on either side, on one line."""
    before, after = passage[: found.start()].split("\n\n")[-1], passage[found.end() :].split("\n\n")[0]
    left = re.split(r"(\s+)", before)[-2 * words - 1 :]
    right = re.split(r"(\s+)", after)[: 2 * words + 1]
    return flat("".join([*left, found[0], *right]))


def asked(template: str, question: str) -> tuple[str, ...] | None:
    """What stands in the places {} of the template that the question was written from, if it was."""
    pattern = "(.+?)".join(re.escape(part) for part in template.split("{}"))
    found = re.fullmatch(pattern, question)
    return found.groups() if found else None


def some(found: Iterable[T], draw: random.Random, why_none: str, count: int = 3) -> list[T]:
    """Up to `count` of what was found, drawn; raises Declined where nothing was."""
    every = list(found)
    if not every:
        raise Declined(why_none)
    return draw.sample(every, min(count, len(every)))


def one_of(found: list[T], draw: random.Random) -> list[T]:
    """One of what was found, drawn, or nothing."""
    return draw.sample(found, min(1, len(found)))
