"""Puzzles that the author wrote down for code as well: solved by trying, continued by their rule, spelled letter by letter."""

from __future__ import annotations

import re

from ..flow import Context, Entry
from ..record import Record, Verdict
from ..tools import arrangements, teasers
from ..tools.answers import number, plain_text
from ..tools.options import LETTERS, BadOptions, chosen, lettered, read
from .evidence import short, stands


async def solved(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """Trying every arrangement that the author's rules allow leaves one answer, and it is the author's."""
    if "puzzle" not in record.fields:
        return None
    try:
        found, wanted = _options(record) if "claims" in record.fields else _sought(record)
    except (arrangements.BadPuzzle, BadOptions) as bad:
        return Verdict(False, "solved_puzzle", "puzzle_unsolved", str(bad))
    if found != [wanted]:
        reasons = ("no_option_right", "solution_disagrees", "several_options_right")
        reason = reasons[min(len(found), 2)]
        detail = f"the rules give {short(' and '.join(found))}, the writer {short(record.fields['answer'])}"
        return Verdict(False, "solved_puzzle", reason, detail)
    return Verdict(True, "solved_puzzle")


def _options(record: Record) -> tuple[list[str], str]:
    """The letters of the options that are so by the rules, and the author's."""
    question, claims = read(record.fields["question"]), lettered(record.fields["claims"])
    if question is None or claims is None or len(question.options) != len(claims.options):
        raise BadOptions("there is not one claim for each option")
    so = arrangements.following(record.fields["puzzle"], record.fields["asked"], claims.options)
    right = chosen(record.fields["answer"], question.options)
    return [LETTERS[place] for place in so], "" if right is None else LETTERS[right]


def _sought(record: Record) -> tuple[list[str], str]:
    """What the rules fix, and what the author says of it."""
    found = arrangements.solution(record.fields["puzzle"], record.fields["sought"])
    return [_set_of(found)], _set_of(record.fields["answer"])


def _set_of(answer: str) -> str:
    """Names in any order, in one form."""
    return ", ".join(sorted(plain_text(name) for name in re.split(r",(?: and)? | and ", answer)))


async def continued(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The rule of a sequence gives every term that the question shows, and the answer for the one that is missing."""
    if "rule" not in record.fields:
        return None
    try:
        missing = teasers.missing_term(record.fields["question"], record.fields["rule"])
    except teasers.BadTeaser as bad:
        return Verdict(False, "continued_sequence", "rule_disagrees", str(bad))
    if missing != number(record.fields["answer"]):
        detail = f"the rule gives {missing}, the writer {short(record.fields['answer'])}"
        return Verdict(False, "continued_sequence", "rule_disagrees", detail)
    return Verdict(True, "continued_sequence")


async def spelled(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The answer has the letters that the play wants; the question shows the text of the play, and not the answer."""
    if "play" not in record.fields:
        return None
    try:
        text, is_so = teasers.spells(record.fields["play"], record.fields["answer"])
    except teasers.BadTeaser as bad:
        return Verdict(False, "spelled_answer", "play_unreadable", str(bad))
    if not is_so:
        detail = f"{short(record.fields['answer'])} does not fit {short(record.fields['play'])}"
        return Verdict(False, "spelled_answer", "letters_disagree", detail)
    if teasers.letters(text) not in teasers.letters(record.fields["question"]):
        return Verdict(False, "spelled_answer", "play_not_shown", f"the question does not show {short(text)}")
    if stands(record.fields["answer"].casefold(), record.fields["question"].casefold()):
        return Verdict(False, "spelled_answer", "answer_shown", "the question has its answer in clear text")
    return Verdict(True, "spelled_answer")


async def deciphered(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The sum in letters, which the question shows, has one solution: by it the word that is asked for is the answer."""
    if "cryptarithm" not in record.fields:
        return None
    puzzle, word = record.fields["cryptarithm"], record.fields["word"].strip()
    try:
        digits = teasers.deciphered(puzzle)
    except teasers.BadTeaser as bad:
        return Verdict(False, "deciphered_sum", "sum_unsolved", str(bad))
    capitals = r"\b[A-Z]+\b"
    if not set(re.findall(capitals, puzzle)) <= set(re.findall(capitals, record.fields["question"])):
        return Verdict(
            False, "deciphered_sum", "sum_not_shown", f"the question does not show {short(puzzle)}"
        )
    value = "".join(str(digits.get(letter, "?")) for letter in word)
    if not word or "?" in value or number(value) != number(record.fields["answer"]):
        detail = f"{short(word)} is {value}, not {short(record.fields['answer'])}"
        return Verdict(False, "deciphered_sum", "sum_disagrees", detail)
    return Verdict(True, "deciphered_sum")
