"""One place in a Ray cluster: the replicas that a recipe launches, and the shards that run beside them.

They stand together because launched servers listen on 127.0.0.1 alone: who asks them must be on their machine.
Nothing here imports Ray; cluster.py makes an actor of the class.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import yaml

from ..progress import printable
from ..run import EnvironmentFailure, Failure, Interrupted, make_folder, write_whole
from .engine import Shard
from .recipe import GenerateRecipe
from .teacher import TeacherSettings
from .teacher.launch import Servers, last_lines
from .teacher.start import TOKEN_VARIABLE

GENTEACH = ("-m", "genteach.cli")
# Ray kills a worker without a word to its children; Linux is asked to kill this one with it (linux/prctl.h).
FALL_WITH_PARENT = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9, 0, 0, 0); os.execv(sys.argv[1], sys.argv[1:])"
)

Ended = tuple[int, str, dict[str, Any]]  # exit code, last line, last counts


class Worker:
    """Runs shards of one recipe, one after another; its other methods are called while `run` is under way.

    `home` is the folder that relative paths start from, where this machine has it; `program` is what Python is
    given to run `genteach`.
    """

    def __init__(
        self, recipe: GenerateRecipe, journals: Path | None, home: Path, program: tuple[str, ...]
    ) -> None:
        with suppress(OSError):
            os.chdir(home)
        self._recipe, self._journals, self._program = recipe, journals, program
        self._servers: list[Servers] = []
        self._watching: list[asyncio.Task[EnvironmentFailure]] = []
        self._hosting: asyncio.Task[GenerateRecipe] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._shard: Shard | None = None
        self._said: dict[str, Any] = {}

    async def place(self) -> str:
        """The machine that it came to be on."""
        return socket.gethostname()

    async def run(self, shard: Shard, options: list[str]) -> Ended:
        """Run a shard to its end, and say how it ended; the run's folder keeps its log."""
        self._shard, self._said = shard, {}
        folder = make_folder(self._recipe.out / "logs" / f"shard-{shard}")
        self._hosting = self._hosting or asyncio.create_task(self._host(folder))
        await asyncio.wait([self._hosting])
        if self._hosting.cancelled():
            return Interrupted.exit_code, "stopped before it began", {}
        try:
            recipe = self._hosting.result()
        except Failure as failure:
            return failure.exit_code, _first_line(failure), {}
        config = folder / "recipe.yaml"
        write_whole(config, yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))
        number = f"{shard.number}/{shard.count}"
        given = [
            "--config",
            str(config),
            "--shard",
            number,
            "--journal-dir",
            str(self._journal_folder()),
            "--json",
        ]
        code = await self._run([*self._program, "generate", *given, *options], folder / "log")
        for watch in self._watching:
            if watch.done():
                return EnvironmentFailure.exit_code, _first_line(watch.result()), self._said
        return code, _last_line(folder / "log", code), self._said

    async def progress(self, shard: Shard) -> dict[str, Any]:
        """What the shard's process counted last; calls may overtake each other on their way here."""
        return self._said if shard == self._shard else {}

    async def drain(self) -> None:
        """Have the shard finish its calls in flight, seal, and stop."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.terminate()
        elif self._hosting is not None:
            self._hosting.cancel()

    async def close(self) -> None:
        """Stop the servers."""
        for watch in self._watching:
            watch.cancel()
        for servers in self._servers:
            await servers.stop()

    async def _host(self, logs: Path) -> GenerateRecipe:
        """Start the servers of the teachers that are to be launched; returns the recipe with their addresses."""
        gpus = filter(None, os.environ.get("CUDA_VISIBLE_DEVICES", "").split(","))
        teachers = []
        for number, settings in enumerate(self._recipe.teachers):
            if settings.launch is None:
                teachers.append(settings)
                continue
            servers = Servers(with_gpus(settings, gpus), logs / f"teacher-{number}")
            self._servers.append(servers)
            await servers.start()
            self._watching.append(asyncio.create_task(servers.watch()))
            variable = f"{TOKEN_VARIABLE}_{number}"
            os.environ[variable] = servers.token  # this process has no other use than its shards
            teachers.append(servers.settings.model_copy(update={"api_key_env": variable}))
        return self._recipe.model_copy(update={"teacher": teachers[0], "more_teachers": tuple(teachers[1:])})

    async def _run(self, arguments: list[str], log: Path) -> int:
        command = [sys.executable, *arguments]
        if sys.platform == "linux":
            command = [sys.executable, "-I", "-S", "-c", FALL_WITH_PARENT, *command]
        with log.open("ab") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *command, stdout=asyncio.subprocess.PIPE, stderr=errors, start_new_session=True
            )
        ended = asyncio.create_task(self._listen(self._process))
        await asyncio.wait([ended, *self._watching], return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():  # no server is left
            await self.drain()
        code, self._process = await ended, None
        return code

    async def _listen(self, process: asyncio.subprocess.Process) -> int:
        assert process.stdout is not None
        async for line in process.stdout:
            said = orjson.loads(line)
            if said["step"] == "generate":
                self._said = said
        return await process.wait()

    def _journal_folder(self) -> Path:
        """On this machine's own disk; without a wish, where temporary files go, for nobody else to read."""
        if self._journals is not None:
            return self._journals
        folder = Path(tempfile.gettempdir()) / f"genteach-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise EnvironmentFailure(
                f"{folder}: belongs to somebody else; name another folder: --journal-dir DIR"
            )
        return folder


def named(settings: TeacherSettings) -> TeacherSettings:
    """The settings with the model that a launched server is asked for: it decides the output, wherever it runs."""
    launch = settings.launch
    if launch is None or settings.model or launch.server == "command":
        return settings
    return settings.model_copy(update={"model": launch.model})


def gpus_for(settings: TeacherSettings) -> int:
    """How many GPUs the servers of a teacher take, on a cluster that has any."""
    launch = settings.launch
    return launch.replicas * launch.tensor_parallel if launch and launch.gpus != () else 0


def with_gpus(settings: TeacherSettings, gpus: Iterator[str]) -> TeacherSettings:
    """The settings with the next of the GPUs that Ray gave to this worker; none of them on a cluster without any."""
    assert settings.launch is not None
    own = tuple(itertools.islice(gpus, gpus_for(settings)))
    return settings.model_copy(update={"launch": settings.launch.model_copy(update={"gpus": own})})


def _first_line(failure: Failure) -> str:
    return str(failure).splitlines()[0]


def _last_line(log: Path, code: int) -> str:
    """What the process said at its end, or what ended it."""
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    lines = last_lines(log, 1)
    return printable(lines[0]).removeprefix("genteach: ") if lines else ""
