"""Every wrong input is one clear line and the right exit code, at the command line where a user meets it."""

import subprocess
import sys
from pathlib import Path

import pytest

TINY = "seeds: [{builtin: python, kind: text, min_chars: 150, max_chars: 400}]\nskills: all\nlimit: 5\n"


def complaint(code: int, *arguments: object) -> str:
    """The one line that the command leaves on stderr, after checking its exit code."""
    command = [sys.executable, "-m", "genteach.cli", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == code, ended.stdout + ended.stderr
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert ended.stderr.startswith("genteach: ")
    return ended.stderr


def recipe(folder: Path, text: str) -> Path:
    path = folder / "generate.yaml"
    path.write_text(text)
    return path


def test_a_missing_config(tmp_path: Path) -> None:
    recipe(tmp_path, TINY)
    line = complaint(2, "generate", "--config", tmp_path / "generat.yaml")
    assert "no such file; did you mean" in line


def test_an_unknown_key_names_the_nearest_right_one(tmp_path: Path) -> None:
    path = recipe(tmp_path, f"out: {tmp_path}/run\n{TINY}teacher: {{slotz: 3}}\n")
    assert f"{path}:5: teacher.slotz: unknown key; did you mean 'slots'?" in complaint(
        2, "generate", "--config", path
    )


def test_an_unknown_skill_and_an_unknown_entry(tmp_path: Path) -> None:
    path = recipe(tmp_path, f"out: {tmp_path}/run\n{TINY}")
    line = complaint(2, "generate", "--config", path, "--skills", "reading_comprehenson")
    assert "did you mean 'reading_comprehension'?" in line
    text = TINY.replace("skills: all", "skills: {reading_comprehension: {entries: [literal]}}")
    line = complaint(2, "generate", "--config", recipe(tmp_path, f"out: {tmp_path}/run\n{text}"))
    assert "skills.reading_comprehension.entries: no 'literal'" in line


def test_an_empty_seeds_folder(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    line = complaint(2, "generate", "--seeds", tmp_path / "docs", "--out", tmp_path / "run")
    assert str(tmp_path / "docs") in line


def test_a_binary_file_that_is_called_txt(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "program.txt").write_bytes(Path(sys.executable).read_bytes()[:4096])
    line = complaint(2, "generate", "--seeds", tmp_path / "docs", "--out", tmp_path / "run")
    assert "binary" in line


def test_seeds_that_do_not_exist(tmp_path: Path) -> None:
    assert "nowhere" in complaint(2, "generate", "--seeds", tmp_path / "nowhere", "--out", tmp_path / "run")


def test_seeds_that_no_skill_takes(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "lone.py").write_text("def double(x):\n    return 2 * x\n\n" * 200)
    line = complaint(
        2, "generate", "--skills", "fermi", "--seeds", tmp_path / "docs", "--out", tmp_path / "run"
    )
    assert "of a kind that the skills take (text)" in line


def test_an_unwritable_out_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    line = complaint(4, "generate", "--seeds", "python", "--limit", 5, "--out", tmp_path / "file" / "run")
    assert "cannot write there" in line


def test_a_dead_teacher(tmp_path: Path) -> None:
    options = ("--seeds", "python", "--limit", 5, "--out", tmp_path / "run")
    line = complaint(4, "generate", *options, "--teacher", "http://127.0.0.1:9/v1#model")
    assert "http://127.0.0.1:9/v1" in line


def test_a_teacher_that_is_no_url(tmp_path: Path) -> None:
    line = complaint(2, "generate", "--seeds", "python", "--out", tmp_path / "run", "--teacher", "gpt-4")
    assert "give `offline` or a base URL" in line


@pytest.mark.parametrize("verb", ["generate", "evaluate"])
def test_a_limit_of_nothing(tmp_path: Path, verb: str) -> None:
    options = {
        "generate": ("--seeds", "python", "--out", tmp_path),
        "evaluate": ("--model", "x", "--tasks", "mmlu"),
    }
    assert "limit" in complaint(2, verb, *options[verb], "--limit", 0)


def test_a_model_path_that_is_not_a_model(tmp_path: Path) -> None:
    (tmp_path / "config.txt").write_text("not a model")
    (tmp_path / "orca_bench").mkdir()
    line = complaint(2, "evaluate", "--model", tmp_path, "--tasks", "gsm8k", "--data", tmp_path)
    assert str(tmp_path) in line


def test_a_run_that_was_begun_with_another_recipe(tmp_path: Path) -> None:
    options = ("--config", recipe(tmp_path, f"out: {tmp_path}/run\n{TINY}"))
    command = [sys.executable, "-m", "genteach.cli", "generate", *map(str, options)]
    subprocess.run(command, check=True, capture_output=True)
    assert "limit: 5 -> 6" in complaint(2, "generate", *options, "--limit", 6)


def test_a_verb_that_comes_too_early_says_which_comes_before(tmp_path: Path) -> None:
    assert "genteach generate" in complaint(2, "curate", tmp_path)
    assert "genteach generate" in complaint(2, "orca-bench", "build", tmp_path)
