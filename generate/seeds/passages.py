"""Cuts a document into passages of whole paragraphs or whole definitions, as exact character spans."""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from .blocks import Block, Span, chunks, definitions, lines, paragraphs

# A full stop, its closing quotes, white space, and something that can begin a sentence; not after an
# initial ("J. Smith") or one of the commonest abbreviations.
SENTENCE_END = re.compile(
    r"(?<!\b[A-Z]\.)(?<!\b(?:Mr|Dr|vs|cf|no)\.)(?<!\b(?:Mrs|Fig|e\.g|i\.e|etc)\.)"
    r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[^\sa-z,;:.)\]])|(?<=[。！？])"
)
Splitter = Callable[[str, int, int], Iterable[Span]]


@dataclass
class Cut:
    """The passages of one document in order, and what was left over."""

    spans: list[Span] = field(default_factory=list)
    too_short: int = 0
    unbroken: int = 0


def cut(text: str, kind: str, min_chars: int, max_chars: int) -> Cut:
    """Passages of `min_chars` to `max_chars` characters; `text[start:end]` is one of them for every span.

    Paragraphs (code: definitions) are packed in order until the next does not fit; a heading stays with what
    follows it. One paragraph above `max_chars` is cut at sentence ends (code: lines) into passages of similar
    size, a sentence above it between words; an unbroken run of characters above it is left out. A remainder
    below `min_chars` joins the passage before it where that fits, and is counted as too short where not.
    """
    found = Cut()
    blocks = definitions(text, max_chars) if kind == "code" else paragraphs(text)
    splitters = CODE_SPLITTERS if kind == "code" else PROSE_SPLITTERS
    for start, end in _pack(_sized(text, blocks, max_chars, splitters, found), max_chars):
        if end - start >= min_chars:
            found.spans.append((start, end))
        elif found.spans and end - found.spans[-1][0] <= max_chars:
            found.spans[-1] = (found.spans[-1][0], end)
        else:
            found.too_short += 1
    return found


def _pack(blocks: Iterable[Block], max_chars: int) -> Iterator[Span]:
    """Join neighbours while they fit; what opens a section begins anew once half a passage is full."""
    current: Block | None = None
    for block in blocks:
        if current is None:
            current = block
            continue
        full = block.opens and current.end - current.start >= max_chars / 2
        if current.alone or block.alone or full or block.end - current.start > max_chars:
            yield current.start, current.end
            current = block
        else:
            current = Block(current.start, block.end)
    if current is not None:
        yield current.start, current.end


def _sized(
    text: str, blocks: Iterable[Block], max_chars: int, splitters: tuple[Splitter, ...], found: Cut
) -> Iterator[Block]:
    """The blocks, those above `max_chars` replaced by even parts that stand alone."""
    for block in blocks:
        if block.end - block.start <= max_chars:
            yield block
            continue
        pieces = _fit(text, (block.start, block.end), max_chars, splitters, found)
        for start, end in _even(pieces, max_chars):
            yield Block(start, end, alone=True)


def _fit(text: str, span: Span, max_chars: int, splitters: tuple[Splitter, ...], found: Cut) -> list[Span]:
    """The span in pieces of at most `max_chars`, by the first splitter that is fine enough."""
    if span[1] - span[0] <= max_chars:
        return [span]
    if not splitters:
        found.unbroken += 1
        return []
    parts = splitters[0](text, *span)
    return [piece for part in parts for piece in _fit(text, part, max_chars, splitters[1:], found)]


def _even(pieces: list[Span], max_chars: int) -> Iterator[Span]:
    """Neighbouring pieces joined into as few parts as possible, of similar size."""
    if not pieces:
        return
    total = pieces[-1][1] - pieces[0][0]
    target = total / math.ceil(total / max_chars)
    start, end = pieces[0]
    for piece_start, piece_end in pieces[1:]:
        if piece_end - start > max_chars or end - start >= target:
            yield start, end
            start = piece_start
        end = piece_end
    yield start, end


def sentences(text: str, start: int, end: int) -> Iterator[Span]:
    """Spans of the sentences between two offsets."""
    for border in SENTENCE_END.finditer(text, start, end):
        if border.start() > start:
            yield start, len(text[start : border.end()].rstrip()) + start
            start = border.end()
    if start < end:
        yield start, end


def words(text: str, start: int, end: int) -> Iterator[Span]:
    """Spans of the unbroken runs of characters between two offsets."""
    for word in re.compile(r"\S+").finditer(text, start, end):
        yield word.span()


PROSE_SPLITTERS: tuple[Splitter, ...] = (chunks, lines, sentences, words)
CODE_SPLITTERS: tuple[Splitter, ...] = (chunks, lines, words)
