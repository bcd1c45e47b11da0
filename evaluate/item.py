"""What is asked and what is kept: an item, a reply, and the graded row of the two."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

Kind = Literal["letter", "number", "word", "sequence", "math", "exact", "text", "judge"]
Message = dict[str, str]


@dataclass(frozen=True, slots=True)
class Item:
    """One question. Items of one `cluster` (a passage, a document) are not independent; `options` belong to a letter
    or are the words that may be answered. `turn_of` is the id of the conversation that it is one turn of, if it is."""

    task: str
    id: str
    cluster: str
    messages: tuple[Message, ...]
    gold: str
    kind: Kind
    options: tuple[str, ...] = ()
    reference: str = ""
    turn_of: str = ""

    @property
    def whole(self) -> str:
        """The id of what counts as one item: its own, or that of its conversation."""
        return self.turn_of or self.id

    @property
    def prompt(self) -> str:
        """All that the model reads, as text for people and for decontamination."""
        return "\n\n".join(message["content"] for message in self.messages)


class Reply(str):
    """A model's raw reply. It is a string, so that lm-eval carries it through its filters to where it is graded.

    finish_reason: "stop", "length", "too_long" (the prompt leaves no room in the model's context) or "failed".
    """

    finish_reason: str
    prompt_tokens: int
    new_tokens: int
    prompt_sha256: str

    def __new__(
        cls,
        text: str,
        finish_reason: str = "stop",
        prompt_tokens: int = 0,
        new_tokens: int = 0,
        prompt_sha256: str = "",
    ) -> "Reply":
        reply = super().__new__(cls, text)
        reply.finish_reason, reply.prompt_sha256 = finish_reason, prompt_sha256
        reply.prompt_tokens, reply.new_tokens = prompt_tokens, new_tokens
        return reply


Row = dict[str, Any]
"""task, id, cluster, prompt, prompt_sha256, reply, finish_reason, prompt_tokens, new_tokens, extracted, gold, score, status.

score: 0 or 1; for judged items the judge's 0-10, beside the teacher's own in `teacher_score`; null where not measured.
Of a conversation, the mean over its turns, whose rows stand in `turns`; what is asked and replied is that of the last.
status: scored, no_answer, truncated, too_long (the model's failures, score 0), not_measured (ours: server or judge).
"""

STATUSES = ("scored", "no_answer", "truncated", "too_long", "not_measured")


def digest(*parts: str) -> str:
    """sha256 over texts, unambiguous about where each ends."""
    whole = sha256()
    for part in parts:
        data = part.encode()
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()


def spread(items: list[Item], limit: int | None) -> list[Item]:
    """`limit` items with all their turns, dealt to the tasks in turn; which ones is decided by hash, so a larger limit
    contains a smaller one."""
    wholes = {(item.task, item.whole) for item in items}
    if limit is None or limit >= len(wholes):
        return items
    hands: dict[str, list[str]] = {}
    for task, name in sorted(wholes, key=lambda whole: digest("item", *whole)):
        hands.setdefault(task, []).append(name)
    turns = sorted(
        (turn, digest("task", task), name) for task, hand in hands.items() for turn, name in enumerate(hand)
    )
    kept = {(task, name) for _, task, name in turns[:limit]}
    return [item for item in items if (digest("task", item.task), item.whole) in kept]
