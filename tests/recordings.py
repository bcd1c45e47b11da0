"""Complete runs of each skill with replies written down as a strong model would write them: tests/recorded/SKILL/.

`seeds.jsonl` says on what: a piece of an OpenStax section ({"document", "span"}), or of the standard library, whose
licence lets it stand here ({"text", "kind", "source"}); "transform" and "entries" may say what is
drawn from; "run_seed" is one with which the draws lead along the replies.
`replies.jsonl` holds the replies, by skill, seed, agent and the running number of the agent's requests.

    python tests/recordings.py SKILL               # prints the prompts that wait for a reply
    python tests/recordings.py SKILL --say FILE    # adds the replies of a file: "=== SEED_ID AGENT N", then the text
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from genteach.generate.context import SeedContext, Tally
from genteach.generate.engine import item_id
from genteach.generate.flow import Dials, Rejected
from genteach.generate.journal import ItemName, Journal
from genteach.generate.record import Record, Verdict
from genteach.generate.seeds import Seed, seed_id
from genteach.generate.skills import load
from genteach.generate.teacher import Guided, Reply, Request, Unanswerable
from genteach.generate.tools.search import SeedIndex

FOLDER = Path(__file__).parent / "recorded"
TEXTBOOKS = "seeds/openstax.jsonl.gz"
NEIGHBOURS = 200  # sections in the index of a skill that searches


@dataclass(frozen=True)
class Recording:
    """A seed, what its flow may draw from, and the run seed that it is drawn with."""

    seed: Seed
    dials: Dials
    run_seed: int = 0


@dataclass
class Walk:
    """What came of one recorded seed; `waiting` is the request that has no reply yet."""

    seed: Seed
    pairs: list[dict[str, Any]] = field(default_factory=list)
    records: list[tuple[Record, Verdict]] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)
    waiting: Request | None = None


@cache
def sections() -> dict[str, dict[str, Any]]:
    """The textbooks' sections by id; nothing where the data is not there."""
    path = Path(os.environ.get("GENTEACH_DATA", "")) / TEXTBOOKS
    if not path.is_file():
        return {}
    with gzip.open(path, "rt") as lines:
        return {row["id"]: row for row in map(json.loads, lines)}


def recordings(skill: str) -> list[Recording]:
    """The recorded seeds of a skill; those of the textbooks only where the data is there."""
    found = []
    for row in map(json.loads, (FOLDER / skill / "seeds.jsonl").read_text().splitlines()):
        if "document" in row and row["document"] not in sections():
            continue
        drawn = (frozenset(row.get("transform", ())), frozenset(row.get("entries", ())))
        dials = Dials(1, 1, *drawn, format_share=1)
        found.append(Recording(seed_of(row), dials, row.get("run_seed", 0)))
    return found


def seed_of(row: dict[str, Any]) -> Seed:
    if "text" in row:
        text, source = row["text"], row["source"]
        return Seed(seed_id(source, text), text, row["kind"], source, (0, len(text)), source, "PSF-2.0")
    section, (start, end) = sections()[row["document"]], row["span"]
    text = section["text"][start:end]
    return Seed(
        seed_id("openstax", text), text, "text", row["document"], (start, end), "openstax", section["licence"]
    )


def index(folder: Path) -> SeedIndex:
    """A search index over the first sections of the textbooks."""
    some = list(sections().items())[:NEIGHBOURS]
    rows = ({"document": name, "span": [0, 1500]} for name, _ in some)
    SeedIndex.build(folder / "index.sqlite", map(seed_of, rows))
    return SeedIndex(folder / "index.sqlite")


class Recorded:
    """The replies of one skill, in this process."""

    name, limit = "recorded answers", 8
    guided: Guided = "none"

    def __init__(self, skill: str) -> None:
        self.skill = skill
        self.replies = dict(_replies(skill))
        self.used: set[tuple[str, str, int]] = set()
        self.waiting: Request | None = None

    async def ask(self, request: Request) -> Reply:
        key = request.seed_id, request.agent, request.number
        if key not in self.replies:
            self.waiting = request
            raise Unanswerable("not_recorded", str(key))
        self.used.add(key)
        return Reply(self.replies[key], "stop", 100, 100, self.name)


def _replies(skill: str) -> Iterator[tuple[tuple[str, str, int], str]]:
    path = FOLDER / skill / "replies.jsonl"
    for row in map(json.loads, path.read_text().splitlines() if path.exists() else []):
        yield (row["seed_id"], row["agent"], row["n"]), row["reply"]


class Keeping(SeedContext):
    """A context that keeps the finished records beside their pairs."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.records: list[tuple[Record, Verdict]] = []

    def emit(self, record: Record, verdict: Verdict) -> None:
        self.records.append((record, verdict))
        super().emit(record, verdict)


async def walk(skill_name: str, recording: Recording, teacher: Any) -> Walk:
    """The flow of one seed as far as its replies are recorded."""
    skill, seed = load(skill_name), recording.seed
    with TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal.sqlite")
        item = ItemName(item_id(skill.name, seed.id), skill.name, seed.id)
        found = index(Path(folder)) if "index" in skill.needs else None
        ctx = Keeping(skill, seed, item, 0, recording.run_seed, teacher, journal, Tally(), found)
        walked = Walk(seed, ctx.pairs, ctx.records, ctx.rejected)
        try:
            await skill.run(seed, ctx, recording.dials)
        except Rejected as rejected:
            ctx.reject(Record.begin(skill.name, seed), rejected.step, rejected.reason, rejected.detail)
        except Unanswerable:
            walked.waiting = teacher.waiting
        finally:
            journal.close()
    return walked


def say(skill: str, text: str) -> None:
    """Add the replies of a text; a later reply for the same request takes the place of an earlier one."""
    known = dict(_replies(skill))
    for head, body in re.findall(r"^=== (.+)\n((?:(?!=== ).*\n?)*)", text, re.MULTILINE):
        seed, agent, n = head.split()
        known[seed, agent, int(n)] = body.strip("\n")
    path = FOLDER / skill / "replies.jsonl"
    rows = (
        {"skill": skill, "seed_id": seed, "agent": agent, "n": n, "reply": reply}
        for (seed, agent, n), reply in known.items()
    )
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("skill")
    parser.add_argument("--say", type=Path)
    given = parser.parse_args()
    if given.say:
        say(given.skill, given.say.read_text())
    teacher = Recorded(given.skill)
    for recording in recordings(given.skill):
        walked = asyncio.run(walk(given.skill, recording, teacher))
        print(
            f"\n##### {walked.seed.id} ({walked.seed.document}): {len(walked.pairs)} pairs, {len(walked.rejected)} rejected"
        )
        for row in walked.rejected:
            print(f"rejected at {row['step']}: {row['reason']}: {row['detail']}")
        if walked.waiting:
            waiting = walked.waiting
            print(
                f"=== {waiting.seed_id} {waiting.agent} {waiting.number}\n{waiting.messages[-1]['content']}"
            )
    if unused := teacher.replies.keys() - teacher.used:
        print(f"\n{len(unused)} replies that nobody asked for: {sorted(unused)}")


if __name__ == "__main__":
    main()
