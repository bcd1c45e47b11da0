"""One server's place in a pool: what is in flight there, how fast it answers, and why it gets no calls, if so."""

import asyncio
import time
from collections import deque
from collections.abc import Sized
from typing import Any

from xxhash import xxh3_64_intdigest

from . import Reply, Request, TeacherSettings
from .limit import Limit
from .metrics import Load
from .protocol import Again, read_reply
from .server import Server

PASSAGES = 4096  # whose prefixes a server is taken to remember
NEWEST = 0.05  # the weight of one call in an average over calls
TRUSTED = (10, 3)  # of the last so many codes, how many may come back wrong


class Call:
    """A request on its way: its bytes, its size in tokens as estimated, and what became of it so far."""

    __slots__ = (
        "began", "body", "failures", "headers", "losses", "request", "sends", "shunned", "tokens", "turn"
    )  # fmt: skip

    def __init__(self, request: Request, body: bytes, headers: dict[str, str], tokens: float) -> None:
        self.request, self.body, self.headers, self.tokens = request, body, headers, tokens
        self.began = time.monotonic()
        self.sends = self.failures = self.losses = 0
        self.shunned: Replica | None = None  # the server that failed it last
        self.turn: asyncio.Future[Replica] | None = None


class BusyClock:
    """How many calls are in flight, and the seconds during which there were any."""

    __slots__ = ("_seconds", "_since", "flying")

    def __init__(self) -> None:
        self.flying = 0
        self._seconds = self._since = 0.0

    def take_off(self, now: float) -> None:
        if not self.flying:
            self._since = now
        self.flying += 1

    def land(self, now: float) -> None:
        self.flying -= 1
        if not self.flying:
            self._seconds += now - self._since

    def seconds(self, now: float) -> float:
        return self._seconds + (now - self._since if self.flying else 0.0)


class Replica:
    """A server and what is known of its work; `ejected` says why it gets no calls, and is empty while it does."""

    def __init__(self, server: Server, settings: TeacherSettings) -> None:
        self.server, self.url = server, server.url
        self.limit = Limit(settings.slots)
        self.clock = BusyClock()
        self.outstanding = 0.0  # tokens of the calls in flight
        self.pace: float | None = None  # seconds for each token of a call, averaged over calls
        self.ejected = ""
        self.failed_in_a_row = 0
        self.paused_until = 0.0
        self.calls = self.ejections = self.prompt_tokens = self.completion_tokens = 0
        self.repeated_tokens = 0.0
        self.echoes: deque[bool] | None = None  # whether the last codes came back; None: it repeats none
        self.loads: tuple[Load, Load] | None = None  # the first and the last that its metrics told
        self._silence = settings.canary_timeout / 8
        self._timeout = settings.timeout
        self._asked = 0.0  # when the first of those in flight was sent
        self._deadlines: set[asyncio.Timeout] = set()
        self._hurried: dict[
            asyncio.Timeout, float
        ] = {}  # those that an ejection brought forward, and from when
        self._seen: dict[str, None] = {}
        self._salt = xxh3_64_intdigest(server.url.encode())

    def has_room(self, now: float) -> bool:
        return self.clock.flying < self.limit.value and now >= self.paused_until

    def join(self, call: Call, now: float) -> None:
        """Take a place for the call, and count its tokens."""
        if not self.clock.flying:
            self._asked = now
        self.clock.take_off(now)
        self.outstanding += call.tokens

    def leave(self, call: Call, now: float) -> None:
        """Give the place back."""
        self.clock.land(now)
        self.outstanding -= call.tokens

    async def send(self, call: Call, waiting: Sized) -> Reply:
        """One attempt; raises Again where another may succeed, Unanswerable, EnvironmentFailure.

        One deadline serves the time-out and an ejection, which brings it forward. Whether calls are
        `waiting` when the reply comes decides what the limit learns of it.
        """
        call.sends += 1
        began = time.monotonic()
        deadline = asyncio.timeout(self._timeout)
        self._deadlines.add(deadline)
        try:
            async with deadline:
                content = await self.server.complete(call.body, call.headers)
        except TimeoutError:
            if deadline in self._hurried:
                raise Again("ejected", self.ejected) from None
            raise Again("time_out", f"no whole reply in {self._timeout:g} s") from None
        finally:
            self._deadlines.discard(deadline)
            self._hurried.pop(deadline, None)
        reply = read_reply(content, call.sends)
        self._count(call.request, reply, began, bool(waiting))
        return reply

    def eject(self, why: str, grace: float) -> None:
        """Take no more calls, and give those in flight `grace` seconds at the most."""
        self.ejected = why
        self.ejections += 1
        latest = asyncio.get_running_loop().time() + grace
        for deadline in self._deadlines:
            when = deadline.when()
            if when is not None and when > latest and not deadline.expired():
                self._hurried.setdefault(deadline, when)
                deadline.reschedule(latest)

    def take_back(self) -> None:
        """Take calls again, few at first; those still in flight have all their time again.

        The server may have started anew, and know no prefix.
        """
        for deadline, when in self._hurried.items():
            if not deadline.expired():
                deadline.reschedule(when)
        self._hurried.clear()
        self.ejected, self.pace, self.failed_in_a_row, self.paused_until = "", None, 0, 0.0
        self._seen.clear()
        self.limit.restart()

    def is_silent(self, now: float) -> bool:
        """Calls are in flight, and there was no reply for long enough to wonder."""
        return self.clock.flying > 0 and now - max(self.server.heard, self._asked) > self._silence

    def affinity(self, seed_id: str) -> int:
        """How much a passage is at home here: the highest replica is its home (rendezvous hashing)."""
        return xxh3_64_intdigest(seed_id.encode(), self._salt)

    def observed(self, load: Load, wanted: bool) -> None:
        """What the server's metrics said."""
        self.loads = (self.loads[0] if self.loads else load, load)
        self.limit.observed(time.monotonic(), load, wanted)

    def report(self) -> dict[str, Any]:
        """Its part of the run's report."""
        busy = self.clock.seconds(time.monotonic())
        facts = {
            "url": self.url,
            "calls": self.calls,
            "completion_tokens": self.completion_tokens,
            "tokens_per_second": round(self.completion_tokens / busy, 1) if busy else 0.0,
            "limit_reached": self.limit.reached,
            "ejections": self.ejections,
        }
        return facts | ({"ejected": self.ejected} if self.ejected else {})

    def _count(self, request: Request, reply: Reply, began: float, wanted: bool) -> None:
        now = self.server.heard
        self.calls += 1
        self.failed_in_a_row = 0
        self.prompt_tokens += reply.prompt_tokens
        self.completion_tokens += reply.completion_tokens
        pace = (now - began) / (len(request.content) / 4 + reply.completion_tokens)
        self.pace = pace if self.pace is None else self.pace + NEWEST * (pace - self.pace)
        self.limit.replied(now, began, reply.completion_tokens, wanted)
        if request.shared:
            self._remember(request, reply.prompt_tokens)

    def _remember(self, request: Request, prompt_tokens: int) -> None:
        """Count the tokens of a prefix that the server has seen, and take it to be the latest that it keeps."""
        if request.seed_id in self._seen:
            characters = sum(len(message["content"]) for message in request.messages)
            self.repeated_tokens += prompt_tokens * min(1.0, request.shared / max(1, characters))
            del self._seen[request.seed_id]
        elif len(self._seen) >= PASSAGES:
            del self._seen[next(iter(self._seen))]
        self._seen[request.seed_id] = None
