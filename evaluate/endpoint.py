"""A model behind an OpenAI-compatible server as a backend, asked through the teacher's client."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from ..generate.teacher import Request, Sampling, Teacher, TeacherSettings, Unanswerable, open_teacher
from .item import Message, Reply, digest

# What a server says for its model, which answered nothing of use; anything else is a failure of the server itself.
MODEL_FAILURES = ("reasoning_only", "no_content", "content_filter", "content_not_text", "tool_calls_only")


class Endpoint:
    """`url#model`. Its weights cannot be seen: replies are told apart by URL and name, so give another name to other weights."""

    def __init__(self, settings: TeacherSettings) -> None:
        self.settings = settings
        identity = digest("endpoint", ",".join(settings.urls), settings.model or "")
        self.facts: dict[str, Any] = {
            "url": ",".join(settings.urls),
            "name": settings.model,
            "weights_sha256": None,
            "digest": identity,
        }

    def render(self, messages: list[Message]) -> str:
        """The messages as they are sent; the server applies the template. An empty system message is none at all."""
        return json.dumps([m for m in messages if m["role"] != "system" or m["content"]], ensure_ascii=False)

    def generate(self, prompts: list[str], max_new_tokens: int) -> Iterator[tuple[int, Reply]]:
        """All prompts at once, as many in flight as the settings have slots. Raises EnvironmentFailure."""
        if not prompts:
            return
        with asyncio.Runner() as runner:
            loop, teacher = runner.get_loop(), open_teacher(self.settings)
            self.facts["server"] = runner.run(teacher.start())
            pending = {
                loop.create_task(_ask(teacher, n, prompt, max_new_tokens)) for n, prompt in enumerate(prompts)
            }
            try:
                while pending:
                    done, pending = runner.run(_first(pending))
                    yield from (task.result() for task in done)
            finally:
                for task in pending:
                    task.cancel()
                runner.run(teacher.close())


async def _first(tasks: set[asyncio.Task[Any]]) -> tuple[set[asyncio.Task[Any]], set[asyncio.Task[Any]]]:
    return await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


async def _ask(teacher: Teacher, place: int, prompt: str, max_new_tokens: int) -> tuple[int, Reply]:
    request = Request(
        tuple(json.loads(prompt)), Sampling(temperature=0.0, max_tokens=max_new_tokens), role="student"
    )
    try:
        answer = await teacher.ask(request)
    except Unanswerable as failure:
        if failure.reason == "context_too_long":
            return place, Reply("", "too_long")
        if failure.reason in MODEL_FAILURES:
            return place, Reply("", "length" if "finish_reason length" in failure.detail else "stop")
        return place, Reply("", "failed")
    reason = "length" if answer.finish_reason == "length" else "stop"
    return place, Reply(answer.text.strip(), reason, answer.prompt_tokens, answer.completion_tokens)
