"""The fault matrix of generation, G1 to G24: what may go wrong with a teacher, a disk or a machine, and what follows.

Always: nothing that was acknowledged is lost, nothing is doubled, every item is accounted for; and unless its row
says otherwise the round is, byte for byte, the one that nothing happened to. Rows that are tested where their
subject is are listed in ELSEWHERE.
"""

from __future__ import annotations

import ast
import asyncio
import gzip
import json
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from genteach.generate import context
from genteach.generate.command import Job, work
from genteach.generate.engine import Shard, WorkItem, work_items
from genteach.generate.flow import Context, Dials, Skill
from genteach.generate.merge import merge
from genteach.generate.pairs import read_pairs, read_rejected
from genteach.generate.recipe import SkillChoice
from genteach.generate.record import Record
from genteach.generate.seeds import Seed
from genteach.generate.teacher import Unanswerable
from genteach.run import EnvironmentFailure, Lock, fingerprint, make_folder

from .servers import Complete, canary_sings, said, scripted
from .toy import TOY, ToyRecipe, script, toy_items, toy_seeds

ELSEWHERE = {
    "G1 SIGKILL at any operation of the write path": [
        "test_sweep.py::test_a_fault_at_any_operation_costs_nothing_but_the_calls_in_flight",
    ],
    "G2 SIGTERM, then SIGKILL": ["test_kills.py::test_G2_G3"],
    "G3 Ctrl-C once and twice": ["test_kills.py::test_G2_G3", "test_engine.py::test_the_second_signal"],
    "G4 torn tail": ["test_faults_disk.py::test_G4"],
    "G5 bit flip in a sealed part": ["test_faults_disk.py::test_G5"],
    "G6 disk full": ["test_faults_disk.py::test_G6", "test_sweep.py::test_a_fault_at_any_operation"],
    "G7 no inodes, read-only folder": [
        "test_faults_disk.py::test_G7",
        "test_run.py::test_an_unwritable_folder",
    ],
    "G8 fsync returns EIO": ["test_sweep.py::test_a_fault_at_any_operation"],
    "G9 Retry-After is capped; no storm of 429s": [
        "test_teacher_pool.py::test_the_wait_in_seconds_is_held_within_reason",
        "test_teacher_pool.py::test_the_wait_may_be_a_date",
        "test_teacher_replicas.py::test_429s_pause_and_slow_a_server_without_a_storm",
        "test_teacher_limit.py::test_429s_lower_it_and_it_recovers",
    ],
    "G14 lying health, with another replica": [
        "test_teacher_replicas.py::test_a_server_that_answers_health_but_generates_nothing_is_ejected_and_named",
    ],
    "G17 replies mixed up": [
        "test_teacher_replicas.py::test_a_reply_that_names_another_request_is_not_believed",
        "test_teacher_replicas.py::test_codes_that_come_back_wrong_end_the_run_and_name_the_server",
    ],
    "G18 another model behind the same address": [
        "test_teacher_replicas.py::test_another_model_behind_the_same_address_stays_out",
        "test_teacher_replicas.py::test_a_model_that_is_replaced_between_two_calls_is_found_out",
        "test_generate_command.py::test_another_teacher_is_refused",
    ],
    "G20 one of several servers dies, is slow, flaps": [
        "test_teacher_replicas.py::test_one_of_two_servers_dies_half_way_and_the_other_finishes_the_work",
        "test_teacher_replicas.py::test_a_server_ten_times_slower_keeps_no_more_than_its_share_waiting",
        "test_teacher_replicas.py::test_a_flapping_server_costs_no_reply",
    ],
    "G22 two launches, stale locks, zombies": [
        "test_run.py::test_a_held_run_is_refused_and_names_its_holder",
        "test_run.py::test_another_hosts_lock_is_never_taken_over",
        "test_parts.py::test_who_was_taken_over_puts_no_part_in_place",
        "test_faults_disk.py::test_G22",
    ],
    "G24 memory": ["test_sweep.py::test_a_fault_at_any_operation", "test_faults_disk.py::test_G24"],
}

OURS = {"data": [{"id": "toy", "owned_by": "genteach"}]}  # the client tells such a server whose a request is
ITEMS = 16
CALLS = 3 * ITEMS - 1
REFUSED, ODD_ONE = "0", "5"  # how seeds begin: of the prompt that the script refuses, and one for faults


async def healthy(request: web.Request) -> web.StreamResponse:
    """What the script says; a refusal is a 400."""
    try:
        return said(script(request.headers["X-Genteach-Agent"], request.headers["X-Genteach-Seed"]))
    except Unanswerable as refused:
        return web.json_response({"error": str(refused)}, status=400)


def all_items(shard: Shard) -> Iterator[WorkItem]:
    return toy_items(ITEMS, shard)


def run(
    folder: Path,
    complete: Complete,
    canary: Complete = canary_sings,
    items: Callable[[Shard], Iterator[WorkItem]] = all_items,
    **teacher: Any,
) -> dict[str, Any]:
    """`genteach generate` with the toy against a server; the manifest of the round."""

    async def scenario() -> dict[str, Any]:
        async with scripted(complete, OURS, canary) as url:
            settings = {
                "url": url,
                "attempts": 2,
                "patience": 1,
                "canary_timeout": 0.5,
                "slots": 8,
                **teacher,
            }
            given = {"out": folder, "seeds": [{"builtin": "python"}], "skills": "text_modification"}
            recipe = ToyRecipe.model_validate({**given, "teacher": settings})
            job = Job("toy", make_folder(folder), recipe, items, {"toy": 1}, "")
            with Lock(folder) as lock:
                await work(job, lock)
                return merge(folder, fingerprint(job.decides), job.planned())

    return asyncio.run(scenario())


def files(folder: Path) -> dict[str, bytes]:
    """The round; its manifest is compared by its facts."""
    return {path.name: path.read_bytes() for path in (folder / "rounds/0001").glob("*.parquet")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to."""
    folder = tmp_path_factory.mktemp("whole")
    manifest = run(folder, healthy)
    assert (manifest["done"], manifest["rejected"], manifest["quarantined"]) == (
        14,
        {"too_long": 1},
        {"refused": 1},
    )
    return folder


def pairs(folder: Path) -> list[dict[str, Any]]:
    return list(read_pairs(folder / "rounds/0001"))


def status(code: int, **headers: str) -> Complete:
    async def fault(request: web.Request) -> web.StreamResponse:
        return web.Response(
            status=code, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )

    return fault


def body(content: bytes, **headers: str) -> Complete:
    async def fault(request: web.Request) -> web.StreamResponse:
        return web.Response(body=content, content_type="application/json", headers=headers)

    return fault


def choice(finish: str | None = "stop", **message: Any) -> Complete:
    async def fault(request: web.Request) -> web.StreamResponse:
        return said(choices=[{"message": message, "finish_reason": finish}])

    return fault


def hang_up(request: web.Request) -> None:
    assert request.transport is not None
    request.transport.abort()


async def reset_before_headers(request: web.Request) -> web.StreamResponse:
    hang_up(request)
    return said()


async def lost_reply(request: web.Request) -> web.StreamResponse:
    reply = await healthy(request)
    hang_up(request)
    return reply


async def reset_mid_body(request: web.Request) -> web.StreamResponse:
    reply = await healthy(request)
    assert isinstance(reply, web.Response) and isinstance(reply.body, bytes)
    response = web.StreamResponse(headers={"Content-Length": str(len(reply.body))})
    await response.prepare(request)
    await response.write(reply.body[:-9])
    hang_up(request)
    return response


async def slow_loris(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(50):
        await response.write(b" ")
        await asyncio.sleep(0.1)
    return response


async def headers_then_silence(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await asyncio.sleep(5)
    return response


async def silence(request: web.Request) -> web.StreamResponse:
    await asyncio.sleep(5)
    return said()


def in_a_second() -> str:
    return format_datetime(datetime.now(UTC), usegmt=True)


WHOLE_REPLY = json.dumps({"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}]}).encode()
BOMB = gzip.compress(json.dumps({"choices": "0" * 50_000_000}).encode())


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(status(429), id="G9 429 without Retry-After"),
        pytest.param(status(429, Retry_After="0"), id="G9 429 with seconds"),
        pytest.param(status(429, Retry_After=in_a_second()), id="G9 429 with a date"),
        pytest.param(status(429, Retry_After="-5"), id="G9 429 with a negative wait"),
        pytest.param(status(500), id="G10 500"),
        pytest.param(status(502), id="G10 502"),
        pytest.param(status(503), id="G10 503"),
        pytest.param(status(504), id="G10 504"),
        pytest.param(reset_before_headers, id="G11 reset before the headers"),
        pytest.param(reset_mid_body, id="G11 reset in the body"),
        pytest.param(lost_reply, id="G12 reply lost after the work"),
        pytest.param(slow_loris, id="G13 slow loris"),
        pytest.param(headers_then_silence, id="G13 headers, then silence"),
        pytest.param(silence, id="G13 silence"),
        pytest.param(body(WHOLE_REPLY[:-9]), id="G15 truncated JSON"),
        pytest.param(body(b"<html>busy</html>"), id="G15 error page"),
        pytest.param(choice("abort", content="half an ans"), id="G16 aborted"),
    ],
)
def test_what_passes_leaves_no_trace_but_the_repeats(tmp_path: Path, whole: Path, fault: Complete) -> None:
    """Every third request that is answered in the end fails at first."""
    asked: Counter[bytes] = Counter()
    failed: set[bytes] = set()

    async def complete(request: web.Request) -> web.StreamResponse:
        name = sha256(await request.read()).digest()
        asked[name] += 1
        if name[0] % 3 or name in failed or request.headers["X-Genteach-Seed"].startswith(REFUSED):
            return await healthy(request)
        failed.add(name)
        return await fault(request)

    manifest = run(tmp_path, complete, timeout=0.4)
    assert files(tmp_path) == files(whole) and manifest["pending"] == 0
    assert manifest["repeated_calls"] == asked.total() - len(asked) == len(failed) > 5


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param(slow_loris, "time_out", id="G13 slow loris without end"),
        pytest.param(body(b"<html>busy</html>"), "invalid_body", id="G15 error page"),
        pytest.param(body(b""), "invalid_body", id="G15 empty body"),
        pytest.param(body(b'{"choices": NaN}'), "invalid_body", id="G15 NaN"),
        pytest.param(body(WHOLE_REPLY.replace(b"x", b"\xff")), "invalid_body", id="G15 invalid UTF-8"),
        pytest.param(body(b" " * (60 << 20)), "invalid_body", id="G15 60 MB"),
        pytest.param(body(BOMB, **{"Content-Encoding": "gzip"}), "invalid_body", id="G15 gzip bomb"),
        pytest.param(body(b'{"choices": []}'), "no_choices", id="G16 no choices"),
        pytest.param(choice(content=None), "no_content", id="G16 no content"),
        pytest.param(choice("length", content="half an ans"), "truncated_reply", id="G16 length"),
        pytest.param(choice("content_filter", content="half an ans"), "content_filter", id="G16 content filter"),
        pytest.param(choice("banana", content="half an ans"), "finish_reason", id="G16 unknown end"),
        pytest.param(
            choice(content=None, tool_calls=[{"function": {"arguments": "{"}}]), "tool_calls_only", id="G16 broken tool call"
        ),
        pytest.param(choice(content=None, reasoning_content="hm"), "reasoning_only", id="G16 reasoning alone"),
        pytest.param(status(400), "refused", id="G19 400 for one prompt"),
        pytest.param(status(422), "refused", id="G19 422 for one prompt"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_one_item_costs_that_item_alone(
    tmp_path: Path, whole: Path, fault: Complete, reason: str
) -> None:
    async def complete(request: web.Request) -> web.StreamResponse:
        odd = request.headers["X-Genteach-Seed"].startswith(ODD_ONE)
        return await (fault if odd and request.headers["X-Genteach-Agent"] == "ask" else healthy)(request)

    manifest = run(tmp_path, complete, timeout=0.4)
    assert manifest["done"] == 13 and manifest["pending"] == 0
    others = Counter({"too_long": 1, "refused": 1})
    assert Counter(manifest["rejected"]) + Counter(manifest["quarantined"]) - others == Counter({reason: 1})
    assert pairs(tmp_path) == [pair for pair in pairs(whole) if not pair["seed_id"].startswith(ODD_ONE)]
    [row] = [row for row in read_rejected(tmp_path / "rounds/0001") if row["seed_id"].startswith(ODD_ONE)]
    assert row["reason"] == reason and len(row["detail"]) < 1000 and "\n" not in row["detail"]


@pytest.mark.parametrize(
    ("fault", "said_why"),
    [
        pytest.param(status(503), "has answered nothing for", id="G10 an outage that does not end"),
        pytest.param(reset_before_headers, "has answered nothing for", id="G11 nothing but resets"),
        pytest.param(silence, "generates nothing|has answered nothing for", id="G14 lying health"),
        pytest.param(status(401), "api_key_env", id="G19 401"),
        pytest.param(status(403), "api_key_env", id="G19 403"),
        pytest.param(status(404), "the name of a model there", id="G19 404"),
    ],
)
def test_what_is_wrong_with_the_server_ends_the_run_and_the_next_one_goes_on(
    tmp_path: Path, whole: Path, fault: Complete, said_why: str
) -> None:
    """All requests fail from the twentieth on, and so do the canaries."""
    asked: Counter[bytes] = Counter()
    answered: set[bytes] = set()

    async def complete(request: web.Request) -> web.StreamResponse:
        name = sha256(await request.read()).digest()
        asked[name] += 1
        if asked.total() >= 20:
            return await fault(request)
        answered.add(name)
        return await healthy(request)

    async def canary(request: web.Request) -> web.StreamResponse:
        return await (fault if asked.total() >= 20 else canary_sings)(request)

    began = time.monotonic()
    with pytest.raises(EnvironmentFailure, match=said_why) as ended:
        run(tmp_path, complete, canary)
    assert time.monotonic() - began < 5
    assert "\n" not in str(ended.value)
    bought: list[bytes] = []

    async def ledger(request: web.Request) -> web.StreamResponse:
        bought.append(sha256(await request.read()).digest())
        return await healthy(request)

    manifest = run(tmp_path, ledger)
    assert files(tmp_path) == files(whole) and manifest["pending"] == 0
    assert len(answered & set(bought)) <= 8 and len(bought) == len(set(bought))  # those in flight at the end


def test_G10_an_outage_that_passes_costs_time_alone(tmp_path: Path, whole: Path) -> None:
    gone: list[float] = []

    async def complete(request: web.Request) -> web.StreamResponse:
        gone.append(time.monotonic())
        return await (status(503) if len(gone) >= 20 and gone[-1] - gone[19] < 1 else healthy)(request)

    async def canary(request: web.Request) -> web.StreamResponse:
        away = len(gone) >= 20 and time.monotonic() - gone[19] < 1
        return await (status(503) if away else canary_sings)(request)

    run(tmp_path, complete, canary, patience=10)
    assert files(tmp_path) == files(whole)


def test_G21_a_clock_that_jumps_disturbs_nobody(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A day ahead and a day back, with every reading, while calls fail and wait."""
    now, readings = time.time, iter(range(10**6))
    monkeypatch.setattr(time, "time", lambda: now() + (86_400 if next(readings) % 2 else -86_400))
    failed: set[bytes] = set()

    async def complete(request: web.Request) -> web.StreamResponse:
        name = sha256(await request.read()).digest()
        if name[0] % 3 or name in failed or request.headers["X-Genteach-Seed"].startswith(REFUSED):
            return await healthy(request)
        failed.add(name)
        return await status(503)(request)

    began = time.monotonic()
    manifest = run(tmp_path, complete)
    assert time.monotonic() - began < 10
    assert files(tmp_path) == files(whole) and manifest["repeated_calls"] == len(failed) > 5


@dataclass(frozen=True)
class Poisoned(Skill):
    """The toy, but for what one seed makes of it."""

    poison: Callable[[Seed, Context], Awaitable[Any]] | None = None

    async def run(self, seed: Seed, ctx: Context, dials: Dials) -> None:
        if self.poison and seed.id.startswith(ODD_ONE):
            await self.poison(seed, ctx)
        await super().run(seed, ctx, dials)


async def crash(seed: Seed, ctx: Context) -> None:
    raise ZeroDivisionError(seed.id)


async def recurse(seed: Seed, ctx: Context) -> None:
    await recurse(seed, ctx)


async def ask_at_length(seed: Seed, ctx: Context) -> None:
    long = Record.begin("toy", seed).with_fields({"document": "x" * 10_000_000})
    await ctx.ask(TOY.transform[0], long)


async def ask_for_ever(seed: Seed, ctx: Context) -> None:
    while True:
        await ctx.ask(TOY.transform[0], Record.begin("toy", seed))


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        pytest.param(crash, "fault:ZeroDivisionError", id="G23 an agent that crashes"),
        pytest.param(recurse, "fault:RecursionError", id="G23 a flow without a bottom"),
        pytest.param(ask_at_length, "prompt_too_long", id="G23 a prompt of 10 MB"),
        pytest.param(ask_for_ever, "too_many_calls", id="G23 a flow without an end"),
    ],
)
def test_a_poisonous_seed_is_put_aside_and_the_others_go_on(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, poison: Any, reason: str
) -> None:
    monkeypatch.setattr(context, "MOST_CALLS", 50)
    skill = Poisoned(**{each.name: getattr(TOY, each.name) for each in fields(TOY)}, poison=poison)
    flows = {"toy": (skill, SkillChoice(), Dials(1, 0))}
    manifest = run(tmp_path, healthy, items=lambda shard: work_items(toy_seeds(ITEMS), flows, shard))
    assert manifest["quarantined"] == {reason: 1, "refused": 1}
    assert pairs(tmp_path) == [pair for pair in pairs(whole) if not pair["seed_id"].startswith(ODD_ONE)]
    [row] = [row for row in read_rejected(tmp_path / "rounds/0001") if row["seed_id"].startswith(ODD_ONE)]
    assert not reason.startswith("fault:") or "Traceback" in row["detail"]


@cache
def functions_of(name: str) -> set[str]:
    tree = ast.parse((Path(__file__).parent / name).read_text(encoding="utf-8"))
    return {each.name for each in tree.body if isinstance(each, ast.FunctionDef)}


@pytest.mark.parametrize("row", ELSEWHERE)
def test_what_is_tested_elsewhere_is_there(row: str) -> None:
    for place in ELSEWHERE[row]:
        file, _, test = place.partition("::")
        assert any(name.startswith(test) for name in functions_of(file)), place


def test_the_matrix_has_all_24_rows() -> None:
    named = re.findall(r"G(\d+)[ _]", Path(__file__).read_text(encoding="utf-8"))
    assert {int(number) for number in named} >= set(range(1, 25))
