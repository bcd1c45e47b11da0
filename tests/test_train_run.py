"""A run from shards to checkpoint, in process: it learns, it is the same however the batch is made up, it resumes."""

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
from genteach.run import BadInput, EnvironmentFailure, Lock
from genteach.train.checkpoint import read_marker
from genteach.train.encode import tokenize
from genteach.train.launch import check_launch, check_resume
from genteach.train.load import load_student
from genteach.train.model import load_tokenizer
from genteach.train.pack import pack, read_plan
from genteach.train.recipe import parse_settings, read_recipe
from genteach.train.report import keep_until, summarize
from genteach.train.sft import check_batch, train
from genteach.train.shards import Shards
from genteach.train.trainer import ReadRows, Trainer, fused_loss, make_arguments, make_dataset, sliced_loss
from transformers import AutoModelForCausalLM, AutoTokenizer

from .train_material import make_material, write_recipe


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = make_material(tmp_path_factory.mktemp("run"))
    tokenize(recipe)
    pack(recipe)
    return recipe


def log(folder: Path) -> list[dict[str, Any]]:
    """The loss log without the times."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


@pytest.fixture(scope="module")
def trained(material: Path) -> Path:
    return train(material)


def test_the_student_learns_and_loads_anywhere(trained: Path) -> None:
    losses = [entry["loss"] for entry in log(trained)]
    assert [entry["step"] for entry in log(trained)] == [1, 2, 3, 4, 5, 6]
    assert losses[-1] < losses[0] - 0.05
    model, tokenizer = AutoModelForCausalLM.from_pretrained(trained), AutoTokenizer.from_pretrained(trained)
    assert "genteach" not in (trained / "config.json").read_text()
    prompt = tokenizer.apply_chat_template([{"role": "user", "content": "Hi"}], add_generation_prompt=True)
    assert tokenizer.decode(prompt["input_ids"]).endswith("<|assistant|>\n")
    assert model.config.eos_token_id == tokenizer.eos_token_id


def test_the_folder_is_marked_complete_and_holds_no_pickle(trained: Path) -> None:
    marker = read_marker(trained)
    assert marker
    assert marker["step"] == 6
    assert {"model.safetensors", "config.json", "tokenizer.json", "log.jsonl"} <= set(marker["files"])
    assert not list(trained.glob("*.bin"))
    assert sorted(path.name for path in trained.glob("checkpoint-*")) == ["checkpoint-3", "checkpoint-6"]


def test_the_same_command_again_does_nothing(
    trained: Path, material: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = (trained / "model.safetensors").stat().st_mtime_ns
    train(material)
    assert "already complete" in capsys.readouterr().out
    assert (trained / "model.safetensors").stat().st_mtime_ns == written


def test_another_recipe_in_the_same_folder_is_refused_with_the_difference(
    trained: Path, material: Path
) -> None:
    with pytest.raises(BadInput, match=r"holds another run \(recipe.learning_rate: 0.003 -> 0.001\)"):
        train(material, {"learning_rate": 1e-3})


def test_a_folder_of_something_else_is_refused(material: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match="is not empty and holds no run of ours"):
        train(material, {"output_dir": tmp_path})


def test_the_loss_does_not_depend_on_how_the_batch_is_made_up(
    trained: Path, material: Path, tmp_path: Path
) -> None:
    for rows in (1, 4):
        train(material, {"output_dir": tmp_path / str(rows), "per_device_train_batch_size": rows})
        for mine, reference in zip(log(tmp_path / str(rows)), log(trained), strict=True):
            assert mine["loss"] == pytest.approx(reference["loss"], abs=1e-5)
            assert mine["tokens"] == reference["tokens"]


def test_attention_by_borders_trains_as_the_mask_does(trained: Path, material: Path, tmp_path: Path) -> None:
    train(material, {"output_dir": tmp_path, "attn_implementation": "sdpa"})
    losses = [entry["loss"] for entry in log(tmp_path)]
    assert losses == pytest.approx([entry["loss"] for entry in log(trained)], abs=1e-5)


def test_a_run_cut_short_resumes_to_the_same_losses(trained: Path, material: Path, tmp_path: Path) -> None:
    folder = tmp_path / "student"
    shutil.copytree(trained, folder)
    for name in ("COMPLETE", "model.safetensors"):
        (folder / name).unlink()
    (folder / "checkpoint-6" / "COMPLETE").unlink()  # the process died while it wrote this one
    with (folder / "log.jsonl").open("a") as file:
        file.write('{"step": 7, "lo')
    train(material, {"output_dir": folder})
    assert log(folder) == log(trained)
    assert read_marker(folder)


def test_a_damaged_checkpoint_is_passed_over(trained: Path, material: Path, tmp_path: Path) -> None:
    folder = tmp_path / "student"
    shutil.copytree(trained, folder)
    (folder / "COMPLETE").unlink()
    damaged = folder / "checkpoint-6" / "optimizer.pt"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    train(material, {"output_dir": folder})
    assert log(folder) == log(trained)


def test_a_run_that_died_while_it_saved_its_model_trains_nothing_again(
    trained: Path, material: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "student"
    shutil.copytree(trained, folder)
    for name in ("COMPLETE", "model.safetensors"):
        (folder / name).unlink()
    train(material, {"output_dir": folder})
    assert log(folder) == log(trained)
    assert (folder / "model.safetensors").read_bytes() == (trained / "model.safetensors").read_bytes()


def test_the_log_is_cut_where_the_run_resumes(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"step": 1, "seconds": 2.0}\n{"step": 2, "seconds": 4.0}\n{"st')
    assert keep_until(path, 1) == 2.0
    assert path.read_text() == '{"step": 1, "seconds": 2.0}\n'
    assert keep_until(tmp_path / "none.jsonl", 0) == 0.0


def test_a_second_launch_is_refused_before_it_clears_anything(
    trained: Path, material: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "student"
    shutil.copytree(trained, folder)
    for path in (folder, folder / "checkpoint-6"):
        (path / "COMPLETE").unlink()
    with Lock(folder), pytest.raises(EnvironmentFailure, match="the run is held by process"):
        train(material, {"output_dir": folder})
    assert (folder / "checkpoint-6").is_dir()
    train(material, {"output_dir": folder})
    marker = read_marker(folder)
    assert marker
    assert "lock" not in marker["files"]


def test_a_run_shorter_than_its_logging_steps_is_logged_at_its_end(material: Path, tmp_path: Path) -> None:
    settings = {"output_dir": tmp_path / "student", "max_steps": 2, "logging_steps": 3}
    (entry,) = log(train(material, settings))
    assert entry["step"] == 2
    assert entry["tokens"] > 0
    (tmp_path / "empty.jsonl").touch()
    assert summarize(tmp_path / "empty.jsonl") == "nothing was logged"


def test_other_save_steps_are_another_run(trained: Path, material: Path) -> None:
    with pytest.raises(BadInput, match="recipe.save_steps: 3 -> 2"):
        train(material, {"save_steps": 2})


def test_the_rows_travel_to_workers_by_name(material: Path) -> None:
    recipe = read_recipe(material)
    shards = Shards(recipe.tokens)
    rows = ReadRows(shards, read_plan(shards, recipe.max_length, recipe.global_batch_size))
    packed = pickle.dumps(rows)
    assert len(packed) < 1000
    (mine,), (copy,) = rows({"row": [3]})["input_ids"], pickle.loads(packed)({"row": [3]})["input_ids"]
    assert mine.tolist() == copy.tolist()


def test_both_ways_to_the_loss_agree(material: Path, tmp_path: Path) -> None:
    recipe = read_recipe(material, {"output_dir": tmp_path})
    shards = Shards(recipe.tokens)
    plan = read_plan(shards, recipe.max_length, recipe.global_batch_size)
    rows, tokenizer = make_dataset(shards, plan), load_tokenizer(recipe.model_name_or_path)
    trainer = Trainer(load_student(recipe)[0], make_arguments(recipe, 1), rows, tokenizer, [], "")
    batch = next(iter(trainer.get_train_dataloader()))
    labels = batch.pop("labels")
    fused, sliced = (
        way(trainer.model, dict(batch), labels.clone()).item() for way in (fused_loss, sliced_loss)
    )
    assert fused == pytest.approx(sliced, rel=1e-5)


def test_a_setting_that_is_no_yaml_is_named() -> None:
    with pytest.raises(BadInput, match=r"--set data=\[a: the value is not YAML"):
        parse_settings(["data=[a"])


def test_dry_run_says_what_the_run_comes_to(material: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(material, {"output_dir": material.parent / "never"}, dry_run=True)
    said = capsys.readouterr().out
    assert "learning_rate" in said
    assert "1 processes x 2 rows x 2 accumulated = 4 rows a step" in said
    assert "6 steps" in said
    assert not (material.parent / "never").exists()


def test_dry_run_of_the_papers_recipe_needs_no_model_and_no_tokens(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe = Path(__file__).parents[1] / "recipes/orca3-mistral-7b/train.yaml"
    train(recipe, {"expected_processes": 152}, dry_run=True)
    said = capsys.readouterr().out
    assert "152 processes x 10 rows x 1 accumulated = 1520 rows a step" in said
    assert "holds no plan yet" in said
    with pytest.raises(BadInput, match="1520 rows cannot be made of 64 processes x 10 rows"):
        train(recipe, {"expected_processes": 64}, dry_run=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_name_or_path": "{folder}/none"}, "model_name_or_path: .*no such folder"),
        ({"model_name_or_path": "{folder}/data"}, "is not a model .no config.json there."),
        ({"model_name_or_path": "{folder}/hollow"}, "has a config but no weights"),
        ({"tokens": "{folder}/none"}, "holds no token shards"),
        ({"tokens": "{folder}/init"}, "holds something else than token shards"),
        ({"max_length": 128}, "max_length: 128, but .* was packed for 256"),
        ({"data_format": "text"}, "was encoded as 'messages'"),
    ],
)
def test_a_run_that_cannot_be_is_refused_before_it_begins(
    material: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    (material.parent / "hollow").mkdir(exist_ok=True)
    (material.parent / "hollow" / "config.json").write_text("{}")
    placed = {
        key: value.format(folder=material.parent) if isinstance(value, str) else value
        for key, value in changes.items()
    }
    with pytest.raises(BadInput, match=message) as caught:
        train(material, {**placed, "output_dir": tmp_path / "out"})
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_tokens_of_another_tokenizer_or_template_are_refused(material: Path, tmp_path: Path) -> None:
    other = make_material(tmp_path)
    student = tmp_path / "student.yaml"
    student.write_text(student.read_text().replace("400", "350"))
    from genteach.train.student import init_student

    init_student(student, tmp_path / "seeds.parquet", tmp_path / "smaller")
    with pytest.raises(BadInput, match="was encoded with another tokenizer"):
        train(material, {"model_name_or_path": str(tmp_path / "smaller"), "output_dir": tmp_path / "out"})
    template = tmp_path / "mine.jinja"
    template.write_text(
        "{% for m in messages %}{% generation %}{{ m['content'] }}{% endgeneration %}{% endfor %}"
    )
    with pytest.raises(BadInput, match="was encoded with another template"):
        train(material, {"template": str(template), "output_dir": tmp_path / "out"})
    assert other.is_file()


def test_rows_longer_than_the_models_positions_are_refused(material: Path, tmp_path: Path) -> None:
    settings = {"max_length": 2048, "tokens": tmp_path / "tokens", "output_dir": tmp_path / "out"}
    tokenize(material, settings)
    pack(material, settings)
    with pytest.raises(BadInput, match="max_length: 2048, but .* has 1024 positions"):
        train(material, settings)


def test_processes_that_cannot_make_up_the_batch_are_refused(tmp_path: Path) -> None:
    recipe = read_recipe(write_recipe(tmp_path))
    with pytest.raises(BadInput, match="4 rows cannot be made of 3 processes x 2 rows"):
        check_batch(recipe, 3)


def test_a_launch_that_gave_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = read_recipe(write_recipe(tmp_path, expected_processes=2, expected_backend="zero2"))
    with pytest.raises(EnvironmentFailure, match="expected_processes: 2, but the launcher gave 1"):
        check_launch(recipe, processes=1, backend="plain")
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(EnvironmentFailure, match="started 2 processes but 1 of them work together"):
        check_launch(recipe, processes=1, backend="plain")
    with pytest.raises(EnvironmentFailure, match="expected_backend: zero2, but the launcher gave ddp"):
        check_launch(recipe, processes=2, backend="ddp")
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    with pytest.raises(EnvironmentFailure, match="DeepSpeed was asked for"):
        check_launch(recipe, processes=2, backend="ddp")
    check_launch(recipe, processes=2, backend="zero2")


def test_a_zero_checkpoint_is_not_read_by_another_launch() -> None:
    written_by = {"processes": 8, "backend": "zero2"}
    check_resume(written_by, processes=8, backend="zero2")
    check_resume({"processes": 8, "backend": "ddp"}, processes=1, backend="plain")
    with pytest.raises(BadInput, match="written by zero2 on 8 processes and cannot be read by zero2 on 4"):
        check_resume(written_by, processes=4, backend="zero2")
