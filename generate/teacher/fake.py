"""An OpenAI-compatible server without a model: rules, hashes or recordings, a ledger, planned faults."""

import asyncio
import signal
import time
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from aiohttp import web

from ...run import BadInput, EnvironmentFailure
from . import Unanswerable
from .offline import NAME, Rules, words

FAULTS = ("429", "500", "reset", "truncated")
FAULTS_PER_REQUEST = 2
LARGEST = 64 << 20  # bytes of a body, and of a header: the fields of a prompt travel in one


@dataclass(frozen=True, slots=True)
class Call:
    """A request as the server sees it: its headers say whose it is, the digest of its body what it is."""

    skill: str
    agent: str
    seed_id: str
    n: int
    fields: dict[str, Any]
    body: dict[str, Any]
    digest: str

    @classmethod
    def read(cls, headers: Mapping[str, str], content: bytes) -> "Call":
        """Raises ValueError where the body or a header is not what the client sends."""
        fields, body = (
            orjson.loads(b64decode(headers.get("X-Genteach-Fields", "")) or b"{}"),
            orjson.loads(content),
        )
        if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
            raise ValueError("no messages")
        skill, agent, seed_id = (headers.get(f"X-Genteach-{name}", "") for name in ("Skill", "Agent", "Seed"))
        n = int(headers.get("X-Genteach-N", 0))
        return cls(skill, agent, seed_id, n, fields, body, sha256(content).hexdigest())


Answers = Callable[[Call], str]


def answers_by_rule() -> Answers:
    """What the embedded offline teacher would say."""
    rules = Rules.load()
    return lambda call: rules.answer(call.skill, call.agent, call.seed_id, call.n, call.fields)


def answers_by_hash() -> Answers:
    """A text that only this request has, so that a lost or swapped answer can be seen."""
    return lambda call: f"answer {call.digest}"


def answers_recorded(folder: Path) -> Answers:
    """Lines {"skill", "seed_id", "agent", "n", "reply"} of the folder's *.jsonl files; raises BadInput."""
    known: dict[tuple[str, str, str, int], str] = {}
    for path in sorted(folder.glob("*.jsonl")):
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                row = orjson.loads(line)
                key, reply = (row["skill"], row["seed_id"], row["agent"], row["n"]), row["reply"]
            except (ValueError, KeyError, TypeError) as error:
                raise BadInput(f"{path}:{number}: not a recorded reply ({error!r})") from None
            if known.setdefault(key, reply) != reply:
                raise BadInput(f"{path}:{number}: another reply for (skill, seed, agent, n) = {key}")
    if not known:
        raise BadInput(f"--recordings {folder}: no recorded reply in any *.jsonl file there")

    def answer(call: Call) -> str:
        key = call.skill, call.seed_id, call.agent, call.n
        if not any(key):  # the client's canary has no identity
            return "yes"
        if key not in known:
            raise Unanswerable("not_recorded", f"no recorded reply for (skill, seed, agent, n) = {key}")
        return known[key]

    return answer


class FakeTeacher:
    """The server; `faults` is the share of requests that fail at first, planned by body and `fault_seed`."""

    def __init__(
        self,
        answers: Answers,
        model: str,
        ledger: Path | None = None,
        latency_ms: float = 0.0,
        slots: int = 256,
        faults: float = 0.0,
        fault_seed: int = 0,
    ) -> None:
        self._answers, self._model = answers, model
        self._ledger = ledger
        self._latency = latency_ms / 1000
        self._free = asyncio.Semaphore(slots)
        self._faults, self._fault_seed = faults, fault_seed
        self._failed: dict[str, int] = {}
        self._lines: BinaryIO | None = None

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[str]:
        """Listen on 127.0.0.1 and yield the base URL; EnvironmentFailure if port or ledger cannot be had."""
        app = web.Application(client_max_size=LARGEST)
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._complete)
        runner = web.AppRunner(app, access_log=None, max_field_size=LARGEST)
        await runner.setup()
        try:
            try:
                self._lines = self._ledger.open("ab", buffering=0) if self._ledger else None
                await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()
            except OSError as error:
                raise EnvironmentFailure(
                    f"teacher fake: {error}; choose another --port or --ledger"
                ) from None
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        finally:
            await runner.cleanup()
            if self._lines is not None:
                self._lines.close()

    async def _health(self, _: web.Request) -> web.Response:
        return _json({"status": "ok"})

    async def _models(self, _: web.Request) -> web.Response:
        return _json(
            {"object": "list", "data": [{"id": self._model, "object": "model", "owned_by": "genteach"}]}
        )

    async def _complete(self, request: web.Request) -> web.Response:
        try:
            call = Call.read(request.headers, await request.read())
        except (ValueError, TypeError) as error:
            return _error(400, f"not a request that genteach sends: {error}")
        self._note("arrived", call)
        async with self._free:
            await asyncio.sleep(self._latency)
            fault = self._planned_fault(call.digest)
            response = _error(int(fault), "planned") if fault in ("429", "500") else self._answer(call)
        if fault == "reset" and request.transport is not None:
            request.transport.abort()
        if fault == "truncated":
            response.text = (response.text or "")[:-20]
        status = fault or response.status
        event = "written" if status == 200 else "failed"
        response.written = lambda: self._note(event, call, status=status)
        return response

    def _answer(self, call: Call) -> "_Response":
        if call.body.get("model") != self._model:
            return _error(404, f"the model {call.body.get('model')!r} does not exist")
        try:
            text = self._answers(call)
        except Unanswerable as failure:
            return _error(400, str(failure))
        asked, said = sum(words(str(message["content"])) for message in call.body["messages"]), words(text)
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
        facts = {
            "id": f"chatcmpl-{call.digest[:24]}",
            "object": "chat.completion",
            "created": int(time.time()),
        }
        return _json({**facts, "model": self._model, "choices": [choice], "usage": usage})

    def _planned_fault(self, digest: str) -> str | None:
        """The same at every run: whether a request fails for the k-th time is drawn from its digest and k."""
        count = self._failed.get(digest, 0)
        if not self._faults or count == FAULTS_PER_REQUEST:
            return None
        drawn = sha256(f"{self._fault_seed} {digest} {count}".encode()).digest()
        if int.from_bytes(drawn[:6]) >= self._faults * 2**48:
            return None
        self._failed[digest] = count + 1
        return FAULTS[drawn[6] % len(FAULTS)]

    def _note(self, event: str, call: Call, **facts: Any) -> None:
        """One unbuffered line: it outlives a kill of any process, of the client or of this one."""
        if self._lines is not None:
            whose = {"skill": call.skill, "agent": call.agent, "seed_id": call.seed_id, "n": call.n}
            line = {"event": event, "request": call.digest, "time": time.time(), **whose, **facts}
            self._lines.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


class _Response(web.Response):
    """Calls `written` once its last byte was handed to a connection that still stood."""

    written: Callable[[], None] | None = None

    async def write_eof(self, data: bytes = b"") -> None:
        await super().write_eof(data)
        if self.written is not None:
            self.written()
            self.written = None


def _json(value: dict[str, Any], status: int = 200) -> _Response:
    headers = {"Retry-After": "0"} if status == 429 else None
    return _Response(
        body=orjson.dumps(value), status=status, headers=headers, content_type="application/json"
    )


def _error(status: int, message: str) -> _Response:
    return _json({"error": {"message": message, "code": status}}, status)


def fake_teacher(
    answers: str = "offline",
    recordings: Path | None = None,
    ledger: Path | None = None,
    latency_ms: float = 0.0,
    slots: int = 256,
    faults: float = 0.0,
    fault_seed: int = 0,
) -> FakeTeacher:
    """The server that the command line describes; raises BadInput."""
    if not 0 <= faults <= 1 or latency_ms < 0 or slots < 1:
        raise BadInput(
            "teacher fake: --faults is a share from 0 to 1, --latency-ms at least 0, --slots at least 1"
        )
    if answers == "offline":
        said, model = answers_by_rule(), NAME
    elif answers == "hash":
        said, model = answers_by_hash(), "answers by hash"
    elif answers == "recorded" and recordings is not None:
        said, model = answers_recorded(recordings), "recorded answers"
    else:
        raise BadInput(f"--answers {answers}: give offline, hash, or recorded with --recordings FOLDER")
    return FakeTeacher(said, model, ledger, latency_ms, slots, faults, fault_seed)


def serve_fake(teacher: FakeTeacher, port: int = 0) -> None:
    """Serve until SIGINT or SIGTERM; the first line printed is the URL."""
    asyncio.run(_serve_until_stopped(teacher, port))


async def _serve_until_stopped(teacher: FakeTeacher, port: int) -> None:
    stopped = asyncio.Event()
    for sign in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(sign, stopped.set)
    async with teacher.serve(port) as url:
        print(f"fake teacher: {url}", flush=True)
        await stopped.wait()
