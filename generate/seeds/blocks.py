"""Where a document may be cut: between paragraphs, definitions, lines."""

import ast
import re
import warnings
from collections.abc import Iterator
from typing import NamedTuple

Span = tuple[int, int]

HEADING = re.compile(r"#{1,6}\s\S")
UNDERLINE = re.compile(r"([=\-*~^\"'#+.])\1{2,}")
FENCES = ("```", "~~~")


class Block(NamedTuple):
    """Characters that belong together. One that `opens` begins a section; one `alone` joins no neighbour."""

    start: int
    end: int
    opens: bool = False
    alone: bool = False


def lines(text: str, start: int, end: int) -> Iterator[Span]:
    """Spans of the lines between two offsets that hold more than white space, indentation included."""
    while start < end:
        newline = text.find("\n", start, end)
        stop = end if newline < 0 else newline
        if kept := len(text[start:stop].rstrip()):
            yield start, start + kept
        start = stop + 1


def chunks(text: str, start: int, end: int) -> Iterator[Span]:
    """Spans of the runs of lines without a blank line in between."""
    first = last = None
    for line in lines(text, start, end):
        if first is not None and last is not None and text.count("\n", last, line[0]) > 1:
            yield first, last
            first = None
        first = line[0] if first is None else first
        last = line[1]
    if first is not None and last is not None:
        yield first, last


def paragraphs(text: str) -> Iterator[Block]:
    """Paragraphs of prose: fenced code stays whole; a heading, or an ending in a colon, keeps its next."""
    waiting: Block | None = None
    for start, end in _unfenced(text):
        heading = _is_heading(text[start:end])
        block = Block(waiting.start, end, waiting.opens) if waiting else Block(start, end, heading)
        if heading or text.endswith(":", start, end):
            waiting = block
        else:
            yield block
            waiting = None
    if waiting and not waiting.opens:
        yield waiting


def _unfenced(text: str) -> Iterator[Span]:
    """Paragraph spans, those between an opening and a closing fence joined."""
    opened: int | None = None
    for start, end in chunks(text, 0, len(text)):
        start += len(text[start:end]) - len(text[start:end].lstrip())
        fences = sum(text[a:b].lstrip().startswith(FENCES) for a, b in lines(text, start, end))
        if opened is None and fences % 2:
            opened = start
        elif opened is not None and fences % 2:
            yield opened, end
            opened = None
        elif opened is None:
            yield start, end
    if opened is not None:
        yield opened, len(text.rstrip())


def _is_heading(paragraph: str) -> bool:
    """One line of Markdown heading, or a title with its underline."""
    first, _, second = paragraph.partition("\n")
    return bool(HEADING.match(first)) if not second else bool(UNDERLINE.fullmatch(second.strip()))


def definitions(text: str, max_chars: int) -> Iterator[Block]:
    """Blocks of code: Python's statements, with their decorators and comments; otherwise runs of lines.

    A class above `max_chars` is given as its members.
    """
    tree = _parse(text)
    if tree is None:
        yield from _sections(text)
        return
    starts = [0]
    for line in text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    yield from _statements(text, starts, tree.body, 0, max_chars)


def _parse(text: str) -> ast.Module | None:
    """The text as Python, or None; text that is too deep for the parser is none either."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _statements(
    text: str, starts: list[int], body: list[ast.stmt], begin: int, max_chars: int
) -> Iterator[Block]:
    """One block a statement, with what stands before it from `begin`: comments, its class's header."""
    for statement in body:
        end = min(starts[statement.end_lineno or statement.lineno] - 1, len(text))
        if end <= begin:  # the second statement of one line
            continue
        if isinstance(statement, ast.ClassDef) and end - begin > max_chars:
            yield from _statements(text, starts, statement.body, begin, max_chars)
        else:
            opens = isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            yield from _trimmed(text, begin, end, opens)
        begin = end


def _trimmed(text: str, start: int, end: int, opens: bool) -> Iterator[Block]:
    """The block without the blank lines around it, if anything is left."""
    spans = list(lines(text, start, end))
    if spans:
        yield Block(spans[0][0], spans[-1][1], opens)


def _sections(text: str) -> Iterator[Block]:
    """Runs of lines that begin at the left margin after a blank line; a closing bracket begins nothing."""
    current: Block | None = None
    for start, end in chunks(text, 0, len(text)):
        if current is not None and (text[start].isspace() or text[start] in "})]"):
            current = Block(current.start, end, opens=True)
            continue
        if current is not None:
            yield current
        current = Block(start, end, opens=True)
    if current is not None:
        yield current
