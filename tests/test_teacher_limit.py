"""How many calls a server is given at once: against simulated servers, in no time, and what metrics really look like."""

from __future__ import annotations

import heapq
import random
from collections import deque

import pytest
from genteach.generate.teacher.limit import MOST, RETURN, START, Limit
from genteach.generate.teacher.metrics import Load, read_load

pytestmark = pytest.mark.alone


class Simulated:
    """A server with so many slots that queues the rest, and a client that never runs out of calls."""

    def __init__(
        self, limit: Limit, slots: int, latency: float, spread: float = 0.0, metrics: bool = False
    ) -> None:
        self.limit, self.slots, self.latency, self.spread = limit, slots, latency, spread
        self.now, self.done, self.flying, self.running = 0.0, 0, 0, 0
        self.waiting: deque[float] = deque()
        self.cache_use, self.preemptions = 0.1, 0
        self.wanted = True
        self._events: list[tuple[float, int, float | None, int]] = []
        self._draw, self._serial = random.Random(0), 0
        if metrics:
            limit.observed(0.0, Load(), wanted=False)
            self._at(0.1, None, 0)

    def run(self, seconds: float) -> int:
        """The replies of so many seconds."""
        until, before = self.now + seconds, self.done
        self._fill()
        while self._events and self._events[0][0] < until:
            self.now, _, sent, tokens = heapq.heappop(self._events)
            if sent is None:
                load = Load(self.running, len(self.waiting), self.cache_use, self.preemptions)
                self.limit.observed(self.now, load, self.wanted)
                self._at(self.now + 0.5, None, 0)
            else:
                self._finish(sent, tokens)
            self._fill()
        self.now = until
        return self.done - before

    def _finish(self, sent: float, tokens: int) -> None:
        self.running -= 1
        self.flying -= 1
        self.done += 1
        if self.waiting:
            self._start(self.waiting.popleft())
        self.limit.replied(self.now, sent, tokens, self.wanted)

    def _fill(self) -> None:
        while self.flying < self.limit.value and self.wanted:
            self.flying += 1
            if self.running < self.slots:
                self._start(self.now)
            else:
                self.waiting.append(self.now)

    def _start(self, sent: float) -> None:
        """A reply twice as long takes twice as long."""
        self.running += 1
        length = 1 + self.spread * (self._draw.expovariate(1) - 1)
        self._at(self.now + self.latency * length, sent, int(100 * length))

    def _at(self, when: float, sent: float | None, tokens: int) -> None:
        self._serial += 1
        heapq.heappush(self._events, (when, self._serial, sent, tokens))


@pytest.mark.parametrize("metrics", [True, False])
def test_256_slots_are_filled_within_a_second_and_kept_full(metrics: bool) -> None:
    server = Simulated(Limit(), slots=256, latency=0.2, metrics=metrics)
    assert server.limit.value == START
    server.run(1.0)
    assert server.running == 256
    assert server.run(38.0) >= 0.995 * 38 * 1280
    assert 256 <= server.limit.value <= 1.35 * 256


def test_the_queue_is_small_and_never_empty_where_a_server_shows_it() -> None:
    server = Simulated(Limit(), slots=256, latency=0.2, metrics=True)
    server.run(20.0)
    for _ in range(20):
        server.run(0.5)
        assert 0 < len(server.waiting) <= 0.15 * 256


def test_replies_of_many_lengths_do_not_mislead_it() -> None:
    server = Simulated(Limit(), slots=256, latency=0.2, spread=0.8)
    server.run(5.0)
    assert server.run(40.0) >= 0.97 * 40 * 1280
    assert server.limit.value <= 2 * 256


def test_a_small_server_is_given_few_calls() -> None:
    server = Simulated(Limit(), slots=4, latency=1.0, metrics=True)
    server.run(30.0)
    assert server.running == 4
    assert server.limit.value <= 6


def test_no_server_gets_more_than_the_roof() -> None:
    server = Simulated(Limit(), slots=10_000, latency=0.2)
    server.run(20.0)
    assert server.limit.reached == server.limit.value == MOST
    capped = Simulated(Limit(7), slots=10_000, latency=0.2, metrics=True)
    capped.run(5.0)
    assert capped.limit.value == capped.flying == 7


def test_a_limit_that_nobody_needs_does_not_move() -> None:
    limit = Limit()
    for second in range(100):
        limit.replied(second + 0.2, second, 100, wanted=False)
        limit.observed(second, Load(running=1, waiting=90, cache_use=0.99), wanted=False)
    assert limit.value == START


def test_a_full_cache_and_preemptions_lower_it_once_a_round_trip() -> None:
    server = Simulated(Limit(), slots=256, latency=1.0, metrics=True)
    server.run(20.0)
    before = server.limit.value
    server.preemptions += 1
    server.run(1.0)
    assert 0.8 * 256 <= server.limit.value <= 0.9 * before
    server.cache_use = 0.99
    server.run(3.0)
    assert 0.6 * 256 <= server.limit.value <= 0.8 * 256
    server.cache_use = 0.5
    server.run(10.0)
    assert server.limit.value >= 256


@pytest.mark.parametrize("metrics", [True, False])
def test_429s_lower_it_and_it_recovers(metrics: bool) -> None:
    server = Simulated(Limit(), slots=256, latency=0.2, metrics=metrics)
    server.run(20.0)
    before = server.limit.value
    for _ in range(before):  # a whole window is turned away: one cut, not one for each
        server.limit.turned_away(server.now)
    assert 0.6 * before <= server.limit.value <= 0.7 * before
    server.run(15.0)
    assert server.limit.value >= 256


def test_a_few_429s_among_many_replies_are_borne() -> None:
    server = Simulated(Limit(), slots=256, latency=0.2, metrics=True)
    server.run(20.0)
    before = server.limit.value
    for _ in range(10):
        server.limit.turned_away(server.now)
    assert server.limit.value == before


def test_a_server_that_came_back_begins_with_few_calls_and_doubles() -> None:
    limit = Limit()
    Simulated(limit, slots=256, latency=0.2, metrics=True).run(10.0)
    limit.restart()
    assert limit.value == RETURN
    server = Simulated(limit, slots=256, latency=0.2, metrics=True)
    server.run(0.45)
    assert RETURN < server.limit.value <= 8 * RETURN
    server.run(5.0)
    assert server.limit.value >= 256


VLLM = """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="Qwen/Qwen3-8B"} 254.0
vllm:num_requests_running{engine="1",model_name="Qwen/Qwen3-8B"} 2.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="Qwen/Qwen3-8B"} 17.0
vllm:num_requests_waiting{engine="1",model_name="Qwen/Qwen3-8B"} 0.0
# TYPE vllm:num_requests_waiting_by_reason gauge
vllm:num_requests_waiting_by_reason{engine="0",model_name="Qwen/Qwen3-8B",reason="capacity"} 17.0
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="Qwen/Qwen3-8B"} 0.8125
vllm:kv_cache_usage_perc{engine="1",model_name="Qwen/Qwen3-8B"} 0.01
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0",model_name="Qwen/Qwen3-8B"} 2.96015e+06
vllm:prefix_cache_queries_created{engine="0",model_name="Qwen/Qwen3-8B"} 1.7634e+09
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0",model_name="Qwen/Qwen3-8B"} 2.36901e+06
# TYPE vllm:num_preemptions_total counter
vllm:num_preemptions_total{engine="0",model_name="Qwen/Qwen3-8B"} 7.0
vllm:request_success_total{engine="0",finished_reason="stop",model_name="Qwen/Qwen3-8B"} 4524.0
"""
SGLANG = """\
# TYPE sglang:num_running_reqs gauge
sglang:num_running_reqs{engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 120.0
sglang:num_queue_reqs{engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 8.0
sglang:token_usage{engine_type="unified",model_name="m",pp_rank="0",tp_rank="0"} 0.28
sglang:num_retracted_requests_total{model_name="m"} 2.0
sglang:prompt_tokens_total{model_name="m"} 8.128902e+06
sglang:cached_tokens_total{cache_source="device",model_name="m"} 4.0e+06
sglang:cached_tokens_total{cache_source="host",model_name="m"} 1.0e+06
sglang:cache_hit_rate{model_name="m"} 0.0075
"""
LLAMA_CPP = """\
# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 1000
llamacpp:prompt_tokens_cached_total 3000
# TYPE llamacpp:requests_processing gauge
llamacpp:requests_processing 4
# TYPE llamacpp:requests_deferred gauge
llamacpp:requests_deferred 46
llamacpp:n_busy_slots_per_decode 3.97
"""


@pytest.mark.parametrize(
    ("text", "load"),
    [
        (VLLM, Load(256, 17, 0.8125, 7, 2_960_150, 2_369_010)),
        (SGLANG, Load(120, 8, 0.28, 2, 8_128_902, 5_000_000)),
        (LLAMA_CPP, Load(4, 46, 0.0, 0, 4000, 3000)),
        ("<html>not found</html>", None),
        ("vllm:num_requests_running{} NaN\nvllm:num_requests_waiting 1..2\n", None),
        ("", None),
    ],
)
def test_the_metrics_of_each_server_are_read(text: str, load: Load | None) -> None:
    assert read_load(text) == load
