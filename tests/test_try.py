"""`genteach try`: family trees of a few seeds, complete, in colour, and harmless to a terminal."""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from pydoc_data.topics import topics

import pytest
from genteach import cli
from genteach.generate.author.tree import show
from genteach.generate.author.walk import Outcome, Walk, first_seeds, walks
from genteach.generate.record import Verdict
from genteach.generate.seeds import Corpus, Seed
from genteach.generate.skills import load
from genteach.generate.teacher import TeacherSettings
from genteach.generate.teacher.fake import Call, FakeTeacher
from genteach.progress import printable
from genteach.run import BadInput
from rich.console import Console

from .toy import TOY, script

TEXTS = [
    topics[name][:2900] for name in ("formatstrings", "specialnames", "execmodel")
]  # every Python has them
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202etxt.exe\u202c [red]not a style[/red] \x00\x08"


def documents(folder: Path, *texts: str) -> Path:
    path = folder / "documents.jsonl"
    path.write_text("".join(json.dumps({"id": f"d{n}", "text": text}) + "\n" for n, text in enumerate(texts)))
    return path


def genteach(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command prints."""
    before, sys.argv = sys.argv, ["genteach", *arguments]
    try:
        cli.main()
    except SystemExit as ended:
        assert not ended.code, capsys.readouterr().err
    finally:
        sys.argv = before
    return capsys.readouterr().out


def test_a_tree_shows_passage_instruction_edits_turns_verdict_and_tokens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = str(documents(tmp_path, *TEXTS))
    out = genteach(
        capsys, "try", "text_modification", "--seeds", seeds, "--n", "1", "--out", str(tmp_path / "out")
    )
    flat = " ".join(re.sub(r"[│├└─]", " ", out).split())
    for said in (
        ", characters 0–",
        "document: ",
        "transformed: ",
        "instructed: ",
        "instruction: ",
        "suggested (harder): suggester",
        "edited (harder): exact_editor",
        "{+",
        "answered: edit, ",
        "user: ",
        "assistant: ",
        "verified by excerpted_text, agreed_answer",
        " calls, ",
        " tokens: ",
        "text_modification: ",
    ):
        assert said in flat, said
    assert out.count(" characters ") == 1 and "\x1b" not in out and "prompt 1" not in out
    again = genteach(
        capsys, "try", "text_modification", "--seeds", seeds, "--n", "1", "--out", str(tmp_path / "out")
    )
    assert again.splitlines()[:-1] == out.splitlines()[:-1]


def test_show_prompts_prints_every_prompt_in_full(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seeds = str(documents(tmp_path, *TEXTS))
    out = genteach(capsys, "try", "fermi", "--seeds", seeds, "--n", "1", "--show-prompts")
    flat = " ".join(out.split())
    for entry in ("prompt 1: ", "system: You help to write training data", "[end of document ", "reply: "):
        assert entry in flat
    assert out.count("prompt ") >= out.count("reply: ") > 3
    assert any(" ".join(text.split()) in flat for text in TEXTS)


def _walks(seeds: list[Seed], folder: Path) -> list[Walk]:
    async def walk() -> list[Walk]:
        def answer(call: Call) -> str:
            return "yes" if call.is_canary else script(call.agent, call.seed_id)

        async with FakeTeacher(answer, "toy").serve() as url:
            return [each async for each in walks(TOY, seeds, TeacherSettings(url=url), folder)]

    return asyncio.run(walk())


def _seed(first: str, text: str = "a text") -> Seed:
    return Seed(first + "f" * 31, text, "text", f"document {first}", (0, len(text)), "tests", "CC0-1.0")


def drawn(walk: Walk, colour: bool = False) -> str:
    console = Console(
        file=io.StringIO(),
        force_terminal=colour,
        color_system="standard" if colour else None,
        width=200,
        highlight=False,
    )
    show(walk, console)
    return console.file.getvalue()  # type: ignore[attr-defined]


def test_a_reply_that_is_turned_down_is_shown_with_step_and_reason(tmp_path: Path) -> None:
    accepted, long, failed = (drawn(walk) for walk in _walks([_seed("2"), _seed("1"), _seed("0")], tmp_path))
    assert "verified by length" in accepted and " tokens: 1 pair, 0 lost" in accepted
    assert "assistant: 1" + "f" * 31 + "!" * 20 in long
    assert "lost at verify: too_long" in long and "0 pairs, 1 lost" in long
    assert "the teacher could not go on: refused" in failed


def test_a_pair_that_nothing_verified_says_so_and_scores_are_shown(tmp_path: Path) -> None:
    [walk] = _walks([_seed("2")], tmp_path)
    record = walk.outcomes[0].record
    walk.outcomes = [
        Outcome(record, Verdict(True, "none")),
        Outcome(record, Verdict(True, "voted_answer", vote_share=2 / 3, scores={"weaker_right": 0.5})),
    ]
    assert "not verified: no second path to this answer" in drawn(walk)
    assert "verified by voted_answer; vote share 0.67; weaker_right 0.5" in drawn(walk)


def test_a_conversation_is_shown_turn_by_turn(tmp_path: Path) -> None:
    [walk] = _walks([_seed("2")], tmp_path)
    record = walk.outcomes[0].record
    for role, words in [("system", "Be brief."), ("user", "Why?"), ("assistant", "Tides."), ("user", "And how?"),
                        ("assistant", "The moon.")]:  # fmt: skip
        record = record.saying(role, words)  # type: ignore[arg-type]
    walk.outcomes = [replace(walk.outcomes[0], record=record)]
    lines = [line.lstrip("│├└─ ") for line in drawn(walk).splitlines()]
    assert [line for line in lines if line.split(":")[0] in ("system", "user", "assistant")] == [
        "system: Be brief.",
        "user: Why?",
        "assistant: Tides.",
        "user: And how?",
        "assistant: The moon.",
    ]


def test_nothing_in_a_text_can_drive_the_terminal_or_style_the_tree(tmp_path: Path) -> None:
    [walk] = _walks([_seed("2", HOSTILE)], tmp_path)
    record = walk.outcomes[0].record.saying("assistant", HOSTILE)
    walk.outcomes = [
        replace(walk.outcomes[0], record=record),
        Outcome(record, None, HOSTILE, HOSTILE, HOSTILE),
    ]
    walk.declined, walk.failure = [HOSTILE], HOSTILE
    assert "\x1b[32m" in drawn(walk, colour=True)
    for colour in (False, True):
        shown = drawn(walk, colour)
        own = re.sub(r"\x1b\[[\d;]*m", "", shown) if colour else shown
        assert own == printable(own)
        assert own.count("[red]not a style[/red]") >= 7


def test_seeds_of_another_kind_are_named(tmp_path: Path) -> None:
    corpus = Corpus(path=documents(tmp_path, *TEXTS), kind="api")
    with pytest.raises(BadInput, match="no seed of the kind that fermi takes"):
        first_seeds(corpus, load("fermi"), 3, tmp_path)


@pytest.mark.skipif("GENTEACH_DATA" not in os.environ, reason="needs the textbooks")
@pytest.mark.parametrize("name", ["retrieval_augmented_generation", "reading_comprehension"])
def test_it_works_on_textbooks(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    books = Path(os.environ["GENTEACH_DATA"]) / "seeds/openstax.jsonl.gz"
    out = genteach(capsys, "try", name, "--seeds", str(books), "--n", "2")
    assert "verified by" in out and f"{name}: " in out
