"""Every recipe loads into its typed model, and every command that a README shows exists."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from genteach.cli import app
from genteach.config import load
from genteach.evaluate.recipe import EvaluateRecipe
from genteach.generate.recipe import GenerateRecipe
from genteach.generate.skills import NAMES
from genteach.generate.skills import load as load_skill
from genteach.run import BadInput
from genteach.train.recipe import read_recipe
from typer.main import get_command

ROOT = Path(__file__).parents[1]
RECIPES = sorted(path.parent for path in (ROOT / "recipes").glob("*/generate.yaml"))
SCRIPTS = sorted((ROOT / "recipes").glob("*/run.sh"))
READMES = sorted([ROOT / "README.md", *(ROOT / "recipes").rglob("README.md")])


FILES = [*READMES, *SCRIPTS]


@pytest.mark.parametrize("folder", RECIPES, ids=lambda path: path.name)
def test_a_recipe_loads_whole(folder: Path) -> None:
    assert load(folder / "generate.yaml", GenerateRecipe).seeds
    assert read_recipe(folder / "train.yaml").max_length
    assert load(folder / "evaluate.yaml", EvaluateRecipe).max_new_tokens


def test_the_papers_recipe_has_its_corpora_its_skills_and_its_companions() -> None:
    recipe = load(ROOT / "recipes/orca3-mistral-7b/generate.yaml", GenerateRecipe)
    assert len(recipe.seeds) == 4
    assert set(recipe.skills) == set(NAMES)
    assert len(NAMES) == 17
    assert sum(companion.rows for companion in recipe.companions) == 3_800_000
    with pytest.raises(BadInput, match="companions: .* not built yet"):
        recipe.flows()
    assert len(recipe.model_copy(update={"companions": ()}).flows()) == 17


def test_the_papers_training_values() -> None:
    recipe = read_recipe(ROOT / "recipes/orca3-mistral-7b/train.yaml")
    assert (recipe.max_length, recipe.global_batch_size, recipe.per_device_train_batch_size) == (
        8192,
        1520,
        10,
    )
    assert (recipe.learning_rate, recipe.lr_scheduler_type, recipe.warmup_steps) == (8e-6, "cosine", 500)
    assert (recipe.weight_decay, recipe.num_train_epochs) == (0.1, 3)


def commands(file: Path, program: str) -> list[list[str]]:
    """The lines of a README's shell blocks, or of a script, that call the program, split into words."""
    text = file.read_text()
    shown = (
        "".join(re.findall(r"```(?:sh|bash|shell)\n(.*?)```", text, re.DOTALL))
        if file.suffix == ".md"
        else text
    )
    lines = [line.split(" #")[0].strip() for line in shown.replace("\\\n", " ").splitlines()]
    return [shlex.split(line) for line in lines if line.startswith(f"{program} ")]


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_is_shown_is_understood(file: Path) -> None:
    for words in commands(file, "genteach"):
        command: Any = get_command(app)
        arguments = words[1:]
        while arguments and arguments[0] in getattr(command, "commands", {}):
            command = command.commands[arguments.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        for argument in arguments:
            if argument.startswith("--"):
                assert argument.split("=")[0] in known, f"{' '.join(words)}: {argument}"


@pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_launch_that_is_shown_names_a_machine_and_a_recipe(file: Path) -> None:
    for words in commands(file, "accelerate"):
        value = {words[n]: words[n + 1] for n in range(len(words) - 1)}
        assert value["-m"] == "genteach.train"
        assert (ROOT / value["--config_file"]).is_file()
        if "$" not in value["--config"]:
            assert read_recipe(ROOT / value["--config"])


def test_the_readmes_generations_resolve() -> None:
    shown = [words for words in commands(ROOT / "README.md", "genteach") if words[1] == "generate"]
    assert len(shown) > 1
    for words in shown:
        command = [sys.executable, "-m", "genteach.cli", *words[1:], "--dry-run"]
        resolved = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert resolved.returncode == 0, resolved.stderr
        assert '"url": "http://127.0.0.1:8000/v1"' in resolved.stdout


def test_nothing_is_left_to_fill_in() -> None:
    assert not re.search(r"@[A-Z]+@|TODO|TBD", (ROOT / "README.md").read_text())


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_readme_names_exists(readme: Path) -> None:
    for path in re.findall(
        r"(?:recipes|scripts|generate|train|evaluate|tests)/[\w./-]+\w", readme.read_text()
    ):
        assert (ROOT / path).exists(), path


def test_the_table_of_skills_has_every_skill_with_its_sizes() -> None:
    rows = re.findall(
        r"^\| ([a-z ]+) \| ([a-z ]+) \| (\d+) \| (\d+) \| (.+) \|$",
        (ROOT / "README.md").read_text(),
        re.MULTILINE,
    )
    said = {
        name.replace(" ", "_"): (set(seeds.split(" and ")), int(ways), int(kinds))
        for name, seeds, ways, kinds, _ in rows
    }
    assert said == {
        name: (load_skill(name).kinds, len(load_skill(name).transform), len(load_skill(name).instruct))
        for name in NAMES
    }
    assert all(how.strip() for *_, how in rows)
