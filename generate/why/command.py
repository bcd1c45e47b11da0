"""`genteach why RUN ID`: the family tree of a pair, or what became of a seed, a work item or a document."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...config import load, read_yaml
from ...progress import say, table
from ...run import BadInput
from .. import skills
from ..agent import fence_for
from ..engine import WorkItem, item_id, work_items
from ..journal import DONE
from ..recipe import GenerateRecipe
from ..seeds import Seed
from .family import Family, Fields, shortened
from .lookup import Kind, Lookup, Row

HEX = re.compile(r"[0-9a-f]{4,32}")
LOST = re.compile(r"[0-9a-f]{32}-.+")  # a rejected row: its record, and the step
FEW = 5  # things that a message names
SHOWN = 50  # seeds of a document


def why(run: Path, name: str, *, journal_dir: Path | None = None, full: bool = False) -> None:
    """Tell what the run knows of a pair, a seed, a work item, a rejected row or a document.

    An id may be shortened, as long as it is one thing's; `full` does not shorten texts. Raises BadInput for
    what is nothing's, and for what is several's.
    """
    path = run / "recipe.yaml"
    if not path.is_file():
        raise BadInput(f"{path}: missing; name the folder of a run")
    known = {key: value for key, value in read_yaml(path)["recipe"].items() if key != "code"}
    recipe = load(None, GenerateRecipe, {**known, "out": run, "teacher": "offline"})
    with Lookup(run, journal_dir) as found:
        telling = Telling(found, recipe, full)
        if not telling.by_id(name):
            telling.document(name)


class Telling:
    """What a run knows, told to a person; texts in full, or on a line each."""

    def __init__(self, found: Lookup, recipe: GenerateRecipe, full: bool) -> None:
        self.found, self.full = found, full
        self.run_seed, self.flows = recipe.run_seed, recipe.flows()

    def by_id(self, name: str) -> bool:
        """Tell what has this id, or alone has one that begins so; False where nothing has."""
        lost = self.found.rows("rejected", name) if LOST.fullmatch(name) else []
        pairs, items, seeds = [], [], []
        if HEX.fullmatch(name):
            pairs, items = self.found.rows("pairs", name), self.found.items(name)
        if HEX.fullmatch(name) and (len(name) < 32 or not pairs):
            seeds = self.found.seeds("id", lambda seed: seed.startswith(name))
        _check_one(name, {"pair": pairs, "work item": items, "seed": seeds})
        for pair in pairs:
            self.pair(pair)
        for seed in seeds or self._seeds([row["seed_id"] for row in (*items, *lost)]):
            self.seed(seed)
        return bool(pairs or items or seeds or lost)

    # A pair

    def pair(self, pair: Row) -> None:
        """Its family tree, from the document to the verdict."""
        skill = self.flows[pair["skill"]][0] if pair["skill"] in self.flows else skills.load(pair["skill"])
        calls = self.found.calls(item_id(pair["skill"], pair["seed_id"]))
        family = Family(skill, calls, fence_for(self.run_seed, pair["seed_id"]), self.found.guided())
        document = next((seed["text"] for seed in self._seeds([pair["seed_id"]])), "")
        say(f"Pair {pair['id']}: {pair['skill']}, {pair['entry']}")
        if self.found.is_of_another_recipe(pair):
            say("  made by the recipe that this run had before it was changed")
        say(f"  document: {_place(pair, pair['span'])}")
        self._text(f"seed {pair['seed_id']}", document)
        fields = self._steps(family, pair["lineage"], document)
        if not calls:
            say("  The journal with the replies is not here; this is what the shards say")
        self._outcome(pair, family, fields)

    def _steps(self, family: Family, lineage: list[Row], document: str) -> Fields:
        """Tell what was done, one after the other; returns the fields that came of it."""
        fields: Fields = {}
        for number, deed in enumerate(family.deeds(lineage, document), 1):
            say(f"  {number}. {deed.head()}")
            for name, text in deed.texts(self.full):
                self._text(name, text)
            fields = deed.after
        return fields

    def _outcome(self, pair: Row, family: Family, fields: Fields) -> None:
        """The two turns, the verdict, and what a reviewer said."""
        turn, response = (message["content"] for message in pair["messages"])
        self._text("user", turn)
        if "response" not in fields:
            self._text("assistant", response)
        said = f"  {pair['verdict']}: {pair['verified_by'].replace('+', ', ')}"
        if pair["vote_share"] is not None:
            said += f"; vote share {pair['vote_share']:.2f}"
        say(said + "".join(f"; {name} {value:g}" for name, value in pair["scores"].items()))
        for review in family.reviews(fields | {"turn": turn, "response": response}):
            for name, text in review.items():
                self._text(name, text)

    def _text(self, name: str, text: str) -> None:
        """A text under its name: on one line, or as it is."""
        if self.full and "\n" in text:
            say(f"     {name}:")
            for line in text.splitlines():
                say(f"       {line}")
        else:
            say(f"     {name}: {text if self.full else shortened(text)}")

    # A seed

    def seed(self, seed: Row) -> None:
        """What each skill made of it."""
        say(f"Seed {seed['id']}: {_place(seed, (seed['span_start'], seed['span_end']))}; {seed['kind']}")
        self._text("text", seed["text"])
        if seed["split"] != "train":
            say("  held out for the benchmark: no pair is made from it")
            return
        pairs, lost = self._by_skill("pairs", [seed["id"]]), self._by_skill("rejected", [seed["id"]])
        items = {item.skill.name: item for item in self._items([seed])}
        for name, (_, choice, _) in self.flows.items():
            if name not in items:
                say(f"  {name}: not given this seed (of {seed['kind']}; its share is {choice.share:g})")
                continue
            self._item(name, items[name].id)
            for pair in pairs[name, seed["id"]]:
                say(f"     pair {pair['id']}: {pair['entry']}; {pair['verified_by'].replace('+', ', ')}")
            for row in lost[name, seed["id"]]:
                self._text(f"lost {row['id']} at {row['step']}", f"{row['reason']}; {row['detail']}")

    def _item(self, skill: str, item: str) -> None:
        row = next(iter(self.found.items(item)), None)
        said = f"  {skill} (work item {item}): {_state(row)}"
        if row and row["state"]:
            said += f"; {row['calls']} calls, {row['prompt_tokens']} + {row['completion_tokens']} tokens"
        say(said)
        if row and row["detail"]:
            self._text("detail", row["detail"])

    # A document

    def document(self, name: str) -> None:
        """What became of each of its seeds; the name may be a part of it, if it is no other's."""
        seeds = self.found.seeds("document", lambda document: name in document)
        names = Counter(seed["document"] for seed in seeds)
        if len(names) > 1 and name in names:
            names = Counter({name: names[name]})
        if len(names) != 1:
            known = f"is part of the names of {len(names)} documents: {', '.join(list(names)[:FEW])}"
            raise BadInput(
                f"{name}: {known if names else 'no pair, seed, work item or document of this run'}"
            )
        [(document, count)] = names.items()
        seeds = [seed for seed in seeds if seed["document"] == document]
        shown = seeds if self.full else seeds[:SHOWN]
        ids = [seed["id"] for seed in shown]
        pairs, lost = self._by_skill("pairs", ids), self._by_skill("rejected", ids)
        rows = [
            [f"{seed['id']}  {seed['span_start']}–{seed['span_end']}", *self._cells(seed, pairs, lost)]
            for seed in shown
        ]
        table(f"Document {document}: {_counted(seeds, 'seed')}", ["seed, characters", *self.flows], rows)
        if len(shown) < count:
            say(f"{len(shown)} of them are shown; --full shows all")

    def _cells(self, seed: Row, pairs: Rows, lost: Rows) -> Iterator[str]:
        """What each skill made of a seed, in a few words."""
        items = {item.skill.name: item.id for item in self._items([seed])}
        for name in self.flows:
            key = (name, seed["id"])
            row = next(iter(self.found.items(items[name])), None) if name in items else None
            if seed["split"] != "train" or name not in items:
                yield "held out" if seed["split"] != "train" else "not drawn"
            elif row and row["state"] == DONE:
                yield _counted(pairs[key], "pair") + (f", {len(lost[key])} lost" if lost[key] else "")
            else:
                yield _state(row)

    # Both

    def _seeds(self, ids: Sequence[str]) -> list[Row]:
        return self.found.seeds("id", lambda seed: seed in ids) if ids else []

    def _items(self, seeds: Sequence[Row]) -> Iterator[WorkItem]:
        """The work items that are drawn for the seeds."""
        columns = ("id", "text", "kind", "document", "source", "licence")
        found = (
            Seed(span=(row["span_start"], row["span_end"]), **{name: row[name] for name in columns})
            for row in seeds
        )
        return work_items(found, self.flows)

    def _by_skill(self, kind: Kind, seeds: Sequence[str]) -> Rows:
        """The pairs or rejected rows of these seeds, by skill and seed."""
        found: Rows = defaultdict(list)
        for row in self.found.rows_of(kind, seeds):
            found[row["skill"], row["seed_id"]].append(row)
        return found


Rows = defaultdict[tuple[str, str], list[Row]]


def _check_one(name: str, kinds: dict[str, list[Row]]) -> None:
    """Raise BadInput where several things have ids that begin so."""
    things = [f"{kind} {row['id']}" for kind, rows in kinds.items() for row in rows]
    if len(things) > 1:
        more = f" and {len(things) - FEW} more" if len(things) > FEW else ""
        raise BadInput(f"{name}: begins the ids of {', '.join(things[:FEW])}{more}; give more digits")


def _place(row: Row, span: Sequence[int]) -> str:
    return f"{row['document']}, characters {span[0]}–{span[1]}, from {row['source']}, {row['licence']}"


def _counted(things: Sequence[Row], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def _state(row: Row | None) -> str:
    """How a work item ended, if it did."""
    if row is None:
        return "pending, never begun"
    if row["state"] is None:
        return "pending, begun"
    return f"{row['state']}: {row['reason']}" if row["reason"] else row["state"]
