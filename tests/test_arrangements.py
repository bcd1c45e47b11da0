"""Puzzles are solved by trying: what follows, what is fixed, and what is no puzzle, whoever wrote it."""

from __future__ import annotations

import asyncio
import time
from itertools import permutations, product

import pytest
from genteach.generate.agent import Agent
from genteach.generate.flow import Entry
from genteach.generate.record import Record
from genteach.generate.seeds import Seed
from genteach.generate.tools.arrangements import (
    CANNOT,
    COULD,
    HOW_MANY,
    MAX_STEPS,
    MUST,
    NEED_NOT,
    BadPuzzle,
    following,
    parse,
    solution,
)
from genteach.generate.verifiers import solved

ROW = "items: Ada, Ben, Cleo, Dan\nplaces: 1, 2, 3, 4\neach place holds 1\n"
LIARS = "items: Ada, Ben, Cleo\nplaces: honest, liar\n"


def orders(rule: str) -> set[tuple[int, ...]]:
    return set(parse(ROW + rule).arrangements())


def expected(holds: str) -> set[tuple[int, ...]]:
    tests = {
        "before": lambda a, b, c, d: a < b,
        "right after": lambda a, b, c, d: a == b + 1,
        "next to": lambda a, b, c, d: abs(a - b) == 1,
        "if": lambda a, b, c, d: a != 0 or b == 1,
        "or": lambda a, b, c, d: a == 0 or (b == 1 and c == 2),
        "iff": lambda a, b, c, d: (a == 0) == (b != 1),
        "two of": lambda a, b, c, d: (a == 0) + (b == 1) + (c < d) >= 2,
    }
    return {way for way in permutations(range(4)) if tests[holds](*way)}


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ("Ada before Ben", "before"),
        ("Ben after Ada.", "before"),
        ("not Ben before Ada", "before"),
        ("Ada right after Ben", "right after"),
        ("- ADA  next to ben", "next to"),
        ("If Ada at 1, then Ben at 2", "if"),
        ("Ada at 1 or Ben at 2 and Cleo at 3", "or"),
        ("Ada at 1 iff Ben not at 2", "iff"),
        ("at least 2 of: Ada at 1; Ben at 2; Cleo before Dan", "two of"),
    ],
)
def test_each_line_of_the_vocabulary_keeps_the_arrangements_that_it_says(rule: str, holds: str) -> None:
    assert orders(rule) == expected(holds)


def test_places_hold_as_many_as_is_said() -> None:
    groups = "items: a1, b1, c1, d1\nplaces: red team, blue team\nred team holds 1 to 2\na1 with b1"
    ways = {way for way in product((0, 1), repeat=4) if 1 <= way.count(0) <= 2 and way[0] == way[1]}
    assert set(parse(groups).arrangements()) == ways
    exactly = groups.replace("red team holds 1 to 2", "each place holds 2")
    assert set(parse(exactly).arrangements()) == {(0, 0, 1, 1), (1, 1, 0, 0)}


def test_claims_follow_in_all_some_or_none_of_the_arrangements() -> None:
    puzzle = f"{ROW}Ada before Ben\nBen before Cleo\nDan not at 1"
    claims = ["Ada at 1", "Ben at 2", "Cleo at 1", "Dan at 3"]
    assert following(puzzle, MUST, claims) == [0]
    assert following(puzzle, COULD, claims) == [0, 1, 3]
    assert following(puzzle, CANNOT, claims) == [2]
    assert following(puzzle, NEED_NOT, claims) == [1, 2, 3]


def test_what_is_fixed_is_found() -> None:
    puzzle = f"{ROW}Ada right before Ben\nBen before Cleo\nCleo before Dan"
    assert (solution(puzzle, "Cleo"), solution(puzzle, "4"), solution(puzzle, HOW_MANY)) == ("3", "Dan", "1")
    assert (
        solution(
            f"{LIARS}Ada at honest iff Ben at liar\nBen at honest iff Ada with Cleo\nAda at liar", "honest"
        )
        == "Ben"
    )
    with pytest.raises(BadPuzzle, match="not fixed"):
        solution(f"{ROW}Ada before Ben", "Ada")


@pytest.mark.parametrize(
    "text",
    ["", "items: Ada\nAda at 1", "items: Ada\nitems: Ben\nplaces: 1", "items: Ada, ada\nplaces: 1"]
    + ["items: Ada\nplaces: 1\nEve at 1", "items: Ada\nplaces: 1\nAda at 2", "items: Ada\nplaces: 1\nAda likes Ada"]
    + ["items: Ada\nplaces: 1\n__import__('os').system('true')", "items: Ada and Ben\nplaces: 1"]
    + ["items: Ada\nplaces: 1\nif Ada at 1", "items: Ada\nplaces: 1\n" + "Ada at 1\n" * 100]
    + [f"items: {', '.join(f'x{n}' for n in range(50))}\nplaces: 1", "items: Ada\nplaces: 1\n" + "not " * 2000 + "Ada at 1"]
    + ["items: Ada\nplaces: 1\nAda not at 1", "items: Ada\nplaces: 1\n1 holds 2"],
    ids=lambda text: text[-30:],
)  # fmt: skip
def test_what_is_no_puzzle_or_has_no_solution_is_said_so(text: str) -> None:
    with pytest.raises(BadPuzzle):
        solution(text, "Ada")


def test_a_puzzle_that_is_too_large_is_given_up_soon() -> None:
    names = ", ".join(f"x{n}" for n in range(12))
    start = time.monotonic()
    with pytest.raises(BadPuzzle, match=f"{MAX_STEPS} steps"):
        solution(f"items: {names}\nplaces: {names}\neach place holds 1", HOW_MANY)
    assert time.monotonic() - start < 10


# --- the verifier ---

QUESTION = (
    "Ada, Ben, Cleo and Dan …\n\n(A) Ada is first.\n(B) Ben is second.\n(C) Cleo is first.\n(D) Dan is third."
)
GAME = {
    "question": QUESTION,
    "puzzle": f"{ROW}Ada before Ben\nBen before Cleo\nDan not at 1",
    "asked": MUST,
    "claims": "(A) Ada at 1\n(B) Ben at 2\n(C) Cleo at 1\n(D) Dan at 3",
    "answer": "A",
}
OPEN = {"question": "Who is last?", "puzzle": f"{ROW}Ada at 4", "sought": "4", "answer": "Ada"}


def reason(**fields: str) -> str:
    seed = Seed("0" * 32, "A text.", "text", "doc", (0, 7), "test", "CC0-1.0")
    entry = Entry("ordering", Agent("ordering", "An author.", "Task: ask."), "a row", match="text")
    verdict = asyncio.run(solved(Record.begin("skill", seed).with_fields(fields), entry, None))  # type: ignore[arg-type]
    assert verdict is not None and (verdict.accepted or verdict.detail)
    return verdict.reason


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, ""),
        ({"answer": "(A) Ada is first."}, ""),
        ({"answer": "B"}, "solution_disagrees"),
        ({"asked": CANNOT, "answer": "C"}, ""),
        ({"asked": COULD}, "several_options_right"),
        ({"claims": "(A) Ada at 2\n(B) Ben at 2\n(C) Cleo at 1\n(D) Dan at 3"}, "no_option_right"),
        ({"claims": "(A) Ada at 1\n(B) Ben at 2\n(C) Cleo at 1"}, "puzzle_unsolved"),
        ({"claims": "(A) Ada wins\n(B) Ben at 2\n(C) Cleo at 1\n(D) Dan at 3"}, "puzzle_unsolved"),
        ({"puzzle": f"{ROW}Ada at 1\nBen at 1"}, "puzzle_unsolved"),
        ({"question": "Who is first?"}, "puzzle_unsolved"),
    ],
)
def test_exactly_one_option_follows_and_it_is_the_authors(changed: dict[str, str], why: str) -> None:
    assert reason(**{**GAME, **changed}) == why


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, ""),
        ({"question": "A: Ben lies.\nB: Cleo lies.\nC: Ada lies."}, ""),  # statements, and no options
        ({"answer": "Ben"}, "solution_disagrees"),
        ({"sought": "1"}, "puzzle_unsolved"),
        ({"sought": HOW_MANY, "answer": "6"}, ""),
        ({"sought": HOW_MANY, "answer": "24"}, "solution_disagrees"),
        (
            {
                "puzzle": f"{LIARS}Ada at liar\nBen at liar\nCleo at honest",
                "sought": "liar",
                "answer": "Ben and Ada",
            },
            "",
        ),
    ],
)
def test_an_open_puzzle_has_the_one_answer_that_the_author_gave(changed: dict[str, str], why: str) -> None:
    assert reason(**{**OPEN, **changed}) == why
