"""A label must be one of the set that the task defines, and what a reply quotes for it must stand in the text."""

from __future__ import annotations

import re

from ..flow import Context, Entry
from ..formats import FREE
from ..record import Record, Verdict
from ..tools.answers import plain_text
from .answers import stated
from .evidence import located, plain, short

SHORTEST_CITED = 3  # words in quotation marks; fewer are a term, or a label
_CITED = re.compile(r'(?<!\w)"([^"\n]+)"(?!\w)')


async def labelled(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """Turns down a label set that is none, and labels outside it: the author's, or those of the reply."""
    by = "defined_labels"
    labels = label_set(record.fields["labels"])
    if labels is None:
        return Verdict(False, by, "labels_unreadable", f"no set of labels: {short(record.fields['labels'])}")
    if (given := stated(record, entry)) is None:
        return Verdict(False, by, "no_final_answer", "the reply states no label")
    for who, named in (("the author", record.fields["answer"]), ("the reply", given)):
        if unknown := [label for label in named.split(",") if plain_text(label) not in labels]:
            detail = f"{who} gives {short(unknown[0].strip())}, which is none of {', '.join(labels)}"
            return Verdict(False, by, "label_not_in_set", detail[:400])
    return None


async def cited(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """Turns down a reply that puts words in quotation marks which neither the text nor the task has."""
    if record.fields.get("form", FREE) == "json":  # there, quotation marks are no quotation
        return None
    known = " ".join(record.fields[name] for name in ("text", "instruction", "labels"))
    for quotation in _CITED.findall(plain(record.fields["response"])):
        for piece in re.split(r"…|\.\.\.", quotation):
            words = piece.strip(" .,;:!?")
            if len(words.split()) >= SHORTEST_CITED and not located(words.casefold(), known.casefold()):
                return Verdict(False, "cited_words", "quote_not_in_text", f"nothing says {short(words)}")
    return None


def label_set(lines: str) -> dict[str, str] | None:
    """The labels of a set with their definitions, written "label: definition" a line; None where it is no set.

    A label has no comma, since commas part the labels of a text that has several.
    """
    labels: dict[str, str] = {}
    for line in filter(str.strip, lines.splitlines()):
        label, _, definition = line.strip().removeprefix("- ").partition(":")
        name = plain_text(label)
        if not name or not definition.strip() or "," in label or name in labels:
            return None
        labels[name] = definition.strip()
    return labels if len(labels) >= 2 else None
