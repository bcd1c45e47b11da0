"""What a server says of its own load: the Prometheus text of vLLM, SGLang and llama.cpp's server."""

import re
from dataclasses import dataclass

# The names of vLLM 0.33, SGLang 0.5 and llama.cpp's server, and what each is to us. Series of several engines
# add up. llama.cpp counts the prompt tokens that it found cached apart from those that it processed.
NAMES: dict[str, tuple[str, ...]] = {
    "vllm:num_requests_running": ("running",),
    "vllm:num_requests_waiting": ("waiting",),
    "vllm:kv_cache_usage_perc": ("cache_use",),
    "vllm:num_preemptions_total": ("preemptions",),
    "vllm:prefix_cache_queries_total": ("prefix_queries",),
    "vllm:prefix_cache_hits_total": ("prefix_hits",),
    "sglang:num_running_reqs": ("running",),
    "sglang:num_queue_reqs": ("waiting",),
    "sglang:token_usage": ("cache_use",),
    "sglang:num_retracted_requests_total": ("preemptions",),
    "sglang:prompt_tokens_total": ("prefix_queries",),
    "sglang:cached_tokens_total": ("prefix_hits",),
    "llamacpp:requests_processing": ("running",),
    "llamacpp:requests_deferred": ("waiting",),
    "llamacpp:kv_cache_usage_ratio": ("cache_use",),
    "llamacpp:prompt_tokens_total": ("prefix_queries",),
    "llamacpp:prompt_tokens_cached_total": ("prefix_queries", "prefix_hits"),
}
_SERIES = re.compile(rf"^({'|'.join(map(re.escape, NAMES))})(?:\{{[^\n]*\}})? +([0-9.eE+-]+)", re.MULTILINE)


@dataclass(slots=True)
class Load:
    """A server's load: requests, the KV cache's fullness from 0 to 1, and counters since it started."""

    running: float = 0.0
    waiting: float = 0.0
    cache_use: float = 0.0
    preemptions: float = 0.0
    prefix_queries: float = 0.0
    prefix_hits: float = 0.0


def read_load(text: str) -> Load | None:
    """The load in a server's metrics; None where they do not say how many requests run and wait."""
    load, found = Load(), set[str]()
    for name, written in _SERIES.findall(text):
        try:
            value = float(written)
        except ValueError:
            continue
        for field in NAMES[name]:
            found.add(field)
            both = max if field == "cache_use" else float.__add__
            setattr(load, field, both(getattr(load, field), value))
    return load if {"running", "waiting"} <= found else None
