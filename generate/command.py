"""`genteach generate` and `genteach orca-bench build`: a recipe in, sealed shards and their accounting out."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..config import load, read_yaml
from ..progress import Progress, say, table
from ..run import Accounting, BadInput, Lock, QuarantineOverThreshold, make_folder, settle_recipe
from .engine import Engine, Flows, WorkItem, work_items
from .journal import Journal
from .orca_bench import freeze
from .recipe import GenerateRecipe
from .report import say_pairs, say_seeds, say_teacher
from .seal import seal
from .seeds import read_report, read_seeds, write_seeds
from .teacher import open_teacher

PACKAGES = ("aiohttp", "pyarrow", "pydantic")
ROUND = Path("rounds") / "0001"
SEEDS_PER_ITEM = (
    2  # held-out seeds that the flows walk for each wanted item: not every seed gives every skill a pair
)


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
    with Lock(folder):
        settle_recipe(folder, recipe.decides(), PACKAGES, update)
        with Progress("read seeds", recipe.limit, "seeds", as_json) as progress:
            found = write_seeds(
                folder, list(recipe.seeds), recipe.run_seed, recipe.held_out, recipe.limit, progress
            )
        say_seeds(found)
        say_teacher(recipe.teacher)
        accounting, manifest = asyncio.run(_run(recipe, flows, folder, "train", None, update, as_json))
    say_pairs(folder / ROUND, accounting, manifest)
    _check_quarantine(recipe, accounting)


def build_orca_bench(run: Path, per_skill: int, teacher: str | None, *, as_json: bool = False) -> None:
    """The benchmark of the run's held-out documents: its own flows, on seeds that no pair was made from.

    Writes RUN/orca_bench/SKILL.jsonl, at most `per_skill` items each, frozen by a manifest with hashes.
    """
    recipe = _recipe_of(run, teacher)
    flows = recipe.flows()
    folder = make_folder(recipe.out / "orca_bench")
    if (folder / "manifest.json").exists():
        say(f"{folder}: already built; it stays as it is")
        return
    with Lock(folder):
        accounting, _ = asyncio.run(
            _run(recipe, flows, folder, "held_out", SEEDS_PER_ITEM * per_skill, False, as_json)
        )
        counts = freeze(folder, per_skill)
    rows = [[skill, str(count)] for skill, count in counts.items()]
    table(f"Orca-Bench, from {accounting.planned} held-out work items", ["skill", "items"], rows)


def _recipe_of(run: Path, teacher: str | None) -> GenerateRecipe:
    """The recipe that a run was generated with; where its teacher answers is for the caller to say."""
    path = run / "recipe.yaml"
    if not path.is_file() or read_report(run) is None:
        raise BadInput(f"{run}: holds no seeds yet; run genteach generate --out {run} first")
    known = read_yaml(path)["recipe"]
    if teacher is None and known["teacher"]["kind"] != "offline":
        raise BadInput(f"{path}: its teacher was a server; say where it is: --teacher http://HOST:PORT/v1")
    return load(None, GenerateRecipe, {**known, "out": run, "teacher": teacher or "offline"})


async def _run(
    recipe: GenerateRecipe,
    flows: Flows,
    folder: Path,
    part: str,
    seeds: int | None,
    update: bool,
    as_json: bool,
) -> tuple[Accounting, dict[str, Any]]:
    """Open teacher and journal, run the engine on the seeds of one split, seal the round."""

    def items() -> Iterator[WorkItem]:
        return work_items(itertools.islice(read_seeds(recipe.out, part), seeds), flows)

    teacher = open_teacher(recipe.teacher)
    journal = Journal(folder / "journal.sqlite")
    try:
        identity = await teacher.start()
        await _same_teacher(journal, identity, update)
        engine = Engine(teacher, journal, recipe.run_seed, recipe.window)
        planned = sum(1 for _ in items())
        if not planned and part == "train":
            kinds = sorted({kind for skill, _, _ in flows.values() for kind in skill.kinds})
            raise BadInput(f"{recipe.out}: no seed is of a kind that the skills take ({', '.join(kinds)})")
        label = "generate" if part == "train" else "benchmark"
        with Progress(label, planned, "items", as_json) as progress:
            accounting = await engine.run(items, progress)
        return accounting, seal(journal, folder / ROUND, accounting, teacher=identity)
    finally:
        await teacher.close()
        journal.close()


async def _same_teacher(journal: Journal, identity: dict[str, Any], update: bool) -> None:
    """One journal, one set of weights: a run must not go on with another teacher unnoticed."""
    now = json.dumps({key: identity[key] for key in sorted(identity) if key != "url"})
    before = journal.fact("teacher")
    if update and before is not None:
        await journal.reopen()
    elif before is not None and before != now:
        raise BadInput(
            f"{journal.path}: begun with the teacher {before}, this is {now}; use another --out, or --update"
        )
    await journal.set_fact("teacher", now)


def _check_quarantine(recipe: GenerateRecipe, accounting: Accounting) -> None:
    share = accounting.quarantined.total() / max(accounting.planned, 1)
    if share > recipe.quarantine_limit:
        reasons = ", ".join(f"{reason} {count}" for reason, count in accounting.quarantined.most_common(3))
        raise QuarantineOverThreshold(
            f"{recipe.out}: {share:.1%} of the items failed ({reasons}), "
            f"over quarantine_limit {recipe.quarantine_limit:.1%}"
        )
