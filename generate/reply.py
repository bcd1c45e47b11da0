"""The form of a reply: the text that asks for it, the schema that guides it, and the strict reading of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .habits import SENTENCE, announces_itself, plain, refuses, script, spoken

Fields = dict[str, str]


ITEM = re.compile(r"(?i)<item(?:\s[^<>]*)?>")
UNSUITABLE = re.compile(r"(?i)<unsuitable(?:\s[^<>]*)?>")
UNSUITABLE_ENDS = re.compile(r"(?i)</unsuitable>")
JSON_REPLY = re.compile(r'\{\s*"(?:unsuitable|items)"')
LENIENT = json.JSONDecoder(strict=False)  # models break lines inside of strings


class Unreadable(Exception):
    """The reply is not in the form that was asked for; the message says how, for the one repair call.

    `reason` is the short name to count by when it stays so.
    """

    def __init__(self, why: str, reason: str = "unreadable_reply") -> None:
        super().__init__(why)
        self.reason = reason


class Refused(Unreadable):
    """The teacher will not do it; asking again would not be an answer either."""

    def __init__(self, said: str) -> None:
        super().__init__(f"the teacher refused: {' '.join(said.split())[:120]!r}", "refused")


class Declined(Exception):
    """The teacher says that the text does not suit the task; the message is its reason."""


@dataclass(frozen=True)
class Form:
    """Named fields, each with the description that the teacher reads; `many` allows up to that many sets.

    `choices` are the fields of which only certain values are right, whatever their case.

    The same value has two spellings: tags (`<question>…</question>`), which any teacher can write, and
    JSON by `schema` where the server guides decoding. A Form without fields is free text: the whole reply.
    """

    fields: tuple[tuple[str, str], ...] = ()
    many: int = 1
    choices: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The record fields that a reply in this form writes."""
        return tuple(name for name, _ in self.fields)

    @cached_property
    def schema(self) -> dict[str, Any] | None:
        """JSON schema of the guided spelling: `unsuitable` is empty, or says why there are no items."""
        if not self.fields:
            return None
        text = {"type": "string"}
        limited = {name: {"type": "string", "enum": list(values)} for name, values in self.choices}
        item = {
            "type": "object",
            "properties": {name: limited.get(name, text) for name in self.names},
            "required": list(self.names),
            "additionalProperties": False,
        }
        return {
            "type": "object",
            "properties": {
                "unsuitable": text,
                "items": {"type": "array", "items": item, "maxItems": self.many},
            },
            "required": ["unsuitable", "items"],
            "additionalProperties": False,
        }

    def request(self, guided: bool) -> str:
        """The last paragraph of the prompt: the exact format, and what to do when the text does not suit."""
        if not self.fields:
            return ""
        count = (
            f"Give between 1 and {self.many} items, each different from the others."
            if self.many > 1
            else "Give exactly one item."
        )
        if guided:
            shown = ", ".join(f'"{name}": "({meaning})"' for name, meaning in self.fields)
            return (
                f'Reply with one JSON object and nothing else: {{"unsuitable": "", "items": [{{{shown}}}]}}. {count}\n'
                'If the text does not suit this task, reply {"unsuitable": "(why, in one sentence)", "items": []}.'
            )
        shown = "\n".join(f"<{name}>({meaning})</{name}>" for name, meaning in self.fields)
        return (
            f"Reply in exactly this format, with nothing before or after it. {count}\n<item>\n{shown}\n</item>\n"
            "If the text does not suit this task, reply with nothing but "
            "<unsuitable>(why, in one sentence)</unsuitable>."
        )

    def write(self, items: list[Fields]) -> str:
        """The reply that says `items`, spelled in tags: how rules and recordings answer."""
        if not self.fields:
            return items[0]["text"]
        bodies = ("\n".join(f"<{name}>{item[name]}</{name}>" for name in self.names) for item in items)
        return "\n".join(f"<item>\n{body}\n</item>" for body in bodies)

    def read(self, reply: str) -> list[Fields]:
        """The items of a reply in either spelling; free text is one item with the field `text`.

        What chat models say around it is passed over (see habits). Of more items than were asked for, the first `many`
        count: each stands alone, and the others are more of the same; where one was asked for, none can be picked.
        Raises Declined when the teacher declined, Unreadable when the form is not kept.
        """
        if (body := spoken(reply)) is None:
            raise Unreadable("a thought in <think> tags is not closed, or stands inside of the reply")
        if not body:
            raise Unreadable("the reply is empty")
        if not self.fields:
            return [{"text": _free_text(body)}]
        items = self._read_json(body) if _is_json(body) else self._read_tags(body)
        if not items:
            raise Unreadable(f"0 items; between 1 and {self.many} were asked for")
        if len(items) > self.many == 1:
            raise Unreadable(f"{len(items)} items; exactly one was asked for")
        return self._checked(items[: self.many])

    def _checked(self, items: list[Fields]) -> list[Fields]:
        """The items, each once and without its number, when every field says something."""
        first = self.names[0]
        if refuses(items[0][first]):
            raise Refused(items[0][first])
        _unnumber(items, first)
        for item in items:
            for name, meaning in self.fields:
                if not item[name]:
                    raise Unreadable(f"the field {name} is empty")
                if item[name] == f"({meaning})":
                    raise Unreadable(f"the field {name} holds the words that describe it")
            item |= {name: _one_of(values, name, item[name]) for name, values in self.choices}
        return [item for number, item in enumerate(items) if item not in items[:number]]

    def _read_json(self, body: str) -> list[Fields]:
        start = found.start() if (found := JSON_REPLY.search(body)) else 0
        try:
            value, end = LENIENT.raw_decode(body, start)
        except (ValueError, RecursionError) as error:  # the latter for a thousand open brackets
            raise Unreadable(f"not valid JSON: {error}") from error
        if JSON_REPLY.search(body, end):
            raise Unreadable("more than one JSON object; exactly one was asked for")
        items, reason = value.get("items"), value.get("unsuitable")
        if reason and items:
            raise Unreadable(
                '"unsuitable" gives a reason, and there are items; only one of them can be meant'
            )
        if reason:
            raise Declined(str(reason))
        if not isinstance(items, list):
            raise Unreadable('there is no list "items"')
        for item in items:
            if not isinstance(item, dict) or set(item) != set(self.names):
                raise Unreadable(f"an item does not have exactly the fields {', '.join(self.names)}")
            if not all(isinstance(text, str) for text in item.values()):
                raise Unreadable("a field is not text")
        return [{name: item[name].strip() for name in self.names} for item in items]

    def _read_tags(self, body: str) -> list[Fields]:
        """The items, tag by tag: what is nested, left open or given twice is not guessed at."""
        reason = _decline_in(body)
        items = list(self._items(body))
        if reason and items:
            raise Unreadable(
                "it says that the text is unsuitable, and there are items; only one can be meant"
            )
        if reason:
            raise Declined(reason)
        if not items:
            raise Refused(body) if refuses(body) else Unreadable("there is no <item>…</item>")
        for item in items:
            if missing := [name for name in self.names if name not in item]:
                raise Unreadable(f"an item has 0 <{missing[0]}> tags; exactly one was asked for")
        return items

    def _items(self, body: str) -> Iterator[Fields]:
        """Every <item>; without any, the fields may stand there alone, as one."""
        alone = ITEM.search(body) is None
        item: Fields | None = {} if alone else None
        opened: re.Match[str] | None = None
        for tag in self._tag.finditer(body):
            closes, name = bool(tag[1]), tag[2].lower()
            if opened and item is not None:
                if name != (field := opened[2].lower()) or not closes:
                    raise Unreadable(f"{tag[0]} stands inside of <{field}>")
                item[field] = _between(body, opened, tag)
                opened = None
            elif name == "item":
                if closes == (item is None):
                    raise Unreadable("<item> and </item> do not take turns")
                if item is not None:
                    yield item
                item = None if closes else {}
            elif item is not None:
                if closes or name in item:
                    raise Unreadable(f"an item has 2 <{name}> tags; exactly one was asked for")
                opened = tag
        if opened or (item is not None and not alone):
            raise Unreadable(f"<{opened[2].lower() if opened else 'item'}> is not closed")
        if alone and item:
            yield item

    @cached_property
    def _tag(self) -> re.Pattern[str]:
        return re.compile(rf"(?i)<(/?)({'|'.join(('item', *self.names))})(?:\s[^<>]*)?>")


FREE_TEXT = Form()


def form(many: int = 1, choices: Mapping[str, Iterable[str]] | None = None, **fields: str) -> Form:
    """`form(question="the question", answer="one word")`: the fields in order, with their descriptions."""
    limited = tuple((name, tuple(values)) for name, values in (choices or {}).items())
    return Form(tuple(fields.items()), many, limited)


def decline(reason: str) -> str:
    """The reply of a teacher that finds the text unsuitable, spelled in tags."""
    return f"<unsuitable>{reason}</unsuitable>"


def _one_of(values: tuple[str, ...], name: str, given: str) -> str:
    """The value that was meant, but for case, quotation marks, bold type and a full stop."""
    meant = given.strip(" .*`'\"“”‘’").casefold()
    for value in values:
        if value.casefold() == meant:
            return value
    raise Unreadable(f"the field {name} is {given[:80]!r}; it must be one of {', '.join(values)}")


def _free_text(body: str) -> str:
    """The text that was asked for, alone."""
    if reason := _decline_in(body):
        raise Declined(reason)
    if refuses(body):
        raise Refused(body)
    text = plain(body)
    if announces_itself(text):
        raise Unreadable("it begins with words about itself; write the text alone")
    return text


def _decline_in(body: str) -> str:
    """The reason of a decline, whatever is said around it; empty where there is none."""
    if (opened := UNSUITABLE.search(body)) is None:
        return ""
    if (closed := UNSUITABLE_ENDS.search(body, opened.end())) is None:
        raise Unreadable("<unsuitable> is not closed")
    return body[opened.end() : closed.start()].strip()


def _between(body: str, opened: re.Match[str], closed: re.Match[str]) -> str:
    """The text of a field; where both of its tags stand in bold type, the asterisks are theirs."""
    text = body[opened.end() : closed.start()].strip()
    inside = text[2:-2]
    around = body[max(opened.start() - 2, 0) : opened.start()] + body[closed.end() : closed.end() + 2]
    return inside.strip() if around == "****" and text == f"**{inside}**" and "**" not in inside else text


def _is_json(body: str) -> bool:
    """Whether the reply is spelled in JSON: that comes first, or there are no tags."""
    found = JSON_REPLY.search(body)
    if found is None:
        return body.startswith("{")
    tag = ITEM.search(body, 0, found.start())
    return tag is None


def _unnumber(items: list[Fields], name: str) -> None:
    """Take the numbers 1, 2, 3 … away that several items count themselves with, in their first field."""
    counted = [
        re.match(rf"\**(?:(?:item|question|task|no\.?|q) ?)?{n}[.):]\**\s+(?=\S)", item[name], re.IGNORECASE)
        for n, item in enumerate(items, 1)
    ]
    if len(items) > 1 and all(counted):
        for item, found in zip(items, counted, strict=True):
            item[name] = item[name][found.end() :] if found else item[name]


def in_another_script(items: list[Fields], read: Iterable[str]) -> str:
    """The script of the items where that is neither Latin nor one of what was read for them; else nothing."""
    said = " ".join(text for item in items for text in item.values())
    found = script(said)
    return "" if found == "LATIN" or len(said) < SENTENCE or found in map(script, read) else found
