"""Finding rows of a run without reading through it: in its sealed shards, which lie in the order of their ids,
in what its journals have not sealed yet, and among its seeds."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from ...config import read_yaml
from ..disk import journal_path
from ..engine import WHOLE, item_id
from ..journal import PAIR, REJECTED, Call
from ..parquet import ROWS_PER_GROUP
from ..parts import FOLDER, ROUND
from ..reader import JournalReader
from ..teacher import Guided

Kind = Literal["pairs", "rejected"]
STAGED = {"pairs": PAIR, "rejected": REJECTED}
AFTER = "~"  # sorts behind whatever an id may hold
SEEDS = "seeds.parquet"
Row = dict[str, Any]


@dataclass(frozen=True)
class Sealed:
    """One folder of shards: the round, or a part; its files are not checked, as that would take to read them."""

    folder: Path
    recipe: str
    names: tuple[str, ...]

    def files(self, kind: str) -> list[Path]:
        return [self.folder / name for name in self.names if name.startswith(kind)]


class Lookup:
    """A run that is asked for a few of its rows; what was said of an item last is what stands."""

    def __init__(self, run: Path, journal_dir: Path | None = None) -> None:
        self.run = run
        self.recipe: str = read_yaml(run / "recipe.yaml")["fingerprint"]
        self.sealed = [
            _sealed(folder)
            for folder in (run / ROUND, *sorted(run.glob(f"{FOLDER}/*-of-*/[0-9]*")))
            if (folder / "manifest.json").is_file()
        ]
        self._open = ExitStack()
        self.journals = [
            self._open.enter_context(JournalReader(path)) for path in _journals(run, journal_dir)
        ]
        self._staged = {item for journal in self.journals for item in journal.staged_items()}

    def __enter__(self) -> Lookup:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def rows(self, kind: Kind, prefix: str) -> list[Row]:
        """The pairs or rejected rows whose ids begin so."""
        staged = (row for journal in self.journals for row in journal.outcomes(STAGED[kind], prefix))
        return self._standing(kind, lambda files: rows_between(files, prefix, prefix + AFTER), staged)

    def rows_of(self, kind: Kind, seeds: Sequence[str]) -> list[Row]:
        """The pairs or rejected rows of some seeds; the column of seeds is read for that."""
        staged = (
            row
            for journal in self.journals
            for row in journal.outcomes(STAGED[kind])
            if row["seed_id"] in seeds
        )
        return self._standing(kind, lambda files: rows_where(files, "seed_id", seeds), staged)

    def items(self, prefix: str) -> list[Row]:
        """The work items whose ids begin so, as the journals have them, or else the shards."""
        found = {
            row["id"]: row
            for sealed in self.sealed
            for row in rows_between(sealed.files("items"), prefix, prefix + AFTER)
        }
        for journal in self.journals:
            found |= {row["id"]: row for row in journal.items(prefix)}
        return [found[item] for item in sorted(found)]

    def calls(self, item: str) -> list[Call]:
        """The replies that an item was given, in their order; none where its journal is not here."""
        return [call for journal in self.journals for call in journal.calls(item).values()]

    def seeds(self, column: str, fits: Callable[[str], bool]) -> list[Row]:
        """The seeds whose id or document fits; only that column is read of the others. None where they are gone."""
        if not (self.run / SEEDS).is_file():
            return []
        with pq.ParquetFile(self.run / SEEDS) as file:
            batches = file.iter_batches(batch_size=1 << 16, columns=[column])
            values = (value for batch in batches for value in batch.column(0).to_pylist())
            found = [number for number, value in enumerate(values) if fits(value)]
            return [row for number in found for row in _row_of(file, number)]

    def guided(self) -> set[Guided]:
        """The structured forms that the run's teachers enforced."""
        teachers = (json.loads(journal.fact("teachers") or "[]") for journal in self.journals)
        return {identity["guided"] for known in teachers for identity in known if "guided" in identity}

    def is_of_another_recipe(self, row: Row) -> bool:
        """Whether a pair was made before the recipe was changed; its item has not been walked again then."""
        holding = [
            sealed
            for sealed in self.sealed
            if rows_between(sealed.files("pairs"), row["id"], row["id"] + AFTER)
        ]
        return bool(holding) and all(sealed.recipe != self.recipe for sealed in holding)

    def _standing(
        self, kind: Kind, find: Callable[[list[Path]], Iterable[Row]], staged: Iterable[Row]
    ) -> list[Row]:
        found = {
            row["id"]: row
            for place, sealed in enumerate(self.sealed)
            for row in find(sealed.files(kind))
            if self._stands(item_id(row["skill"], row["seed_id"]), place)
        }
        found |= {row["id"]: row for row in staged}
        return [_plain(found[name]) for name in sorted(found)]

    def _stands(self, item: str, place: int) -> bool:
        """Whether nothing later than what is at this place says how the item ended."""
        later = self.sealed[place + 1 :]
        return item not in self._staged and not any(
            rows_between(sealed.files("items"), item, item + AFTER) for sealed in later
        )


def _plain(row: Row) -> Row:
    """A pair's scores by their names, as they are in memory."""
    scores = row.get("scores")
    return (
        row | {"scores": {each["name"]: each["value"] for each in scores}}
        if isinstance(scores, list)
        else row
    )


def rows_between(files: list[Path], low: str, high: str) -> list[Row]:
    """The rows with low <= id < high, of files that follow each other in the order of their ids."""
    first, last = (bisect_left(files, bound, key=_first_id) for bound in (low, high))
    chosen = files[max(first - 1, 0) : last]
    wanted = (pc.field("id") >= low) & (pc.field("id") < high)
    return _dataset(chosen).to_table(filter=wanted).to_pylist() if chosen else []


def rows_where(files: list[Path], column: str, values: Sequence[str]) -> list[Row]:
    """The rows with one of the values; of all others, the column and the id alone are read."""
    if not files:
        return []
    wanted = pc.field(column).isin(pa.array(values, pa.string()))
    found = _dataset(files).to_table(columns=["id"], filter=wanted).column("id").to_pylist()
    return [row for name in found for row in rows_between(files, name, name + AFTER) if row[column] in values]


def _dataset(files: list[Path]) -> ds.Dataset:
    return ds.dataset([str(path) for path in files], format="parquet")


def _first_id(path: Path) -> str:
    footer = pq.read_metadata(path)
    return footer.row_group(0).column(0).statistics.min if footer.num_row_groups else ""


def _row_of(file: pq.ParquetFile, number: int) -> list[Row]:
    group, place = divmod(number, ROWS_PER_GROUP)
    return file.read_row_group(group).slice(place, 1).to_pylist()


def _sealed(folder: Path) -> Sealed:
    manifest = orjson.loads((folder / "manifest.json").read_bytes())
    return Sealed(folder, manifest["recipe"], tuple(file["name"] for file in manifest["files"]))


def _journals(run: Path, folder: Path | None) -> list[Path]:
    """The journals of all shards that lie in the run's folder, or by its name in the given one."""
    if folder is None:
        return sorted(run.glob("journal*.sqlite"))
    whole = journal_path(run, str(WHOLE), folder) if folder.is_dir() else folder / "journal"
    return sorted(folder.glob(whole.name.replace("journal", "journal*", 1)))
