"""Through `accelerate launch -m genteach.train` itself: more processes, DeepSpeed, and a process that is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from genteach.train.encode import tokenize
from genteach.train.pack import pack

from .train_material import make_material

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = make_material(tmp_path_factory.mktemp("launch"))
    tokenize(recipe)
    pack(recipe)
    return recipe


def start(launcher: list[str], recipe: Path, **settings: Any) -> subprocess.Popen[str]:
    """The training command, from the repository's root as the README has it."""
    chosen = [argument for key, value in settings.items() for argument in ("--set", f"{key}={value}")]
    command = [*launcher, "-m", "genteach.train", "--config", str(recipe), *chosen]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def run(launcher: list[str], recipe: Path, **settings: Any) -> str:
    process = start(launcher, recipe, **settings)
    said, _ = process.communicate(timeout=600)
    assert process.returncode == 0, said
    return said


def accelerate(machine: str, port: int) -> list[str]:
    """Two processes of a machine file made for more; each test has a port of its own."""
    file = str(ROOT / f"recipes/accelerate/{machine}.yaml")
    options = ["--num_processes", "2", "--main_process_port", str(port)]
    return [str(BIN / "accelerate"), "launch", "--config_file", file, *options]


PLAIN = [sys.executable]


def log(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


@pytest.fixture(scope="module")
def reference(material: Path) -> list[dict[str, Any]]:
    folder = material.parent / "reference"
    run(PLAIN, material, output_dir=folder)
    return log(folder)


@pytest.mark.parametrize(
    ("machine", "backend", "port"),
    [("cpu2", "ddp", 29611), ("zero2", "zero2", 29612), ("zero3", "zero3", 29613)],
)
def test_two_processes_have_the_losses_of_one_and_resume_to_them(
    material: Path, tmp_path: Path, reference: list[dict[str, Any]], machine: str, backend: str, port: int
) -> None:
    settings = {"output_dir": tmp_path / "student", "expected_processes": 2, "expected_backend": backend}
    run(accelerate(machine, port), material, **settings)
    whole = log(tmp_path / "student")
    for mine, single in zip(whole, reference, strict=True):
        assert mine["loss"] == pytest.approx(single["loss"], abs=1e-5)
        assert mine["grad_norm"] == pytest.approx(single["grad_norm"], rel=1e-3)
        assert mine["tokens"] == single["tokens"]
    for folder in (tmp_path / "student", tmp_path / "student/checkpoint-6"):
        (folder / "COMPLETE").unlink()
    said = run(accelerate(machine, port), material, **settings)
    assert "resuming from" in said
    assert "checkpoint-3" in said
    assert log(tmp_path / "student") == whole


def test_one_file_describes_one_cpu_process(
    material: Path, tmp_path: Path, reference: list[dict[str, Any]]
) -> None:
    launcher = [str(BIN / "accelerate"), "launch", "--config_file", str(ROOT / "recipes/accelerate/cpu.yaml")]
    run(launcher, material, output_dir=tmp_path / "student")
    assert log(tmp_path / "student") == reference


def test_the_silent_single_process_is_refused(material: Path, tmp_path: Path) -> None:
    launcher = [str(BIN / "accelerate"), "launch", "--cpu", "--num_processes", "2"]
    process = start(launcher, material, output_dir=tmp_path / "student", expected_processes=2)
    said, _ = process.communicate(timeout=300)
    assert process.returncode != 0
    assert "expected_processes: 2, but the launcher gave 1" in said


def test_bad_input_is_one_line_and_exit_code_two(material: Path, tmp_path: Path) -> None:
    process = start(PLAIN, material, output_dir=tmp_path / "student", model_name_or_path="no/such/model")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    assert said.startswith("error: model_name_or_path: no/such/model: no such folder")
    assert said.count("\n") == 1


def test_killed_in_the_middle_a_run_resumes_to_the_same_log(material: Path, tmp_path: Path) -> None:
    settings = {"max_steps": 60, "save_steps": 5}
    run(PLAIN, material, output_dir=tmp_path / "whole", **settings)
    folder = tmp_path / "killed"
    for step in (12, 33):
        process = start(PLAIN, material, output_dir=folder, **settings)
        wait_for_step(folder, step, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    run(PLAIN, material, output_dir=folder, **settings)
    assert log(folder) == log(tmp_path / "whole")
    assert (folder / "model.safetensors").read_bytes() == (tmp_path / "whole/model.safetensors").read_bytes()


def wait_for_step(folder: Path, step: int, process: subprocess.Popen[str]) -> None:
    path = folder / "log.jsonl"
    deadline = time.monotonic() + 300
    while not path.is_file() or len(path.read_text().splitlines()) < step:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline, "the run did not reach its step"
        time.sleep(0.02)
