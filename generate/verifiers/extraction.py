"""A list that was taken from a passage: every value stands there, and the list is the one that its author made."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..flow import Context, Entry
from ..record import Record, Verdict
from ..tools.items import ABSENT, Item, ItemField, Malformed, agreement, read, schema
from .evidence import plain, short

BY = "extracted_items"
# Of a kind whose spans can be cut in several ways. Half of the words in common is the usual line between another cut of
# the same span and another span; at an F1 of 3/4 a list of four may differ in one item, and one of three in none but
# an extra or missing one: 2 of 3 agreeing are 0.67.
LEAST_OVERLAP, LEAST_AGREEMENT = 0.5, 0.75


@dataclass(frozen=True)
class Extracted:
    """The reply lists what its author listed apart from it, by the schema, with every copied value in the passage.

    The lists of an entry in `open_kinds` may differ by a share; all others are equal. The vote share is the F1.
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
        share = agreement(given, wanted, fields, LEAST_OVERLAP if is_open else 1.0)
        if share < (LEAST_AGREEMENT if is_open else 1.0):
            detail = f"{len(given)} items in the reply, {len(wanted)} of the author, F1 {share:.2f}"
            return Verdict(False, BY, "lists_differ", detail, vote_share=share)
        return Verdict(True, BY, vote_share=share)


class _NotThere(Malformed):
    """A value is said to be copied and is not in the passage."""


def _grounded(text: str, fields: Sequence[ItemField], record: Record) -> list[Item]:
    """The items of a text. Raises Malformed, and _NotThere for a value that should have been copied."""
    items, passage = read(text, fields), plain(record.fields["passage"])
    for item in items:
        if all(item[field.name] == ABSENT for field in fields if field.copied):
            raise Malformed("an item has no copied value")
        for field in fields:
            _check(item[field.name], field, passage)
    return items


def _check(value: str, field: ItemField, passage: str) -> None:
    if field.choices and value not in field.choices:
        raise Malformed(f"{field.name} is {short(value)}, and must be one of {', '.join(field.choices)}")
    if field.copied and value != ABSENT and not _stands(plain(value), passage):
        raise _NotThere(f"{field.name} is {short(value)}, which the passage does not say")


def _stands(value: str, passage: str) -> bool:
    """Whether the passage has the value as whole words, in this spelling."""
    left, right = (r"(?<!\w)" if value[0].isalnum() else ""), (r"(?!\w)" if value[-1].isalnum() else "")
    return re.search(left + re.escape(value) + right, passage) is not None
