"""Reads a folder (or one file): every file by the reader of its suffix, in an order drawn by hash."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from ...run import BadInput
from . import code, html, pdf, tables, text
from .corpus import Corpus
from .document import Document, Skipped, Unreadable
from .order import rank

Reader = Callable[[Path, str, Corpus], Iterator[Document | Skipped]]

READERS: dict[str, Reader] = {  # a reader more is a file more, and a line here
    **dict.fromkeys(text.SUFFIXES, text.read),
    **dict.fromkeys(html.SUFFIXES, html.read),
    **dict.fromkeys(pdf.SUFFIXES, pdf.read),
    **dict.fromkeys(code.SUFFIXES, code.read),
    **dict.fromkeys(tables.JSONL_SUFFIXES, tables.read_jsonl),
    **dict.fromkeys(tables.PARQUET_SUFFIXES, tables.read_parquet),
}


def read(corpus: Corpus, run_seed: int) -> Iterator[Document | Skipped]:
    """Documents of every file below the corpus's path, and what was skipped.

    Hidden files and folders are passed over; symbolic links are followed only to files inside the folder.
    Raises BadInput when the path does not exist.
    """
    root = corpus.path
    if root is None or not root.exists():
        raise BadInput(f"seeds: {root}: no such file or folder")
    named = {_name(corpus, root, path): path for path in ([root] if root.is_file() else _walk(root))}
    for name in sorted(named, key=lambda name: rank(run_seed, name)):
        try:
            yield from _reader(named[name], root)(named[name], name, corpus)
        except Unreadable as error:
            yield Skipped(name, str(error))


def _name(corpus: Corpus, root: Path, path: Path) -> str:
    """The path inside the folder, below the corpus's name; bytes that are not UTF-8 become question marks."""
    name = f"{corpus.label}/{path.relative_to(root).as_posix()}".removesuffix("/.")
    return name.encode("utf-8", "replace").decode()


def _walk(root: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(root, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        yield from (Path(folder, name) for name in files if not name.startswith("."))


def _reader(path: Path, root: Path) -> Reader:
    """The reader for the file; Unreadable when there is none or when the file is not a plain one inside."""
    if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
        raise Unreadable("symbolic link out of the folder")
    if not path.is_file():
        raise Unreadable("not a regular file")
    lower = path.name.lower()
    found = next((READERS[suffix] for suffix in READERS if lower.endswith(suffix)), None)
    if found is None:
        raise Unreadable(f"no reader for {path.suffix.lower() or 'files without a suffix'}")
    return found
