"""Who is sent where, and when: calls take places at the servers, and those that find none wait their turn."""

import asyncio
import itertools
import time
from heapq import heappop, heappush

from ...run import Failure
from . import Draining
from .replica import BusyClock, Call, Replica

CLOSE = 1.5  # how much costlier than the best server a passage's home may be
SLACK = 8  # calls by which it may be busier, however little the best one has to do


class Places:
    """The places of the servers that get calls. A call goes where the least work is ahead of its tokens.

    Work is tokens in flight times the seconds that one takes there: with servers of one speed, the least
    tokens. Calls about one passage go to one server, whose prefix cache knows it, unless that is busier.
    """

    def __init__(self) -> None:
        self.healthy: list[Replica] = []
        self.waiting: list[tuple[bool, int, int, Call]] = []  # a heap: whose turn it is stands first
        self._tickets = itertools.count()
        self.clock = BusyClock()
        self.over: Exception | None = None  # what every call raises that is not in flight
        self._ended = asyncio.Event()

    def take(self, call: Call) -> Replica | None:
        """A place at once, unless others wait already; raises what ended the run."""
        if self.over is not None:
            raise self.over.with_traceback(None)
        return None if self.waiting else self._take(call)

    async def turn(self, call: Call) -> Replica:
        """A place in turn: first the calls that were sent before, then those of the work items begun first."""
        call.turn = asyncio.get_running_loop().create_future()
        heappush(self.waiting, (not call.sends, call.request.turn, next(self._tickets), call))
        try:
            return await call.turn
        except asyncio.CancelledError:
            if call.turn.done() and not call.turn.cancelled() and not call.turn.exception():
                self.leave(call.turn.result(), call)
            raise

    def leave(self, replica: Replica, call: Call) -> None:
        """Give a place back, and hand it to the next that waits."""
        now = time.monotonic()
        replica.leave(call, now)
        self.clock.land(now)
        self.wake()

    def wake(self) -> None:
        """Hand the free places to those that wait."""
        while self.waiting:
            *_, call = self.waiting[0]
            if call.turn is not None and not call.turn.done():
                replica = self._take(call)
                if replica is None:
                    return
                call.turn.set_result(replica)
            heappop(self.waiting)

    def pause(self, replica: Replica, seconds: float) -> None:
        """Send a server nothing for as long as it asked."""
        if seconds > 0:
            replica.paused_until = max(replica.paused_until, time.monotonic() + seconds)
            asyncio.get_running_loop().call_later(seconds + 0.001, self.wake)

    async def rest(self, seconds: float) -> None:
        """Let time pass; raises at once what ends the run meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        except TimeoutError:
            return
        if self.over is not None:
            raise self.over.with_traceback(None)

    def end(self, failure: Exception) -> None:
        """Nothing more is sent: whatever is not in flight raises this. A failure outweighs a drain."""
        if self.over is None or (isinstance(self.over, Draining) and isinstance(failure, Failure)):
            self.over = failure
        self._ended.set()
        while self.waiting:
            turn = heappop(self.waiting)[-1].turn
            if turn is not None and not turn.done():
                turn.set_exception(self.over.with_traceback(None))

    def _take(self, call: Call) -> Replica | None:
        now, best, least = time.monotonic(), None, float("inf")
        for replica in self.healthy:
            if replica.has_room(now) and replica is not call.shunned:
                cost = (replica.outstanding + call.tokens) * self._pace(replica)
                if cost < least:
                    best, least = replica, cost
        if best is None:
            best = call.shunned
            if best is None or best.ejected or not best.has_room(now):
                return None
        elif len(self.healthy) > 1 and call.request.seed_id:
            best = self._home(call, best, least, now)
        best.join(call, now)
        self.clock.take_off(now)
        return best

    def _home(self, call: Call, best: Replica, least: float, now: float) -> Replica:
        """The server of the passage's other calls, unless it is full or much busier than the best one."""
        seed_id = call.request.seed_id
        home = max(self.healthy, key=lambda replica: replica.affinity(seed_id))
        if home is best or home is call.shunned or not home.has_room(now):
            return best
        cost = (home.outstanding + call.tokens) * self._pace(home)
        return home if cost <= CLOSE * least + SLACK * call.tokens * self._pace(best) else best

    def _pace(self, replica: Replica) -> float:
        """Seconds for a token; those of the others where it has not answered yet."""
        if replica.pace is not None:
            return replica.pace
        known = [other.pace for other in self.healthy if other.pace is not None]
        return sum(known) / len(known) if known else 1.0
