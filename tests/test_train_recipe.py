"""train.yaml: TRL's names and a few of ours, checked before anything is loaded."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from genteach.config import load
from genteach.run import BadInput
from genteach.train.recipe import NOT_IN_FINGERPRINT, OURS, Recipe, parse_settings, read_recipe
from genteach.train.student import Student

ROOT = Path(__file__).parents[1]
GOOD = {
    "model_name_or_path": "init",
    "data": "data",
    "tokens": "tokens",
    "output_dir": "out",
    "global_batch_size": 8,
    "max_length": 512,
    "learning_rate": 1.0e-3,
}


def write(path: Path, **changes: Any) -> Path:
    path.write_text(yaml.safe_dump({**GOOD, **changes}))
    return path


def test_names_that_are_not_ours_are_trls() -> None:
    from trl.trainer.sft_config import SFTConfig

    assert set(Recipe.model_fields) - OURS <= {field.name for field in fields(SFTConfig)}
    assert set(Recipe.model_fields) >= NOT_IN_FINGERPRINT


def test_one_folder_of_data_is_a_list_of_one(tmp_path: Path) -> None:
    assert read_recipe(write(tmp_path / "a.yaml")).data == (Path("data"),)
    assert len(read_recipe(write(tmp_path / "a.yaml", data=["a", "b"])).data) == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rte": 1.0}, "learning_rte: unknown key; did you mean 'learning_rate'"),
        ({"packing": True}, "packing: unknown key"),
        ({"use_peft": True}, "use_peft: unknown key"),
        (
            {"learning_rate": "2e-5"},
            "learning_rate: '2e-5': expected a number, found text; write 1.0e-5, not 1e-5",
        ),
        ({"learning_rate": -1.0}, "learning_rate: -1.0: input should be greater than 0"),
        ({"max_length": 0}, "max_length: 0: input should be greater than or equal to 8"),
        ({"data": []}, "data: "),
        ({"data_format": "chat"}, "data_format: 'chat': input should be 'messages' or 'text'"),
        ({"save_total_limit": 1}, "save_total_limit: 1: input should be greater than or equal to 2"),
        (
            {"logging_steps": 3, "save_steps": 10},
            r"save_steps \(10\) must be a multiple of logging_steps \(3\)",
        ),
        ({"per_device_train_batch_size": 3}, r"global_batch_size \(8\) must be a multiple of"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_would_be_right(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput, match=message) as caught:
        read_recipe(write(tmp_path / "train.yaml", **changes))
    assert "\n" not in str(caught.value)
    assert "train.yaml" in str(caught.value)


def test_settings_of_the_command_line_lie_over_the_file(tmp_path: Path) -> None:
    settings = parse_settings(["max_steps=5", "learning_rate=2.0e-4", "data=[a, b]", "output_dir=x=y"])
    recipe = read_recipe(write(tmp_path / "train.yaml"), settings)
    assert (recipe.max_steps, recipe.learning_rate, str(recipe.output_dir)) == (5, 2e-4, "x=y")
    with pytest.raises(BadInput, match="--set max_steps: expected KEY=VALUE"):
        parse_settings(["max_steps"])
    with pytest.raises(BadInput, match="max_stps: unknown key; did you mean 'max_steps'"):
        read_recipe(write(tmp_path / "train.yaml"), parse_settings(["max_stps=5"]))


def test_the_tiny_student_has_under_a_million_parameters_worth_of_shape() -> None:
    shape = load(ROOT / "recipes/tiny/student.yaml", Student)
    assert shape.max_position_embeddings == 8192
    per_layer = 4 * shape.hidden_size**2 + 3 * shape.hidden_size * shape.intermediate_size
    assert shape.num_hidden_layers * per_layer + shape.vocab_size * shape.hidden_size < 600_000


@pytest.mark.parametrize(
    "path", sorted((ROOT / "recipes/accelerate").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_machine_file_names_a_deepspeed_file_that_exists_and_a_batch_that_divides(path: Path) -> None:
    machine = yaml.safe_load(path.read_text())
    if machine["distributed_type"] == "DEEPSPEED":
        assert (ROOT / machine["deepspeed_config"]["deepspeed_config_file"]).is_file()
        recipe = read_recipe(ROOT / "recipes/orca3-mistral-7b/train.yaml")
        assert recipe.global_batch_size % machine["num_processes"] == 0
