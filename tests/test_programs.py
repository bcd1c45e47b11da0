"""Code is believed when it passes tests that no small mistake passes; estimates and rules when a program comes to the same."""

from __future__ import annotations

import ast
import asyncio
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from genteach.generate import verifiers
from genteach.generate.agent import Agent
from genteach.generate.flow import Entry, Rejected, Verifier
from genteach.generate.record import Record, Verdict
from genteach.generate.reply import Declined
from genteach.generate.seeds import Seed
from genteach.generate.skills.coding import by_pattern, documented, iterative
from genteach.generate.tools import programs
from genteach.generate.tools.answers import FACTOR, equations, magnitude, powers_written_out, same_magnitude
from genteach.generate.tools.mutants import MOST_MUTANTS, mutants
from genteach.generate.tools.programs import Unusable, code_of, probes, read_cases
from genteach.generate.tools.sandbox import Limits
from genteach.generate.verifiers import FirstOf, Killing, Reckoned, estimated, executed, reckoner, ruled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox asks Linux for isolation")

SEED = Seed("0" * 32, "A text.", "text", "doc", (0, 7), "test", "CC0-1.0")
TESTER = Agent("tester", "A tester.", "Test.", writes_text="tests")
SOLUTION = """
def clamp(value, low, high):
    if low > high:
        raise ValueError("the borders are crossed")
    if value < low:
        return low
    return high if value > high else value
"""
STRONG = [
    {"args": [5, 1, 9], "returns": 5},
    {"args": [0, 1, 9], "returns": 1},
    {"args": [12, 1, 9], "returns": 9},
    {"args": [1, 1, 9], "returns": 1},
    {"args": [9, 1, 9], "returns": 9},
    {"args": [3, 4, 4], "returns": 4},
    {"args": [3, 9, 1], "raises": "ValueError"},
    {"args": [3, 2, 1], "raises": "ValueError"},
]
WEAK = [
    *STRONG[:1],
    *({"args": [n, 1, 9], "returns": n} for n in (2, 3, 4)),
    {"args": [12, 1, 9], "returns": 9},
]


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes on for ever does so for a second."""
    monkeypatch.setattr(programs, "USUAL", Limits(wall=1.0, cpu=1))


class Helpers:
    """A context whose teacher says one thing after the other, and whose tools are the real ones."""

    def __init__(self, *said: str | Exception) -> None:
        self.said: Iterator[str | Exception] = iter(said)

    async def ask(self, agent: Agent, record: Record) -> list[Record]:
        said = next(self.said)
        if isinstance(said, Exception):
            raise said
        [name] = agent.form.names or [agent.writes_text]
        return [record.with_fields({name: said})]

    async def use(self, tool: Any, asked: dict[str, Any]) -> dict[str, Any]:
        return json.loads(json.dumps(await tool(json.loads(json.dumps(asked)))))


def record(**fields: str) -> Record:
    return Record.begin("skill", SEED).with_fields(fields)


def entry(match: str = "judge", name: str = "entry") -> Entry:
    return Entry(name, TESTER, "any task", match=match)  # type: ignore[arg-type]


def said_by(verify: Verifier, given: Record, of: Entry, *said: str | Exception) -> Verdict | None:
    return asyncio.run(verify(given, of, Helpers(*said)))  # type: ignore[arg-type]


def reason(verify: Verifier, given: Record, of: Entry, *said: str | Exception) -> str | None:
    """The reason of a rejection, "" for an acceptance, None where there is nothing to say."""
    verdict = said_by(verify, given, of, *said)
    assert verdict is None or (verdict.by and (verdict.accepted or verdict.detail)), verdict
    return None if verdict is None else verdict.reason


def lines(cases: list[dict[str, Any]]) -> str:
    return "\n".join(map(json.dumps, cases))


def fenced(code: str) -> str:
    return f"This does it:\n\n```python\n{code}\n```\n"


def graded(code: str, cases: str | Exception | None = None, solution: str = SOLUTION) -> str | None:
    given = record(question="?", function="clamp", solution=solution, response=fenced(code))
    return reason(verifiers.Tested(TESTER), given, entry(), cases or lines(STRONG))


# --- code against tests --------------------------------------------------------------------------------------------


def test_code_that_passes_good_tests_is_believed() -> None:
    assert graded(SOLUTION) == ""
    another = "def clamp(value, low, high):\n    assert_order(low, high)\n    return sorted([low, value, high])[1]\n"
    helper = "def assert_order(low, high):\n    if low > high:\n        raise ValueError(low)\n"
    assert graded(f"{helper}\n{another}") == ""


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("def clamp(value, low, high):\n    return max(low, min(value, high))", "tests_failed"),
        ("def clip(value, low, high):\n    return value", "no_code"),
        ("def clamp(value low):", "no_code"),
        (
            "import os\nprint('ok: all tests passed', flush=True)\ndef clamp(*_):\n    os._exit(0)",
            "tests_failed",
        ),
        ("class Any(int):\n    __eq__ = lambda *_: True\ndef clamp(*_):\n    return Any(0)", "tests_failed"),
        ("import sys\nsys.exit(0)\ndef clamp(*_):\n    return 0", "tests_failed"),
        ("def clamp(*_):\n    while True:\n        pass", "not_decided"),
    ],
)
def test_wrong_cheating_and_endless_code_is_not_verified(code: str, why: str) -> None:
    assert graded(code) == why


@pytest.mark.parametrize(
    ("cases", "why"),
    [
        (lines(WEAK), "tests_accept_mutant"),
        (lines(STRONG[:4]), "too_few_tests"),
        (lines([*STRONG[1:], {"args": [5, 1, 9], "returns": 6}]), "solution_fails"),
        ("clamp(5, 1, 9) == 5", "tests_unreadable"),
        (Declined("it does not say what it returns"), "tester_declined"),
        (Rejected("tester", "unreadable_reply", "no <item>"), "tests_unreadable_reply"),
    ],
)
def test_tests_that_decide_nothing_verify_nothing(cases: str | Exception, why: str) -> None:
    assert graded(SOLUTION, cases) == why


def test_a_solution_that_goes_on_for_ever_verifies_nothing() -> None:
    assert graded(SOLUTION, solution="def clamp(*_):\n    while True:\n        pass") == "solution_fails"


def test_shown_code_is_wrong_where_it_is_to_be_mended_and_right_where_it_is_to_be_kept() -> None:
    faulty = SOLUTION.replace("value > high", "value >= low")

    def shown(code: str, reply: str, name: str) -> str | None:
        fields = {"function": "clamp", "solution": SOLUTION, "response": fenced(reply)}
        verify = verifiers.Tested(TESTER, broken=frozenset({"fix"}), kept=frozenset({"rewrite"}))
        return reason(verify, record(question=fenced(code), **fields), entry(name=name), lines(STRONG))

    assert shown(faulty, SOLUTION, "fix") == ""
    assert shown(SOLUTION, SOLUTION, "fix") == "nothing_to_mend"
    assert shown(faulty, SOLUTION, "rewrite") == "shown_code_fails"
    assert shown(SOLUTION, f"# as it was\n{SOLUTION}", "rewrite") == "code_unchanged"
    assert shown(SOLUTION, SOLUTION.replace("value < low", "not value >= low"), "rewrite") == ""


@pytest.mark.parametrize(
    ("shape", "code", "holds"),
    [
        (documented, 'def f(a: int, *, b: str) -> int:\n    """What it does."""', True),
        (documented, 'def f(a: int, *, b) -> int:\n    """What it does."""', False),
        (documented, "def f(a: int) -> int:\n    return a", False),
        (iterative, "def f(a):\n    return [g(b) for b in a]", True),
        (iterative, "def f(a):\n    return [f(b) for b in a]", False),
        (iterative, "def f(a):\n    def walk(b):\n        return walk(b)\n    return walk(a)", False),
        (
            iterative,
            "def f(a):\n    return g(a)\ndef g(a):\n    return [h(b) for b in a]\ndef h(a):\n    return 1",
            True,
        ),
        (iterative, "def f(a):\n    return g(a)\ndef g(a):\n    return [f(b) for b in a]", False),
        (iterative, "def f(a):\n    return g(a)\ndef g(a):\n    return g(a)", False),
        (by_pattern, "import re\ndef f(a):\n    return re.split('x', a)", True),
        (by_pattern, "from re import split\ndef f(a):\n    return split('x', a)", True),
        (by_pattern, "def f(a):\n    return a.split('x')", False),
    ],
)
def test_what_results_do_not_show_is_read_off_the_code(shape: Any, code: str, holds: bool) -> None:
    assert shape(ast.parse(code), "f") is holds


def test_a_demand_on_the_code_is_held_against_the_reply() -> None:
    given = record(question="?", function="clamp", solution=SOLUTION, response=fenced(SOLUTION))
    assert reason(verifiers.Tested(TESTER, shapes={"entry": documented}), given, entry()) == "demand_not_met"


# --- tests against mutants -----------------------------------------------------------------------------------------

GOOD_TESTS = """
def test_all():
    assert clamp(5, 1, 9) == 5 and clamp(0, 1, 9) == 1 and clamp(12, 1, 9) == 9
    assert clamp(3, 4, 4) == 4

def test_borders_that_are_crossed():
    for low in (2, 9):
        try:
            clamp(3, low, 1)
        except ValueError:
            continue
        assert False
"""


@pytest.mark.parametrize(
    ("tests", "why"),
    [
        (GOOD_TESTS, ""),
        ("def test_all():\n    assert clamp(5, 1, 9) == 5", "tests_accept_mutants"),
        ("def test_all():\n    assert True", "tests_accept_mutants"),
        ("import os\ndef test_all():\n    os._exit(0)", "tests_accept_mutants"),
        (f"{SOLUTION}\n{GOOD_TESTS}", "tests_accept_mutants"),
        (f"{GOOD_TESTS}\ndef test_more():\n    assert clamp(0, 1, 9) == 0", "right_code_rejected"),
        ("def test_all():\n    while True:\n        pass", "not_decided"),
    ],
)
def test_tests_are_believed_that_pass_right_code_and_reject_mutants(tests: str, why: str) -> None:
    given = record(question="?", function="clamp", solution=SOLUTION, response=fenced(tests))
    verify = Killing(TESTER, frozenset({"entry"}))
    assert reason(verify, given, entry(), lines(STRONG)) == why
    assert reason(verify, given, entry(name="another")) is None


def test_each_kind_of_mistake_is_made_and_nothing_that_is_only_said_is_changed() -> None:
    program = '''
def f(a: "int", b=True):
    """What it does."""
    if a < 3 and b:
        raise ValueError("no")
    for n in range(a):
        a += n
    return a * 2
'''
    changes = [mutant.change for mutant in mutants(program)]
    for change in (
        "a < 3 became a <= 3",
        "3 became 4",
        "a * 2 became a + 2",
        "True became False",
        "range(a) became range(a + 1)",
        "a < 3 and b became a < 3 or b",
        "return a * 2 became return None",
        "raise ValueError('no') became raise Exception",
    ):
        assert change in changes
    assert not any("What it does" in change or change.startswith(("'no'", "'int'")) for change in changes)
    assert len({mutant.program for mutant in mutants(program)}) == len(changes)
    assert mutants("def f(:") == []
    many = "\n".join(f"a{n} = {n} + {n}" for n in range(100))
    assert len(mutants(many)) == MOST_MUTANTS
    branch = "\ndef f(a):\n    if a:\n        raise KeyError\n    return a\n"
    assert sum(mutant.is_gross for mutant in mutants(many + branch)) == 3, "none of these is left out"


def test_probes_stay_within_what_the_cases_span() -> None:
    cases = read_cases('{"args": [3, [1, 2]], "returns": 0}\n{"args": [7, [5]], "returns": 0}')
    args = [case["args"] for case in probes(cases)]
    assert [4, [1, 2]] in args and [7, [1, 2]] in args and [3, [2]] in args
    assert all(3 <= number <= 7 and 1 <= len(found) <= 2 for number, found in args)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ('{"args": [1], "returns": null}\n\n{"args": [], "kwargs": {"a": 1}, "raises": "KeyError"}', 2),
        ('```json\n[{"args": [1], "returns": 2},\n {"args": [2], "returns": 3}]\n```', 2),
        ('{"args": [1], "returns": 2}\n{"args": [1], "returns": 3}', None),
        ('{"args": [1]}', None),
        ('{"args": [1], "returns": 1, "raises": "E"}', None),
        ('{"args": 1, "returns": 1}', None),
        ('{"args": [1], "returns": True}', None),
        ("[" * 100_000, None),
        ("7", None),
    ],
)
def test_cases_are_read_strictly(text: str, count: int | None) -> None:
    if count is not None:
        assert len(read_cases(text)) == count
        return
    with pytest.raises(Unusable):
        read_cases(text)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        ("```python\ndef f(): return 1\n```", "def f(): return 1\n"),
        ("```\ndef f(): return 1\n```\nUse:\n```python\nprint(f())\n```", "def f(): return 1\n"),
        ("```python\ndef f(): return 0\n```\n```py\ndef f(): return 1\n```", "def f():\n    return 0\ndef f(): return 1\n"),
        ("```python\nimport re\nx = 1 / 0\n```\n```python\ndef f(): return 1\n```", "import re\ndef f(): return 1\n"),
        ("1. So:\n   ```python\ndef f(): return 1\n   ```", "def f(): return 1\n"),
        ("def f(): return 1", "def f(): return 1"),
        ("```sh\nls\n```", None),
        ("```python\ndef g(): return 1\n```", None),
        ("I cannot help with that.", None),
    ],
)  # fmt: skip
def test_code_is_found_in_a_reply(reply: str, code: str | None) -> None:
    assert code_of(reply, "f") == code


# --- output, rules, programs of thought ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("program", "answer", "why"),
    [
        ("print([1, 2] * 2)", "[1, 2, 1, 2]", ""),
        ("print([1, 2] * 2)", "[2, 4]", "output_differs"),
        ("print(1)\nraise SystemExit(1)", "1", "not_decided"),
    ],
)
def test_a_predicted_output_is_what_the_program_writes(program: str, answer: str, why: str) -> None:
    given = record(question=fenced(program), answer=answer)
    assert reason(executed("predict"), given, entry("exact", "predict")) == why
    assert reason(executed("predict"), given, entry("exact", "explain")) is None


RULE = "def f(x):\n    return x[::-1].upper()"


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        (RULE, ""),
        (f"```python\n{RULE}\n```", ""),
        ("none", None),
        ("def f(x):\n    return x.upper()", "rule_disagrees"),
        ('def f(x):\n    return {"ab": "BA", "cd": "DC", "efg": "GFE"}[x]', "rule_is_a_table"),
        ("def f(x):\n    while x:\n        pass", "not_decided"),
        ("def g(x):\n    return x", "rule_unreadable"),
        ("it is turned around", "rule_unreadable"),
    ],
)
def test_a_hidden_rule_gives_all_outputs_and_the_answer(rule: str, why: str | None) -> None:
    shown = {"examples": "Input: ab\nOutput: BA\n\nInput: cd\nReasoning: turned\nOutput: DC", "query": "efg"}
    given = record(**shown, instruction="Go on.", answer="GFE", rule=rule)
    assert reason(ruled, given, entry("exact")) == why
    if why == "":
        assert reason(ruled, given.with_fields({"answer": "EFG"}), entry("exact")) == "rule_disagrees"
        turned = "Input: 3\nOutput: 9\n\nInput: 4\nOutput: 16"
        numeric = {
            "examples": turned,
            "query": "5",
            "answer": "25",
            "rule": "def f(x):\n    return int(x) * 5 // 5 * int(x)",
        }
        assert reason(ruled, given.with_fields(numeric), entry("number")) == ""
        listed = {**numeric, "rule": "def f(x):\n    return {3: 9, 4: 16, 5: 25}[int(x)]"}
        assert reason(ruled, given.with_fields(listed), entry("number")) == "rule_is_a_table"
    if why == "rule_is_a_table":
        told = given.with_fields({"instruction": "Look it up: ab BA, cd DC, efg GFE."})
        assert reason(ruled, told, entry("exact")) == ""


@pytest.mark.parametrize(
    ("match", "response", "programs_say", "why", "share"),
    [
        ("number", "The answer is 14.", ["print(2 * 7)"], "", 1.0),
        ("number", "The answer is 15.", ["print(2 * 7)"], "program_disagrees", 0.5),
        ("number", "The answer is 3.33.", ["print(10 / 3)"], "", 1.0),
        ("number", "The answer is 3.", ["print(10 / 3)"], "program_disagrees", 0.5),
        ("number", "The answer is 7.", ["print(0.1 * 3 / 0.3 * 7)"], "", 1.0),
        ("text", "The answer is B.", ["print('so it is')\nprint('B')"], "", 1.0),
        ("number", "It is 14.", [], "no_final_answer", None),
        ("magnitude", "The answer is 3,000.", ["print(1e3)", "print(9e9)"], "", 2 / 3),
        ("magnitude", "The answer is 3,000.", ["print(1e6)", "print(9e9)"], "program_disagrees", 1 / 3),
        ("magnitude", "The answer is 3,000.", ["while True: pass", "print(2000)"], "", 1.0),
    ],
)
def test_a_program_of_thought_comes_to_the_same_answer(
    match: str, response: str, programs_say: list[str], why: str, share: float | None
) -> None:
    verify = Reckoned(reckoner(), samples=max(1, len(programs_say)))
    verdict = said_by(verify, record(question="How many?", response=response), entry(match), *programs_say)
    assert verdict is not None and (verdict.reason, verdict.vote_share) == (why, share)


@pytest.mark.parametrize("said", ["print(1 / 0)", "x = 1", "no program", Declined("no"), Rejected("r", "w")])
def test_a_program_of_thought_that_comes_to_nothing_decides_nothing(said: str | Exception) -> None:
    assert reason(Reckoned(reckoner()), record(response="The answer is 1."), entry("number"), said) is None


def test_the_first_verifier_with_something_to_say_decides() -> None:
    async def silent(record: Record, entry: Entry, ctx: Any) -> Verdict | None:
        return None

    both = FirstOf((silent, executed("predict"), verifiers.Tested(TESTER)))
    given = record(question=fenced("print(1)"), answer="1", function="f", solution="x", response="-")
    assert reason(both, given, entry("exact", "predict")) == ""
    assert reason(both, given, entry("exact", "write")) == "no_code"
    assert reason(FirstOf((silent,)), given, entry()) is None
    assert list(both.agents()) == [TESTER]


# --- estimates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("about 3,000 litres", 3000), ("2.5 million", 2_500_000), ("≈ 4 × 10^5 kg", 400_000), ("3.2x10^6", 3_200_000),
        ("10⁶", 10**6), ("3 × 10^{7} cups", 3 * 10**7), ("$2 billion", 2 * 10**9), ("6e9", 6 * 10**9), ("0.5", 0.5),
        ("200 million km^2", 2 * 10**8), ("many", None), ("1.2.3", None), ("", None),
    ],
)  # fmt: skip
def test_an_estimate_is_read_in_the_ways_in_which_people_write_it(text: str, value: float | None) -> None:
    assert magnitude(text) == value


def test_estimates_agree_within_a_factor() -> None:
    assert same_magnitude("1000", str(1000 * FACTOR)) and same_magnitude("5 thousand", "1,000")
    assert not same_magnitude("1000", str(1000 * FACTOR + 1))
    for slip in (7, 10, 12, 24, 60, 1000):
        assert not same_magnitude("250", str(250 * slip))
    assert not same_magnitude("-5", "5") and not same_magnitude("0", "5") and same_magnitude("0", "0.0")


def test_powers_of_ten_are_steps_like_others() -> None:
    [step] = equations(powers_written_out("So 2 × 10^6 × 50 = 1 × 10^8."))
    assert step.holds()
    [step] = equations(powers_written_out("So 2 × 10^6 × 50 = 10⁷."))
    assert not step.holds()


@pytest.mark.parametrize(
    ("expression", "answer", "response", "why"),
    [
        (
            "300*40*365",
            "4400000",
            "300 * 40 = 12,000 and 12,000 * 365 = 4,400,000. The answer is 4.4 million.",
            "",
        ),
        ("300*40*365", "440000", "The answer is 440000.", "expression_disagrees"),
        ("3*10^2*40", "12000", "The answer is 12000.", ""),
        ("300*40*365", "4400000", "300 * 40 = 120,000. The answer is 4400000.", "wrong_step"),
        ("open('x')", "1", "The answer is 1.", "expression_disagrees"),
    ],
)
def test_an_estimate_is_its_expression_and_its_steps_hold(
    expression: str, answer: str, response: str, why: str
) -> None:
    given = record(expression=expression, answer=answer, response=response)
    assert reason(estimated, given, entry("magnitude")) == why
    assert reason(estimated, given, entry("number")) is None
