"""The servers of one teacher: met at the start, watched, ejected when they fail, taken back when they are it again."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from ...run import EnvironmentFailure, Failure
from . import TeacherSettings
from .fingerprint import same_teacher
from .places import Places
from .replica import TRUSTED, Replica
from .server import Dead, backoff

SAMPLED_EVERY, SAMPLED_EARLY = (
    0.5,
    0.1,
)  # seconds between looks at a server, and while its limit still doubles
FAILURES = 5  # in a row, for a server to be doubted
GRACE = 10.0  # seconds left to the calls in flight at a server that may yet answer them
ECHO_EVERY = 1000  # replies of a server


class Fleet:
    """All the servers, each with a task that looks after it."""

    def __init__(
        self,
        replicas: list[Replica],
        settings: TeacherSettings,
        places: Places,
        say: Callable[[str], None],
    ) -> None:
        self.replicas, self._places, self._say = replicas, places, say
        self._attempts, self._patience = settings.attempts, settings.patience
        self._identity: dict[str, Any] = {}
        self._strangers: dict[Replica, str] = {}
        self._gone_since = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def meet(self) -> dict[str, Any]:
        """Ask every server who it is, and go on with those that answer; raises Failure where none does."""
        met = await asyncio.gather(
            *(replica.server.identify(self._attempts) for replica in self.replicas), return_exceptions=True
        )
        alive: dict[Replica, dict[str, Any]] = {}
        dead: dict[Replica, Dead] = {}
        for replica, outcome in zip(self.replicas, met, strict=True):
            if isinstance(outcome, Dead):
                dead[replica] = outcome
            elif isinstance(outcome, BaseException):
                raise outcome
            else:
                alive[replica] = outcome
        if not alive:
            raise next(iter(dead.values()))
        self._agree(alive)
        for replica in alive:
            await self._welcome(replica)
        for replica, why in dead.items():
            self.eject(replica, str(why), 0.0)
        return self._identity

    def watch(self) -> None:
        """Look after the servers from now on."""
        for replica in self.replicas:
            self._keep(self._watch(replica))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for replica in self.replicas:
            replica.server.close()

    def eject(self, replica: Replica, why: str, grace: float = GRACE) -> None:
        """Send a server no more calls, and give those in flight `grace` seconds."""
        if replica.ejected:
            return
        replica.eject(why, grace)
        if replica in self._places.healthy:
            self._places.healthy.remove(replica)
        left = len(self._places.healthy)
        self._say(
            f"{replica.url} gets no more calls ({why}); {left} of {len(self.replicas)} servers left; trying it again"
        )
        if not left:
            self._gone_since = time.monotonic()
            loop = asyncio.get_running_loop()
            loop.call_later(self._patience, self._give_up, self._gone_since, why)

    def answered_nothing(self, seconds: float, why: str) -> EnvironmentFailure:
        """The end of a run whose servers are gone."""
        urls = ", ".join(replica.url for replica in self.replicas)
        advice = "check the server, then run the same command to go on"
        return EnvironmentFailure(f"{urls} has answered nothing for {seconds:.0f} s ({why}); {advice}")

    def count_reply(self, replica: Replica) -> None:
        """Plant a code among a server's calls now and then."""
        if replica.echoes is not None and replica.calls % ECHO_EVERY == 0:
            self._keep(self._plant_code(replica))

    def _agree(self, alive: dict[Replica, dict[str, Any]]) -> None:
        """Take the first one's identity for the teacher's; raises EnvironmentFailure where another one differs."""
        first, self._identity = next(iter(alive.items()))
        for replica, identity in alive.items():
            if other := same_teacher(self._identity, identity):
                raise EnvironmentFailure(
                    f"{replica.url} is not a replica of {first.url}: {other}; give the URLs of one teacher"
                )

    async def _welcome(self, replica: Replica) -> None:
        """Give calls to a server that is known to be the teacher."""
        load = await replica.server.load()
        if load is not None:
            replica.observed(load, wanted=False)
        can_repeat = await replica.server.repeats() and await replica.server.repeats()
        replica.echoes = deque(maxlen=TRUSTED[0]) if can_repeat else None
        self._places.healthy.append(replica)
        self._places.wake()

    async def _watch(self, replica: Replica) -> None:
        while True:
            await asyncio.sleep(SAMPLED_EARLY if replica.limit.doubling else SAMPLED_EVERY)
            if replica.ejected:
                await self._bring_back(replica)
            elif replica.failed_in_a_row >= FAILURES or replica.is_silent(time.monotonic()):
                await self._have_sing(replica)
            elif replica.loads is not None and (load := await replica.server.load()):
                replica.observed(load, bool(self._places.waiting))
            self._places.wake()

    async def _have_sing(self, replica: Replica) -> None:
        """Eject a server that answers neither its calls nor its canary."""
        asked = time.monotonic()
        silent = replica.is_silent(asked)
        replica.failed_in_a_row = 0
        why = await replica.server.sings()
        if why and replica.server.heard < asked:
            self.eject(replica, f"it generates nothing: {why}", 0.0 if silent else GRACE)

    def _give_up(self, since: float, why: str) -> None:
        """End the run if no server has come back since."""
        if not self._places.healthy and self._gone_since == since:
            self._places.end(self.answered_nothing(time.monotonic() - since, why))

    async def _bring_back(self, replica: Replica) -> None:
        """Try a server with growing waits until it is the teacher again."""
        attempt = 0
        while replica.ejected:
            attempt += 1
            await asyncio.sleep(backoff(attempt))
            try:
                identity = await replica.server.identify()
            except Failure:
                continue
            if other := same_teacher(self._identity, identity):
                self._refuse(replica, other)
                continue
            self._strangers.pop(replica, None)
            replica.take_back()
            await self._welcome(replica)
            self._say(f"{replica.url} answers again, and gets calls, few at first")

    def _refuse(self, replica: Replica, other: str) -> None:
        """Name a server that came back as another teacher, and end the run where no other kind is left."""
        line = f"{replica.url} came back as another teacher: {other}"
        if self._strangers.get(replica) != other:
            self._say(f"{line}; it gets no calls")
        self._strangers[replica] = other
        if len(self._strangers) == len(self.replicas):
            self._places.end(
                EnvironmentFailure(f"{line}; start the one that began this run, or begin another")
            )

    async def _plant_code(self, replica: Replica) -> None:
        """Have a code repeated: where replies reach the wrong caller, it comes back wrong."""
        came_back = await replica.server.repeats()
        if came_back is None or replica.echoes is None:
            return
        replica.echoes.append(came_back)
        if replica.echoes.count(False) >= TRUSTED[1]:
            wrong = f"{TRUSTED[1]} of the last {len(replica.echoes)} codes to repeat came back wrong"
            self._places.end(
                EnvironmentFailure(
                    f"{replica.url}: {wrong}: it mixes up its replies; "
                    "restart it, then run the same command to go on"
                )
            )

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Hold on to a task until it is done; what breaks it ends the run."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(fault := task.exception(), Exception):
            self._places.end(fault)
