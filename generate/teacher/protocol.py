"""The OpenAI chat protocol: a request to bytes, and bytes to a reply or the reason why there is none."""

import re
import time
from base64 import b64encode
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import orjson

from ...run import EnvironmentFailure
from . import Guided, Reply, Request, Unanswerable

# What servers call themselves in /v1/models (`owned_by`), and the structured form that each enforces; the
# last two are llama.cpp's own server and llama-cpp-python's. Others refuse a `response_format`, or ignore it.
GUIDED: dict[str, Guided] = {
    "vllm": "json_schema",
    "sglang": "json_schema",
    "llamacpp": "json_object",
    "me": "json_object",
}
WHOLE = ("stop", "length", "tool_calls", "eos", "eos_token", "stop_sequence")
LARGEST_BODY = 16 << 20
LONGEST_RETRY_AFTER = 60.0
MOST_TOKENS = 2**31 - 1
TOO_LONG = re.compile(r"context (length|size|window)|too long|maximum.{0,20}length", re.IGNORECASE)


class Again(Exception):
    """One attempt failed as another may not; `after` is the wait in seconds that the server asked for."""

    def __init__(self, reason: str, detail: str, after: float = 0.0) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail
        self.after = after


def identity_headers(request: Request) -> dict[str, str]:
    """Whose request it is and what its prompt was filled with: for the project's own fake teacher alone."""
    return {
        "X-Genteach-Skill": request.skill,
        "X-Genteach-Agent": request.agent,
        "X-Genteach-Seed": request.seed_id,
        "X-Genteach-N": str(request.number),
        "X-Genteach-Again": str(request.n),
        "X-Genteach-Fields": b64encode(orjson.dumps(request.fields)).decode(),
    }


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """The whole body as it came over the wire; raises Again beyond LARGEST_BODY."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise Again("invalid_body", f"longer than {LARGEST_BODY >> 20} MiB: {shown(body)}")
    return bytes(body)


def read_reply(content: bytes, attempt: int = 1) -> Reply:
    """The reply in the body of a 200; raises Again for a broken body, Unanswerable for one without text."""
    try:
        body = orjson.loads(content)
        if not body["choices"]:
            raise Unanswerable("no_choices", shown(content))
        choice, usage = body["choices"][0], body.get("usage") or {}
        message, finish = choice["message"], str(choice.get("finish_reason"))
        tokens = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
        problem = _why_no_text(message, finish) or _why_not_whole(finish)
        text, model = message.get("content"), str(body.get("model"))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        raise Again("invalid_body", shown(content)) from None
    if problem == "aborted":  # vLLM and SGLang say so of what they gave up: it may be whole another time
        raise Again(problem, f"finish_reason {finish}: {shown(content)}")
    if problem:
        raise Unanswerable(problem, f"finish_reason {finish}: {shown(content)}")
    return Reply(text, finish, *tokens, model, attempt)


def _count(said: float | None) -> int:
    """A number of tokens, whatever the server says of it: between 0 and MOST_TOKENS."""
    return int(min(max(said or 0, 0), MOST_TOKENS))


def _why_not_whole(finish: str) -> str | None:
    """Why a text is not to be taken for an answer. One that was cut off by its length is the caller's to judge."""
    named = {"abort": "aborted", "content_filter": "content_filter"}
    return None if finish in WHOLE else named.get(finish, "finish_reason")


def _why_no_text(message: dict[str, Any], finish: str) -> str | None:
    text = message.get("content")
    thought = message.get("reasoning_content") or message.get("reasoning")
    if thought and not (isinstance(text, str) and text.strip()):
        return "reasoning_only"
    if text is None:
        named = "tool_calls_only" if message.get("tool_calls") else "no_content"
        return "content_filter" if finish == "content_filter" else named
    return None if isinstance(text, str) else "content_not_text"


def refusal(url: str, model: str, status: int, content: bytes, retry_after: str | None = None) -> Exception:
    """Who must act on a status other than 200: the next attempt, this item, or whoever started the run."""
    answered = f"answered {status}: {shown(content)}"
    said = f"{url} {answered}"
    if status in (401, 403):
        return EnvironmentFailure(
            f"{said}; name the environment variable with the key in teacher.api_key_env"
        )
    if status == 404:
        return EnvironmentFailure(f"{said}; is {model!r} the name of a model there, and this its base URL?")
    if status < 400:
        return EnvironmentFailure(f"{said}; give the final address in teacher.url")
    if status >= 500 or status in (408, 425, 429):
        return Again(f"http_{status}", said, wait_asked_for(retry_after))
    # The detail of an item does not say which server it was: another one would have answered the same.
    return Unanswerable("context_too_long" if TOO_LONG.search(answered) else "refused", answered)


def wait_asked_for(retry_after: str | None) -> float:
    """Seconds in a Retry-After header, a number or an HTTP date, held between 0 and LONGEST_RETRY_AFTER."""
    text = (retry_after or "").strip()
    try:
        seconds = float(text) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def shown(content: bytes | bytearray) -> str:
    """The first 200 bytes, escaped: one line, safe in a log and on a terminal."""
    return repr(bytes(content[:200]))[2:-1] or "(empty body)"
