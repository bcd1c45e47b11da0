"""`genteach retry RUN --where …`: open again just those items of a run that lost something, and go on with it."""

from __future__ import annotations

import asyncio
import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import Any

from ..config import read_yaml
from ..progress import say, table
from ..run import BadInput, Lock, fingerprint, make_folder, settle_recipe
from .command import PACKAGES, Job, generate, job_of, recipe_of
from .disk import journal_path
from .engine import WHOLE, Flows, Shard, item_id
from .flow import FlowStep, Skill
from .journal import ASKED_AT_ONCE, REJECTED, Journal
from .merge import merge
from .parts import FOLDER, Parts, sources
from .plan.rehearse import last_agents
from .reader import JournalReader
from .recipe import GenerateRecipe

KEYS = ("skill", "step", "reason", "seed_id", "id")
NAMED = ("skill", "step", "reason")  # whose values are few enough to be listed
SHOWN = 8
Row = dict[str, Any]


@dataclass(frozen=True)
class Where:
    """Conditions on rejected rows: for each key, one of the patterns fits; `*` and `?` stand for any characters."""

    patterns: dict[str, list[str]]

    @classmethod
    def parse(cls, text: str) -> Where:
        """Read the command line's form, KEY=VALUE with spaces or commas between; raises BadInput."""
        patterns: dict[str, list[str]] = defaultdict(list)
        for condition in text.replace(",", " ").split() or [text]:
            key, _, value = condition.partition("=")
            if key not in KEYS or not value:
                near = difflib.get_close_matches(key, KEYS, n=1)
                hint = f"; did you mean {near[0]}={value or 'VALUE'}?" if near else ""
                raise BadInput(f"--where {condition!r}: give KEY=VALUE, KEY one of {', '.join(KEYS)}{hint}")
            patterns[key].append(value)
        return cls(dict(patterns))

    def admits(self, row: Row) -> bool:
        return all(
            any(fnmatchcase(row[key], pattern) for pattern in patterns)
            for key, patterns in self.patterns.items()
        )


class Lost:
    """The rejected rows that a filter admits, by work item; and how often each value occurs among all of them."""

    def __init__(self, where: Where, shard: Shard) -> None:
        self.where, self.shard = where, shard
        self.rows: dict[str, list[Row]] = defaultdict(list)
        self.values: dict[str, Counter[str]] = {key: Counter() for key in NAMED}

    def take(self, rows: Iterable[Row], items: Iterable[str]) -> None:
        """Take over one source of rows; of the items that are in it, no earlier one counts any more."""
        for item in items:
            self.rows.pop(item, None)
        for row in rows:
            item = item_id(row["skill"], row["seed_id"])
            if not self.shard.holds(item):
                continue
            for key, counter in self.values.items():
                counter[row[key]] += 1
            if self.where.admits(row):
                self.rows[item].append(row)

    def show(self) -> None:
        """A table of what matches."""
        rows: Counter[tuple[str, ...]] = Counter()
        items: Counter[tuple[str, ...]] = Counter()
        for of_item in self.rows.values():
            found = [tuple(row[key] for key in NAMED) for row in of_item]
            rows.update(found)
            items.update(set(found))
        cells = [[*found, str(count), str(items[found])] for found, count in rows.most_common()]
        table(f"Rejected rows that match, of {len(self.rows)} items", [*NAMED, "rows", "items"], cells)

    def check(self) -> None:
        """Raise BadInput, with the values that there are, if nothing matches."""
        if self.rows:
            return
        if not self.values["reason"]:
            raise BadInput("--where: nothing was rejected or quarantined in this run")
        asked = [key for key in NAMED if key in self.where.patterns] or NAMED
        known = "; ".join(f"{key}: {_counted(self.values[key])}" for key in asked)
        raise BadInput(f"--where: no rejected row is like that; there are, {known}")


def retry(
    run: Path,
    where: str,
    *,
    recipe: GenerateRecipe | None = None,
    teacher: str | None = None,
    shard: Shard | None = None,
    journal_dir: Path | None = None,
    dry_run: bool = False,
    as_json: bool = False,
) -> None:
    """Open the items again that lost something in a way that `where` describes, and generate on.

    The replies at the steps where that happened are forgotten, and bought again; all others are reused. The
    recipe is the run's; a `recipe` may be given for what it does not know, such as how its teacher is launched.
    Raises Failure with the exit code of the command.
    """
    wanted = Where.parse(where)
    shard = _shard(run, shard)
    flows = (recipe or recipe_of(run, "offline")).flows()
    lost = _lost(run, wanted, shard, journal_path(run, str(shard), journal_dir))
    lost.check()
    lost.show()
    if dry_run:
        return
    recipe = recipe or recipe_of(run, _with_model(run, teacher))
    job = job_of(recipe, shard, journal_dir, as_json=as_json)
    _reopen(job, lost, flows)
    generate(recipe, shard=shard, journal_dir=journal_dir, as_json=as_json)
    _say_outcome(job, lost)


def _shard(run: Path, given: Shard | None) -> Shard:
    """The shard to retry; raises BadInput where the run has several, and none was named."""
    if given is None and (others := _shards_of(run)):
        count = others[-1].rpartition("-")[2]
        raise BadInput(
            f"{run}: was made by {count} shards, whose journals hold the replies; where each of them is: "
            f"genteach retry {run} --where … --shard I/{count} [--journal-dir DIR], then genteach merge {run}; "
            "or here, where every call of these items is bought again: --shard 0/1"
        )
    return given or WHOLE


def _shards_of(run: Path) -> list[str]:
    """The shards that worked on the run, if it was shared out."""
    return sorted(folder.name for folder in (run / FOLDER).glob("*-of-*") if folder.name != str(WHOLE))


def _with_model(run: Path, teacher: str | None) -> str | None:
    """The teacher, by the name of the run's model where none is given."""
    known = read_yaml(run / "recipe.yaml")["recipe"]["teacher"]
    if isinstance(known, list):
        raise BadInput(f"{run}: has {len(known)} teachers; give the recipe that names them: --config FILE")
    model = known["model"]
    return f"{teacher}#{model}" if teacher and model and "#" not in teacher else teacher


def _lost(run: Path, where: Where, shard: Shard, journal: Path) -> Lost:
    """What of the run matches: in its round, in its parts, and in the journal, in the order in which they count."""
    lost = Lost(where, shard)
    for source in sources(run, read_yaml(run / "recipe.yaml")["fingerprint"]):
        lost.take(source.rows("rejected"), (row["id"] for row in source.rows("items", ["id"])))
    if journal.is_file():
        with JournalReader(journal) as reader:
            lost.take(reader.outcomes(REJECTED), reader.staged_items())
    return lost


def _reopen(job: Job, lost: Lost, flows: Flows) -> None:
    """Make the journal forget how the items ended, and the replies with which they came to that."""
    settle_recipe(job.folder, job.decides, PACKAGES, False, job.advice)
    with Lock(
        job.folder if job.shard == WHOLE else make_folder(job.folder / FOLDER / str(job.shard))
    ) as lock:
        shards = _shards_of(job.folder) if job.shard == WHOLE else []
        if any(part for each in shards for part in job.folder.glob(f"{FOLDER}/{each}/[0-9]*")):
            merge(job.folder, fingerprint(job.decides), job.planned())  # their parts would overrule ours
        agents = {
            item: set().union(*(_forgotten(row["step"], flows[row["skill"]][0]) for row in rows))
            for item, rows in lost.rows.items()
        }
        reopened = asyncio.run(_forget(job, lock, agents))
    if reopened < len(agents):
        say(f"{len(agents) - reopened} of these items are open already")


async def _forget(job: Job, lock: Lock, agents: dict[str, set[str]]) -> int:
    """Reopen those of the items that are settled; what was sealed or staged of them stays until they end anew."""
    journal = Journal(journal_path(job.folder, str(job.shard), job.journal_dir))
    parts = Parts(job.folder, job.shard, journal, fingerprint(job.decides), lock.check)
    try:
        if journal.fact("recipe") not in (None, parts.recipe):
            raise BadInput(
                f"{job.folder}: its recipe was changed; run genteach generate first, which takes that up"
            )
        await parts.open()
        await journal.set_fact("recipe", parts.recipe)
        await parts.seal()
        remaining, count = iter(agents.items()), 0
        while chunk := dict(islice(remaining, ASKED_AT_ONCE)):
            settled = journal.states(list(chunk))
            await journal.reopen_items({item: chunk[item] for item in settled})
            count += len(settled)
        return count
    finally:
        journal.close()


def _forgotten(step: str, skill: Skill) -> frozenset[str]:
    """The agents whose replies are asked for again where a record was lost at this step."""
    match step:
        case "transform":
            return names_of(skill.transform)
        case "instruct":
            return names_of(entry.agent for entry in skill.instruct)
        case "respond":
            return names_of([skill.respond])
        case "verify":
            return last_agents(skill)
        case "teacher" | "flow":  # there was no reply, or none was at fault
            return frozenset()
        case agent:
            return frozenset({agent})


def names_of(steps: Iterable[FlowStep]) -> frozenset[str]:
    """The agents that these steps ask."""
    return frozenset(agent.name for step in steps for agent in step.agents())


def _say_outcome(job: Job, lost: Lost) -> None:
    """How the retried items ended this time."""
    outcomes: Counter[str] = Counter()
    items = iter(lost.rows)
    with JournalReader(journal_path(job.folder, str(job.shard), job.journal_dir)) as journal:
        while chunk := list(islice(items, ASKED_AT_ONCE)):
            outcomes.update(ended or "open" for ended in journal.begun(chunk).values())
    say(f"Retried {len(lost.rows)} items: {_counted(outcomes)}")
    if job.recipe.teacher.kind == "offline":
        say("The offline teacher answers by rule: asked the same, it says the same")


def _counted(counter: Counter[str]) -> str:
    found = [f"{name} {count}" for name, count in counter.most_common(SHOWN)]
    return ", ".join([*found, *(["…"] if len(counter) > SHOWN else [])])
