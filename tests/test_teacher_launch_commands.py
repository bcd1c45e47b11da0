"""What each server is told: command lines, environments and files, built from the settings alone."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from genteach.config import load
from genteach.generate.teacher import TeacherSettings
from genteach.generate.teacher.servers import (
    Command,
    LaunchSettings,
    Placement,
    command_for,
    environment_for,
    gpu_groups,
    tries_for,
)
from genteach.run import BadInput, EnvironmentFailure

TOKEN = "a-secret-token"
FLAGS = Path(__file__).with_name("vllm_0_33_flags.txt")
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Makes an environment whose bin/ holds programs of these names."""

    def make(*programs: str) -> Path:
        for name in programs:
            path = tmp_path / "environment" / "bin" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("#!/bin/sh\n")
            path.chmod(0o755)
        return tmp_path / "environment"

    return make


def built(environment: Path | None, name: str = "org/model", **settings: Any) -> Command:
    launch = LaunchSettings.model_validate({"model": "org/model", "environment": environment, **settings})
    return command_for(launch, Placement(8123, name, TOKEN, ("4", "5"), Path("/run/logs")))


def after(argv: tuple[str, ...], flag: str) -> str:
    return argv[argv.index(flag) + 1]


def vllm_flags() -> set[str]:
    """The long flags of the installed vLLM by its own help, else those of 0.33 as its help listed them."""
    if not shutil.which("vllm"):
        return set(FLAGS.read_text().splitlines()[1:])
    said = subprocess.run(
        ["vllm", "serve", "--help=all"],
        env={"VLLM_TARGET_DEVICE": "cpu", "PATH": str(Path(shutil.which("vllm") or "").parent)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    listed = (line for line in said.splitlines() if line.startswith("  -"))
    return {flag for line in listed for flag in re.findall(r"--[a-z0-9][a-z0-9-]*", line)}


def test_vllm_is_told_what_the_recipe_says(install: Install) -> None:
    environment = install("vllm")
    options = ("--speculative-config", '{"method":"ngram"}')
    command = built(environment, "teacher", tensor_parallel=2, max_model_len=8192, grace=10, options=options)
    assert command.argv == (
        *(f"{environment}/bin/vllm", "serve", "org/model", "--host", "127.0.0.1", "--port", "8123"),
        *("--served-model-name", "teacher", "--tensor-parallel-size", "2"),
        *("--enable-prefix-caching", "--enable-request-id-headers", "--disable-uvicorn-access-log"),
        *("--shutdown-timeout", "8", "--max-model-len", "8192", *options),
    )
    assert command.environment == {"VLLM_API_KEY": TOKEN, "VLLM_NO_USAGE_STATS": "1"}


def test_vllm_knows_every_flag(install: Install) -> None:
    settings = {"model": "org/model", "environment": install("vllm"), "max_model_len": 1}
    launch = LaunchSettings.model_validate({**settings, "options": ("--speculative-config", "{}")})
    variants = [launch.options, *tries_for(launch).values()]
    used = {word for options in variants for word in options if word.startswith("--")}
    used |= {word for word in built(**settings).argv if word.startswith("--")}
    assert len(used) >= 13
    assert not used - vllm_flags()


def test_speculation_is_given_up_where_it_was_asked_for() -> None:
    options = ("--dtype", "bfloat16", "--speculative-config", "{}", "--seed", "1")
    launch = LaunchSettings(model="org/model", options=options)
    assert tries_for(launch)["no speculation"] == ("--dtype", "bfloat16", "--seed", "1")
    assert "no speculation" not in tries_for(LaunchSettings(model="org/model"))


def test_sglang_reads_its_key_from_a_file(install: Install) -> None:
    command = built(install("sglang"), server="sglang", tensor_parallel=2, max_model_len=4096)
    assert command.argv[1:4] == ("serve", "--model-path", "org/model")
    assert command.files == {Path(after(command.argv, "--config")): f"api-key: {TOKEN}\n"}
    assert (after(command.argv, "--host"), after(command.argv, "--port")) == ("127.0.0.1", "8123")
    assert (after(command.argv, "--tp-size"), after(command.argv, "--context-length")) == ("2", "4096")
    assert "--enable-metrics" in command.argv


def test_llama_cpp_has_its_own_server_first(install: Install) -> None:
    command = built(install("llama-server", "python"), server="llama_cpp", model="a.gguf", max_model_len=512)
    assert command.argv[0].endswith("/llama-server")
    assert after(command.argv, "--model") == "a.gguf"
    assert after(command.argv, "--kv-unified-per-slot") == "512"
    assert command.environment == {"LLAMA_API_KEY": TOKEN}
    assert after(built(install(), server="llama_cpp").argv, "--hf-repo") == "org/model"


def test_llama_cpp_falls_back_on_the_python_package(install: Install) -> None:
    command = built(install("python"), server="llama_cpp", max_model_len=512)
    assert command.argv[1:3] == ("-m", "llama_cpp.server")
    assert (after(command.argv, "--n_ctx"), after(command.argv, "--n_gpu_layers")) == ("512", "-1")
    assert command.environment == {"API_KEY": TOKEN}


def test_transformers_gets_a_hub_cache(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", "/home")
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    environment = install("transformers")
    assert built(environment, server="transformers").folders == (Path("/home/hub"),)
    with pytest.raises(BadInput, match="max_model_len"):
        built(environment, server="transformers", max_model_len=512)
    with pytest.raises(BadInput, match="'teacher': `transformers serve` calls it 'org/model'"):
        built(environment, "teacher", server="transformers")


def test_any_command_has_its_places_filled() -> None:
    line = ("serve", "--port={port}", "{model}", '{"json": {}}')
    command = built(None, server="command", command=line, options=("--key", "{token}"))
    assert command.argv == ("serve", "--port=8123", "org/model", '{"json": {}}', "--key", "{token}")
    assert command.environment == {"TEACHER_TOKEN": TOKEN}
    assert built(None, server="command", command=("serve", "{token}")).argv == ("serve", TOKEN)


@pytest.mark.parametrize("server", ["vllm", "sglang", "llama_cpp", "transformers"])
def test_no_command_line_shows_the_token(install: Install, server: str) -> None:
    command = built(install("vllm", "sglang", "python", "transformers"), server=server)
    assert TOKEN not in " ".join(command.argv)


def test_a_server_that_is_not_installed_is_one_line(install: Install) -> None:
    with pytest.raises(EnvironmentFailure, match=r"no `vllm` in .*/environment/bin; install vllm in a"):
        built(install("sglang"))


def test_a_server_sees_its_own_programs_and_gpus() -> None:
    launch = LaunchSettings(model="m", environment=Path("/venv"))
    place = Placement(1, "m", TOKEN, ("4", "5"), Path())
    environment = environment_for(launch, place, {"PATH": "/usr/bin", "CUDA_VISIBLE_DEVICES": "0,1,4,5"})
    assert environment["PATH"] == "/venv/bin:/usr/bin"
    assert environment["CUDA_VISIBLE_DEVICES"] == "4,5"
    assert environment["VIRTUAL_ENV"] == "/venv"


def test_replicas_share_no_gpu() -> None:
    def groups(visible: str | None, **settings: Any) -> Any:
        launch = LaunchSettings.model_validate({"model": "m", **settings})
        return gpu_groups(launch, {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible})

    assert groups("0,1,2,3", replicas=2, tensor_parallel=2) == [("0", "1"), ("2", "3")]
    assert groups("GPU-a, GPU-b", replicas=2) == [("GPU-a",), ("GPU-b",)]
    assert groups("0,1", replicas=2, gpus=(6, 7)) == [("6",), ("7",)]
    assert groups("", replicas=2) == [(), ()]  # no GPU may be used
    with pytest.raises(BadInput, match=r"3 replicas of 2 GPUs need 6; there are 4 \(0, 1, 2, 3\)"):
        groups("0,1,2,3", replicas=3, tensor_parallel=2)


@pytest.mark.parametrize(
    ("launch", "said"),
    [
        ({"server": "vllm"}, "give the model that vllm is to serve"),
        ({"server": "command", "model": "m"}, "give `command`"),
        ({"server": "vllm", "model": "m", "command": ["serve"]}, "give `command`"),
        ({"server": "vlm", "model": "m"}, "launch.server: 'vlm'"),
        ({"model": "m", "replica": 2}, "launch.replica: unknown key; did you mean 'replicas'?"),
    ],
)
def test_a_mistake_in_the_settings_is_named(launch: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=re.escape(said)):
        load(None, TeacherSettings, {"launch": launch})
