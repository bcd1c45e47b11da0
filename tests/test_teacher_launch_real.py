"""Real servers, launched on tiny random models: `transformers serve`, llama.cpp's own, and llama-cpp-python's."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import sys
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

from .servers import tiny_chat_checkpoint
from .tiny_gguf import write_tiny_gguf

pytestmark = pytest.mark.slow
SCHEMA = {
    "type": "object",
    "properties": {"word": {"enum": ["yes"]}},
    "required": ["word"],
    "additionalProperties": False,
}
no_gguf = pytest.mark.skipif(
    not importlib.util.find_spec("gguf"), reason="no package gguf to write a model with"
)


def ask_launched(launch: dict[str, Any], logs: Path) -> tuple[dict[str, Any], list[Reply]]:
    """Launch a teacher and ask it four things at once, in the structured form that it enforces."""
    teacher = open_teacher(TeacherSettings.model_validate({"launch": launch}), logs)

    async def scenario() -> tuple[dict[str, Any], list[Reply]]:
        identity = await teacher.start()
        form = response_format(SCHEMA, teacher.guided)
        requests = [
            Request(({"role": "user", "content": f"Say {n}."},), Sampling(max_tokens=64, seed=n), form)
            for n in range(4)
        ]
        try:
            return identity, await asyncio.gather(*map(teacher.ask, requests))
        finally:
            await teacher.close()

    return asyncio.run(scenario())


def keeps_to_the_schema(reply: Reply) -> bool:
    """Whether it is the one value that the schema allows, as far as a random model got: it likes white space."""
    written = "".join(reply.text.split())
    return written[:1] == "{" and '{"word":"yes"}'.startswith(written)


def test_transformers_serve_is_launched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    model = str(tiny_chat_checkpoint(tmp_path / "model"))
    launch = {"server": "transformers", "model": model, "options": ["--device", "cpu"], "start_timeout": 180}
    identity, replies = ask_launched(launch, tmp_path / "logs")
    assert identity["model"] == model
    assert all(0 < reply.completion_tokens <= 64 for reply in replies)
    assert (tmp_path / "logs/teacher-0.log").stat().st_size > 0


@no_gguf
@pytest.mark.skipif(not shutil.which("llama-server"), reason="no llama-server on PATH")
def test_the_server_of_llama_cpp_is_launched(tmp_path: Path) -> None:
    model = str(write_tiny_gguf(tmp_path / "tiny.gguf"))
    launch = {"server": "llama_cpp", "model": model, "max_model_len": 1024, "start_timeout": 60}
    identity, replies = ask_launched(launch, tmp_path / "logs")
    assert (identity["server"], identity["guided"]) == ("llamacpp", "json_object")
    assert all(keeps_to_the_schema(reply) for reply in replies)


@no_gguf
@pytest.mark.skipif(not importlib.util.find_spec("llama_cpp"), reason="no package llama_cpp")
def test_the_server_of_llama_cpp_python_is_launched(tmp_path: Path) -> None:
    python = tmp_path / "environment/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    model = str(write_tiny_gguf(tmp_path / "tiny.gguf"))
    place = {"environment": str(tmp_path / "environment"), "max_model_len": 1024}
    launch = {"server": "llama_cpp", "model": model, "start_timeout": 60, **place}
    identity, replies = ask_launched(launch, tmp_path / "logs")
    assert (identity["server"], identity["guided"]) == ("me", "json_object")
    assert all(keeps_to_the_schema(reply) for reply in replies)
