"""The answer that a free reply gives: named rules, each saying what it read and where it stands.

Zero-shot replies have no fixed form. A rule is explicit where the reply itself says that this is its answer; of all
explicit statements the last one counts. Only without any come guesses, and never in a reply that was cut off.
The paper has GPT-4 read the answers (arXiv 2407.03502, appendix B); these rules are the part that needs no model.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..generate.tools.answers import final_answer, numbers, plain_text
from .formula import boxed, plain
from .item import Item, Kind

LONGEST = 50_000  # characters of a reply that are read, from its end


class Found(NamedTuple):
    """An answer read in a reply: reply[start:end]."""

    value: str
    start: int
    end: int


class Extracted(NamedTuple):
    """The answer of a reply, and the name of the rule that read it."""

    rule: str
    value: str
    span: tuple[int, int]
    explicit: bool


Reader = Callable[[Item, str], Found | None]
Rule = Callable[[Item, str], Iterator[Found]]


def extract(item: Item, reply: str, whole: bool = True) -> Extracted | None:
    """The answer of `reply` to `item`, or None. `whole`: it ended by itself, so that guesses from its end make sense."""
    start = max(0, len(reply) - LONGEST)
    text = reply[start:]
    stated = [(found, rule) for rule in EXPLICIT[item.kind] for found in rule(item, text)]
    if stated:
        found, rule = max(stated, key=lambda each: each[0].end)
    elif whole and text.strip():
        if item.options:  # "the answer is none of these" takes back the (B) that stands before it
            start += max((claim.start() for claim in _CLAIM.finditer(text)), default=0)
        guesses = ((found, rule) for rule in GUESSES[item.kind] for found in rule(item, reply[start:]))
        found, rule = next(guesses, (None, None))
    else:
        return None
    if found is None or rule is None:
        return None
    return Extracted(rule.__name__, found.value, (found.start + start, found.end + start), bool(stated))


# Readers: the answer that stands right at the beginning of a text.

# Repetitions are bounded: a reply of 50,000 asterisks costs no time.
_DECOR = r"[ \t*_`\"'“”$#]{0,20}"
_LETTER = re.compile(
    rf"{_DECOR}(?:option\s|choice\s|\\text\{{)?{_DECOR}"
    r"(?:[(\[]\s*(?P<marked>[A-Za-z])\s*[)\]]|(?P<bare>[A-Z])(?![\w'’]|-\w)|(?P<low>[b-z])(?=[).:]|\s*$))"
)
_MORE = re.compile(
    rf"{_DECOR}(?:,|and|or|&){_DECOR}(?:[(\[](?P<marked>[A-Z])[)\]]|(?P<bare>[A-Z])(?![\w'’]))"
)
# "A dog", "I think": no letters.
_ARTICLE = re.compile(r"[AI][ *_]+(?!because|since|as\b|and\b|or\b|for\b|is\b)[a-z]")


def _first_line(text: str) -> tuple[str, int]:
    """The first line that holds anything, and where it begins."""
    begin = len(text) - len(text.lstrip())
    return text[begin:].split("\n")[0], begin


def _read_letter(item: Item, text: str) -> Found | None:
    """An option's letter, letters ("A,C": two are never right), or the option's own words."""
    line, begin = _first_line(text)
    match = _LETTER.match(line)
    if match and _known(item, letter := _letter(match)) and not _is_word(match):
        letters, end = [letter], match.end()
        while (more := _MORE.match(line, end)) and _known(item, _letter(more)):
            letters.append(_letter(more))
            end = more.end()
        return Found(",".join(dict.fromkeys(letters)), begin, begin + end)
    same = [place for place, option in enumerate(item.options) if plain_text(line) == plain_text(option)]
    return Found(chr(ord("A") + same[0]), begin, begin + len(line)) if len(same) == 1 else None


def _letter(match: re.Match[str]) -> str:
    return next(found for found in match.groups() if found).upper()


def _is_word(match: re.Match[str]) -> bool:
    return bool(match["bare"] and _ARTICLE.match(match.string, match.start("bare")))


def _known(item: Item, letter: str) -> bool:
    return ord(letter) - ord("A") < (len(item.options) or 5)


# "5 + 3 apples =": the working before a result, each term with at most one word. Possessive, so that it costs no time.
# Not in a JSON string, `"answer": "5 + 3 = 8"`: ZeroEval, whose published scores are re-derived, takes its first number.
_TERM = r"[(\s$€£]*+[-−]?\.?\d[\d.,]*+%?+\s*+(?:(?![xX][\s\d($])[A-Za-z]++)?+[)\s]*+"
_WORKING = re.compile(rf"[^=\d\"]*+{_TERM}(?:(?:[-+*/×·÷−–xX]|\\times|\\cdot|\\div){_TERM})++=")
_REST = re.compile(r"[eE][-+]?\d{1,2}(?!\w)|\s?/\s?\d+(?:\.\d+)?(?![\w/])")


def _numbers(text: str) -> Iterator[Found]:
    """Every number of `text`, "3/4" and "1.5e3" as one."""
    end = 0
    for found in numbers(text):
        if found.start >= end:
            rest = _REST.match(text, found.end)
            end = rest.end() if rest else found.end
            yield Found(text[found.start : end].strip(), found.start, end)


def _read_number(item: Item, text: str) -> Found | None:
    """The first number, or the result where working comes first: "5 + 3 = 8"."""
    line, begin = _first_line(text)
    start = 0
    while working := _WORKING.match(line, start):
        start = working.end()
    found = next(_numbers(line[start:]), None)
    return Found(found.value, begin + start + found.start, begin + start + found.end) if found else None


def _read_word(item: Item, text: str) -> Found | None:
    line, begin = _first_line(text)
    match = re.match(rf"{_DECOR}({_words(item)})(?!\w)", line, re.IGNORECASE)
    return Found(match[1], begin + match.start(1), begin + match.end(1)) if match else None


def _words(item: Item) -> str:
    return "|".join(sorted(map(re.escape, item.options), key=len, reverse=True))


def _read_line(item: Item, text: str) -> Found | None:
    line, begin = _first_line(text)
    value = line.strip(" *_`$").removesuffix(".").strip(" *_`$")
    return Found(value, begin, begin + len(line)) if value else None


READERS: dict[Kind, Reader] = {
    "letter": _read_letter,
    "number": _read_number,
    "word": _read_word,
    "sequence": _read_line,
    "math": _read_line,
}

# Explicit rules: the reply says that this is its answer.

_CLAIM = re.compile(
    r"\b(?:answer|option|choice)(?:\s+(?:choice|option))?(?:\s+to\s[^.:\n]{1,60}?)?"
    r"(?:\s+(?:is|would be|should be|must be|will be)\b(?:\s+therefore|\s+thus|\s+clearly)?\s*:?|[*_`\"]{0,3}\s?[:=])"
    r"|^[ \t*_#>-]{0,9}(?:A|ans)[*_`]{0,3}:|^[ \t]{0,9}####",
    re.IGNORECASE | re.MULTILINE,
)
_IS_CORRECT = re.compile(
    rf"(?<![\w'’])[(\[]?(?P<letter>[A-Z])[)\]]?{_DECOR}\s+is\s+(?:therefore\s+|clearly\s+)?(?:the\s+)?(?:only\s+)?"
    r"(?:answer\b|(?:correct|right|best)(?:\s+(?:answer|option|choice|one|because|since)\b|(?=\s*(?:[.,;:!?)*_]|\n|\Z))))"
)
_LONE_LINE = re.compile(rf"^{_DECOR}[(\[]?(?P<letter>[A-Z])[)\]]?[.):]?{_DECOR}$", re.MULTILINE)


def stated(item: Item, text: str) -> Iterator[Found]:
    """ "The answer is X", "Answer: X", "A: X", "#### X"."""
    for match in _CLAIM.finditer(text):
        if found := READERS[item.kind](item, text[match.end() : match.end() + 500]):
            yield Found(found.value, match.start(), match.end() + found.end)


def in_a_box(item: Item, text: str) -> Iterator[Found]:
    r"""\boxed{X}"""
    for start, end, inside in boxed(text):
        if found := READERS[item.kind](item, plain(inside) if item.kind == "number" else inside):
            yield Found(found.value, start, end)


def is_correct(item: Item, text: str) -> Iterator[Found]:
    """ "(B) is correct", "B is the right answer"."""
    yield from (
        Found(m["letter"], *m.span()) for m in _IS_CORRECT.finditer(text) if _known(item, m["letter"])
    )


def lone_line(item: Item, text: str) -> Iterator[Found]:
    """A line that holds one letter and nothing else."""
    yield from (Found(m["letter"], *m.span()) for m in _LONE_LINE.finditer(text) if _known(item, m["letter"]))


def final_sentence(item: Item, text: str) -> Iterator[Found]:
    """ "The answer is X." as the last line, where the teacher's own reply ends so; an edited text may just happen to."""
    if item.reference and not final_answer(_last_line(item.reference)):
        return
    last = _last_line(text)
    if answer := final_answer(last):
        yield Found(answer, len(text.rstrip()) - len(last), len(text.rstrip()))


def _last_line(text: str) -> str:
    return text.rstrip().split("\n")[-1]


# Guesses, the first one counts: what the reply most likely means where it states nothing.


_DENIAL = re.compile(r"\bnot\b|n['’]t\b|\bneither\b|\bnone\b|\bwrong\b|\bincorrect\b", re.IGNORECASE)


def leading(item: Item, text: str) -> Iterator[Found]:
    """ "B) because ...", "Yes, ..."; a bare letter only with a mark behind it, or "A dog" would be one."""
    found = READERS[item.kind](item, text)
    if found and (item.kind != "letter" or re.match(rf"{_DECOR}(?:\([A-Z]\)|[A-Z](?:[).:,]|\s*$))", text)):
        yield found


def bracketed(item: Item, text: str) -> Iterator[Found]:
    """The one "(B)" of the last line that holds any, unless that line denies something."""
    lines = [match for match in re.finditer(r"[^\n]+", text) if re.search(r"\([A-Z]\)", match[0])]
    letters = set(re.findall(r"\(([A-Z])\)", lines[-1][0])) if lines else set()
    if len(letters) == 1 and not _DENIAL.search(lines[-1][0]) and _known(item, letter := letters.pop()):
        yield Found(letter, *lines[-1].span())


def option_text(item: Item, text: str) -> Iterator[Found]:
    """The last line holds the words of exactly one option."""
    last = _last_line(text)
    plain = plain_text(last)
    held = [
        n
        for n, option in enumerate(item.options)
        if (words := plain_text(option)) and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", plain)
    ]
    if len(held) == 1:
        yield Found(chr(ord("A") + held[0]), len(text.rstrip()) - len(last), len(text.rstrip()))


def last_number(item: Item, text: str) -> Iterator[Found]:
    """The number written last."""
    yield from list(_numbers(text))[-1:]


def last_word(item: Item, text: str) -> Iterator[Found]:
    """The last of the words that may be answered, unless its sentence denies something."""
    found = list(re.finditer(rf"(?<!\w)(?:{_words(item)})(?!\w)", text, re.IGNORECASE))
    if found and not _DENIAL.search(_sentence(text, found[-1].start())):
        yield Found(found[-1][0], *found[-1].span())


def _sentence(text: str, place: int) -> str:
    """The sentence around a place in `text`."""
    before, after = text[:place], text[place:]
    return re.split(r"[.!?\n]", before)[-1] + re.split(r"[.!?\n]", after, maxsplit=1)[0]


def last_line(item: Item, text: str) -> Iterator[Found]:
    """The last line as it stands."""
    last = _last_line(text)
    if found := _read_line(item, last):
        yield Found(found.value, len(text.rstrip()) - len(last), len(text.rstrip()))


def whole_reply(item: Item, text: str) -> Iterator[Found]:
    """All of it."""
    yield Found(text.strip(), 0, len(text))


EXPLICIT: dict[Kind, tuple[Rule, ...]] = {
    "letter": (stated, in_a_box, is_correct, lone_line),
    "number": (stated, in_a_box),
    "word": (stated, in_a_box),
    "sequence": (stated, in_a_box),
    "math": (stated, in_a_box),
    "exact": (final_sentence,),
    "text": (final_sentence,),
    "judge": (),
}
GUESSES: dict[Kind, tuple[Rule, ...]] = {
    "letter": (leading, bracketed, option_text),
    "number": (last_number,),
    "word": (leading, last_word),
    "sequence": (last_line,),
    "math": (last_line,),
    "exact": (whole_reply,),
    "text": (whole_reply,),
    "judge": (),
}
