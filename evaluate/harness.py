"""lm-eval runs the benchmarks: our items become its tasks, and it puts them to the model."""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ..config import read_yaml
from .grade import grade
from .item import Item, Reply
from .model import StoredModel

PROTOCOL = Path(__file__).parent / "tasks" / "zero_shot.yaml"


def run_tasks(model: StoredModel, items: list[Item]) -> dict[tuple[str, str], Reply]:
    """The model's reply to every item, by task and item."""
    if not items:
        return {}
    import datasets
    from lm_eval.evaluator import evaluate

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    found: Any = evaluate(
        lm=model,
        task_dict={
            "tasks": as_tasks(items, int(model.sampling["max_new_tokens"])),
            "groups": {},
            "group_map": {},
        },
        apply_chat_template=True,
        bootstrap_iters=0,
        log_samples=True,
    )
    samples = ((task, sample) for task, of_task in found["samples"].items() for sample in of_task)
    return {(task, sample["doc"]["id"]): sample["resps"][0][0] for task, sample in samples}


def as_tasks(items: list[Item], max_new_tokens: int) -> dict[str, Any]:
    """lm-eval tasks by name, each holding its items as documents."""
    from lm_eval.api.task import ConfigurableTask

    groups: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        groups[item.task].append(item)
    protocol = read_yaml(PROTOCOL)
    generation = protocol["generation_kwargs"] | {"max_gen_toks": max_new_tokens}
    return {
        task: ConfigurableTask(
            config=protocol
            | {"task": task, "custom_dataset": partial(_dataset, group), "generation_kwargs": generation}
            | {"process_results": _process_results(group)}
        )
        for task, group in groups.items()
    }


def _dataset(items: list[Item], **_: Any) -> dict[str, Any]:
    import datasets

    return {"test": datasets.Dataset.from_list([asdict(item) | {"prompt": item.prompt} for item in items])}


def _process_results(items: list[Item]) -> Callable[[dict[str, Any], list[Any]], dict[str, float]]:
    """lm-eval's own accuracy, from the same grading as ours."""
    by_id = {item.id: item for item in items}

    def process(document: dict[str, Any], replies: list[Any]) -> dict[str, float]:
        reply = replies[0] if isinstance(replies[0], Reply) else Reply(replies[0])
        row = grade(by_id[document["id"]], reply)
        return {"acc": row["score"] or 0.0, "no_answer": float(row["extracted"] is None)}

    return process
