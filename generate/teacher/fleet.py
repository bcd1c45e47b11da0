"""The servers of one teacher: met at the start, watched, ejected when they fail, taken back when they are it again."""

import asyncio
import time
from collections import Counter, deque
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
CHECK_EVERY = 1000  # replies of a server
IDENTIFY_EVERY = 10  # of these checks: it takes four calls
CERTAIN = 2  # looks at a stranger, before it ends a run: greedy answers of a GPU may differ once


class Fleet:
    """All the servers, each with a task that looks after it."""

    def __init__(self, settings: TeacherSettings, places: Places, say: Callable[[str], None]) -> None:
        self.replicas: list[Replica] = []
        self._places, self._say = places, say
        self._attempts, self._patience = settings.attempts, settings.patience
        self._identity: dict[str, Any] = {}
        self._strangers: Counter[Replica] = Counter()  # how often in a row each was somebody else
        self._gone_since = 0.0
        self._tasks: set[asyncio.Task[None]] = set()

    async def meet(self, replicas: list[Replica]) -> dict[str, Any]:
        """Ask every server who it is, and go on with those that answer; raises Failure where none does."""
        self.replicas = replicas
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
        await asyncio.gather(*map(self._welcome, alive))
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
        first, others = self.replicas[0].url, len(self.replicas) - 1
        who = f"{first} has" if not others else f"{first} and {others} more have"
        advice = "check the server, then run the same command to go on"
        return EnvironmentFailure(f"{who} answered nothing for {seconds:.0f} s ({why}); {advice}")

    def count_reply(self, replica: Replica) -> None:
        """Look at a server's answers now and then, while it works."""
        checks, rest = divmod(replica.calls, CHECK_EVERY)
        if not rest:
            self._keep(self._check(replica, identify=checks % IDENTIFY_EVERY == 0))

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
            early = replica.limit.doubling and (self._places.waiting or not replica.calls)
            await asyncio.sleep(SAMPLED_EARLY if early else SAMPLED_EVERY)
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
            del self._strangers[replica]
            replica.take_back()
            await self._welcome(replica)
            self._say(f"{replica.url} answers again, and gets calls, few at first")

    def _refuse(self, replica: Replica, other: str) -> None:
        """Name a server that came back as another teacher; the run ends where there is no other kind."""
        line = f"{replica.url} is another teacher now: {other}"
        self._strangers[replica] += 1
        if self._strangers[replica] == 1:
            self._say(f"{line}; it gets no calls")
        if all(self._strangers[each] >= CERTAIN for each in self.replicas):
            advice = "start the one that began this run, or begin another run"
            self._places.end(EnvironmentFailure(f"{line}; {advice}"))

    async def _check(self, replica: Replica, identify: bool) -> None:
        """Have a server that works repeat a code, or say who it is: it may have been replaced between two calls."""
        if replica.echoes is not None:
            await self._plant_code(replica, replica.echoes)
        if not identify:
            return
        try:
            identity = await replica.server.identify()
        except Failure:  # of no consequence to calls that are answered
            return
        if other := same_teacher(self._identity, identity):
            self.eject(replica, f"it may be another teacher: {other}")

    async def _plant_code(self, replica: Replica, echoes: deque[bool]) -> None:
        """Have a code repeated: where replies reach the wrong caller, it comes back wrong."""
        came_back = await replica.server.repeats()
        if came_back is None:
            return
        echoes.append(came_back)
        if echoes.count(False) >= TRUSTED[1]:
            wrong = f"{TRUSTED[1]} of the last {len(echoes)} codes to repeat came back wrong"
            advice = "it mixes up its replies; restart it, then run the same command to go on"
            self._places.end(EnvironmentFailure(f"{replica.url}: {wrong}: {advice}"))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        """Hold on to a task until it is done; what breaks it ends the run."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(fault := task.exception(), Exception):
            self._places.end(fault)
