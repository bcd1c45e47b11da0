"""Constraints on a text that a program can check: a small fixed vocabulary, one `name: argument` to a line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from .answers import same_exactly

NONE = "none"
MAX_CHECKS = 20


class Unknown(ValueError):
    """The line is no check of the vocabulary; the message says what would be."""


@dataclass(frozen=True)
class Check:
    """One line of the vocabulary, ready to be tested against a text."""

    name: str
    argument: str

    def holds(self, text: str) -> bool:
        """Whether `text` keeps the constraint."""
        return _TESTS[self.name][0](text, self.argument)

    def __str__(self) -> str:
        return f"{self.name}: {self.argument}" if self.argument else self.name


def parse(lines: str) -> list[Check]:
    """The checks written in `lines`; the one word "none" is no check. Raises Unknown for anything else."""
    written = [line.strip() for line in lines.splitlines() if line.strip()]
    if len(written) > MAX_CHECKS:
        raise Unknown(f"{len(written)} checks; at most {MAX_CHECKS} are allowed")
    if [line.casefold() for line in written] == [NONE]:
        return []
    return [_check(line) for line in written]


def vocabulary() -> str:
    """The checks as a list for a prompt: how each is written, and what it says."""
    return "\n".join(f"- {shown}: {meaning}" for _, _, shown, meaning in _TESTS.values())


def sentences(text: str) -> list[str]:
    """The sentences of a text: pieces that end with . ! ? … (and what closes a quotation), or with their line."""
    pieces = re.split(r"(?<=[.!?…])[\"'”’)\]]*\s+|\n+", text)
    return [piece.strip() for piece in pieces if re.search(r"\w", piece)]


def words(text: str) -> list[str]:
    """The words of a text: runs of letters and digits, with the apostrophes and hyphens inside them."""
    return re.findall(r"\w+(?:['’-]\w+)*", text)


def _check(line: str) -> Check:
    name, _, argument = (part.strip() for part in line.partition(":"))
    name = name.casefold()
    if name not in _TESTS:
        raise Unknown(f"{line[:80]!r} is no check; there are {', '.join(_TESTS)}")
    _, shape, shown, _ = _TESTS[name]
    if not re.fullmatch(shape, argument, re.DOTALL):
        raise Unknown(f"{line[:80]!r} is written {shown!r}")
    return Check(name, argument)


def _has(text: str, phrase: str) -> bool:
    """Whether the phrase occurs in any case, not as a part of a longer word."""
    left = r"(?<!\w)" if phrase[0].isalnum() else ""
    right = r"(?!\w)" if phrase[-1].isalnum() else ""
    return re.search(left + re.escape(phrase) + right, text, re.IGNORECASE) is not None


def _begins(text: str, start: str) -> bool:
    """Whether the first word begins with the letter, or is the word."""
    first = next(iter(words(text)), "").casefold()
    return first.startswith(start.casefold()) if len(start) == 1 else first == start.casefold()


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip()]


def _body(text: str) -> str:
    """The text without its title, if it has one: a first line that is a Markdown heading."""
    return re.sub(r"\A\s*#{1,6} .*", "", text)


def _blocks(text: str) -> list[str]:
    """The paragraphs or stanzas below the title: what empty lines separate."""
    return [block for block in re.split(r"\n[ \t]*\n", _body(text)) if block.strip()]


def _all_lines(test: Callable[[str, str], bool]) -> Callable[[str, str], bool]:
    """The test of every line below the title; a text without lines fails."""
    return lambda text, wanted: all(test(line, wanted) for line in _lines(_body(text)) or [""])


def _ends(line: str, end: str) -> bool:
    """Whether the line ends with these words, whatever marks follow them, or with this mark; in any case."""
    left = r"(?<!\w)" if end[0].isalnum() else ""
    right = r"\W*\Z" if end[-1].isalnum() else r"\s*\Z"
    return re.search(left + re.escape(end) + right, line, re.IGNORECASE) is not None


def _occurs(text: str, argument: str) -> bool:
    """ "3 sea": whether the word occurs three times, in any case, and not as a part of a longer one."""
    count, word = argument.split(maxsplit=1)
    return len(re.findall(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE)) == int(count)


def _acrostic(text: str, word: str) -> bool:
    """Whether the first letters of the lines below the title spell the word."""
    firsts = [re.search(r"[^\W\d_]", line) for line in _lines(_body(text))]
    return "".join(letter[0] if letter else " " for letter in firsts).casefold() == word.casefold()


def _speakers(text: str) -> list[str]:
    """Who speaks, line by line: the name before a colon ("ANN: …", "**Ann:** …", "Ann (aside): …")."""
    named = r"^[ \t]*\**([A-Z][\w.'’ -]{0,40}?)\**(?:[ \t]*\([^)\n]*\))?\**:\**[ \t]+\S"
    return [name.casefold() for name in re.findall(named, text, re.MULTILINE)]


_NUMBER, _PHRASE, _WORD, _LETTER, _NOTHING = r"\d{1,5}", r".{1,500}", r"\w{1,40}", r"[^\W\d_]", r""

# name: (test of text and argument, shape of the argument, how it is written, what it says)
_TESTS: dict[str, tuple[Callable[[str, str], bool], str, str, str]] = {
    "equals": (same_exactly, r".{1,8000}", "equals: TEXT", "the reply is exactly this one line of text"),
    "contains": (_has, _PHRASE, "contains: PHRASE", "the phrase occurs, in any case, as whole words"),
    "lacks": (lambda t, a: not _has(t, a), _PHRASE, "lacks: PHRASE", "the phrase does not occur, in any case"),
    "starts_with": (lambda t, a: t.lstrip().startswith(a), _PHRASE, "starts_with: TEXT", "the reply begins so"),
    "ends_with": (lambda t, a: t.rstrip().endswith(a), _PHRASE, "ends_with: TEXT", "the reply ends so"),
    "upper": (lambda t, _: t == t.upper() != t.lower(), _NOTHING, "upper", "every letter is a capital"),
    "lower": (lambda t, _: t == t.lower() != t.upper(), _NOTHING, "lower", "no letter is a capital"),
    "words": (lambda t, a: len(words(t)) == int(a), _NUMBER, "words: N", "there are exactly N words"),
    "max_words": (lambda t, a: len(words(t)) <= int(a), _NUMBER, "max_words: N", "there are at most N words"),
    "min_words": (lambda t, a: len(words(t)) >= int(a), _NUMBER, "min_words: N", "there are at least N words"),
    "max_characters": (
        lambda t, a: len(t.strip()) <= int(a), _NUMBER, "max_characters: N", "at most N characters, spaces included"
    ),
    "sentences": (lambda t, a: len(sentences(t)) == int(a), _NUMBER, "sentences: N", "there are exactly N sentences"),
    "lines": (lambda t, a: len(_lines(t)) == int(a), _NUMBER, "lines: N", "there are exactly N lines that are not empty"),
    "bullets": (
        lambda t, a: len(re.findall(r"^\s*[-*•] ", t, re.MULTILINE)) == int(a),
        _NUMBER, "bullets: N", 'exactly N lines begin with "- ", "* " or "• "',
    ),
    "starts_each_sentence_with": (
        lambda t, a: all(_begins(sentence, a) for sentence in sentences(t)),
        _WORD, "starts_each_sentence_with: X", "every sentence begins with this letter, or this word",
    ),
    "starts_each_line_with": (
        lambda t, a: all(line.strip().startswith(a) for line in _lines(t)),
        _PHRASE, "starts_each_line_with: TEXT", "every line that is not empty begins so",
    ),
    "starts_each_word_with": (
        lambda t, a: all(_begins(word, a) for word in words(t)),
        _LETTER, "starts_each_word_with: X", "every word begins with this letter",
    ),
    "lacks_letter": (
        lambda t, a: a.casefold() not in t.casefold(), _LETTER, "lacks_letter: X", "this letter does not occur"
    ),
    "lacks_words": (
        lambda t, a: not any(_has(t, word.strip()) for word in a.split(",") if word.strip()),
        _PHRASE, "lacks_words: A, B, C", "none of these words or phrases occurs, in any case"
    ),
    "occurs": (_occurs, r"\d{1,3}\s+\S.{0,99}", "occurs: N WORD", "the word or phrase occurs exactly N times, in any case"),
    "title": (
        lambda t, _: re.match(r"\s*#{1,6} \S", t) is not None and bool(_blocks(t)),
        _NOTHING, "title", 'the first line is a title, written "# Title", with text below'
    ),
    "paragraphs": (
        lambda t, a: len(_blocks(t)) == int(a),
        _NUMBER, "paragraphs: N", "exactly N paragraphs or stanzas, an empty line between them, besides the title"
    ),
    "lines_per_stanza": (
        lambda t, a: all(len(_lines(block)) == int(a) for block in _blocks(t) or [""]),
        _NUMBER, "lines_per_stanza: N", "every stanza has exactly N lines"
    ),
    "max_words_per_line": (
        _all_lines(lambda line, a: len(words(line)) <= int(a)),
        _NUMBER, "max_words_per_line: N", "no line has more than N words"
    ),
    "max_words_per_sentence": (
        lambda t, a: all(len(words(sentence)) <= int(a) for sentence in sentences(t)),
        _NUMBER, "max_words_per_sentence: N", "no sentence has more than N words"
    ),
    "each_line_has": (_all_lines(_has), _PHRASE, "each_line_has: WORD", "the word or phrase occurs in every line"),
    "ends_each_line_with": (
        _all_lines(_ends), _PHRASE, "ends_each_line_with: TEXT", "every line ends with this word or mark, in any case"
    ),
    "ends_each_stanza_with": (
        lambda t, a: all(_ends(block, a) for block in _blocks(t) or [""]),
        _PHRASE, "ends_each_stanza_with: TEXT", "every stanza or paragraph ends with these words: a refrain"
    ),
    "acrostic": (_acrostic, r"[^\W\d_]{2,30}", "acrostic: WORD", "the first letters of the lines spell the word"),
    "speeches": (
        lambda t, a: len(_speakers(t)) == int(a),
        _NUMBER, "speeches: N", 'exactly N lines are speeches, written "NAME: words"'
    ),
    "speakers": (
        lambda t, a: len(set(_speakers(t))) == int(a), _NUMBER, "speakers: N", "exactly N different names have speeches"
    ),
}  # fmt: skip
