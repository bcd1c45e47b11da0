"""Small data written as text, read strictly, and the figures that follow from it by one step of reckoning.

A table is rows of cells. CSV, Markdown and JSON have named columns; of other notations (key and value, logs, triples,
timelines) each line is a row, and the n-th figures of all lines count as a column.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import permutations

from .answers import SCALES, numbers

MAX_CHARACTERS, MAX_ROWS, MAX_CELLS = 20_000, 120, 12
MAX_COLUMN = 40  # figures of a column that are taken in pairs: 1,560 pairs
_SHARE = r"\s?(?:%|percent|per cent|percentage points?|points?\b)"
_TIMES = r"\s?(?:times|[x×]\b|-?fold)|:1\b|\s?to 1\b"


class Malformed(ValueError):
    """The text is no data of its notation; the message says why."""


@dataclass(frozen=True)
class Figure:
    """A number of a text, with what stands around it that says how it is meant."""

    written: str
    value: Fraction
    unit: Fraction  # what its last digit counts: 1/10 of 3.5, 100,000 of "3.5 million"
    is_share: bool = False
    is_ratio: bool = False

    def rounds(self, exact: Fraction) -> bool:
        """Whether this is `exact`, or what is left of it when it is rounded to the digits that stand there."""
        return abs(self.value - exact) * 2 <= self.unit


@dataclass(frozen=True)
class Table:
    """Rows of cells, as texts; a head, if there is one, is not among them but is in `written`, with all that is."""

    rows: tuple[tuple[str, ...], ...]
    written: str

    @cached_property
    def known(self) -> frozenset[Fraction]:
        """Every number that the data writes, by its size: a loss is told as a loss of so much."""
        return frozenset(abs(found.value) for found in numbers(self.written))

    @cached_property
    def columns(self) -> tuple[tuple[Fraction, ...], ...]:
        """The figures of each column, top down."""
        width = max(len(row) for row in self.rows)
        cells = ([row[at] for row in self.rows if at < len(row)] for at in range(width))
        return tuple(tuple(_figures(column))[:MAX_COLUMN] for column in cells)

    @cached_property
    def lines(self) -> tuple[tuple[Fraction, ...], ...]:
        """The figures of each row, from the left."""
        return tuple(tuple(_figures(row)) for row in self.rows)

    def yields(self, figure: Figure) -> bool:
        """Whether the data has the figure, or it follows by one step: a count or rank of rows, the sum or mean of a
        column, a sum or difference of two figures of a column or row, a share or change in per cent, a ratio."""
        found = self.known | self._sums
        if figure.is_share:
            found |= self._shares
        elif figure.is_ratio:
            found |= self._ratios
        return any(map(figure.rounds, found))

    @cached_property
    def _sums(self) -> frozenset[Fraction]:
        totals = [(sum(column, Fraction()), len(column)) for column in self.columns if column]
        return frozenset(
            [Fraction(count) for count in range(len(self.rows) + 1)]
            + [abs(value) for total, count in totals for value in (total, total / count)]
            + [abs(value) for a, b in self._pairs for value in (a + b, a - b)]
        )

    @cached_property
    def _shares(self) -> frozenset[Fraction]:
        """In per cent: shares of the rows, of the column's total, of another figure; changes."""
        totals = [(column, sum(column, Fraction())) for column in self.columns]
        return frozenset(
            [Fraction(100 * count, len(self.rows)) for count in range(len(self.rows))]
            + [abs(100 * value / total) for column, total in totals if total for value in column]
            + [abs(100 * value / b) for a, b in self._pairs if b for value in (a, a - b)]
        )

    @cached_property
    def _ratios(self) -> frozenset[Fraction]:
        return frozenset(abs(a / b) for a, b in self._pairs if b)

    @cached_property
    def _pairs(self) -> list[tuple[Fraction, Fraction]]:
        """Every two figures of a column or of a row, in both orders."""
        return [pair for group in (*self.columns, *self.lines) for pair in permutations(group, 2)]


def _figures(cells: Iterable[str]) -> Iterator[Fraction]:
    """The figures that stand first in their cell: "12 %", "$1,200" and "-3", but not the 2 of "version 2"."""
    for cell in cells:
        found = next(numbers(cell), None)
        if found and not re.search(r"[^\W\d_]", cell[: found.start]):
            yield found.value


def table(text: str, notation: str) -> Table:
    """The data of a text. Raises Malformed where it is none in that notation, or too much."""
    if len(text) > MAX_CHARACTERS:
        raise Malformed(f"{len(text)} characters; at most {MAX_CHARACTERS} are read")
    if notation in _READERS:
        head, *rows = _READERS[notation](text.strip())
        written = "\n".join(cell for row in (head, *rows) for cell in row)
    else:
        rows, written = _lines(text), text
    if not 2 <= len(rows) <= MAX_ROWS or max(map(len, rows)) > MAX_CELLS:
        raise Malformed(f"{len(rows)} rows; there must be 2 to {MAX_ROWS}, of at most {MAX_CELLS} cells")
    return Table(tuple(tuple(row) for row in rows), written)


def _csv(text: str) -> list[list[str]]:
    try:
        return _even(list(csv.reader(io.StringIO(text), strict=True)))
    except csv.Error as wrong:
        raise Malformed(f"no CSV: {wrong}") from wrong


def _markdown(text: str) -> list[list[str]]:
    lines = [line.strip().removeprefix("|").removesuffix("|") for line in text.splitlines() if "|" in line]
    head, dashes, *rows = [
        *([cell.strip() for cell in re.split(r"(?<!\\)\|", line)] for line in lines),
        [],
        [],
    ]
    if not dashes or not all(re.fullmatch(r":?-+:?", cell) for cell in dashes):
        raise Malformed("no Markdown table with a head, a line of dashes and rows")
    return _even([head, *filter(None, rows)])


def _even(rows: list[list[str]]) -> list[list[str]]:
    if not rows or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
        raise Malformed("a row has another number of cells than the head, or there is only one column")
    return rows


def _json(text: str) -> list[list[str]]:
    try:
        records = json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise Malformed(f"no JSON: {str(wrong)[:80]}") from wrong
    if not isinstance(records, list) or not all(isinstance(each, dict) for each in records):
        raise Malformed("the JSON is no array of objects")
    names = list(dict.fromkeys(name for each in records for name in each))
    return [
        names,
        *(["" if each.get(name) is None else str(each[name]) for name in names] for each in records),
    ]


def _lines(text: str) -> list[list[str]]:
    """The figures of each line as its cells; a line without any is a row without cells."""
    lines = [line for line in text.splitlines() if line.strip()]
    return [[line[found.start : found.end] for found in numbers(line)][:MAX_CELLS] for line in lines]


_READERS = {
    "csv_table": _csv,
    "markdown_table": _markdown,
    "financial_statement": _markdown,
    "json_records": _json,
}


def figures(text: str) -> Iterator[Figure]:
    """The figures of a text, but for those that only number a list."""
    for found in numbers(text):
        before, after = text[: found.start], text[found.end :]
        if re.search(r"(?:^|\n)\s*(?:#+ |\*\*)?$", before) and re.match(r"[.):]\s", after):
            continue
        written = text[found.start : found.end]
        scale = re.match(rf"\s(?:{'|'.join(SCALES)})\b", after)
        times = SCALES[scale[0].strip()] if scale else 1
        decimals = len(written.partition(".")[2])
        yield Figure(
            written + (scale[0] if scale else ""),
            abs(found.value) * times,
            Fraction(times, 10**decimals),
            re.match(_SHARE, after) is not None,
            re.match(_TIMES, after) is not None,
        )
