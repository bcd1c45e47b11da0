"""The prompts that a recipe's flows begin with, without asking anybody: what a server is tuned on."""

import contextlib
import itertools
import random
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from ...run import BadInput
from ..agent import Agent, fence_for
from ..flow import Dials, FlowStep, Rejected, Skill, Tool
from ..record import Record, Verdict
from ..reply import Declined
from ..seeds import Seed
from . import Guided, Request, response_format

T = TypeVar("T")


class Opening:
    """A flow's context that keeps each request and declines it, so that the flow tries its next agent."""

    def __init__(self, skill: Skill, seed: Seed, fence: str, guided: Guided) -> None:
        self.requests: list[Request] = []
        self._skill, self._seed, self._fence = skill, seed, fence
        self._guided: Guided = guided

    async def ask(self, agent: Agent, record: Record) -> list[Record]:
        guided = self._guided != "none"
        self.requests.append(
            Request(
                messages=agent.messages(record.fields, self._fence, guided),
                sampling=agent.sampling,
                response_format=response_format(agent.form.schema, self._guided),
                skill=self._skill.name,
                agent=agent.name,
                seed_id=self._seed.id,
                shared=agent.shared(record.fields, self._fence),
                fields={name: record.fields[name] for name in agent.reads},
            )
        )
        raise Declined

    async def ask_weaker(self, question: str, count: int) -> list[str]:
        return []

    async def use(self, tool: Tool, asked: dict[str, Any]) -> dict[str, Any]:
        raise Declined

    async def search(self, query: str, count: int) -> list[Seed]:
        return []

    def choose(self, label: str, options: Sequence[T]) -> list[T]:
        return random.Random(f"{label} {self._fence}").sample(options, len(options))

    def chance(self, label: str) -> float:
        return random.Random(f"{label} {self._fence}").random()

    def emit(self, record: Record, verdict: Verdict) -> None: ...

    def reject(self, record: Record, step: str, reason: str, detail: str = "") -> None: ...

    def declined(self, step: FlowStep) -> None: ...


class Openings:
    """Prompts without end, none twice: when the seeds are used up they come again behind other fences."""

    def __init__(self, flows: Iterable[tuple[Skill, Dials]], seeds: list[Seed], guided: Guided) -> None:
        suited = [(seed, *flow) for seed in seeds for flow in flows if seed.kind in flow[0].kinds]
        self._walks = ((turn, *walk) for turn in itertools.count() for walk in suited)
        self._guided: Guided = guided
        self._in_a_turn = len(suited)
        self._ready: deque[Request] = deque()

    async def next(self) -> Request:
        """One more prompt; raises BadInput where no flow asks anything of any seed."""
        for turn, seed, skill, dials in itertools.islice(self._walks, self._in_a_turn):
            if self._ready:
                break
            opening = Opening(skill, seed, fence_for(turn, f"tune {seed.id}"), self._guided)
            with contextlib.suppress(Rejected):  # once every agent was declined
                await skill.run(seed, opening, dials)
            self._ready.extend(opening.requests)
        if not self._ready:
            raise BadInput("skills: none of them asks anything of these seeds")
        return self._ready.popleft()
