"""A conversation between a user, an assistant that plans and calls, and a service that really answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from string import Template

from ..agent import Agent
from ..flow import Context, Rejected
from ..record import Record
from ..tools.actions import Action, Call, End, Malformed, Question, read_action, write_turn
from ..tools.mock_api import Answer, Broken, MockApi, write_answer
from ..tools.solution import Solution, Unfounded


@dataclass
class Service:
    """The service of one conversation: its calls so far, and what they were answered."""

    api: MockApi
    calls: list[Call]
    answers: list[Answer]

    async def answer(self, call: Call, ctx: Context) -> Answer:
        """Make one call more: all are made anew, in one process. Raises Broken."""
        answers = await self.api.answer([*self.calls, call], ctx.use)
        if answers[:-1] != self.answers:
            raise Broken("answers_change", "the same calls are answered differently in another process")
        self.calls.append(call)
        self.answers = answers
        return answers[-1]


@dataclass(frozen=True)
class ToolDialogue:
    """Turn by turn: `assistant` says what it makes of things and does one; a call is answered by the service, a question
    by `user`, who knows what the author hid; it ends with STOP, or is rejected after `most_steps`.

    Before that, the author's own solution is made on the service: a task that it does not solve is rejected.
    """

    assistant: Agent
    user: Agent
    system: str  # the system turn, with $apis
    most_steps: int = 14
    name: str = "dialogue"
    reads: frozenset[str] = frozenset(
        {"turn", "request", "apis", "implementation", "calls", "outcome", "must_say", "hidden", "format"}
    )
    writes: frozenset[str] = frozenset({"response"})

    def agents(self) -> Iterable[Agent]:
        return (self.assistant, self.user)

    async def __call__(self, record: Record, ctx: Context) -> list[Record]:
        api = MockApi.read(record.fields["apis"], record.fields["implementation"])
        try:
            await self._check(record, api, ctx)
            return [await self._talk(record, Service(api, [], []), ctx)]
        except Unfounded as unfounded:
            raise Rejected(self.name, unfounded.reason, unfounded.detail) from unfounded
        except Broken as broken:
            raise Rejected(self.name, f"service_{broken.reason}", broken.detail) from broken

    async def _check(self, record: Record, api: MockApi, ctx: Context) -> None:
        solution = Solution.read(record.fields)
        solution.check(api, await api.answer(solution.calls, ctx.use), record.fields["request"])

    async def _talk(self, record: Record, service: Service, ctx: Context) -> Record:
        said = replace(record, turns=()).saying("system", Template(self.system).substitute(record.fields))
        said = said.saying("user", record.fields["turn"])
        for _ in range(self.most_steps):
            said, action = await self._step(said, ctx)
            if isinstance(action, End):
                return said.with_fields({"response": said.turns[-1].content})
            said = await self._answered(said, action, service, ctx)
        raise Rejected(self.name, "too_many_steps", f"no end after {self.most_steps}")

    async def _step(self, record: Record, ctx: Context) -> tuple[Record, Action]:
        """One turn of the assistant."""
        [said] = await ctx.ask(self.assistant, record.with_fields({"conversation": transcript(record)}))
        message = said.fields["message"]
        if "ACTION_TYPE" in message:
            raise Rejected(self.assistant.name, "several_actions", "a message holds an action of its own")
        try:
            action = read_action(said.fields["action_type"], said.fields["action"])
        except Malformed as malformed:
            raise Rejected(self.assistant.name, "malformed_action", str(malformed)) from malformed
        return said.saying("assistant", write_turn(message, action)), action

    async def _answered(self, record: Record, action: Action, service: Service, ctx: Context) -> Record:
        """The record with the turn that follows a call or a question."""
        if isinstance(action, Question):
            [said] = await ctx.ask(self.user, record.with_fields({"asked": action.text}))
            return said.saying("user", said.fields["reply"])
        assert isinstance(action, Call)
        return record.saying("user", write_answer(await service.answer(action, ctx)))


def transcript(record: Record) -> str:
    """The conversation so far, as the assistant's agent reads it; each turn only adds to the end."""
    return "\n\n".join(f"[{turn.role}]\n{turn.content}" for turn in record.turns)
