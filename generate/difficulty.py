"""How hard a pair is, measured: how often a weaker responder gives the verified answer to the same turn.

It is asked about a sample of the pairs. The run's report (effort.py) sets the pairs of every refining agent against
those they were refined from, so that an agent that makes nothing harder is seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .formats import same, stated
from .record import Record

if TYPE_CHECKING:
    from .flow import Context, Entry

SCORE = "weaker_right"
SHARE = 0.05  # of the pairs with an answer that code can compare
SAMPLES = 4


async def weaker_right(record: Record, entry: Entry, ctx: Context) -> dict[str, float]:
    """The share of a weaker responder's answers that match the verified one, as a score; none where it is not asked.

    A reply that was cut, refused, or states no answer does not match.
    """
    if entry.match == "judge" or record.turns or ctx.chance(f"difficulty {record.path}") >= SHARE:
        return {}
    if not (replies := await ctx.ask_weaker(record.fields["turn"], SAMPLES)):
        return {}
    wanted = stated(record, entry)
    given = [stated(record.with_fields({"response": reply}), entry) for reply in replies]
    right = sum(answer is not None and wanted is not None and same(answer, wanted, entry) for answer in given)
    return {SCORE: right / len(replies)}
