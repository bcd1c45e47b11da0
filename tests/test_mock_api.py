"""A mock API answers as a service does: by its list, by its schemas, by its program, and by what was called before."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest
from genteach.generate.tools.actions import Call, read_call
from genteach.generate.tools.mock_api import Broken, MockApi, check
from genteach.generate.tools.schema import LARGEST, Unsound, by_value, read_apis, read_json, write_apis

from .services import SERVICES, api, written

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox asks Linux for isolation")
KINDS = {"success", "refused", "superfluous_argument", "missing_argument", "invented_api"}


async def straight(tool: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """What a context does with a tool, without a journal."""
    return json.loads(json.dumps(await tool(asked)))


def service(name: str) -> MockApi:
    return MockApi.read(written(SERVICES[name]), SERVICES[name].program)


def answers(mock: MockApi, calls: list[Call]) -> list[dict[str, Any]]:
    return asyncio.run(mock.answer(calls, straight))


# --- ten services from the standard library ------------------------------------------------------------------


def test_there_are_ten_services_and_each_conversation_has_every_kind_of_call() -> None:
    assert len(SERVICES) == 10 and all(name in sys.stdlib_module_names for name in SERVICES)
    for name, scripted in SERVICES.items():
        assert {kind for _, kind, _ in scripted.script} >= KINDS, name


@pytest.mark.parametrize("name", SERVICES)
def test_each_call_of_a_conversation_gets_the_right_kind_of_answer(name: str) -> None:
    mock, calls, before = service(name), [], []
    for said, kind, returned in SERVICES[name].script:
        calls.append(read_call(said))
        refusal = mock.refusal(calls[-1])
        given = answers(mock, calls)
        assert given[:-1] == before, "what was answered stays so while the conversation goes on"
        before = given
        assert (refusal.reason if refusal else None) == (kind if kind not in ("success", "refused") else None)
        if kind == "success":
            assert given[-1] == {"status": "success", **returned}
        else:
            assert given[-1]["status"] == "error" and given[-1]["message"], said


@pytest.mark.parametrize("name", SERVICES)
def test_the_successful_calls_of_each_conversation_are_samples_that_pass_the_check(name: str) -> None:
    samples = [read_call(said) for said, kind, _ in SERVICES[name].script if kind == "success"]
    asyncio.run(check(service(name), samples, straight))


def test_a_refused_call_never_reaches_the_program() -> None:
    mock = MockApi.read(json.dumps([api("count", "Counts its calls.", {})]), COUNTER)
    made = [Call("count"), Call("count", {"by": 2}), Call("discount"), Call("count")]
    given = answers(mock, made)
    assert [answer["status"] for answer in given] == ["success", "error", "error", "success"]
    assert given[-1]["calls"] == 2
    asked = []
    given = asyncio.run(mock.answer(made[1:3], lambda tool, of: asked.append(of)))  # type: ignore[arg-type]
    assert not asked and len(given) == 2, "without a valid call, no process is started"


COUNTER = """
calls = 0


def count():
    global calls
    calls += 1
    return {"calls": calls}
"""

# --- programs that fail --------------------------------------------------------------------------------------

TWICE = json.dumps(
    [api("twice", "Doubles a number.", {"number": {"type": "number"}}, "number"), api("zero", "Nothing.", {})]
)
SAMPLES = [Call("twice", {"number": 4}), Call("zero")]
ZERO = "def zero(): return {'number': 0}\n"


@pytest.mark.parametrize(
    ("program", "reason", "detail"),
    [
        ("def twice(number) return 2 * number\n" + ZERO, "does_not_load", "SyntaxError"),
        ("import numpy\n" + ZERO, "does_not_load", "No module named 'numpy'"),
        (ZERO, "raises", "has no attribute 'twice'"),
        ("def twice(n): return {'number': 2 * n}\n" + ZERO, "raises", "TypeError"),
        ("def twice(number): return {'number': {}[number]}\n" + ZERO, "raises", "KeyError"),
        ("def twice(number): return {number, 2}\n" + ZERO, "answer_not_json", "twice"),
        ("def twice(number): return {'number': float('inf')}\n" + ZERO, "answer_not_json", "twice"),
        ("def twice(number): return {'text': 'a' * 7000}\n" + ZERO, "answer_too_long", "7"),
        ("def twice(number): raise ValueError('not today')\n" + ZERO, "never_succeeds", "twice: not today"),
        ("import os\ndef twice(number): return {'n': os.urandom(8).hex()}\n" + ZERO, "answers_change", ""),
        ("def twice(number): return {'n': list({'a', 'b', 'c', 'd', 'e', 'f', 'g'})}\n" + ZERO, "answers_change", ""),
        ("import os\ndef twice(number): os._exit(0)\n" + ZERO, "does_not_load", ""),
    ],
)  # fmt: skip
def test_a_program_that_fails_is_named_with_its_fault(program: str, reason: str, detail: str) -> None:
    with pytest.raises(Broken) as broken:
        asyncio.run(check(MockApi.read(TWICE, program), SAMPLES, straight))
    assert broken.value.reason == reason and detail in broken.value.detail


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (SAMPLES[:1], "not_tried"),
        ([*SAMPLES, Call("thrice", {"number": 4})], "sample_refused"),
        ([Call("twice", {"number": "four"}), Call("zero")], "sample_refused"),
    ],
)
def test_samples_must_be_valid_and_try_every_api(samples: list[Call], reason: str) -> None:
    program = "def twice(number): return {'number': 2 * number}\n" + ZERO
    asyncio.run(check(MockApi.read(TWICE, program), SAMPLES, straight))
    with pytest.raises(Broken) as broken:
        asyncio.run(check(MockApi.read(TWICE, program), samples, straight))
    assert broken.value.reason == reason


@pytest.mark.parametrize(
    ("returned", "answer"),
    [
        ("{'status': 'error', 'message': 'sold out'}", {"status": "error", "message": "sold out"}),
        ("{'status': 'success', 'n': 1}", {"status": "success", "n": 1}),
        ("{'status': 'shipped'}", {"status": "success", "result": {"status": "shipped"}}),
        ("[1, 2]", {"status": "success", "result": [1, 2]}),
        ("None", {"status": "success", "result": None}),
    ],
)
def test_whatever_a_program_returns_the_answer_has_a_status(returned: str, answer: dict[str, Any]) -> None:
    mock = MockApi.read(json.dumps([api("act", "Acts.", {})]), f"def act(): return {returned}")
    assert answers(mock, [Call("act")]) == [answer]


# --- records -------------------------------------------------------------------------------------------------


def record(**changed: Any) -> str:
    return json.dumps([api("find", "Finds.", {"query": {"type": "string"}}, "query") | changed])


def parameters(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **more}


QUERY = {"type": "string", "description": "What to find."}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("Here are the APIs.", "not valid JSON"),
        ("[]", "less than 1"),
        ("[" * 5000 + "]" * 5000, "recursion|not valid JSON"),
        (record(name="find item"), "name"),
        (record(name="import"), "word of Python"),
        (record(description=""), "description"),
        (json.dumps(json.loads(record()) * 2), "twice"),
        (record(parameters=parameters({"q": {"type": "string"}})), "description"),
        (record(parameters=parameters({"q": QUERY | {"type": "text"}})), "text"),
        (record(parameters=parameters({"q": QUERY | {"$ref": "https://example.org/schema"}})), "ref"),
        (
            record(parameters=parameters({"q": QUERY}, required=["query"])),
            "query is required, and no parameter",
        ),
        (record(parameters=parameters({"q": QUERY | {"default": 5}})), "the default of q"),
        (record(parameters=parameters({"q": QUERY | {"pattern": "("}})), "regex"),
        (record(parameters=parameters({"class": QUERY})), "word of Python"),
        (record(parameters={"type": "array", "properties": {}}), "object"),
        (record(description="x" * 30_000), "characters"),
    ],
)
def test_a_list_that_is_not_sound_is_named_with_its_fault(text: str, complaint: str) -> None:
    with pytest.raises(Unsound, match=f"(?i){complaint}"):
        read_apis(text)


def test_records_survive_a_fence_and_keys_that_nobody_asked_for() -> None:
    given = json.loads(record(returns={"type": "object"}))
    [found] = read_apis(f"```json\n{json.dumps(given, indent=2)}\n```")
    assert found.row == {key: given[0][key] for key in ("name", "description", "parameters")}
    assert read_apis(write_apis([found])) == (found,)


def test_values_that_json_cannot_carry_are_not_read() -> None:
    for text in ("NaN", "[1e999]", str(LARGEST + 1), '"\\ud800"', "[" * 20 + "]" * 20):
        with pytest.raises(Unsound):
            read_json(text)
    assert read_json(str(LARGEST)) == LARGEST


def test_values_are_the_same_whatever_their_spelling_and_true_is_not_one() -> None:
    assert by_value({"a": 5, "b": ["Red  Wine"]}) == by_value({"b": ["red wine"], "a": 5.0})
    assert len({by_value(value) for value in (True, 1, "1", "true", None, [], {}, [1])}) == 8
