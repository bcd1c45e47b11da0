"""`genteach tokenize`: pairs or plain text in Parquet -> token shards, in parallel, without a process group."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import shutil
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import TemplateError

from ..progress import Progress, say
from ..run import BadInput, fingerprint, make_folder, sha256, versions
from .model import Vocabulary, describe_tokenizer, load_tokenizer
from .recipe import Recipe, read_recipe
from .shards import Batch, Shards, Writer, smallest_dtype
from .template import load_template, render

FORMAT = 1  # raise it when the same input would give other shards
BATCH = 1_000  # documents a worker encodes at once; shards do not depend on the number of workers
COLUMNS = {"messages": ["id", "source", "skill", "messages"], "text": ["id", "source", "text"]}


def tokenize(
    config: Path, settings: dict[str, Any] | None = None, processes: int | None = None
) -> dict[str, Any]:
    """Encode the recipe's `data` into the folder `tokens`; nothing is done when it already holds just that.

    Returns the manifest. Dropped documents are counted by reason there. Raises BadInput for data, template
    or tokenizer that do not go together, and when no document has anything to learn.
    """
    recipe = read_recipe(config, settings)
    files = find_files(recipe)
    vocabulary = describe_tokenizer(load_tokenizer(recipe.model_name_or_path))
    job = Job(recipe.data_format, load_template(recipe.template), vocabulary)
    key = fingerprint({"format": FORMAT, "files": [sha256(file) for file in files], **job.facts()})
    if _already(recipe.tokens, key):
        say(f"{recipe.tokens}: already encoded (key {key})")
        return Shards(recipe.tokens).facts
    return _encode(recipe, files, job, key, processes)


def find_files(recipe: Recipe) -> list[Path]:
    """The Parquet files of the recipe's `data`: a folder stands for its train-*.parquet, or else for all it holds."""
    found: list[Path] = []
    for place in recipe.data:
        if place.is_dir():
            inside = sorted(place.glob("train-*.parquet")) or sorted(place.glob("*.parquet"))
            if not inside:
                raise BadInput(
                    f"data: {place} holds no .parquet file; point it at what `genteach curate` wrote"
                )
            found += inside
        elif place.is_file():
            found.append(place)
        else:
            raise BadInput(f"data: {place}: no such file or folder")
    return found


@dataclass(frozen=True)
class Job:
    """What turns rows into tokens; small, so that it travels to the workers."""

    data_format: str
    template: str
    vocabulary: Vocabulary

    def facts(self) -> dict[str, str]:
        """What decides the tokens, besides the data."""
        tokenizer = self.vocabulary.sha256
        return {"data_format": self.data_format, "template": self.template, "tokenizer_sha256": tokenizer}


def _already(folder: Path, key: str) -> bool:
    manifest = folder / "manifest.json"
    if manifest.is_file() and json.loads(manifest.read_text()).get("key") == key:
        return True
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "ids-00000.bin").is_file():
        raise BadInput(f"tokens: {folder} holds something else than token shards; choose another folder")
    return False


def _encode(recipe: Recipe, files: list[Path], job: Job, key: str, processes: int | None) -> dict[str, Any]:
    """Write the shards beside their place and move them in whole, so that no reader sees half of them."""
    aside = recipe.tokens.with_name(f".{recipe.tokens.name}.partial")
    for leftover in (aside, _old(aside)):  # of a run that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    make_folder(aside)
    try:
        facts = _write_shards(aside, files, job, key, processes)
        _replace(aside, recipe.tokens)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    share = facts["learned_tokens"] / facts["tokens"]
    counts = f"{facts['documents']:,} documents, {facts['tokens']:,} tokens, {share:.1%} of them learned"
    say(f"{recipe.tokens}: {counts} (key {key})")
    if facts["dropped"]:
        say(f"left out: {_counts(facts['dropped'])}")
    return facts


def _write_shards(
    folder: Path, files: list[Path], job: Job, key: str, processes: int | None
) -> dict[str, Any]:
    writer = Writer(folder, smallest_dtype(job.vocabulary.size))
    reasons: Counter[str] = Counter()
    total = sum(_num_rows(file) for file in files)
    with Progress("tokenize", total, "documents") as progress:
        for read, batch in _batches(files, job, num_processes(processes, total)):
            writer.add(batch)
            reasons.update(batch.dropped)
            progress.advance(read, tokens=int(batch.lengths.sum()))
    dropped = dict(sorted(reasons.items()))
    if not writer.documents:
        places = ", ".join(map(str, files))
        raise BadInput(f"data: no document of {places} has anything to learn ({_counts(dropped)})")
    used = versions("tokenizers", "transformers")
    return writer.close(key=key, dropped=dropped, versions=used, **job.facts())


def _old(aside: Path) -> Path:
    return aside.with_name(f"{aside.name}.old")


def _replace(aside: Path, folder: Path) -> None:
    if folder.exists():
        folder.rename(_old(aside))
    aside.rename(folder)
    shutil.rmtree(_old(aside), ignore_errors=True)


def _counts(reasons: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in reasons.items()) or "no document at all"


def num_processes(asked: int | None, documents: int) -> int:
    """A worker costs seconds to start, so there is one for every 20,000 documents up to the machine's cores."""
    return asked or max(1, min(_num_cores(), documents // 20_000))


def _num_cores() -> int:
    """The cores that this process may use; macOS does not tell, and has them all."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _num_rows(file: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(file).metadata.num_rows
    except pa.ArrowInvalid as error:
        raise BadInput(f"data: {file} is not a Parquet file ({error})") from error


def _batches(files: list[Path], job: Job, processes: int) -> Iterator[tuple[int, Batch]]:
    """Documents read and what became of them, in the order of the files whatever the number of processes."""
    tables = _read(files, job.data_format)
    if processes == 1:
        _start_worker(job)
        yield from map(_encode_table, tables)
        return
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, _start_worker, (job,)) as pool:
        waiting: deque[Future[tuple[int, Batch]]] = deque()
        for table in tables:
            waiting.append(pool.submit(_encode_table, table))
            if len(waiting) > 4 * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _read(files: list[Path], data_format: str) -> Iterator[Any]:
    """Arrow batches of the columns that are needed."""
    import pyarrow.parquet as pq

    for file in files:
        parquet = pq.ParquetFile(file)
        present, needed = set(parquet.schema_arrow.names), COLUMNS[data_format]
        if missing := [name for name in needed if name not in present]:
            raise BadInput(
                f"data: {file} has no column {missing[0]!r}, which data_format {data_format!r} needs"
            )
        split = ["split"] if data_format == "text" and "split" in present else []
        yield from parquet.iter_batches(BATCH, columns=needed + split)


class Encoder:
    """A worker's tokenizer and template."""

    def __init__(self, job: Job) -> None:
        from tokenizers import Tokenizer

        self.job = job
        self.tokenizer = Tokenizer.from_str(job.vocabulary.serialized)
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self._special = re.compile("|".join(map(re.escape, job.vocabulary.special)))

    def encode(self, rows: list[dict[str, Any]]) -> Batch:
        """The rows' tokens and learned spans; what cannot be learned is counted by reason."""
        dropped: Counter[str] = Counter()
        kept, texts, marks = [], [], []
        for row in rows:
            reason, text, spans = self._render(row)
            dropped.update([reason] if reason else [])
            if not reason:
                kept.append(row)
                texts.append(text)
                marks.append(spans)
        encodings = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        return _collect(kept, encodings, marks, dropped)

    def _render(self, row: dict[str, Any]) -> tuple[str | None, str, list[tuple[int, int]]]:
        """Why the row is left out, or its text and the characters to learn."""
        vocabulary = self.job.vocabulary
        if row.get("split", "train") != "train":
            return "held out", "", []
        plain = self.job.data_format == "text"
        contents = [row["text"]] if plain else [turn["content"] for turn in row["messages"]]
        if any(self._special.search(content) for content in contents):
            return "with a special token in the text", "", []
        if plain:
            text = f"{vocabulary.bos}{row['text']}{vocabulary.eos}"
            return None, text, [(0, len(text))]
        try:
            text, spans = render(self.job.template, row["messages"], vocabulary.bos, vocabulary.eos)
        except TemplateError:
            return "refused by the template", "", []
        return ("without a response" if not spans else None), text, spans


_encoder: Encoder | None = None


def _start_worker(job: Job) -> None:
    global _encoder
    _encoder = Encoder(job)


def _encode_table(table: Any) -> tuple[int, Batch]:
    assert _encoder is not None, "the worker was not started"
    return table.num_rows, _encoder.encode(table.to_pylist())


Characters = list[tuple[int, int]]


def _collect(
    rows: list[dict[str, Any]], encodings: list[Any], marks: list[Characters], dropped: Counter[str]
) -> Batch:
    """The documents whose responses begin and end where tokens do."""
    ids, lengths, spans, counts, kept = [], [], [], [], []
    for row, encoding, characters in zip(rows, encodings, marks, strict=True):
        found = [token_span(encoding, start, end) for start, end in characters]
        if None in found:
            dropped["with a token across the border of a response"] += 1
            continue
        kept.append(row)
        ids += encoding.ids
        lengths.append(len(encoding.ids))
        spans += found
        counts.append(len(found))
    meta = {
        "id": [row["id"] for row in kept],
        "source": [row["source"] for row in kept],
        "skill": [row.get("skill", "text") for row in kept],
    }
    return Batch(
        np.array(ids, np.uint32),
        np.array(lengths, np.int64),
        np.array(spans, np.int32).reshape(-1, 2),
        np.array(counts, np.int64),
        meta,
        dict(dropped),
    )


def token_span(encoding: Any, start: int, end: int) -> tuple[int, int] | None:
    """The tokens that make up characters [start, end), or None when a token straddles one of the borders."""
    first, last = encoding.char_to_token(start), encoding.char_to_token(end - 1)
    if first is None or last is None or encoding.token_to_chars(first)[0] != start:
        return None
    while last + 1 < len(encoding.ids) and encoding.token_to_chars(last + 1)[0] < end:
        last += 1  # one character may be several tokens
    if encoding.token_to_chars(last)[1] != end:
        return None
    return first, last + 1
