"""The fake teacher of a measurement, in a process of its own, and what its ledger tells."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

import orjson

SLOTS, LATENCY_MS = 256, 200.0
LIMIT = SLOTS / (LATENCY_MS / 1000)  # calls/s that it can answer


@dataclass(frozen=True)
class Teacher:
    """Where it answers, as what, and the file where it notes every request and reply."""

    url: str
    model: str
    ledger: Path


@contextmanager
def fake_teacher(ledger: Path, latency_ms: float = LATENCY_MS) -> Iterator[Teacher]:
    """A teacher that answers each request with a text of its own, SLOTS at once; the others queue."""
    command = [Path(sys.executable).parent / "genteach", "teacher", "fake", "--answers", "hash"]
    options = ["--latency-ms", str(latency_ms), "--slots", str(SLOTS), "--ledger", ledger]
    said = ledger.with_name("teacher.txt")  # it complains of the clients that are killed
    with (
        said.open("ab") as errors,
        subprocess.Popen(
            [*map(str, [*command, *options])], stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            url = process.stdout.readline().split()[-1]  # type: ignore[union-attr]
            with urlopen(f"{url}/models") as models:
                yield Teacher(url, orjson.loads(models.read())["data"][0]["id"], ledger)
        finally:
            process.terminate()


@dataclass(frozen=True)
class Line:
    """A request that arrived, or a reply that was written (event `written`: a complete 200)."""

    event: str
    request: str
    time: float


def read(ledger: Path, start: int = 0, without: frozenset[str] = frozenset()) -> list[Line]:
    """The ledger's lines from a byte offset on, but for those of some requests."""
    with ledger.open("rb") as file:
        file.seek(start)
        rows = [orjson.loads(line) for line in file if line.endswith(b"\n")]
    return [Line(row["event"], row["request"], row["time"]) for row in rows if row["request"] not in without]


class Progress:
    """The replies that were written so far, and for how long nothing has happened; reads on where it stopped."""

    def __init__(self, ledger: Path) -> None:
        self._ledger, self._offset, self._written = ledger, 0, 0
        self._changed = time.monotonic()

    @property
    def quiet(self) -> float:
        """Seconds since the ledger last grew, by what was looked at."""
        return time.monotonic() - self._changed

    def look(self) -> int:
        """The replies written since the ledger began."""
        with self._ledger.open("rb") as file:
            file.seek(self._offset)
            new = file.read()
        if new:
            self._offset += len(new)
            self._written += new.count(b'"written"')
            self._changed = time.monotonic()
        return self._written


def settled_size(ledger: Path) -> int:
    """The ledger's size in bytes, once nothing is written to it any more."""
    size = -1
    while size != (now := ledger.stat().st_size):
        size = now
        time.sleep(2 * LATENCY_MS / 1000)
    return size
