"""Rules that turn a pair away by its text alone; a rule's name is the reason that is counted.

They look for what users of such data sets complain of: refusals, replies that were cut, the teacher's own prompt,
a teacher that speaks of itself. A rule that is unsure keeps the pair, and what stands in the prompt already (a
passage may well say "I am sorry") is never held against a reply.
"""

import functools
import re
import zlib
from collections.abc import Callable
from typing import Any

from ..agent import SYSTEM
from ..habits import AI, REFUSAL, SHORT
from ..skills import NAMES, load

Pair = dict[str, Any]

LONG = 400  # characters; whether a shorter reply runs in a loop cannot be told
LEAK = 60  # characters in common with a teacher's prompt that are no accident
MODELS = r"chatgpt|gpt-?\d|claude|gemini|deepseek|qwen|llama|mistral"
MAKERS = r"openai|anthropic|google|meta|mistral|deepseek|alibaba"
SELF = re.compile(
    rf"(?i)\b{AI}\b|\bmy (knowledge cut-?off|training data)\b"
    rf"|\bi(['’]m| am) (an? (ai|(large )?language model|virtual assistant)|{MODELS})\b"
    rf"|\bi was (trained|created|developed|made) by ({MAKERS})\b"
)
META = re.compile(
    r"(?i)((sure|certainly|of course|absolutely|okay)[,.!:]+ +)?(here(['’]s| is| are) (the|a|an|your|my) "
    r"((modified|revised|edited|rewritten|updated|new|corrected|requested|following)\b|[^\n]{0,60}:\s*\n)"
    r"|i have (modified|revised|rewritten|edited) the )"
)
MARKER = re.compile(
    r"\[(?:end of )?document [0-9a-f]{12}\]|<\|[a-z_]+\|>|\[/?INST\]|</?(?:tool_call|item|unsuitable)>"
)
CONTEXT = re.compile(
    r"(?i)\b(the|this) ((above|given|following|provided|preceding) )?"
    r"(passage|text|article|document|excerpt|paragraph)( above| below)?\b"
)
PLACEHOLDERS = frozenset(
    {"n/a", "null", "nan", "undefined", "tbd", "...", "…", "[answer]", "[insert answer here]"}
)
LISTED = re.compile(r"\s*([-*+•|#>]|\d+[.)]|\(?[A-Za-z][.)])\s?")


def screen(pair: Pair) -> str | None:
    """The first rule that the pair breaks, in words; None for a pair to keep."""
    return next((rule.__name__.replace("_", " ") for rule in RULES if rule(pair)), None)


def broken_format(pair: Pair) -> bool:
    """Turns that do not alternate from user to assistant, after at most one system turn; content that is no text."""
    roles = [message["role"] for message in pair["messages"]]
    turns = roles[roles[:1] == ["system"] :]
    alternate = turns == ["user", "assistant"] * (len(turns) // 2)
    return (
        not turns or not alternate or not all(isinstance(each["content"], str) for each in pair["messages"])
    )


def empty_turn(pair: Pair) -> bool:
    """A turn without text (an empty system turn too), or with a placeholder instead of one."""
    contents = [message["content"].strip().casefold() for message in pair["messages"]]
    return not all(contents) or not PLACEHOLDERS.isdisjoint(contents)


def repeats_the_prompt(pair: Pair) -> bool:
    """A reply that is the user's turn again."""
    prompt, reply = pair["messages"][-2]["content"], pair["messages"][-1]["content"]
    return prompt.split() == reply.split()


def refusal(pair: Pair) -> bool:
    """A short reply that opens with what it will not do."""
    found = REFUSAL.match(_reply(pair))
    return found is not None and len(_reply(pair)) < SHORT and not _in_prompt(found[0], pair)


def self_identification(pair: Pair) -> bool:
    """A reply in which the teacher speaks of itself as a model."""
    found = SELF.search(_reply(pair))
    return found is not None and not _in_prompt(found[0], pair)


def meta_text(pair: Pair) -> bool:
    """A reply that announces itself: "Here is the modified text:"."""
    found = META.match(_reply(pair))
    return found is not None and not _in_prompt(found[0], pair)


def truncated(pair: Pair) -> bool:
    """A fence, a thought or a bracket left open, or a long paragraph that stops in mid-sentence."""
    reply = _reply(pair)
    fences = len(re.findall(r"^\s*```", reply, re.MULTILINE))
    if fences % 2 or reply.count("<think>") != reply.count("</think>"):
        return True
    if _in_prompt(reply[-30:], pair) or not re.search(r"[\w,;:([{-]$", reply):
        return False
    last = reply.rsplit("\n", 1)[-1]
    if any(last.count(opening) > last.count(closing) for opening, closing in ("()", "[]", "{}")):
        return True
    return len(last) > 200 and not LISTED.match(last)


def leaked_prompt(pair: Pair) -> bool:
    """Sixty characters of a teacher's prompt in the reply, or a marker that only prompts have."""
    reply = " ".join(_reply(pair).split())
    if any(not _in_prompt(marker, pair) for marker in MARKER.findall(reply)):
        return True
    known = _prompt_windows()
    found = (reply[at : at + LEAK] for at in range(len(reply) - LEAK + 1))
    return any(window in known and not _in_prompt(window, pair) for window in found)


def repetition_loop(pair: Pair) -> bool:
    """A long reply that compresses far better than text does, and than its own prompt."""
    reply = _reply(pair)
    return len(reply) > LONG and _ratio(reply) > 5 and _ratio(reply) > 1.5 * _ratio(_asked(pair))


def missing_context(pair: Pair) -> bool:
    """A question about "the passage" without one: a single short paragraph that quotes nothing."""
    asked = _asked(pair)
    found = CONTEXT.search(asked)
    if found is None or "\n" in asked.strip() or len(asked) > LONG:
        return False
    return not re.search(r"[:\"“«]", asked[found.end() :])


RULES: tuple[Callable[[Pair], bool], ...] = (
    broken_format,
    empty_turn,
    repeats_the_prompt,
    refusal,
    self_identification,
    meta_text,
    truncated,
    leaked_prompt,
    repetition_loop,
    missing_context,
)


def _reply(pair: Pair) -> str:
    return pair["messages"][-1]["content"].strip()


def _asked(pair: Pair) -> str:
    """All that the reply answers to."""
    return "\n\n".join(message["content"] for message in pair["messages"][:-1])


def _in_prompt(text: str, pair: Pair) -> bool:
    return " ".join(text.split()) in " ".join(_asked(pair).split())


def _ratio(text: str) -> float:
    data = text.encode()
    return len(data) / len(zlib.compress(data))


@functools.cache
def _prompt_windows() -> frozenset[str]:
    """Every run of LEAK characters of every prompt that a teacher may have been sent."""
    agents = [agent for name in NAMES for agent in load(name).agents()]
    prompts = {SYSTEM, *(agent.role for agent in agents), *(agent.task for agent in agents)}
    plain = (" ".join(prompt.split()) for prompt in prompts)
    return frozenset(text[at : at + LEAK] for text in plain for at in range(len(text) - LEAK + 1))
