"""Several servers as one teacher: some die, crawl, lie, flap, or come back as somebody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from typing import Any

import pytest
from aiohttp import web
from genteach.generate.teacher import (
    Draining,
    Reply,
    Request,
    Sampling,
    TeacherSettings,
    Unanswerable,
)
from genteach.generate.teacher import fleet as fleet_module
from genteach.generate.teacher import pool as pool_module
from genteach.generate.teacher.fake import FakeTeacher, fake_teacher
from genteach.generate.teacher.fingerprint import REPEAT, same_teacher
from genteach.generate.teacher.limit import RETURN
from genteach.generate.teacher.pool import Pool
from genteach.run import EnvironmentFailure

from .servers import said, scripted

pytestmark = pytest.mark.alone

MODEL = "answers by hash"


def a_request(text: str, **facts: Any) -> Request:
    return Request(({"role": "user", "content": text},), **facts)


def digest(request: Request) -> str:
    """What the answer by hash to a request begins with."""
    return sha256(request.body(MODEL)).hexdigest()


@asynccontextmanager
async def serving(*fakes: FakeTeacher) -> AsyncIterator[list[str]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(fake.serve()) for fake in fakes]


class Told:
    """A pool over the URLs, and the lines that it said."""

    def __init__(self, *urls: str, **settings: Any) -> None:
        patient = {"patience": 5.0, "canary_timeout": 2.0, **settings}
        self.lines: list[str] = []
        self.pool = Pool(TeacherSettings(url=urls, **patient), say=self.lines.append)
        self.done: list[float] = []  # when each reply came

    async def __aenter__(self) -> Told:
        self.identity = await self.pool.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.pool.close()

    async def ask(self, request: Request) -> Reply:
        reply = await self.pool.ask(request)
        self.done.append(time.monotonic())
        return reply

    async def ask_all(self, requests: list[Request], window: int = 10_000) -> list[Reply]:
        """All replies, with so many requests open at a time; each must be the answer to its own request."""
        left = iter(requests)
        found: list[Reply] = []

        async def work() -> None:
            for request in left:
                reply = await self.ask(request)
                assert reply.text.startswith(digest(request))
                found.append(reply)

        await asyncio.gather(*(work() for _ in range(min(window, len(requests)))))
        return found

    def replica(self, url: str) -> Any:
        return next(each for each in self.pool._fleet.replicas if each.url == url)

    def report_of(self, url: str) -> dict[str, Any]:
        return next(each for each in self.pool.report()["replicas"] if each["url"] == url)


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        await asyncio.sleep(0.01)


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scenario(), 60))  # type: ignore[arg-type]


def test_one_of_two_servers_dies_half_way_and_the_other_finishes_the_work() -> None:
    fakes = [fake_teacher("hash", latency_ms=100, slots=16) for _ in range(2)]
    requests = [a_request(str(number)) for number in range(400)]

    async def scenario() -> None:
        async with serving(*fakes) as urls, Told(*urls) as told:
            work = asyncio.create_task(told.ask_all(requests, window=200))
            await until(lambda: len(told.done) >= 200)
            fakes[0].die()
            died = time.monotonic()
            assert len(await work) == 400
            # One server's share is 160 replies a second, in sixteens: what comes in any half second after.
            last = told.done[-1] - 0.5
            for start in (died + step / 10 for step in range(int((last - died) * 10))):
                assert sum(start <= when < start + 0.5 for when in told.done) >= 0.75 * 80
            assert [line for line in told.lines if urls[0] in line and "gets no more calls" in line]
            assert told.report_of(urls[0])["ejections"] >= 1

    run(scenario)


def test_a_server_ten_times_slower_keeps_no_more_than_its_share_waiting() -> None:
    fakes = [fake_teacher("hash", latency_ms=40, slots=8) for _ in range(2)]
    fakes[1].slower = 10.0
    requests = [a_request(str(number)) for number in range(400)]

    async def scenario() -> None:
        async with serving(*fakes) as urls, Told(*urls) as told:
            shares: list[float] = []

            async def sample() -> None:
                while True:
                    await asyncio.sleep(0.02)
                    flying = [told.replica(url).clock.flying for url in urls]
                    if sum(flying) > 50:  # but for the end, when only the slow ones are left
                        shares.append(flying[1] / sum(flying))

            sampler = asyncio.create_task(sample())
            began = time.monotonic()
            await told.ask_all(requests, window=60)
            took = time.monotonic() - began
            sampler.cancel()
            assert max(shares) <= 0.55
            assert sum(shares) / len(shares) <= 0.4
            assert took <= 1.3 * 400 / 200 + 0.5  # the fast one alone gives 200 replies a second

    run(scenario)


def test_a_server_that_answers_health_but_generates_nothing_is_ejected_and_named() -> None:
    fakes = [fake_teacher("hash", latency_ms=10, slots=16) for _ in range(2)]

    async def scenario() -> None:
        async with serving(*fakes) as urls, Told(*urls, canary_timeout=0.4) as told:
            work = asyncio.create_task(
                told.ask_all([a_request(str(number)) for number in range(600)], window=60)
            )
            await until(lambda: len(told.done) >= 100)
            fakes[0].generating = False
            assert len(await work) == 600
            [line] = told.lines
            assert urls[0] in line
            assert "generates nothing" in line
            assert told.pool.report()["retries"]["ejected"] > 0

    run(scenario)


def test_a_flapping_server_costs_no_reply() -> None:
    steady, flapping = (fake_teacher("hash", latency_ms=10, slots=16) for _ in range(2))

    async def scenario() -> None:
        async with serving(steady) as [url]:
            async with flapping.serve() as other:
                port = int(other.split(":")[2].removesuffix("/v1"))
                told = Told(url, other)
                await told.pool.start()
                work = asyncio.create_task(
                    told.ask_all([a_request(str(number)) for number in range(2500)], window=40)
                )
                await asyncio.sleep(0.1)
            for _ in range(4):
                await asyncio.sleep(0.1)
                async with flapping.serve(port):
                    await asyncio.sleep(0.2)
            assert len(await work) == 2500
            assert told.report_of(other)["ejections"] >= 1
            await told.pool.close()

    run(scenario)


def test_a_server_that_comes_back_is_ramped_up_and_takes_its_share() -> None:
    def new() -> FakeTeacher:
        return fake_teacher("hash", latency_ms=50, slots=64)

    async def scenario() -> None:
        async with serving(new()) as [url], AsyncExitStack() as stack:
            other = await stack.enter_async_context(new().serve())
            port = int(other.split(":")[2].removesuffix("/v1"))
            async with Told(url, other) as told:
                await stack.aclose()
                work = asyncio.create_task(
                    told.ask_all([a_request(str(number)) for number in range(5000)], window=200)
                )
                await until(lambda: bool(told.replica(other).ejected))
                async with new().serve(port):
                    limits: list[int] = []
                    await until(lambda: not told.replica(other).ejected)
                    while not work.done():
                        limits.append(told.replica(other).limit.value)
                        await asyncio.sleep(0.02)
                    await work
                assert limits[0] <= 4 * RETURN
                assert max(limits) >= 64
                assert told.report_of(other)["calls"] > 500
                assert "answers again" in told.lines[-1]

    run(scenario)


@pytest.mark.parametrize("alone", [False, True])
def test_another_model_behind_the_same_address_stays_out(alone: bool) -> None:
    async def scenario() -> None:
        async with serving(fake_teacher("hash")) as [steady], AsyncExitStack() as stack:
            other = await stack.enter_async_context(fake_teacher("hash").serve())
            port = int(other.split(":")[2].removesuffix("/v1"))
            async with Told(*([] if alone else [steady]), other, patience=30.0) as told:
                await stack.aclose()
                asked = [asyncio.create_task(told.ask(a_request(str(number)))) for number in range(20)]
                await until(lambda: bool(told.replica(other).ejected))
                async with FakeTeacher(lambda call: "other words", MODEL, owner="nobody").serve(port):
                    replies = await asyncio.gather(*asked, return_exceptions=True)
                    await until(lambda: any("another teacher" in line for line in told.lines))
                if alone:
                    assert all(isinstance(reply, EnvironmentFailure) for reply in replies)
                    assert "is another teacher now" in str(replies[0])
                else:
                    assert all(isinstance(reply, Reply) for reply in replies)
                    assert told.report_of(other)["calls"] == 0

    run(scenario)


def test_a_model_that_is_replaced_between_two_calls_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_module, "CHECK_EVERY", 10)
    monkeypatch.setattr(fleet_module, "IDENTIFY_EVERY", 1)
    fake = FakeTeacher(lambda call: f"{words} for {call.digest}", MODEL, owner="nobody")
    words = "words"

    async def scenario() -> None:
        nonlocal words
        async with serving(fake) as urls, Told(*urls) as told:
            for number in range(25):
                await told.ask(a_request(str(number)))
            words = "other words"
            with pytest.raises(EnvironmentFailure, match="is another teacher now: .*other weights"):
                for number in range(1000):
                    await told.ask(a_request(str(number)))
            assert told.pool.report()["calls"] < 100

    run(scenario)


def test_one_dead_server_of_several_is_a_warning_and_none_alive_is_the_end() -> None:
    dead = "http://127.0.0.1:9/v1"

    async def scenario() -> None:
        async with serving(fake_teacher("hash")) as [url]:
            async with Told(dead, url) as told:
                assert "no teacher at" in told.lines[0]
                assert (await told.ask(a_request("hello"))).attempts == 1
            with pytest.raises(EnvironmentFailure, match="no teacher at"):
                await Told(dead, "http://127.0.0.1:10/v1").pool.start()

    run(scenario)


def test_two_different_teachers_are_not_replicas() -> None:
    other = FakeTeacher(lambda call: "something else", MODEL, owner="nobody")

    async def scenario() -> None:
        async with serving(fake_teacher("hash"), other) as urls:
            with pytest.raises(
                EnvironmentFailure, match=f"{urls[1]} is not a replica of {urls[0]}: .*weights"
            ):
                await Told(*urls).pool.start()

    run(scenario)


def test_when_all_servers_are_gone_for_as_long_as_one_is_patient_the_run_ends() -> None:
    fakes = [fake_teacher("hash", latency_ms=20) for _ in range(2)]

    async def scenario() -> None:
        async with serving(*fakes) as urls, Told(*urls, patience=0.5) as told:
            for fake in fakes:
                fake.die()
            outcomes = await asyncio.gather(
                *(told.ask(a_request(str(number))) for number in range(20)), return_exceptions=True
            )
            assert {type(outcome) for outcome in outcomes} == {EnvironmentFailure}
            assert "and 1 more have answered nothing for" in str(outcomes[0])
            assert "\n" not in str(outcomes[0])

    run(scenario)


def test_draining_finishes_what_is_in_flight_and_sends_nothing_more() -> None:
    fake = fake_teacher("hash", latency_ms=200, slots=64)

    async def scenario() -> None:
        async with serving(fake) as urls, Told(*urls, slots=5) as told:
            asked = [asyncio.create_task(told.ask(a_request(str(number)))) for number in range(12)]
            await until(lambda: fake.running == 5)
            told.pool.drain()
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            assert sum(isinstance(outcome, Reply) for outcome in outcomes) == 5
            assert sum(isinstance(outcome, Draining) for outcome in outcomes) == 7
            with pytest.raises(Draining):
                await told.ask(a_request("one more"))
            assert told.pool.report()["calls"] == 5

    run(scenario)


def test_a_call_that_fails_or_rests_while_draining_is_not_sent_again() -> None:
    times = 0

    async def fail(request: web.Request) -> web.StreamResponse:
        nonlocal times
        times += 1
        await asyncio.sleep(0.1)
        return web.Response(status=503, headers={"Retry-After": "30"})

    async def scenario() -> None:
        async with scripted(fail) as url, Told(url) as told:
            asked = [asyncio.create_task(told.ask(a_request(str(number)))) for number in range(3)]
            await until(lambda: times == 3)
            told.pool.drain()
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            assert all(isinstance(outcome, Draining) for outcome in outcomes)
        async with scripted(fail) as url, Told(url) as told:
            resting = asyncio.create_task(told.ask(a_request("x")))
            await until(lambda: told.pool.report()["repeated_sends"] == 1)
            told.pool.drain()
            assert isinstance((await asyncio.gather(resting, return_exceptions=True))[0], Draining)
        assert times == 4

    run(scenario)


def test_calls_about_one_passage_go_to_one_server() -> None:
    fakes = [fake_teacher("hash", latency_ms=20, slots=64) for _ in range(3)]
    system = {"role": "system", "content": "passage " * 100}

    def about(passage: int, agent: int) -> Request:
        messages = (
            {"role": "system", "content": f"{passage} {system['content']}"},
            {"role": "user", "content": f"{agent}"},
        )
        return Request(
            messages, agent=str(agent), seed_id=f"seed {passage}", shared=len(messages[0]["content"])
        )

    async def scenario() -> None:
        async with serving(*fakes) as urls, Told(*urls) as told:
            for agent in range(10):
                await asyncio.gather(*(told.ask(about(passage, agent)) for passage in range(30)))
            report = told.pool.report()
            assert report["prefix_share"] >= 0.85
            assert min(each["calls"] for each in report["replicas"]) > 30  # and each has passages of its own

    run(scenario)


def test_a_busy_home_does_not_hold_a_passage_back() -> None:
    fakes = [fake_teacher("hash", latency_ms=100, slots=8) for _ in range(2)]

    async def scenario() -> None:
        async with serving(*fakes) as urls, Told(*urls, slots=8) as told:
            began = time.monotonic()
            await told.ask_all([a_request(str(number), seed_id="the only one") for number in range(32)])
            assert time.monotonic() - began < 0.35  # two rounds of sixteen, not four of eight

    run(scenario)


def test_a_run_that_fails_more_than_it_answers_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "RETRIES", 50)

    async def broken(request: web.Request) -> web.StreamResponse:
        return web.Response(status=500, text="secret of nobody")

    async def scenario() -> None:
        async with scripted(broken) as url, Told(url) as told:
            outcomes = await asyncio.gather(
                *(told.ask(a_request(str(number))) for number in range(60)), return_exceptions=True
            )
            assert all(isinstance(outcome, EnvironmentFailure) for outcome in outcomes)
            assert "fails more than it answers (0 replies; http_500 51)" in str(outcomes[0])

    run(scenario)


def test_a_prompt_under_which_server_after_server_dies_is_put_aside() -> None:
    async def poison(request: web.Request) -> web.StreamResponse:
        if (await request.json())["messages"][0]["content"] == "poison":
            assert request.transport is not None
            request.transport.abort()
        return said("fine")

    async def scenario() -> None:
        async with scripted(poison) as url, Told(url, attempts=3) as told:
            good = [asyncio.create_task(told.ask(a_request(text))) for text in ("a", "b")]
            with pytest.raises(Unanswerable, match="connection"):
                await told.ask(a_request("poison"))
            assert [(await task).text for task in good] == ["fine", "fine"]

    run(scenario)


def test_a_server_that_was_doubted_for_a_moment_keeps_its_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_module, "GRACE", 1.0)
    bad = True

    async def canary(request: web.Request) -> web.StreamResponse:
        return web.Response(status=503) if bad and told.done else said()

    async def complete(request: web.Request) -> web.StreamResponse:
        text = (await request.json())["messages"][0]["content"]
        if text == "slow":
            await asyncio.sleep(1.5)
        elif text == "fails":
            return web.Response(status=503) if bad else said()
        return said(text)

    async def scenario() -> None:
        nonlocal told, bad
        async with scripted(complete, canary=canary) as url:
            told = Told(url, attempts=1)
            async with told:
                await told.ask(a_request("first"))
                slow = asyncio.create_task(told.ask(a_request("slow")))
                fails = asyncio.create_task(told.ask(a_request("fails")))
                await until(lambda: bool(told.replica(url).ejected))
                bad = False
                assert (await slow).attempts == 1
                assert (await fails).attempts == 2

    told: Any = None
    run(scenario)


def test_429s_pause_and_slow_a_server_without_a_storm() -> None:
    arrived: list[float] = []
    granted: list[float] = []

    async def limited(request: web.Request) -> web.StreamResponse:
        """Ten requests a tenth of a second."""
        now = time.monotonic()
        arrived.append(now)
        if sum(when > now - 0.1 for when in granted) >= 10:
            return web.Response(status=429)
        granted.append(now)
        return said()

    async def scenario() -> None:
        async with scripted(limited) as url, Told(url) as told:
            replies = await asyncio.gather(*(told.ask(a_request(str(number))) for number in range(150)))
            assert len(replies) == 150
            assert told.replica(url).limit.value < 64
            assert len(arrived) <= 4 * 150
            assert told.pool.report()["retries"] == {"http_429": len(arrived) - 150}

    run(scenario)


def test_a_reply_that_names_another_request_is_not_believed() -> None:
    swapped = False

    async def echo_id(request: web.Request) -> web.StreamResponse:
        nonlocal swapped
        response = said("mine")
        name = request.headers["X-Request-Id"]
        if (await request.json())["messages"][0]["content"] == "swapped" and not swapped:
            swapped, name, response = True, "somebody else's", said("not mine")
        response.headers["X-Request-Id"] = name
        return response

    async def scenario() -> None:
        async with scripted(echo_id, canary=echo_id) as url, Told(url) as told:
            reply = await told.ask(a_request("swapped"))
            assert (reply.text, reply.attempts) == ("mine", 2)
            assert told.pool.report()["retries"] == {"mixed_reply": 1}

    run(scenario)


def test_a_server_that_gives_every_reply_a_name_of_its_own_is_believed() -> None:
    async def own_name(request: web.Request) -> web.StreamResponse:
        response = said("yes")
        response.headers["X-Request-Id"] = f"req_{time.monotonic_ns()}"
        return response

    async def scenario() -> None:
        async with scripted(own_name, canary=own_name) as url, Told(url) as told:
            assert (await told.ask(a_request("hello"))).attempts == 1

    run(scenario)


def test_codes_that_come_back_wrong_end_the_run_and_name_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_module, "CHECK_EVERY", 5)
    monkeypatch.setattr(fleet_module, "IDENTIFY_EVERY", 1)
    mixes = False

    async def repeat(request: web.Request) -> web.StreamResponse:
        asked = (await request.json())["messages"][0]["content"]
        return said("0000000000" if mixes else asked.removeprefix(REPEAT))

    async def scenario() -> None:
        nonlocal mixes
        async with scripted(repeat, canary=repeat) as url, Told(url) as told:
            assert told.pool.report()["codes_planted"]
            await asyncio.gather(*(told.ask(a_request(str(number))) for number in range(20)))
            mixes = True
            with pytest.raises(EnvironmentFailure, match=f"{url}: 3 of the last .* mixes up its replies"):
                for number in range(1000):
                    await told.ask(a_request(str(number)))

    run(scenario)


def test_the_servers_own_hit_rate_and_limits_are_in_the_report() -> None:
    queries = 1000.0

    async def scenario() -> None:
        nonlocal queries

        async def metrics(request: web.Request) -> web.Response:
            lines = {"num_requests_running": 1, "num_requests_waiting": 0}
            lines |= {"prefix_cache_queries_total": queries, "prefix_cache_hits_total": queries - 1000}
            return web.Response(text="".join(f"vllm:{name} {value}\n" for name, value in lines.items()))

        async def complete(request: web.Request) -> web.StreamResponse:
            await asyncio.sleep(0.01)
            return said()

        async with scripted(complete, metrics=metrics) as url, Told(url) as told:
            await told.ask(a_request("hello"))
            queries = 2000.0
            await asyncio.sleep(0.3)
            report = told.pool.report()
            assert report["server_hit_rate"] == 1.0
            assert report["replicas"][0]["limit_reached"] == 64
            assert (report["calls"], report["completion_tokens"], report["prompt_tokens"]) == (1, 5, 3)
            assert 100 < report["speed"] <= 500
            assert told.pool.limit == 64

    run(scenario)


@pytest.mark.parametrize("metrics", [True, False])
def test_the_limit_finds_the_slots_of_a_server(metrics: bool) -> None:
    fake = fake_teacher("hash", latency_ms=200, slots=96)
    fake.shows_metrics = metrics

    async def scenario() -> None:
        async with serving(fake) as urls, Told(*urls) as told:
            work = asyncio.create_task(
                told.ask_all([a_request(str(number)) for number in range(1300)], window=600)
            )
            await until(lambda: fake.running == 96, seconds=1.5)
            await work
            busiest = told.done[400:1200]
            assert len(busiest) / (busiest[-1] - busiest[0]) >= 0.75 * 480  # 64 at a time would be 0.67
            assert told.replica(urls[0]).limit.value >= 96

    run(scenario)


def test_identities_differ_by_facts_or_by_every_canary() -> None:
    known = {"model": "m", "server": "vllm", "max_model_len": 4096, "canaries": ["a", "b", "c"]}
    assert same_teacher(known, known | {"canaries": ["x", "b", "y"], "version": "0.34"}) is None
    assert same_teacher(known, {key: known[key] for key in known if key != "canaries"}) is None
    assert "other weights" in (same_teacher(known, known | {"canaries": ["x", "y", "z"]}) or "")
    other = same_teacher(known, known | {"max_model_len": 8192})
    assert other == "max_model_len was 4096 and is 8192"


def test_greedy_sampling_of_the_canaries_shows_a_changed_default() -> None:
    """The identity has what the server said to each greedy canary."""

    async def scenario() -> None:
        async with serving(fake_teacher("hash")) as urls, Told(*urls) as told:
            assert len(told.identity["canaries"]) == 3
            assert len({*told.identity["canaries"]}) == 3
            assert told.identity["model"] == MODEL
            assert "url" not in told.identity

    run(scenario)


def test_a_request_that_is_cancelled_gives_its_place_back() -> None:
    fake = fake_teacher("hash", latency_ms=50, slots=64)

    async def scenario() -> None:
        async with serving(fake) as urls, Told(*urls, slots=2) as told:
            asked = [asyncio.create_task(told.ask(a_request(str(number)))) for number in range(10)]
            await until(lambda: fake.running == 2)
            for task in (asked[0], asked[5]):
                task.cancel()
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            assert sum(isinstance(outcome, Reply) for outcome in outcomes) == 8
            assert told.replica(urls[0]).clock.flying == 0
            assert told.replica(urls[0]).outstanding == 0

    run(scenario)


def test_sampling_is_sent_as_it_is_asked_for() -> None:
    seen: list[dict[str, Any]] = []

    async def complete(request: web.Request) -> web.StreamResponse:
        seen.append(await request.json())
        return said()

    async def scenario() -> None:
        async with scripted(complete) as url, Told(url) as told:
            await told.ask(a_request("hello", sampling=Sampling(0.3, 0.9, 77, seed=5)))
        assert {key: seen[0][key] for key in ("temperature", "top_p", "max_tokens", "seed")} == {
            "temperature": 0.3, "top_p": 0.9, "max_tokens": 77, "seed": 5
        }  # fmt: skip

    run(scenario)
