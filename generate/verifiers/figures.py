"""A text about data: each of its figures is in the data or follows from it, and what it had to mention is there."""

from __future__ import annotations

import re

from ..flow import Context, Entry
from ..record import Record, Verdict
from ..tools.answers import Equation, Found, equations, number, numbers
from ..tools.tables import Malformed, figures, table
from .evidence import short, stands

NOTHING = "none"
"""What stands in the field `must_mention` where no value has to occur."""


async def from_data(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The data can be read, and every figure of the reply is one of the data, of the task, or one step away.

    `Table.yields` says which steps there are. A reply without figures says nothing that could be held against them.
    """
    try:
        data = table(record.fields["passage"], record.fields["transformation"])
    except Malformed as malformed:
        return Verdict(False, "figures_from_data", "data_malformed", str(malformed))
    reply = record.fields["response"]
    given = {abs(found.value) for found in numbers(record.fields["instruction"])}
    if entry.match != "judge":  # the answer is compared, and the reply may write down several steps to it
        given |= {abs(found.value) for step in equations(reply) if step.holds() for found in _of(step)}
    told = list(figures(reply))
    for figure in told:
        if figure.value not in given and not data.yields(figure):
            detail = f"{figure.written} is not in the data, and does not follow in one step"
            return Verdict(False, "figures_from_data", "figure_not_from_data", detail)
    return Verdict(True, "figures_from_data") if told else None


async def mentioned(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The values that the author wants named are in the data, and the reply names them."""
    lines = record.fields.get("must_mention", NOTHING).splitlines()
    values = [value for line in lines if (value := line.strip())]
    if values == [NOTHING]:
        return None
    try:
        data = table(record.fields["passage"], record.fields["transformation"])
    except Malformed as malformed:
        return Verdict(False, "mentioned_values", "data_malformed", str(malformed))
    for value in values:
        for where, text in (("data", data.written), ("reply", record.fields["response"])):
            if not _names(text, value):
                reason = "value_not_in_data" if where == "data" else "value_not_mentioned"
                return Verdict(False, "mentioned_values", reason, f"the {where} lacks {short(value)}")
    return Verdict(True, "mentioned_values")


def _of(step: Equation) -> list[Found]:
    return [*numbers(step.left), *numbers(step.right)]


def _names(text: str, value: str) -> bool:
    """Whether the text has the value: a number in any spelling, words in any case."""
    if (wanted := number(value)) is not None and not re.search(r"[^\W\d_]", value):
        return any(abs(found.value) == abs(wanted) for found in numbers(text))
    return stands(value.casefold(), text.casefold())
