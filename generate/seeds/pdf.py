"""Reads the text layer of .pdf files with pypdf, printed lines joined into paragraphs."""

import io
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

from .corpus import Corpus
from .document import Document, Unreadable, clean, load_bytes

SUFFIXES = (".pdf",)
SENTENCE_END = (".", "!", "?", ":", "”", '"', ")")


def read(path: Path, name: str, corpus: Corpus) -> Iterator[Document]:
    """The file's pages as one document."""
    try:
        import pypdf
    except ImportError as error:
        raise Unreadable("PDF needs pip install 'genteach[documents]'") from error
    data = io.BytesIO(load_bytes(path))
    try:
        pages = [page.extract_text() for page in pypdf.PdfReader(data).pages]
    except Exception as error:  # a damaged file can raise nearly anything inside a PDF parser
        raise Unreadable(f"damaged or encrypted PDF ({type(error).__name__})") from error
    text = clean("\n".join(pages))
    yield Document(name, clean(reflow(text)), corpus.kind or "text", corpus.label, corpus.terms)


def reflow(text: str) -> str:
    """Printed lines joined into paragraphs: one ends where a line ends a sentence well before the margin."""
    lines = [line.strip() for line in text.split("\n")]
    margin = 0.8 * statistics.median([len(line) for line in lines if line] or [0])
    paragraphs, current = [], ""
    for line in lines:
        current = f"{current} {line}".strip() if line else current
        if current and (not line or (len(line) < margin and line.endswith(SENTENCE_END))):
            paragraphs.append(current)
            current = ""
    return re.sub(r"(?<=[a-z])- (?=[a-z])", "", "\n\n".join([*paragraphs, current]).strip())
