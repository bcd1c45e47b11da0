"""An agent whose items are looked at by code before they go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..agent import Agent
from ..flow import Context, Rejected
from ..record import Record


@dataclass(frozen=True)
class Filtered(Agent):
    """An agent of whose items those go on in which `fault` finds nothing wrong; the others are rejected for `reason`.

    Raises Rejected, with the fault of the last, where none goes on.
    """

    fault: Callable[[Record], str | None] = field(kw_only=True)
    reason: str = field(kw_only=True)

    async def __call__(self, record: Record, ctx: Context) -> list[Record]:
        sound: list[Record] = []
        faulty: list[tuple[Record, str]] = []
        for item in await super().__call__(record, ctx):
            if fault := self.fault(item):
                faulty.append((item, fault))
            else:
                sound.append(item)
        last = "" if sound else faulty.pop()[1]
        for item, fault in faulty:
            ctx.reject(item, self.name, self.reason, fault)
        if not sound:
            raise Rejected(self.name, self.reason, last)
        return sound
