"""A skill walked over a few seeds by the real flow, with everything kept that was asked, said, made and turned down."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...run import BadInput
from ..context import SeedContext, Tally
from ..engine import item_id
from ..flow import Dials, FlowStep, Rejected, Skill
from ..journal import Call, ItemName, Journal
from ..record import Record, Verdict
from ..seeds import Corpus, Seed, read_seeds, write_seeds
from ..teacher import Guided, Reply, Request, Teacher, TeacherFailure, TeacherSettings
from ..teacher.faculty import open_faculty
from ..tools import sandbox
from ..tools.search import FILE as INDEX
from ..tools.search import SeedIndex

LEAST_READ = 100  # seeds, of which those of the right kind are walked, and among which a skill searches


@dataclass(frozen=True)
class Outcome:
    """How one record of a family ended: accepted by a verdict, or turned down at a step for a reason."""

    record: Record
    verdict: Verdict | None = None
    step: str = ""
    reason: str = ""
    detail: str = ""


@dataclass
class Walk:
    """One seed, and all that came of it; `failure` is why a teacher could not go on."""

    skill: Skill
    seed: Seed
    fence: str
    guided: Guided
    outcomes: list[Outcome] = field(default_factory=list)
    asked: list[tuple[Request, Reply]] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    failure: str = ""

    @property
    def pairs(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.verdict]

    @property
    def tokens(self) -> tuple[int, int]:
        """Those of all prompts and of all replies."""
        replies = [reply for _, reply in self.asked]
        return sum(reply.prompt_tokens for reply in replies), sum(
            reply.completion_tokens for reply in replies
        )


class Watched(SeedContext):
    """The context of a flow that is watched: what it is told besides lands in its walk."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.walk = Walk(self.skill, self.seed, self.fence, self.teacher.guided)
        self._reply: Record | None = None

    async def ask(self, agent: Any, record: Record) -> list[Record]:
        records = await super().ask(agent, record)
        if "response" in agent.writes and self._reply is None:
            self._reply = records[0]
        return records

    async def _answered(self, request: Request, teacher: Teacher) -> Reply:
        reply = await super()._answered(request, teacher)
        self.walk.asked.append((request, reply))
        return reply

    def emit(self, record: Record, verdict: Verdict) -> None:
        super().emit(record, verdict)
        self._reply = None
        self.walk.outcomes.append(Outcome(record, verdict))

    def reject(self, record: Record, step: str, reason: str, detail: str = "") -> None:
        super().reject(record, step, reason, detail)
        answered, self._reply = self._reply, None
        if answered and answered.lineage[: len(record.lineage)] == record.lineage:
            record = answered  # the verifiers' word is about the reply, which the record does not have
        self.walk.outcomes.append(Outcome(record, None, step, reason, detail))

    def declined(self, step: FlowStep) -> None:
        super().declined(step)
        self.walk.declined.append(step.name)


async def walks(
    skill: Skill,
    seeds: Sequence[Seed],
    teacher: TeacherSettings,
    folder: Path,
    dials: Dials | None = None,
    run_seed: int = 0,
) -> AsyncGenerator[Walk]:
    """One walk after the other, as they end; the folder keeps the replies, and a second time nothing is asked again.

    Raises EnvironmentFailure where the teacher or the sandbox is not there.
    """
    if "sandbox" in skill.needs:
        await sandbox.ready()
    faculty = open_faculty([teacher], folder / "logs")
    try:
        await faculty.start()
        journal = Journal(folder / "journal.sqlite")
        index = SeedIndex(folder / INDEX) if "index" in skill.needs else None
        try:
            for number, seed in enumerate(seeds):
                name = ItemName(item_id(skill.name, seed.id), skill.name, seed.id)
                of = faculty.teacher_of(name.id)
                ctx = Watched(skill, seed, name, number, run_seed, of, journal, Tally(), index)
                yield await _walk(ctx, dials or Dials())
        finally:
            journal.close()
    finally:
        await faculty.close()


async def _walk(ctx: Watched, dials: Dials) -> Walk:
    walk = ctx.walk
    try:
        await ctx.skill.run(ctx.seed, ctx, dials)
    except Rejected as rejected:
        begun = Record.begin(ctx.skill.name, ctx.seed)
        walk.outcomes.append(Outcome(begun, None, rejected.step, rejected.reason, rejected.detail))
    except TeacherFailure as failure:
        walk.failure = str(failure)
    walk.calls = list(ctx.journal.calls(ctx.item.id).values())
    return walk


def first_seeds(corpus: Corpus, skill: Skill, count: int, folder: Path) -> list[Seed]:
    """The first seeds of the corpus that the skill takes, and an index of all that were read where it searches.

    Raises BadInput where there is none.
    """
    write_seeds(folder, [corpus], 0, 0.0, max(LEAST_READ, count))
    found = list(read_seeds(folder))
    if "index" in skill.needs:
        SeedIndex.build(folder / INDEX, found)
    if seeds := [seed for seed in found if seed.kind in skill.kinds][:count]:
        return seeds
    raise BadInput(
        f"{corpus.label}: holds no seed of the kind that {skill.name} takes ({', '.join(sorted(skill.kinds))}); "
        f"documents of {corpus.min_chars} characters or more become seeds"
    )
