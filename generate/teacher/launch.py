"""Servers of our own: started with the run, watched, started again when they die, gone when it ends."""

import asyncio
import contextlib
import os
import random
import secrets
import shlex
import signal
import socket
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import aiohttp

from ...progress import printable, say
from ...run import BadInput, EnvironmentFailure, make_folder
from . import Draining, Guided, Reply, Request, TeacherSettings, Unanswerable
from .fingerprint import ONE_TOKEN
from .pool import Pool
from .protocol import Again
from .server import Dead, Server
from .servers import HOST, LaunchSettings, Placement, command_for, environment_for, gpu_groups

GUARD = Path(__file__).parent / "servers" / "guard.py"
PORTS = range(20_000, 32_000)  # below those that Linux gives to outgoing connections while a model loads
POLL = 0.25  # seconds between two tries for a first token
PAUSE = 1.0  # seconds before a server is started again
HOUR = 3600.0
LAST_LINES = 15  # of a log, in an error


class ServerProcess:
    """One server, under a guard that outlives this process only until it has stopped the server.

    The log is for this user alone: some servers write the token that they were given into it.
    """

    def __init__(
        self, settings: TeacherSettings, launch: LaunchSettings, place: Placement, log: Path
    ) -> None:
        self.place, self.log, self.restarts = place, log, 0
        self._settings, self._launch = settings, launch
        self._process: asyncio.subprocess.Process | None = None
        self._files: list[Path] = []

    async def start(self) -> None:
        """Start it and have a token generated: /health alone says nothing. Raises EnvironmentFailure."""
        process, why = await self._spawn(), ""
        try:
            async with asyncio.timeout(self._launch.start_timeout):
                while why := await self._why_no_token():
                    if process.returncode is not None:
                        raise self._failure(f"{_ended(process.returncode)} before it generated a token")
                    await asyncio.sleep(POLL)
        except TimeoutError:
            waited = f"generated no token in {self._launch.start_timeout:g} s"
            raise self._failure(f"{waited} ({why})" if why else waited) from None

    async def watch(self) -> EnvironmentFailure:
        """Start it again whenever it ends; once its restarts are spent, return why it stays down."""
        ends: deque[float] = deque(maxlen=self._launch.restarts + 1)
        process = self._process or await self._spawn()
        while True:
            code = await process.wait()
            ends.append(time.monotonic())
            if len(ends) == ends.maxlen and ends[-1] - ends[0] < HOUR:
                return self._failure(f"{_ended(code)}, and has no restart left this hour")
            say(f"{self.place.url} {_ended(code)}, and is started again; its log is {self.log}")
            self.restarts += 1
            await asyncio.sleep(PAUSE)
            try:
                process = await self._spawn()
            except (OSError, EnvironmentFailure) as error:
                return EnvironmentFailure(
                    f"{self.place.url} {_ended(code)} and cannot be started again: {error}"
                )

    async def stop(self) -> None:
        """SIGTERM, a grace, SIGKILL for all that is left: the guard does it when its standard input closes."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            try:
                async with asyncio.timeout(self._launch.grace + 10):
                    await self._process.wait()
            except TimeoutError:  # a process that the kernel does not let go
                self._process.kill()
        for path in self._files:
            path.unlink(missing_ok=True)

    async def _spawn(self) -> asyncio.subprocess.Process:
        command = command_for(self._launch, self.place)
        for folder in command.folders:
            folder.mkdir(parents=True, exist_ok=True)
        for path, text in command.files.items():
            write_privately(path, text)
        self._files = list(command.files)
        shown = shlex.join(command.argv).replace(self.place.token, "TOKEN")
        with open(self.log, "ab", buffering=0, opener=_privately) as log:
            log.write(f"--- {time.strftime('%F %T')} {shown}\n".encode())
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(GUARD), str(self._launch.grace), *command.argv),
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                env=environment_for(self._launch, self.place, os.environ) | command.environment,
                start_new_session=True,
            )
        return self._process

    async def _why_no_token(self) -> str:
        """Why it does not generate yet; raises EnvironmentFailure for what will not pass."""
        async with connect(self.place.token) as session:
            server = server_at(self.place.url, self._settings, session)
            try:
                if not server.model:
                    with contextlib.suppress(Dead):  # what it lists is enough
                        await server.identify()
                await server.complete(ONE_TOKEN.body(server.model), {})
            except Again as why:
                return str(why)
            except Unanswerable as why:
                raise self._failure(f"refuses a prompt of two words ({why})") from None
        return ""

    def _failure(self, what: str) -> EnvironmentFailure:
        lines = "\n".join(f"  {printable(line)}" for line in last_lines(self.log, LAST_LINES))
        return EnvironmentFailure(f"the server at {self.place.url} {what}; the end of {self.log}:\n{lines}")


def _ended(code: int) -> str:
    """How a process ended; the guard, as a shell, adds 128 to the number of a signal."""
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(code - 128).name}"
    return f"exited with {code}"


class Servers:
    """The replicas of one teacher on this machine: each with GPUs and a port of its own, one token for all."""

    def __init__(self, settings: TeacherSettings, logs: Path) -> None:
        launch = settings.launch
        if launch is None:
            raise BadInput("teacher.launch: missing; it says which server to start, and on which model")
        self.token, self.logs = secrets.token_urlsafe(32), logs
        groups = gpu_groups(launch, os.environ)
        name = settings.model or launch.model or ""
        places = [
            Placement(port, name, self.token, gpus, logs)
            for port, gpus in zip(free_ports(len(groups)), groups, strict=True)
        ]
        self.settings = _pool_settings(settings, launch, tuple(place.url for place in places))
        self.servers = [
            ServerProcess(self.settings, launch, place, logs / f"teacher-{number}.log")
            for number, place in enumerate(places)
        ]

    async def start(self) -> None:
        """Return when each has generated a token; raises EnvironmentFailure for the first that cannot."""
        make_folder(self.logs)
        try:
            async with asyncio.TaskGroup() as starting:
                for server in self.servers:
                    starting.create_task(server.start())
        except ExceptionGroup as group:
            raise group.exceptions[0] from None

    async def watch(self) -> EnvironmentFailure:
        """Keep them up; returns when the last of them stays down, and why."""
        failures = await asyncio.gather(*(server.watch() for server in self.servers))
        return failures[-1]

    async def stop(self) -> None:
        await asyncio.gather(*(server.stop() for server in self.servers))


class Launched:
    """A teacher whose servers live and die with it; the calls are a Pool's over their URLs."""

    def __init__(self, settings: TeacherSettings, logs: Path) -> None:
        self._servers = Servers(settings, logs)
        self._pool = Pool(self._servers.settings, self._servers.token)
        self._watching: asyncio.Task[None] | None = None
        self._gone: EnvironmentFailure | None = None

    @property
    def name(self) -> str:
        return self._pool.name

    @property
    def guided(self) -> Guided:
        return self._pool.guided

    @property
    def limit(self) -> int:
        return self._pool.limit

    async def start(self) -> dict[str, Any]:
        """Start the servers, and return who they are; raises EnvironmentFailure."""
        try:
            await self._servers.start()
            identity = await self._pool.start()
        except BaseException:
            await self.close()
            raise
        self._watching = asyncio.create_task(self._watch())
        return identity

    async def ask(self, request: Request) -> Reply:
        """As the pool does; EnvironmentFailure names the log once no server is left."""
        try:
            return await self._pool.ask(request)
        except Draining:
            if self._gone:
                raise self._gone from None
            raise

    def drain(self) -> None:
        self._pool.drain()

    def report(self) -> dict[str, Any]:
        return self._pool.report() | {"restarts": [server.restarts for server in self._servers.servers]}

    async def close(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        await self._pool.close()
        await self._servers.stop()

    async def _watch(self) -> None:
        """When no server is left, what is in flight ends too: with the reason, by way of `ask`."""
        self._gone = await self._servers.watch()
        self._pool.drain()


def _pool_settings(
    settings: TeacherSettings, launch: LaunchSettings, urls: tuple[str, ...]
) -> TeacherSettings:
    """How the servers are asked: by the name that they were given, with patience while one starts again."""
    listed = launch.server == "command"  # such a server may call its model what it likes: its list says how
    model = settings.model or (None if listed else launch.model)
    patience = max(settings.patience, launch.start_timeout)
    given = {"url": urls, "model": model, "launch": None, "api_key_env": None, "patience": patience}
    return settings.model_copy(update=given)


def connect(token: str) -> aiohttp.ClientSession:
    """A session that shows the token, where there is one, and has no limits of its own."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return aiohttp.ClientSession(
        headers={"Content-Type": "application/json", **headers},
        timeout=aiohttp.ClientTimeout(total=None),
        connector=aiohttp.TCPConnector(limit=0),
    )


def server_at(url: str, settings: TeacherSettings, session: aiohttp.ClientSession) -> Server:
    """A server to ask by itself; its requests are named by UUIDs, as llama-cpp-python's refuses any other name."""
    return Server(url, settings, session, run=secrets.token_hex(12))


def free_ports(count: int) -> list[int]:
    """So many different ports of 127.0.0.1 that nothing listens on now; raises EnvironmentFailure."""
    found: list[int] = []
    with contextlib.ExitStack() as held:
        for port in random.sample(PORTS, len(PORTS)):
            if len(found) == count:
                return found
            probe = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                probe.bind((HOST, port))
                found.append(port)
    raise EnvironmentFailure(f"{HOST}: no {count} free ports between {PORTS[0]} and {PORTS[-1]}")


def write_privately(path: Path, text: str) -> None:
    """Write a file that nobody but this user can read."""
    path.unlink(missing_ok=True)
    with open(path, "x", opener=_privately) as file:
        file.write(text)


def _privately(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def last_lines(path: Path, count: int) -> list[str]:
    """The end of a log, of which the last 16 KiB are read."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 16_384))
        return file.read().decode(errors="replace").splitlines()[-count:]
