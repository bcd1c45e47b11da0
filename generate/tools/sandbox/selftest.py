"""Tries the sandbox with hostile programs, once per process, and refuses one that lets any of them through."""

from __future__ import annotations

import asyncio
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from ....run import EnvironmentFailure
from .runner import Limits, Outcome, play
from .tiers import Tier, bubblewrap, built_in

T = TypeVar("T")
Run = Callable[[str, str, Limits], Awaitable[Outcome]]
THROUGH = "got through"


class Once(Generic[T]):
    """What `make` returns, made once per process whoever asks, from any thread and event loop; not kept where it
    raises."""

    def __init__(self, make: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._make, self._lock, self._made = make, threading.Lock(), list[T]()

    async def __call__(self) -> T:
        return self._made[0] if self._made else await asyncio.to_thread(self._get)

    def _get(self) -> T:
        with self._lock:
            if not self._made:
                self._made.append(asyncio.run(self._make()))
            return self._made[0]


async def _choose() -> Tier:
    if sys.platform != "linux":
        raise EnvironmentFailure(
            f"model-written code cannot be run here: its sandbox needs Linux, this is {sys.platform}"
        )
    return await first_sound(_tiers())


def _tiers() -> list[Tier]:
    installed = shutil.which("bwrap")
    return [built_in(), *([bubblewrap(installed)] if installed else [])]


ready = Once(_choose)
"""The tier in which programs run on this machine. Raises EnvironmentFailure where none is sound."""


async def first_sound(tiers: list[Tier]) -> Tier:
    """The first tier that holds all hostile programs; EnvironmentFailure says of each what is missing."""
    reasons = []
    for tier in tiers:
        weak = await weakness(partial(play, tier))
        if weak is None:
            return tier
        reasons.append(weak if tier.name in weak else f"{tier.name}: {weak}")
    if len(tiers) == 1:
        reasons.append("bubblewrap: not installed")
    raise EnvironmentFailure(f"model-written code cannot be run here: {'; '.join([*reasons, *_switches()])}")


def _switches() -> Iterator[str]:
    """The settings of this machine that forbid user namespaces."""
    settings = {"user/max_user_namespaces": "0", "kernel/unprivileged_userns_clone": "0"}
    settings["kernel/apparmor_restrict_unprivileged_userns"] = "1"
    for name, forbids in settings.items():
        path = Path("/proc/sys", name)
        if path.is_file() and path.read_text().strip() == forbids:
            yield f"sysctl {name.replace('/', '.')} is {forbids}"


@dataclass(frozen=True)
class Probe:
    """A program that does what it must not, and prints THROUGH where it was let."""

    does: str
    program: str
    limits: Limits = Limits(wall=60)  # far more than it needs: a busy machine is no weakness
    ends: str = "ok"

    def held(self, outcome: Outcome) -> bool:
        return THROUGH not in outcome.stdout and self.ends in (outcome.status, outcome.limit)


async def weakness(run: Run) -> str | None:
    """What `run` lets through, or why it runs nothing; None where it is sound."""
    with _bait() as (folder, port):
        probes = _probes(str(folder), port)
        try:
            honest = await run(HONEST, "", Limits(wall=60))
            if honest.stdout != "45\n":
                return f"a harmless program does not run ({honest.last_words or honest.status})"
            outcomes = await asyncio.gather(*(run(probe.program, "", probe.limits) for probe in probes))
        except EnvironmentFailure as failure:
            return str(failure)
        for probe, outcome in zip(probes, outcomes, strict=True):
            if not probe.held(outcome):
                return f"a program that {probe.does} is not contained"
        if [path.name for path in folder.iterdir()] != ["secret"]:
            return "a program that writes outside is not contained"
    return None


@contextmanager
def _bait() -> Iterator[tuple[Path, int]]:
    """A folder with a file that anyone may read, where anyone may write, and the port of a server."""
    with (
        tempfile.TemporaryDirectory(prefix="genteach-bait-") as name,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        folder = Path(name)
        folder.chmod(0o777)
        (folder / "secret").write_text(THROUGH)
        yield folder, server.getsockname()[1]


HONEST = """
import hashlib, json, threading
numbers = []
thread = threading.Thread(target=lambda: numbers.extend(range(10)))
thread.start(); thread.join()
with open("numbers", "w") as file:
    json.dump(numbers, file)
with open("numbers") as file:
    print(sum(json.load(file)))
"""


def _probes(folder: str, port: int) -> list[Probe]:
    secret, new = f"{folder}/secret", f"{folder}/new"
    return [
        _attempt("reads a file outside", f"open({secret!r}).read()"),
        _attempt("reads the environment of others", "open('/proc/1/environ').read()"),
        _attempt("writes outside", f"open({new!r}, 'w').write('x')"),
        _attempt("changes the library", "import os; open(os.__file__, 'ab')"),
        _attempt(
            "connects to this machine", f"import socket; socket.create_connection(('127.0.0.1', {port}), 1)"
        ),
        _attempt("opens a socket", "import socket; socket.socket(socket.AF_UNIX)"),
        Probe("starts another program", _STARTS),
        Probe("forks for ever", _FORKS),
        Probe("takes all memory", f"bytearray(4 << 30); print({THROUGH!r})", ends="memory"),
        Probe("outlives its deadline", _OUTLIVES, Limits(wall=0.4), ends="wall"),
    ]


def _attempt(does: str, statement: str) -> Probe:
    return Probe(does, f"try:\n    {statement}\n    print({THROUGH!r})\nexcept OSError:\n    pass\n")


_STARTS = f"""
import os
for path in ("/bin/sh", "/usr/bin/env", "started"):
    try:
        if path == "started":
            with open(path, "w") as file:
                file.write("#!/bin/sh\\necho {THROUGH}")
            os.chmod(path, 0o755)
        os.execv(path, [path, "-c", "echo {THROUGH}"])
    except OSError:
        pass
"""
_FORKS = f"""
import os, time
for count in range(100):
    try:
        if os.fork() == 0:
            time.sleep(1)
            os._exit(0)
    except OSError:
        break
else:
    print({THROUGH!r})
"""
_OUTLIVES = """
import os, signal, threading, time
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
try:
    os.setsid()
    if os.fork():
        os._exit(0)
except OSError:
    pass
threading.Thread(target=time.sleep, args=(60,)).start()
time.sleep(60)
"""
