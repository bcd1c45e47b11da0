"""What a program can see of a reply: the constraints that its instruction wrote down, and the form that was wanted."""

from __future__ import annotations

from ..flow import Context, Entry
from ..formats import FORMS, FREE
from ..record import Record, Verdict
from ..tools import constraints


async def checked(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The reply keeps every constraint that the writer of the instruction wrote down as a check."""
    try:
        checks = constraints.parse(record.fields.get("checks", constraints.NONE))
    except constraints.Unknown as unknown:
        return Verdict(False, "checked_constraints", "unknown_check", str(unknown))
    for check in checks:
        if not check.holds(record.fields["response"]):
            return Verdict(
                False, "checked_constraints", "constraint_broken", f"the reply does not keep {check}"
            )
    return Verdict(True, "checked_constraints") if checks else None


async def formatted(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """Turns down a reply that has not the form that was asked for; whether its answer is right, others say."""
    wanted = FORMS[record.fields.get("form", FREE)]
    if wanted.keeps(record.fields["response"]):
        return None
    return Verdict(False, "checked_form", "form_not_kept", f"the reply is not {wanted.demand}")
