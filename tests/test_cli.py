"""The command answers at once, explains each verb by example, and complains in one line."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def genteach(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "genteach.cli", *arguments], cwd=cwd, capture_output=True, text=True
    )


def verbs() -> list[list[str]]:
    """Every verb, groups opened, as the command line spells it."""
    from genteach.cli import app
    from typer.main import get_command

    def walk(command: Any, words: list[str]) -> list[list[str]]:
        inner = getattr(command, "commands", {})
        return (
            [words]
            if not inner
            else [found for name, sub in inner.items() for found in walk(sub, [*words, name])]
        )

    return walk(get_command(app), [])


def test_help_answers_in_under_a_third_of_a_second() -> None:
    assert min(seconds("--help") for _ in range(10)) < 0.3


def seconds(*arguments: str) -> float:
    began = time.perf_counter()
    assert genteach(*arguments).returncode == 0
    return time.perf_counter() - began


@pytest.mark.parametrize("verb", verbs(), ids=" ".join)
def test_each_verb_shows_an_example(verb: list[str]) -> None:
    shown = genteach(*verb, "--help")
    assert shown.returncode == 0
    assert f"Example: genteach {' '.join(verb)}" in shown.stdout


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'torch', 'transformers', 'ray', 'pyarrow', 'numpy', 'pydantic'}"
    code = f"import sys, genteach.cli; print(sorted({heavy} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_an_unknown_verb_is_one_line_with_the_nearest() -> None:
    shown = genteach("generte")
    assert shown.returncode == 2
    assert shown.stderr.count("\n") == 1
    assert "'generate'" in shown.stderr


def test_ctrl_c_anywhere_is_one_line_and_exit_code_130(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "genteach.cli", "generate", "--seeds", "python", "--out", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as run:
        time.sleep(1.5)
        run.send_signal(signal.SIGINT)
        _, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "run the same command" in said
    assert "Traceback" not in said
