"""What the author of a task says a right conversation does, before anyone has tried it: the second path to its verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from jsonschema_rs import Draft202012Validator

from .actions import SOLVED, Call
from .answers import numbers
from .mock_api import Answer, MockApi
from .schema import MOST, Unsound, read_json

MOST_CALLS = 10  # of one task
PLACE = {"type": "integer", "minimum": 1}
CALLS = Draft202012Validator(
    {
        "type": "array",
        "maxItems": 3 * MOST,
        "items": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "arguments": {"type": "object"},
                "after": {"type": "array", "items": PLACE},
                "fails": {"type": "boolean"},
            },
            "required": ["name", "arguments"],
            "additionalProperties": False,
        },
    }
)
_DASH = re.compile(r"^[ \t]*[-–•] ", re.MULTILINE)  # of a list; before a number, it is no sign
_NUMERAL = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")


class Unfounded(Exception):
    """The author's solution does not hold on the service itself: a short name of the fault, and a line for people."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Expected:
    """One call of a solution: those that must come before it, by their place, and whether the service refuses it."""

    call: Call
    after: tuple[int, ...] = ()
    fails: bool = False


@dataclass(frozen=True)
class Solution:
    """The calls, how it ends (one of actions.OUTCOMES), the values that the end names, and what the user keeps back."""

    expected: tuple[Expected, ...]
    outcome: str
    must_say: tuple[Any, ...]
    hidden: Mapping[str, Any]

    @classmethod
    def read(cls, fields: Mapping[str, str]) -> Solution:
        """From the fields of a record; raises Unfounded where they do not say one."""
        try:
            expected = read_calls(fields["calls"])
            must_say, hidden = read_json(fields["must_say"]), read_json(fields["hidden"])
        except Unsound as unsound:
            raise Unfounded("solution_unreadable", str(unsound)) from unsound
        if not isinstance(must_say, list) or not all(map(_can_be_said, must_say)):
            raise Unfounded("solution_unreadable", "must_say is no list of texts and numbers")
        if not isinstance(hidden, dict):
            raise Unfounded("solution_unreadable", "hidden is no object")
        return cls(expected, fields["outcome"], tuple(must_say), hidden)

    @property
    def calls(self) -> list[Call]:
        return [each.call for each in self.expected]

    @property
    def may_ask(self) -> bool:
        """Whether something is missing that only the user can say."""
        return bool(self.hidden) or self.outcome == "MISSING_VALUE"

    def check(self, service: MockApi, answers: Sequence[Answer], request: str) -> None:
        """Raises Unfounded unless the service answers the calls as the author says, and the rest agrees with that."""
        if len(self.expected) > MOST_CALLS:
            raise Unfounded("solution_too_long", f"{len(self.expected)} calls, more than {MOST_CALLS}")
        for place, (each, answer) in enumerate(zip(self.expected, answers, strict=True), 1):
            if refusal := service.refusal(each.call):
                raise Unfounded("solution_call_invalid", refusal.message)
            if any(before >= place for before in each.after):
                raise Unfounded("solution_unreadable", f"call {place} waits for one that comes later")
            if each.fails != (answer["status"] == "error"):
                raise Unfounded("solution_call_fails", f"{each.call}: {answer.get('message', 'success')}")
        self._check_values(answers)
        self._check_hidden(request)

    def _check_values(self, answers: Sequence[Answer]) -> None:
        told = "\n".join(map(str, leaves(list(answers))))
        if made_up := [value for value in self.must_say if not says(told, value)]:
            raise Unfounded("value_unfounded", f"no answer gives {made_up[0]!r}")
        if self.outcome == SOLVED and not self.expected:
            raise Unfounded("solution_empty", "a final answer without a call")

    def _check_hidden(self, request: str) -> None:
        passed = "\n".join(map(str, leaves([call.arguments for call in self.calls])))
        for name, value in self.hidden.items():
            if not all(says(passed, each) for each in leaves(value)):
                raise Unfounded("hidden_unused", f"no call passes {name}")
            if any(says(request, each) for each in leaves(value)):
                raise Unfounded("hidden_told", f"the request already says {name}")

    def order(self) -> Iterator[tuple[int, int]]:
        """Pairs of places, from 0, of which the first must come before the second."""
        for place, each in enumerate(self.expected):
            yield from ((before - 1, place) for before in each.after)


@dataclass(frozen=True)
class Shape:
    """What code can tell of a kind of task: how many calls solve it, of how many APIs at least, whether the user keeps
    a value back, whether the service refuses a call, and whether a call rests on another."""

    least: int = 1
    most: int = MOST_CALLS
    apis: int = 0
    hides: bool = False
    refuses: bool = False
    depends: bool = False

    def fault(self, solution: Solution) -> str | None:
        """Why a solution is not one of this kind, if it is not."""
        expected = solution.expected
        if not self.least <= len(expected) <= self.most:
            return f"{len(expected)} calls, and {self.least} to {self.most} are of this kind"
        if len({each.call.name for each in expected}) < self.apis:
            return f"fewer than {self.apis} APIs are called"
        if bool(solution.hidden) != self.hides:
            return "a value is hidden" if solution.hidden else "no value is hidden"
        if any(each.fails for each in expected) != self.refuses:
            return "no call is refused" if self.refuses else "a call is refused"
        return "no call rests on another" if self.depends and not any(solution.order()) else None


def read_calls(text: str) -> tuple[Expected, ...]:
    """The calls that a teacher wrote as a JSON list. Raises Unsound."""
    rows = read_json(text)
    if (error := next(CALLS.iter_errors(rows), None)) is not None:
        raise Unsound(f"calls: {'.'.join(map(str, error.instance_path))}: {error.message[:200]}")
    return tuple(map(_expected, rows))


def says(text: str, value: Any) -> bool:
    """Whether the text gives the value: a number in any spelling, words whatever their case and spacing."""
    plain, text = str(value).strip(), _DASH.sub("", text)
    if _NUMERAL.fullmatch(plain):
        wanted = Fraction(plain.replace(",", ""))
        return any(found.value == wanted for found in numbers(text))
    if isinstance(value, float):  # 1e-07
        return any(found.value == Fraction(value) for found in numbers(text)) or plain in text
    words = r"\s+".join(map(re.escape, plain.split()))
    return re.search(rf"(?<!\w){words}(?!\w)", text, re.IGNORECASE) is not None


def leaves(value: Any) -> Iterator[Any]:
    """The values of a JSON value that are not lists or objects."""
    inner = value if isinstance(value, list) else value.values() if isinstance(value, dict) else None
    if inner is None:
        yield value
    else:
        for each in inner:
            yield from leaves(each)


def _can_be_said(value: Any) -> bool:
    """Whether a sentence can name the value: a number, or a text that is not empty; true and false are words of programs."""
    return isinstance(value, str | int | float) and not isinstance(value, bool) and bool(str(value).strip())


def _expected(row: dict[str, Any]) -> Expected:
    return Expected(Call(row["name"], row["arguments"]), tuple(row.get("after", ())), row.get("fails", False))
