"""Reads the main text of .html files with trafilatura: no menus, no comments, nothing hidden."""

from collections.abc import Iterator
from pathlib import Path

from .corpus import Corpus
from .document import Document, Unreadable, clean, decode, load_bytes

SUFFIXES = (".html", ".htm", ".xhtml")


def read(path: Path, name: str, corpus: Corpus) -> Iterator[Document]:
    """The page's text as one document, headings in Markdown."""
    try:
        from trafilatura import extract
    except ImportError as error:
        raise Unreadable("HTML needs pip install 'genteach[documents]'") from error
    page = decode(load_bytes(path))
    text = extract(page, output_format="markdown", include_comments=False, include_tables=False)
    if not text:
        raise Unreadable("no main text in the page")
    yield Document(name, clean(text), corpus.kind or "text", corpus.label, corpus.terms)
