"""A program is right where its output is the expected one, and whatever else it does decides nothing."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest
from genteach.generate.tools.sandbox import Limits, Outcome, canaries, grade, selftest
from genteach.generate.tools.sandbox.grade import Call, Example, Grade, Result, grade_calls, grade_output
from genteach.run import EnvironmentFailure

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox asks Linux for isolation")

CASES = [(Call(canaries.FUNCTION, [given]), Result("value", wanted)) for given, wanted in canaries.CASES]
EXAMPLES = [Example(given, wanted) for given, wanted in canaries.EXAMPLES]
SHORT = Limits(wall=1.5)


def by_calls(program: str, *cases: tuple[Call, Result], limits: Limits = grade.USUAL) -> Grade:
    return asyncio.run(grade_calls(program, cases, limits))


def by_output(program: str, *examples: Example, limits: Limits = grade.USUAL) -> Grade:
    return asyncio.run(grade_output(program, examples, limits))


def returns(expression: str, wanted: Any, kind: Any = "value") -> str:
    """The decision on a function that returns `expression`."""
    given = by_calls(f"def f():\n    return {expression}", (Call("f"), Result(kind, wanted)))
    return given.decision


# --- the cheats ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", canaries.FUNCTIONS)
def test_of_all_functions_the_right_one_alone_passes(name: str) -> None:
    found = by_calls(canaries.FUNCTIONS[name], *CASES)
    assert found.decision == ("pass" if name == canaries.RIGHT else "fail"), found
    assert (found.detail == "") == (name == canaries.RIGHT), "whatever fails says why"


@pytest.mark.parametrize("name", canaries.SCRIPTS)
def test_of_all_scripts_the_right_one_alone_passes(name: str) -> None:
    found = by_output(canaries.SCRIPTS[name], *EXAMPLES)
    assert found.decision == ("pass" if name == canaries.RIGHT else "fail"), found


def test_what_is_expected_is_never_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent, run_async = [], grade.run_async

    async def recorded(program: str, stdin: str, limits: Limits) -> Outcome:
        sent.append(program + stdin)
        return await run_async(program, stdin, limits)

    monkeypatch.setattr(grade, "run_async", recorded)
    secret = "8d7f3c"
    assert by_calls("def f(x): return x", (Call("f", [1]), Result("value", secret))).decision == "fail"
    assert by_output("print(input())", Example("1", secret)).decision == "fail"
    assert sent and not any(secret in text for text in sent)


def test_a_missing_result_fails_where_all_others_are_right() -> None:
    program = "import os\ndef f(x):\n    if x == 3: os._exit(0)\n    return x"
    assert by_calls(program, *((Call("f", [n]), Result("value", n)) for n in range(4))).decision == "fail"


def test_a_forged_line_that_nobody_can_read_fails() -> None:
    for line in (
        "[" * 100_000,
        '{"value": ' + "[" * 90 + "]" * 90 + "}",
        "{}",
        '{"value": 1, "more": 2}',
        "nan",
        "\\xff",
    ):
        program = f"import os\nos.write(3, b'{line}\\n')\ndef f(): return 1"
        assert by_calls(program, (Call("f"), Result("value", 1))).decision == "fail"


# --- three answers -------------------------------------------------------------------------------------------


def test_a_right_answer_that_takes_too_long_is_not_decided() -> None:
    slow = "import time\ndef f(x):\n    time.sleep(x)\n    return x"
    found = by_calls(
        slow, (Call("f", [0]), Result("value", 0)), (Call("f", [60]), Result("value", 60)), limits=SHORT
    )
    assert found == Grade("undecided", "call 2: it reached the limit of wall")
    found = by_output("import time\ntime.sleep(60)\nprint(1)", Example("", "1\n"), limits=SHORT)
    assert found == Grade("undecided", "example 1: it reached the limit of wall")


def test_a_right_answer_that_needs_more_memory_is_not_decided() -> None:
    found = by_calls("def f(): return len(bytearray(4 << 30))", (Call("f"), Result("value", 4 << 30)))
    assert found == Grade("undecided", "call 1: it reached the limit of memory")
    found = by_output("print(len(bytearray(4 << 30)))", Example("", str(4 << 30)))
    assert found == Grade("undecided", "example 1: it reached the limit of memory")


def test_what_was_wrong_before_the_limit_fails() -> None:
    slow = "import time\ndef f(x):\n    time.sleep(x)\n    return 7"
    found = by_calls(
        slow, (Call("f", [0]), Result("value", 0)), (Call("f", [60]), Result("value", 7)), limits=SHORT
    )
    assert found == Grade("fail", "call 1: 7 instead of 0")
    examples = Example("60", "x"), Example("0", "1")
    slow = "import time\ntime.sleep(int(input()))\nprint(2)"
    assert by_output(slow, *examples, limits=SHORT).detail == "example 2, line 1: '2' instead of '1'"


def test_output_without_end_fails() -> None:
    found = by_output("while True: print(1)", Example("", "1\n"))
    assert found == Grade("fail", "example 1: it does not stop writing")
    assert (
        by_calls("import os\nwhile True: os.write(3, b'1\\n' * 9)", (Call("f"), Result("value", 1))).decision
        != "pass"
    )


def test_a_failure_of_ours_is_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(grade.trusted())

    async def failing(program: str, stdin: str, limits: Limits) -> Outcome:
        raise EnvironmentFailure("sandbox (built-in): fork: Cannot allocate memory")

    monkeypatch.setattr(grade, "run_async", failing)
    assert by_output("print(1)", *EXAMPLES) == Grade(
        "undecided", "sandbox (built-in): fork: Cannot allocate memory"
    )
    assert by_calls("f = len", *CASES).decision == "undecided"


def test_a_grader_that_passes_a_cheat_refuses_to_grade(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grade, "trusted", selftest.Once(grade._try_canaries))
    monkeypatch.setitem(canaries.FUNCTIONS, "a cheat that works", canaries.FUNCTIONS[canaries.RIGHT])
    with pytest.raises(EnvironmentFailure, match="cannot be graded here: a cheat that works: pass"):
        by_output("", *EXAMPLES)


# --- what is compared ----------------------------------------------------------------------------------------


def test_spaces_at_ends_of_lines_and_empty_last_lines_do_not_count() -> None:
    assert by_output("print('a  \\nb\\t\\n\\n')", Example("", "a\nb")).decision == "pass"
    assert by_output("print('a\\r\\nb')", Example("", "a\nb\n")).decision == "pass"
    assert by_output("print(' a')", Example("", "a")).decision == "fail"
    assert by_output("print('a\\n\\nb')", Example("", "a\nb")).decision == "fail"
    assert by_output("print('A')", Example("", "a")).decision == "fail"


@pytest.mark.parametrize(
    ("expression", "wanted", "kind"),
    [
        ("(1, [2, None], {'a': True})", [1, [2, None], {"a": True}], "value"),
        ("0.1 + 0.2", 0.3, "value"),
        ("4.0", 4, "value"),
        ("float('nan')", float("nan"), "value"),
        ("'grüße 🎉'", "grüße 🎉", "value"),
        ("{3, 1, 2}", "{1, 2, 3}", "repr"),
        ("{1: 'a'}", "{1: 'a'}", "repr"),
        ("1 / 0", "ZeroDivisionError", "raised"),
        ("missing", "NameError", "raised"),
    ],
)
def test_a_value_equal_to_the_expected_one_passes(expression: str, wanted: Any, kind: Any) -> None:
    assert returns(expression, wanted, kind) == "pass"


@pytest.mark.parametrize(
    ("expression", "wanted", "kind"),
    [
        ("1", True, "value"),
        ("0.30001", 0.3, "value"),
        ("10 ** 400", 0.5, "value"),
        ("'1'", 1, "value"),
        ("[1, 2]", [1], "value"),
        ("[1]", [1, 2], "value"),
        ("{'a': 1, 'b': 2}", {"a": 1}, "value"),
        ("'{1, 2}'", "{1, 2}", "repr"),
        ("type('int', (int,), {})(3)", 3, "value"),
        ("'ValueError'", "ValueError", "raised"),
        ("None", 0, "value"),
    ],
)
def test_a_value_unlike_the_expected_one_fails(expression: str, wanted: Any, kind: Any) -> None:
    assert returns(expression, wanted, kind) == "fail"


def test_numbers_of_thousands_of_digits_are_compared_to_the_last() -> None:
    assert returns("7 ** 9999", 7**9999) == "pass"
    assert returns("7 ** 9999", 7**9999 + 1) == "fail"


# --- calls ---------------------------------------------------------------------------------------------------


def called(program: str, *calls: Call) -> grade.Called:
    return asyncio.run(grade.call(program, calls))


def test_calls_share_the_state_of_the_program() -> None:
    program = (
        "stock = {}\ndef add(name, count=1):\n    stock[name] = stock.get(name, 0) + count\n    return stock"
    )
    found = called(program, Call("add", ["nut"]), Call("add", ["nut"], {"count": 4}))
    assert found.whole and [result.value for result in found.results] == [{"nut": 1}, {"nut": 5}]


def test_an_exception_is_a_result_with_its_message() -> None:
    found = called("def f(x): raise KeyError('no ' + x)", Call("f", ["nut"]), Call("g"))
    assert found.results[0] == Result("raised", "KeyError", "'no nut'")
    assert found.results[1].value == "AttributeError" and found.whole


def test_what_the_program_prints_is_no_result() -> None:
    found = called("print('loading')\ndef f(): print('in f'); return input", Call("f"))
    assert found.outcome.stderr == "loading\nin f\n" and found.whole
    assert found.results[0].kind == "repr"


def test_what_a_module_does_as_a_script_stays_undone() -> None:
    found = called("def f(): return __name__\nif __name__ == '__main__':\n    raise SystemExit(3)", Call("f"))
    assert found.results == (Result("value", "solution"),)


def test_a_program_that_cannot_be_loaded_gives_no_result() -> None:
    found = called("def f(:", Call("f"))
    assert (found.results, found.whole, found.outcome.status) == ((), False, "error")
    assert found.outcome.last_words == "SyntaxError: invalid syntax"
