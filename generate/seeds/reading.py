"""Corpora to seeds: documents of all corpora in turn, each cut into passages."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...run import BadInput
from . import folder, hub, python
from .corpus import Corpus
from .document import Document, Skipped
from .order import rank
from .passages import cut

SHORT_LINE = 12  # characters; shorter lines are mostly the cells of a table, or pieces of a formula
LISTING = ("   ", "\t", "|")  # how lines of code, grammar and tables begin
LISTED = 1000  # skipped files named in the report; the counts hold all


@dataclass(frozen=True, slots=True)
class Seed:
    """A passage to teach from: `span` counts characters of its document's text."""

    id: str
    text: str
    kind: str
    document: str
    span: tuple[int, int]
    source: str
    licence: str


@dataclass
class Losses:
    """What did not become a seed, and why."""

    skipped: Counter[str] = field(default_factory=Counter)
    listed: list[tuple[str, str]] = field(default_factory=list)
    passages: Counter[str] = field(default_factory=Counter)

    def skip(self, item: Skipped) -> None:
        """Count a file or record that gave no document, and name it."""
        self.skipped[item.reason] += 1
        if len(self.listed) < LISTED:
            self.listed.append((item.name, item.reason))

    def drop(self, reason: str, count: int = 1) -> None:
        """Count passages that did not become seeds."""
        if count:
            self.passages[reason] += count


def seed_id(source: str, text: str) -> str:
    """The id of a passage: 32 hexadecimal digits of the hash of its source and text."""
    return hashlib.sha256(f"{source}\0{text}".encode()).hexdigest()[:32]


def documents(corpus: Corpus, run_seed: int) -> Iterator[Document | Skipped]:
    """Everything that the corpus holds, in a fixed order."""
    if corpus.dataset is not None:
        return hub.read(corpus)
    return folder.read(corpus, run_seed) if corpus.path is not None else python.read(corpus, run_seed)


def passages(document: Document, corpus: Corpus, run_seed: int, losses: Losses) -> list[Seed]:
    """The document's seeds in order, at most `per_document` of them, drawn by hash."""
    found = cut(document.text, document.kind, corpus.min_chars, corpus.max_chars)
    losses.drop("too short", found.too_short)
    losses.drop("unbroken", found.unbroken)
    seeds = []
    for start, end in found.spans:
        text = document.text[start:end]
        if document.kind == "text" and _is_debris(text):
            losses.drop("fragments")
            continue
        seeds.append(_seed(document, text, (start, end)))
    if corpus.per_document is None:
        return seeds
    drawn = sorted(seeds, key=lambda seed: rank(run_seed, seed.id))[: corpus.per_document]
    return sorted(drawn, key=lambda seed: seed.span)


def _seed(document: Document, text: str, span: tuple[int, int]) -> Seed:
    name = seed_id(document.source, text)
    return Seed(name, text, document.kind, document.name, span, document.source, document.licence)


def _is_debris(text: str) -> bool:
    """Prose that is mostly a broken table, a formula line by line, or a listing."""
    lines = [line for line in text.split("\n") if line.strip()]
    told = [line for line in lines if len(line.strip()) >= SHORT_LINE]
    prose = sum(len(line) for line in told if not line.startswith(LISTING))
    return len(told) * 2 < len(lines) or prose * 2 < len(text)


def groups(corpora: list[Corpus], run_seed: int, losses: list[Losses]) -> Iterator[list[Seed]]:
    """The seeds of one document after another, the corpora taken in turn by their shares.

    What did not become a seed is added to the corpus's own `losses`.

    Raises BadInput when a corpus comes to its end without a single seed.
    """
    streams = [_of_one(*each, run_seed) for each in zip(corpora, losses, strict=True)]
    taken = {number: 0 for number in range(len(corpora))}
    while taken:
        turn = min(taken, key=lambda number: (taken[number] / corpora[number].share, number))
        group = next(streams[turn], None)
        if group is None:
            del taken[turn]
        else:
            taken[turn] += len(group)
            yield group


def _of_one(corpus: Corpus, losses: Losses, run_seed: int) -> Iterator[list[Seed]]:
    count = taken = 0
    for item in documents(corpus, run_seed):
        if isinstance(item, Skipped):
            losses.skip(item)
            continue
        count += 1
        seeds = passages(item, corpus, run_seed, losses)
        if corpus.limit is not None:
            seeds = seeds[: corpus.limit - taken]
        if seeds:
            taken += len(seeds)
            yield seeds
        if taken == corpus.limit:
            return
    if not taken:
        raise BadInput(_why_empty(corpus, count, losses))


def _why_empty(corpus: Corpus, count: int, losses: Losses) -> str:
    """One line: what the corpus held instead of seeds."""
    held = f"{count} documents read"
    if losses.passages:
        sizes = f"{corpus.min_chars} to {corpus.max_chars} characters are wanted"
        held += f" ({sizes}; passages dropped: {_counts(losses.passages)})"
    held += f", {losses.skipped.total()} files or records skipped"
    if losses.skipped:
        held += f" ({_counts(losses.skipped)})"
    return f"seeds: {corpus.path or corpus.label}: no seed in it: {held}"


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in counter.most_common(5))
