"""Every skill of the folder is sound as data, and runs from a document to verified pairs on the offline teacher."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from string import Template

import pytest
from genteach.generate import skills
from genteach.generate.agent import Agent
from genteach.generate.context import SeedContext, Tally
from genteach.generate.engine import item_id
from genteach.generate.flow import IDENTITY, Dials, Rejected, Skill
from genteach.generate.journal import ItemName, Journal
from genteach.generate.record import Record, Step
from genteach.generate.seeds import Seed, seed_id
from genteach.generate.skills import NAMES, PAPER_SKILLS, load
from genteach.generate.teacher.offline import OfflineTeacher, Rules
from genteach.generate.tools.answers import COMPARE, final_answer
from genteach.generate.verifiers import NOT_STATED, computed, quoted
from genteach.run import BadInput


@pytest.fixture(params=NAMES)
def skill(request: pytest.FixtureRequest) -> Skill:
    return load(request.param)


def test_the_paper_names_17_skills_and_a_misspelled_one_is_told_the_nearest() -> None:
    assert len(set(PAPER_SKILLS)) == 17 and set(NAMES) <= set(PAPER_SKILLS)
    with pytest.raises(BadInput, match="did you mean 'reading_comprehension'"):
        load("reading_comprehenson")
    with pytest.raises(BadInput, match="there are open_domain_qa, "):
        load("telepathy")


def test_listing_the_folder_is_the_registry() -> None:
    files = {path.stem for path in Path(skills.__file__).parent.glob("*.py")} - {"__init__"}
    assert set(NAMES) == files
    assert all(load(name).name == name for name in NAMES)


@pytest.mark.parametrize(
    ("name", "transformations", "entries", "of_the_paper"),
    [("reading_comprehension", 9, 43, 15), ("text_modification", 1, 18, 18), ("open_domain_qa", 2, 30, 0)],
)
def test_the_taxonomies_have_the_size_of_the_paper(
    name: str, transformations: int, entries: int, of_the_paper: int
) -> None:
    skill = load(name)
    assert len(skill.transform) == transformations
    assert len(skill.instruct) == entries
    assert sum(entry.origin == "paper" for entry in skill.instruct) == of_the_paper


def test_reading_comprehension_is_refined_towards_the_three_goals_of_the_paper() -> None:
    goals = [refinement.goal for refinement in load("reading_comprehension").refine]
    assert goals == ["unanswerable", "answer_changed", "more_complex"]
    assert all(refinement.suggester.form.many == 3 for name in NAMES for refinement in load(name).refine)


def test_each_agent_reads_only_what_an_earlier_one_wrote(skill: Skill) -> None:
    for agent in skill.transform:
        assert agent.reads <= {"document"} and agent.writes == {"passage"}, agent.name
    passage = {"document", "passage", "transformation"}
    for entry in skill.instruct:
        assert entry.agent.reads <= passage, entry.name
        written = passage | entry.agent.writes
        _check_answering(skill, written)
        for refinement in skill.refine:
            if refinement.suits(entry.name):
                assert refinement.suggester.reads <= written, (entry.name, refinement.goal)
                suggested = written | refinement.suggester.writes
                assert refinement.editor.reads <= suggested, (entry.name, refinement.goal)
                assert refinement.editor.writes <= written, (
                    "an edit is judged by the same fields as its parent"
                )
        if entry.match != "judge":
            assert "answer" in entry.agent.writes, entry.name


def _check_answering(skill: Skill, written: set[str]) -> None:
    assert set(Template(skill.turn).get_identifiers()) <= written
    assert skill.respond.reads <= written | {"turn"}
    assert skill.respond.writes == {"response"}
    for agent in skill.agents():
        if agent.name == "reviewer" and "answer" in agent.reads:
            assert agent.reads <= written | {"turn", "response", "answer"}


def test_each_prompt_says_everything_in_both_spellings(skill: Skill) -> None:
    for agent in {id(agent): agent for agent in skill.agents()}.values():
        fields = {name: f"the {name} of this record" for name in agent.reads}
        for guided in (True, False):
            if agent is not IDENTITY:
                _check_prompt(agent, fields, guided)


def _check_prompt(agent: Agent, fields: dict[str, str], guided: bool) -> None:
    system, user = agent.messages(fields, "0123456789ab", guided)
    assert system["role"] == "system" and user["role"] == "user"
    assert user["content"].startswith(f"[document 0123456789ab]\n{fields[agent.about]}\n")
    assert all(value in user["content"] for value in fields.values()), agent.name
    assert "$" not in user["content"], agent.name
    assert "Task: " in user["content"] and agent.role in user["content"]
    for name in agent.form.names:
        assert (f'"{name}"' if guided else f"<{name}>") in user["content"], (agent.name, name)
    assert not agent.form.names or "unsuitable" in user["content"]


def test_every_entry_can_be_reached_and_every_transformation_leads_somewhere(skill: Skill) -> None:
    transformations = {agent.name for agent in skill.transform}
    for entry in skill.instruct:
        assert entry.after <= transformations, f"{entry.name} waits for a transformation that does not exist"
        assert any(entry.suits(name) for name in transformations), entry.name
    for name in transformations:
        assert any(entry.suits(name) for entry in skill.instruct), name


def test_every_refinement_is_for_entries_that_exist(skill: Skill) -> None:
    for refinement in skill.refine:
        assert refinement.entries <= {entry.name for entry in skill.instruct}
    for entry in skill.instruct:
        assert any(refinement.suits(entry.name) for refinement in skill.refine), entry.name


def test_names_and_definitions_are_unique(skill: Skill) -> None:
    agents = list({id(agent): agent for agent in skill.agents()}.values())
    assert len({agent.name for agent in agents}) == len(agents)
    assert len({entry.name for entry in skill.instruct}) == len(skill.instruct)
    assert len({entry.definition for entry in skill.instruct}) == len(skill.instruct)
    assert len({entry.agent.task for entry in skill.instruct}) == len(skill.instruct)
    assert all(entry.agent.name == entry.name for entry in skill.instruct)


def test_every_offline_rule_answers_for_an_agent_that_exists(skill: Skill) -> None:
    rules = Rules.load()
    names = {agent.name for agent in skill.agents()}
    assert rules.agents(skill.name) <= names
    assert skill.respond.name in rules.agents(skill.name)


def test_pairs_from_real_documents_are_right(skill: Skill, tmp_path: Path) -> None:
    pairs, rejected = asyncio.run(_pairs(skill, tmp_path / "journal.sqlite"))
    assert len(pairs) >= 30
    assert not rejected
    assert len({pair["id"] for pair in pairs}) == len(pairs)
    for pair in pairs:
        user, assistant = pair["messages"]
        entry = skill.entry(pair["entry"])
        given = final_answer(assistant["content"]) or assistant["content"]
        match = "text" if pair["answer"] == NOT_STATED else entry.match
        assert given is not None and COMPARE[match](given, pair["answer"]), pair
        assert user["content"] and pair["verified_by"] and pair["lineage"][-1]["agent"] == skill.respond.name


def test_the_same_seed_gives_the_same_pairs_and_buys_nothing_twice(skill: Skill, tmp_path: Path) -> None:
    first, _ = asyncio.run(_pairs(skill, tmp_path / "journal.sqlite", seeds=3))
    tally = Tally()
    again, _ = asyncio.run(_pairs(skill, tmp_path / "journal.sqlite", seeds=3, tally=tally))
    assert again == first
    assert tally.calls == 0 and tally.reused > 0


async def _pairs(
    skill: Skill, journal_path: Path, seeds: int = 12, tally: Tally | None = None
) -> tuple[list[dict], list[dict]]:
    """All that comes of a few passages of the language reference, and what was rejected on the way."""
    teacher = OfflineTeacher()
    await teacher.start()
    journal = Journal(journal_path)
    answered = Rules.load().agents(skill.name)
    dials = Dials(
        transformations=frozenset({"identity"}),
        entries=frozenset(entry.name for entry in skill.instruct if entry.name in answered),
    )
    pairs, rejected = [], []
    try:
        for seed in _real_seeds(seeds):
            item = ItemName(item_id(skill.name, seed.id), skill.name, seed.id)
            ctx = SeedContext(skill, seed, item, 0, 0, teacher, journal, tally or Tally())
            try:
                await skill.run(seed, ctx, dials)
            except Rejected as declined:
                assert declined.reason == "unsuitable"
            pairs += ctx.pairs
            rejected += ctx.rejected
    finally:
        journal.close()
    return pairs, rejected


def _real_seeds(count: int) -> list[Seed]:
    """Passages of the language reference that every Python carries, of 800 to 2,400 characters."""
    from pydoc_data.topics import topics

    chosen = random.Random(1).sample(sorted(topics), 40)
    texts = [topics[name][200:2600] for name in chosen if len(topics[name]) > 1000][:count]
    return [
        Seed(seed_id("topics", text), text, "text", "topics", (200, 2600), "topics", "PSF-2.0")
        for text in texts
    ]


def test_a_planted_wrong_answer_is_rejected_by_the_verifiers_of_its_skill() -> None:
    seed = _real_seeds(1)[0]
    record = Record.begin("open_domain_qa", seed).with_fields(
        {"passage": seed.text, "evidence": "words that are nowhere in this passage", "answer": "5"}
        | {"expression": "2 + 2", "response": "2 + 2 = 5. The answer is 5."},
        Step("addition", "", ""),
    )
    entry = load("open_domain_qa").entry("addition")
    verdicts = [asyncio.run(verify(record, entry, None)) for verify in (quoted, computed)]  # type: ignore[arg-type]
    assert [verdict and verdict.reason for verdict in verdicts] == [
        "evidence_not_found",
        "expression_disagrees",
    ]
