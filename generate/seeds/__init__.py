"""Raw documents to seeds: readers, passages, and the documents that are held out."""

from .corpus import Corpus, Fields, corpus_from
from .reading import Seed, seed_id
from .store import SeedReport, read_report, read_seeds, split, write_seeds

__all__ = [
    "Corpus",
    "Fields",
    "Seed",
    "SeedReport",
    "corpus_from",
    "read_report",
    "read_seeds",
    "seed_id",
    "split",
    "write_seeds",
]
