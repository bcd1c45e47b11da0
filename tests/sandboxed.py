"""Runs in the sandbox that can be told from all others, so that what they leave behind is found."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from genteach.generate.tools.sandbox import Limits


@contextmanager
def nothing_left() -> Iterator[Limits]:
    """Limits that no other run has; at the end, no process with these on its command line stays."""
    limits = Limits(wall=random.randrange(2_000, 4_000) / 1000)
    yield limits
    wait_until_gone(limits)


def processes_of(limits: Limits) -> list[int]:
    mark = f"wall={round(limits.wall * 1000)}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (entry / "cmdline").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:  # it ended meanwhile
            continue
    return found


def wait_until_gone(limits: Limits) -> None:
    until = time.monotonic() + 10
    while processes_of(limits) and time.monotonic() < until:
        time.sleep(0.02)
    assert not processes_of(limits)
