"""What a run's agents took and achieved: tokens per pair, and refinements that make nothing harder are named."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from genteach.generate.agent import Agent
from genteach.generate.command import generate
from genteach.generate.difficulty import SAMPLES, SCORE, weaker_right
from genteach.generate.effort import FEWEST, Effort, efforts, refinements
from genteach.generate.flow import Entry
from genteach.generate.pairs import read_pairs
from genteach.generate.recipe import GenerateRecipe
from genteach.generate.record import Record
from genteach.generate.seeds import Seed
from genteach.generate.skills import load
from pydantic import ValidationError

from .servers import fake_teacher

SEED = Seed("0" * 32, "text", "text", "doc", (0, 4), "test", "CC0-1.0")
FINISHED = Record.begin("skill", SEED).with_fields(
    {"turn": "How many?", "response": "2 + 2 = 4. The answer is 4."}
)
NUMBER = Entry("entry", Agent("a", "A role.", "Task."), "a number", match="number")


class Weaker:
    """A context in which the weaker responder says these things."""

    def __init__(self, *said: str, drawn: float = 0.0) -> None:
        self.said, self.drawn = list(said), drawn

    def chance(self, label: str) -> float:
        return self.drawn

    async def ask_weaker(self, question: str, count: int) -> list[str]:
        assert question == "How many?" and count == SAMPLES
        return self.said


def measured(ctx: Weaker, record: Record = FINISHED, entry: Entry = NUMBER) -> dict[str, float]:
    return asyncio.run(weaker_right(record, entry, ctx))  # type: ignore[arg-type]


def test_the_share_of_a_weaker_responders_right_answers_is_a_score() -> None:
    said = (
        "The answer is 4.",
        "The answer is four thousand.",
        "I do not know.",
        "It must be 4. The answer is 4.0.",
    )
    assert measured(Weaker(*said)) == {SCORE: 0.5}
    assert measured(Weaker("", "", "", "")) == {SCORE: 0}


def test_nobody_is_asked_outside_the_sample_or_where_answers_cannot_be_compared() -> None:
    assert measured(Weaker("The answer is 4.", drawn=0.06)) == {}
    assert measured(Weaker("The answer is 4."), entry=Entry("e", NUMBER.agent, "open", match="judge")) == {}
    assert measured(Weaker()) == {}
    assert measured(Weaker("The answer is 4."), FINISHED.saying("user", "Hello")) == {}


def test_a_weaker_responder_is_a_model() -> None:
    with pytest.raises(ValidationError, match="a weaker responder is a model"):
        GenerateRecipe.model_validate(
            {"out": "x", "seeds": [{"builtin": "python"}], "skills": "all", "weaker": "offline"}
        )


def test_a_run_asks_its_weaker_responder_about_a_sample_and_journals_it(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    with fake_teacher(ledger, "--answers", "hash") as url:
        recipe = GenerateRecipe.model_validate(
            {
                "out": tmp_path / "run",
                "seeds": [{"builtin": "python", "kind": "text"}],
                "limit": 60,
                "skills": {"open_domain_qa": {"transform": ["identity"]}},
                "weaker": {"url": url},
            }
        )
        generate(recipe)
        asked = ledger.read_text().count('"written"')
        generate(recipe)
        assert ledger.read_text().count('"written"') == asked
    pairs = list(read_pairs(tmp_path / "run" / "rounds" / "0001"))
    measured = [pair for pair in pairs if SCORE in pair["scores"]]
    assert 0.01 < len(measured) / len(pairs) < 0.15
    assert {pair["scores"][SCORE] for pair in measured} == {0}  # it speaks in hashes
    assert efforts(tmp_path / "run")["open_domain_qa", "weaker"].calls == SAMPLES * len(measured)


def test_calls_and_tokens_are_counted_by_agent(tmp_path: Path) -> None:
    recipe = {
        "out": tmp_path,
        "seeds": [{"builtin": "python", "kind": "text"}],
        "limit": 20,
        "skills": "open_domain_qa",
    }
    generate(GenerateRecipe.model_validate(recipe))
    found = efforts(tmp_path)
    answer = found["open_domain_qa", "answer"]
    assert answer.calls >= answer.pairs > 0 and 10 < answer.tokens_per_pair < 1000
    assert found["open_domain_qa", "addition"].pairs <= answer.pairs
    assert not [name for _, name in found if name.startswith("tool:")]


@pytest.mark.parametrize(
    ("parents", "children", "pairs", "complaint"),
    [
        ([1.0, 0.75] * 20, [0.5, 0.25] * 20, 40, ""),
        ([1.0, 0.75] * 30, [1.0, 0.75] * 30, 60, "no harder"),
        ([0.5, 0.25] * 20, [1.0, 0.75] * 20, 40, "no harder"),
        ([1.0, 0.0] * 10, [1.0, 0.0] * 10, 20, ""),  # too uncertain to blame anybody
        ([1.0] * 5, [1.0] * 5, 5, ""),
        ([], [], 0, "none of the 40 edits became a pair"),
    ],
)
def test_a_refinement_that_does_not_pay_is_named(
    parents: list[float], children: list[float], pairs: int, complaint: str
) -> None:
    skill = load("open_domain_qa")
    problems = skill.refine[-1]
    found = {
        (skill.name, "addition"): Effort(calls=40, pairs=40, right=parents),
        (skill.name, problems.editor.name): Effort(calls=2 * FEWEST, pairs=pairs, right=children),
    }
    [harder] = [each for each in refinements(skill, found) if each.refinement is problems]
    assert complaint in harder.complaint and bool(complaint) == bool(harder.complaint)
