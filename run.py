"""A run's folder: who holds it, what it was asked to do, what it holds, and how it ended."""

from __future__ import annotations

import fcntl
import hashlib
import importlib.metadata
import json
import os
import platform
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml


class Failure(Exception):
    """A run that cannot go on: one line for the user, and the exit code of the command."""

    exit_code = 1


class BadInput(Failure):
    """The configuration or the input is wrong; nothing was done."""

    exit_code = 2


class QuarantineOverThreshold(Failure):
    """The run finished, but more work items failed than its recipe allows."""

    exit_code = 3


class EnvironmentFailure(Failure):
    """The machine is in the way: disk, teacher, lock, a missing part."""

    exit_code = 4


class AccountingError(Failure):
    """What went in is not what came out: a fault of this program."""

    exit_code = 5


_signals: list[int] = []


def stop_politely(number: int, frame: object) -> None:
    """The handler of SIGINT and SIGTERM: raises KeyboardInterrupt, and remembers the signal.

    Python drops an exception that strikes inside a finaliser, and asyncio (3.11) a cancellation that comes together with
    the reply: whoever begins long work asks `asked_to_stop` first.
    """
    _signals.append(number)
    raise KeyboardInterrupt


def asked_to_stop() -> bool:
    """Whether a polite signal has come to this process."""
    return bool(_signals)


class Interrupted(Failure):
    """Stopped by a signal; the message is the command that resumes."""

    exit_code = 130


def sha256(path: Path) -> str:
    """The file's sha256 in hexadecimal, read in blocks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_folder(path: Path) -> Path:
    """Create `path` and prove that it can be written; EnvironmentFailure says what is in the way."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".probe"
        probe.write_bytes(b"")
        probe.unlink(missing_ok=True)  # another process may be at the same place
    except OSError as error:
        reason = error.strerror or error
        raise EnvironmentFailure(
            f"{path}: cannot write there ({reason}); choose a writable folder"
        ) from error
    return path


SAFE = "what was counted is safe: put that right and run again"


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Around whatever writes at `path`: what the disk refuses is an EnvironmentFailure that says what to do."""
    try:
        yield
    except OSError as error:
        raise EnvironmentFailure(f"{error.filename or path}: {error.strerror or error}; {SAFE}") from error


def aside_of(path: Path) -> Path:
    """Where a file is written before it is put in its place; the next holder of the folder's lock clears it away."""
    return path.with_name(f".{path.name}.{os.getpid()}")


def write_whole(path: Path, data: bytes | str) -> None:
    """Write a file so that a reader sees all of it or none: aside, fsync, rename, fsync of the folder."""
    with writing(path):
        with aside_of(path).open("wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())
        settle(aside_of(path), path)


def settle(aside: Path, path: Path) -> None:
    """Rename a finished file or folder into place and make the rename durable."""
    with writing(path):
        os.replace(aside, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_manifest(folder: Path, files: dict[str, int], **facts: Any) -> dict[str, Any]:
    """Name the folder's finished files with their sha256 and rows, and any other facts; written last."""
    listed = [{"name": name, "sha256": sha256(folder / name), "rows": rows} for name, rows in files.items()]
    manifest = {"files": listed, **facts}
    write_whole(folder / "manifest.json", json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")
    return manifest


def read_manifest(folder: Path) -> dict[str, Any]:
    """The folder's manifest, after checking that every file it names is there, byte for byte."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise BadInput(f"{path}: missing; the step that writes this folder has not finished")
    try:
        manifest = json.loads(path.read_text())
    except ValueError as error:
        raise BadInput(f"{path}: is damaged ({error})") from None
    for entry in manifest["files"]:
        file = folder / entry["name"]
        if not file.is_file():
            raise BadInput(f"{file}: named in {path} but missing")
        if (found := sha256(file)) != entry["sha256"]:
            raise BadInput(f"{file}: sha256 is {found[:12]}…, the manifest says {entry['sha256'][:12]}…")
    return manifest


def versions(*packages: str) -> dict[str, str]:
    """Installed versions of this package, Python, and `packages` (those that are installed)."""
    found = {"python": platform.python_version()}
    for package in ("genteach", *packages):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def fingerprint(facts: Any) -> str:
    """A short hash of whatever decides a run's output; keys are sorted, so order does not matter."""
    text = json.dumps(facts, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def differences(before: dict[str, Any], after: dict[str, Any], prefix: str = "") -> list[str]:
    """The fields in which two resolved recipes differ, as `key: before -> after`."""
    found: list[str] = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            found.append(f"{prefix}{key}: {old!r} -> {new!r}")
    return found


def settle_recipe(
    folder: Path, recipe: dict[str, Any], packages: tuple[str, ...], update: bool, advice: str
) -> None:
    """Write recipe.yaml first of all; refuse a folder that was begun with another one, unless `update`.

    `recipe` is the resolved configuration: what decides the output, and nothing else. Raises BadInput
    with the fields that differ, and the `advice` what to do then.
    """
    path = folder / "recipe.yaml"
    plain = json.loads(json.dumps(recipe, default=str))
    if path.exists() and not update:
        changed = differences(yaml.safe_load(path.read_text())["recipe"], plain)
        if changed:
            raise BadInput(f"{path}: this run was begun with another recipe ({'; '.join(changed)}); {advice}")
        return
    document = {"fingerprint": fingerprint(plain), "versions": versions(*packages), "recipe": plain}
    write_whole(path, yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


class Lock:
    """Exclusive use of a folder by one process: the system's lock on the file `lock`, gone with its holder.

    What the file says is for people, but for a holder on another host: a shared file system may not carry
    locks from there, so such a file is believed until somebody takes over. `wait` is how many seconds to wait
    for another holder. Each holder has an epoch, one more than the last's: who was taken over can see it.
    """

    def __init__(self, folder: Path, wait: float = 0.0, take_over: bool = False) -> None:
        self.path = folder / "lock"
        self.wait, self.take_over = wait, take_over
        self.epoch = 0

    def __enter__(self) -> Lock:
        with writing(self.path):
            self._file = open(self.path, "r+", opener=_open_or_create)
        deadline = time.monotonic() + self.wait
        while (holder := self._other_holder()) is not None:
            if time.monotonic() >= deadline:
                self._file.close()
                raise EnvironmentFailure(f"{self.path}: the run is held by {holder}")
            time.sleep(0.1)
        self.epoch = self._said().get("epoch", 0) + 1
        since = time.strftime("%F %T")
        with writing(self.path):
            host, pid = self._here()
            self._say({"host": host, "pid": pid, "since": since, "epoch": self.epoch})
            os.fsync(self._file.fileno())  # other hosts see it now
        for left in self.path.parent.glob(".*.[0-9]*"):  # by a holder that was killed while it wrote
            left.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with (
            suppress(OSError),
            self._file,
        ):  # on a full disk, say: the system gives the lock back all the same
            if self._said().get("epoch") == self.epoch:
                self._say({"epoch": self.epoch})  # the file stays: another process may be waiting to lock it

    def check(self) -> None:
        """Raise EnvironmentFailure if another process has taken over since."""
        held = _first_line(self.path.read_text())
        if (held.get("host"), held.get("pid"), held.get("epoch")) != (*self._here(), self.epoch):
            who = "process {pid} on {host}".format_map(held) if "pid" in held else "another process"
            raise EnvironmentFailure(f"{self.path}: taken over by {who}; this process stops")

    def _other_holder(self) -> str | None:
        """Who holds the folder, and what to do about it; None once it is ours."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            free = True
        except BlockingIOError:
            free = False
        held = self._said()
        here = held.get("host", socket.gethostname()) == socket.gethostname()
        if free and (here or self.take_over):
            return None
        who = "process {pid} on {host} since {since}".format_map(held) if "pid" in held else "another process"
        return f"{who}; {'remove the file if it is gone' if free else 'wait for it, or stop it'}"

    @staticmethod
    def _here() -> tuple[str, int]:
        return socket.gethostname(), os.getpid()

    def _said(self) -> dict[str, Any]:
        """What the file says; nothing when it is empty, or just being written."""
        self._file.seek(0)
        return _first_line(self._file.read())

    def _say(self, facts: dict[str, Any]) -> None:
        """Written over what was there, so that a kill in between does not lose the epoch."""
        self._file.seek(0)
        self._file.write(json.dumps(facts) + "\n")
        self._file.flush()
        self._file.truncate()


def _open_or_create(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, 0o666)


def _first_line(text: str) -> dict[str, Any]:
    """The JSON object there; empty where there is none."""
    try:
        return json.loads(text.partition("\n")[0])
    except ValueError:
        return {}


@dataclass
class Accounting:
    """The conservation law of a run: planned = done + rejected + quarantined + pending, by work item."""

    planned: int = 0
    done: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    pending: int = 0

    def add(self, state: str, reason: str) -> None:
        """Count one item that has ended, as `done`, `rejected` or otherwise."""
        if state == "done":
            self.done += 1
        elif state == "rejected":
            self.rejected[reason] += 1
        else:
            self.quarantined[reason] += 1

    def check(self) -> None:
        """Raise AccountingError unless every planned item is somewhere."""
        found = self.done + self.rejected.total() + self.quarantined.total() + self.pending
        if found != self.planned:
            raise AccountingError(
                f"{self.planned} items planned, {found} accounted for ({self.done} done, "
                f"{self.rejected.total()} rejected, {self.quarantined.total()} quarantined, "
                f"{self.pending} pending); please report this"
            )

    def __str__(self) -> str:
        return (
            f"{self.planned} work items (skill x seed) = {self.done} done + {self.rejected.total()} rejected"
            f" + {self.quarantined.total()} quarantined + {self.pending} pending"
        )

    @classmethod
    def of(cls, manifest: dict[str, Any]) -> Accounting:
        """The accounting that a manifest holds."""
        rejected, quarantined = Counter(manifest["rejected"]), Counter(manifest["quarantined"])
        return cls(manifest["planned"], manifest["done"], rejected, quarantined, manifest["pending"])

    def facts(self) -> dict[str, Any]:
        """The manifest's form of it."""
        return {
            "planned": self.planned,
            "done": self.done,
            "rejected": dict(sorted(self.rejected.items())),
            "quarantined": dict(sorted(self.quarantined.items())),
            "pending": self.pending,
        }
