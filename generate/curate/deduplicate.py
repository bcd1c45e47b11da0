"""Exact and near duplicates among pairs (MinHash, Broder 1997), judged on what is asked and answered.

Pairs about one passage share it word by word, so two pairs are near duplicates only when the whole of them is alike
and their cores are too: what is asked without the sentences of the passage, and what the reply adds to those. Pairs
with different known answers never are.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xxhash

from ..tools.answers import plain_text

Pair = dict[str, Any]
Signature = npt.NDArray[np.uint32]

WORDS = 5  # of a shingle
PERMUTATIONS, BANDS = 128, 16  # 16 bands of 8 rows find pairs from a similarity of about 0.7
ALIKE = 0.8
SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n")
_DRAW = np.random.default_rng(0)
_FACTORS = _DRAW.integers(0, 2**63, PERMUTATIONS, dtype=np.uint64) * 2 + 1
_OFFSETS = _DRAW.integers(0, 2**63, PERMUTATIONS, dtype=np.uint64)


@dataclass(frozen=True, slots=True)
class Print:
    """What is remembered of a pair: 1.1 kB."""

    id: str
    exact: bytes
    answer: bytes | None
    core: Signature
    whole: Signature


class Passages:
    """What the pairs of a seed are about, known by its sentences.

    They are those of the seed's text and, because a passage may have been rewritten, those that at least three in
    four of the seed's pairs in one skill show.
    """

    def __init__(self) -> None:
        self._told: set[int] = set()
        self._pairs: Counter[tuple[str, str]] = Counter()
        self._shown: Counter[int] = Counter()

    def tell(self, seed_id: str, text: str) -> None:
        """Take a seed's text into account."""
        self._told.update(_key(seed_id, sentence) for sentence in _sentences(text))

    def add(self, pair: Pair) -> None:
        """Take a pair's prompt into account."""
        self._pairs[_group(pair)] += 1
        self._shown.update({_key("\0".join(_group(pair)), sentence) for sentence in _prompt_sentences(pair)})

    def split(self, pair: Pair) -> tuple[str, str]:
        """What the pair asks, and the passage that it asks about; all is asked where all is passage."""
        asked, passage = [], []
        for sentence in _prompt_sentences(pair):
            (passage if self._is_passage(pair, sentence) else asked).append(sentence)
        return ("\n".join(asked), "\n".join(passage)) if asked else ("\n".join(passage), "")

    def _is_passage(self, pair: Pair, sentence: str) -> bool:
        shown = self._shown[_key("\0".join(_group(pair)), sentence)]
        often = shown > 1 and shown * 4 >= self._pairs[_group(pair)] * 3
        return often or _key(pair["seed_id"], sentence) in self._told


def fingerprint(pair: Pair, passages: Passages) -> Print:
    """What decides whether the pair repeats another."""
    asked, passage = passages.split(pair)
    core = _shingles(asked) | (_shingles(pair["messages"][-1]["content"]) - _shingles(passage))
    answer = None if pair["answer"] is None else _digest(plain_text(pair["answer"]))
    text = "\n\n".join(message["content"] for message in pair["messages"])
    exact = _digest(" ".join(text.split()))
    return Print(pair["id"], exact, answer, _signature(core), _signature(_shingles(text)))


def duplicates(prints: Iterable[Print]) -> dict[str, tuple[str, str]]:
    """By the id of each pair to drop: the reason, and the id of the pair that stays, the smaller of the two."""
    dropped: dict[str, tuple[str, str]] = {}
    exact: dict[bytes, str] = {}
    buckets: dict[tuple[int, bytes], list[Print]] = defaultdict(list)
    for each in sorted(prints, key=lambda each: each.id):
        if each.exact in exact:
            dropped[each.id] = ("exact duplicate", exact[each.exact])
            continue
        exact[each.exact] = each.id
        keys = list(_bands(each.whole))
        near = {other.id: other for key in keys for other in buckets.get(key, [])}
        first = min((other.id for other in near.values() if _alike(each, other)), default=None)
        if first is not None:
            dropped[each.id] = ("near duplicate", first)
            continue
        for key in keys:
            buckets[key].append(each)
    return dropped


def _alike(a: Print, b: Print) -> bool:
    if None not in (a.answer, b.answer) and a.answer != b.answer:
        return False
    return bool(np.mean(a.core == b.core) >= ALIKE and np.mean(a.whole == b.whole) >= ALIKE)


def _bands(signature: Signature) -> Iterator[tuple[int, bytes]]:
    for number, band in enumerate(np.split(signature, BANDS)):
        yield number, band.tobytes()


def _signature(shingles: set[int]) -> Signature:
    """The smallest value of each of 128 random functions over the shingles."""
    values = np.fromiter(shingles, dtype=np.uint64, count=len(shingles))[:, None]
    mixed = (values * _FACTORS + _OFFSETS) >> np.uint64(32)
    return mixed.min(axis=0, initial=2**32 - 1).astype(np.uint32)


def _shingles(text: str) -> set[int]:
    """Hashes of the runs of WORDS words; of a shorter text, of all of it."""
    words = _words(text)
    if not words:
        return set()
    count = max(len(words) - WORDS + 1, 1)
    return {xxhash.xxh3_64_intdigest(" ".join(words[at : at + WORDS]).encode()) for at in range(count)}


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text)


def _prompt_sentences(pair: Pair) -> list[str]:
    asked = (message["content"] for message in pair["messages"] if message["role"] != "assistant")
    return [sentence for text in asked for sentence in _sentences(text)]


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in SENTENCE_END.split(text) if part.strip()]


def _group(pair: Pair) -> tuple[str, str]:
    return pair["seed_id"], pair["skill"]


def _key(name: str, sentence: str) -> int:
    return xxhash.xxh3_64_intdigest(f"{name}\0{sentence}".encode())


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
