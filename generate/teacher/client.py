"""The client for any OpenAI-compatible server: patient, and able to tell a bad prompt from a bad server."""

import asyncio
import os
import random
import time
from typing import Any

import aiohttp
import orjson

from ...run import BadInput, EnvironmentFailure
from . import Guided, Reply, Request, Sampling, TeacherSettings, Unanswerable
from .protocol import GUIDED, Again, identity_headers, read_body, read_reply, refusal, request_body

LONGEST_BACKOFF = 20.0
CANARY = Request(
    messages=({"role": "user", "content": "Say yes."},), sampling=Sampling(0.0, 1.0, max_tokens=1)
)


class HttpTeacher:
    """A teacher behind HTTP. What may pass another time is tried again, with growing and jittered waits.

    A request that has had its `attempts` gives up alone if a one-token canary is answered meanwhile; a server
    that has answered nothing, canary included, for `patience` seconds ends the run.
    """

    def __init__(self, settings: TeacherSettings) -> None:
        self.name = settings.model or settings.url
        self.guided: Guided = "none"
        self.slots = settings.slots
        self._settings = settings
        self._url = f"{settings.url}/chat/completions"
        self._free = asyncio.Semaphore(settings.slots)
        self._is_fake = False
        self._answered = 0.0
        self._canary: asyncio.Task[bool] | None = None
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> dict[str, Any]:
        """Settle the model, have a token generated; raises EnvironmentFailure, BadInput for no model name."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout, sock_connect=10),
            headers=self._session_headers(),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        try:
            server = self._choose_model(await self._list_models(self._session))
            self._is_fake = server == "genteach"
            guided = self._settings.guided
            self.guided = GUIDED.get(server, "none") if guided == "auto" else guided
            await self._first_token()
        except BaseException:
            await self.close()
            raise
        identity = {"kind": "http", "url": self._settings.url, "server": server}
        return {**identity, "model": self.name, "guided": self.guided}

    async def ask(self, request: Request) -> Reply:
        """Answer a request; raises Unanswerable for this one, EnvironmentFailure when nothing is answered."""
        async with self._free:
            body = request_body(request, self.name, self.guided)
            headers = identity_headers(request) if self._is_fake else None
            attempt, began = 1, time.monotonic()
            while True:
                try:
                    return await self._send(body, headers, attempt)
                except Again as failure:
                    await self._give_up_if_spent(failure, attempt, began)
                    await asyncio.sleep(backoff(attempt, failure.after))
                    attempt += 1

    async def close(self) -> None:
        if self._canary is not None:
            self._canary.cancel()
        if self._session is not None:
            await self._session.close()

    def _session_headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "genteach",
        }
        name = self._settings.api_key_env
        if name is None:
            return headers
        key = os.environ.get(name, "").strip()
        if not key:
            raise EnvironmentFailure(f"teacher.api_key_env: the environment variable {name} is not set")
        return headers | {"Authorization": f"Bearer {key}"}

    async def _send(self, body: bytes, headers: dict[str, str] | None = None, attempt: int = 1) -> Reply:
        """One attempt; raises Again where another may succeed."""
        if self._session is None:
            raise RuntimeError("start() the teacher before asking it")
        try:
            async with self._session.post(
                self._url, data=body, headers=headers, allow_redirects=False
            ) as response:
                content = await read_body(response)
        except TimeoutError:
            raise Again("time_out", f"no whole reply in {self._settings.timeout:g} s") from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Again("connection", str(error) or type(error).__name__) from None
        if response.status != 200:
            retry_after = response.headers.get("Retry-After")
            raise refusal(self._settings.url, self.name, response.status, content, retry_after)
        self._answered = time.monotonic()
        return read_reply(content, attempt)

    async def _give_up_if_spent(self, failure: Again, attempt: int, began: float) -> None:
        """Raise when the request, or the whole server, has had its chances; the canary tells which it is."""
        silence = time.monotonic() - max(began, self._answered)
        request_spent, server_spent = attempt >= self._settings.attempts, silence >= self._settings.patience
        if not (request_spent or server_spent):
            return
        if await self._generates():
            if request_spent:
                raise Unanswerable(failure.reason, failure.detail)
        elif server_spent:
            raise EnvironmentFailure(
                f"{self._settings.url} has answered nothing for {silence:.0f} s ({failure}); "
                "check the server, then run the same command to go on"
            )

    async def _generates(self) -> bool:
        """Whether the server generates a token now; however many wait for the verdict, one canary flies."""
        if self._canary is None or self._canary.done():
            self._canary = asyncio.create_task(self._sings())
        return await asyncio.shield(self._canary)

    async def _sings(self) -> bool:
        try:
            await self._one_token()
        except (Again, Unanswerable):
            return False
        return True

    async def _one_token(self) -> None:
        """Raises Again or Unanswerable if none comes; it may be a thought, in a reply without text."""
        try:
            async with asyncio.timeout(self._settings.canary_timeout):
                await self._send(request_body(CANARY, self.name, "none"))
        except TimeoutError:
            raise Again("time_out", f"no token in {self._settings.canary_timeout:g} s") from None
        except Unanswerable as failure:
            if failure.reason not in ("reasoning_only", "no_content"):
                raise

    async def _first_token(self) -> None:
        """Only a token counts: /health may answer while an engine hangs (vllm-project/vllm#39863)."""
        failure: Exception | None = None
        for attempt in range(1, self._settings.attempts + 1):
            try:
                return await self._one_token()
            except Again as error:
                failure = error
                if error.reason == "time_out":
                    break
                await asyncio.sleep(backoff(attempt, error.after))
            except Unanswerable as error:
                failure = error
                break
        raise EnvironmentFailure(
            f"{self._settings.url} generates nothing ({failure}); see the server's own log"
        )

    async def _list_models(self, session: aiohttp.ClientSession) -> list[dict[str, Any]]:
        """What /v1/models lists; nothing where a server has no list (`transformers serve` may answer 500)."""
        url = self._settings.url
        limit = aiohttp.ClientTimeout(total=self._settings.canary_timeout, sock_connect=10)
        try:
            async with session.get(f"{url}/models", timeout=limit, allow_redirects=False) as response:
                status, content = response.status, await read_body(response)
        except (aiohttp.ClientError, OSError, TimeoutError, Again) as error:
            said = str(error) or type(error).__name__
            raise EnvironmentFailure(f"no teacher at {url} ({said}); start it, or correct its URL") from None
        if status in (401, 403):
            raise refusal(url, self.name, status, content)
        try:
            return [dict(entry) for entry in orjson.loads(content)["data"]] if status == 200 else []
        except (ValueError, KeyError, TypeError):
            return []

    def _choose_model(self, listed: list[dict[str, Any]]) -> str:
        """Settle `name`, and return what the server calls itself."""
        names, url = [str(entry.get("id")) for entry in listed], self._settings.url
        if self._settings.model is None and len(names) != 1:
            found = f"serves {len(names)} models ({', '.join(names)})" if names else "lists no model"
            raise BadInput(f"teacher.model: {url} {found}; name one: --teacher {url}#MODEL")
        self.name = self._settings.model or names[0]
        return str(listed[0].get("owned_by", "unknown")) if listed else "unknown"


def backoff(attempt: int, at_least: float = 0.0) -> float:
    """Seconds before the next attempt: full jitter under a doubling roof, on top of the server's own wish."""
    return at_least + random.uniform(0, min(LONGEST_BACKOFF, 0.25 * 2.0**attempt))
