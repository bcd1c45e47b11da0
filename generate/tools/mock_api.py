"""Services that can be called: a list of APIs, and a small program that a teacher wrote for them, run in the sandbox.

    service = MockApi.read(apis, implementation)
    [answer] = await service.answer([Call("count_words", {"text": "a b"})], use)   # {"status": "success", "words": 2}

A call that the list does not have, or that its schema does not allow, never reaches the program. The others are
made one after the other in one process, so that state lasts as long as the list of calls: whoever goes on with a
conversation hands in all of its calls, and an answer that has changed meanwhile is a fault of the program.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .actions import Call
from .sandbox import grade
from .schema import Api, Refusal, is_plain, read_apis

Answer = dict[str, Any]
Use = Callable[..., Awaitable[dict[str, Any]]]
LONGEST = 6000  # characters of an answer, which becomes a turn of a conversation
STATES = ("success", "error")


class Broken(Exception):
    """The program is not the service that its APIs promise: a short name of the fault, and a line for people."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class MockApi:
    """A list of APIs and the program behind it: one module, a function for each, state in the module's variables."""

    apis: tuple[Api, ...]
    implementation: str

    @classmethod
    def read(cls, apis: str, implementation: str) -> MockApi:
        """From the texts that a record carries; raises schema.Unsound."""
        return cls(read_apis(apis), implementation)

    def api(self, name: str) -> Api | None:
        """The API of that name, if the list has it."""
        return next((api for api in self.apis if api.name == name), None)

    def refusal(self, call: Call) -> Refusal | None:
        """Why the call does not reach the program, if it does not."""
        if (api := self.api(call.name)) is None:
            return Refusal("invented_api", f"There is no API named {call.name}.")
        return api.refusal(call.arguments)

    async def answer(self, calls: Sequence[Call], use: Use) -> list[Answer]:
        """What each call is answered, by a service in its first state; `use` is flow.Context's, or does the same.

        Raises Broken where the program fails, EnvironmentFailure where it cannot be shut in.
        """
        refusals = [self.refusal(call) for call in calls]
        made = [call.row for call, refusal in zip(calls, refusals, strict=True) if refusal is None]
        played = iter(await self._play(made, use) if made else ())
        return [next(played) if refusal is None else error(refusal.message) for refusal in refusals]

    async def _play(self, calls: list[dict[str, Any]], use: Use) -> list[Answer]:
        played = await use(play, {"implementation": self.implementation, "calls": calls})
        if played["broken"]:
            raise Broken(*played["broken"])
        return played["answers"]


async def play(asked: dict[str, Any]) -> dict[str, Any]:
    """The tool: `calls` made one after the other on `implementation`, in a process of their own."""
    calls = [grade.Call(each["name"], (), each["arguments"]) for each in asked["calls"]]
    called = await grade.call(asked["implementation"], calls)
    try:
        answers = [_answer(call, result) for call, result in zip(calls, called.results, strict=False)]
        if not called.whole:
            why = called.outcome.limit or called.outcome.last_words[:300]
            raise Broken("does_not_answer" if answers else "does_not_load", why)
    except Broken as broken:
        return {"answers": [], "broken": [broken.reason, broken.detail]}
    return {"answers": answers, "broken": []}


async def check(service: MockApi, samples: Sequence[Call], use: Use) -> None:
    """Raises Broken unless each API answers one of these valid calls with success, twice in the same way."""
    if idle := {api.name for api in service.apis} - {call.name for call in samples}:
        raise Broken("not_tried", f"there is no sample call of {min(idle)}")
    for call in samples:
        if refusal := service.refusal(call):
            raise Broken("sample_refused", refusal.message)
    answers = await service.answer(samples, use)
    if await service.answer(samples, use) != answers:
        raise Broken("answers_change", "the same calls are answered differently in another process")
    for api in service.apis:
        given = [answer for call, answer in zip(samples, answers, strict=True) if call.name == api.name]
        if not any(answer["status"] == "success" for answer in given):
            raise Broken("never_succeeds", f"{api.name}: {given[0].get('message', '')}")


def error(message: str) -> Answer:
    """The answer of a service that does not do what it is asked."""
    return {"status": "error", "message": message}


def write_answer(answer: Answer) -> str:
    """The answer as a turn of a conversation."""
    return json.dumps(answer, ensure_ascii=False)


def _answer(call: grade.Call, result: grade.Result) -> Answer:
    """A result as an answer: what is returned is success, a ValueError is the service's refusal, all else a fault."""
    if result.kind == "raised" and result.value == "ValueError" and result.message.strip():
        return error(result.message)
    if result.kind == "raised":
        raise Broken("raises", f"{call.function}: {result.value}: {result.message}"[:300])
    if result.kind == "repr" or not is_plain(result.value):
        raise Broken("answer_not_json", f"{call.function} returns {result}")
    answer = _with_status(result.value)
    if len(write_answer(answer)) > LONGEST:
        raise Broken("answer_too_long", f"{call.function}: {len(write_answer(answer))} characters")
    return answer


def _with_status(value: Any) -> Answer:
    if not isinstance(value, dict):
        return {"status": "success", "result": value}
    if "status" not in value:
        return {"status": "success", **value}
    return value if value["status"] in STATES else {"status": "success", "result": value}
