"""Runs one program in a tier and says how it ended; nothing of it is left when the answer is there."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass, replace
from typing import Literal

from ....run import EnvironmentFailure
from . import seccomp
from .tiers import Tier

ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "HOME": "/tmp",
    "MALLOC_ARENA_MAX": "2",
}  # an arena reserves 64 MiB of the limit
PATIENCE = 20.0  # seconds beyond the deadline until we believe that our own side is stuck
WATCHERS = 3  # processes of ours that count against the program's threads
PAGE = 4096

Limit = Literal["wall", "cpu", "memory", "output"]


@dataclass(frozen=True)
class Limits:
    """What one run may use. `wall` and `cpu` are seconds (the second in whole ones), the others bytes: memory, the
    scratch folder, and each of standard output and standard error; `threads` counts those beside the first."""

    wall: float = 10.0
    cpu: int = 5
    memory: int = 512 << 20
    scratch: int = 16 << 20
    output: int = 1 << 20
    threads: int = 32


USUAL = Limits()


@dataclass(frozen=True)
class Outcome:
    """How a program ended: by itself with code 0 (ok), otherwise (error; `code` is the exit code, or minus the
    signal), or at a `limit`. What it wrote is cut at the limit and decoded with replacements; `seconds` are wall
    time inside the sandbox."""

    status: Literal["ok", "error", "limit"]
    limit: Limit | None
    code: int | None
    stdout: str
    stderr: str
    seconds: float

    @property
    def last_words(self) -> str:
        """The last line on standard error: of an uncaught exception, what it is and says."""
        return (self.stderr.rstrip().splitlines() or [""])[-1]


async def play(tier: Tier, program: str, stdin: str, limits: Limits) -> Outcome:
    """Run `program`, a Python source, in `tier`. Raises EnvironmentFailure where it could not be run or watched.

    Cancelling ends the program with all its threads before the cancellation goes on.
    """
    given = [text.encode("utf-8", "surrogatepass") for text in (program, stdin)]
    report, reporting = os.pipe()
    try:
        process = await _start(tier, given, limits, reporting)
        try:
            async with asyncio.timeout(limits.wall + PATIENCE):
                written = await asyncio.gather(
                    _read(process, process.stdout, limits.output),
                    _read(process, process.stderr, limits.output),
                    _give(process, b"".join(given)),
                )
                await process.wait()
        except TimeoutError as error:
            raise EnvironmentFailure(
                f"sandbox ({tier.name}): still running long after its deadline"
            ) from error
        finally:
            await _end(process)
        return _outcome(tier, _said(report), written[0], written[1], limits)
    finally:
        os.close(report)


async def _start(tier: Tier, given: list[bytes], limits: Limits, reporting: int) -> Process:
    """Start the warden; `reporting` is its end of the pipe of the report, and closed here."""
    pages = sum(-(-len(data) // PAGE) for data in given)
    scratch = limits.scratch + pages * PAGE  # what is given lies there too
    user = {} if tier.user is None else {"user": tier.user, "group": tier.user, "extra_groups": []}
    apart = {"pass_fds": [reporting], "start_new_session": True, "env": ENVIRONMENT, "cwd": "/"}
    try:
        options = {
            "report": reporting,
            "program": len(given[0]),
            "stdin": len(given[1]),
            "wall": round(limits.wall * 1000),
            "cpu": limits.cpu,
            "memory": limits.memory,
            "scratch": scratch,
            "threads": limits.threads + 1 + WATCHERS,
            "filter": seccomp.program(os.uname().machine).hex(),
        }
        command = tier.command([f"{name}={value}" for name, value in options.items()], scratch)
        return await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, **apart, **user
        )
    except OSError as error:
        raise EnvironmentFailure(f"sandbox ({tier.name}): cannot start: {error}") from error
    finally:
        os.close(reporting)


async def _read(process: Process, stream: asyncio.StreamReader | None, most: int) -> bytes:
    """What the program writes, and at most one byte more than it may: then it is stopped, the rest thrown away."""
    assert stream is not None
    kept = b""
    while piece := await stream.read(1 << 16):
        kept += piece[: most + 1 - len(kept)]
        if len(kept) > most:
            _stop(process)
    return kept


async def _give(process: Process, data: bytes) -> None:
    """Send the program and its input; the pipe stays open, for its closing means that the run is over."""
    assert process.stdin is not None
    process.stdin.write(data)
    with contextlib.suppress(ConnectionError):  # it ended before it had read all: the report says why
        await process.stdin.drain()


def _stop(process: Process) -> None:
    assert process.stdin is not None
    if not process.stdin.is_closing():
        process.stdin.transport.abort()


async def _end(process: Process) -> None:
    """Returns when the process has gone, and with it all that ran in its namespace."""
    if process.returncode is None:
        _stop(process)
        try:
            await asyncio.wait_for(process.wait(), PATIENCE)
        except TimeoutError:
            process.kill()
            await process.wait()


def _said(report: int) -> list[str]:
    os.set_blocking(report, False)
    with contextlib.suppress(BlockingIOError):  # nothing was said, and someone lives who could
        return os.read(report, PAGE).decode().splitlines()
    return []


def _outcome(tier: Tier, said: list[str], stdout: bytes, stderr: bytes, limits: Limits) -> Outcome:
    """What the report and the output come to. Raises EnvironmentFailure where the program was not run to an end."""
    out, err = (data[: limits.output].decode("utf-8", "replace") for data in (stdout, stderr))
    failed = [line.removeprefix("failed ") for line in said if line.startswith("failed ")]
    if failed or "begun" not in said or said[-1] == "begun":
        why = failed[0] if failed else (err.rstrip().splitlines() or ["it ended without a word"])[-1]
        raise EnvironmentFailure(f"sandbox ({tier.name}): {why}")
    how, *numbers = said[-1].split()
    code, cpu = (int(numbers[0]), float(numbers[1])) if how == "ended" else (None, 0.0)
    outcome = Outcome("ok" if code == 0 else "error", None, code, out, err, float(numbers[-1]))
    too_long = max(len(stdout), len(stderr)) > limits.output
    limit = "output" if too_long else "wall" if how == "late" else _limit(outcome, cpu, limits)
    return outcome if limit is None else replace(outcome, status="limit", limit=limit)


def _limit(outcome: Outcome, cpu: float, limits: Limits) -> Limit | None:
    """Which of the kernel's limits ended the program, if one did."""
    killed = outcome.code == -signal.SIGKILL
    if outcome.code == -signal.SIGXCPU or (killed and cpu >= limits.cpu):
        return "cpu"
    # Nobody else sends SIGKILL: the machine's memory ran out. For its own limit we have the program's word only, and
    # not always in good order; it does no harm, for a program that claims it is not believed to be right.
    if killed or (outcome.code == 1 and "MemoryError" in outcome.stderr[-2000:]):
        return "memory"
    return None
