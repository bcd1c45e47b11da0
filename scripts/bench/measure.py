"""One contender measured: how fast, with how much, and what a kill costs it."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contenders import Contender
from documents import write_documents
from processes import Session, Usage
from teacher import LIMIT, Progress, Teacher, fake_teacher, read, settled_size

CALLS_PER_DOCUMENT = 3
START_UP_CALLS = 30
QUIET = 60.0  # seconds without a request or a reply, after which a contender is said to hang
MB = 1 << 20
Facts = dict[str, Any]


class Failed(Exception):
    """A contender did not do its work; the message says how it ended."""


@dataclass
class Run:
    """A teacher with an empty ledger, documents for so many calls, and the contender's empty folder."""

    contender: Contender
    python: Path
    teacher: Teacher
    documents: Path
    folder: Path
    calls: int
    said: Facts = field(default_factory=dict)  # by the contender, with its last line

    def go(self, stop_after: int | None = None) -> Usage:
        """Run it until it ends, hangs, or has had `stop_after` replies: then it is killed."""
        log = self.folder / "output.txt"
        command = self.contender.command(
            self.python, self.teacher.url, self.teacher.model, self.documents, self.folder
        )
        progress = Progress(self.teacher.ledger)

        def over() -> bool:
            written = progress.look()
            return progress.quiet > QUIET or (stop_after is not None and written >= stop_after)

        usage = Session(command, log).run(over)
        settled_size(self.teacher.ledger)
        self.said = said_last(log)
        return usage

    def outcome(self, usage: Usage) -> str:
        """`complete`, or what happened instead."""
        answers, wanted = self.said.get("answers"), self.calls // CALLS_PER_DOCUMENT
        if usage.status is None:
            return f"hangs: nothing asked for {QUIET:.0f} s"
        if usage.status or answers is None:
            return f"failed with exit code {usage.status}"
        return "complete" if answers == wanted else f"{answers} answers of {wanted}"


class Bench:
    """The runs of one contender, all in one folder that is emptied before each."""

    def __init__(self, contender: Contender, python: Path, folder: Path) -> None:
        self.contender, self.python, self.folder = contender, python, folder
        self._canaries: frozenset[str] = frozenset()  # what it asks in every run, whatever the documents

    def speed(self, calls: int) -> Facts:
        """CPU per call, rate and memory; raises Failed."""
        with self._fresh(START_UP_CALLS, first=calls) as run:
            start_up = _complete(run)
            asked = {line.request for line in read(run.teacher.ledger)}
        with self._fresh(calls) as run:
            usage = _complete(run)
            self._canaries = frozenset(asked & {line.request for line in read(run.teacher.ledger)})
            lines = read(run.teacher.ledger, without=self._canaries)
        answers = run.said["answers"] * CALLS_PER_DOCUMENT
        arrived = [line.time for line in lines if line.event == "arrived"]
        written = [line.time for line in lines if line.event == "written"]
        own = max(0, len(written) - answers)  # canaries that are never the same come before the work, too
        rate = answers / (written[-1] - arrived[own])
        return {
            "package": run.said["package"],
            "version": run.said["version"],
            "calls": answers,
            "own_requests": own + len(self._canaries),
            "cpu_ms_per_call": 1000 * (usage.cpu - start_up.cpu) / (answers - START_UP_CALLS),
            "start_up_cpu_s": start_up.cpu,
            "calls_per_s": rate,
            "of_limit": rate / LIMIT,
            "peak_rss_mb": usage.peak_rss / MB,
            "seconds": usage.seconds,
        }

    def kill(self, calls: int) -> Facts:
        """What is sent again after a SIGKILL at half of the calls, and how the second run ends; raises Failed."""
        with self._fresh(calls) as run:
            ledger = run.teacher.ledger
            killed = run.go(stop_after=calls // 2)
            if killed.status is not None:
                raise Failed(f"{run.outcome(killed)} before it could be killed")
            restart = ledger.stat().st_size
            before = read(ledger, without=self._canaries)
            outcome = run.outcome(run.go())
            after = read(ledger, restart, self._canaries)
        finished = {line.request for line in before if line.event == "written"}
        repeated = sum(line.request in finished for line in after if line.event == "arrived")
        return {
            "replies_before_kill": len(finished),
            "sent_again": repeated,
            "share_sent_again": repeated / len(finished),
            "after_restart": outcome,
        }

    @contextmanager
    def _fresh(self, calls: int, first: int = 0) -> Iterator[Run]:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        numbers = range(first, first + calls // CALLS_PER_DOCUMENT)
        documents = write_documents(self.folder / "documents.jsonl", numbers)
        with fake_teacher(self.folder / "ledger.jsonl") as teacher:
            yield Run(self.contender, self.python, teacher, documents, self.folder, calls)


def _complete(run: Run) -> Usage:
    usage = run.go()
    if (outcome := run.outcome(usage)) != "complete":
        raise Failed(f"{outcome}; see {run.folder / 'output.txt'}")
    return usage


def said_last(log: Path) -> Facts:
    """What a contender says of itself with its last line."""
    last = (log.read_text(errors="replace").splitlines() or [""])[-1]
    return json.loads(last) if last.startswith("{") else {}
