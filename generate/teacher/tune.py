"""`genteach teacher tune`: how many requests in flight, and which settings, give the most tokens a second.

The prompts are those that the recipe's flows begin with, on its own seeds, and none is sent twice: a server
that remembers a prompt answers faster than it will in a run.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import aiohttp
import yaml

from ...progress import say, table
from ...run import BadInput, EnvironmentFailure
from ..flow import Dials, Skill
from ..recipe import GenerateRecipe
from ..seeds import Seed, read_seeds, write_seeds
from . import Guided, TeacherSettings, Unanswerable
from .launch import Servers
from .openings import Openings
from .protocol import GUIDED, Again
from .server import Server
from .servers import tries_for
from .status import Timed, bearer, key_in, timed

LEVELS = (1, 8, 16, 32, 64, 128, 256, 512, 1024)  # requests in flight
WARM_UP = 0.25  # the share of a measurement's seconds that is not counted
GAIN = 1.05  # what four times as many requests must give for still more to be tried
GOOD = 0.97  # of the highest throughput: the fewest requests in flight that reach it are the best
SEEDS = 256
AFTER_FAILURE = 0.5  # seconds
COLUMNS = ["settings", "in flight", "tokens/s", "calls/s", "p50 s", "p95 s", "failed"]
AS_GIVEN = "as given"


@dataclass(frozen=True)
class Speed:
    """What a server did with so many requests in flight: tokens and calls a second, waits in seconds."""

    settings: str
    level: int
    tokens: float
    calls: float
    p50: float
    p95: float
    failed: int

    def row(self) -> list[str]:
        figures = [f"{self.tokens:.0f}", f"{self.calls:.1f}", f"{self.p50:.2f}", f"{self.p95:.2f}"]
        return [self.settings, str(self.level), *figures, str(self.failed)]


def tune(recipe: GenerateRecipe, logs: Path, seconds: float = 20.0) -> None:
    """Measure the recipe's first teacher, at its first URL or launched here, and say what to put into the recipe.

    Of launched servers one replica is measured, with its settings as given and with each that may be faster.
    A measurement takes `seconds`, and as long as its last replies take. Raises Failure.
    """
    variants = _variants(recipe.teachers[0])
    flows = [(skill, dials) for skill, _, dials in recipe.flows().values()]
    with TemporaryDirectory() as folder:
        write_seeds(Path(folder), recipe.corpora(), recipe.run_seed, held_out=0.0, limit=SEEDS)
        seeds = list(read_seeds(Path(folder)))
    speeds = asyncio.run(_sweep_all(variants, flows, seeds, logs, seconds))
    table("the teacher on this recipe's own prompts", COLUMNS, [speed.row() for speed in speeds])
    _say_best(best_of(speeds), variants)


def best_of(speeds: list[Speed]) -> Speed:
    """The fewest requests in flight that give nearly the most tokens a second."""
    most = max(speed.tokens for speed in speeds)
    return min((speed for speed in speeds if speed.tokens >= GOOD * most), key=lambda speed: speed.level)


def _variants(settings: TeacherSettings) -> dict[str, TeacherSettings]:
    """The settings to measure, by name; a server that was not started here stays as it is."""
    if settings.kind == "offline":
        raise BadInput("teacher: offline; there is nothing to tune without a server")
    if settings.launch is None:
        return {AS_GIVEN: settings}
    launch = settings.launch.model_copy(update={"replicas": 1})
    tries = {AS_GIVEN: launch.options, **tries_for(launch)}
    return {
        name: settings.model_copy(update={"launch": launch.model_copy(update={"options": options})})
        for name, options in tries.items()
    }


async def _sweep_all(
    variants: dict[str, TeacherSettings],
    flows: list[tuple[Skill, Dials]],
    seeds: list[Seed],
    logs: Path,
    seconds: float,
) -> list[Speed]:
    """Every variant in turn; one that does not start is said and passed over, unless it is the first."""
    speeds: list[Speed] = []
    for name, settings in variants.items():
        try:
            async with _server(settings, logs) as server:
                identity = await server.identify()
                listed: Guided = GUIDED.get(identity["server"], "none")
                openings = Openings(flows, seeds, listed if settings.guided == "auto" else settings.guided)
                speeds += await _sweep(name, server, openings, seconds, settings.timeout)
        except EnvironmentFailure as failure:
            if not speeds:
                raise
            say(f"{name}: {failure}")
    return speeds


@asynccontextmanager
async def _server(settings: TeacherSettings, logs: Path) -> AsyncIterator[Server]:
    """The server at the first URL, or one that lives as long as this."""
    servers = Servers(settings, logs) if settings.launch else None
    try:
        if servers:
            await servers.start()
            settings, token = servers.settings, servers.token
        else:
            token = key_in(settings.api_key_env)
        async with aiohttp.ClientSession(
            headers=bearer(token), connector=aiohttp.TCPConnector(limit=0)
        ) as session:
            yield Server(settings.urls[0], settings, session, secrets.token_hex(12))
    finally:
        if servers:
            await servers.stop()


async def _sweep(
    name: str, server: Server, openings: Openings, seconds: float, timeout: float
) -> list[Speed]:
    """More and more requests in flight, until four times as many give next to nothing more."""
    speeds: list[Speed] = []
    for level in LEVELS:
        speed = await measure(name, server, openings, level, seconds, timeout)
        say(f"{name}, {level} in flight: {speed.tokens:.0f} tokens/s, p95 {speed.p95:.2f} s")
        speeds.append(speed)
        if len(speeds) > 2 and speed.tokens < GAIN * speeds[-3].tokens:
            break
    return speeds


async def measure(
    name: str, server: Server, openings: Openings, level: int, seconds: float, timeout: float
) -> Speed:
    """Keep `level` requests in flight for `seconds`, and until so many were answered."""
    calls: list[Timed] = []
    began, failed = monotonic(), 0

    async def keep_asking() -> None:
        nonlocal failed
        while monotonic() < began + seconds or len(calls) + failed < level:
            request = await openings.next()
            try:
                async with asyncio.timeout(timeout):
                    calls.append(await timed(server, request))
            except (Again, Unanswerable, TimeoutError):
                failed += 1
                await asyncio.sleep(AFTER_FAILURE)

    await asyncio.gather(*(keep_asking() for _ in range(level)))
    calls.sort(key=lambda call: call.answered)
    ended = max([began + seconds, *(call.answered for call in calls[level - 1 : level])])
    return _speed(name, level, calls, began + WARM_UP * (ended - began), ended, failed)


def _speed(name: str, level: int, calls: list[Timed], began: float, ended: float, failed: int) -> Speed:
    """Between `began` and `ended`; a call that lasts beyond gives the share of its tokens that lies within."""
    shares = [max(0.0, min(c.answered, ended) - max(c.sent, began)) / max(c.seconds, 1e-9) for c in calls]
    tokens = sum(share * call.tokens for share, call in zip(shares, calls, strict=True))
    waits = sorted(call.seconds for call in calls) or [0.0]
    p50, p95 = (waits[int(part * (len(waits) - 1))] for part in (0.5, 0.95))
    long = ended - began
    return Speed(name, level, tokens / long, sum(shares) / long, p50, p95, failed)


def _say_best(best: Speed, variants: dict[str, TeacherSettings]) -> None:
    """The winner, as YAML for the recipe."""
    say(f"the most for the least: {best.settings}, {best.level} in flight, {best.tokens:.0f} tokens/s")
    found: dict[str, object] = {"slots": best.level}
    if launch := variants[best.settings].launch:
        found["launch"] = {"options": list(launch.options)}
    say(yaml.safe_dump({"teacher": found}, sort_keys=False))
