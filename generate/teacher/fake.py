"""An OpenAI-compatible server without a model: rules, hashes or recordings, a ledger, planned faults."""

import asyncio
import signal
import time
from base64 import b64decode
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256, shake_128
from pathlib import Path
from random import Random
from typing import Any, BinaryIO

import orjson

from ...run import BadInput, EnvironmentFailure
from . import Unanswerable
from .fake_http import Answer, Connection, Incoming
from .fingerprint import is_canary
from .offline import NAME, Rules, words

FAULTS = ("429", "500", "reset", "truncated")
FAULTS_PER_REQUEST = 2
WORDS_BY_HASH = 140  # about 1 KB


@dataclass(frozen=True, slots=True)
class Call:
    """A request as the server sees it: its headers say whose it is, the digest of its body what it is."""

    skill: str
    agent: str
    seed_id: str
    number: int
    again: int  # how many identical requests of the item came before
    fields: dict[str, Any]
    body: dict[str, Any]
    digest: str
    is_canary: bool

    @classmethod
    def read(cls, headers: dict[bytes, bytes], content: bytes) -> "Call":
        """Raises ValueError where the body or a header is not what the client sends."""
        body = orjson.loads(content)
        try:
            own = is_canary(str(body["messages"][-1]["content"]))  # other clients send it in parts
        except (KeyError, IndexError, TypeError, AttributeError):
            raise ValueError("no messages") from None
        digest = sha256(content).hexdigest()
        if b"x-genteach-n" not in headers:
            return cls("", "", "", 0, 0, {}, body, digest, own)
        skill, agent, seed_id = (
            headers.get(name, b"").decode()
            for name in (b"x-genteach-skill", b"x-genteach-agent", b"x-genteach-seed")
        )
        fields = orjson.loads(b64decode(headers.get(b"x-genteach-fields", b"")) or b"{}")
        number, again = int(headers[b"x-genteach-n"]), int(headers.get(b"x-genteach-again", 0))
        return cls(skill, agent, seed_id, number, again, fields, body, digest, own)


Answers = Callable[[Call], str]


def answers_by_rule() -> Answers:
    """What the embedded offline teacher would say."""
    rules = Rules.load()
    return lambda call: rules.answer(call.skill, call.agent, call.seed_id, call.again, call.fields)


def answers_by_hash() -> Answers:
    """A text that only this request has, its digest in front, so that a lost or swapped answer can be seen."""
    draw = Random(0)
    syllables = ["ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "ru", "sa", "te", "vi", "zo"]
    vocabulary = ["".join(draw.choices(syllables, k=draw.randint(1, 5))) for _ in range(256)]

    def answer(call: Call) -> str:
        drawn = shake_128(call.digest.encode()).digest(WORDS_BY_HASH)
        return f"{call.digest} " + " ".join([vocabulary[byte] for byte in drawn])

    return answer


def answers_recorded(folder: Path) -> Answers:
    """Lines {"skill", "seed_id", "agent", "n", "reply"} of the folder's *.jsonl files; raises BadInput.

    `n` is the running number of the agent's requests within the work item.
    """
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
        key = call.skill, call.seed_id, call.agent, call.number
        if not any(key):  # the client's canaries have no identity
            return "yes"
        if key not in known:
            raise Unanswerable("not_recorded", f"no recorded reply for (skill, seed, agent, n) = {key}")
        return known[key]

    return answer


class FakeTeacher:
    """The server; `faults` is the share of requests that fail at first, planned by body and `fault_seed`.

    A test may change its mind while it serves: `generating` off leaves every completion without an answer,
    `slower` stretches the latency, `shows_metrics` off takes /metrics away, and `die` hangs up on everybody.
    """

    def __init__(
        self,
        answers: Answers,
        model: str,
        ledger: Path | None = None,
        latency_ms: float = 0.0,
        slots: int = 256,
        faults: float = 0.0,
        fault_seed: int = 0,
        owner: str = "genteach",
    ) -> None:
        self._answers, self._model, self._owner = answers, model, owner
        self._ledger = ledger
        self._latency = latency_ms / 1000
        self._slots = slots
        self._faults, self._fault_seed = faults, fault_seed
        self._failed: dict[str, int] = {}
        self._lines: BinaryIO | None = None
        self._queue: deque[tuple[Connection, Incoming, Call]] = deque()
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self.running = 0
        self.generating, self.slower, self.shows_metrics = True, 1.0, True

    @property
    def waiting(self) -> int:
        """How many requests wait for one of the slots."""
        return len(self._queue)

    @asynccontextmanager
    async def serve(self, port: int = 0) -> AsyncIterator[str]:
        """Listen on 127.0.0.1 and yield the base URL; EnvironmentFailure if port or ledger cannot be had."""
        self._loop = asyncio.get_running_loop()
        try:
            try:
                self._lines = self._ledger.open("ab", buffering=0) if self._ledger else None
                self._server = await self._loop.create_server(
                    lambda: Connection(self._route, self._connections), "127.0.0.1", port, backlog=1024
                )
            except OSError as error:
                raise EnvironmentFailure(
                    f"teacher fake: {error}; choose another --port or --ledger"
                ) from None
            yield f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"
        finally:
            self.die()
            if self._lines is not None:
                self._lines.close()
                self._lines = None

    def die(self) -> None:
        """Stop listening and reset every connection, as a killed process does."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in list(self._connections):
            connection.reset()
        self._queue.clear()

    def _route(self, connection: Connection, request: Incoming) -> None:
        match request.target:
            case "POST /v1/chat/completions":
                self._arrive(connection, request)
            case "GET /v1/models":
                entry = {"id": self._model, "object": "model", "owned_by": self._owner}
                connection.answer(_json({"object": "list", "data": [entry]}))
            case "GET /health":
                connection.answer(_json({"status": "ok"}))
            case "GET /metrics" if self.shows_metrics:
                connection.answer(Answer(200, self._metrics(), "text/plain; version=0.0.4"))
            case _:
                connection.answer(_error(404, f"nothing at {request.target}"))

    def _arrive(self, connection: Connection, request: Incoming) -> None:
        try:
            call = Call.read(request.headers, request.body)
        except (ValueError, TypeError) as error:
            connection.answer(_error(400, f"not a request that genteach sends: {error}"))
            return
        self._note("arrived", call)
        if self.running < self._slots:
            self._run(connection, request, call)
        else:
            self._queue.append((connection, request, call))

    def _run(self, connection: Connection, request: Incoming, call: Call) -> None:
        """Take a slot for as long as a reply takes; for ever where nothing is generated."""
        self.running += 1
        if self.generating:
            self._loop.call_later(self._latency * self.slower, self._finish, connection, request, call)

    def _finish(self, connection: Connection, request: Incoming, call: Call) -> None:
        self.running -= 1
        while self._queue and self.running < self._slots:
            waited = self._queue.popleft()
            if waited[0].stands:
                self._run(*waited)
        fault = self._planned_fault(call.digest)
        if fault == "reset":
            connection.reset()
            return
        answer = _error(int(fault), "planned") if fault in ("429", "500") else self._answer(call)
        if fault == "truncated":
            answer.body = answer.body[:-20]
        if name := request.headers.get(b"x-request-id"):
            answer.headers.append((b"X-Request-Id", name))
        if connection.answer(answer):
            status = fault or answer.status
            self._note("written" if status == 200 else "failed", call, status=status)

    def _answer(self, call: Call) -> Answer:
        if call.body.get("model") != self._model:
            return _error(404, f"the model {call.body.get('model')!r} does not exist")
        try:
            text = self._answers(call)
        except Unanswerable as failure:
            return _error(400, str(failure))
        except Exception as fault:  # a rule that breaks must not leave its caller waiting
            return _error(500, repr(fault))
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

    def _metrics(self) -> bytes:
        """The load under vLLM's names."""
        gauges = {"num_requests_running": self.running, "num_requests_waiting": self.waiting}
        return "".join(
            f'# TYPE vllm:{name} gauge\nvllm:{name}{{engine="0",model_name="{self._model}"}} {value:.1f}\n'
            for name, value in gauges.items()
        ).encode()

    def _note(self, event: str, call: Call, **facts: Any) -> None:
        """One unbuffered line: it outlives a kill of any process, of the client or of this one."""
        if self._lines is not None:
            whose = {"skill": call.skill, "agent": call.agent, "seed_id": call.seed_id, "n": call.number}
            line = {"event": event, "request": call.digest, "time": time.time(), **whose, **facts}
            if call.is_canary:
                line["canary"] = True
            self._lines.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def _json(value: dict[str, Any], status: int = 200) -> Answer:
    answer = Answer(status, orjson.dumps(value))
    if status == 429:
        answer.headers.append((b"Retry-After", b"0"))
    return answer


def _error(status: int, message: str) -> Answer:
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
    owner = "genteach"
    if answers == "offline":
        said, model = answers_by_rule(), NAME
    elif answers == "hash":  # the answer is of the bytes alone: the client need not say whose they are
        said, model, owner = answers_by_hash(), "answers by hash", "nobody"
    elif answers == "recorded" and recordings is not None:
        said, model = answers_recorded(recordings), "recorded answers"
    else:
        raise BadInput(f"--answers {answers}: give offline, hash, or recorded with --recordings FOLDER")
    return FakeTeacher(said, model, ledger, latency_ms, slots, faults, fault_seed, owner)


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
