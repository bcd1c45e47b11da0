"""`genteach generate` and `genteach orca-bench build`: a recipe in, sealed shards and their accounting out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import load, read_yaml
from ..progress import Progress, say, table
from ..run import (
    Accounting,
    BadInput,
    Lock,
    QuarantineOverThreshold,
    differences,
    fingerprint,
    make_folder,
    settle_recipe,
)
from .engine import Engine, WorkItem, work_items
from .journal import Journal
from .orca_bench import draw, freeze
from .recipe import GenerateRecipe, SkillChoice
from .report import say_effort, say_pairs, say_seeds, say_teacher
from .seal import seal
from .seeds import read_report, read_seeds, write_seeds
from .teacher import open_teacher

PACKAGES = ("aiohttp", "pyarrow", "pydantic")
ROUND = Path("rounds") / "0001"
SPLIT = ("seeds", "held_out", "run_seed")  # the keys that decide which documents are held out
# Held-out seeds that the flows walk for each wanted item: not every seed gives every skill a pair.
SEEDS_PER_ITEM = 2
UPDATE = "use another --out, or --update to reuse every call that is unchanged"
REMOVE = "remove the folder to build the benchmark anew"


@dataclass(frozen=True)
class Job:
    """What one of the two verbs has the engine do, and where; `decides` is all that decides the outcome."""

    label: str
    folder: Path
    recipe: GenerateRecipe
    items: Callable[[], Iterator[WorkItem]]
    decides: dict[str, Any]
    advice: str  # to whoever comes back with another recipe or teacher
    update: bool = False
    as_json: bool = False


def generate(
    recipe: GenerateRecipe, *, update: bool = False, dry_run: bool = False, as_json: bool = False
) -> None:
    """Documents to verified pairs under recipe.out; the same call resumes a run that was stopped.

    Raises Failure with the exit code of the command.
    """
    if dry_run:
        say(json.dumps(recipe.model_dump(mode="json"), indent=2))
        return
    flows = recipe.flows()
    folder = make_folder(recipe.out)
    decides = recipe.decides()

    def items() -> Iterator[WorkItem]:
        return work_items(read_seeds(folder), flows)

    with Lock(folder):
        if update:
            _keep_benchmark(folder, decides)
        settle_recipe(folder, decides, PACKAGES, update, UPDATE)
        with Progress("read seeds", None, "seeds", as_json) as progress:
            found = write_seeds(
                folder, recipe.corpora(), recipe.run_seed, recipe.held_out, recipe.limit, progress
            )
        say_seeds(found)
        say_teacher(recipe.teacher)
        job = Job("generate", folder, recipe, items, decides, UPDATE, update, as_json)
        accounting, manifest = asyncio.run(_run(job))
    say_pairs(folder / ROUND, accounting, manifest)
    _check_quarantine(recipe, accounting)


def build_orca_bench(run: Path, per_skill: int, teacher: str | None, *, as_json: bool = False) -> None:
    """The benchmark of the run's held-out documents: its own flows, on seeds that no pair was made from.

    Writes RUN/orca_bench/SKILL.jsonl, at most `per_skill` items each, frozen by a manifest with hashes.
    """
    recipe = _recipe_of(run, teacher)
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
    job = Job("benchmark", folder, recipe, lambda: work_items(seeds, flows), decides, REMOVE, as_json=as_json)
    with Lock(folder):
        settle_recipe(folder, decides, PACKAGES, False, REMOVE)
        accounting, _ = asyncio.run(_run(job))
        counts = freeze(folder, per_skill)
    rows = [[skill, str(count)] for skill, count in counts.items()]
    table(f"Orca-Bench, from {accounting.planned} held-out work items", ["skill", "items"], rows)


def _recipe_of(run: Path, teacher: str | None) -> GenerateRecipe:
    """The recipe that a run was generated with; where its teacher answers is for the caller to say."""
    path = run / "recipe.yaml"
    if not path.is_file() or read_report(run) is None:
        raise BadInput(f"{run}: holds no seeds yet; run genteach generate --out {run} first")
    known = read_yaml(path)["recipe"]
    known.pop("code", None)
    if teacher is None and known["teacher"]["kind"] != "offline":
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


async def _run(job: Job) -> tuple[Accounting, dict[str, Any]]:
    """Have every pending item settled, and seal the round; without one, the teacher is not even started."""
    teacher = open_teacher(job.recipe.teacher)
    journal = Journal(job.folder / "journal.sqlite")
    try:
        await _follow(journal, job)
        engine = Engine(teacher, journal, job.recipe.run_seed, job.recipe.window)
        accounting = engine.account(job.items())
        if not accounting.planned:
            kinds = sorted({kind for skill, _, _ in job.recipe.flows().values() for kind in skill.kinds})
            raise BadInput(f"{job.folder}: no seed is of a kind that the skills take ({', '.join(kinds)})")
        if accounting.pending:
            await _same_teacher(journal, await teacher.start(), job)
            with Progress(job.label, accounting.planned, "items", job.as_json) as progress:
                accounting = await engine.run(job.items, progress)
            say_effort(engine.tally)
        identity = json.loads(journal.fact("teacher") or "{}")
        return accounting, seal(journal, job.folder / ROUND, accounting, teacher=identity)
    finally:
        await teacher.close()
        journal.close()


async def _follow(journal: Journal, job: Job) -> None:
    """Reopen what was settled for another recipe, whenever that was changed: a kill can come in between."""
    recipe = fingerprint(job.decides)
    if job.update or journal.fact("recipe") != recipe:
        await journal.reopen(recipe=recipe)


async def _same_teacher(journal: Journal, identity: dict[str, Any], job: Job) -> None:
    """One journal, one set of weights: no reply of another teacher is taken for one of this."""
    now = json.dumps({key: identity[key] for key in sorted(identity) if key != "url"})
    before = journal.fact("teacher")
    if before is not None and before != now:
        if not job.update:
            raise BadInput(f"{journal.path}: begun with the teacher {before}, this is {now}; {job.advice}")
        await journal.reopen(keep_calls=False, teacher=now)
    await journal.set_fact("teacher", now)


def _check_quarantine(recipe: GenerateRecipe, accounting: Accounting) -> None:
    share = accounting.quarantined.total() / max(accounting.planned, 1)
    if share > recipe.quarantine_limit:
        reasons = ", ".join(f"{reason} {count}" for reason, count in accounting.quarantined.most_common(3))
        raise QuarantineOverThreshold(
            f"{recipe.out}: {share:.1%} of the items failed ({reasons}), "
            f"over quarantine_limit {recipe.quarantine_limit:.1%}"
        )
