"""What each agent of a run took, and what it led to: tokens per accepted pair, and whether refining made anything harder."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .difficulty import SCORE
from .flow import Refinement, Skill
from .pairs import read_pairs
from .reader import JournalReader
from .skills import load
from .tools.shares import Z

FEWEST = 20  # pairs on either side, below which nothing is said of a difference
NEGLIGIBLE = 0.05  # of the weaker responder's answers


@dataclass
class Effort:
    """The calls of one agent, and the accepted pairs that it had a part in.

    `right` are the shares of a weaker responder's answers that were right, of the measured pairs whose instruction
    it wrote.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    pairs: int = 0
    right: list[float] = field(default_factory=list)

    @property
    def tokens_per_pair(self) -> float:
        """What it read and wrote for each accepted pair; infinite where there is none."""
        return (self.prompt_tokens + self.completion_tokens) / self.pairs if self.pairs else math.inf


@dataclass(frozen=True)
class Harder:
    """By how much a refinement made its instructions harder: the fall of the weaker responder's share of right
    answers from parents to children, with its 95 % interval; nothing where too few were measured."""

    refinement: Refinement
    effort: Effort
    fall: float = math.nan
    low: float = -math.inf
    high: float = math.inf

    @property
    def complaint(self) -> str:
        """Why the refinement does not pay; empty where it does, or nobody can tell yet."""
        if self.effort.calls >= FEWEST and not self.effort.pairs:
            return f"none of the {self.effort.calls} edits became a pair"
        if self.high < NEGLIGIBLE:
            return f"its questions are no harder: {self.fall:+.2f} ({self.low:+.2f} to {self.high:+.2f}) of the answers"
        return ""


Efforts = dict[tuple[str, str], Effort]


def efforts(run: Path, journals: Iterable[Path] | None = None) -> Efforts:
    """By skill and agent, from the run's journals and its sealed round."""
    found: Efforts = defaultdict(Effort)
    for path in sorted(run.glob("journal*.sqlite")) if journals is None else journals:
        with JournalReader(path) as journal:
            for skill, agent, *counts in journal.by_agent():
                effort = found[skill, agent]
                effort.calls += counts[0]
                effort.prompt_tokens += counts[1]
                effort.completion_tokens += counts[2]
    for pair in read_pairs(run / "rounds" / "0001"):
        agents = [step["agent"] for step in pair["lineage"]]
        for agent in set(agents):
            found[pair["skill"], agent].pairs += 1
        if (right := pair["scores"].get(SCORE)) is not None:
            found[pair["skill"], _author(load(pair["skill"]), agents)].right.append(right)
    return found


def refinements(skill: Skill, found: Efforts) -> Iterator[Harder]:
    """What each refinement of the skill achieved, against the instructions that nobody refined."""
    for refinement in skill.refine:
        effort = found.get((skill.name, refinement.editor.name), Effort())
        entries = [entry.agent.name for entry in skill.instruct if refinement.suits(entry.name)]
        parents = [right for name in entries for right in found.get((skill.name, name), Effort()).right]
        yield _harder(refinement, effort, parents)


def _harder(refinement: Refinement, effort: Effort, parents: list[float]) -> Harder:
    children = effort.right
    if min(len(children), len(parents)) < FEWEST:
        return Harder(refinement, effort)
    fall = statistics.fmean(parents) - statistics.fmean(children)
    error = math.sqrt(sum(statistics.variance(each) / len(each) for each in (children, parents)))
    return Harder(refinement, effort, fall, fall - Z * error, fall + Z * error)


def _author(skill: Skill, agents: list[str]) -> str:
    """Who wrote the instruction as it is: the last editor, or the agent of its entry."""
    writers = {entry.agent.name for entry in skill.instruct} | {each.editor.name for each in skill.refine}
    return [agent for agent in agents if agent in writers][-1]
