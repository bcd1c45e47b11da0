"""seeds.parquet: which seeds a run has, and which documents are kept from it for Orca-Bench."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import BaseModel

from ...progress import Progress
from ...run import sha256, write_whole
from ..parquet import read_rows, write_rows
from .corpus import Corpus
from .order import drawn, rank
from .reading import Losses, Seed, groups

TRAIN, HELD_OUT = "train", "held_out"
FILE, REPORT = "seeds.parquet", "seeds.json"
FIRST = 100  # documents among which one at least is held out
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("text", pa.string()),
        ("kind", pa.string()),
        ("document", pa.string()),
        ("span_start", pa.int64()),
        ("span_end", pa.int64()),
        ("source", pa.string()),
        ("licence", pa.string()),
        ("split", pa.string()),
    ]
)


class SeedReport(BaseModel):
    """What a run's seeds are, in counts; kept beside them as seeds.json."""

    train: int = 0
    held_out: int = 0
    characters: int = 0
    duplicates: int = 0
    documents: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    sources: Counter[str] = Counter()
    licences: Counter[str] = Counter()
    passages_dropped: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    skipped_files: list[tuple[str, str]] = []

    def count(self, seed: Seed, part: str) -> None:
        """Add one seed."""
        self.train += part == TRAIN
        self.held_out += part == HELD_OUT
        self.characters += len(seed.text)
        self.kinds[seed.kind] += 1
        self.sources[seed.source] += 1
        self.licences[seed.licence] += 1

    def lose(self, losses: Losses) -> None:
        """Add what one corpus lost."""
        self.passages_dropped.update(losses.passages)
        self.skipped.update(losses.skipped)
        self.skipped_files.extend(losses.listed)


def split(document: str, run_seed: int, share: float) -> str:
    """Where the draw puts a document: "held_out" for a `share` of all names, "train" for the others."""
    return HELD_OUT if rank(run_seed, f"{HELD_OUT} {document}") < share else TRAIN


def assign(found: Iterable[list[Seed]], run_seed: int, share: float) -> Iterator[tuple[list[Seed], str]]:
    """Each document's seeds with their split, in the given order; by `split`, but for small corpora.

    Of the first FIRST documents one at least is held out and one at least is for training, so that there is
    always a benchmark and always something to learn: where the draw says otherwise, the document with the
    smallest (largest) number is moved. A lone document is for training.
    """
    remaining = iter(found)
    first = list(itertools.islice(remaining, FIRST))
    held_out = drawn({group[0].document for group in first}, run_seed, HELD_OUT, share)
    for group in first:
        yield group, HELD_OUT if group[0].document in held_out else TRAIN
    for group in remaining:
        name = group[0].document
        yield group, HELD_OUT if name in held_out else split(name, run_seed, share)


def write_seeds(
    folder: Path,
    corpora: list[Corpus],
    run_seed: int,
    held_out: float = 0.1,
    limit: int | None = None,
    progress: Progress | None = None,
) -> SeedReport:
    """Read the corpora and write folder/seeds.parquet and seeds.json; `limit` bounds the training seeds.

    Reading stops once there are `limit` training seeds and a held-out one. A text that occurs twice is kept
    once. A folder that has the seeds of this very request keeps them, whatever became of the documents, so
    that a resumed run goes on with the same ones. Raises BadInput for a corpus without a seed.
    """
    request = {
        "corpora": [corpus.model_dump(mode="json") for corpus in corpora],
        "run_seed": run_seed,
        "held_out": held_out,
        "limit": limit,
    }
    if (known := read_report(folder, request)) is not None:
        return known
    report, losses = SeedReport(), [Losses() for _ in corpora]
    found = assign(_distinct(groups(corpora, run_seed, losses), report), run_seed, held_out)
    write_rows(folder / FILE, _rows(found, bool(held_out), limit, report, progress), SCHEMA)
    for lost in losses:
        report.lose(lost)
    document = {"sha256": sha256(folder / FILE), "request": request, "report": report.model_dump(mode="json")}
    write_whole(folder / REPORT, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return report


def read_report(folder: Path, request: dict[str, Any] | None = None) -> SeedReport | None:
    """What seeds.json says, if the seeds are whole and, where a `request` is given, were made for it."""
    if not (folder / REPORT).is_file() or not (folder / FILE).is_file():
        return None
    document = json.loads((folder / REPORT).read_text())
    if document["sha256"] != sha256(folder / FILE) or request not in (None, document["request"]):
        return None
    return SeedReport.model_validate(document["report"])


def read_seeds(folder: Path, part: str = TRAIN) -> Iterator[Seed]:
    """The seeds of one split ("train" or "held_out") in their order, a batch in memory at a time."""
    for row in read_rows(folder / FILE):
        if row.pop("split") == part:
            span = row.pop("span_start"), row.pop("span_end")
            yield Seed(span=span, **row)


def _rows(
    found: Iterator[tuple[list[Seed], str]],
    wants_held_out: bool,
    limit: int | None,
    report: SeedReport,
    progress: Progress | None,
) -> Iterator[dict[str, Any]]:
    """Rows until there are enough, counted in the report."""
    for group, part in found:
        kept = group if part == HELD_OUT or limit is None else group[: limit - report.train]
        report.documents[part] += bool(kept)
        for seed in kept:
            report.count(seed, part)
            yield _row(seed, part)
        if progress:
            progress.advance(len(kept))
        if report.train == limit and (report.held_out or not wants_held_out):
            return


def _row(seed: Seed, part: str) -> dict[str, Any]:
    start, end = seed.span
    return {
        "id": seed.id,
        "text": seed.text,
        "kind": seed.kind,
        "document": seed.document,
        "span_start": start,
        "span_end": end,
        "source": seed.source,
        "licence": seed.licence,
        "split": part,
    }


def _distinct(found: Iterable[list[Seed]], report: SeedReport) -> Iterator[list[Seed]]:
    """Each group without the texts that an earlier one had; 16 bytes a seed are remembered."""
    seen: set[bytes] = set()
    for group in found:
        kept = []
        for seed in group:
            digest = hashlib.blake2b(seed.text.encode(), digest_size=16).digest()
            if digest not in seen:
                seen.add(digest)
                kept.append(seed)
        report.duplicates += len(group) - len(kept)
        if kept:
            yield kept
