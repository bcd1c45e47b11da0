"""`genteach skills`: the skills in a table, or one of them entry by entry, with what its agents took in a run."""

from __future__ import annotations

import math
import re
from pathlib import Path

from ...progress import say, table
from ...run import BadInput
from ..effort import Efforts, efforts, refinements
from ..flow import FlowStep, Skill, Verifier
from ..skills import NAMES, find, load
from .check import agents_of

COLUMNS = ["skill", "seeds", "transformations", "entries", "agents", "refinements", "verified by"]
COSTS = ["calls", "tokens", "pairs", "tokens per pair"]


def list_skills(name: str | None = None, run: Path | None = None) -> None:
    """Print the table of all skills, or one skill in full; `run` adds what each of its agents took there.

    Raises BadInput for a skill that is not there, and for a run without a journal.
    """
    found = _efforts(run) if run else {}
    if name:
        _say_skill(find(name), found, run)
        return
    skills = [load(each) for each in NAMES]
    table("Skills", COLUMNS + ["tokens per pair"] * bool(run), [_row(skill, found, run) for skill in skills])
    entries = sum(len(skill.instruct) for skill in skills)
    say(f"{len(skills)} skills, {entries} entries; genteach skills NAME shows those of one")


def _efforts(run: Path) -> Efforts:
    if not any(run.glob("journal*.sqlite")):
        raise BadInput(f"--run {run}: holds no journal; name the folder of a run")
    return efforts(run)


def _row(skill: Skill, found: Efforts, run: Path | None) -> list[str]:
    lists = (skill.transform, skill.instruct, agents_of(skill), skill.refine)
    row = [skill.name, ", ".join(sorted(skill.kinds)), *(str(len(each)) for each in lists)]
    return [*row, _verifiers(skill), *[_per_pair(skill, found)] * bool(run)]


def _per_pair(skill: Skill, found: Efforts) -> str:
    """Tokens of all the skill's agents for each of its pairs, which all have the same last step."""
    mine = {agent: effort for (name, agent), effort in found.items() if name == skill.name}
    pairs = max((effort.pairs for effort in mine.values()), default=0)
    spent = sum(effort.prompt_tokens + effort.completion_tokens for effort in mine.values())
    return f"{spent / pairs:,.0f}" if pairs else "–"


def _say_skill(skill: Skill, found: Efforts, run: Path | None) -> None:
    say(f"{skill.name}: {skill.summary}")
    say(
        f"Seeds: {', '.join(sorted(skill.kinds))}"
        + "".join(f"; needs the {need}" for need in sorted(skill.needs))
    )
    say(f"Transformations: {', '.join(step.name for step in skill.transform)}")
    for entry in skill.instruct:
        after = f"; after {', '.join(sorted(entry.after))}" if entry.after else ""
        say(f"\n  {entry.name} ({_compared(entry.match)}{after})\n    {entry.definition}")
        if _names(entry.agent) != [entry.name]:
            say(f"    agents: {', '.join(_names(entry.agent))}")
    say("")
    for refinement in skill.refine:
        names = [*_names(refinement.suggester), *_names(refinement.editor)]
        what = f"{len(refinement.entries)} entries" if refinement.entries else "any entry"
        say(f"Refined towards {refinement.goal}: {', '.join(names)}; for {what}")
    say(f"Answered by: {', '.join(_names(skill.respond))}")
    say(f"Verified by: {_verifiers(skill)}")
    if run:
        _say_costs(skill, found, run)


def _say_costs(skill: Skill, found: Efforts, run: Path) -> None:
    rows = []
    for agent in agents_of(skill):
        if (effort := found.get((skill.name, agent.name))) and effort.calls:
            spent = effort.prompt_tokens + effort.completion_tokens
            per_pair = "–" if math.isinf(effort.tokens_per_pair) else f"{effort.tokens_per_pair:,.0f}"
            rows.append([agent.name, f"{effort.calls:,}", f"{spent:,}", f"{effort.pairs:,}", per_pair])
    say("")
    if rows:
        table(f"Costs in {run}, by agent", ["agent", *COSTS], rows)
    else:
        say(f"{run}: no agent of {skill.name} was asked there")
    for each in refinements(skill, found):
        if math.isfinite(each.fall):
            say(
                f"Refined towards {each.refinement.goal}: a weaker responder's share of right answers falls by "
                f"{each.fall:.2f} ({each.low:.2f} to {each.high:.2f}){', which does not pay' if each.complaint else ''}"
            )


def _verifiers(skill: Skill) -> str:
    return ", ".join(dict.fromkeys(map(_name, skill.verify)))


def _name(verify: Verifier) -> str:
    """What the code calls a verifier, in small letters."""
    return (
        getattr(verify, "__name__", None)
        or re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(verify).__name__).lower()
    )


def _names(step: FlowStep) -> list[str]:
    return [agent.name for agent in step.agents()] or [step.name]


def _compared(match: str) -> str:
    return {"judge": "judged", "exact": "compared exactly"}.get(match, f"compared as {match}")
