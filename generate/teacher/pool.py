"""Several servers as one teacher: calls go where the least work is, and what fails goes elsewhere or waits."""

import os
import resource
import secrets
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import aiohttp

from ...progress import say as say_line
from ...run import EnvironmentFailure
from . import Draining, Guided, Reply, Request, TeacherSettings, Unanswerable
from .fleet import FAILURES, Fleet
from .places import Places
from .protocol import GUIDED, Again, identity_headers
from .replica import NEWEST, Call, Replica
from .server import Server, backoff

RETRIES = 1000  # beyond one for each reply
EXPECTED = 256  # tokens of an agent's first reply
FILES = 65_536
LOSSES = 6  # servers that may go away under one call, before it is taken to be the cause


class Pool:
    """A teacher behind the URLs of its settings; `token` is the bearer token of servers launched for this run.

    A request that has had its `attempts` gives up alone if the server's one-token canary is answered
    meanwhile. Servers that do not answer theirs are ejected, tried again and taken back; when all have been
    gone for `patience` seconds, the run ends.
    """

    def __init__(
        self, settings: TeacherSettings, token: str | None = None, say: Callable[[str], None] = say_line
    ) -> None:
        self.name = settings.model or settings.urls[0]
        self.guided: Guided = "none"
        self._settings, self._token = settings, token
        self._places = Places()
        self._fleet = Fleet(settings, self._places, say)
        self._is_fake = False
        self._expected: dict[str, float] = {}  # completion tokens of an agent's reply, averaged over calls
        self._retried: Counter[str] = Counter()
        self._answered = 0
        self._session: aiohttp.ClientSession | None = None

    @property
    def limit(self) -> int:
        """How many calls the servers that answer take at once, now."""
        return max(1, sum(replica.limit.value for replica in self._places.healthy))

    async def start(self) -> dict[str, Any]:
        """Settle the model, have tokens generated; raises EnvironmentFailure, BadInput for no model name."""
        _allow_connections()
        self._session = session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, keepalive_timeout=4),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            headers=self._session_headers(),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        # With the two numbers 32 hexadecimal digits, as in a UUID: llama-cpp-python refuses another request id.
        run, settings = secrets.token_hex(10), self._settings
        servers = (Server(url, settings, session, f"{run}{n:04x}") for n, url in enumerate(settings.urls))
        try:
            identity = await self._fleet.meet([Replica(server, settings) for server in servers])
        except BaseException:
            await self.close()
            raise
        self._fleet.watch()
        server, guided = identity["server"], settings.guided
        self.name, self._is_fake = identity["model"], server == "genteach"
        self.guided = GUIDED.get(server, "none") if guided == "auto" else guided
        return {"kind": "http", **identity, "guided": self.guided}

    async def ask(self, request: Request) -> Reply:
        """Answer a request; raises Unanswerable for this one, EnvironmentFailure for the run, Draining."""
        if self._session is None:
            raise RuntimeError("start() the teacher before asking it")
        headers = identity_headers(request) if self._is_fake else {}
        tokens = len(request.content) / 4 + self._expected.get(request.agent, EXPECTED)
        call, places = Call(request, request.body(self.name), headers, tokens), self._places
        while True:
            replica = places.take(call) or await places.turn(call)
            try:
                reply = await replica.send(call, places.waiting)
            except Again as error:
                failure = error
            else:
                self._learn(replica, request.agent, reply.completion_tokens)
                return reply
            finally:
                places.leave(replica, call)
            await self._bear(failure, call, replica)

    def drain(self) -> None:
        """Finish what is in flight; every other request, waiting or new, raises Draining."""
        self._places.end(Draining())

    def report(self) -> dict[str, Any]:
        """Facts about the work so far; `speed` is completion tokens a second while anything was in flight."""
        replicas = self._fleet.replicas
        prompts = sum(replica.prompt_tokens for replica in replicas)
        completions = sum(replica.completion_tokens for replica in replicas)
        facts: dict[str, Any] = {
            "replicas": [replica.report() for replica in replicas],
            "calls": self._answered,
            "prompt_tokens": prompts,
            "completion_tokens": completions,
            "speed": round(_ratio(completions, self._places.clock.seconds(time.monotonic())), 1),
            "repeated_sends": self._retried.total() - self._retried["unreachable"],
            "retries": dict(sorted(self._retried.items())),
            "prefix_share": round(_ratio(sum(replica.repeated_tokens for replica in replicas), prompts), 4),
            "codes_planted": any(replica.echoes is not None for replica in replicas),
        }
        loads = [replica.loads for replica in replicas if replica.loads]
        if queries := sum(last.prefix_queries - first.prefix_queries for first, last in loads):
            hits = sum(last.prefix_hits - first.prefix_hits for first, last in loads)
            facts["server_hit_rate"] = round(_ratio(hits, queries), 4)
        return facts

    async def close(self) -> None:
        """Stop watching, and hang up."""
        await self._fleet.close()
        if self._session is not None:
            await self._session.close()

    def _learn(self, replica: Replica, agent: str, tokens: int) -> None:
        self._answered += 1
        average = self._expected.get(agent)
        self._expected[agent] = tokens if average is None else average + NEWEST * (tokens - average)
        self._fleet.count_reply(replica)

    async def _bear(self, failure: Again, call: Call, replica: Replica) -> None:
        """Come back when the call may be sent again; raises when it, or the run, has had its chances."""
        if self._places.over is not None:
            raise self._places.over.with_traceback(None)
        self._retried[failure.reason] += 1
        call.shunned = replica
        match failure.reason:
            case "unreachable":  # nothing was sent
                self._fleet.eject(replica, str(failure))
                return
            case "ejected":
                self._lose(failure, call)
                return
            case "http_429":
                replica.limit.turned_away(time.monotonic())
                self._places.pause(replica, failure.after)
            case _:
                await self._blame(failure, call, replica)
        self._spend_retry()
        await self._end_if_silent(failure, call, replica)
        if call.sends > 1 or len(self._places.healthy) < 2:
            await self._places.rest(backoff(call.sends, failure.after))

    async def _blame(self, failure: Again, call: Call, replica: Replica) -> None:
        """Decide whose failure it is: the canary tells a bad request from a bad server."""
        call.failures += 1
        replica.failed_in_a_row += 1
        if failure.reason == "time_out":
            replica.limit.turned_away(time.monotonic())
        if call.failures >= self._settings.attempts:
            why = await replica.server.sings()
            if not why:
                raise Unanswerable(failure.reason, failure.detail)
            self._lose(failure, call)
            self._fleet.eject(replica, why)
        elif failure.reason == "connection" and (
            replica.failed_in_a_row >= FAILURES or not replica.clock.flying
        ):  # every connection is lost: whoever listens there next has to say who it is
            self._fleet.eject(replica, str(failure))

    def _lose(self, failure: Again, call: Call) -> None:
        """A server went away under the call; raises Unanswerable where that happens to it again and again."""
        call.failures = 0
        call.losses += 1
        if call.losses >= LOSSES:
            raise Unanswerable(failure.reason, f"{call.losses} servers went away under it: {failure.detail}")

    async def _end_if_silent(self, failure: Again, call: Call, replica: Replica) -> None:
        """End the run when no server has answered anything for `patience` seconds, a canary included."""
        heard = max(each.server.heard for each in self._fleet.replicas)
        silence = time.monotonic() - max(call.began, heard)
        if silence >= self._settings.patience and await replica.server.sings():
            self._places.end(self._fleet.answered_nothing(silence, str(failure)))

    def _spend_retry(self) -> None:
        """End a run that fails more than it answers; what an ejected server took with it does not count."""
        spent = self._retried.total() - self._retried["ejected"] - self._retried["unreachable"]
        if spent > RETRIES + self._answered:
            reasons = ", ".join(f"{reason} {count}" for reason, count in self._retried.most_common(3))
            self._places.end(
                EnvironmentFailure(
                    f"{self.name} fails more than it answers ({self._answered} replies; {reasons}); "
                    "check the server, then run the same command to go on"
                )
            )

    def _session_headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "genteach",
        }
        name = self._settings.api_key_env
        key = self._token or (os.environ.get(name, "").strip() if name else None)
        if key is None:
            return headers
        if not key:
            raise EnvironmentFailure(f"teacher.api_key_env: the environment variable {name} is not set")
        return headers | {"Authorization": f"Bearer {key}"}


def _allow_connections() -> None:
    """Raise this process's own limit of open files where it may: every call in flight has a connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
