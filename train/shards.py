"""Token shards: a folder of immutable files that hold encoded documents and say which tokens are learned.

ids-00000.bin       uint16 or uint32, the documents' tokens end to end
spans-00000.bin     int32 pairs [start, end), the learned tokens, counted from the document's first
offsets-00000.npy   int64 (documents + 1, 2): where each document's tokens and spans begin
meta.parquet        id, source, skill, sha256 of the tokens, tokens, learned: one row a document, in order
manifest.json       the files with their hashes, the key, the tokenizer, what was dropped and why; written last
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..run import BadInput, sha256, write_manifest

IGNORED = -100  # the label that torch's cross entropy leaves out
SHARD_TOKENS = 1 << 27
META_ROWS = 50_000
META_COLUMNS = ("id", "source", "skill", "sha256", "tokens", "learned")


@dataclass
class Batch:
    """Encoded documents on their way to a shard."""

    ids: np.ndarray  # all tokens end to end
    lengths: np.ndarray  # tokens of each document
    spans: np.ndarray  # int32 (spans, 2)
    span_counts: np.ndarray  # spans of each document
    meta: dict[str, list[Any]]  # id, source, skill
    dropped: dict[str, int] = field(default_factory=dict)  # reason -> documents


def smallest_dtype(vocab_size: int) -> str:
    """The narrowest type that holds every token id."""
    return "uint16" if vocab_size <= 1 << 16 else "uint32"


class Writer:
    """Writes batches, in the order given, to the shards of `folder`; `close` seals them with a manifest."""

    def __init__(self, folder: Path, dtype: str, shard_tokens: int = SHARD_TOKENS) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.folder, self.dtype, self.shard_tokens = folder, dtype, shard_tokens
        self.files: dict[str, int] = {}
        self.documents = self.tokens = self.learned = self.longest = 0
        text, number = pa.string(), pa.int32()
        self._schema = pa.schema(
            list(zip(META_COLUMNS, (text, text, text, text, number, number), strict=True))
        )
        self._meta = pq.ParquetWriter(folder / "meta.parquet", self._schema, compression="zstd")
        self._waiting: dict[str, list[Any]] = {name: [] for name in META_COLUMNS}
        self._shard = -1
        self._begin()

    def _begin(self) -> None:
        self._shard += 1
        self._ids: BinaryIO = (self.folder / f"ids-{self._shard:05d}.bin").open("wb")
        self._spans: BinaryIO = (self.folder / f"spans-{self._shard:05d}.bin").open("wb")
        self._counts = [np.zeros((1, 2), np.int64)]

    def _end(self) -> None:
        offsets = np.cumsum(np.concatenate(self._counts), axis=0)
        np.save(self.folder / f"offsets-{self._shard:05d}.npy", offsets)
        self._ids.close()
        self._spans.close()
        for name, suffix in (("ids", "bin"), ("spans", "bin"), ("offsets", "npy")):
            self.files[f"{name}-{self._shard:05d}.{suffix}"] = len(offsets) - 1

    def add(self, batch: Batch) -> None:
        """Append the batch's documents; a batch never straddles two shards."""
        if not len(batch.lengths):
            return
        if sum(int(counts[:, 0].sum()) for counts in self._counts) >= self.shard_tokens:
            self._end()
            self._begin()
        batch.ids.astype(self.dtype).tofile(self._ids)
        batch.spans.astype(np.int32).tofile(self._spans)
        self._counts.append(np.stack([batch.lengths, batch.span_counts], axis=1).astype(np.int64))
        self._add_meta(batch)
        self.documents += len(batch.lengths)
        self.tokens += int(batch.lengths.sum())
        self.learned += int((batch.spans[:, 1] - batch.spans[:, 0]).sum())
        self.longest = max(self.longest, int(batch.lengths.max()))

    def _add_meta(self, batch: Batch) -> None:
        documents = np.split(batch.ids.astype(self.dtype), np.cumsum(batch.lengths)[:-1])
        owner = np.repeat(np.arange(len(batch.lengths)), batch.span_counts)
        learned = np.bincount(
            owner, weights=batch.spans[:, 1] - batch.spans[:, 0], minlength=len(batch.lengths)
        )
        for name in ("id", "source", "skill"):
            self._waiting[name] += batch.meta[name]
        self._waiting["sha256"] += [hashlib.sha256(document.tobytes()).hexdigest() for document in documents]
        self._waiting["tokens"] += batch.lengths.tolist()
        self._waiting["learned"] += learned.astype(int).tolist()
        if len(self._waiting["id"]) >= META_ROWS:
            self._flush_meta()

    def _flush_meta(self) -> None:
        import pyarrow as pa

        self._meta.write_table(pa.table(self._waiting, schema=self._schema))
        self._waiting = {name: [] for name in META_COLUMNS}

    def close(self, **facts: Any) -> dict[str, Any]:
        """Finish the last shard and write the manifest, with the counts and `facts`."""
        self._end()
        self._flush_meta()
        self._meta.close()
        self.files["meta.parquet"] = self.documents
        counts = {"documents": self.documents, "tokens": self.tokens, "learned_tokens": self.learned}
        return write_manifest(
            self.folder, self.files, dtype=self.dtype, longest=self.longest, **counts, **facts
        )


class Shards:
    """Encoded documents by number, read through memory maps: opening costs no memory and no pass over the data."""

    def __init__(self, folder: Path) -> None:
        """Open `folder`; BadInput when it is not a finished folder of shards, or a file has another size."""
        self.folder = folder
        manifest = folder / "manifest.json"
        if not manifest.is_file():
            raise BadInput(
                f"tokens: {folder} holds no token shards (no manifest.json); run `genteach tokenize` first"
            )
        self.sha256 = sha256(manifest)
        self.facts: dict[str, Any] = json.loads(manifest.read_text())
        names = [entry["name"] for entry in self.facts["files"]]
        if "dtype" not in self.facts or "ids-00000.bin" not in names:
            raise BadInput(
                f"tokens: {folder} holds something else than token shards; run `genteach tokenize` first"
            )
        count = sum(name.startswith("ids-") for name in names)
        self._offsets = [self._map_offsets(shard) for shard in range(count)]
        self._ids = [
            self._map(f"ids-{shard:05d}.bin", self.facts["dtype"], shard, 0) for shard in range(count)
        ]
        self._spans = [
            self._map(f"spans-{shard:05d}.bin", "int32", shard, 1).reshape(-1, 2) for shard in range(count)
        ]
        self._firsts = np.cumsum([0] + [len(offsets) - 1 for offsets in self._offsets])

    def _map_offsets(self, shard: int) -> np.ndarray:
        path = self.folder / f"offsets-{shard:05d}.npy"
        if not path.is_file():
            raise BadInput(f"tokens: {path} is missing; run `genteach tokenize` again")
        return np.asarray(np.load(path, mmap_mode="r"))

    def _map(self, name: str, dtype: str, shard: int, column: int) -> np.ndarray:
        path = self.folder / name
        width = 2 if column else 1
        expected = int(self._offsets[shard][-1, column]) * width * np.dtype(dtype).itemsize
        if not path.is_file() or path.stat().st_size != expected:
            found = f"{path.stat().st_size} bytes" if path.is_file() else "missing"
            raise BadInput(
                f"tokens: {path} is {found}, its offsets say {expected} bytes; run `genteach tokenize` again"
            )
        # As a plain array: slices of np.memmap itself are slow to make.
        return np.asarray(np.memmap(path, dtype, "r")) if expected else np.zeros(0, dtype)

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def lengths(self) -> np.ndarray:
        """Tokens of every document, int32."""
        return np.concatenate([np.diff(offsets[:, 0]) for offsets in self._offsets]).astype(np.int32)

    def document(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The document's token ids and its labels, both int64: the id where it is learned, IGNORED elsewhere."""
        shard = int(np.searchsorted(self._firsts, number, side="right")) - 1
        (start, first), (end, last) = self._offsets[shard][number - self._firsts[shard] :][:2]
        ids = self._ids[shard][start:end].astype(np.int64)
        labels = np.full_like(ids, IGNORED)
        for begin, stop in self._spans[shard][first:last]:
            labels[begin:stop] = ids[begin:stop]
        return ids, labels

    def row(self, documents: np.ndarray) -> dict[str, Any]:
        """A packed row as TRL's collator wants it: tokens and labels end to end, and the documents' lengths."""
        parts = [self.document(int(number)) for number in documents]
        return {
            "input_ids": np.concatenate([ids for ids, _ in parts]),
            "labels": np.concatenate([labels for _, labels in parts]),
            "seq_lengths": [len(ids) for ids, _ in parts],
        }
