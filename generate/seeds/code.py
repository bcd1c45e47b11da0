"""Reads source files of the languages that the code skills know."""

from collections.abc import Iterator
from pathlib import Path

from .corpus import Corpus
from .document import Document, decode, load_bytes

SUFFIXES = (
    *(".py", ".pyi", ".js", ".mjs", ".ts", ".tsx", ".jsx", ".java", ".kt", ".scala", ".c", ".h", ".cc"),
    *(
        ".cpp",
        ".hpp",
        ".cs",
        ".go",
        ".rs",
        ".rb",
        ".php",
        ".swift",
        ".r",
        ".jl",
        ".lua",
        ".pl",
        ".sh",
        ".sql",
    ),
    *(".sql", ".hs", ".ml", ".ex", ".exs", ".erl", ".clj", ".dart", ".m", ".f90"),
)


def read(path: Path, name: str, corpus: Corpus) -> Iterator[Document]:
    """The file as one document."""
    yield Document(name, decode(load_bytes(path)), corpus.kind or "code", corpus.label, corpus.terms)
