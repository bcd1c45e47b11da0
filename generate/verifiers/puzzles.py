"""Puzzles that the author wrote down for code as well: solved by trying, continued by their rule, spelled letter by letter."""

from __future__ import annotations

import re

from ..flow import Context, Entry
from ..record import Record, Verdict
from ..tools import arrangements, teasers
from ..tools.answers import number, plain_text
from ..tools.options import LETTERS, BadOptions, chosen, lettered, read
from .evidence import short


async def solved(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """Trying every arrangement that the author's rules allow leaves one answer, and it is the author's."""
    if "puzzle" not in record.fields:
        return None
    try:
        found = _following(record) if "claims" in record.fields else _sought(record)
    except (arrangements.BadPuzzle, BadOptions) as bad:
        return Verdict(False, "solved_puzzle", "puzzle_unsolved", str(bad))
    if found != [_answer(record)]:
        reason = (
            "solution_disagrees"
            if len(found) == 1
            else "several_options_right"
            if found
            else "no_option_right"
        )
        detail = f"the rules give {short(' and '.join(found))}, the writer {short(record.fields['answer'])}"
        return Verdict(False, "solved_puzzle", reason, detail)
    return Verdict(True, "solved_puzzle")


def _following(record: Record) -> list[str]:
    """The letters of the options that are so by the rules."""
    question, claims = read(record.fields["question"]), lettered(record.fields["claims"])
    if question is None or claims is None or len(question.options) != len(claims.options):
        raise BadOptions("there is not one claim for each option")
    so = arrangements.following(record.fields["puzzle"], record.fields["asked"], claims.options)
    return [LETTERS[place] for place in so]


def _sought(record: Record) -> list[str]:
    return [_set_of(arrangements.solution(record.fields["puzzle"], record.fields["sought"]))]


def _answer(record: Record) -> str:
    question = read(record.fields["question"])
    if question is None:
        return _set_of(record.fields["answer"])
    place = chosen(record.fields["answer"], question.options)
    return "" if place is None else LETTERS[place]


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
    """The answer has the letters that the play wants, and the text of the play stands in the question."""
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
    return Verdict(True, "spelled_answer")


async def deciphered(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The sum in letters has one solution, in which the word or letter that is asked for is the answer."""
    if "cryptarithm" not in record.fields:
        return None
    puzzle, word = record.fields["cryptarithm"], record.fields["word"].strip()
    try:
        digits = teasers.deciphered(puzzle)
    except teasers.BadTeaser as bad:
        return Verdict(False, "deciphered_sum", "sum_unsolved", str(bad))
    value = "".join(str(digits.get(letter, "?")) for letter in word)
    if not word or "?" in value or number(value) != number(record.fields["answer"]):
        detail = f"{short(word)} is {value}, not {short(record.fields['answer'])}"
        return Verdict(False, "deciphered_sum", "sum_disagrees", detail)
    return Verdict(True, "deciphered_sum")
