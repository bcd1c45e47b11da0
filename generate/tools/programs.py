"""Programs that nobody has read, as tools of a flow: run, called, graded against cases, found in a reply.

The tools take and return JSON, so that a run does each once (flow.Context.use); the programs run in the sandbox.
"""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from .mutants import Mutant, mutants
from .sandbox import USUAL, Limits, run_async
from .sandbox.grade import Call, Called, Result, call, grade_calls, same

Case = dict[str, Any]
"""One call of the function and what comes of it: `args`, perhaps `kwargs`, and `returns` or the name that it `raises`."""

MISTAKEN = Limits(
    wall=4.0, cpu=1
)  # a mutant that goes on for ever is told from the right program after a second
MOST_CASES, MOST_PROBES = 40, 60


class Unusable(ValueError):
    """The cases are not in the form that was asked for; the message says how."""


# --- tools ---


async def run_program(asked: dict[str, Any]) -> dict[str, Any]:
    """What `program` writes, and whether it came to its end: {"ended", "stdout", "detail"}."""
    outcome = await run_async(asked["program"], limits=USUAL)
    why = outcome.last_words[:200] or f"it ended with {outcome.code}"
    detail = f"the limit of {outcome.limit}" if outcome.limit else why
    return {"ended": outcome.status == "ok", "stdout": outcome.stdout, "detail": detail}


async def call_program(asked: dict[str, Any]) -> dict[str, Any]:
    """What `function` of `program` returns for each of `arguments`, as long as it does: {"values", "detail"}."""
    cases = [{"args": args} for args in asked["arguments"]]
    called = await _call(asked["program"], asked["function"], cases, USUAL)
    values = []
    for result in called.results:
        if result.kind != "value":
            return {"values": values, "detail": f"call {len(values) + 1}: {result} {result.message[:120]}"}
        values.append(result.value)
    why = f"the limit of {called.outcome.limit}" if called.outcome.limit else called.outcome.last_words[:200]
    return {"values": values, "detail": "" if called.whole else why}


async def grade_program(asked: dict[str, Any]) -> dict[str, str]:
    """Whether `function` of `program` passes all `cases`: {"decision": "pass", "fail" or "undecided", "detail"}."""
    limits = MISTAKEN if asked.get("is_mistaken") else USUAL
    grade = await grade_calls(asked["program"], _expected(asked["function"], asked["cases"]), limits)
    return {"decision": grade.decision, "detail": grade.detail}


async def examine_cases(asked: dict[str, Any]) -> dict[str, Any]:
    """The grade of the right `program` on the cases of its `function`, and the mutants of it that they accept.

    A mutant that passes all cases counts as accepted where its mistake is a gross one, or a probe tells it from the
    program; otherwise the two are taken to be equivalent. {"decision", "detail", "rejected": mutants as programs,
    "accepted": the changes of others}.
    """
    program, function, cases = asked["program"], asked["function"], asked["cases"]
    found = {**await grade_program(asked), "rejected": [], "accepted": []}
    if found["decision"] != "pass":
        return found
    known = mutants(program)
    graded = await asyncio.gather(
        *(grade_program({**asked, "program": mutant.program, "is_mistaken": True}) for mutant in known)
    )
    passed = [mutant for mutant, grade in zip(known, graded, strict=True) if grade["decision"] == "pass"]
    found["rejected"] = [mutant.program for mutant in known if mutant not in passed]
    found["accepted"] = [
        mutant.change for mutant in await _told_apart(program, function, passed, probes(cases))
    ]
    return found


async def grade_tests(asked: dict[str, Any]) -> dict[str, Any]:
    """What test functions in `tests` say of `program`, and how many of its `mutants` they reject.

    {"decision", "detail", "rejected"}: tests that end by themselves decide, on standard output nothing does.
    """
    first = await run_async(_tested(asked["program"], asked["tests"]), limits=USUAL)
    decision = {"ok": "pass", "error": "fail"}.get(first.status, "undecided")
    runs = (run_async(_tested(each, asked["tests"]), limits=MISTAKEN) for each in asked["mutants"])
    outcomes = await asyncio.gather(*runs) if decision == "pass" else []
    rejected = sum(outcome.status != "ok" for outcome in outcomes)
    return {"decision": decision, "detail": first.last_words[:200], "rejected": rejected}


def _tested(program: str, tests: str) -> str:
    return f"{program}\n\n{tests}\n\n{_EACH_TEST}"


_EACH_TEST = """
for _name, _test in list(globals().items()):
    if _name.startswith("test") and callable(_test):
        _test()
"""


def _expected(function: str, cases: Sequence[Case]) -> list[tuple[Call, Result]]:
    return [(_called(function, case), _result(case)) for case in cases]


def _called(function: str, case: Case) -> Call:
    return Call(function, case["args"], case.get("kwargs", {}))


def _result(case: Case) -> Result:
    return Result("raised", case["raises"]) if "raises" in case else Result("value", case["returns"])


async def _call(program: str, function: str, cases: Sequence[Case], limits: Limits) -> Called:
    return await call(program, [_called(function, case) for case in cases], limits)


async def _told_apart(
    program: str, function: str, survivors: list[Mutant], tried: list[Case]
) -> list[Mutant]:
    """The survivors with a gross mistake, and those that give another result than the program for a probe for which
    that returns a value."""
    if not survivors:
        return []
    right, *others = await asyncio.gather(
        *(
            _call(each, function, tried, MISTAKEN)
            for each in (program, *(mutant.program for mutant in survivors))
        )
    )
    compared = zip(survivors, others, strict=True)
    return [mutant for mutant, other in compared if mutant.is_gross or _differs(right, other)]


def _differs(right: Called, other: Called) -> bool:
    for number, result in enumerate(right.results):
        is_missing = number >= len(other.results)
        if result.kind == "value" and (is_missing or not same(other.results[number], result)):
            return True
    return False


# --- cases ---


def read_cases(text: str) -> list[Case]:
    """The cases that `text` writes, a JSON object to a line, or in an array; perhaps in a Markdown fence.

    Raises Unusable where they are not to be read, or two say different things of the same call.
    """
    body = re.sub(r"^\s*```.*$", "", text, flags=re.MULTILINE).strip()
    try:
        found = (
            json.loads(body)
            if body.startswith("[")
            else [*map(json.loads, filter(str.strip, body.splitlines()))]
        )
    except (ValueError, RecursionError) as error:
        raise Unusable(f"not JSON: {error}") from error
    cases = {json.dumps([case["args"], case.get("kwargs", {})]): case for case in map(_case, found)}
    if len(found) > MOST_CASES or len(cases) < len(found):
        raise Unusable(f"{len(found)} cases, of which {len(cases)} differ; {MOST_CASES} at most are allowed")
    return list(cases.values())


def _case(found: Any) -> Case:
    match found:
        case {"args": list(), **rest} if rest.keys() <= {"kwargs", "returns", "raises"}:
            is_named = isinstance(rest.get("kwargs", {}), dict) and isinstance(rest.get("raises", ""), str)
            if is_named and ("returns" in rest) != ("raises" in rest):
                return found
    raise Unusable(f"{json.dumps(found)[:80]} is no case")


def probes(cases: Sequence[Case]) -> list[Case]:
    """Calls like those of the cases: an argument from the next case, or changed by a little.

    They stay within what the cases span (least and greatest number, shortest and longest list or text), for beyond
    that nobody has said what the function does.
    """
    found: dict[str, Case] = {}
    for number, one in enumerate(cases):
        following = cases[(number + 1) % len(cases)]
        for place, value in enumerate(one["args"]):
            spanned = [other["args"][place] for other in cases if place < len(other["args"])]
            others = [following["args"][place]] if place < len(following["args"]) else []
            for changed in (*others, *_neighbours(value, spanned)):
                args = [*one["args"][:place], changed, *one["args"][place + 1 :]]
                found.setdefault(json.dumps(args), {**one, "args": args})
    return list(found.values())[:MOST_PROBES]


def _neighbours(value: Any, spanned: Sequence[Any]) -> Iterator[Any]:
    """Values that differ by one step, of the same kind."""
    like = [other for other in spanned if type(other) is type(value)]
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield from (near for near in (value - 1, value + 1) if min(like) <= near <= max(like))
    elif isinstance(value, list | str) and value:
        steps = [value[1:], value[:-1], value[::-1]]
        lengths = [len(other) for other in like]
        yield from (step for step in steps if min(lengths) <= len(step) <= max(lengths))


# --- code in a reply ---


def code_of(text: str, function: str | None = None) -> str | None:
    """The Python code of a reply: its last fenced block that defines `function` (or the last that is Python), after
    what the blocks before it import and define; a reply without fences may be code itself. None where there is none."""
    fenced = re.findall(
        r"^[ \t]*```[ \t]*(\w*)[^\n]*\n(.*?)^[ \t]*```", f"{text}\n", re.MULTILINE | re.DOTALL
    )
    texts = [body for language, body in fenced if language.lower() in ("", "py", "python", "python3")] or [
        text
    ]
    blocks = [(body, tree) for body in texts if (tree := _tree(body)) is not None and tree.body]
    for at in reversed(range(len(blocks))):
        body, tree = blocks[at]
        if function is None or function in defined(tree):
            before = [
                ast.unparse(node)
                for _, earlier in blocks[:at]
                for node in earlier.body
                if _is_definition(node)
            ]
            return "\n".join([*before, body])
    return None


def defined(tree: ast.Module) -> dict[str, ast.FunctionDef | ast.ClassDef]:
    """The functions and classes of a module by name."""
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def _tree(body: str) -> ast.Module | None:
    try:
        return ast.parse(body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _is_definition(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef)
