"""Tool use: what an assistant writes is read safely, and what it does is held to what the author of the task said."""

from __future__ import annotations

import asyncio
import json
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from genteach.generate.agent import Agent
from genteach.generate.context import SeedContext, Tally
from genteach.generate.engine import item_id
from genteach.generate.flow import Entry, Rejected
from genteach.generate.journal import ItemName, Journal
from genteach.generate.record import Record, Turn
from genteach.generate.reply import Declined
from genteach.generate.seeds import Seed, seed_id
from genteach.generate.skills.tool_use import ASSISTANT, RETRIEVED, SKILL
from genteach.generate.steps.tool_dialogue import ToolDialogue
from genteach.generate.steps.tool_library import ToolLibrary
from genteach.generate.tools.actions import (
    Call,
    End,
    Malformed,
    Question,
    read_action,
    read_call,
    read_turn,
    write_turn,
)
from genteach.generate.tools.sandbox import grade
from genteach.generate.tools.schema import is_plain, read_apis
from genteach.generate.tools.search import SeedIndex
from genteach.generate.tools.solution import Shape, Solution, Unfounded, says
from hypothesis import given, settings
from hypothesis import strategies as st

from .recordings import Recorded, recordings, walk
from .services import SERVICES, api, written

sandboxed = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox asks Linux for isolation")

# --- what an assistant writes --------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
).filter(is_plain)
NAMES = st.from_regex(r"[a-z]{2,8}_[a-z]{2,8}", fullmatch=True)


@given(NAMES, st.dictionaries(NAMES, VALUES, max_size=4), st.text(alphabet="abc .\n1", min_size=1))
@settings(max_examples=150, deadline=None)
def test_a_call_survives_the_turn_that_makes_it(name: str, arguments: dict[str, Any], message: str) -> None:
    call = Call(name, arguments)
    if len(str(call)) < 6000:
        assert read_turn(write_turn(message, call)) == call
        assert read_call(json.dumps(call.row)) == call


@pytest.mark.parametrize(
    "end",
    [
        End("FINAL_ANSWER", 'He said: "2 (two)".'),
        End("FINAL_ANSWER", '```json\n{"answer": [1, 2]}\n```'),
        End("FINAL_ANSWER", "| a | b |\n|---|---|\n| 1 | 2 |"),
        End("REFUSED", "The board is full (6 of 6)."),
        Question("Which day (in June)?"),
    ],
)
def test_an_end_and_a_question_survive_their_turn(end: End | Question) -> None:
    assert read_turn(write_turn("1. Think.\n2. Stop.", end)) == end


@pytest.mark.parametrize(
    ("said", "call"),
    [
        ("find(text='a b', limit=3)", Call("find", {"text": "a b", "limit": 3})),
        (
            "`find(exact=true, owner=null, ids=(1, 2))`",
            Call("find", {"exact": True, "owner": None, "ids": [1, 2]}),
        ),
        ('find(where={"deep": [True, false, -1.5]})', Call("find", {"where": {"deep": [True, False, -1.5]}})),
        ('{"name": "find", "arguments": {"text": "a"}}', Call("find", {"text": "a"})),
        ("find()", Call("find")),
    ],
)
def test_a_call_is_read_in_the_spellings_that_models_use(said: str, call: Call) -> None:
    assert read_action("API_CALL", said) == call


@pytest.mark.parametrize(
    "said",
    [
        "find",
        "find('a')",
        "find(*[1])",
        "find(**{'a': 1})",
        "service.find(a=1)",
        "find(a=1); drop(b=2)",
        "find(a=1)\nfind(a=2)",
        "find(a=open('/etc/passwd'))",
        "find(a=__import__('os'))",
        "find(a=1 + 1)",
        "find(a=9 ** 9 ** 9)",
        "find(a=[x for x in (1, 2)])",
        "find(a=1, a=2)",
        "find(a=b'bytes')",
        "find(a={1, 2})",
        "find(a={1: 2})",
        "find(a=1e999)",
        "find(a=1j)",
        "find(a='\\ud800')",
        f"find(a={2**53})",
        f"find(a={'[' * 150}{']' * 150})",
        f"find(a='{'x' * 7000}')",
        f"find(a={'9' * 5000})",
        "find(a=" + "-" * 3000 + "1)",
        "find(a=1",
        '{"name": "find"}',
        '{"name": "find", "arguments": [1]}',
        "Sure! find(a=1)",
        "",
    ],
)  # fmt: skip
def test_whatever_is_not_one_call_with_literal_values_is_malformed(said: str) -> None:
    with pytest.raises(Malformed):
        read_action("API_CALL", said)


@pytest.mark.parametrize(
    "said", ["FAILED(no API)", "FINAL_ANSWER()", "DONE(42)", "FAILED(BORED: no)", "find(a=1)", ""]
)
def test_an_end_without_its_kind_or_text_is_malformed(said: str) -> None:
    with pytest.raises(Malformed):
        read_action("STOP", said)


def test_a_turn_ends_with_one_block() -> None:
    for turn in ("I will look it up.", "ACTION_TYPE : JUMP\nACTION: find()", "ACTION_TYPE: STOP"):
        with pytest.raises(Malformed):
            read_turn(turn)
    assert read_turn("**Plan**\n\nACTION_TYPE: API_CALL\nACTION: find(a=1)") == Call("find", {"a": 1})


@pytest.mark.parametrize(
    ("text", "value", "is_said"),
    [
        ("It costs $1,200.50 in all.", 1200.5, True),
        ("It costs 1200.5.", "1,200.50", True),
        ("Room 12", 1, False),
        ("Unit U41 is free", "U4", False),
        ("Unit U4, free", "u4", True),
        ("the old\nmill", "Old Mill", True),
        ("It is true.", True, True),
        ("Found:\n- 16 leap years", 16, True),
        ("It fell by -16.", 16, False),
    ],
)
def test_a_value_is_said_in_any_spelling_and_not_as_a_part_of_another(
    text: str, value: Any, is_said: bool
) -> None:
    assert says(text, value) == is_said


# --- conversations against their solutions -------------------------------------------------------------------


class Straight:
    """Of a context, what verifiers need: a tool that is used at once."""

    async def use(self, tool: Any, asked: dict[str, Any]) -> dict[str, Any]:
        return json.loads(json.dumps(await tool(asked)))


def verdicts(record: Record, entry: Entry) -> list[str]:
    """Who accepts, or the one reason why not."""
    by = []
    for verify in SKILL.verify:
        verdict = asyncio.run(verify(record, entry, Straight()))  # type: ignore[arg-type]
        if verdict is not None and not verdict.accepted:
            return [verdict.reason]
        by += [verdict.by] if verdict is not None else []
    return by


@cache
def accepted() -> list[Record]:
    """The recorded conversations that were accepted, of the seeds that are at hand."""
    return [
        record
        for each in recordings("tool_use")
        for record, _ in asyncio.run(walk("tool_use", each, Recorded("tool_use"))).records
    ]


def saying(record: Record, actions: Sequence[Any]) -> Record:
    """The record with other actions of the assistant; what they are answered does not matter."""
    turns = [Turn("assistant", write_turn("So.", action)) for action in actions]
    return replace(record, turns=(*record.turns[:2], *turns))


def done(record: Record) -> list[Any]:
    return [read_turn(turn.content) for turn in record.turns if turn.role == "assistant"]


def changed(value: Any) -> Any:
    return not value if isinstance(value, bool) else value + 1 if isinstance(value, int) else f"{value} x"


def corruptions(record: Record) -> list[tuple[set[str], list[Any]]]:
    """Mechanical corruptions of a right conversation, each with the reasons of which one must be given."""
    actions, found = done(record), []
    apis = {each.name: each for each in read_apis(record.fields["apis"])}
    for place, action in enumerate(actions):
        before, after = actions[:place], actions[place + 1 :]
        if isinstance(action, Question):
            found += [({"did_not_ask"}, [*before, *after])]
        if isinstance(action, End):
            other = End("REFUSED" if action.outcome != "REFUSED" else "MISSING_VALUE", action.text)
            found += [({"failed_needlessly", "wrong_failure"}, [*before, other])]
            mute = End(action.outcome, "Done.")
            found += [({"value_not_reported"}, [*before, mute])]
            more = End(action.outcome, f"{action.text} It took 4711 seconds.")
            found += [({"number_made_up"}, [*before, more])]
        if not isinstance(action, Call):
            continue
        found += [
            ({"missing_call"}, [*before, *after]),
            ({"needless_call"}, [*before, action, action, *after]),
            ({"invented_api"}, [*before, replace(action, name=f"{action.name}_now"), *after]),
            (
                {"superfluous_argument"},
                [*before, replace(action, arguments={**action.arguments, "colour": "red"}), *after],
            ),
        ]
        for name, value in action.arguments.items():
            fewer = {key: each for key, each in action.arguments.items() if key != name}
            is_required = name in apis[action.name].parameters["required"]
            found += [
                (
                    {"missing_argument"} if is_required else {"wrong_arguments"},
                    [*before, replace(action, arguments=fewer), *after],
                ),
                (
                    {"wrong_arguments", "invalid_argument"},
                    [*before, replace(action, arguments={**fewer, name: changed(value)}), *after],
                ),
            ]
    return found


@sandboxed
def test_the_recorded_conversations_are_accepted_by_what_they_call_and_what_they_report() -> None:
    for record in accepted():
        by = verdicts(record, SKILL.entry(record.entry))
        assert "expected_calls" in by and "reported_values" in by
        assert ("expected_failure" in by) == (record.fields["outcome"] != "FINAL_ANSWER")


@sandboxed
def test_every_mechanical_corruption_of_a_right_conversation_is_rejected_for_its_reason() -> None:
    count = 0
    for record in accepted():
        entry = SKILL.entry(record.entry)
        for reasons, actions in corruptions(record):
            [reason] = verdicts(saying(record, actions), entry)
            assert reason in reasons, (reason, [str(action) for action in actions])
            count += 1
    assert count >= 60


def talked(calls: list[str], solution: list[dict[str, Any]], service: str = "ipaddress") -> list[str]:
    """What the verifiers say of a conversation of these calls, of a task with this solution."""
    fields = {"apis": written(SERVICES[service]), "implementation": SERVICES[service].program}
    fields |= {"calls": json.dumps(solution), "outcome": "FINAL_ANSWER", "must_say": "[]", "hidden": "{}"}
    record = Record.begin("tool_use", seed("")).with_fields(fields)
    actions = [*map(read_call, calls), End("FINAL_ANSWER", "Done.")]
    return verdicts(saying(record, actions), SKILL.entry("several_apis"))


def seed(text: str, kind: str = "code") -> Seed:
    return Seed(seed_id("test", text), text, kind, "test", (0, len(text)), "test", "PSF-2.0")


LEASE, RELEASE, SIZE = (
    {"name": "lease_address", "arguments": {"host": "printer"}},
    {"name": "release_address", "arguments": {"host": "printer"}},
    {"name": "network_size", "arguments": {"network": "10.0.0.0/30"}},
)


@sandboxed
@pytest.mark.parametrize(
    ("calls", "solution", "said"),
    [
        (
            ['network_size(network="10.0.0.0/30")', 'lease_address(host="printer")'],
            [LEASE, SIZE],
            "expected_calls",
        ),
        (['lease_address(host=" Printer")'], [LEASE], "expected_calls"),
        (['lease_address(host="printer")', 'release_address(host="Printer")'], [LEASE, RELEASE], "wrong_arguments"),
        (['network_size(network="10.0.0.0/30")'], [LEASE], "wrong_api"),
        (['lease_address(host="scanner")'], [LEASE], "wrong_arguments"),
        (['release_address(host="printer")', 'lease_address(host="printer")'], [LEASE, RELEASE], "wrong_order"),
        (
            ['network_size(network="10.0.0.0/30")', 'lease_address(host="printer")'],
            [LEASE, {**SIZE, "after": [1]}],
            "wrong_order",
        ),
    ],
)  # fmt: skip
def test_calls_are_compared_by_value_and_ordered_where_it_matters(
    calls: list[str], solution: list[dict[str, Any]], said: str
) -> None:
    assert talked(calls, solution) == [said]


@sandboxed
def test_swapped_arguments_are_wrong_and_a_default_that_is_passed_is_not() -> None:
    right = {"name": "rgb_to_hsv", "arguments": {"red": 51, "green": 102, "blue": 153}}
    assert talked(["rgb_to_hsv(green=102, blue=153, red=51)"], [right], "colorsys") == ["expected_calls"]
    assert talked(["rgb_to_hsv(red=102, green=51, blue=153)"], [right], "colorsys") == ["wrong_arguments"]
    wide = {"name": "wrap_paragraph", "arguments": {"text": "a b"}}
    assert talked(['wrap_paragraph(text="a b", width=70)'], [wide], "textwrap") == ["expected_calls"]
    assert talked(['wrap_paragraph(text="a b", width=71)'], [wide], "textwrap") == ["wrong_arguments"]


# --- the author's solution, before anyone talks about it -----------------------------------------------------


class Replying(Straight):
    """A context whose agents say what is written down for them, in turn."""

    def __init__(self, said: dict[str, list[Any]], index: SeedIndex | None = None) -> None:
        self.said, self.index, self.queries = said, index, []

    async def ask(self, agent: Agent, record: Record) -> list[Record]:
        agent.messages(record.fields, "0123456789ab", False)  # everything that the prompt reads is there
        reply = self.said[agent.name].pop(0)
        if isinstance(reply, Exception):
            raise reply
        text = agent.form.write(reply if isinstance(reply, list) else [reply])
        return [record.with_fields(item) for item in agent.read(text)]

    async def search(self, query: str, count: int) -> list[Seed]:
        self.queries.append(query)
        assert self.index is not None
        return await self.index.search(query, count)


def task(**changed: Any) -> Record:
    """A task of the address service: give the printer an address, and say which."""
    service = SERVICES["ipaddress"]
    fields = {
        "request": 'Please give the new printer ("printer") an address.',
        "turn": "Please give the new printer an address.",
        "format": "none in particular",
        "apis": written(service),
        "implementation": service.program,
        "calls": json.dumps([LEASE]),
        "outcome": "FINAL_ANSWER",
        "must_say": '["10.0.0.1"]',
        "hidden": "{}",
    }
    return Record.begin("tool_use", seed("")).with_fields(fields | changed)


def converse(record: Record, *actions: tuple[str, str], user: Sequence[str] = ()) -> Record:
    """The conversation in which the assistant does these things."""
    said = [{"message": "So.", "action_type": kind, "action": action} for kind, action in actions]
    ctx = Replying({"assistant": said, "user": [{"text": reply} for reply in user]})
    assert isinstance(SKILL.respond, ToolDialogue)
    [answered] = asyncio.run(SKILL.respond(record, ctx))  # type: ignore[arg-type]
    assert not any(ctx.said.values()), "everything was asked for"
    return answered


LEASED = ("API_CALL", 'lease_address(host="printer")')
TOLD = ("STOP", "FINAL_ANSWER(The printer has 10.0.0.1.)")


@sandboxed
def test_a_conversation_alternates_and_its_results_are_those_of_the_service() -> None:
    record = converse(task(), ("API_CALL", "ping(host='printer')"), LEASED, LEASED, TOLD)
    assert [turn.role for turn in record.turns] == ["system", "user"] + ["assistant", "user"] * 3 + [
        "assistant"
    ]
    answers = [json.loads(turn.content) for turn in record.turns[3::2]]
    assert answers[0] == {"status": "error", "message": "There is no API named ping."}
    assert answers[1] == {"status": "success", "host": "printer", "address": "10.0.0.1"}
    assert answers[2] == {"status": "error", "message": "printer has an address already."}
    assert record.fields["response"] == record.turns[-1].content
    assert record.fields["apis"] in record.turns[0].content
    assert record.fields["implementation"] not in "".join(turn.content for turn in record.turns)


@sandboxed
def test_a_question_goes_to_the_user_who_knows_what_was_hidden() -> None:
    hidden = task(request="Please give the new machine an address.", hidden='{"host": "printer"}')
    record = converse(hidden, ("ASK_USER", "QUESTION(Which name?)"), LEASED, TOLD, user=["It is printer."])
    assert record.turns[3] == Turn("user", "It is printer.")
    assert verdicts(record, SKILL.entry("one_api_missing_values")) == ["expected_calls", "reported_values"]
    assert verdicts(converse(hidden, LEASED, TOLD), SKILL.entry("one_api_missing_values")) == ["did_not_ask"]
    asked = converse(task(), ("ASK_USER", "Sure?"), LEASED, TOLD, user=["Yes."])
    assert verdicts(asked, SKILL.entry("one_api")) == ["needless_question"]


@sandboxed
def test_a_final_answer_keeps_its_form_and_a_failure_needs_none() -> None:
    listed = task(form="bullets")
    assert verdicts(converse(listed, LEASED, TOLD), SKILL.entry("one_api")) == ["form_not_kept"]
    failed = task(form="bullets", calls="[]", outcome="NO_SUITABLE_API", must_say="[]")
    record = converse(failed, ("STOP", "FAILED(NO_SUITABLE_API: nothing pings)"))
    assert verdicts(record, SKILL.entry("api_not_in_list")) == ["expected_failure"]
    assert verdicts(converse(failed, TOLD), SKILL.entry("api_not_in_list")) == ["did_not_fail"]
    assert verdicts(converse(failed, ("STOP", "FAILED(REFUSED: no)")), SKILL.entry("api_not_in_list")) == [
        "wrong_failure"
    ]


@sandboxed
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"calls": "lease_address(host='printer')"}, "solution_unreadable"),
        ({"calls": '[{"name": "lease_address"}]'}, "solution_unreadable"),
        ({"calls": json.dumps([{**LEASE, "after": [1]}])}, "solution_unreadable"),
        ({"must_say": '{"address": "10.0.0.1"}'}, "solution_unreadable"),
        ({"must_say": "[true]"}, "solution_unreadable"),
        ({"must_say": '[" "]'}, "solution_unreadable"),
        ({"hidden": "none"}, "solution_unreadable"),
        ({"calls": json.dumps([{"name": "lease", "arguments": {}}])}, "solution_call_invalid"),
        ({"calls": json.dumps([{"name": "lease_address", "arguments": {}}])}, "solution_call_invalid"),
        ({"calls": json.dumps([RELEASE])}, "solution_call_fails"),
        ({"calls": json.dumps([{**LEASE, "fails": True}])}, "solution_call_fails"),
        ({"calls": json.dumps([SIZE] * 11)}, "solution_too_long"),
        ({"calls": "[]", "must_say": "[]"}, "solution_empty"),
        ({"must_say": '["10.0.0.2"]'}, "value_unfounded"),
        ({"hidden": '{"host": "printer"}'}, "hidden_told"),
        ({"hidden": '{"room": "attic"}'}, "hidden_unused"),
        (
            {"hidden": '{"host": "printer"}', "outcome": "MISSING_VALUE", "calls": "[]", "must_say": "[]"},
            "hidden_unused",
        ),
    ],
)
def test_a_solution_that_the_service_does_not_bear_out_is_rejected_before_anyone_talks(
    changed: dict[str, str], reason: str
) -> None:
    with pytest.raises(Rejected) as rejected:
        converse(task(**changed))
    assert rejected.value.reason == reason


def test_a_solution_says_which_call_comes_before_which() -> None:
    fields = {"calls": json.dumps([LEASE, {**RELEASE, "after": [1]}, {**SIZE, "after": [1, 2]}])}
    solution = Solution.read(fields | {"outcome": "FINAL_ANSWER", "must_say": "[]", "hidden": "{}"})
    assert list(solution.order()) == [(0, 1), (0, 2), (1, 2)]
    with pytest.raises(Unfounded):
        Solution.read({"calls": "[{}]", "outcome": "FINAL_ANSWER", "must_say": "[]", "hidden": "{}"})


@sandboxed
def test_a_conversation_that_goes_astray_is_rejected_with_its_reason() -> None:
    for actions, reason in [
        ([("API_CALL", "lease_address('printer')")], "malformed_action"),
        ([("STOP", "the printer has 10.0.0.1")], "malformed_action"),
        ([LEASED] * 14, "too_many_steps"),
    ]:
        with pytest.raises(Rejected) as rejected:
            converse(task(), *actions)
        assert rejected.value.reason == reason
    said = [{"message": "ACTION_TYPE : STOP", "action_type": LEASED[0], "action": LEASED[1]}]
    with pytest.raises(Rejected, match="several_actions"):
        asyncio.run(SKILL.respond(task(), Replying({"assistant": said})))  # type: ignore[arg-type]


@sandboxed
def test_a_service_that_fails_during_the_conversation_ends_it() -> None:
    fickle = "import os\n" + SERVICES["ipaddress"].program.replace(
        'return {"host": host, "address": free[0]}', 'return {"address": free[0], "by": os.urandom(8).hex()}'
    )
    with pytest.raises(Rejected, match="service_answers_change"):
        converse(task(implementation=fickle), LEASED, LEASED, TOLD)


@sandboxed
def test_a_conversation_that_is_walked_again_buys_nothing_and_makes_no_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(*_: Any) -> None:
        raise AssertionError("the journal knows it")

    def walked(teacher: Any) -> list[dict[str, Any]]:
        recording = recordings("tool_use")[0]
        journal = Journal(tmp_path / "journal.sqlite")
        item = ItemName(item_id("tool_use", recording.seed.id), "tool_use", recording.seed.id)
        ctx = SeedContext(SKILL, recording.seed, item, 0, 0, teacher, journal, Tally())
        asyncio.run(SKILL.run(recording.seed, ctx, recording.dials))
        journal.close()
        return ctx.pairs

    teacher = Recorded("tool_use")
    first = walked(teacher)
    monkeypatch.setattr(grade, "call", never)
    monkeypatch.setattr(teacher, "ask", never)
    assert first and walked(teacher) == first


# --- a seed becomes a service --------------------------------------------------------------------------------

SAMPLES = json.dumps([LEASE, SIZE, RELEASE])
IMPLEMENTED = {"implementation": f"```python\n{SERVICES['ipaddress'].program}\n```", "samples": SAMPLES}
LISTED = {"service": "It leases addresses.", "apis": written(SERVICES["ipaddress"])}
BROKEN = {"implementation": "def lease_address(host): return {}", "samples": SAMPLES}


def transform(
    step: ToolLibrary, said: dict[str, list[Any]], of: Seed, index: SeedIndex | None = None
) -> Record:
    ctx = Replying(said, index)
    [record] = asyncio.run(step(Record.begin("tool_use", of), ctx))  # type: ignore[arg-type]
    assert not any(ctx.said.values()), "everything was asked for"
    return record


def step(name: str) -> ToolLibrary:
    found = next(each for each in SKILL.transform if each.name == name)
    assert isinstance(found, ToolLibrary)
    return found


@sandboxed
def test_a_program_that_fails_is_mended_once_with_its_fault_in_view() -> None:
    said = {"list_apis_from_code": [LISTED], "implement_apis": [BROKEN], "mend_implementation": [IMPLEMENTED]}
    record = transform(step("apis_from_code"), said, seed("def lease(): ..."))
    assert record.fields["implementation"].startswith("import ipaddress"), "the fence is gone"
    assert "raises: network_size: AttributeError" in record.fields["fault"]
    for name in ("service", "apis", "implementation"):
        assert record.fields[name] in record.fields["passage"]


@sandboxed
@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"implement_apis": [BROKEN], "mend_implementation": [BROKEN]}, "raises"),
        ({"implement_apis": [BROKEN], "mend_implementation": [IMPLEMENTED | {"samples": "[]"}]}, "not_tried"),
        (
            {"implement_apis": [BROKEN], "mend_implementation": [IMPLEMENTED | {"samples": "none"}]},
            "samples_unreadable",
        ),
        ({"list_apis_from_code": [LISTED | {"apis": "[{}]"}]}, "unsound_apis"),
        ({"list_apis_from_code": [LISTED | {"apis": json.dumps([api("act", "Acts.", {})])}]}, "too_few_apis"),
    ],
)
def test_what_is_no_service_is_rejected_with_its_reason(said: dict[str, list[Any]], reason: str) -> None:
    with pytest.raises(Rejected) as rejected:
        transform(step("apis_from_code"), {"list_apis_from_code": [LISTED]} | said, seed("def lease(): ..."))
    assert rejected.value.reason == reason


def test_a_transformation_declines_a_seed_of_another_kind_without_asking() -> None:
    assert {kind for each in SKILL.transform for kind in step(each.name).kinds} == SKILL.kinds
    for name, kind in (("apis_from_code", "text"), ("domain_service", "code")):
        with pytest.raises(Declined):
            transform(step(name), {}, seed("Something.", kind))


@pytest.fixture
def library_index(tmp_path: Path) -> SeedIndex:
    """Modules of the standard library, and a text that only talks of one."""
    library = Path(sysconfig.get_path("stdlib"))
    texts = [
        (library / f"{name}.py").read_text()[:6000] for name in ("bisect", "colorsys", "ipaddress", "shlex")
    ]
    prose = seed("An IPv4 address has four octets, and a network a prefix.", "text")
    SeedIndex.build(tmp_path / "index.sqlite", [*map(seed, texts), prose])
    return SeedIndex(tmp_path / "index.sqlite")


@sandboxed
def test_retrieval_finds_like_code_in_the_corpus_and_adds_its_apis_round_by_round(
    library_index: SeedIndex,
) -> None:
    lease, *others = SERVICES["ipaddress"].apis[::-1]
    described = {
        "service": "It leases addresses.",
        "apis": json.dumps([lease]),
        "query": "ip_address octets IPv4",
    }
    found: list[str] = []

    def extended(*records: dict[str, Any]) -> dict[str, str]:
        return {"more": json.dumps(records), "query": "bisect insort shlex"}

    class Watching(Replying):
        async def ask(self, agent: Agent, record: Record) -> list[Record]:
            found.append(record.fields.get("found", ""))
            return await super().ask(agent, record)

    said: dict[str, list[Any]] = {
        "describe_api": [described],
        "extend_apis": [extended(others[0], lease), extended(others[1])],
        "implement_apis": [IMPLEMENTED],
    }
    ctx = Watching(said, library_index)
    [record] = asyncio.run(RETRIEVED(Record.begin("tool_use", seed("def lease(): ...")), ctx))  # type: ignore[arg-type]
    assert ctx.queries == ["ip_address octets IPv4", "bisect insort shlex"]
    assert "def ip_address(" in found[1] and "octets, and a network a prefix" not in found[1]
    assert "def bisect_left" in found[2] or "class shlex" in found[2]
    names = [each.name for each in read_apis(record.fields["apis"])]
    assert names == [lease["name"], others[0]["name"], others[1]["name"]], "each once, the old before the new"


@sandboxed
def test_retrieval_keeps_what_it_has_when_the_corpus_has_no_more(library_index: SeedIndex) -> None:
    described = {
        "service": "It leases.",
        "apis": json.dumps(SERVICES["ipaddress"].apis[:1]),
        "query": "ip_address",
    }
    more = {"more": json.dumps(SERVICES["ipaddress"].apis[1:]), "query": "qqqq"}
    said = {"describe_api": [described], "extend_apis": [more], "implement_apis": [IMPLEMENTED]}
    record = transform(RETRIEVED, said, seed("x = 1"), library_index)
    assert len(read_apis(record.fields["apis"])) == 3
    with pytest.raises(Declined):
        transform(RETRIEVED, {"describe_api": [described | {"query": "qqqq"}]}, seed("x = 1"), library_index)


# --- the prompts ---------------------------------------------------------------------------------------------


def test_the_taxonomy_has_the_seven_kinds_of_the_paper_and_an_outcome_for_each() -> None:
    assert sum(entry.origin == "paper" for entry in SKILL.instruct) == 7
    outcomes = {entry.name: choice_of(entry) for entry in SKILL.instruct}
    assert outcomes["api_not_in_list"] == outcomes["some_apis_not_in_list"] == ("NO_SUITABLE_API",)
    assert set(outcomes.values()) == {
        ("FINAL_ANSWER",),
        ("NO_SUITABLE_API",),
        ("MISSING_VALUE",),
        ("REFUSED",),
    }


def choice_of(entry: Entry) -> tuple[str, ...]:
    [agent] = entry.agent.agents()
    return dict(agent.form.choices)["outcome"]


def test_the_assistant_and_the_user_never_see_the_program_or_the_solution() -> None:
    secret = {"implementation", "passage", "calls", "must_say", "document"}
    assert not ASSISTANT.reads & (secret | {"hidden"})
    assert isinstance(SKILL.respond, ToolDialogue) and not SKILL.respond.user.reads & secret


# --- kinds of task -------------------------------------------------------------------------------------------


def solved(*calls: str, hidden: str = "{}", **marks: Any) -> Solution:
    """A solution of calls to these APIs; `marks` are those of the last one."""
    rows: list[dict[str, Any]] = [{"name": name, "arguments": {}} for name in calls]
    if marks:
        rows[-1] |= marks
    return Solution.read(
        {"calls": json.dumps(rows), "outcome": "REFUSED", "must_say": "[]", "hidden": hidden}
    )


@pytest.mark.parametrize(
    ("shape", "right", "wrong", "why"),
    [
        (Shape(1, 1), solved("find"), solved("find", "find"), "2 calls"),
        (Shape(0, 0), solved(), solved("find"), "1 calls"),
        (Shape(2, apis=2), solved("find", "move"), solved("find", "find"), "fewer than 2 APIs"),
        (Shape(hides=True), solved("find", hidden='{"id": 1}'), solved("find"), "no value is hidden"),
        (Shape(), solved("find"), solved("find", hidden='{"id": 1}'), "a value is hidden"),
        (Shape(refuses=True), solved("move", fails=True), solved("move"), "no call is refused"),
        (Shape(), solved("move"), solved("move", fails=True), "a call is refused"),
        (Shape(2, depends=True), solved("find", "move", after=[1]), solved("find", "move"), "no call rests"),
    ],
)
def test_a_task_of_another_kind_is_told_by_its_solution(
    shape: Shape, right: Solution, wrong: Solution, why: str
) -> None:
    assert shape.fault(right) is None
    assert why in (shape.fault(wrong) or "")
