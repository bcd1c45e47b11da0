"""A training run from recipe to checkpoint: check, load, train, save; run again, it resumes or says that it is done."""

from __future__ import annotations

import math
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..progress import say, table
from ..run import BadInput, Failure, Lock
from .checkpoint import begin_run, clear_incomplete, newest_complete, publish, read_marker
from .launch import check_launch, check_resume, settle_on_cpu, settle_threads, world_size
from .model import check_fits, check_model, describe_tokenizer, digest, load_tokenizer, read_limits
from .pack import Plan, read_plan
from .recipe import NOT_IN_FINGERPRINT, Recipe, read_recipe
from .shards import Shards
from .template import load_template


def train(
    config: Path, settings: dict[str, Any] | None = None, dry_run: bool = False, as_json: bool = False
) -> Path:
    """Train the recipe in `config`; every process of the launch calls this. Returns the checkpoint's folder.

    The same command run again resumes from the newest complete checkpoint, and does nothing when the run is
    complete. Raises BadInput when recipe, tokens, plan and model do not belong together.
    """
    recipe = read_recipe(config, settings)
    world = world_size()
    if dry_run:
        describe(recipe, recipe.expected_processes or world)
        return recipe.output_dir
    check_batch(recipe, world)
    check_model(recipe.model_name_or_path)
    shards = Shards(recipe.tokens)
    plan = read_plan(shards, recipe.max_length, recipe.global_batch_size)
    check_tokens(recipe, shards)
    with ExitStack() as held:
        is_first = int(os.environ.get("RANK", "0")) == 0
        start = _decide(recipe, shards, plan, held) if is_first else None
        if isinstance(start, Failure) and world == 1:
            raise start
        if isinstance(start, Start) and start.done and world == 1:
            say(f"{recipe.output_dir}: already complete (run {start.fingerprint})")
            return recipe.output_dir
        return _run(recipe, shards, plan, world, start, as_json)


@dataclass(frozen=True)
class Start:
    """Where a run begins: which run it is, and the checkpoint to go on from."""

    fingerprint: str
    done: bool
    checkpoint: Path | None
    written_by: dict[str, Any]


def _decide(recipe: Recipe, shards: Shards, plan: Plan, held: ExitStack) -> Start | Failure:
    """Claim the output folder and find what is there; a failure is returned, so that all processes can share it.

    `held` keeps the folder's lock from here on: another launch must not clear the checkpoint that is being written.
    """
    try:
        facts = {
            "recipe": recipe.model_dump(mode="json", exclude=NOT_IN_FINGERPRINT),
            "model": digest(recipe.model_name_or_path),
            "plan_sha256": plan.facts["plan_sha256"],
            "shards_sha256": shards.sha256,
        }
        mark = begin_run(recipe.output_dir, facts)
        if read_marker(recipe.output_dir):
            return Start(mark, True, None, {})
        held.enter_context(Lock(recipe.output_dir))
        checkpoint, written_by = newest_complete(recipe.output_dir) or (None, {})
        clear_incomplete(recipe.output_dir, checkpoint)
        if checkpoint and written_by["step"] >= num_steps(recipe, len(plan)):
            publish(checkpoint, recipe.output_dir)
            return Start(mark, True, None, {})
        return Start(mark, False, checkpoint, written_by)
    except Failure as failure:
        return failure


def check_batch(recipe: Recipe, world: int) -> None:
    """BadInput unless `world` processes can make up the global batch exactly."""
    rows = world * recipe.per_device_train_batch_size
    if recipe.global_batch_size % rows:
        raise BadInput(
            f"global_batch_size: {recipe.global_batch_size} rows cannot be made of {world} processes x "
            f"{recipe.per_device_train_batch_size} rows; choose processes x per_device_train_batch_size that divide it"
        )


def check_tokens(recipe: Recipe, shards: Shards) -> None:
    """BadInput unless the shards were encoded with the recipe's template and the model's own tokenizer."""
    if shards.facts["data_format"] != recipe.data_format:
        raise BadInput(
            f"data_format: {recipe.data_format!r}, but {recipe.tokens} was encoded as {shards.facts['data_format']!r}; "
            "run `genteach tokenize` again"
        )
    if shards.facts["template"] != load_template(recipe.template):
        raise BadInput(
            f"template: {recipe.tokens} was encoded with another template; run `genteach tokenize` again"
        )
    vocabulary = describe_tokenizer(load_tokenizer(recipe.model_name_or_path))
    if vocabulary.sha256 != shards.facts["tokenizer_sha256"]:
        raise BadInput(
            f"tokens: {recipe.tokens} was encoded with another tokenizer than that of {recipe.model_name_or_path}; "
            "run `genteach tokenize` again"
        )
    limits = read_limits(recipe.model_name_or_path)
    check_fits(recipe.model_name_or_path, limits, recipe.max_length, vocabulary.size)


def num_steps(recipe: Recipe, rows: int) -> int:
    """Optimizer steps of the whole run."""
    if recipe.max_steps > 0:
        return recipe.max_steps
    return math.ceil(recipe.num_train_epochs * rows / recipe.global_batch_size)


def describe(recipe: Recipe, world: int) -> None:
    """`--dry-run`: the resolved recipe and what it comes to, without loading a model."""
    check_batch(recipe, world)
    fields = recipe.model_dump(mode="json")
    table("recipe", ["key", "value"], [[key, str(value)] for key, value in fields.items()])
    rows = recipe.per_device_train_batch_size
    accumulated = recipe.global_batch_size // (world * rows)
    say(
        f"{world} processes x {rows} rows x {accumulated} accumulated = {recipe.global_batch_size} rows a step"
    )
    if not (recipe.tokens / "plan.json").is_file():
        say(f"{recipe.tokens} holds no plan yet; `genteach tokenize` and `genteach pack` make it")
        say(f"tokens a step: at most {recipe.global_batch_size * recipe.max_length:,}")
        return
    plan = read_plan(Shards(recipe.tokens), recipe.max_length, recipe.global_batch_size)
    facts, steps = plan.facts, num_steps(recipe, len(plan))
    say(
        f"{facts['rows']:,} rows of {facts['documents']:,} documents, {facts['fill']:.1%} full; {steps:,} steps, "
        f"{facts['tokens'] // facts['steps_per_epoch']:,} tokens a step"
    )


def _run(
    recipe: Recipe, shards: Shards, plan: Plan, world: int, start: Start | Failure | None, as_json: bool
) -> Path:
    settle_on_cpu()
    from accelerate.utils import broadcast_object_list
    from transformers import set_seed
    from transformers.utils import logging

    from .load import load_student
    from .report import LogLast, Report, summarize
    from .trainer import Trainer, make_arguments, make_dataset

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    arguments = make_arguments(recipe, world)
    [start] = broadcast_object_list([start])
    if isinstance(start, Failure):
        raise start
    assert start is not None
    if start.done:
        return recipe.output_dir
    set_seed(recipe.seed)
    tokenizer = load_tokenizer(recipe.model_name_or_path)
    tokenizer.chat_template = shards.facts["template"]
    model, attention = load_student(recipe)
    settle_threads(sum(weight.numel() for weight in model.parameters()))
    done = start.written_by.get("step", 0)
    reports = [Report(recipe.output_dir / "log.jsonl", done, as_json)] if arguments.process_index == 0 else []
    callbacks = [LogLast(), *reports]
    trainer = Trainer(model, arguments, make_dataset(shards, plan), tokenizer, callbacks, start.fingerprint)
    check_launch(recipe, **trainer.launched())
    check_resume(start.written_by, **trainer.launched())
    if trainer.is_world_process_zero() and not as_json:
        _announce(recipe, plan, trainer, attention, start)
    trainer.train(resume_from_checkpoint=str(start.checkpoint) if start.checkpoint else None)
    if reports:
        publish(recipe.output_dir / f"checkpoint-{trainer.state.global_step}", recipe.output_dir)
        say(f"{recipe.output_dir}: {summarize(reports[0].path)}")
    return recipe.output_dir


def _announce(recipe: Recipe, plan: Plan, trainer: Any, attention: str, start: Start) -> None:
    launched = trainer.launched()
    joined = f"{launched['processes']} x {launched['backend']}"
    say(f"{recipe.model_name_or_path}: attention {attention}; {joined}; run {start.fingerprint}")
    steps = num_steps(recipe, len(plan))
    say(f"{steps:,} steps of {recipe.global_batch_size:,} rows, {plan.facts['fill']:.1%} full")
    if start.checkpoint:
        say(f"resuming from {start.checkpoint}")
