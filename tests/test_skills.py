"""Every skill of the folder is sound as data, and runs from a document to verified pairs on the offline teacher."""

from __future__ import annotations

import asyncio
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from genteach.generate import skills
from genteach.generate.agent import Agent
from genteach.generate.author.check import agents_of, faults, likeness
from genteach.generate.author.walk import Walk, walks
from genteach.generate.flow import IDENTITY, Dials, Entry, Refinement, Skill
from genteach.generate.formats import stated
from genteach.generate.record import Record, Step
from genteach.generate.reply import form
from genteach.generate.seeds import Seed, seed_id
from genteach.generate.skills import NAMES, load, load_file
from genteach.generate.teacher import TeacherSettings
from genteach.generate.teacher.offline import Rules
from genteach.generate.tools.answers import COMPARE
from genteach.generate.tools.search import FILE, SeedIndex
from genteach.generate.verifiers import NOT_STATED, computed, quoted
from genteach.run import BadInput

from .toy import TOY

OFFLINE = TeacherSettings.parse("offline")
WITH_RULES = [name for name in NAMES if load(name).respond.name in Rules.load().agents(name)]
ENTRIES = 150  # of all skills together, at least
PAPER_TRANSFORMATIONS = 9  # of reading comprehension
FEWEST_PAIRS = 5
IN_COMMON = 0.5  # of the words of two answers by one rule, at most, but for a share of
MOST_ALIKE = 0.05  # of them: short sums with the same numbers; curation keeps one of those


@pytest.fixture(params=NAMES)
def skill(request: pytest.FixtureRequest) -> Skill:
    return load(request.param)


def test_the_17_skills_of_the_paper_are_there_and_a_misspelled_one_is_told_the_nearest() -> None:
    assert len(set(NAMES)) == 17
    with pytest.raises(BadInput, match="did you mean 'reading_comprehension'"):
        load("reading_comprehenson")
    with pytest.raises(BadInput, match="there are analytical_reasoning, "):
        load("telepathy")


def test_listing_the_folder_is_the_registry() -> None:
    files = {path.stem for path in Path(skills.__file__).parent.glob("*.py")} - {"__init__"}
    assert set(NAMES) == files
    assert all(load(name).name == name for name in NAMES)


def test_a_skill_elsewhere_is_found_by_its_file(tmp_path: Path) -> None:
    source = Path(skills.__file__).with_name("fermi.py")
    absolute = re.sub(r"from \.\.(\w)", r"from genteach.generate.\1", source.read_text())
    (tmp_path / "mine.py").write_text(absolute)
    (tmp_path / "other.py").write_text("SKILL = 'none'")
    assert load_file(tmp_path / "mine.py").name == "fermi"
    with pytest.raises(BadInput, match="no such skill file"):
        load_file(tmp_path / "missing.py")
    with pytest.raises(BadInput, match=r"has no SKILL = Skill\(...\)"):
        load_file(tmp_path / "other.py")


def test_a_skill_has_no_fault(skill: Skill) -> None:
    assert not faults(skill)


def test_the_taxonomies_hold_what_the_paper_names() -> None:
    entries = {name: load(name).instruct for name in NAMES}
    of_the_paper = {name: sum(entry.origin == "paper" for entry in found) for name, found in entries.items()}
    assert sum(map(len, entries.values())) >= ENTRIES
    assert len(load("reading_comprehension").transform) == PAPER_TRANSFORMATIONS
    assert (len(entries["reading_comprehension"]), of_the_paper["reading_comprehension"]) == (43, 15)
    assert (len(entries["text_modification"]), of_the_paper["text_modification"]) == (18, 18)


def test_reading_comprehension_is_refined_towards_the_three_goals_of_the_paper() -> None:
    goals = [refinement.goal for refinement in load("reading_comprehension").refine]
    assert goals == ["unanswerable", "answer_changed", "more_complex"]


def test_no_prompt_shows_what_its_agent_does_not_read(skill: Skill) -> None:
    known = {name for agent in agents_of(skill) for name in agent.reads | agent.writes}
    for agent in agents_of(skill):
        fields = {name: f"the-canary-{name}-sings" for name in known | agent.reads}
        for guided in (True, False):
            shown = str(agent.messages(fields, "0123456789ab", guided))
            sung = set(re.findall(r"the-canary-(\w+)-sings", shown))
            assert sung == agent.reads, agent.name


def test_every_offline_rule_answers_for_an_agent_that_exists(skill: Skill) -> None:
    assert Rules.load().agents(skill.name) <= {agent.name for agent in skill.agents()}


# --- end to end ---


@pytest.fixture(scope="module", params=WITH_RULES)
def walked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Walk]:
    """What the rules of a skill make of real documents."""
    return _walked(load(request.param), real_seeds(12), tmp_path_factory.mktemp(request.param))


def test_pairs_from_real_documents_are_verified(walked: list[Walk]) -> None:
    outcomes = [outcome for walk in walked for outcome in walk.pairs]
    assert not any(walk.failure for walk in walked)
    assert len(outcomes) >= FEWEST_PAIRS
    assert len({outcome.record.id for outcome in outcomes}) == len(outcomes)
    for record, verdict in ((each.record, each.verdict) for each in outcomes):
        entry = walked[0].skill.entry(record.entry)
        assert verdict and verdict.by != "none", record.fields
        if entry.match != "judge" and not record.turns:
            wanted, given = record.fields["answer"], stated(record, entry)
            match = "text" if wanted == NOT_STATED else entry.match
            assert given is not None and COMPARE[match](given, wanted), record.fields


def test_the_answers_of_a_rule_to_different_documents_differ_in_half_of_their_words(
    walked: list[Walk],
) -> None:
    by_entry: dict[str, dict[str, str]] = defaultdict(dict)
    for walk in walked:
        for outcome in walk.pairs:
            by_entry[outcome.record.entry].setdefault(outcome.record.fields["response"], walk.seed.id)
    compared = [
        (one, other)
        for replies in by_entry.values()
        for (one, seed), (other, another) in combinations(replies.items(), 2)
        if seed != another
    ]
    alike = [(one, other) for one, other in compared if likeness(one, other) > IN_COMMON]
    assert len(alike) <= MOST_ALIKE * len(compared), alike[:3]


@pytest.mark.parametrize("name", WITH_RULES[:3])
def test_a_second_walk_gives_the_same_pairs_and_buys_nothing(name: str, tmp_path: Path) -> None:
    first, again = (_walked(load(name), real_seeds(3), tmp_path) for _ in range(2))
    assert [_ids(walk) for walk in again] == [_ids(walk) for walk in first]
    assert [len(walk.calls) for walk in again] == [len(walk.calls) for walk in first]


def _ids(walk: Walk) -> list[str]:
    return [outcome.record.id for outcome in walk.outcomes]


def _walked(skill: Skill, seeds: Sequence[Seed], folder: Path) -> list[Walk]:
    """The walks of the seeds that the skill takes, through the entries that there are rules for."""
    ruled = Rules.load().agents(skill.name)
    entries = {entry.name for entry in skill.instruct if {a.name for a in entry.agent.agents()} & ruled}
    transforms = {
        step.name for step in skill.transform if step is IDENTITY or {a.name for a in step.agents()} & ruled
    }
    dials = Dials(transformations=frozenset(transforms), entries=frozenset(entries))
    if "index" in skill.needs:
        SeedIndex.build(folder / FILE, seeds)

    async def walk() -> list[Walk]:
        return [each async for each in walks(skill, seeds, OFFLINE, folder, dials)]

    return asyncio.run(walk())


def real_seeds(count: int) -> list[Seed]:
    """Passages of the language reference that every Python carries, of 800 to 2,400 characters."""
    from pydoc_data.topics import topics

    chosen = random.Random(1).sample(sorted(topics), 40)
    texts = [topics[name][200:2600] for name in chosen if len(topics[name]) > 1000][:count]
    return [
        Seed(seed_id("topics", text), text, "text", f"topic {number}", (200, 2600), "topics", "PSF-2.0")
        for number, text in enumerate(texts)
    ]


def test_a_planted_wrong_answer_is_rejected_by_the_verifiers_of_its_skill() -> None:
    seed = real_seeds(1)[0]
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


# --- the checks find what is wrong ---

SOUND = load("fermi")
STRANGE = Agent(
    "stranger", "You know much.", "Task: say $nothing. " + "Mind the words. " * 12, form(other="a thing")
)


def _with_entry(**changes: object) -> Skill:
    first, *others = SOUND.instruct
    return replace(SOUND, instruct=[replace(first, **changes), *others])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (replace(SOUND, transform=SOUND.transform[:2]), "transform: 2 steps"),
        (replace(SOUND, instruct=SOUND.instruct[:6]), "instruct: 6 entries"),
        (replace(SOUND, refine=[]), "refine: no suggester and editor"),
        (replace(SOUND, format=None), "format: nobody says"),
        (replace(SOUND, verify=[]), "verify: nothing is verified"),
        (replace(SOUND, transform=[*SOUND.transform[1:], STRANGE]), "transform stranger: reads nothing, passage"),
        (replace(SOUND, transform=[*SOUND.transform[1:], STRANGE]), "transform stranger: does not write passage"),
        (_with_entry(agent=STRANGE), "reads nothing, which nothing wrote before"),
        (_with_entry(agent=STRANGE, match="number"), "are compared (number), and it writes no answer"),
        (_with_entry(after=frozenset({"telepathy"})), "waits for telepathy, which is no transformation"),
        (_with_entry(name=SOUND.instruct[1].name), "entries: two are named"),
        (_with_entry(definition=SOUND.instruct[1].definition), "share most of their words"),
        (_with_entry(definition="What nobody is told."), "its definition is in none of its prompts"),
        (replace(SOUND, turn="$page"), "turn: reads page"),
        (replace(SOUND, respond=STRANGE), "does not write response"),
        (replace(SOUND, refine=[Refinement("odd", STRANGE, STRANGE)]), "its suggester is to give up to 3"),
        (replace(SOUND, refine=[Refinement("odd", STRANGE, STRANGE)]), "editor: writes other"),
        (replace(SOUND, refine=[replace(SOUND.refine[0], entries=frozenset({"x"}))]), "no refinement suits it"),
        (replace(SOUND, refine=[replace(SOUND.refine[0], entries=frozenset({"x"}))]), "is for x, which is no entry"),
        (TOY, "agent ask: its task has fewer than 30 words"),
        (TOY, 'agent ask: its task does not begin with "Task: "'),
        (_with_entry(agent=replace(STRANGE, task="Task: pay $5.")), "a dollar sign in its task"),
        (_with_entry(agent=replace(STRANGE, role="Somebody")), "agent stranger: its role is no sentence"),
    ],
)  # fmt: skip
def test_a_fault_is_named_with_its_place(broken: Skill, fault: str) -> None:
    assert not faults(SOUND)
    assert any(fault in found for found in faults(broken)), faults(broken)


def test_two_entries_with_one_prompt_are_found() -> None:
    agent = SOUND.instruct[0].agent
    assert isinstance(agent, Agent)
    twin = Entry("twin", replace(agent, name="twin"), SOUND.instruct[0].definition, match="number")
    assert any(
        "have the same prompt" in found for found in faults(replace(SOUND, instruct=[*SOUND.instruct, twin]))
    )
