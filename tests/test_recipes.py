"""Every recipe loads into its typed model, and every command that a README shows exists."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from genteach.cli import app
from genteach.config import load
from genteach.generate.recipe import GenerateRecipe
from genteach.generate.skills import NAMES, PAPER_SKILLS
from genteach.run import BadInput
from genteach.train.recipe import read_recipe
from typer.main import get_command

ROOT = Path(__file__).parents[1]
RECIPES = sorted(path.parent for path in (ROOT / "recipes").glob("*/generate.yaml"))
READMES = sorted([ROOT / "README.md", *(ROOT / "recipes").rglob("README.md")])


@pytest.mark.parametrize("folder", RECIPES, ids=lambda path: path.name)
def test_a_recipe_loads_whole(folder: Path) -> None:
    assert load(folder / "generate.yaml", GenerateRecipe).seeds
    assert read_recipe(folder / "train.yaml").max_length
    assert yaml.safe_load((folder / "evaluate.yaml").read_text())


def test_the_papers_recipe_has_its_corpora_its_skills_and_its_companions() -> None:
    recipe = load(ROOT / "recipes/orca3-mistral-7b/generate.yaml", GenerateRecipe)
    assert len(recipe.seeds) == 4
    assert set(recipe.skills) == set(PAPER_SKILLS)
    assert len(PAPER_SKILLS) == 17
    assert sum(companion.rows for companion in recipe.companions) == 3_800_000
    unbuilt = set(PAPER_SKILLS) - set(NAMES)
    if unbuilt:
        with pytest.raises(BadInput, match="not built yet"):
            recipe.flows()


def test_the_papers_training_values() -> None:
    recipe = read_recipe(ROOT / "recipes/orca3-mistral-7b/train.yaml")
    assert (recipe.max_length, recipe.global_batch_size, recipe.per_device_train_batch_size) == (
        8192,
        1520,
        10,
    )
    assert (recipe.learning_rate, recipe.lr_scheduler_type, recipe.warmup_steps) == (8e-6, "cosine", 500)
    assert (recipe.weight_decay, recipe.num_train_epochs) == (0.1, 3)


def commands(readme: Path) -> list[list[str]]:
    """The `genteach …` lines of a README's shell blocks, split into words."""
    blocks = re.findall(r"```(?:sh|bash|shell)\n(.*?)```", readme.read_text(), re.DOTALL)
    lines = [line.split(" #")[0] for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [shlex.split(line) for line in lines if line.strip().startswith("genteach ")]


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_a_readme_shows_is_understood(readme: Path) -> None:
    for words in commands(readme):
        command: Any = get_command(app)
        arguments = words[1:]
        while arguments and arguments[0] in getattr(command, "commands", {}):
            command = command.commands[arguments.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        for argument in arguments:
            if argument.startswith("--"):
                assert argument.split("=")[0] in known, f"{' '.join(words)}: {argument}"


@pytest.mark.parametrize("readme", READMES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_path_that_a_readme_names_exists(readme: Path) -> None:
    for path in re.findall(
        r"(?:recipes|scripts|generate|train|evaluate|tests)/[\w./-]+\w", readme.read_text()
    ):
        assert (ROOT / path).exists(), path
