"""The family tree of a pair: each step of its lineage, with the reply that the journal has of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import Any

from ..agent import Agent
from ..flow import IDENTITY, FlowStep, Skill, asked_by
from ..journal import Call
from ..reply import Declined, Unreadable
from ..teacher import Guided, Request, response_format

SHORT = 160  # characters of a text that is not shown in full
KEPT = 6  # words on either side of a change
KEY = 12  # digits of a call's key: enough to find it by
WORD = re.compile(r"\S+\s*")
Fields = dict[str, str]


@dataclass(frozen=True)
class Deed:
    """One step of a lineage: who did what by which call, the fields that were there, and those that came of it.

    Where the journal does not have the call, it is None and nothing is known to have come of it.
    """

    part: str
    agent: str
    key: str
    choice: str
    before: Fields
    call: Call | None = None
    items: int = 0
    repaired: bool = False
    fields: Fields = field(default_factory=dict)

    @property
    def after(self) -> Fields:
        """All fields that there are when it is done."""
        copied = {"passage": self.before["document"]} if self.agent == IDENTITY.name else {}
        return self.before | copied | self.fields

    def head(self) -> str:
        """The step in one line."""
        if not self.key:
            return f"{self.part}: {self.agent}, which takes no call"
        said = f"{self.part}: {self.agent}, call {self.key[:KEY]}"
        if self.call is None:
            return f"{said}, item {int(self.choice) + 1}"
        reply = self.call.reply
        said += f", item {int(self.choice) + 1} of {self.items}" if self.items > 1 else ""
        said += f", {reply.prompt_tokens} + {reply.completion_tokens} tokens by {reply.model}"
        said += ", after a repair" if self.repaired else ""
        return said + (f", sent {reply.attempts} times" if reply.attempts > 1 else "")

    def texts(self, full: bool) -> Iterator[tuple[str, str]]:
        """Each field with its text, or with how that differs from the one before."""
        for name, text in self.fields.items():
            before = self.before.get(name)
            is_edit = before is not None and before != text
            yield name, word_diff(before or "", text, full) if is_edit else text


class Family:
    """Whatever was asked about one work item: its skill, and its `calls` in their order.

    With the fields of a record its prompts are written again, in the `guided` forms of the run's teachers,
    and so their calls are found.
    """

    def __init__(self, skill: Skill, calls: Sequence[Call], fence: str, guided: Iterable[Guided]) -> None:
        self.skill, self.calls = skill, calls
        self._fence, self._guided = fence, tuple(guided)

    def deeds(self, lineage: Sequence[dict[str, Any]], document: str) -> Iterator[Deed]:
        """The steps of a pair's lineage."""
        fields = {"document": document}
        for step in lineage:
            agent, key, choice = step["agent"], step["call"], step["choice"]
            part = part_of(self.skill, agent)
            call = next((call for call in self.calls if call.key.hex() == key), None)
            deed = (
                self._known(part, call, int(choice), fields)
                if call
                else Deed(part, agent, key, choice, fields)
            )
            yield deed
            fields = deed.after

    def reviews(self, fields: Mapping[str, str]) -> Iterator[Fields]:
        """What reviewers replied about a finished record."""
        for verify in self.skill.verify:
            for agent in asked_by(verify):
                yield from (item for call in self._asked(agent, fields) for item in read(agent, call))

    def _known(self, part: str, call: Call, choice: int, before: Fields) -> Deed:
        """The step with what its call says; it was a repair where the plain prompt has another call."""
        agent = self.skill.agent(call.agent)
        items = read(agent, call)
        written = items[choice] if choice < len(items) else {"reply": call.reply.text}
        plain = self._asked(agent, before) if agent else []
        repaired = bool(plain) and call.key not in (each.key for each in plain)
        return Deed(
            part, call.agent, call.key.hex(), str(choice), before, call, len(items), repaired, written
        )

    def _asked(self, agent: Agent, fields: Mapping[str, str]) -> list[Call]:
        """The calls whose prompt is the agent's about these fields."""
        if not agent.reads <= fields.keys():
            return []
        keys = [
            Request(
                agent.messages(fields, self._fence, form != "none"),
                agent.sampling,
                response_format(agent.form.schema, form),
            ).key
            for form in self._guided
        ]
        return [call for call in self.calls if call.key in keys]


def read(agent: Agent | None, call: Call) -> list[Fields]:
    """The reply as its agent reads it; nothing where that cannot, or is no more."""
    try:
        return agent.read(call.reply.text) if agent else []
    except (Declined, Unreadable):
        return []


def part_of(skill: Skill, agent: str) -> str:
    """What an agent does in a skill, by the first list in which a step is it, or asks it."""
    if _asks(skill.transform, agent):
        return "transformed"
    if _asks([entry.agent for entry in skill.instruct], agent):
        return "instructed"
    for refinement in skill.refine:
        if _asks([refinement.suggester], agent):
            return f"suggested ({refinement.goal})"
        if _asks([refinement.editor], agent):
            return f"edited ({refinement.goal})"
    return "formatted" if skill.format and agent == skill.format.name else "answered"


def _asks(steps: Iterable[FlowStep], agent: str) -> bool:
    return any(agent in (step.name, *(each.name for each in step.agents())) for step in steps)


def shortened(text: str, most: int = SHORT) -> str:
    """The text on one line, of at most so many characters."""
    flat = " ".join(text.split())
    return flat if len(flat) <= most else f"{flat[: most - 1]}…"


def word_diff(before: str, after: str, full: bool = False) -> str:
    """The later text, with what is gone as [-…-] and what came as {+…+}; long stretches in between are left out."""
    old, new = WORD.findall(before), WORD.findall(after)
    words = [[word.strip() for word in of] for of in (old, new)]
    said = []
    for what, a, b, c, d in SequenceMatcher(None, *words, autojunk=False).get_opcodes():
        gone, come = "".join(old[a:b]).strip(), "".join(new[c:d]).strip()
        if what == "equal":
            said.append(come if full else _ends_of(new[c:d], c == 0, d == len(new)))
        else:
            said.append(f"[-{gone}-]" * bool(gone) + f"{{+{come}+}}" * bool(come))
    return " ".join(said)


def _ends_of(words: list[str], is_first: bool, is_last: bool) -> str:
    """The words next to the changes on either side, and a mark for those that are left out."""
    if len(words) <= 2 * KEPT:
        return "".join(words).strip()
    head = "" if is_first else "".join(words[:KEPT])
    tail = "" if is_last else "".join(words[-KEPT:])
    return f"{head}… {tail}".strip()
