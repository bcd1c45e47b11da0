"""The pool with one server: it behaves, misbehaves or lies."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from aiohttp import web
from genteach.generate.teacher import (
    Reply,
    Request,
    Sampling,
    TeacherSettings,
    Unanswerable,
    open_teacher,
    response_format,
)
from genteach.generate.teacher.protocol import LONGEST_RETRY_AFTER, wait_asked_for
from genteach.generate.teacher.server import LONGEST_BACKOFF, backoff
from genteach.run import BadInput, EnvironmentFailure

from .servers import Complete, said, scripted

SCHEMA = {"type": "object", "properties": {"question": {"type": "string"}}}
GUIDED_REPLY = {"type": "json_schema", "json_schema": {"name": "reply", "schema": SCHEMA, "strict": True}}


def a_request(text: str = "hello", **facts: Any) -> Request:
    return Request(({"role": "user", "content": text},), **facts)


async def ask_all(url: str, *requests: Request, **settings: Any) -> list[Any]:
    """Replies and exceptions, in the order of the requests."""
    patient = {"attempts": 2, "patience": 5.0, "canary_timeout": 2.0, **settings}
    teacher = open_teacher(TeacherSettings(url=url, **patient))
    await teacher.start()
    try:
        return await asyncio.gather(*map(teacher.ask, requests), return_exceptions=True)
    finally:
        await teacher.close()


def outcome(complete: Complete, *requests: Request, server: Any = None, **settings: Any) -> Any:
    """What asking a scripted server came to: one outcome, or a list of them for several requests."""

    async def scenario() -> Any:
        async with scripted(complete, **(server or {})) as url:
            outcomes = await ask_all(url, *(requests or (a_request(),)), **settings)
            return outcomes if len(outcomes) > 1 else outcomes[0]

    return asyncio.run(scenario())


def always(response: Any) -> Complete:
    async def complete(request: web.Request) -> web.StreamResponse:
        return response()

    return complete


def then(*steps: Any) -> Complete:
    """One step for each request; an exception class is a connection reset before the headers."""
    left = iter(steps)

    async def complete(request: web.Request) -> web.StreamResponse:
        step = next(left)
        if step is ConnectionResetError:
            assert request.transport is not None
            request.transport.abort()
            return said()
        return step()

    return complete


def test_the_key_says_what_decides_the_answer_and_nothing_else() -> None:
    base = a_request(seed_id="a", n=1, fields={"passage": "x"})
    assert base.key == a_request(seed_id="b", n=2, skill="s", agent="t").key
    others = [
        a_request("other"),
        a_request(sampling=Sampling(temperature=0.1)),
        a_request(sampling=Sampling(seed=0)),
        a_request(response_format=GUIDED_REPLY),
        a_request(tools=({"type": "function"},)),
        a_request(role="responder"),
    ]
    assert len({base.key, *(other.key for other in others)}) == 1 + len(others)


@pytest.mark.parametrize(
    ("text", "url", "model"),
    [
        ("offline", "offline", None),
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1", None),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1", None),
        ("https://host/api/v1/#org/model-7b", "https://host/api/v1", "org/model-7b"),
    ],
)
def test_a_teacher_is_named_by_a_word_or_an_address(text: str, url: str, model: str | None) -> None:
    settings = TeacherSettings.parse(text)
    assert (settings.url, settings.model) == (url, model)
    assert settings.kind == ("offline" if url == "offline" else "http")


@pytest.mark.parametrize("text", ["ofline", "ftp://host/v1", "http://", "http://user:secret@host/v1"])
def test_a_wrong_teacher_is_one_line_without_secrets(text: str) -> None:
    with pytest.raises(BadInput) as error:
        TeacherSettings.parse(text)
    assert "\n" not in str(error.value)


def test_a_reply_keeps_what_the_server_said_of_it() -> None:
    reply = outcome(always(said))
    assert reply == Reply("yes", "stop", 3, 5, "some-weights", attempts=1)


def test_a_truncated_answer_says_so() -> None:
    cut = {"message": {"content": "half an ans"}, "finish_reason": "length"}
    assert outcome(always(lambda: said(choices=[cut]))).finish_reason == "length"


@pytest.mark.parametrize(
    ("owner", "form"),
    [
        ("vllm", GUIDED_REPLY),
        ("sglang", GUIDED_REPLY),
        ("llamacpp", {"type": "json_object", "schema": SCHEMA}),
        ("somebody", None),
    ],
)
def test_each_server_gets_standard_fields_and_the_form_it_guides(owner: str, form: Any) -> None:
    seen: list[tuple[dict[str, Any], list[str]]] = []

    async def complete(request: web.Request) -> web.StreamResponse:
        seen.append((await request.json(), list(request.headers)))
        return said()

    async def scenario() -> None:
        async with scripted(complete, {"data": [{"id": "m", "owned_by": owner}]}) as url:
            teacher = open_teacher(TeacherSettings(url=url))
            await teacher.start()
            guided = response_format(SCHEMA, teacher.guided)
            await teacher.ask(a_request(response_format=guided, skill="s", fields={"a": "b"}))
            await teacher.close()

    asyncio.run(scenario())
    [(body, headers)] = seen
    assert body.pop("response_format", None) == form
    assert set(body) == {"model", "messages", "temperature", "top_p", "max_tokens"}
    assert not [name for name in headers if name.startswith("X-Genteach")]


def test_a_dead_address_is_told_at_once() -> None:
    began = time.monotonic()
    with pytest.raises(EnvironmentFailure, match=r"no teacher at http://127\.0\.0\.1:9/v1"):
        asyncio.run(ask_all("http://127.0.0.1:9/v1"))
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("status", "hint"),
    [(401, "api_key_env"), (403, "api_key_env"), (404, "some-model"), (307, "final address")],
)
def test_a_server_that_turns_everyone_away_ends_the_run_at_once(status: int, hint: str) -> None:
    refuse = always(lambda: web.Response(status=status, headers={"Location": "http://x/"}))
    began = time.monotonic()
    with pytest.raises(EnvironmentFailure, match=hint):
        outcome(refuse, server={"canary": refuse})
    assert isinstance(outcome(refuse), EnvironmentFailure)  # the same when it happens in the middle of a run
    assert time.monotonic() - began < 5


def test_a_server_that_is_healthy_but_generates_nothing_is_dead() -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return said()

    with pytest.raises(EnvironmentFailure, match=r"generates nothing \(time_out: no token in 0.3 s\)"):
        outcome(always(said), server={"canary": hang}, canary_timeout=0.3)


@pytest.mark.parametrize(
    ("models", "status", "found"),
    [
        ({"data": [{"id": "a"}, {"id": "b"}]}, 200, r"2 models \(a, b\)"),
        ({}, 500, "lists no model"),
        ([], 200, "lists no"),
    ],
)
def test_a_model_that_cannot_be_told_must_be_named(models: Any, status: int, found: str) -> None:
    server = {"models": models, "status": status}
    with pytest.raises(BadInput, match=found):
        outcome(always(said), server=server)
    assert outcome(always(said), server=server, model="b").text == "yes"


def test_a_key_comes_from_the_environment_and_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    async def complete(request: web.Request) -> web.StreamResponse:
        return said(request.headers.get("Authorization", ""))

    with pytest.raises(EnvironmentFailure, match="GENTEACH_TEST_KEY is not set"):
        outcome(complete, api_key_env="GENTEACH_TEST_KEY")
    monkeypatch.setenv("GENTEACH_TEST_KEY", "sk-secret\n")
    assert outcome(complete, api_key_env="GENTEACH_TEST_KEY").text == "Bearer sk-secret"
    refuse = always(lambda: web.Response(status=401))
    assert "secret" not in str(outcome(refuse, api_key_env="GENTEACH_TEST_KEY"))


def raw(body: bytes, **headers: str) -> Any:
    return lambda: web.Response(body=body, content_type="application/json", headers=headers)


def message(finish: str = "stop", **fields: Any) -> Any:
    return lambda: said(choices=[{"message": fields, "finish_reason": finish}])


BOMB = gzip.compress(json.dumps({"choices": "0" * 50_000_000}).encode())
WHOLE = json.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}).encode()


def test_a_count_of_tokens_that_cannot_be_is_held_between_bounds() -> None:
    usage = {"prompt_tokens": 10**18, "completion_tokens": -3}
    reply = outcome(always(lambda: said(usage=usage)))
    assert (reply.prompt_tokens, reply.completion_tokens) == (2**31 - 1, 0)


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (raw(b"<html>busy</html>"), "invalid_body"),
        (raw(b""), "invalid_body"),
        (raw(WHOLE[:-9]), "invalid_body"),
        (raw(b'{"choices": NaN}'), "invalid_body"),
        (raw(WHOLE.replace(b"x", b"\xff")), "invalid_body"),
        (raw(b"[1, 2]"), "invalid_body"),
        (raw(b" " * (17 << 20)), "invalid_body"),
        (raw(BOMB, **{"Content-Encoding": "gzip"}), "invalid_body"),
        (lambda: said(choices=[]), "no_choices"),
        (message(content=None), "no_content"),
        (message(content=None, reasoning_content="hm", finish="length"), "reasoning_only"),
        (message(content=" ", reasoning="hm"), "reasoning_only"),
        (message(content=None, tool_calls=[{"function": {"arguments": "{"}}]), "tool_calls_only"),
        (message(content=None, finish="content_filter"), "content_filter"),
        (message(content=[{"type": "text"}]), "content_not_text"),
    ],
)
def test_a_reply_that_cannot_be_used_has_a_named_reason(response: Any, reason: str) -> None:
    failure = outcome(always(response))
    assert isinstance(failure, Unanswerable)
    assert failure.reason == reason
    assert "\n" not in failure.detail
    assert len(failure.detail) < 1000


@pytest.mark.parametrize(
    ("status", "text", "reason"),
    [
        (400, "This model's maximum context length is 8192 tokens", "context_too_long"),
        (413, "the prompt is too long", "context_too_long"),
        (400, "bad request", "refused"),
        (422, "Unexpected fields", "refused"),
    ],
)
def test_a_refused_prompt_is_put_aside_alone(status: int, text: str, reason: str) -> None:
    async def complete(request: web.Request) -> web.StreamResponse:
        asked = (await request.json())["messages"][0]["content"]
        return web.json_response({"error": text}, status=status) if asked == "bad" else said(asked)

    good, bad = outcome(complete, a_request("good"), a_request("bad"))
    assert good.text == "good"
    assert isinstance(bad, Unanswerable)
    assert bad.reason == reason


@pytest.mark.parametrize(
    "fault",
    [
        lambda: web.Response(status=500),
        lambda: web.Response(status=503),
        lambda: web.Response(status=429, headers={"Retry-After": "0"}),
        ConnectionResetError,
        lambda: web.Response(body=WHOLE[:-9]),
    ],
)
def test_what_may_pass_is_tried_again(fault: Any) -> None:
    assert outcome(then(fault, said)).attempts == 2


def test_a_body_cut_off_by_a_reset_is_never_read_as_an_answer() -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(len(WHOLE))})
        await response.prepare(request)
        await response.write(WHOLE[:30])
        assert request.transport is not None
        request.transport.close()
        return response

    failure = outcome(cut)
    assert isinstance(failure, Unanswerable)
    assert failure.reason == "connection"


def test_a_wait_that_the_server_asks_for_is_kept() -> None:
    began = time.monotonic()
    assert outcome(then(lambda: web.Response(status=429, headers={"Retry-After": "1"}), said)).attempts == 2
    assert time.monotonic() - began >= 1


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), (" 7 ", 7), ("1000000000", LONGEST_RETRY_AFTER), ("-5", 0), ("soon", 0), ("", 0), (None, 0)],
)
def test_the_wait_in_seconds_is_held_within_reason(header: str | None, seconds: float) -> None:
    assert wait_asked_for(header) == seconds


@pytest.mark.parametrize(("ahead", "seconds"), [(30, 30), (-30, 0), (10**6, LONGEST_RETRY_AFTER)])
def test_the_wait_may_be_a_date(ahead: int, seconds: float) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=ahead), usegmt=True)
    assert wait_asked_for(date) == pytest.approx(seconds, abs=1.5)


def test_waits_grow_are_jittered_and_have_a_roof() -> None:
    assert {backoff(1) <= 0.5 for _ in range(100)} == {True}
    late = [backoff(50, at_least=1.0) for _ in range(100)]
    assert min(late) >= 1
    assert max(late) <= 1 + LONGEST_BACKOFF
    assert len(set(late)) > 90


def unavailable() -> web.Response:
    return web.Response(status=503)


def test_an_outage_shorter_than_the_patience_costs_only_time() -> None:
    down: list[float] = []

    async def well_until_the_first_request(request: web.Request) -> web.StreamResponse:
        return unavailable() if down and time.monotonic() - down[0] < 1 else said()

    async def then_away_for_a_second(request: web.Request) -> web.StreamResponse:
        down.append(time.monotonic())
        return await well_until_the_first_request(request)

    requests = [a_request(str(i)) for i in range(20)]
    replies = outcome(then_away_for_a_second, *requests, server={"canary": well_until_the_first_request})
    assert all(isinstance(reply, Reply) for reply in replies)
    assert max(reply.attempts for reply in replies) > 1


def test_a_server_that_never_comes_back_ends_the_run() -> None:
    canary = then(*[said] * 5, *[unavailable] * 99)
    requests = [a_request("a"), a_request("b")]
    failures = outcome(always(unavailable), *requests, server={"canary": canary}, patience=0.5)
    assert all(isinstance(failure, EnvironmentFailure) for failure in failures)
    assert "has answered nothing for" in str(failures[0])


def test_one_slow_reply_times_out_while_the_others_flow() -> None:
    async def complete(request: web.Request) -> web.StreamResponse:
        asked = (await request.json())["messages"][0]["content"]
        if asked != "slow":
            return said(asked)
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):  # one byte after another, for longer than anybody waits
            await response.write(b" ")
            await asyncio.sleep(0.1)
        return response

    requests = [a_request(text) for text in ("slow", *map(str, range(20)))]
    slow, *others = outcome(complete, *requests, timeout=0.3)
    assert isinstance(slow, Unanswerable)
    assert slow.reason == "time_out"
    assert [reply.text for reply in others] == list(map(str, range(20)))


def test_no_more_requests_are_in_flight_than_there_are_slots() -> None:
    flying, most = 0, 0

    async def complete(request: web.Request) -> web.StreamResponse:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        await asyncio.sleep(0.01)
        flying -= 1
        return said()

    outcome(complete, *(a_request(str(i)) for i in range(40)), slots=7)
    assert most == 7
