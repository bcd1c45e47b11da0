"""Habits of chat models around what they were asked for: a thought, a refusal, an announcement, a closing remark,
another script. What is unmistakable is taken away here; of the rest the reader of a reply is told.

Every function reads a text once, however long it is and whatever is in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from itertools import islice

SHORT = 600  # characters; a longer reply that begins with an apology still says something
SENTENCE = 20  # characters; the script of anything shorter (a symbol, a name) tells nothing
LETTERS = 200  # of a text, by which its script is known
AI = r"as an? ((ai|artificial intelligence)( (language )?(model|assistant|system))?|(large )?language model)"
REFUSAL = re.compile(
    r"(?i)(unfortunately, |(i['’]?m|i am) (so |very )?(sorry|afraid),? (but )?|sorry,? (but )?|my apologies,? (but )?)*"
    rf"({AI}|i (cannot|can['’]t|can not|am unable to|am not able to|won['’]t|must decline to)"
    r" (help(?! but\b| it\b| \w+ing\b)|assist|provide|comply|fulfil|create|write|do (that|this|it)|generate"
    r"|continue|complete|engage|discuss|share)\b)"
)
_ASSENT = r"(?:sure(?: thing)?|certainly|of course|absolutely|okay|gladly|happy to help)\b"
_HERE = r"here(?:['’]s| is| are) (?:the|a|an|your|my) "
_ANNOUNCEMENT = re.compile(
    rf"(?i)\**(?:{_ASSENT}[!:]\**|(?:{_ASSENT}[,.!:]* *)?{_HERE}[^.!?]{{1,80}}:\**)\s*"
)
_HEARTY = re.compile(rf"(?i){_ASSENT}! +(?=\S)")
_OF_THE_WORK = re.compile(
    rf"(?i)\**(?:{_ASSENT}[,.!:]* *)?(?:{_HERE}(?:modified|revised|edited|rewritten|updated|new|corrected|requested"
    r"|following)\b|i have (?:modified|revised|rewritten|edited) the )"
)
_REMARK = re.compile(
    r"(?i)(?:i hope (?:this|that) (?:helps|meets|works|is what)|(?:please )?let me know if (?:you|there|this|any)"
    r"|feel free to (?:ask|let|reach|adjust|modify)).{0,200}"
)
_THOUGHT = re.compile(r"(?i)<(/?)(?:think|thinking|thought)>")
_TEXT_FENCE = re.compile(r"```(?:text|txt|plaintext|markdown|md) *\n")
# Greek and beyond, but for punctuation, signs, private use, the alphabets of mathematics, and emoji.
_FAR = re.compile(r"[\u0370-\u1dff\u2e80-\ud7ff\uf900-\ufdff\ufe70-\ufeff\uff10-\uffef\U00020000-\U0003ffff]")
_KANA = ("HIRAGANA", "KATAKANA")


def spoken(reply: str) -> str | None:
    """The reply without the thought before it, whose opening tag a server may have kept; None where it is left open,
    or another one comes later."""
    marks = list(islice(_THOUGHT.finditer(reply), 3))  # more than two are one too many
    if not marks:
        return reply.strip()
    opened, closed = [mark for mark in marks if not mark[1]], [mark for mark in marks if mark[1]]
    if len(closed) != 1 or len(opened) > 1 or closed[0] is not marks[-1]:
        return None
    if opened and reply[: opened[0].start()].strip():
        return None
    return reply[closed[0].end() :].strip()


def refuses(reply: str) -> bool:
    """Whether a short reply opens with what it will not do; one that says "the answer is" has answered."""
    return len(reply) < SHORT and REFUSAL.match(reply) is not None and "answer is" not in reply


def plain(reply: str) -> str:
    """A text without the announcement on its first line, the offer of help in its last, and a fence around it all."""
    first, _, rest = reply.partition("\n")
    if rest and _ANNOUNCEMENT.fullmatch(first):
        reply = rest.lstrip()
    elif hearty := _HEARTY.match(reply):
        reply = reply[hearty.end() :]
    before, _, last = reply.rpartition("\n")
    if before and _REMARK.fullmatch(last):
        reply = before.rstrip()
    fence = _TEXT_FENCE.match(reply)
    if fence and reply.endswith("\n```") and reply.count("```") == 2:
        return reply[fence.end() : -4].strip()
    return reply


def announces_itself(text: str) -> bool:
    """Whether a text begins with words about how it was made, which no longer can be told from the text."""
    return _OF_THE_WORK.match(text) is not None


def script(text: str) -> str:
    """The script that most of a text is in, by its Unicode name: LATIN, or CJK, CYRILLIC, GREEK …"""
    if text.isascii() or len(far := _FAR.findall(text)) * 2 <= len(text):
        return "LATIN"
    names = Counter(unicodedata.name(letter, "UNKNOWN").split()[0] for letter in far[:LETTERS])
    name = names.most_common(1)[0][0]
    return "CJK" if name in _KANA else name
