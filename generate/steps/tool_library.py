"""A seed becomes a service that can be called: a list of APIs, and the program behind it, tried before anyone relies on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..agent import Agent
from ..flow import Context, FlowStep, Rejected
from ..record import Record
from ..reply import Declined
from ..tools.mock_api import Broken, MockApi, check
from ..tools.schema import Unsound, read_apis, write_apis
from ..tools.solution import read_calls

FEWEST = 2  # APIs of a service from which tasks can be made that choose between them
NEIGHBOURS = 3  # seeds that one search brings
LONGEST_FOUND = 9000  # characters of them together


@dataclass(frozen=True)
class Retrieval:
    """More APIs from code like the seed's, found in the corpus: `extend` reads what a search brought, adds APIs of the
    same service, and says for what to search next, `rounds` times (the paper's API retrieval agent)."""

    extend: Agent
    rounds: int = 2
    name: str = "retrieval"
    reads: frozenset[str] = frozenset({"service", "apis", "query"})
    writes: frozenset[str] = frozenset({"apis", "query"})

    def agents(self) -> Iterable[Agent]:
        return (self.extend,)

    async def __call__(self, record: Record, ctx: Context) -> list[Record]:
        for round_number in range(self.rounds):
            found = [
                seed.text
                for seed in await ctx.search(record.fields["query"], NEIGHBOURS)
                if seed.kind == "code"
            ]
            shown = record.with_fields({"found": "\n\n\n".join(found)[:LONGEST_FOUND]})
            try:
                if not found:
                    raise Declined("the corpus holds no code like it")
                [record] = await ctx.ask(self.extend, shown)
            except Declined:
                if round_number == 0:
                    raise
                break
            record = record.with_fields({"apis": self._together(record)})
        return [record]

    def _together(self, record: Record) -> str:
        """The list with the new APIs after the old ones; of two with one name, the first."""
        try:
            known, more = read_apis(record.fields["apis"]), read_apis(record.fields["more"])
        except Unsound as unsound:
            raise Rejected(self.extend.name, "unsound_apis", str(unsound)) from unsound
        names = {api.name for api in known}
        return write_apis([*known, *(api for api in more if api.name not in names)])


@dataclass(frozen=True)
class ToolLibrary:
    """A transformation: `listing` writes `service` and `apis` from the document, `implement` the program behind them
    with sample calls; a program that fails is mended once, with its fault in view, or rejected."""

    name: str
    listing: Sequence[FlowStep]
    implement: Agent
    mend: Agent
    kinds: frozenset[str] = frozenset({"code", "text"})
    reads: frozenset[str] = frozenset({"document"})
    writes: frozenset[str] = frozenset({"passage", "apis", "implementation"})

    def agents(self) -> Iterable[Agent]:
        for step in self.listing:
            yield from step.agents()
        yield from (self.implement, self.mend)

    async def __call__(self, record: Record, ctx: Context) -> list[Record]:
        if record.seed.kind not in self.kinds:
            raise Declined(f"{self.name} takes {' or '.join(sorted(self.kinds))}")
        for step in self.listing:
            [record] = await step(record, ctx)
        try:
            apis = read_apis(record.fields["apis"])
        except Unsound as unsound:
            raise Rejected(self.name, "unsound_apis", str(unsound)) from unsound
        if len(apis) < FEWEST:
            raise Rejected(self.name, "too_few_apis", f"{len(apis)}, and {FEWEST} are the least")
        return [await self._implemented(record.with_fields({"apis": write_apis(apis)}), ctx)]

    async def _implemented(self, record: Record, ctx: Context) -> Record:
        """The record with a program that works."""
        [first] = await ctx.ask(self.implement, record)
        try:
            return await _tried(first, ctx)
        except Broken as broken:
            [second] = await ctx.ask(self.mend, first.with_fields({"fault": str(broken)}))
        try:
            return await _tried(second, ctx)
        except Broken as broken:
            raise Rejected(self.implement.name, broken.reason, broken.detail) from broken


async def _tried(record: Record, ctx: Context) -> Record:
    """The record as a passage for the authors of tasks. Raises Broken where the program fails its sample calls."""
    program = without_fence(record.fields["implementation"])
    service = MockApi.read(record.fields["apis"], program)
    try:
        samples = [each.call for each in read_calls(record.fields["samples"])]
    except Unsound as unsound:
        raise Broken("samples_unreadable", str(unsound)) from unsound
    await check(service, samples, ctx.use)
    passage = (
        f"The service: {record.fields['service']}\n\nIts APIs:\n{record.fields['apis']}\n\n"
        f"The program behind it, which neither its users nor the assistant see:\n{program}"
    )
    return record.with_fields({"implementation": program, "passage": passage})


def without_fence(program: str) -> str:
    """The program without the Markdown fence that chat models like to put around it."""
    lines = program.strip().splitlines()
    fenced = len(lines) > 1 and lines[0].startswith("```") and lines[-1].strip() == "```"
    return "\n".join(lines[1:-1] if fenced else lines).strip()
