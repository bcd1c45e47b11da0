"""A skill of three calls, the script by which a teacher answers them, and one that does so in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from genteach.generate.agent import Agent
from genteach.generate.engine import WHOLE, Shard, WorkItem, work_items
from genteach.generate.flow import Context, Dials, Entry, Skill
from genteach.generate.recipe import GenerateRecipe, SkillChoice
from genteach.generate.record import Record, Verdict
from genteach.generate.reply import form
from genteach.generate.seeds import Seed
from genteach.generate.teacher import Draining, Guided, Reply, Request, Unanswerable


async def short(record: Record, entry: Entry, ctx: Context) -> Verdict:
    return Verdict(len(record.fields["response"]) < 40, "length", reason="too_long")


TOY = Skill(
    name="toy",
    summary="A question about a text, and its answer.",
    transform=[Agent("retell", "A teller.", "Tell it again.", form(passage="the text"), about="document")],
    instruct=[Entry("what", Agent("ask", "A reader.", "Ask what.", form(question="a question")), "what it is", match="exact")],
    refine=[],
    respond=Agent("answer", "An expert.", "Answer: $turn", writes_text="response"),
    verify=[short],
    turn="$passage\n\n$question",
)  # fmt: skip


class ToyRecipe(GenerateRecipe):
    """A recipe whose one skill is the toy."""

    def flows(self) -> dict[str, tuple[Skill, SkillChoice, Dials]]:
        return {"toy": (TOY, SkillChoice(), Dials(self.entries_per_seed, self.refine_rounds))}


def toy_seeds(count: int) -> Iterator[Seed]:
    """Seeds whose ids begin with 0, 1, ..., f, 0, ..."""
    for n in range(count):
        yield Seed(f"{n % 16:x}{n:031x}", f"text {n}", "text", f"d{n}", (0, 6), "tests", "CC0-1.0")


def toy_items(count: int, shard: Shard = WHOLE) -> Iterator[WorkItem]:
    return work_items(toy_seeds(count), {"toy": (TOY, SkillChoice(), Dials(1, 0))}, shard)


def script(agent: str, seed_id: str) -> str:
    """What the toy's agents say; seeds that begin with 0 are not asked about, and with 1 answered at length."""
    if agent == "answer":
        return seed_id + ("!" * 20 if seed_id[0] == "1" else "")
    if agent == "ask" and seed_id[0] == "0":
        raise Unanswerable("refused", "not about this")
    written = {"retell": {"passage": f"Once upon {seed_id}"}, "ask": {"question": "What?"}}
    return next(each for each in TOY.agents() if each.name == agent).form.write([written[agent]])


class Scripted:
    """A teacher in this process that keeps to the script, and notes what it is asked."""

    name = "scripted"
    guided: Guided = "none"

    def __init__(self, note: Callable[[Request], object], limit: int = 4) -> None:
        self.note, self.limit = note, limit
        self.draining = False

    async def start(self) -> dict[str, Any]:
        return {"kind": "scripted"}

    async def ask(self, request: Request) -> Reply:
        if self.draining:
            raise Draining
        self.note(request)
        await asyncio.sleep(0)
        return Reply(script(request.agent, request.seed_id), "stop", 10, 5, self.name)

    def drain(self) -> None:
        self.draining = True

    def report(self) -> dict[str, Any]:
        return {}

    async def close(self) -> None: ...
