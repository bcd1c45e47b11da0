"""Reads .txt, .md and .rst files; a front matter's `licence:` line is the file's licence."""

import re
from collections.abc import Iterator
from pathlib import Path

from .corpus import Corpus
from .document import Document, decode, load_bytes

SUFFIXES = (".txt", ".text", ".md", ".markdown", ".rst")
FRONT_MATTER = re.compile(r"\A---\n((?:[^\n]*\n){0,200}?)---\n")
LICENCE = re.compile(r"^licen[cs]e:[ \t]*[\"']?([^\"'\n]+?)[\"']?[ \t]*$", re.MULTILINE | re.IGNORECASE)


def read(path: Path, name: str, corpus: Corpus) -> Iterator[Document]:
    """The file as one document, without its front matter."""
    text = decode(load_bytes(path))
    licence = corpus.terms
    if front := FRONT_MATTER.match(text):
        text = text[front.end() :]
        stated = LICENCE.search(front[1])
        licence = stated[1] if stated else licence
    yield Document(name, text, corpus.kind or "text", corpus.label, licence)
