"""What every skill has to be, whoever wrote it: complete, connected, and without repetition. Prompts are judged by
reading; this finds what reading passes over."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from string import Template

from ..agent import Agent
from ..flow import Entry, FlowStep, Refinement, Skill, asked_by
from ..formats import FORMS
from ..reply import Form

TRANSFORMATIONS = range(5, 11)
ENTRIES = range(7, 44)
SUGGESTIONS = 3  # of one suggester, as in the paper's worked examples
LEAST_WORDS = 30  # of a task: less does not say what makes a result good
ALIKE = (
    0.9  # of the words of two definitions (those of opposites share 0.86); more is one kind under two names
)
PASSED = {"turn", "response", "form", "format"}  # what the flow itself gives to those who answer and judge
TOLD = {"conversation"}  # what a verifier gives to those it asks: the turns as a text


def faults(skill: Skill) -> list[str]:
    """Every way in which the skill falls short, a line each, beginning with where."""
    checks = (sizes, connections, prompts, reach, repetitions)
    return [fault for check in checks for fault in check(skill)]


def sizes(skill: Skill) -> Iterator[str]:
    """Too few or too many transformations or entries, no refinement, no formats, nothing that verifies."""
    if len(skill.transform) not in TRANSFORMATIONS:
        yield f"transform: {len(skill.transform)} steps; between 5 and 10 make a skill"
    if len(skill.instruct) not in ENTRIES:
        yield f"instruct: {len(skill.instruct)} entries; between 7 and 43 make a taxonomy"
    if not skill.refine:
        yield "refine: no suggester and editor"
    if skill.format is None:
        yield "format: nobody says in which form replies are wanted"
    if not skill.verify:
        yield "verify: nothing is verified"
    for refinement in skill.refine:
        forms = [agent.form for agent in refinement.suggester.agents()]
        if not any(form.many == SUGGESTIONS for form in forms):
            yield f"refine {refinement.goal}: its suggester is to give up to {SUGGESTIONS} suggestions"


# --- what is read was written before ---


def connections(skill: Skill) -> Iterator[str]:
    """Fields that are read and that nothing wrote before, on any path through the flow."""
    for step in skill.transform:
        yield from _unwritten(f"transform {step.name}", step.reads, {"document"})
        if "passage" not in step.writes:
            yield f"transform {step.name}: does not write passage"
    for entry in skill.instruct:
        yield from _connections_of(skill, entry)
    for agent in (agent for verify in skill.verify for agent in asked_by(verify)):
        if not any(agent.reads <= _written(skill, entry) | PASSED | TOLD for entry in skill.instruct):
            yield f"verify {agent.name}: reads {_listed(agent.reads)}, which no entry writes together"


def _connections_of(skill: Skill, entry: Entry) -> Iterator[str]:
    where, written = f"entry {entry.name}", _written(skill, entry)
    yield from _unwritten(where, entry.agent.reads, _transformed(skill, entry))
    if entry.match != "judge" and "answer" not in written:
        yield f"{where}: its answers are compared ({entry.match}), and it writes no answer"
    yield from _unwritten(f"{where}: turn", frozenset(Template(skill.turn).get_identifiers()), written)
    if skill.format:
        yield from _unwritten(f"{where}: format {skill.format.name}", skill.format.reads, written | PASSED)
    yield from _unwritten(f"{where}: respond {skill.respond.name}", skill.respond.reads, written | PASSED)
    for refinement in skill.refine:
        if refinement.suits(entry.name):
            yield from _refined(f"{where}: refine {refinement.goal}", refinement, written)
    if "response" not in skill.respond.writes:
        yield f"respond {skill.respond.name}: does not write response"


def _refined(where: str, refinement: Refinement, written: set[str]) -> Iterator[str]:
    yield from _unwritten(f"{where}, suggester", refinement.suggester.reads, written)
    suggested = written | refinement.suggester.writes
    yield from _unwritten(f"{where}, editor", refinement.editor.reads, suggested)
    if strange := refinement.editor.writes - written:
        yield f"{where}, editor: writes {_listed(strange)}; an edit is judged by the fields of its parent"


def _transformed(skill: Skill, entry: Entry) -> set[str]:
    """The fields that are there before the entry's turn, whichever of its transformations ran."""
    writes = [step.writes for step in skill.transform if entry.suits(step.name)]
    return {"document", "transformation"}.union(frozenset.intersection(*writes) if writes else ())


def _written(skill: Skill, entry: Entry) -> set[str]:
    return _transformed(skill, entry) | entry.agent.writes


def _unwritten(where: str, reads: frozenset[str], written: set[str]) -> Iterator[str]:
    if strange := reads - written:
        yield f"{where}: reads {_listed(strange)}, which nothing wrote before"


# --- prompts ---


def prompts(skill: Skill) -> Iterator[str]:
    """Prompts that do not render, or do not say who, what, in which format, and when to decline."""
    for agent in agents_of(skill):
        for guided in (True, False):
            yield from (f"agent {agent.name}: {fault}" for fault in _prompt_faults(agent, guided))
        if len(agent.task.split()) < LEAST_WORDS:
            yield f"agent {agent.name}: its task has fewer than {LEAST_WORDS} words"


def _prompt_faults(agent: Agent, guided: bool) -> Iterator[str]:
    if not Template(agent.task).is_valid():
        yield "a dollar sign in its task is neither a field nor $$"
        return
    fields = {name: f"(what {name} holds)" for name in agent.reads}
    user = agent.messages(fields, "0" * 12, guided)[-1]["content"]
    if missing := [name for name, value in fields.items() if value not in user]:
        yield f"its prompt does not show {_listed(missing)}"
    if not re.search(r"\w+ \w+.*[.!?)]\Z", agent.role, re.DOTALL):
        yield "its role is no sentence"
    if "Task: " not in agent.task:
        yield 'its task does not begin with "Task: "'
    tag = '"{}"' if guided else "<{}>"
    if missing := [name for name in agent.form.names if tag.format(name) not in user]:
        yield f"its format does not show {_listed(missing)}"
    if agent.form.names and "unsuitable" not in user:
        yield "it does not say when to decline"


def agents_of(skill: Skill) -> list[Agent]:
    """The agents of a flow, each once."""
    return list(dict.fromkeys(skill.agents()))


# --- every list leads somewhere ---


def reach(skill: Skill) -> Iterator[str]:
    """Transformations without entries, entries without transformations or refinement, refinements for nothing."""
    transformations = [step.name for step in skill.transform]
    entries = [entry.name for entry in skill.instruct]
    for entry in skill.instruct:
        if strange := entry.after - set(transformations):
            yield f"entry {entry.name}: waits for {_listed(strange)}, which is no transformation"
        if not any(map(entry.suits, transformations)):
            yield f"entry {entry.name}: no transformation leads to it"
        if not any(refinement.suits(entry.name) for refinement in skill.refine):
            yield f"entry {entry.name}: no refinement suits it"
    for name in transformations:
        if not any(entry.suits(name) for entry in skill.instruct):
            yield f"transform {name}: no entry may follow it"
    for refinement in skill.refine:
        if strange := refinement.entries - set(entries):
            yield f"refine {refinement.goal}: is for {_listed(strange)}, which is no entry"
    for name, values in skill.format.form.choices if skill.format else ():
        if name == "form" and (strange := set(values) - FORMS.keys()):
            yield f"format {skill.format.name if skill.format else ''}: {_listed(strange)} is no form of formats.py"


# --- no two the same ---


def repetitions(skill: Skill) -> Iterator[str]:
    """Names, prompts and definitions that two share, and definitions that no teacher gets to see."""
    for kind, names in {
        "agents": [agent.name for agent in agents_of(skill)],
        "transformations": [step.name for step in skill.transform],
        "entries": [entry.name for entry in skill.instruct],
    }.items():
        if twice := {name for name in names if names.count(name) > 1}:
            yield f"{kind}: two are named {_listed(twice)}"
    for entry in skill.instruct:
        if not any(
            entry.definition in Template(agent.task).safe_substitute() for agent in entry.agent.agents()
        ):
            yield f"entry {entry.name}: its definition is in none of its prompts"
    for one, other in itertools.combinations(skill.instruct, 2):
        if likeness(one.definition, other.definition) > ALIKE:
            yield f"entries {one.name} and {other.name}: their definitions share most of their words"
    asked: dict[tuple[str, str, Form], str] = {}
    for agent in (agent for step in _writers(skill) for agent in step.agents()):
        if (name := asked.setdefault((agent.role, agent.task, agent.form), agent.name)) != agent.name:
            yield f"agents {name} and {agent.name}: have the same prompt"


def _writers(skill: Skill) -> list[FlowStep]:
    return [*skill.transform, *(entry.agent for entry in skill.instruct)]


def likeness(one: str, other: str) -> float:
    """The share of the words of both texts together that they have in common."""
    words = [set(re.findall(r"\w+", text.lower())) for text in (one, other)]
    return len(words[0] & words[1]) / max(len(words[0] | words[1]), 1)


def _listed(names: set[str] | frozenset[str] | list[str]) -> str:
    return ", ".join(sorted(names))
