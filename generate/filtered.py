"""An agent whose items are looked at by code before they go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .agent import Agent
from .flow import Context, Rejected
from .record import Record


@dataclass(frozen=True)
class Filtered(Agent):
    """An agent of whose items those go on in which `fault` finds nothing wrong; the others are rejected for `reason`.

    Raises Rejected where none is left.
    """

    fault: Callable[[Record], str | None] = field(kw_only=True)
    reason: str = field(kw_only=True)

    async def __call__(self, record: Record, ctx: Context) -> list[Record]:
        faults = [(item, self.fault(item)) for item in await super().__call__(record, ctx)]
        sound = [item for item, fault in faults if fault is None]
        *others, last = [(item, fault) for item, fault in faults if fault is not None] or [(record, None)]
        if not sound:
            raise Rejected(self.name, self.reason, last[1] or "")
        return sound
