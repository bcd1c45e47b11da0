"""The command answers at once, explains each verb by example, and complains in one line."""

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
    times = []
    for _ in range(5):
        began = time.perf_counter()
        assert genteach("--help").returncode == 0
        times.append(time.perf_counter() - began)
    assert min(times) < 0.3


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
