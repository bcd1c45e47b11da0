"""Several teachers for one run: every work item has one of them, drawn by hash, for all of its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from . import Teacher, TeacherSettings, open_teacher


class Faculty:
    """Teachers with their shares of the work items; with a single one, that is who teaches them all.

    `weaker` answers the turns of a few pairs, to measure how hard they are.
    """

    def __init__(
        self, teachers: Sequence[Teacher], shares: Sequence[float], weaker: Teacher | None = None
    ) -> None:
        self.teachers, self.shares, self.weaker = tuple(teachers), tuple(shares), weaker

    @property
    def everyone(self) -> tuple[Teacher, ...]:
        """The teachers, and the weaker responder."""
        return (*self.teachers, self.weaker) if self.weaker else self.teachers

    @property
    def limit(self) -> int:
        """How many requests they take at once, all together, now."""
        return sum(teacher.limit for teacher in self.teachers)

    def teacher_of(self, item: str) -> Teacher:
        """The teacher of a work item, by its id: the same in every run with the same shares."""
        drawn = int.from_bytes(sha256(f"teacher {item}".encode()).digest()[:8]) / 2**64 * sum(self.shares)
        for teacher, share in zip(self.teachers, self.shares, strict=True):
            if (drawn := drawn - share) < 0:
                return teacher
        return self.teachers[-1]

    async def start(self) -> list[dict[str, Any]]:
        """Make sure that all of them answer; their identities. Raises EnvironmentFailure."""
        return list(await asyncio.gather(*(teacher.start() for teacher in self.everyone)))

    def drain(self) -> None:
        """Finish what is in flight, everywhere."""
        for teacher in self.everyone:
            teacher.drain()

    def reports(self) -> list[dict[str, Any]]:
        """What each has to say of its work."""
        return [teacher.report() for teacher in self.everyone]

    async def close(self) -> None:
        await asyncio.gather(*(teacher.close() for teacher in self.everyone))


def open_faculty(
    settings: Sequence[TeacherSettings], logs: Path, weaker: TeacherSettings | None = None
) -> Faculty:
    """The teachers of a recipe, not started yet; each writes the logs of what it launches to a folder of its own."""
    folders = [logs] if len(settings) == 1 else [logs / str(number) for number in range(len(settings))]
    teachers = [open_teacher(each, folder) for each, folder in zip(settings, folders, strict=True)]
    other = open_teacher(weaker, logs / "weaker") if weaker else None
    return Faculty(teachers, [each.share for each in settings], other)
