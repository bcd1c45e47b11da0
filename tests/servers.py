"""Teachers for tests: a server that says whatever a test wants it to, and a real one on a tiny checkpoint."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from genteach.generate.teacher.fingerprint import is_canary

Complete = Callable[[web.Request], Awaitable[web.StreamResponse]]
SLOTS = 16  # of the fake teacher
MODELS = {"data": [{"id": "some-model", "owned_by": "unknown"}]}


def said(text: str = "yes", **facts: Any) -> web.Response:
    """A well-formed chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 5}
    return web.json_response({"model": "some-weights", "choices": [choice], "usage": usage, **facts})


async def canary_sings(request: web.Request) -> web.StreamResponse:
    return said()


@asynccontextmanager
async def scripted(
    complete: Complete,
    models: Any = MODELS,
    canary: Complete = canary_sings,
    status: int = 200,
    metrics: Complete | None = None,
) -> AsyncIterator[str]:
    """A server whose completions come from `complete`, and the answers to canaries from `canary`."""

    async def dispatch(request: web.Request) -> web.StreamResponse:
        asked = (await request.json())["messages"][-1]["content"]
        return await (canary if is_canary(asked) else complete)(request)

    async def list_models(request: web.Request) -> web.Response:
        return web.json_response(models, status=status)

    app = web.Application(client_max_size=1 << 26)
    app.router.add_get("/v1/models", list_models)
    app.router.add_post("/v1/chat/completions", dispatch)
    if metrics is not None:
        app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


@contextmanager
def fake_teacher(ledger: Path, *more: str) -> Iterator[str]:
    """The offline rules behind HTTP, SLOTS at a time and with a ledger of every request; yields the URL.

    `more` are options that lie over the usual ones.
    """
    options = ["--answers", "offline", "--latency-ms", "5", "--slots", str(SLOTS), "--ledger", str(ledger)]
    command = [sys.executable, "-m", "genteach.cli", "teacher", "fake", *options, *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            yield next(word for word in line.split() if word.startswith("http"))
        finally:
            server.terminate()
            server.communicate()


def tiny_chat_checkpoint(folder: Path) -> Path:
    """A randomly initialised Mistral of 0.1 M parameters that `transformers serve` can chat with."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import GenerationConfig, MistralConfig, MistralForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet)
    tokenizer.train_from_iterator([Path(__file__).read_text(encoding="utf-8")], trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    fast.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant:"
    fast.save_pretrained(folder)
    config = MistralConfig(
        vocab_size=len(fast), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=4096,
        bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    model = MistralForCausalLM(config)
    # Without do_sample here the server ignores the temperature of a request.
    model.generation_config = GenerationConfig(do_sample=True, bos_token_id=0, eos_token_id=1, pad_token_id=1)
    model.save_pretrained(folder)
    return folder


@contextmanager
def transformers_serve(checkpoint: Path, home: Path) -> Iterator[str]:
    """`transformers serve` on 127.0.0.1; yields its base URL once /health answers. The model is `checkpoint`.

    `home` becomes HF_HOME: /v1/models answers 500 where it holds no hub cache, so one is made.
    """
    (home / "hub").mkdir(parents=True, exist_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        str(Path(sys.executable).with_name("transformers")), "serve", str(checkpoint),
        "--device", "cpu", "--host", "127.0.0.1", "--port", str(port), "--default-seed", "0",
    ]  # fmt: skip
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_until_healthy(f"http://127.0.0.1:{port}/health", server, home / "log")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while server.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2) as response:
                if json.load(response)["status"] == "ok":
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.2)
    raise RuntimeError(f"transformers serve did not come up:\n{log.read_text(errors='replace')[-2000:]}")
