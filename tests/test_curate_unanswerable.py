"""Pairs that say that nothing is stated are kept to a share of each skill, the same ones in whatever order they come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from genteach.generate.curate import curate
from genteach.generate.curate.unanswerable import beyond_share, is_unanswerable
from genteach.generate.parquet import read_rows
from genteach.generate.verifiers import NOT_STATED
from genteach.run import read_manifest

from .test_curate import pair, rows, sealed


def silent(number: int, answer: str | None = NOT_STATED, **values: Any) -> dict[str, Any]:
    """A pair whose reply says of a thing of its own that nothing is said of it."""
    asked = pair(number, answer=answer, match="text", **values)
    reply = f"Of the owner of boat {number * 31} nothing is told. The answer is {NOT_STATED}."
    return asked | {"messages": [asked["messages"][0], {"role": "assistant", "content": reply}]}


@pytest.mark.parametrize(
    ("answer", "reply", "found"),
    [
        (NOT_STATED, "It says nothing. The answer is not stated in the passage.", True),
        ("Not stated in the documents.", "None of them says it.", True),
        (None, "None of the documents says it. The answer is not stated in the documents.", True),
        (None, '{"why": "No document names it.", "answer": "not stated in the documents"}', True),
        (None, "Not stated in the passage", True),
        (None, "In the passage it is not stated in the first line, but later. The answer is 5.", False),
        ("stated in the passage", "The answer is stated in the passage.", False),
        (None, "Nothing.", False),
    ],
)
def test_the_answer_says_that_nothing_is_stated(answer: str | None, reply: str, found: bool) -> None:
    messages = [{"role": "user", "content": "Who?"}, {"role": "assistant", "content": reply}]
    assert is_unanswerable({"answer": answer, "messages": messages}) == found


@pytest.mark.parametrize(
    ("share", "left"), [(0.0, 0), (0.1, 10), (0.25, 30), (0.5, 40), (1.0, 40)], ids=lambda value: str(value)
)
def test_a_share_is_one_of_what_is_kept(share: float, left: int) -> None:
    pairs = [pair(number, skill="reading") for number in range(90)]
    pairs += [silent(number, skill="reading") for number in range(100, 140)]
    gone = beyond_share(pairs, share)
    assert len(gone) == 40 - left
    assert gone == beyond_share(reversed(pairs), share)
    assert all(name in {each["id"] for each in pairs[90:]} for name in gone)


def test_each_skill_has_its_own_share() -> None:
    pairs = [pair(number, skill="reading") for number in range(9)]
    pairs += [silent(number, skill=("reading", "editing")[number % 2]) for number in range(100, 110)]
    gone = beyond_share(pairs, 0.1)
    kept = [each["skill"] for each in pairs[9:] if each["id"] not in gone]
    assert kept == [
        "reading"
    ]  # one of ten; editing has nothing else, so that none of its five can be a tenth


def test_what_is_over_the_share_is_dropped_last_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = [pair(number, skill="reading") for number in range(45)]
    pairs += [silent(number, skill="reading") for number in range(100, 120)]
    run = sealed(tmp_path / "run", pairs)
    curate(run)
    manifest = read_manifest(run / "data")
    assert manifest["rejected"] == {"unanswerable, beyond the share": 15}
    assert manifest["unanswerable"] == {"reading": 5} and manifest["kept"] == 50
    said = capsys.readouterr().out
    assert "unanswerable, beyond the share" in said and "reading 5 of 50" in said
    card = (run / "data/README.md").read_text()
    assert "| Says that its text has no answer (skill) | pairs |\n|---|---:|\n| reading | 5 |" in card
    gone = {row["id"] for row in read_rows(run / "data/rejected.parquet")}
    kept = {row["id"] for part in ("train", "validation") for row in rows(run / "data", part)}
    assert gone | kept == {each["id"] for each in pairs}
    curate(run, unanswerable=1)
    assert read_manifest(run / "data")["unanswerable"] == {"reading": 20}
