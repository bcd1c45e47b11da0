"""Code that a reply holds, against tests of another hand; and tests that a reply holds, against mutants of right code."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..agent import Agent
from ..flow import Context, Entry, Rejected
from ..record import Record, Verdict
from ..reply import Declined
from ..tools import programs
from ..tools.programs import code_of
from .evidence import short

FEWEST_CASES = 5
KILLED = 0.8  # of the mutants that good cases reject, the share that tests in a reply have to reject
Shape = Callable[[ast.Module, str], bool]
"""A demand on the code of a reply, and the function of that name in it, that its results do not show."""


@dataclass(frozen=True)
class Tested:
    """Code runs against tests that `tester` wrote from the task alone, without sight of any solution.

    The tests are believed when the author's `solution` passes all of them, and every mutant of it fails one, but for
    those that no further call tells from it (see tools.programs.examine_cases). The code that the task shows (its last
    block that defines `function`) must fail them in the entries named `broken`, and pass them in those named `kept`,
    where the reply must not hand it back as it is.
    `shapes` are further demands, by entry.
    """

    tester: Agent
    broken: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    shapes: Mapping[str, Shape] = field(default_factory=dict)

    def agents(self) -> Iterable[Agent]:
        return (self.tester,)

    async def __call__(self, record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        if "solution" not in record.fields:
            return None
        function, code = (
            record.fields["function"],
            code_of(record.fields["response"], record.fields["function"]),
        )
        if code is None:
            return _no("tested_code", "no_code", f"the reply holds no Python that defines {function}")
        if problem := self._misshapen(record, entry, code):
            return problem
        tests = await examined(self.tester, record, ctx)
        if isinstance(tests, Verdict):
            return tests
        if problem := await self._shown(record, entry, tests, ctx):
            return problem
        grade = await ctx.use(programs.grade_program, {**tests.asked, "program": code})
        if grade["decision"] != "pass":
            reason = {"fail": "tests_failed", "undecided": "not_decided"}[grade["decision"]]
            return _no("tested_code", reason, grade["detail"])
        return Verdict(True, "tested_code")

    def _misshapen(self, record: Record, entry: Entry, code: str) -> Verdict | None:
        function = record.fields["function"]
        shown = code_of(record.fields["question"], function)
        if entry.name in self.kept and shown and ast.dump(ast.parse(code)) == ast.dump(ast.parse(shown)):
            return _no("tested_code", "code_unchanged", "the reply hands back the code of the task")
        shape = self.shapes.get(entry.name)
        if shape and not shape(ast.parse(code), function):
            return _no(
                "tested_code",
                "demand_not_met",
                f"{function} is not {(shape.__doc__ or '').strip().rstrip('.')}",
            )
        return None

    async def _shown(self, record: Record, entry: Entry, tests: Examined, ctx: Context) -> Verdict | None:
        """What is wrong with the code that the task shows, if something is."""
        if entry.name not in self.broken | self.kept:
            return None
        shown = code_of(record.fields["question"], record.fields["function"])
        if shown is None:
            return (
                None
                if entry.name in self.broken
                else _no("tested_code", "no_code_shown", "the task shows no code")
            )
        decision = (await ctx.use(programs.grade_program, {**tests.asked, "program": shown}))["decision"]
        if decision == "pass" and entry.name in self.broken:
            return _no("tested_code", "nothing_to_mend", "the code of the task passes all tests")
        if decision != "pass" and entry.name in self.kept:
            return _no("tested_code", "shown_code_fails", "the code of the task does not pass its own tests")
        return None


@dataclass(frozen=True)
class Killing:
    """In these entries the reply is a set of tests: the author's `solution` passes them, and of the mutants that the
    cases of `tester` reject, they reject KILLED at least."""

    tester: Agent
    entries: frozenset[str]

    def agents(self) -> Iterable[Agent]:
        return (self.tester,)

    async def __call__(self, record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        if entry.name not in self.entries:
            return None
        if (code := code_of(record.fields["response"])) is None:
            return _no("killed_mutants", "no_code", "the reply holds no Python")
        tests = await examined(self.tester, record, ctx)
        if isinstance(tests, Verdict):
            return tests
        asked = {"program": tests.asked["program"], "tests": code, "mutants": tests.rejected}
        found = await ctx.use(programs.grade_tests, asked)
        if found["decision"] != "pass":
            reason = {"fail": "right_code_rejected", "undecided": "not_decided"}[found["decision"]]
            return _no("killed_mutants", reason, found["detail"] or "they come to no end")
        if found["rejected"] < KILLED * len(tests.rejected):
            detail = f"the tests reject {found['rejected']} of {len(tests.rejected)} mutants"
            return _no("killed_mutants", "tests_accept_mutants", detail)
        return Verdict(
            True, "killed_mutants", scores={"mutants_killed": found["rejected"] / len(tests.rejected)}
        )


@dataclass(frozen=True)
class Examined:
    """Cases that were found good, as a tool takes them, and the mutants that they reject."""

    asked: dict[str, Any]
    rejected: list[str]


async def examined(tester: Agent, record: Record, ctx: Context) -> Examined | Verdict:
    """The cases that the tester writes for the task, or why they decide nothing."""
    try:
        [written] = await ctx.ask(tester, record)
        cases = programs.read_cases(written.fields["tests"])
    except Declined as declined:
        return _no("tested_code", "tester_declined", str(declined))
    except Rejected as rejected:
        return _no("tested_code", f"tests_{rejected.reason}", rejected.detail)
    except programs.Unusable as unusable:
        return _no("tested_code", "tests_unreadable", str(unusable))
    if len(cases) < FEWEST_CASES:
        return _no("tested_code", "too_few_tests", f"{len(cases)}; at least {FEWEST_CASES} are needed")
    program = code_of(record.fields["solution"], record.fields["function"]) or record.fields["solution"]
    asked = {"program": program, "function": record.fields["function"], "cases": cases}
    found = await ctx.use(programs.examine_cases, asked)
    if found["decision"] != "pass":
        return _no("tested_code", "solution_fails", found["detail"])
    if found["accepted"] or not found["rejected"]:
        detail = "; ".join(map(short, found["accepted"][:3])) or "nothing in the solution can be mistaken"
        return _no("tested_code", "tests_accept_mutant", detail)
    return Examined(asked, found["rejected"])


def _no(by: str, reason: str, detail: str) -> Verdict:
    return Verdict(False, by, reason, detail)
