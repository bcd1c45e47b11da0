"""Runs Python that nobody has read: shut in by the kernel, limited, and gone when the answer is there.

    outcome = await run_async("print(input()[::-1])", "abc")       # outcome.stdout == "cba\\n"

A program sees the standard library, an empty writable folder and its standard input. It reaches no file, process,
socket or setting of this machine, starts no other program, and is one process with threads (so that the limit of
memory is a limit of all of it). `tiers` isolates, `warden` is what runs inside, `seccomp` says which system calls
there are, `selftest` tries it all once per process, and `grade` decides whether a program is right.
"""

from __future__ import annotations

import asyncio
import os
from weakref import WeakKeyDictionary

from .runner import USUAL, Limits, Outcome, play
from .selftest import ready

__all__ = ["USUAL", "Limits", "Outcome", "ready", "run", "run_async"]

_slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def run_async(program: str, stdin: str = "", limits: Limits = USUAL) -> Outcome:
    """Run a Python program; as many at once as there are processors, the others wait outside their deadlines.

    Raises EnvironmentFailure where this machine cannot isolate it, or where our own side of the run failed.
    """
    tier = await ready()
    async with _slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_processors())):
        return await play(tier, program, stdin, limits)


def run(program: str, stdin: str = "", limits: Limits = USUAL) -> Outcome:
    """The same, for code that is not asynchronous."""
    return asyncio.run(run_async(program, stdin, limits))


def _processors() -> int:
    return max(2, len(os.sched_getaffinity(0)))
