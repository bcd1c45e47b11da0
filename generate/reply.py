"""The form of a reply: the text that asks for it, the schema that guides it, and the strict reading of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Fields = dict[str, str]


class Unreadable(Exception):
    """The reply is not in the form that was asked for; the message says how, for the one repair call."""


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

        Raises Declined when the teacher declined, Unreadable when the form is not kept.
        """
        if not self.fields:
            if not reply.strip():
                raise Unreadable("the reply is empty")
            _check_suitable(reply.strip())
            return [{"text": reply.strip()}]
        body = _unfenced(reply)
        items = self._read_json(body) if body.startswith("{") else self._read_tags(body)
        for item in items:
            if empty := [name for name in self.names if not item[name]]:
                raise Unreadable(f"the field {empty[0]} is empty")
            item |= {name: _one_of(values, name, item[name]) for name, values in self.choices}
        if not 1 <= len(items) <= self.many:
            raise Unreadable(f"{len(items)} items; between 1 and {self.many} were asked for")
        return items

    def _read_json(self, body: str) -> list[Fields]:
        try:
            value = json.loads(body)
        except (ValueError, RecursionError) as error:  # the latter for a thousand open brackets
            raise Unreadable(f"not valid JSON: {error}") from error
        if reason := value.get("unsuitable"):
            raise Declined(str(reason))
        items = value.get("items")
        if not isinstance(items, list):
            raise Unreadable('there is no list "items"')
        for item in items:
            if not isinstance(item, dict) or set(item) != set(self.names):
                raise Unreadable(f"an item does not have exactly the fields {', '.join(self.names)}")
            if not all(isinstance(text, str) for text in item.values()):
                raise Unreadable("a field is not text")
        return [{name: item[name].strip() for name in self.names} for item in items]

    def _read_tags(self, body: str) -> list[Fields]:
        _check_suitable(body)
        items = re.findall(r"<item>(.*?)</item>", body, re.DOTALL)
        if not items:
            raise Unreadable("there is no <item>…</item>")
        return [{name: _tag(item, name) for name in self.names} for item in items]


FREE_TEXT = Form()


def form(many: int = 1, choices: Mapping[str, Iterable[str]] | None = None, **fields: str) -> Form:
    """`form(question="the question", answer="one word")`: the fields in order, with their descriptions."""
    limited = tuple((name, tuple(values)) for name, values in (choices or {}).items())
    return Form(tuple(fields.items()), many, limited)


def decline(reason: str) -> str:
    """The reply of a teacher that finds the text unsuitable, spelled in tags."""
    return f"<unsuitable>{reason}</unsuitable>"


def _one_of(values: tuple[str, ...], name: str, given: str) -> str:
    """The value that was meant, but for case and a final full stop."""
    meant = given.strip().rstrip(".").casefold()
    for value in values:
        if value.casefold() == meant:
            return value
    raise Unreadable(f"the field {name} is {given[:80]!r}; it must be one of {', '.join(values)}")


def _check_suitable(body: str) -> None:
    if reason := re.fullmatch(r"<unsuitable>(.*?)</unsuitable>", body, re.DOTALL):
        raise Declined(reason[1].strip())


def _tag(item: str, name: str) -> str:
    found = re.findall(rf"<{name}>(.*?)</{name}>", item, re.DOTALL)
    if len(found) != 1:
        raise Unreadable(f"an item has {len(found)} <{name}> tags; exactly one was asked for")
    return found[0].strip()


def _unfenced(reply: str) -> str:
    """Chat models like to wrap a reply in a Markdown fence; what is inside is the reply."""
    body = reply.strip()
    fenced = re.fullmatch(r"```[a-z]*\n(.*?)\n?```", body, re.DOTALL)
    return fenced[1].strip() if fenced else body
