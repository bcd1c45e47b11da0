"""Three complete prompts of each skill, for reading: a transformation, an entry, a refinement, in tests/prompts/SKILL.txt.

python tests/prompt_snapshots.py               # writes them anew, after a prompt was changed on purpose
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from genteach.generate.agent import Agent
from genteach.generate.flow import FlowStep, Skill
from genteach.generate.skills import NAMES, load

FOLDER = Path(__file__).parent / "prompts"
FENCE = "0123456789ab"


def snapshot(skill: Skill) -> str:
    """The prompts as a teacher without guided decoding gets them; a field of the record is shown as «its name»."""
    return (
        "\n\n".join(f"##### {what}: {agent.name}\n\n{rendered(agent)}" for what, agent in _chosen(skill))
        + "\n"
    )


def rendered(agent: Agent) -> str:
    """Every message of the prompt, under its role."""
    fields = {name: f"«{name}»" for name in agent.reads}
    messages = agent.messages(fields, FENCE, guided=False)
    return "\n\n".join(f"=== {message['role']}\n{message['content']}" for message in messages)


def _chosen(skill: Skill) -> Iterator[tuple[str, Agent]]:
    """The first of each list that asks anybody; of a refinement, who carries it out."""
    yield "a transformation", _first(skill.transform)
    yield "an entry", _first([entry.agent for entry in skill.instruct])
    yield "a refinement", _first([refinement.editor for refinement in skill.refine])


def _first(steps: list[FlowStep]) -> Agent:
    return next(agent for step in steps for agent in step.agents())


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in NAMES:
        (FOLDER / f"{name}.txt").write_text(snapshot(load(name)), encoding="utf-8")
