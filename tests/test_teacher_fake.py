"""The offline teacher and the fake one: the same answers in process and behind HTTP, a ledger, faults."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import aiohttp
import pytest
from genteach.generate.reply import Declined, form
from genteach.generate.teacher import Reply, Request, TeacherSettings, Unanswerable, open_teacher
from genteach.generate.teacher.fake import FakeTeacher, fake_teacher
from genteach.generate.teacher.metrics import read_load
from genteach.generate.teacher.offline import NAME, OfflineTeacher, Rules
from genteach.run import BadInput, EnvironmentFailure


def echo(fields: dict[str, Any], draw: Random) -> str:
    if not fields["passage"]:
        raise Declined("the passage is empty")
    return f"{draw.random()} {fields}"


RULES = Rules({"toy": {"echo": echo}}, digest="0" * 64)


def by_rule(call: Any) -> str:
    return RULES.answer(call.skill, call.agent, call.seed_id, call.again, call.fields)


def a_request(
    text: str = "hello", n: int = 0, number: int = 0, agent: str = "echo", **fields: Any
) -> Request:
    message = {"role": "user", "content": text}
    return Request(
        (message,),
        skill="toy",
        agent=agent,
        seed_id="seed-é",
        n=n,
        number=number,
        fields=fields or {"passage": "p"},
    )


async def ask(teacher: Any, *requests: Request) -> list[Any]:
    await teacher.start()
    try:
        return await asyncio.gather(*map(teacher.ask, requests), return_exceptions=True)
    finally:
        await teacher.close()


def behind_http(server: FakeTeacher, *requests: Request) -> list[Any]:
    async def scenario() -> list[Any]:
        async with server.serve() as url:
            assert url.startswith("http://127.0.0.1:")
            return await ask(open_teacher(TeacherSettings(url=url)), *requests)

    return asyncio.run(scenario())


def events(ledger: Path) -> list[dict[str, Any]]:
    """The ledger without the client's canaries."""
    return [line for line in map(json.loads, ledger.read_text().splitlines()) if "canary" not in line]


def test_the_rules_say_the_same_in_process_and_behind_http() -> None:
    long_passage = "Wörter, \n and <tags>. " * 2_000
    requests = [
        a_request(passage=long_passage),
        a_request(n=1),
        a_request(passage=("a", "tuple")),
        a_request(passage=""),
    ]
    inside = asyncio.run(ask(OfflineTeacher(RULES), *requests))
    assert inside == behind_http(FakeTeacher(by_rule, NAME), *requests)
    assert len({reply.text for reply in inside}) == 4
    assert {reply.model for reply in inside} == {"offline rule-based teacher"}


def test_a_rule_that_does_not_fit_or_is_missing_declines_readably() -> None:
    does_not_fit, missing = asyncio.run(
        ask(OfflineTeacher(RULES), a_request(passage=""), a_request(agent="nobody"))
    )
    with pytest.raises(Declined, match="the passage is empty"):
        form(question="a question").read(does_not_fit.text)
    with pytest.raises(Declined, match="no rule for the agent 'nobody'"):
        form(question="a question").read(missing.text)


def test_the_offline_teacher_says_plainly_what_it_is() -> None:
    identity = asyncio.run(open_teacher(TeacherSettings()).start())
    assert identity["model"] == "offline rule-based teacher"
    assert len(identity["rules"]) == 64


def test_an_answer_by_hash_belongs_to_its_request_alone() -> None:
    replies = behind_http(fake_teacher("hash"), *(a_request(str(i)) for i in range(50)), a_request("7"))
    assert len({reply.text for reply in replies}) == 50
    assert replies[7].text == replies[50].text


def test_an_answer_by_hash_begins_with_the_digest_and_is_about_a_kilobyte() -> None:
    request = a_request("x")
    [reply] = behind_http(fake_teacher("hash"), request)
    assert reply.text.startswith(sha256(request.body(reply.model)).hexdigest() + " ")
    assert 800 < len(reply.text) < 1300


def test_only_the_answers_that_need_it_are_told_whose_a_request_is(tmp_path: Path) -> None:
    for answers, skills in (("hash", {""}), ("offline", {"toy"})):
        ledger = tmp_path / answers
        behind_http(fake_teacher(answers, ledger=ledger), a_request())
        assert {line["skill"] for line in events(ledger)} == skills


def test_recorded_answers_outlive_an_edited_prompt(tmp_path: Path) -> None:
    rows = [
        {"skill": "toy", "seed_id": "seed-é", "agent": "echo", "n": n, "reply": f"take {n}"} for n in range(2)
    ]
    (tmp_path / "toy.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    requests = a_request("one prompt"), a_request("another", number=1), a_request(number=2)
    first, second, unknown = behind_http(fake_teacher("recorded", recordings=tmp_path), *requests)
    assert (first.text, second.text) == ("take 0", "take 1")
    assert isinstance(unknown, Unanswerable)
    assert "no recorded reply" in str(unknown)


def test_the_ledger_knows_what_arrived_and_what_was_written(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    server = FakeTeacher(by_rule, NAME, ledger=ledger)
    behind_http(server, *(a_request(str(i), number=i) for i in range(20)))
    lines = events(ledger)
    for event in ("arrived", "written"):
        assert {line["n"] for line in lines if line["event"] == event} == set(range(20))
    assert {line["status"] for line in lines if line["event"] == "written"} == {200}


CLIENT = """
import asyncio, sys
from genteach.generate.teacher import Request, TeacherSettings, open_teacher

async def main():
    teacher = open_teacher(TeacherSettings(url=sys.argv[1], slots=4))
    await teacher.start()
    requests = [Request(({"role": "user", "content": str(i)},), skill="toy", number=i) for i in range(10_000)]
    await asyncio.gather(*map(teacher.ask, requests))

asyncio.run(main())
"""


def serve(*options: str) -> tuple[subprocess.Popen[str], str]:
    command = [sys.executable, "-c", "from genteach.cli import main; main()", "teacher", "fake", *options]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    return server, server.stdout.readline().split()[-1]


def test_the_ledger_survives_the_kill_of_the_client(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    server, url = serve("--answers", "hash", "--latency-ms", "20", "--ledger", str(ledger))
    try:
        client = subprocess.Popen([sys.executable, "-c", CLIENT, url])
        while not ledger.exists() or len(events(ledger)) < 100:
            time.sleep(0.05)
        client.kill()
        client.wait()
        time.sleep(0.2)
        lines = events(ledger)
        arrived, written = (sum(line["event"] == event for line in lines) for event in ("arrived", "written"))
        assert 0 <= arrived - written <= 4
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=10) == 0


def test_planned_faults_are_the_same_each_time_and_pass(tmp_path: Path) -> None:
    plans = []
    for run in ("first", "second"):
        ledger = tmp_path / run
        server = fake_teacher("hash", ledger=ledger, faults=0.5, fault_seed=1)
        replies = behind_http(server, *(a_request(str(i)) for i in range(40)))
        assert all(isinstance(reply, Reply) and reply.attempts <= 3 for reply in replies)
        assert len({reply.text for reply in replies}) == 40
        failed = [line for line in events(ledger) if line["event"] == "failed"]
        assert {line["status"] for line in failed} == {"429", "500", "truncated"}  # a reset writes nothing
        plans.append(sorted((line["request"], line["status"]) for line in failed))
    assert plans[0] == plans[1]


def test_requests_beyond_the_slots_wait_in_a_queue() -> None:
    began = time.monotonic()
    behind_http(fake_teacher("hash", slots=2, latency_ms=50), *(a_request(str(i)) for i in range(8)))
    assert time.monotonic() - began >= 4 * 0.05


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"answers": "guess"}, "give offline, hash, or recorded"),
        ({"answers": "recorded"}, "--recordings FOLDER"),
        ({"faults": 2.0}, "share from 0 to 1"),
        ({"slots": 0}, "--slots at least 1"),
        ({"answers": "recorded", "recordings": Path("nowhere")}, "no recorded reply"),
    ],
)
def test_a_wrong_option_of_the_fake_is_one_line(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        fake_teacher(**{"answers": "hash", **arguments})


def test_a_taken_port_is_an_environment_failure() -> None:
    async def scenario() -> None:
        async with (
            fake_teacher("hash").serve() as url,
            fake_teacher("hash").serve(int(url.split(":")[2][:-3])),
        ):
            raise AssertionError("two servers on one port")

    with pytest.raises(EnvironmentFailure, match="choose another --port"):
        asyncio.run(scenario())


def test_a_model_that_is_not_there_is_named() -> None:
    async def scenario() -> None:
        async with fake_teacher("hash").serve() as url:
            await open_teacher(TeacherSettings.parse(f"{url}#gpt")).start()

    with pytest.raises(EnvironmentFailure, match="'gpt'"):
        asyncio.run(scenario())


async def spoken(server: FakeTeacher, *parts: bytes) -> bytes:
    """What comes back over a bare connection, until the server hangs up or falls silent."""
    async with server.serve() as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2][:-3]))
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.002)
        heard = b""
        try:
            async with asyncio.timeout(0.3):
                while part := await reader.read(65536):
                    heard += part
        except TimeoutError:
            heard += b"(open)"
        writer.close()
        return heard


def asking(text: str, model: str = "answers by hash") -> bytes:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Request-Id: {text}\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def test_requests_in_pieces_and_in_a_row_are_answered_in_order() -> None:
    server = fake_teacher("hash", latency_ms=5)
    whole = asyncio.run(spoken(server, asking("one") + asking("two")))
    assert whole.index(b"X-Request-Id: one") < whole.index(b"X-Request-Id: two")
    assert whole.count(b"HTTP/1.1 200 OK") == 2
    pieces = asyncio.run(spoken(server, *(asking("one")[at : at + 7] for at in range(0, 400, 7))))
    assert pieces.count(b"HTTP/1.1 200 OK") == 1
    assert pieces.endswith(b"(open)")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /v1/chat/completions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"413"),
        (b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"413"),
        (b"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"\xff \xff \xff\r\n\r\n", b"400"),
    ],
)
def test_what_is_not_a_request_is_refused_and_hung_up_on(sent: bytes, status: bytes) -> None:
    heard = asyncio.run(spoken(fake_teacher("hash"), sent))
    assert heard.startswith(b"HTTP/1.1 " + status)
    assert not heard.endswith(b"(open)")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"messages": []}', b'{"messages": [1]}', b"{"])
def test_a_body_that_is_no_chat_completion_is_refused(body: bytes) -> None:
    head = f"POST /v1/chat/completions HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    heard = asyncio.run(spoken(fake_teacher("hash"), head + body))
    assert heard.startswith(b"HTTP/1.1 400")
    assert heard.endswith(b"(open)")


def test_its_metrics_say_how_many_run_and_wait() -> None:
    async def scenario() -> None:
        server = fake_teacher("hash", slots=2, latency_ms=100)
        async with server.serve() as url, aiohttp.ClientSession() as session:
            body = {"model": "answers by hash", "messages": [{"role": "user", "content": "x"}]}

            async def ask() -> int:
                async with session.post(f"{url}/chat/completions", json=body) as response:
                    return response.status

            asked = [asyncio.create_task(ask()) for _ in range(5)]
            await asyncio.sleep(0.05)
            async with session.get(url.removesuffix("/v1") + "/metrics") as response:
                load = read_load(await response.text())
            assert load is not None
            assert (load.running, load.waiting) == (server.running, server.waiting) == (2, 3)
            await asyncio.gather(*asked)

    asyncio.run(scenario())
