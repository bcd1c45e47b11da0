"""Cut a run's write path at one operation after another: a program that forks a small run for each of them.

At the operations 1, 2, 3, ..., until a run passes, the run is killed (half-way through where it is a write), or the
disk is full from there on, or what should be synced is not, or there is no more memory. Then it is resumed, and
compared with one that nothing happened to.

    python sweep.py FOLDER kill|full|sync|memory [--window 4] [--first 1] [--step 2]     prints what it found, as JSON
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import re
import shutil
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

import pyarrow as pa
from genteach.generate import command, engine, journal, merge
from genteach.generate.pairs import read_pairs
from genteach.generate.teacher import Reply, Request
from genteach.generate.teacher.faculty import Faculty
from genteach.run import EnvironmentFailure, Failure, versions
from toy import Scripted, ToyRecipe
from write_path import FAULTS, Fault, WritePath, kill

SEEDS, CALLS_PER_PART, ROWS_PER_SHARD = 20, 17, 8
SAID = re.compile(r"RUN.*: .*; what was counted is safe: put that right and run again")
SYNC, DURABLE = re.compile(r"COMMIT|fsync"), re.compile(r"COMMIT|rename|fsync (?!lock)")
PASSING = ("lock", "journal.sqlite")  # what differs from run to run, and is not compared


class Sealing(Scripted):
    """Has a part sealed in the middle of every so many calls, so that parts hold calls of open items, too."""

    seal: Callable[[], Awaitable[None]]
    asked = 0
    turn = asyncio.Lock()  # one part at a time

    async def ask(self, request: Request) -> Reply:
        self.asked += 1
        if self.asked % CALLS_PER_PART == 0:
            try:
                async with self.turn:
                    await self.seal()
            except (MemoryError, RuntimeError) as error:  # it has nothing to do with this item
                raise EnvironmentFailure(f"no memory for sealing ({error})") from error
        return await super().ask(request)


class Engine(engine.Engine):
    """Lends its seal to the teacher."""

    def __init__(self, faculty: Faculty, *given: object) -> None:
        super().__init__(faculty, *given)
        for teacher in faculty.teachers:
            assert isinstance(teacher, Sealing)
            teacher.seal = self.seal


@dataclass
class Ran:
    """What one run asked, how it ended (`code` is None where it was killed), and its operations."""

    asked: list[str]
    code: int | None = None
    said: str = ""
    seen: list[str] = field(default_factory=list)


def generate(documents: Path, out: Path, window: int, at: int = 0, fault: Fault = kill) -> Ran:
    """`genteach generate` in a child of this process, with the fault at the operation `at`."""
    reader, writer = os.pipe()
    if not (child := os.fork()):
        _generate(documents, out, window, WritePath(out, at, fault), writer)
    os.close(writer)
    with open(reader) as lines:
        heard = lines.read().splitlines()
    os.waitpid(child, 0)
    ended = json.loads(heard.pop()) if heard and heard[-1].startswith("{") else {}
    return Ran(heard, **ended)


def _generate(documents: Path, out: Path, window: int, path: WritePath, ledger: int) -> None:
    """What the child does; it never returns."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    teacher = Sealing(lambda r: os.write(ledger, f"{r.seed_id} {r.agent} {r.key.hex()} {r.n}\n".encode()))
    command.open_faculty = lambda *_: Faculty([teacher], [1])
    command.Engine, merge.ROWS_PER_SHARD, journal.PAUSE = Engine, ROWS_PER_SHARD, 0.0
    corpus = {"path": documents, "licence": "CC0-1.0", "min_chars": 10, "max_chars": 100}
    given = {
        "out": out,
        "seeds": [corpus],
        "skills": "text_modification",
        "held_out": 0,
        "quarantine_limit": 1,
    }
    code, said = 0, ""
    path.watch()
    try:
        command.generate(ToyRecipe.model_validate({**given, "window": window}))
    except Failure as failure:
        code, said = failure.exit_code, str(failure)
    except BaseException:
        code, said = 1, traceback.format_exc()
    os.write(ledger, json.dumps({"code": code, "said": said, "seen": path.seen}).encode())
    os._exit(0)


@dataclass
class Found:
    """What a sweep came to; `wrong` is one line for each thing that is not as it should be."""

    operations: int
    points: int = 0
    lost: int = 0
    duplicated: int = 0
    bought_twice: int = 0
    wrong: list[str] = field(default_factory=list)


def sweep(folder: Path, fault: str, window: int, first: int, step: int) -> Found:
    """Every `step`-th point from the `first` on, each in a folder of its own, until a run passes."""
    documents = write_documents(folder / "documents")
    whole = generate(documents, folder / "whole", window)
    expected, ids = files(folder / "whole"), pair_ids(folder / "whole")
    found = Found(len(whole.seen))
    for at in itertools.count(first, step):
        if fault == "sync" and at <= len(whole.seen) and not SYNC.match(whole.seen[at - 1]):
            continue
        out = folder / "point"
        runs = [generate(documents, out, window, at, FAULTS[fault])]
        if runs[0].code == 0 and len(runs[0].seen) < at:
            break
        if fault == "kill":  # once more, on the way back
            runs.append(generate(documents, out, window, Random(at).randint(1, len(whole.seen) // 4)))
        if runs[0].code != 0:
            runs.append(generate(documents, out, window))
        found.points += 1
        found.bought_twice += sum(len(run.asked) for run in runs) - len(whole.asked)
        wrong = [*ended_well(runs, out, fault, at), *bought_well(runs, whole, window)]
        if runs[-1].code == 0:
            kept = pair_ids(out)
            found.lost += (ids - kept).total()
            found.duplicated += (kept - ids).total()
            wrong += [f"{name} is another" for name in differing(files(out), expected)]
        operation = dict(enumerate(whole.seen, 1)).get(at, "after the last")
        found.wrong += [f"{at}, {operation}: {each}" for each in wrong]
        shutil.rmtree(out)
    return found


def ended_well(runs: list[Ran], out: Path, fault: str, at: int) -> Iterator[str]:
    """The broken run was killed; or stopped at once, and said in one line what is safe and what to do.

    It may have finished where all that was left to do was to clear away. Without memory it may end anyhow.
    """
    broken, last = runs[0], runs[-1]
    if last.code != 0:
        yield f"the resumed run ended with {last.code}: {last.said}"
    if fault == "kill" and broken.code is not None:
        yield f"was not killed but ended with {broken.code}: {broken.said}"
    if fault in ("kill", "memory"):
        return
    if broken.code not in (0, EnvironmentFailure.exit_code):
        yield f"ended with {broken.code}: {broken.said}"
    elif broken.code and not SAID.fullmatch(broken.said.replace(str(out), "RUN")):
        yield f"said {broken.said!r}"
    if fault == "sync" and (later := [each for each in broken.seen[at:] if DURABLE.match(each)]):
        yield f"went on to {later[:3]}"


def bought_well(runs: list[Ran], whole: Ran, window: int) -> Iterator[str]:
    """Every call was bought; twice, only the last ones of items that were open when a run was broken off."""
    asked = Counter(call for run in runs for call in run.asked)
    if asked.keys() != set(whole.asked):
        yield f"asked {asked.keys() ^ set(whole.asked)}, unlike the whole run"
    for run, later in itertools.pairwise(runs):
        last_of_its_item = {call.split()[0]: call for call in run.asked}
        again = set(run.asked) & set(later.asked)
        if len(again) > window or again - set(last_of_its_item.values()):
            yield f"bought again: {again}"


def write_documents(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number in range(SEEDS):
        (folder / f"{number}.txt").write_text(f"This is the text with the number {number}.")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    """All that a run leaves; the contents of what differs from run to run do not count."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): b"" if path.name in PASSING else path.read_bytes() for path in found
    }


def differing(found: dict[str, bytes], expected: dict[str, bytes]) -> list[str]:
    return [name for name in sorted(found.keys() | expected) if found.get(name) != expected.get(name)]


def pair_ids(folder: Path) -> Counter[str]:
    return Counter(pair["id"] for pair in read_pairs(folder / "rounds" / "0001"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("fault", choices=FAULTS)
    for option, usual in (("--window", 1), ("--first", 1), ("--step", 1)):
        parser.add_argument(option, type=int, default=usual)
    options = parser.parse_args()
    pa.array([{}])  # imports pandas, where that is installed: once, and not in every child
    versions("genteach")
    print(json.dumps(asdict(sweep(**vars(options)))))
