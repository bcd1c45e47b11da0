"""Whoever stands in a teacher's place while a run is planned: it says what the teacher has said elsewhere."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from ..flow import Skill
from ..reply import Form
from ..teacher import Guided, Reply, Request

TOKEN = 4  # characters, where no tokenizer has counted
# What an agent writes that was never heard, in words: each field of a form, and a free text.
WORDS_OF_FIELD, WORDS_OF_TEXT = 40, 200


class Understudy:
    """Has heard some of each agent's replies, and gives one of them; one that was never heard it makes up.

    `sketched` are the skills and agents whose replies were made up.
    """

    limit = 1

    def __init__(self, name: str, guided: Guided) -> None:
        self.name = name
        self.guided: Guided = guided
        self.sketched: set[tuple[str, str]] = set()
        self._forms: dict[tuple[str, str], Form] = {}
        self._heard: dict[tuple[str, str], list[Reply]] = defaultdict(list)

    def meet(self, skill: Skill) -> None:
        """Learn in which forms the skill's agents reply."""
        self._forms |= {(skill.name, agent.name): agent.form for agent in skill.agents()}

    def hear(self, skill: Skill, agent: str, reply: Reply) -> None:
        """Remember one of the agent's replies."""
        self._heard[skill.name, agent].append(reply)

    async def ask(self, request: Request) -> Reply:
        who = (request.skill, request.agent)
        if heard := self._heard.get(who):
            return heard[int.from_bytes(request.key) % len(heard)]
        self.sketched.add(who)
        text = _made_up(self._forms[who])
        asked = sum(len(message["content"]) for message in request.messages)
        return Reply(text, "stop", asked // TOKEN, len(text) // TOKEN, self.name)

    async def start(self) -> dict[str, Any]:
        return {}

    def drain(self) -> None:
        """Nothing is in flight."""

    def report(self) -> dict[str, Any]:
        return {}

    async def close(self) -> None:
        """Nothing is open."""


def _made_up(form: Form) -> str:
    """A reply in the form, of a usual length, with as many items as it may have."""
    if not form.fields:
        return "word " * WORDS_OF_TEXT
    return form.write(
        [dict.fromkeys(form.names, f"{'word ' * WORDS_OF_FIELD}{number}") for number in range(form.many)]
    )
