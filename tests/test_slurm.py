"""The Slurm scripts: what they have Slurm do, which commands they run, and what they make of its signals."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from genteach.cli import app
from typer.main import get_command

SLURM = Path(__file__).parents[1] / "recipes" / "slurm"
SCRIPTS = sorted(SLURM.glob("*.sbatch"))
# They stand in for the programs of the same name; the first ends as the real one does when it was drained.
GENTEACH = """#!/usr/bin/env bash
echo "$@" > asked
trap 'echo drained >> asked; exit 130' TERM
touch begun
while [ ! -e finish ]; do sleep 0.02; done
"""
SCONTROL = '#!/usr/bin/env bash\necho "$@" > requeued\n'


def start(folder: Path, **environment: str) -> subprocess.Popen[bytes]:
    """The array's task 1 of the job 77, when its genteach has begun."""
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    for name, text in (("genteach", GENTEACH), ("scontrol", SCONTROL)):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    given = {
        "SLURM_ARRAY_TASK_ID": "1",
        "SLURM_JOB_ID": "77",
        "TMPDIR": "/scratch",
        "PATH": os.environ["PATH"],
    }
    command = ["bash", str(SLURM / "generate.sbatch"), "recipe.yaml", "3"]
    script = subprocess.Popen(command, cwd=folder, env=given | environment)
    while not (folder / "begun").exists():
        time.sleep(0.01)
    return script


def read(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_whole_and_its_commands_exist(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)
    lines = [line for line in script.read_text().splitlines() if not line.startswith("#")]
    command: Any = get_command(app)
    [verb] = {shlex.split(line)[1] for line in lines if line.startswith("genteach ")}
    known = {option for parameter in command.commands[verb].params for option in parameter.opts}
    assert set(re.findall(r"(?<=[ (])--[\w-]+", "\n".join(lines))) <= known


def test_a_task_does_its_shard_with_its_journal_on_the_local_disk(tmp_path: Path) -> None:
    script = start(tmp_path)
    (tmp_path / "finish").touch()
    assert script.wait(10) == 0
    asked = read(tmp_path / "asked") or ""
    assert asked.startswith("generate --config recipe.yaml --shard 1/3 --journal-dir /scratch/genteach-")
    assert "--take-over" not in asked


def test_a_task_whose_time_is_up_drains_and_comes_back_to_take_over(tmp_path: Path) -> None:
    script = start(tmp_path)
    script.send_signal(signal.SIGUSR1)
    assert script.wait(10) == 130
    assert "drained" in (read(tmp_path / "asked") or "")
    assert read(tmp_path / "requeued") == "requeue 77\n"
    (tmp_path / "finish").touch()
    assert start(tmp_path, SLURM_RESTART_COUNT="1").wait(10) == 0
    assert "--take-over" in (read(tmp_path / "asked") or "")


def test_a_task_that_is_cancelled_waits_for_its_shard_and_stays_away(tmp_path: Path) -> None:
    script = start(tmp_path)
    script.terminate()  # Slurm sends it to every process of the task
    with pytest.raises(subprocess.TimeoutExpired):
        script.wait(0.3)
    (tmp_path / "finish").touch()
    assert script.wait(10) == 0
    assert read(tmp_path / "requeued") is None
