"""A real server, `transformers serve` on a tiny random checkpoint, asked over HTTP to the end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from genteach.generate.teacher import (
    Reply,
    Request,
    Sampling,
    TeacherSettings,
    open_teacher,
    response_format,
)
from genteach.run import BadInput, EnvironmentFailure

from .servers import tiny_chat_checkpoint, transformers_serve

pytestmark = pytest.mark.slow


async def ask(settings: TeacherSettings, *requests: Request) -> list[Any]:
    teacher = open_teacher(settings)
    await teacher.start()
    assert (
        response_format({"type": "object"}, teacher.guided) is None
    )  # it refuses a field that it does not know
    try:
        return await asyncio.gather(*map(teacher.ask, requests))
    finally:
        await teacher.close()


def test_a_real_server_answers_every_request(tmp_path: Path) -> None:
    checkpoint = tiny_chat_checkpoint(tmp_path / "model")
    requests = [
        Request(({"role": "user", "content": f"Say {i}."},), Sampling(max_tokens=8, seed=i)) for i in range(6)
    ]
    with transformers_serve(checkpoint, tmp_path / "home") as url:
        replies = asyncio.run(ask(TeacherSettings(url=url, model=str(checkpoint)), *requests))
        with pytest.raises(BadInput, match="lists no model"):
            asyncio.run(ask(TeacherSettings(url=url)))
        with pytest.raises(EnvironmentFailure):
            asyncio.run(ask(TeacherSettings(url=url, model=str(tmp_path / "nothing"), attempts=2)))
    assert all(isinstance(reply, Reply) and reply.completion_tokens <= 8 for reply in replies)
    assert {reply.finish_reason for reply in replies} <= {"stop", "length"}
    assert replies[0].model.startswith(str(checkpoint))
    with pytest.raises(EnvironmentFailure, match="no teacher at"):
        asyncio.run(ask(TeacherSettings(url=url, model=str(checkpoint))))
