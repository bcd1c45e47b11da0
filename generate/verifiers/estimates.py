"""Estimates: the author's chain of factors against the author's answer, and every step of the reply's own reckoning."""

from __future__ import annotations

from fractions import Fraction

from ..flow import Context, Entry
from ..record import Record, Verdict
from ..tools.answers import arithmetic, equations, magnitude, powers_written_out
from .evidence import short

ROUNDED = Fraction(1, 20)  # an estimate is carried on with one or two digits: 365 * 24 = 9,000


async def estimated(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    """The author's expression comes to the author's answer, and each equation of the reply holds, both to within 5 %.

    Whether the two answers are of one magnitude, `agreed` says.
    """
    if entry.match != "magnitude":
        return None
    expression, answer = record.fields["expression"], record.fields["answer"]
    wanted = magnitude(answer)
    if wanted is None or not near(arithmetic(powers_written_out(expression)), wanted):
        detail = f"{short(expression)} is not {short(answer)}"
        return Verdict(False, "estimated_answer", "expression_disagrees", detail)
    for step in equations(powers_written_out(record.fields["response"])):
        if not near(arithmetic(step.left), arithmetic(step.right)):
            return Verdict(False, "estimated_answer", "wrong_step", f"{step.left} is not {step.right}")
    return Verdict(True, "estimated_answer")


def near(left: Fraction | None, right: Fraction | None) -> bool:
    """Whether two values are the same but for the rounding of an estimate."""
    return (
        left is not None and right is not None and abs(left - right) <= ROUNDED * max(abs(left), abs(right))
    )
