"""`genteach evaluate`: a model answers benchmark items once, and every answer is kept, graded and counted."""

import json
import os
import time
from pathlib import Path
from typing import Any

from ..progress import say, table
from ..run import BadInput, make_folder, versions, write_whole
from . import orca_bench, results, tasks
from .grade import grade
from .item import Item, Row, spread
from .recipe import EvaluateRecipe
from .store import Store
from .weights import is_on_hub, locate

PROTOCOL = {
    "name": "zero-shot, free generation",
    "system_message": "empty (no system turn)",
    "cue": "none",
    "decoding": "greedy",
    "extractor": "rules",
    "source": "arXiv 2407.03502, appendix B; the paper's extractor is GPT-4",
}
PACKAGES = ("lm-eval", "transformers", "torch", "datasets", "numpy")


def evaluate(recipe: EvaluateRecipe, dry_run: bool = False, as_json: bool = False) -> dict[str, Any]:
    """Evaluate `recipe.model` and write the rows and results.json into `recipe.out`; returns results.json's content.

    The same command resumes: a reply that is stored is not asked for again. Raises BadInput, EnvironmentFailure.
    """
    began = time.monotonic()
    if dry_run:
        _describe(recipe)
        return {}
    if not recipe.is_server:
        locate(recipe.model)
    items, sources = gather(recipe)
    out = make_folder(recipe.folder)
    with Store(out / "replies.jsonl") as store:
        rows, model = _measure(recipe, items, store, as_json)
    run = {
        "limit": recipe.limit,
        "max_new_tokens": recipe.max_new_tokens,
        "judge": recipe.judge and recipe.judge.model,
    }
    run["seconds"] = round(time.monotonic() - began, 1)
    facts = {"model": model, "protocol": PROTOCOL, "data": sources, "versions": versions(*PACKAGES)}
    document = results.write(out, rows, facts, run)
    show({name: document["tasks"][name] for name in results.by_benchmark(rows)})
    say(f"{out}/results.json after {run['seconds']:.0f} s")
    return document


def _describe(recipe: EvaluateRecipe) -> None:
    """`--dry-run`: the resolved recipe, its names and paths checked; nothing is downloaded and no weights are read."""
    if not recipe.is_server and not is_on_hub(recipe.model):
        locate(recipe.model)
    for name in recipe.tasks:
        tasks.find(name)
    say(json.dumps(recipe.model_dump(mode="json"), indent=2))
    if recipe.tasks and recipe.data is None:
        say("the benchmarks come from the hub; their items are counted when it is asked")
        recipe = recipe.model_copy(update={"tasks": ()})
        if recipe.orca_bench is None:
            return
    items, _ = gather(recipe)
    wholes = {(item.task, item.whole) for item in items}
    say(f"{len(wholes)} items of {len({task for task, _ in wholes})} tasks")


def gather(recipe: EvaluateRecipe) -> tuple[list[Item], dict[str, str]]:
    """The items that the recipe asks for, and the sha256 of every file they come from."""
    if not recipe.tasks and not recipe.orca_bench:
        raise BadInput(
            "tasks: none given, and no orca_bench; name benchmarks (--tasks gsm8k,mmlu) or --orca-bench DIR"
        )
    loaded = [tasks.load(name, recipe.data) for name in recipe.tasks]
    if recipe.orca_bench:
        loaded.append(orca_bench.load(recipe.orca_bench))
    benchmarks: dict[str, dict[tuple[str, str], Item]] = {}
    for items, _ in loaded:
        for item in items:
            benchmark = results.benchmark_of(item.task).removesuffix(orca_bench.JUDGED)
            benchmarks.setdefault(benchmark, {})[item.task, item.id] = item
    chosen = [item for each in benchmarks.values() for item in spread(list(each.values()), recipe.limit)]
    return chosen, {name: hash for _, files in loaded for name, hash in files.items()}


def write_items(recipe: EvaluateRecipe) -> int:
    """Write every item's text and answer to `recipe.out` (a jsonl), for decontamination; returns how many."""
    items, _ = gather(recipe)
    lines = [{"task": item.task, "id": item.id, "text": item.prompt, "answer": item.gold} for item in items]
    out = recipe.out or Path("items.jsonl")
    make_folder(out.parent)
    write_whole(out, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    say(f"{out}: {len(items)} items")
    return len(items)


def _measure(
    recipe: EvaluateRecipe, items: list[Item], store: Store, as_json: bool
) -> tuple[list[Row], dict[str, Any]]:
    """Ask the model for every item, through lm-eval where the item is a task of its; then have the judge read the rest."""
    os.environ.setdefault("TQDM_DISABLE", "1")  # one progress bar, ours, instead of one per task
    from .harness import run_tasks
    from .model import StoredModel, open_backend

    model = StoredModel(open_backend(recipe), store, recipe.max_new_tokens, as_json)
    ours = [item for item in items if item.task.startswith(orca_bench.PREFIX)]
    theirs = [item for item in items if not item.task.startswith(orca_bench.PREFIX)]
    replies = run_tasks(model, theirs)
    replies |= {(item.task, item.id): reply for item, reply in zip(ours, model.reply_to(ours), strict=True)}
    rows = [grade(item, replies[item.task, item.id]) for item in items]
    if recipe.judge:
        from .judge import judge

        rows = judge(recipe.judge, items, rows, store, as_json)
    return orca_bench.whole(items, rows), model.backend.facts


COUNTS = ("n", "too_long", "no_answer", "truncated", "not_measured")


def show(found: dict[str, Any]) -> None:
    """The table for a terminal: what was asked, what came back, and how wide the interval is."""
    columns = [
        "task",
        "items",
        "too long",
        "no answer",
        "truncated",
        "not measured",
        "score",
        "interval",
        "width",
        "macro",
    ]
    rows = []
    for name, benchmark in found.items():
        skills = benchmark["subtasks"] if name.startswith("orca_bench") else {}
        rows += [_cells(name, benchmark), *(_cells(f"  {task}", each) for task, each in skills.items())]
    table("Scores, with 95 % intervals", columns, rows)


def _cells(label: str, found: dict[str, Any]) -> list[str]:
    counts = [str(found[key]) for key in COUNTS]
    if found["score"] is None:
        return [label, *counts, "-", "-", "-", "-"]
    factor = 1 if found["scale"] == 10 else 100
    low, high = (factor * bound for bound in found["interval"])
    macro = f"{factor * found['macro']:.1f}" if found.get("macro") is not None else ""
    return [
        label,
        *counts,
        f"{factor * found['score']:.1f}",
        f"{low:.1f} - {high:.1f}",
        f"{high - low:.1f}",
        macro,
    ]
