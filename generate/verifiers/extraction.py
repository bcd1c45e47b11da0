"""A list that was taken from a passage: every value stands there, and the list is the one that its author made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..flow import Context, Entry
from ..record import Record, Verdict
from ..tools.items import ABSENT, Item, ItemField, Malformed, Match, match, read, schema
from .evidence import short, stands

BY = "extracted_items"
# Of a kind whose spans can be cut in several ways. Half of the words in common is the usual line between another cut of
# the same span and another span; at this F1 one of four items may be missing (6/7), and none of three (4/5).
LEAST_OVERLAP, LEAST_AGREEMENT = 0.5, 0.85


@dataclass(frozen=True)
class Extracted:
    """The reply lists what its author listed apart from it, by the schema, with every copied value in the passage.

    The lists of an entry in `open_kinds` may differ by a share: in items that one of them lacks, not in what both say
    of one thing, nor in that the reply says it twice. All others are equal. The vote share is the F1.
    """

    open_kinds: frozenset[str]

    async def __call__(self, record: Record, entry: Entry, ctx: Context) -> Verdict | None:
        try:
            fields = schema(record.fields["schema"])
            wanted = _grounded(record.fields["answer"], fields, record)
        except Malformed as malformed:
            return Verdict(False, BY, "author_malformed", f"the author: {malformed}")
        try:
            given = _grounded(record.fields["response"], fields, record)
        except _NotThere as missing:
            return Verdict(False, BY, "value_not_in_passage", f"the reply: {missing}")
        except Malformed as malformed:
            return Verdict(False, BY, "items_malformed", f"the reply: {malformed}")
        is_open = entry.name in self.open_kinds
        found = match(given, wanted, fields, LEAST_OVERLAP if is_open else 1.0)
        if (share := found.f1) < (LEAST_AGREEMENT if is_open else 1.0):
            detail = f"{len(given)} items in the reply, {len(wanted)} of the author, F1 {share:.2f}"
            return Verdict(False, BY, "lists_differ", detail, vote_share=share)
        if contradiction := _contradiction(found, fields):
            return Verdict(False, BY, "items_contradict", contradiction, vote_share=share)
        if _repeated(given) > _repeated(wanted):
            return Verdict(False, BY, "item_repeated", "the reply lists one item more than once")
        return Verdict(True, BY, vote_share=share)


def _contradiction(found: Match, fields: Sequence[ItemField]) -> str:
    """An item that only the reply has, and one that only the author has, about one thing; empty where there is none."""
    for one in found.extra:
        for other in found.missing:
            shared = (
                one[field.name] for field in fields if field.copied and one[field.name] == other[field.name]
            )
            if any(value != ABSENT for value in shared):
                return f"the reply says {short(str(one))}, the author {short(str(other))}"
    return ""


def _repeated(items: Sequence[Item]) -> int:
    """How many items are another's equal."""
    return len(items) - len({tuple(sorted(item.items())) for item in items})


class _NotThere(Malformed):
    """A value is said to be copied and is not in the passage."""


def _grounded(text: str, fields: Sequence[ItemField], record: Record) -> list[Item]:
    """The items of a text. Raises Malformed, and _NotThere for a value that should have been copied."""
    items, passage = read(text, fields), record.fields["passage"]
    for item in items:
        if all(item[field.name] == ABSENT for field in fields if field.copied):
            raise Malformed("an item has no copied value")
        for field in fields:
            _check(item[field.name], field, passage)
    return items


def _check(value: str, field: ItemField, passage: str) -> None:
    if field.choices and value not in field.choices:
        raise Malformed(f"{field.name} is {short(value)}, and must be one of {', '.join(field.choices)}")
    if field.copied and value != ABSENT and not stands(value, passage):
        raise _NotThere(f"{field.name} is {short(value)}, which the passage does not say")
