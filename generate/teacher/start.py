"""`genteach teacher start`: the servers of a recipe in the foreground, for several runs to share."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

from ...progress import say, table
from ...run import Lock, make_folder
from . import TeacherSettings
from .launch import Servers, write_privately

TOKEN_VARIABLE = "GENTEACH_TEACHER_TOKEN"
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def start(settings: TeacherSettings, logs: Path) -> None:
    """Run the servers that the settings launch until SIGINT or SIGTERM; raises Failure."""
    with Lock(make_folder(logs)):
        asyncio.run(_serve(Servers(settings, logs), logs / "token"))


async def _serve(servers: Servers, token: Path) -> None:
    with _cancelled_by_a_signal():
        say(f"starting {len(servers.servers)} server(s); the logs are {servers.logs}/teacher-*.log")
        try:
            await servers.start()
            write_privately(token, servers.token)
            _say_how_to_use(servers, token)
            raise await servers.watch()
        except asyncio.CancelledError:
            say("stopping; what is in flight is finished first")
        finally:
            await servers.stop()
            token.unlink(missing_ok=True)


@contextlib.contextmanager
def _cancelled_by_a_signal() -> Iterator[None]:
    """The first signal cancels this task; a second one ends the process, and leaves the rest to the guards."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
        if task:
            task.cancel()

    for number in SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def _say_how_to_use(servers: Servers, token: Path) -> None:
    """Where the servers are, and what to put into a recipe; the token itself is never printed."""
    rows = [[s.place.url, ",".join(s.place.gpus or ()) or "-", str(s.log)] for s in servers.servers]
    table("each has generated a token; Ctrl-C stops them", ["url", "GPUs", "log"], rows)
    model = [f"  model: {servers.settings.model}"] if servers.settings.model else []
    recipe = ["teacher:", f"  url: [{', '.join(servers.settings.urls)}]", *model]
    say("\n".join([*recipe, f"  api_key_env: {TOKEN_VARIABLE}"]))
    say(f"export {TOKEN_VARIABLE}=$(cat {token.absolute()})")
