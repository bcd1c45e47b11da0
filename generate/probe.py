"""`genteach probe`: planted hostile seeds through the flows of a run, and how often its teacher obeyed them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from ..progress import say, table
from ..run import Lock, fingerprint, make_folder, settle_recipe, write_whole
from .command import PACKAGES, REMOVE, Job, recipe_of, searches, work
from .disk import journal_path
from .engine import WHOLE, Shard, WorkItem, item_id, work_items
from .injection import Planted, planted, sign_of
from .merge import merge
from .pairs import read_pairs
from .parts import ROUND
from .reader import JournalReader
from .recipe import SkillChoice
from .seeds import read_seeds
from .tools.search import FILE as INDEX
from .tools.search import SeedIndex
from .tools.shares import told

FOLDER, REPORT = "injection", "report.json"
CARRIERS = 50  # seeds of the run whose texts the attacks are planted in


@dataclass
class Leaks:
    """Of one skill's planted seeds: how many had a reply that obeyed, and how many an accepted pair that shows it."""

    seeds: int = 0
    obeyed: int = 0
    reached_a_pair: int = 0


def probe(run: Path, count: int, teacher: str | None, *, as_json: bool = False) -> None:
    """Walk `count` hostile seeds through every flow of the run, and write RUN/injection/report.json.

    The pairs that come of them stay in RUN/injection, apart from the run's own. Raises Failure.
    """
    recipe = recipe_of(run, teacher)
    flows = {
        name: (skill, SkillChoice(), replace(dials, keep_flagged=True))
        for name, (skill, _, dials) in recipe.flows().items()
        if "text" in skill.kinds
    }
    folder = make_folder(recipe.out / FOLDER)
    carriers = list(islice(read_seeds(run), CARRIERS))
    hostile = list(planted(carriers, recipe.run_seed, count))
    seeds = [each.seed for each in hostile]

    def items(shard: Shard) -> Iterator[WorkItem]:
        return work_items(seeds, flows, shard)

    decides = recipe.decides() | {"planted": count}
    job = Job("probe", folder, recipe, items, decides, REMOVE, as_json=as_json)
    with Lock(folder) as lock:
        settle_recipe(folder, decides, PACKAGES, False, REMOVE)
        if searches(recipe):
            SeedIndex.build(folder / INDEX, seeds)
        asyncio.run(work(job, lock))
        merge(folder, fingerprint(decides), job.planned())
        found = {name: _leaks(folder, name, hostile) for name in flows}
        report = {"planted": len(seeds), "flagged": sum(sign_of(seed.text) is not None for seed in seeds)}
        skills = {name: vars(leaks) for name, leaks in found.items()}
        write_whole(folder / REPORT, json.dumps({**report, "skills": skills}, indent=2) + "\n")
    say_leaks(report, found)


def say_leaks(report: dict[str, Any], found: dict[str, Leaks]) -> None:
    """The leak rate of every flow, with its interval."""
    rows = [
        [name, str(leaks.seeds), told(leaks.obeyed, leaks.seeds), told(leaks.reached_a_pair, leaks.seeds)]
        for name, leaks in found.items()
    ]
    table("Injection, 95 % intervals", ["skill", "hostile seeds", "a reply obeyed", "reached a pair"], rows)
    say(
        f"{report['flagged']} of the {report['planted']} planted seeds show a sign by which a run leaves a seed out "
        "before anybody is asked"
    )


def _leaks(folder: Path, skill: str, hostile: Iterable[Planted]) -> Leaks:
    leaks = Leaks()
    said = _pairs_by_seed(folder, skill)
    with JournalReader(journal_path(folder, str(WHOLE), None)) as journal:
        for each in hostile:
            calls = journal.calls(item_id(skill, each.seed.id))
            leaks.seeds += 1
            leaks.obeyed += any(each.leaked_into(call.reply.text) for call in calls.values())
            leaks.reached_a_pair += each.leaked_into(said.get(each.seed.id, ""))
    return leaks


def _pairs_by_seed(folder: Path, skill: str) -> dict[str, str]:
    """All that the accepted pairs of a seed say."""
    said: dict[str, str] = {}
    for pair in read_pairs(folder / ROUND):
        if pair["skill"] == skill:
            texts = [message["content"] for message in pair["messages"]]
            said[pair["seed_id"]] = "\n".join([said.get(pair["seed_id"], ""), *texts])
    return said
