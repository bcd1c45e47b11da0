"""genteach: a skill of one transformation, one instruction and one answer; journal, sealed parts, window by itself.

`--option instant` leaves HTTP out: the teacher is within the process.
"""

import asyncio
import time
from collections.abc import Iterator

from genteach.generate.agent import Agent
from genteach.generate.engine import WHOLE, Engine, WorkItem, work_items
from genteach.generate.flow import Context, Dials, Entry, Skill
from genteach.generate.journal import Journal
from genteach.generate.parts import Parts
from genteach.generate.recipe import SkillChoice
from genteach.generate.record import Record, Verdict
from genteach.generate.seeds import Seed
from genteach.generate.teacher import Sampling, TeacherSettings, open_teacher
from genteach.generate.teacher.faculty import Faculty
from genteach.progress import Progress
from instant_teacher import InstantTeacher
from work import SAMPLING, STEPS, Work, finished, read_work


async def accept(record: Record, entry: Entry, ctx: Context) -> Verdict:
    return Verdict(True, "bench")


def agent(step: str, about: str, writes: str) -> Agent:
    """The step's words; the document before them and the system message are the engine's own."""
    role, _, task = STEPS[step].partition("[end of document]\n\n")[2].partition("\n\n")
    task = task.replace("{{ question }}", "$turn")
    return Agent(step, role, task, about=about, writes_text=writes, sampling=Sampling(**SAMPLING))


CHAIN = Skill(
    name="chain",
    summary="Three calls, each reading the last.",
    transform=[agent("passage", "document", "passage")],
    instruct=[Entry("question", agent("question", "passage", "question"), "a question of several steps")],
    refine=[],
    respond=agent("answer", "passage", "response"),
    verify=[accept],
    turn="$question",
)


def seed(row: dict[str, str]) -> Seed:
    return Seed(row["id"], row["document"], "text", row["id"], (0, len(row["document"])), "bench", "CC0-1.0")


async def run(work: Work) -> None:
    """What `genteach generate` does with seeds that are there: settle what is not settled, and seal."""
    flows = {"chain": (CHAIN, SkillChoice(), Dials(refine_rounds=0))}
    teacher = InstantTeacher() if work.option == "instant" else open_teacher(TeacherSettings(url=work.url))
    faculty = Faculty([teacher], [1.0])

    def items() -> Iterator[WorkItem]:
        return work_items(map(seed, work.rows()), flows)

    began = time.monotonic()
    journal = Journal(work.folder / "journal.sqlite")
    parts = Parts(work.folder, WHOLE, journal, "bench", still_ours=lambda: None)
    try:
        await parts.open()
        await journal.set_fact("recipe", parts.recipe)
        engine = Engine(faculty, journal, run_seed=0, seal=parts.seal)
        accounting = engine.account(items())
        opened = time.monotonic() - began
        if accounting.pending:
            await faculty.start()
            with Progress("chain", accounting.planned, "documents", as_json=True) as progress:
                accounting = await engine.run(items, progress)
    finally:
        await faculty.close()
        journal.close()
    weighed = {"reply_bytes": teacher.compressed} if isinstance(teacher, InstantTeacher) else {}
    finished("genteach", accounting.done, calls=engine.tally.calls, opened_s=opened, **weighed)


if __name__ == "__main__":
    asyncio.run(run(read_work()))
