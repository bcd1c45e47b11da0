"""One server behind HTTP: completions as bytes, who it is, whether it generates, and how loaded it says it is."""

import asyncio
import random
import time
from typing import Any

import aiohttp
import orjson
from yarl import URL

from ...run import BadInput, EnvironmentFailure
from . import Request, TeacherSettings, Unanswerable
from .fingerprint import GREEDY, ONE_TOKEN, REPEAT, canary, listed_facts, said_by
from .metrics import Load, read_load
from .protocol import LARGEST_BODY, Again, read_body, read_reply, refusal

LONGEST_BACKOFF = 20.0
METRICS_TIMEOUT = 5.0  # seconds


class Dead(EnvironmentFailure):
    """A server is not there, or generates nothing; another one of the same teacher may."""


class Server:
    """The HTTP face of one base URL. `heard` is when it last answered 200, on the monotonic clock."""

    def __init__(self, url: str, settings: TeacherSettings, session: aiohttp.ClientSession, run: str) -> None:
        self.url, self.model, self.heard = url, settings.model or "", 0.0
        self._settings, self._session, self._run = settings, session, run
        self._completions, self._root = URL(f"{url}/chat/completions"), url.removesuffix("/v1")
        self._serial = 0
        self._names_in: str | None = None  # where replies name their request, once one has been seen
        self._canary: asyncio.Task[str] | None = None

    async def complete(self, body: bytes, headers: dict[str, str]) -> bytes:
        """The body of a 200; raises Again, Unanswerable or EnvironmentFailure, as whose move it is."""
        self._serial += 1
        name = f"{self._run}{self._serial:08x}"
        try:
            async with self._session.post(
                self._completions,
                data=body,
                headers={**headers, "X-Request-Id": name},
                allow_redirects=False,
            ) as response:
                length = response.content_length
                fits = length is not None and length <= LARGEST_BODY
                content = await (response.read() if fits else read_body(response))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Again("unreachable", str(error) or "no connection in time") from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Again("connection", str(error) or type(error).__name__) from None
        if response.status != 200:
            retry_after = response.headers.get("Retry-After")
            raise refusal(self.url, self.model, response.status, content, retry_after)
        self.heard = time.monotonic()
        place = _where_named(name, response, content)
        if self._names_in is None:
            self._names_in = place
        elif self._names_in and place != self._names_in:
            raise Again("mixed_reply", f"{self.url} answered the request {name} with another one's reply")
        return content

    async def identify(self, attempts: int = 1) -> dict[str, Any]:
        """Settle the model and say who serves it.

        Raises Dead where nothing is generated, EnvironmentFailure for a server that turns everyone away,
        BadInput where the model must be named.
        """
        listed = await self._list_models()
        self._choose_model([str(entry.get("id")) for entry in listed])
        self._names_in = None
        said = await self._sing_all(attempts)
        facts = {"model": self.model, **listed_facts(listed, self.model), "version": await self._version()}
        return {key: value for key, value in facts.items() if value is not None} | {"canaries": said}

    async def sings(self) -> str:
        """Have one token generated: the empty text, or why none came. However many wait, one canary flies."""
        if self._canary is None or self._canary.done():
            self._canary = asyncio.create_task(self._sing())
        return await asyncio.shield(self._canary)

    async def repeats(self) -> bool | None:
        """Whether the model gives back a code that nobody else was given; None where it answers nothing."""
        code = f"{random.getrandbits(40):010x}"
        try:
            return code in said_by(await self._briefly(canary(REPEAT + code, 64)))
        except (Again, Unanswerable):
            return None

    async def load(self) -> Load | None:
        """What its metrics say now; None where it has none, or does not answer."""
        content = await self._get("/metrics")
        return read_load(content.decode(errors="replace")) if content else None

    def close(self) -> None:
        if self._canary is not None:
            self._canary.cancel()

    async def _sing(self) -> str:
        try:
            await self._one_token()
        except (Again, Unanswerable, EnvironmentFailure) as failure:
            return str(failure)
        return ""

    async def _one_token(self) -> None:
        """Raises Again or Unanswerable if none comes; it may be a thought, in a reply without text."""
        content = await self._briefly(ONE_TOKEN)
        try:
            read_reply(content)
        except Unanswerable as failure:
            if failure.reason not in ("reasoning_only", "no_content"):
                raise

    async def _sing_all(self, attempts: int) -> list[str]:
        """One token, then the greedy canaries; Dead where they do not come.

        Only a token counts: /health may answer while an engine hangs (vllm-project/vllm#39863).
        """
        failure: Exception | None = None
        for attempt in range(1, attempts + 1):
            try:
                await self._one_token()
                return await asyncio.gather(*map(self._greedy, GREEDY))
            except Unanswerable as error:
                failure = error
                break
            except Again as error:
                failure = error
                if error.reason == "time_out":
                    break
                if attempt < attempts:
                    await asyncio.sleep(backoff(attempt, error.after))
        raise Dead(f"{self.url} generates nothing ({failure}); see the server's own log")

    async def _greedy(self, prompt: Request) -> str:
        """What it answers to a canary; a refusal is an answer too."""
        try:
            return said_by(await self._briefly(prompt))
        except Unanswerable as failure:
            return f"({failure.reason})"

    async def _briefly(self, request: Request) -> bytes:
        """The reply's bytes to a request of the client's own, within `canary_timeout`."""
        try:
            async with asyncio.timeout(self._settings.canary_timeout):
                return await self.complete(request.body(self.model), {})
        except TimeoutError:
            raise Again("time_out", f"no token in {self._settings.canary_timeout:g} s") from None

    async def _list_models(self) -> list[dict[str, Any]]:
        """What /v1/models lists; nothing where a server has no list (`transformers serve` may answer 500)."""
        limit = aiohttp.ClientTimeout(total=self._settings.canary_timeout, sock_connect=10)
        try:
            async with self._session.get(
                f"{self.url}/models", timeout=limit, allow_redirects=False
            ) as response:
                status, content = response.status, await read_body(response)
        except (aiohttp.ClientError, OSError, TimeoutError, Again) as error:
            said = str(error) or type(error).__name__
            raise Dead(f"no teacher at {self.url} ({said}); start it, or correct its URL") from None
        if status in (401, 403):
            raise refusal(self.url, self.model, status, content)
        try:
            return [dict(entry) for entry in orjson.loads(content)["data"]] if status == 200 else []
        except (ValueError, KeyError, TypeError):
            return []

    def _choose_model(self, names: list[str]) -> None:
        if self._settings.model is None and len(names) != 1:
            found = f"serves {len(names)} models ({', '.join(names)})" if names else "lists no model"
            raise BadInput(f"teacher.model: {self.url} {found}; name one: --teacher {self.url}#MODEL")
        self.model = self._settings.model or names[0]

    async def _version(self) -> str | None:
        try:
            return str(orjson.loads(await self._get("/version"))["version"])
        except (ValueError, KeyError, TypeError):
            return None

    async def _get(self, path: str) -> bytes:
        """What stands beside the API, on the same host; empty where there is nothing."""
        limit = aiohttp.ClientTimeout(total=METRICS_TIMEOUT)
        try:
            async with self._session.get(self._root + path, timeout=limit, allow_redirects=False) as response:
                content = await read_body(response)
                return content if response.status == 200 else b""
        except (aiohttp.ClientError, OSError, TimeoutError, Again):
            return b""


def _where_named(name: str, response: aiohttp.ClientResponse, content: bytes) -> str:
    """Where a reply shows the name that its request had: the header, the id (vLLM puts it there), or nowhere."""
    if response.headers.get("X-Request-Id") == name:
        return "header"
    return "body" if name.encode() in content[:512] else ""


def backoff(attempt: int, at_least: float = 0.0) -> float:
    """Seconds before the next attempt: full jitter under a doubling roof, on top of the server's own wish."""
    return at_least + random.uniform(0, min(LONGEST_BACKOFF, 0.25 * 2.0 ** min(attempt, 10)))
