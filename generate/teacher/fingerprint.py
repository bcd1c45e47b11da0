"""Who a teacher is, told by what its server lists and by what it says: replicas must agree, and so must a resume."""

from typing import Any

import orjson

from . import Request, Sampling

# Greedy answers of a few tokens: other weights, another quantisation or other sampling defaults say something else.
PROMPTS = (
    "Continue the sequence with the next six numbers: 2, 3, 5, 8, 13,",
    "Name the capital of France and the river that runs through it.",
    "Write one short sentence about the sea at night.",
)
ALIVE = "Say yes."
REPEAT = "Repeat this code and nothing else: "


def canary(prompt: str, max_tokens: int) -> Request:
    """A request of the client's own, answered greedily."""
    return Request(({"role": "user", "content": prompt},), Sampling(0.0, 1.0, max_tokens))


def is_canary(prompt: str) -> bool:
    """Whether a prompt is one of the client's own."""
    return prompt.startswith((ALIVE, REPEAT, *PROMPTS))


ONE_TOKEN = canary(ALIVE, 1)
GREEDY = tuple(canary(prompt, 16) for prompt in PROMPTS)
# What must be equal between two starts, and between replicas; addresses and server versions may change.
FACTS = ("kind", "model", "server", "root", "revision", "max_model_len", "rules")


def listed_facts(listed: list[dict[str, Any]], model: str) -> dict[str, Any]:
    """What /v1/models says of the model: who serves it, from which weights, with how long a context."""
    entry = next((entry for entry in listed if entry.get("id") == model), listed[0] if listed else {})
    facts = {"server": str(entry.get("owned_by", "unknown"))}
    if root := str(
        entry.get("root") or ""
    ):  # a folder may be another one elsewhere: its last part names the model
        facts["root"] = root.rstrip("/").rsplit("/", 1)[-1]
    return facts | {key: entry[key] for key in ("revision", "max_model_len") if entry.get(key) is not None}


def said_by(content: bytes) -> str:
    """What a canary's reply says, be it a thought; the empty text where it says nothing."""
    try:
        message = orjson.loads(content)["choices"][0]["message"]
        fields = ("content", "reasoning_content", "reasoning")
        return next((str(message[field]) for field in fields if message.get(field)), "")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return ""


def same_teacher(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    """What tells two identities apart, in one line; None where they are one teacher.

    Greedy decoding on a GPU is not stable to the bit from one batch to another: one canary that is answered
    with the same words is enough.
    """
    for fact in FACTS:
        if before.get(fact) != now.get(fact):
            return f"{fact} was {before.get(fact)!r} and is {now.get(fact)!r}"
    ours, theirs = before.get("canaries") or [], now.get("canaries") or []
    if ours and theirs and not any(map(str.__eq__, ours, theirs)):
        return f"{ours[0]!r} was the greedy answer to {PROMPTS[0]!r} and is {theirs[0]!r}: other weights?"
    return None
