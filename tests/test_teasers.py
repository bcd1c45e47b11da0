"""Sequences, play with letters and sums in letters are checked by their rule, and a rule that fits badly is turned down."""

from __future__ import annotations

import asyncio
import time
from itertools import permutations

import pytest
from genteach.generate.agent import Agent
from genteach.generate.flow import Entry, Verifier
from genteach.generate.record import Record
from genteach.generate.seeds import Seed
from genteach.generate.tools import teasers
from genteach.generate.verifiers import continued, deciphered, spelled


def reason(verify: Verifier, **fields: str) -> str:
    seed = Seed("0" * 32, "A text.", "text", "doc", (0, 7), "test", "CC0-1.0")
    entry = Entry("teaser", Agent("teaser", "An author.", "Task: ask."), "a teaser", match="text")
    verdict = asyncio.run(verify(Record.begin("skill", seed).with_fields(fields), entry, None))  # type: ignore[arg-type]
    assert verdict is not None and (verdict.accepted or verdict.detail)
    return verdict.reason


@pytest.mark.parametrize(
    ("question", "rule", "answer", "why"),
    [
        ("Which is next: 3, 7, 15, 31, ?", "2*p+1", "63", ""),
        ("Which is next: 3, 7, 15, 31?", "2*p+1", "63", ""),
        ("In 2020 she had 1, 4, ?, 16, 25 and 36. How many?", "n*n", "9", ""),
        ("The row 1, 1, 2, 3, 5, 8, ? goes on.", "p+q", "13", ""),
        ("1,200, 600, 300, 150, ?", "p/2", "75", ""),
        ("Which is next: 3, 7, 15, 31, ?", "2*p+1", "62", "rule_disagrees"),
        ("Which is next: 3, 7, 15, 32, ?", "2*p+1", "63", "rule_disagrees"),
        ("Which is next: 3, 7, ?", "2*p+1", "15", "rule_disagrees"),
        ("Which is next: 3, 7, 15, ?", "2*p+1", "31", "rule_disagrees"),
        ("What are 3, ?, 15, ?, 63", "2*p+1", "7", "rule_disagrees"),
        ("Which is next: 3, 7, 15, 31, ?", "63", "63", "rule_disagrees"),
        ("Which is next: 3, 7, 15, 31, ?", "__import__", "63", "rule_disagrees"),
        ("Which is next: 3, 7, 15, 31, ?", "n**n**n**n", "63", "rule_disagrees"),
        ("Which is next: 3, 7, 15, 31, ?", "(" * 90 + "n" + ")" * 90, "63", "rule_disagrees"),
    ],
)
def test_a_rule_gives_every_term_that_is_shown_and_the_missing_one(
    question: str, rule: str, answer: str, why: str
) -> None:
    assert reason(continued, question=question, rule=rule, answer=answer) == why


@pytest.mark.parametrize(
    ("play", "answer", "why"),
    [
        ("anagram: WASTE", "sweat", ""),
        ("anagram: DARTS", "strand", "letters_disagree"),
        ("anagram: sweat", "sweat", "letters_disagree"),
        ("hidden: the art dealer", "heart", ""),
        ("hidden: a heart beats", "heart", "letters_disagree"),
        ("hidden: the bear roars", "ear", "letters_disagree"),
        ("initials: some whales eat all tuna", "sweat", ""),
        ("backwards: TAEWS", "sweat", ""),
        ("backwards: level", "level", "letters_disagree"),
        ("vowels: swt", "sweat", ""),
        ("vowels: nymph", "nymph", "letters_disagree"),
        ("shifted 3: vzhdw", "sweat", ""),
        ("shifted 4: vzhdw", "sweat", "letters_disagree"),
        ("shifted 29: vzhdw", "sweat", ""),
        ("shifted 26: sweat", "sweat", "letters_disagree"),
        ("rhymes: feet", "sweat", "play_unreadable"),
        ("anagram:", "sweat", "play_unreadable"),
        ("sweat", "sweat", "play_unreadable"),
    ],
)
def test_the_answer_has_the_letters_that_the_play_wants(play: str, answer: str, why: str) -> None:
    question = f"What is meant by {play.partition(':')[2]}?"
    assert reason(spelled, question=question, play=play, answer=answer) == why


def test_the_play_is_about_what_the_question_shows() -> None:
    assert (
        reason(spelled, question="What is meant?", play="anagram: WASTE", answer="sweat") == "play_not_shown"
    )


def test_a_question_does_not_show_its_answer() -> None:
    told = {"play": "anagram: WASTE", "answer": "sweat"}
    assert reason(spelled, question="Rub off the Sweat: WASTE", **told) == "answer_shown"
    assert not reason(spelled, question="A sweater makes it: WASTE", **told)


@pytest.mark.parametrize(
    ("puzzle", "word", "answer", "why"),
    [
        ("SEND + MORE = MONEY", "MONEY", "10652", ""),
        ("SEND + MORE = MONEY", "M", "1", ""),
        ("SEND + MORE = MONEY", "MONEY", "10,653", "sum_disagrees"),
        ("SEND + MORE = MONEY", "GOLD", "1", "sum_disagrees"),
        ("A + B = C", "C", "3", "sum_unsolved"),
        ("AA + AA = A", "A", "0", "sum_unsolved"),
        ("ABCDEF + GHIJKL = MNOPQR", "A", "1", "sum_unsolved"),
        ("1 + 1 = 2", "A", "1", "sum_unsolved"),
        ("SEND - MORE = MONEY", "M", "1", "sum_unsolved"),
    ],
)
def test_a_sum_in_letters_has_the_one_solution(puzzle: str, word: str, answer: str, why: str) -> None:
    question = f"What does {word} stand for in {puzzle}?"
    assert reason(deciphered, question=question, cryptarithm=puzzle, word=word, answer=answer) == why


def test_a_sum_in_letters_stands_in_the_question() -> None:
    shown = "  SEND\n+ MORE\n------\n MONEY\nWhich number is MONEY?"
    wanted = {"cryptarithm": "SEND + MORE = MONEY", "word": "MONEY", "answer": "10652"}
    assert not reason(deciphered, question=shown, **wanted)
    assert reason(deciphered, question=shown.replace("MORE", "LESS"), **wanted) == "sum_not_shown"


def test_the_solver_finds_what_trying_all_digits_finds() -> None:
    ways = []
    for t, o, g, u in permutations(range(10), 4):
        if t and g and o and (10 * t + o) + (10 * g + o) == 100 * o + 10 * u + t:
            ways.append({"T": t, "O": o, "G": g, "U": u})
    [only] = ways
    assert teasers.deciphered("TO + GO = OUT") == only


def test_a_large_sum_costs_little() -> None:
    start = time.monotonic()
    with pytest.raises(teasers.BadTeaser):
        teasers.deciphered("ABCDEFGH + BCDEFGHI + CDEFGHIJ = DEFGHIJA")
    assert time.monotonic() - start < 10
