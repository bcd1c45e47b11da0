"""Progress for people (rich on a terminal), plain lines elsewhere, JSON lines for machines."""

from __future__ import annotations

import json
import re
import sys
import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

# Escape sequences, other control characters, and the bidi overrides that make a terminal lie.
_UNSAFE = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b."
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
PLAIN_EVERY = 5.0  # seconds between plain lines
_prose_to_stderr = False


def printable(text: str) -> str:
    """`text` without anything that could drive a terminal; all seed and model text passes through here."""
    return _UNSAFE.sub("", text)


def leave_stdout_to_json() -> None:
    """From now on all that is for people goes to stderr: a machine reads stdout line by line."""
    global _prose_to_stderr
    _prose_to_stderr = True


def say(text: str) -> None:
    """One line for the user."""
    Console(highlight=False, soft_wrap=True, stderr=_prose_to_stderr).print(Text(printable(text)))


def table(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """A titled table: the first column to the left, the others to the right."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160, stderr=_prose_to_stderr)
    drawn = Table(box=None, pad_edge=False)
    for number, column in enumerate(columns):
        drawn.add_column(Text(column), justify="left" if number == 0 else "right", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    console.print(Text(printable(title), style="bold"))
    console.print(drawn)


class Progress:
    """One long piece of work: how much is done, how fast, and its counters.

    `total` may be None when it is not known. Counters add up: `advance(1, accepted=3)`; facts replace:
    `state(in_flight=12)`.
    """

    def __init__(self, label: str, total: int | None, unit: str, as_json: bool = False) -> None:
        self.label, self.total, self.unit, self.as_json = label, total, unit, as_json
        self.done = 0
        self.counters: dict[str, Any] = {}
        self.began = self.spoke = time.monotonic()
        self._console = Console(highlight=False, soft_wrap=True)
        self._bar = self._make_bar() if self._console.is_terminal and not as_json else None

    def _make_bar(self) -> Bar:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}"),
        )
        return Bar(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=self._console)

    def __enter__(self) -> Progress:
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task(self.label, total=self.total, facts="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()
        elif self.done:
            self._line()

    def advance(self, amount: int = 1, **added: int) -> None:
        """Count `amount` more units done, and add to the counters."""
        self.done += amount
        for name, value in added.items():
            self.counters[name] = self.counters.get(name, 0) + value
        self._show()

    def state(self, **facts: Any) -> None:
        """Replace facts shown beside the count."""
        self.counters.update(facts)
        self._show()

    def say(self, text: str) -> None:
        """A line above the bar."""
        if self.as_json:
            say(text)
        else:
            self._console.print(Text(printable(text)))

    def _facts(self) -> str:
        return "  ".join(f"{name.replace('_', ' ')} {value}" for name, value in self.counters.items())

    def _show(self) -> None:
        if self._bar:
            self._bar.update(self._task, completed=self.done, facts=self._facts())
        elif time.monotonic() - self.spoke >= PLAIN_EVERY:
            self._line()

    def _line(self) -> None:
        self.spoke = time.monotonic()
        seconds = self.spoke - self.began
        if self.as_json:
            print(
                json.dumps(
                    {
                        "step": self.label,
                        "done": self.done,
                        "total": self.total,
                        "seconds": round(seconds, 1),
                        **self.counters,
                    }
                ),
                flush=True,
            )
            return
        rate = self.done / seconds if seconds else 0.0
        of = f" of {self.total}" if self.total is not None else ""
        left = (
            f", {(self.total - self.done) / rate:.0f} s left"
            if self.total and rate and self.done < self.total
            else ""
        )
        print(
            f"{self.label}: {self.done}{of} {self.unit} in {seconds:.0f} s ({rate:.1f}/s{left})  {self._facts()}",
            flush=True,
        )
