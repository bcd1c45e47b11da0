"""A reply graded against its item: one row of a result."""

import re

from ..generate.tools.answers import COMPARE, same_text
from .extract import extract
from .formula import same_formula
from .item import Item, Reply, Row


def grade(item: Item, reply: Reply) -> Row:
    """The item's row. What the model failed to do scores 0; an item for the judge (judge.py) is not measured yet.

    A reply that the length limit cut off counts only if it says what its answer is.
    """
    found = extract(item, reply, whole=reply.finish_reason == "stop")
    if reply.finish_reason == "failed" or item.kind == "judge":
        status = "not_measured"
    elif reply.finish_reason == "too_long":
        status = "too_long"
    elif found is None:
        status = "truncated" if reply.finish_reason == "length" else "no_answer"
    else:
        status = "scored"
    score = float(found is not None and status == "scored" and correct(item, found.value))
    return {
        "task": item.task,
        "id": item.id,
        "cluster": item.cluster,
        "prompt": item.prompt,
        "prompt_sha256": reply.prompt_sha256,
        "reply": str(reply),
        "finish_reason": reply.finish_reason,
        "prompt_tokens": reply.prompt_tokens,
        "new_tokens": reply.new_tokens,
        "extracted": {"rule": found.rule, "value": found.value, "span": list(found.span)} if found else None,
        "gold": item.gold,
        "kind": item.kind,
        "score": None if status == "not_measured" else score,
        "status": status,
    }


def correct(item: Item, value: str) -> bool:
    """Whether the extracted `value` is the item's gold answer."""
    if item.kind == "letter":
        letter = item.gold.strip("()")
        return value == letter if len(letter) == 1 else same_text(_option(item, value), item.gold)
    if item.kind == "math":
        return same_formula(value, item.gold)
    if item.kind == "sequence":
        return _tokens(value) == _tokens(item.gold)
    return COMPARE["text" if item.kind == "word" else item.kind](value, item.gold)


def _option(item: Item, letter: str) -> str:
    place = ord(letter) - ord("A") if len(letter) == 1 else len(item.options)
    return item.options[place] if place < len(item.options) else letter


def _tokens(text: str) -> list[str]:
    """The words of a list, or its brackets, however they are separated: "a, b" and "a b" are one answer."""
    words = re.findall(r"[^\W_]+(?:['’&.-][^\W_]+)*", text.casefold())
    return words or re.findall(r"[()\[\]{}<>]", text)
