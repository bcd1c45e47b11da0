"""Decides whether a program is right: the program never sees what is expected, and never writes the verdict.

It gets its input, and its output is compared here, length and all. Three answers: pass, fail, and undecided where
a limit ended it or our own side failed; only a pass is ever counted as verified.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from ....run import EnvironmentFailure
from . import USUAL, Limits, Outcome, canaries, ready, run_async
from .selftest import Once

TOLERANCE = (
    1e-9  # relative, between numbers with decimals: two right ways to add may differ in the last digits
)
SMALLEST = 1e-12  # of two numbers that should cancel to nothing
DEEPEST = 64  # lists in lists: more is no answer, and an attack on whoever reads it
LONGEST_NUMBER = 4000  # digits that Python turns into an integer; longer ones are compared as decimals
CALLS = Path(__file__).with_name("calls.py")


@dataclass(frozen=True)
class Grade:
    """The verdict, and for people why."""

    decision: Literal["pass", "fail", "undecided"]
    detail: str = ""


@dataclass(frozen=True)
class Example:
    """What a program reads on standard input, and what it then has to write."""

    stdin: str
    stdout: str


@dataclass(frozen=True)
class Call:
    """A call of one of the program's functions, with arguments that JSON can write."""

    function: str
    args: Sequence[Any] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def line(self) -> str:
        return json.dumps({"function": self.function, "args": list(self.args), "kwargs": self.kwargs})


@dataclass(frozen=True)
class Result:
    """What a call came to: a `value` that JSON can write (a tuple is a list), the `repr` of any other, or the name
    of the exception that it `raised`, with its message."""

    kind: Literal["value", "repr", "raised"]
    value: Any
    message: str = ""

    def __str__(self) -> str:
        if self.kind != "value":
            return f"{'raises' if self.kind == 'raised' else 'an object written'} {self.value}"[:80]
        try:
            return repr(self.value)[:80]
        except ValueError:
            return "a number of thousands of digits"


@dataclass(frozen=True)
class Called:
    """The results that a program gave, in the order of the calls; `whole` where there is nothing else and none
    is missing."""

    outcome: Outcome
    results: tuple[Result, ...]
    whole: bool


async def call(program: str, calls: Sequence[Call], limits: Limits = USUAL) -> Called:
    """Load `program` as a module and make the calls one after the other in one process: its state is kept.

    Raises EnvironmentFailure as `run_async` does.
    """
    lines = [json.dumps(program), *(each.line for each in calls)]
    outcome = await run_async(CALLS.read_text(), "\n".join(lines), limits)
    *written, rest = outcome.stdout.split("\n")
    results = []
    for line in written:
        if (result := _result(line)) is None:
            break
        results.append(result)
    return Called(outcome, tuple(results), not rest and len(results) == len(written) == len(calls))


async def grade_calls(program: str, cases: Sequence[tuple[Call, Result]], limits: Limits = USUAL) -> Grade:
    """Whether every call comes to what is expected of it. Raises EnvironmentFailure where nothing can be graded."""
    await trusted()
    return await _grade_calls(program, cases, limits)


async def grade_output(program: str, examples: Sequence[Example], limits: Limits = USUAL) -> Grade:
    """Whether the program writes what each example expects, but for spaces at the ends of lines and empty lines
    at the end. Raises EnvironmentFailure where nothing can be graded."""
    await trusted()
    return await _grade_output(program, examples, limits)


async def _grade_output(program: str, examples: Sequence[Example], limits: Limits) -> Grade:
    grade = Grade("pass")
    for number, example in enumerate(examples, 1):
        try:
            outcome = await run_async(program, example.stdin, limits)
        except EnvironmentFailure as failure:
            return Grade("undecided", str(failure))
        found = _output_grade(outcome, example.stdout, f"example {number}")
        if found.decision == "fail":
            return found
        grade = grade if found.decision == "pass" else found
    return grade


def _output_grade(outcome: Outcome, expected: str, where: str) -> Grade:
    given, wanted = _lines(outcome.stdout), _lines(expected)
    if outcome.limit == "output" and len(outcome.stdout) > len(expected):
        return Grade("fail", f"{where}: it does not stop writing")
    if outcome.limit:
        return Grade("undecided", f"{where}: it reached the limit of {outcome.limit}")
    if outcome.status == "error":
        return Grade("fail", f"{where}: it ended with {outcome.code} ({outcome.last_words[:200]})")
    if len(given) != len(wanted):
        return Grade("fail", f"{where}: the number of lines is {len(given)} instead of {len(wanted)}")
    for number, (left, right) in enumerate(zip(given, wanted, strict=True), 1):
        if left != right:
            return Grade("fail", f"{where}, line {number}: {left[:80]!r} instead of {right[:80]!r}")
    return Grade("pass")


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


async def _grade_calls(program: str, cases: Sequence[tuple[Call, Result]], limits: Limits) -> Grade:
    try:
        called = await call(program, [each for each, _ in cases], limits)
    except EnvironmentFailure as failure:
        return Grade("undecided", str(failure))
    for number, (given, (_, wanted)) in enumerate(zip(called.results, cases, strict=False), 1):
        if same(given, wanted):
            continue
        if (given.kind, given.value) == ("raised", "MemoryError"):
            return Grade("undecided", f"call {number}: it reached the limit of memory")
        return Grade("fail", f"call {number}: {given} instead of {wanted}")
    outcome, count = called.outcome, len(called.results)
    if called.whole and outcome.status == "ok":
        return Grade("pass")
    if outcome.limit and count < len(cases):
        return Grade("undecided", f"call {count + 1}: it reached the limit of {outcome.limit}")
    why = f"{count} results of {len(cases)}" if count < len(cases) else "it writes more than its results"
    return Grade("fail", f"{why}; it ended with {outcome.code} ({outcome.last_words[:200]})")


def _result(line: str) -> Result | None:
    """The result that a line of the runner writes; None where it is no such line."""
    try:
        found = json.loads(line, parse_int=_integer)
    except (ValueError, RecursionError):
        return None
    match found:
        case {"value": value, **rest} if not rest and _is_shallow(value):
            return Result("value", value)
        case {"repr": str(text), **rest} if not rest:
            return Result("repr", text)
        case {"raised": str(name), "message": str(message), **rest} if not rest:
            return Result("raised", name, message)
    return None


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits) <= LONGEST_NUMBER else Decimal(digits)


def _is_shallow(value: Any, levels: int = DEEPEST) -> bool:
    inner = value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inner)


def same(given: Result, wanted: Result) -> bool:
    """Whether a result is the expected one; of an exception, its name counts."""
    return given.kind == wanted.kind and _equal(given.value, wanted.value)


def _equal(left: Any, right: Any) -> bool:
    """Equality of JSON values: length and keys count, true is not 1, and decimals are rounded."""
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        return len(left) == len(right) and all(map(_equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_equal(left[key], right[key]) for key in left)
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, float) and isinstance(right, int | float):
        return _is_close(left, right)
    if isinstance(right, float) and isinstance(left, int):
        return _is_close(right, left)
    return left == right


def _is_close(left: float, right: float) -> bool:
    try:
        nothing = math.isnan(left) and math.isnan(right)
        return nothing or math.isclose(left, right, rel_tol=TOLERANCE, abs_tol=SMALLEST)
    except OverflowError:  # an integer that no float can hold
        return False


async def _try_canaries() -> None:
    """Grade what is known: the right programs pass, and none of the cheats does."""
    await ready()
    cases = [(Call(canaries.FUNCTION, [given]), Result("value", wanted)) for given, wanted in canaries.CASES]
    examples = [Example(given, wanted) for given, wanted in canaries.EXAMPLES]
    decisions = [
        *((name, _grade_calls(text, cases, USUAL)) for name, text in canaries.FUNCTIONS.items()),
        *((name, _grade_output(text, examples, USUAL)) for name, text in canaries.SCRIPTS.items()),
    ]
    for (name, _), grade in zip(
        decisions, await asyncio.gather(*(each for _, each in decisions)), strict=True
    ):
        if (grade.decision == "pass") != (name == canaries.RIGHT):
            raise EnvironmentFailure(
                f"model-written code cannot be graded here: {name}: {grade.decision} {grade.detail}"
            )


trusted = Once(_try_canaries)
"""Raises EnvironmentFailure unless the grader passes a right program and no cheat; tried once per process."""
