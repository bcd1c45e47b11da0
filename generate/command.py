"""`genteach generate`, `genteach merge` and `genteach orca-bench build`: a recipe in, a sealed round out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import load, read_yaml
from ..progress import Progress, say, table
from ..run import (
    Accounting,
    BadInput,
    EnvironmentFailure,
    Lock,
    QuarantineOverThreshold,
    differences,
    fingerprint,
    make_folder,
    settle_recipe,
)
from .disk import journal_path
from .engine import WHOLE, Engine, Shard, WorkItem, work_items
from .journal import Journal
from .merge import merge
from .orca_bench import draw, freeze, sets, shortfalls
from .parts import FOLDER, ROUND, Parts
from .recipe import GenerateRecipe, SkillChoice
from .report import say_effort, say_pairs, say_refinements, say_seeds, say_teachers
from .seeds import read_report, read_seeds, write_seeds
from .seeds.store import FILE as SEEDS
from .teacher.faculty import open_faculty
from .teacher.fingerprint import same_teacher
from .tools import sandbox
from .tools.search import FILE as INDEX
from .tools.search import SeedIndex

PACKAGES = ("aiohttp", "pyarrow", "pydantic")
SPLIT = ("seeds", "held_out", "run_seed")  # the keys that decide which documents are held out
# Held-out seeds that the flows walk for each wanted item: not every seed gives every skill a pair.
SEEDS_PER_ITEM = 2
PREPARING = 600.0  # seconds that one shard waits while another reads the seeds
UPDATE = "use another --out, or --update to reuse every call that is unchanged"
REMOVE = "remove the folder to build the benchmark anew"


@dataclass(frozen=True)
class Job:
    """What one of the verbs has the engine do, and where; `decides` is all that decides the outcome."""

    label: str
    folder: Path
    recipe: GenerateRecipe
    items: Callable[[Shard], Iterator[WorkItem]]
    decides: dict[str, Any]
    advice: str  # to whoever comes back with another recipe or teacher
    shard: Shard = WHOLE
    journal_dir: Path | None = None
    update: bool = False
    as_json: bool = False

    def planned(self) -> Iterator[str]:
        """The ids of all work items, whatever the shard."""
        return (item.id for item in self.items(WHOLE))


def generate(
    recipe: GenerateRecipe,
    *,
    shard: Shard = WHOLE,
    journal_dir: Path | None = None,
    take_over: bool = False,
    update: bool = False,
    dry_run: bool = False,
    as_json: bool = False,
) -> None:
    """Documents to verified pairs under recipe.out; the same call resumes a run that was stopped.

    A `shard` does its share of the work items and leaves it in sealed parts: `merge` makes the round of them.
    Raises Failure with the exit code of the command.
    """
    if dry_run:
        say(json.dumps(recipe.model_dump(mode="json"), indent=2))
        return
    job = job_of(recipe, shard, journal_dir, update, as_json)
    with ExitStack() as held, ExitStack() as preparing:
        wait = 0 if shard == WHOLE else PREPARING
        lock = preparing.enter_context(Lock(job.folder, wait, take_over))
        prepare(job)
        if shard == WHOLE:
            held.push(preparing.pop_all())
        else:
            lock = held.enter_context(Lock(make_folder(job.folder / FOLDER / str(shard)), 0, take_over))
        say_teachers(recipe.teachers)
        accounting = asyncio.run(
            work(job, lock, ready=preparing.close)
        )  # others prepare while this one works
        if shard == WHOLE:
            manifest = merge(job.folder, fingerprint(job.decides), job.planned())
            say_pairs(job.folder / ROUND, manifest)
            say_refinements(job.folder, (skill for skill, _, _ in recipe.flows().values()))
        else:
            say(f"Shard {shard}: {accounting}; when every shard is done: genteach merge {job.folder}")
    check_quarantine(recipe, accounting)


def merge_run(run: Path) -> None:
    """The sealed parts of a run, whoever made them, to one round with one manifest."""
    recipe = recipe_of(run, "offline")
    job = job_of(recipe)
    with Lock(run, wait=PREPARING):
        known = read_yaml(run / "recipe.yaml")
        manifest = merge(run, known["fingerprint"], job.planned())
    say_pairs(run / ROUND, manifest)


def job_of(
    recipe: GenerateRecipe,
    shard: Shard = WHOLE,
    journal_dir: Path | None = None,
    update: bool = False,
    as_json: bool = False,
) -> Job:
    """The work of a recipe: all its skills on all its training seeds."""
    flows = recipe.flows()
    folder = make_folder(recipe.out)

    def items(shard: Shard) -> Iterator[WorkItem]:
        return work_items(read_seeds(folder), flows, shard)

    return Job(
        "generate", folder, recipe, items, recipe.decides(), UPDATE, shard, journal_dir, update, as_json
    )


def prepare(job: Job) -> None:
    """Settle the recipe, and read the seeds; what is there already stays as it is."""
    recipe, folder = job.recipe, job.folder
    if job.update:
        _keep_benchmark(folder, job.decides)
    settle_recipe(folder, job.decides, PACKAGES, job.update, job.advice)
    with Progress("read seeds", None, "seeds", job.as_json) as progress:
        found = write_seeds(
            folder, recipe.corpora(), recipe.run_seed, recipe.held_out, recipe.limit, progress
        )
    say_seeds(found)
    made, seeds = folder / INDEX, folder / SEEDS
    is_old = not made.exists() or made.stat().st_mtime_ns < seeds.stat().st_mtime_ns
    if searches(recipe) and is_old:
        SeedIndex.build(made, read_seeds(folder))


def searches(recipe: GenerateRecipe) -> bool:
    """Whether a skill of the recipe searches the seeds."""
    return any("index" in skill.needs for skill, _, _ in recipe.flows().values())


def build_orca_bench(run: Path, per_skill: int, teacher: str | None, *, as_json: bool = False) -> None:
    """The benchmark of the run's held-out documents: its own flows, on seeds that no pair was made from.

    Writes RUN/orca_bench/SKILL.jsonl, at most `per_skill` items each, frozen by a manifest with hashes; sets that the
    held-out documents do not fill are named.
    """
    recipe = recipe_of(run, teacher)
    # Every drawn seed goes to every skill, whatever its share of the training seeds.
    flows = {name: (skill, SkillChoice(), dials) for name, (skill, _, dials) in recipe.flows().items()}
    folder = make_folder(recipe.out / "orca_bench")
    if (folder / "manifest.json").exists():
        say(f"{folder}: already built; it stays as it is")
        return
    seeds = draw(read_seeds(run, "held_out"), SEEDS_PER_ITEM * per_skill, recipe.run_seed)
    if not seeds:
        raise BadInput(f"{run}: no document was held out; generate a run with held_out above 0")
    decides = recipe.decides() | {"per_skill": per_skill}

    def items(shard: Shard) -> Iterator[WorkItem]:
        return work_items(seeds, flows, shard)

    job = Job("benchmark", folder, recipe, items, decides, REMOVE, as_json=as_json)
    with Lock(folder) as lock:
        settle_recipe(folder, decides, PACKAGES, False, REMOVE)
        if searches(recipe):
            SeedIndex.build(folder / INDEX, seeds)
        accounting = asyncio.run(work(job, lock))
        merge(folder, fingerprint(decides), job.planned())
        counts = freeze(folder, per_skill, sets(flows, recipe.refine_rounds))
    rows = [[name, str(count)] for name, count in counts.items()]
    table(f"Orca-Bench, from {accounting.planned} held-out work items", ["set", "items"], rows)
    if short := shortfalls(counts, per_skill):
        named = ", ".join(f"{name} {found}" for name, found in short.items())
        say(f"Fewer items than wanted: {named}; hold out more documents, or ask for fewer items (--n)")


def recipe_of(run: Path, teacher: str | None) -> GenerateRecipe:
    """The recipe that a run was generated with; where its teacher answers is for the caller to say."""
    path = run / "recipe.yaml"
    if not path.is_file() or read_report(run) is None:
        raise BadInput(f"{run}: holds no seeds yet; run genteach generate --out {run} first")
    known = read_yaml(path)["recipe"]
    known.pop("code", None)
    was_offline = isinstance(known["teacher"], dict) and known["teacher"]["kind"] == "offline"
    if teacher is None and not was_offline:
        raise BadInput(f"{path}: its teacher was a server; say where it is: --teacher http://HOST:PORT/v1")
    return load(None, GenerateRecipe, {**known, "out": run, "teacher": teacher or "offline"})


def _keep_benchmark(folder: Path, decides: dict[str, Any]) -> None:
    """Refuse to draw the split anew while a benchmark holds documents of the old one."""
    bench, path = folder / "orca_bench", folder / "recipe.yaml"
    if not (bench / "manifest.json").is_file() or not path.is_file():
        return
    known = read_yaml(path)["recipe"]
    before, now = ({key: of.get(key) for key in SPLIT} for of in (known, decides))
    if changed := differences(before, now):
        raise BadInput(
            f"{bench}: was built from the documents that are held out now, and these change "
            f"({'; '.join(changed)}); remove the folder first"
        )


async def work(job: Job, lock: Lock, ready: Callable[[], None] = lambda: None) -> Accounting:
    """Have every pending item of the shard settled and sealed; without one, the teacher is not even started.

    `ready` is called once the journal agrees with the sealed parts: until then no other process may merge them.
    """
    journal = Journal(journal_path(job.folder, str(job.shard), job.journal_dir))
    parts = Parts(job.folder, job.shard, journal, fingerprint(job.decides), lock.check)
    logs = job.folder / "logs"
    if job.shard != WHOLE:
        logs = logs / f"shard-{job.shard}" / "teacher"
    faculty = open_faculty(job.recipe.teachers, logs, job.recipe.weaker)
    index = SeedIndex(job.folder / INDEX) if searches(job.recipe) else None
    try:
        await _follow(journal, job, parts.recipe)
        if taken_over := await parts.open():
            say(f"{taken_over} items are known from sealed parts")
        await journal.set_fact("recipe", parts.recipe)
        ready()
        engine = Engine(faculty, journal, job.recipe.run_seed, job.recipe.window, parts.seal, index)

        def items() -> Iterator[WorkItem]:
            return job.items(job.shard)

        accounting = engine.account(items())
        if not accounting.planned and job.shard == WHOLE:
            kinds = sorted({kind for skill, _, _ in job.recipe.flows().values() for kind in skill.kinds})
            raise BadInput(f"{job.folder}: no seed is of a kind that the skills take ({', '.join(kinds)})")
        if accounting.pending:
            await _check_sandbox(job)
            await _same_teachers(journal, await faculty.start(), job)
            try:
                with Progress(job.label, accounting.planned, "items", job.as_json) as progress:
                    accounting = await engine.run(items, progress)
            finally:
                if (speed := engine.speed()) and not journal.failed:
                    await journal.set_fact("speed", json.dumps(speed))
                say_effort(engine, faculty.reports())
        else:
            await parts.seal()  # a kill may have come just before
        return accounting
    finally:
        await faculty.close()
        journal.close()
        if index:
            index.close()


async def _check_sandbox(job: Job) -> None:
    """Raises EnvironmentFailure where a skill runs programs and this machine cannot shut them in."""
    if shut_in := [name for name, (skill, _, _) in job.recipe.flows().items() if "sandbox" in skill.needs]:
        try:
            await sandbox.ready()
        except EnvironmentFailure as failure:
            raise EnvironmentFailure(
                f"{failure}; leave out {', '.join(shut_in)}, which run programs"
            ) from None


async def _follow(journal: Journal, job: Job, recipe: str) -> None:
    """Reopen what was settled for another recipe, whenever that was changed: a kill can come in between."""
    known = journal.fact("recipe")
    if known is not None and (job.update or known != recipe):
        await journal.reopen(recipe=recipe, parts="0")


async def _same_teachers(journal: Journal, identities: list[dict[str, Any]], job: Job) -> None:
    """One journal, one set of weights for each teacher: no reply of another is taken for one of these."""
    now = [{key: identity[key] for key in sorted(identity) if key != "url"} for identity in identities]
    if (known := journal.fact("teachers")) is not None:
        before = json.loads(known)
        differences = [same_teacher(*pair) for pair in zip(before, now, strict=False)]
        other = next(filter(None, differences), None if len(before) == len(now) else "another number of them")
        if other is None:
            return
        if not job.update:
            raise BadInput(f"{journal.path}: begun with another teacher: {other}; {job.advice}")
        await journal.reopen(keep_calls=False, speed="{}")
    await journal.set_fact("teachers", json.dumps(now))


def check_quarantine(recipe: GenerateRecipe, accounting: Accounting) -> None:
    share = accounting.quarantined.total() / max(accounting.planned, 1)
    if share > recipe.quarantine_limit:
        reasons = ", ".join(f"{reason} {count}" for reason, count in accounting.quarantined.most_common(3))
        raise QuarantineOverThreshold(
            f"{recipe.out}: {share:.1%} of the items failed ({reasons}), "
            f"over quarantine_limit {recipe.quarantine_limit:.1%}"
        )
