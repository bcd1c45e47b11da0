"""`genteach teacher status`: who answers at a URL, whether it generates and how fast, and its own figures."""

import asyncio
import os
import time
from dataclasses import dataclass

import aiohttp
import orjson

from ...progress import table
from ...run import EnvironmentFailure, Failure
from . import Request, TeacherSettings, Unanswerable
from .fingerprint import ONE_TOKEN, canary
from .launch import connect, server_at
from .metrics import Load
from .protocol import Again
from .server import Server
from .start import TOKEN_VARIABLE

COLUMNS = [
    "url",
    "server",
    "model",
    "first token",
    "tokens/s",
    "running",
    "waiting",
    "KV cache",
    "prefix hits",
]
ASKED = "Count upwards from one in words, with a comma after each number."
LONG = canary(ASKED, 64)


@dataclass(frozen=True)
class Status:
    """One server now: seconds to a first token, tokens a second of one request, and what its metrics say."""

    server: str
    model: str
    first_token: float
    speed: float
    load: Load | None


def status(urls: list[str], api_key_env: str | None = None) -> None:
    """A table of the servers at these URLs (`URL[#model]`); raises EnvironmentFailure unless all answer.

    Without `api_key_env`, the token is the one that `genteach teacher start` has one export, if any.
    """
    token = key_in(api_key_env) if api_key_env else os.environ.get(TOKEN_VARIABLE, "")
    outcomes = asyncio.run(_look_at_all(urls, token))
    table("teachers", COLUMNS, [_row(url, outcome) for url, outcome in zip(urls, outcomes, strict=True)])
    if down := [str(outcome) for outcome in outcomes if isinstance(outcome, Failure)]:
        raise EnvironmentFailure(f"{len(down)} of {len(urls)} cannot be asked: {'; '.join(down)}")


async def _look_at_all(urls: list[str], token: str) -> list[Status | Failure]:
    async with connect(token) as session:
        return await asyncio.gather(*(_outcome(TeacherSettings.parse(url), session) for url in urls))


async def _outcome(settings: TeacherSettings, session: aiohttp.ClientSession) -> Status | Failure:
    url, limit = settings.urls[0], settings.canary_timeout
    try:
        async with asyncio.timeout(limit):
            return await look(server_at(url, settings, session))
    except Failure as failure:
        return failure
    except TimeoutError:
        return EnvironmentFailure(f"{url}: no whole reply in {limit:g} s")
    except (Again, Unanswerable) as error:
        return EnvironmentFailure(f"{url}: {error}")


async def look(server: Server) -> Status:
    """Ask a server who it is, for one token, and for some; raises what `Server` raises."""
    identity = await server.identify()
    first = await timed(server, ONE_TOKEN)
    rest = await timed(server, LONG)
    return Status(
        identity["server"], server.model, first.seconds, rest.tokens / rest.seconds, await server.load()
    )


@dataclass(frozen=True, slots=True)
class Timed:
    """One call: when it was sent and answered, on the monotonic clock, and its completion tokens."""

    sent: float
    answered: float
    tokens: int

    @property
    def seconds(self) -> float:
        return self.answered - self.sent


async def timed(server: Server, request: Request) -> Timed:
    """Send one request and time its whole reply, be it a thought; raises as `Server.complete` does."""
    sent = time.monotonic()
    content = await server.complete(request.body(server.model), {})
    answered = time.monotonic()
    try:
        return Timed(sent, answered, int(orjson.loads(content)["usage"]["completion_tokens"]))
    except (ValueError, KeyError, TypeError):
        raise Unanswerable("no_usage", f"{server.url} does not say how many tokens it generated") from None


def key_in(variable: str | None) -> str:
    """The key in a variable of the environment, empty where none is named; raises EnvironmentFailure."""
    key = os.environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        raise EnvironmentFailure(f"the environment variable {variable} is not set")
    return key


def _row(url: str, outcome: Status | Failure) -> list[str]:
    if isinstance(outcome, Failure):
        return [url, "no answer", *["-"] * (len(COLUMNS) - 2)]
    row = [url, outcome.server, outcome.model, f"{outcome.first_token * 1000:.0f} ms", f"{outcome.speed:.0f}"]
    load = outcome.load
    if load is None:
        return [*row, "-", "-", "-", "-"]
    hits = f"{load.prefix_hits / load.prefix_queries:.0%}" if load.prefix_queries else "-"
    return [*row, f"{load.running:.0f}", f"{load.waiting:.0f}", f"{load.cache_use:.0%}", hits]
