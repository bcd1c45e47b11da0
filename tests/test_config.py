"""Recipes are read strictly, and every mistake is one line that says where it is and what would be right."""

from pathlib import Path

import pytest
from genteach.config import Strict, load, read_yaml
from genteach.run import BadInput
from pydantic import Field


class Teacher(Strict):
    url: str = "offline"
    slots: int = Field(8, ge=1)


class Recipe(Strict):
    out: Path
    rate: float = 0.5
    teacher: Teacher = Teacher()
    mix: list[Teacher] = []


def complaint(tmp_path: Path, text: str) -> str:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    with pytest.raises(BadInput) as caught:
        load(path, Recipe)
    assert "\n" not in str(caught.value)
    return str(caught.value).removeprefix(f"{path}")


def test_a_recipe_is_read_and_the_command_line_lies_over_it(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("out: runs/a\nteacher: {slots: 3}\n")
    assert load(path, Recipe, {"out": "runs/b"}) == Recipe(out=Path("runs/b"), teacher=Teacher(slots=3))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("out: a\nconcurency: 3\n", ":2: concurency: unknown key; known keys are"),
        ("out: a\nteecher: {}\n", ":2: teecher: unknown key; did you mean 'teacher'?"),
        ("out: a\nteacher:\n  slot: 3\n", ":3: teacher.slot: unknown key; did you mean 'slots'?"),
        ("out: a\nmix:\n  - slots: 1\n  - slotz: 1\n", ":4: mix.1.slotz: unknown key; did you mean 'slots'?"),
        ("out: a\nteacher: {slots: 0}\n", ":2: teacher.slots: 0: input should be greater than or equal to 1"),
        ("out: a\nteacher: {slots: eight}\n", ":2: teacher.slots: 'eight': input should be a valid integer"),
        ("out: a\nrate: 1e-5x\n", ":2: rate: '1e-5x': input should be a valid number"),
        ("out: a\nrate: .nan\n", ":2: rate: nan: input should be a finite number"),
        ("rate: 0.1\n", ": out: missing; it must be given"),
        ("", ": expected keys and values, found nothing"),
        ("- a\n- b\n", ": expected keys and values, found list"),
        ("out: a\nout: b\n", ":2: duplicate key 'out'"),
        ("out: !!python/object/apply:os.system [ls]\n", ":1: could not determine a constructor"),
        ("a: &x 1\nout: *x\n", ":2: aliases (*name) are not allowed"),
        ("out: [a\n", ":2: "),
        ("out: a\n? [b]\n: c\n", ": not readable as YAML: unhashable"),
        ("out: 2026-13-45\n", ": not readable as YAML: month must be in 1..12"),
        ("out: a\x07\n", ": not readable as YAML: unacceptable character"),
        (f"out: {'[' * 3000}\n", ": not readable as YAML: maximum recursion depth"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    assert complaint(tmp_path, text).startswith(expected)


def test_a_mistake_of_the_command_line_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("out: a\nrate: 1\n")
    with pytest.raises(BadInput, match="^--rate: 'much': input should be a valid number"):
        load(path, Recipe, {"rate": "much"})


def test_a_number_that_yaml_reads_as_text_is_still_a_number(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("out: a\nrate: 2e-5\n")
    assert load(path, Recipe).rate == 2e-5


def test_a_missing_file_names_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "generate.yaml").write_text("out: a\n")
    with pytest.raises(BadInput, match=r"genrate.yaml: no such file; did you mean .*generate.yaml\?"):
        read_yaml(tmp_path / "genrate.yaml")


def test_what_is_not_text_or_too_long_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_bytes("out: é".encode("utf-16"))
    with pytest.raises(BadInput, match="not UTF-8 text"):
        read_yaml(path)
    path.write_bytes(b"# " + b"x" * 1_000_001)
    with pytest.raises(BadInput, match="too long for a recipe"):
        read_yaml(path)
