"""The write path of a run, operation by operation: counted, and cut off or failing at the N-th of them.

An operation is an open for writing, a write(2), an fsync, a rename, a mkdir, a removal, or a change by SQLite.
"""

from __future__ import annotations

import errno
import io
import os
import re
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

VARIABLE = re.compile(r"(?<=sorting-)\w+|(?<=\.)\d+$|(?<=\d-)[0-9a-f]{16}")  # in names: new in every process
ALONE = ("CREATE", "PRAGMA journal_mode", "PRAGMA user_version=", "PRAGMA incremental_vacuum")
Fault = Callable[["WritePath", str, Callable[[], Any]], None]


class WritePath:
    """Counts the operations of this process in `folder`, and calls `fault` at the one numbered `at`.

    `broken` is what SQLite raises once it has committed, if anything.
    """

    def __init__(self, folder: Path, at: int, fault: Fault) -> None:
        self.folder, self.at, self.fault = f"{folder}/", at, fault
        self.seen: list[str] = []
        self.broken: Exception | None = None
        self._open, self._fsync = io.open, os.fsync

    def watch(self) -> None:
        """From now on, for as long as the process lives."""
        sys.addaudithook(self._audited)
        io.open, os.fsync = self._opened, self._synced
        sqlite3.connect = partial(sqlite3.connect, factory=partial(Connection, self))  # type: ignore[call-overload]

    def reach(self, what: str, path: str | Path | int, half: Callable[[], Any] = lambda: None) -> None:
        """One more operation, if it is in the folder; `half` does a half of it."""
        where = os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else os.path.abspath(path)
        if where.startswith(self.folder):
            self.seen.append(f"{what} {VARIABLE.sub('*', where.removeprefix(self.folder))}")
            if len(self.seen) == self.at:
                self.fault(self, what, half)

    def _audited(self, event: str, given: tuple[Any, ...]) -> None:
        match event, given:
            case "open", (path, _, int() as flags) if flags & (os.O_WRONLY | os.O_RDWR):
                self.reach("open", path)
            case "os.mkdir", (path, *_) if not os.path.exists(path):
                self.reach("mkdir", path)
            case "os.rename", (path, *_):
                self.reach("rename", path)
            case (("os.remove" | "os.rmdir"), (path, int() as folder)):
                within = os.readlink(f"/proc/self/fd/{folder}") if folder >= 0 else ""
                if os.path.exists(path := os.path.join(within, path)):
                    self.reach("remove", path)

    def _opened(self, file: Any, mode: str = "r", *given: Any, **more: Any) -> Any:
        if not set(mode) & set("wa+") or not str(file).startswith(self.folder):
            return self._open(file, mode, *given, **more)
        raw = Raw(self, file, mode)
        buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
        return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding="utf-8")

    def _synced(self, file: int) -> None:
        self.reach("fsync", file)
        self._fsync(file)


class Raw(io.FileIO):
    """A file whose every write(2) is an operation."""

    def __init__(self, path: WritePath, file: str | Path, mode: str) -> None:
        super().__init__(file, mode.replace("b", ""))
        self._path = path

    def write(self, data: Any) -> int | None:
        self._path.reach("write", self.fileno(), lambda: super(Raw, self).write(data[: len(data) // 2]))
        return super().write(data)

    def truncate(self, size: int | None = None) -> int:
        self._path.reach("truncate", self.fileno())
        return super().truncate(size)


class Connection(sqlite3.Connection):
    """One whose every change to the file is an operation: a COMMIT, or a statement outside a transaction."""

    def __init__(self, path: WritePath, database: Path, **given: Any) -> None:
        super().__init__(database, **given)
        self._path, self._database = path, os.fspath(database)
        self.set_trace_callback(self._begins)

    def _begins(self, sql: str) -> None:
        statement = sql.strip(" \n;")
        if statement == "COMMIT" or (not self.in_transaction and statement.startswith(ALONE)):
            self._path.reach(statement.split("(")[0], self._database)

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        done = super().execute(sql, *values)
        if self._path.broken and sql.startswith(("COMMIT", *ALONE)):
            raise self._path.broken
        return done


def kill(path: WritePath, what: str, half: Callable[[], Any]) -> None:
    """The process is gone, in the middle of what it was doing."""
    half()
    os.kill(os.getpid(), signal.SIGKILL)


def fill(path: WritePath, what: str, half: Callable[[], Any]) -> None:
    """No file takes another byte: the limit holds for SQLite as it does for us."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))


def unsynced(path: WritePath, what: str, half: Callable[[], Any]) -> None:
    """What was to be made durable may be so, or not: the system does not know any more."""
    if what == "fsync":
        raise OSError(errno.EIO, os.strerror(errno.EIO))
    path.broken = sqlite3.OperationalError("disk I/O error")


def starve(path: WritePath, what: str, half: Callable[[], Any]) -> None:
    """There is no memory left but a little."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (1 << 18)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


FAULTS: dict[str, Fault] = {"kill": kill, "full": fill, "sync": unsynced, "memory": starve}
