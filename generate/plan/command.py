"""`genteach generate --plan`: what a run would ask its teacher, reuse, take and need, before it does.

Nothing is asked, and nothing in the run's folder changes: the plan works on a shadow of it.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...config import read_yaml
from ...progress import Progress
from ...run import differences, fingerprint
from ..disk import journal_path
from ..engine import WHOLE, Shard, work_items
from ..journal import Journal
from ..parts import FOLDER, ROUND, Parts
from ..reader import JournalReader
from ..recipe import GenerateRecipe
from ..seeds import read_seeds, write_seeds
from ..teacher import Guided, TeacherSettings
from ..teacher.faculty import Faculty
from ..teacher.fingerprint import same_teacher
from ..teacher.offline import NAME, Rules
from .rehearse import Stage
from .report import Plan, say_plan
from .understudy import Understudy

SEEDS = ("seeds.parquet", "seeds.json")


def plan(
    recipe: GenerateRecipe,
    *,
    shard: Shard = WHOLE,
    journal_dir: Path | None = None,
    update: bool = False,
    as_json: bool = False,
) -> Plan:
    """Say what `generate` with the same arguments would do; a changed recipe is taken as if by `update`.

    Raises BadInput and EnvironmentFailure, as that would.
    """
    journal, decided = _journal_of(recipe.out, shard, journal_dir), fingerprint(recipe.decides())
    with TemporaryDirectory(prefix="genteach-plan-") as folder:
        shadow = _shadow(recipe.out, Path(folder), decided)
        with Progress("read seeds", None, "seeds", as_json) as progress:
            write_seeds(shadow, recipe.corpora(), recipe.run_seed, recipe.held_out, recipe.limit, progress)
        if not journal.is_file():
            asyncio.run(_restore(shadow / journal.name, shadow, shard, decided))
        with JournalReader(journal if journal.is_file() else shadow / journal.name) as known:
            found = _plan(recipe, shadow, known, shard, update)
    say_plan(found, recipe.out, journal, update)
    if as_json:
        print(json.dumps(found.facts()), flush=True)
    return found


def _plan(recipe: GenerateRecipe, seeds: Path, journal: JournalReader, shard: Shard, update: bool) -> Plan:
    made_by, now = journal.fact("recipe"), fingerprint(recipe.decides())
    before = json.loads(journal.fact("teachers") or "[]")
    other = _other_teacher(before, recipe.teachers)
    reopened = other is not None or (made_by is not None and (update or made_by != now))
    understudies = _understudies(before, recipe.teachers)
    faculty = Faculty(understudies, [each.share for each in recipe.teachers])
    stage = Stage(journal, faculty, recipe.run_seed, reopened, anew=other is not None)
    estimates = asyncio.run(stage.rehearse(work_items(read_seeds(seeds), recipe.flows(), shard)))
    return Plan(
        estimates,
        _changes(recipe),
        other,
        sorted({f"{skill}: {agent}" for each in understudies for skill, agent in each.sketched}),
        {} if other else json.loads(journal.fact("speed") or "{}"),
        journal.bytes_per_call(),
    )


def _shadow(run: Path, place: Path, recipe: str) -> Path:
    """A folder with links to the run's seeds and to what it sealed for a recipe: what is written there stays there."""
    sealed = [run / ROUND, *run.glob(f"{FOLDER}/*-of-*/[0-9]*")]
    for path in [*(run / name for name in SEEDS), *(each for each in sealed if recipe_of(each) == recipe)]:
        if path.exists():
            link = place / path.relative_to(run)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(path.resolve())
    return place


def recipe_of(sealed: Path) -> str | None:
    manifest = sealed / "manifest.json"
    return json.loads(manifest.read_bytes())["recipe"] if manifest.is_file() else None


def _journal_of(run: Path, shard: Shard, folder: Path | None) -> Path:
    """Where the run's journal is or will be; its folder is not made for that."""
    if folder is None or folder.is_dir():
        return journal_path(run, str(shard), folder)
    return folder / f"{shard}.sqlite"


async def _restore(path: Path, shadow: Path, shard: Shard, recipe: str) -> None:
    """The journal that a run would begin with where its own is gone: from sealed parts, if there are any."""
    journal = Journal(path)
    try:
        await Parts(shadow, shard, journal, recipe, lambda: None).open()
    finally:
        journal.close()


def _changes(recipe: GenerateRecipe) -> list[str]:
    """In what the recipe is another than the run's."""
    path = recipe.out / "recipe.yaml"
    if not path.is_file():
        return []
    return differences(read_yaml(path)["recipe"], json.loads(json.dumps(recipe.decides(), default=str)))


def _other_teacher(before: list[dict[str, Any]], now: tuple[TeacherSettings, ...]) -> str | None:
    """What makes the recipe's teachers others than those of the journal, as far as can be known unasked."""
    if not before:
        return None
    if len(before) != len(now):
        return "another number of them"
    pairs = zip(before, now, strict=True)
    return next(filter(None, (same_teacher(known, _supposed(known, each)) for known, each in pairs)), None)


def _supposed(before: dict[str, Any], settings: TeacherSettings) -> dict[str, Any]:
    """Whom the settings' teacher will turn out to be, if it is who answered before wherever they are silent."""
    if settings.kind == "offline":
        return {"kind": "offline", "model": NAME, "rules": Rules.load().digest}
    return before | {"kind": settings.kind} | ({"model": settings.model} if settings.model else {})


def _understudies(before: list[dict[str, Any]], now: tuple[TeacherSettings, ...]) -> list[Understudy]:
    """Those who stand in for the recipe's teachers."""
    known = itertools.chain(before, itertools.repeat({}))
    return [
        Understudy(each.kind, _guided(each, identity)) for each, identity in zip(now, known, strict=False)
    ]


def _guided(settings: TeacherSettings, known: dict[str, Any]) -> Guided:
    """The structured form that the teacher enforces; what is not known of a server yet is taken for none."""
    if settings.kind == "offline" or settings.guided == "auto":
        return known.get("guided", "none")
    return settings.guided
