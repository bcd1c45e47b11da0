"""`genteach teacher tune`: how many requests in flight, and which settings, give the most tokens a second.

The prompts are those that the recipe's flows begin with, on its own seeds, and none is sent twice: a server
that remembers a prompt answers faster than it will in a run.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

import yaml

from ...progress import say, table
from ...run import BadInput, EnvironmentFailure
from ..flow import Dials, Skill
from ..recipe import GenerateRecipe
from ..seeds import Seed, read_seeds, write_seeds
from . import Guided, TeacherSettings, Unanswerable
from .launch import Servers, connect, server_at
from .openings import Openings
from .protocol import GUIDED, Again
from .server import Server
from .servers import tries_for
from .status import Timed, key_in, timed

LEVELS = (1, 8, 16, 32, 64, 128, 256, 512, 1024)  # requests in flight
GAIN = 1.05  # what four times as many requests must give for still more to be tried
GOOD = 0.95  # of the highest throughput: the fewest requests in flight that reach it are the best
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
    A measurement takes `seconds`, or as long as three replies. Raises Failure.
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
    """Every variant in turn; one that does not work is said and passed over, unless none has worked."""
    speeds: list[Speed] = []
    for name, settings in variants.items():
        try:
            async with _server(settings, logs) as server:
                identity = await server.identify()
                listed: Guided = GUIDED.get(identity["server"], "none")
                openings = Openings(flows, seeds, listed if settings.guided == "auto" else settings.guided)
                async for speed in Bench(server, openings, seconds, settings.timeout).sweep(name):
                    speeds.append(speed)
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
            settings = servers.settings
        token = servers.token if servers else key_in(settings.api_key_env)
        async with connect(token) as session:
            yield server_at(settings.urls[0], settings, session)
    finally:
        if servers:
            await servers.stop()


@dataclass(frozen=True)
class Bench:
    """A server and what it is asked; a measurement takes `seconds`, a call at most `timeout`."""

    server: Server
    openings: Openings
    seconds: float
    timeout: float

    async def sweep(self, name: str) -> AsyncIterator[Speed]:
        """More and more requests in flight, until four times as many give next to nothing more."""
        tokens: list[float] = []
        for level in LEVELS:
            speed = await self.measure(name, level)
            say(f"{name}, {level} in flight: {speed.tokens:.0f} tokens/s, p95 {speed.p95:.2f} s")
            yield speed
            if len(tokens) > 1 and speed.tokens < GAIN * tokens[-2]:
                return
            tokens.append(speed.tokens)

    async def measure(self, name: str, level: int) -> Speed:
        """Keep `level` requests in flight until twice as many have ended; EnvironmentFailure if none is answered.

        The first round of replies is not counted: until it is through, the server has less to do than later.
        """
        calls: list[Timed] = []
        failures: list[str] = []
        began = monotonic()

        async def keep_asking() -> None:
            while monotonic() < began + self.seconds or len(calls) + len(failures) < 2 * level:
                try:
                    calls.append(await self._ask())
                except (Again, Unanswerable) as failure:
                    failures.append(str(failure))
                    await asyncio.sleep(AFTER_FAILURE)

        await asyncio.gather(*(keep_asking() for _ in range(level)))
        if not calls:
            raise EnvironmentFailure(f"{self.server.url}: none of {len(failures)} calls: {failures[0]}")
        ends = sorted(call.answered for call in calls)
        first, second = ends[:level][-1], ends[: 2 * level][-1]
        return _speed(name, level, calls, first, max(second, began + self.seconds), len(failures))

    async def _ask(self) -> Timed:
        request = await self.openings.next()
        try:
            async with asyncio.timeout(self.timeout):
                return await timed(self.server, request)
        except TimeoutError:
            raise Again("time_out", f"no whole reply in {self.timeout:g} s") from None


def _speed(name: str, level: int, calls: list[Timed], began: float, ended: float, failed: int) -> Speed:
    """Between `began` and `ended`; a call that lasts beyond gives the share of its tokens that lies within."""
    shares = [max(0.0, min(c.answered, ended) - max(c.sent, began)) / max(c.seconds, 1e-9) for c in calls]
    tokens = sum(share * call.tokens for share, call in zip(shares, calls, strict=True))
    waits = sorted(call.seconds for call in calls)
    p50, p95 = (waits[int(part * (len(waits) - 1))] for part in (0.5, 0.95))
    long = max(ended - began, 1e-9)
    return Speed(name, level, tokens / long, sum(shares) / long, p50, p95, failed)


def _say_best(best: Speed, variants: dict[str, TeacherSettings]) -> None:
    """The winner, as YAML for the recipe."""
    say(f"the most for the least: {best.settings}, {best.level} in flight, {best.tokens:.0f} tokens/s")
    found: dict[str, object] = {"slots": best.level}
    if launch := variants[best.settings].launch:
        found["launch"] = {"options": list(launch.options)}
    say(yaml.safe_dump({"teacher": found}, sort_keys=False))
