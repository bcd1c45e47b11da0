"""A folder of results: one jsonl of graded rows per benchmark, and results.json with the scores."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..run import BadInput, write_whole
from .item import STATUSES, Row
from .statistics import score

BENCHMARKS_OF = {
    "agieval_zs_": "agieval",
    "mmlu_zs_": "mmlu",
    "bbh_zs_": "bbh",
    "gsm8k_zs": "gsm8k",
    "orca_bench_": "orca_bench",
}
AGIEVAL_8 = (
    "aqua_rat",
    "logiqa_en",
    "lsat_ar",
    "lsat_lr",
    "lsat_rc",
    "sat_en",
    "sat_en_without_passage",
    "sat_math",
)


def benchmark_of(task: str) -> str:
    """The benchmark that a task's name belongs to; judged items, whose scale is another one, stand apart."""
    name = next((name for prefix, name in BENCHMARKS_OF.items() if task.startswith(prefix)), task)
    return f"{name}_judged" if task.endswith("_judged") else name


def by_task(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows grouped by their task, in order of name."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row["task"], []).append(row)
    return dict(sorted(groups.items()))


def by_benchmark(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows grouped by benchmark, in order of name."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(benchmark_of(row["task"]), []).append(row)
    return dict(sorted(groups.items()))


def summary(rows: list[Row]) -> dict[str, Any]:
    """Score (over items: micro), interval, and how many items came to what."""
    found, counts = score(rows), Counter(row["status"] for row in rows)
    return {
        "score": found and found.value,
        "interval": found and list(found.interval),
        "scale": found.scale if found else 1,
        "n": len(rows),
        **{status: counts[status] for status in STATUSES},
        "cut_off": sum(row["finish_reason"] == "length" for row in rows),
    }


def summaries(rows: list[Row]) -> dict[str, Any]:
    """Every benchmark's summary with its macro average, and its subtasks' own."""
    found: dict[str, Any] = {}
    for name, of_benchmark in by_benchmark(rows).items():
        subtasks = {task: summary(group) for task, group in by_task(of_benchmark).items()}
        found[name] = {**summary(of_benchmark), **_macro(name, subtasks), "subtasks": subtasks}
    return found


def _macro(benchmark: str, subtasks: dict[str, Any]) -> dict[str, Any]:
    """Means over subtasks. Papers differ in which of AGIEval's ten they average: all customary means are given."""
    scores = {task: each["score"] for task, each in subtasks.items() if each["score"] is not None}
    found = {"macro": _mean(scores.values())}
    if benchmark == "agieval":
        of_8 = [value for task, value in scores.items() if task.removeprefix("agieval_zs_") in AGIEVAL_8]
        of_9 = [value for task, value in scores.items() if task != "agieval_zs_gaokao_english"]
        found |= {"macro_8": _mean(of_8), "macro_9": _mean(of_9)}
    if benchmark == "bbh":  # the paper's 23 tasks: those in three sizes count once
        families: dict[str, list[float]] = {}
        for task, value in scores.items():
            stem = task.removesuffix("_objects").rpartition("_")[0] if task.endswith("_objects") else task
            families.setdefault(stem, []).append(value)
        found |= {"macro_23": _mean([sum(each) / len(each) for each in families.values()])}
    return found


def _mean(values: Iterable[float]) -> float | None:
    held = list(values)
    return sum(held) / len(held) if held else None


def write(
    folder: Path, rows: list[Row], facts: dict[str, Any], run: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Write BENCHMARK.jsonl for each benchmark, and results.json last; `run` says how these rows were measured.

    Benchmarks that an earlier run measured of the very same model stay.
    """
    groups = by_benchmark(rows)
    for benchmark, group in groups.items():
        lines = (json.dumps(row, ensure_ascii=False) for row in group)
        write_whole(
            folder / f"{benchmark}.jsonl", "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
        )
    earlier = _earlier(folder, facts["model"].get("digest"))
    found = earlier.get("tasks", {}) | {name: each | (run or {}) for name, each in summaries(rows).items()}
    data = earlier.get("data", {}) | facts.get("data", {})
    files = [f"{name}.jsonl" for name in sorted(found)]
    document = {**facts, "data": data, "files": files, "tasks": dict(sorted(found.items()))}
    write_whole(folder / "results.json", json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return document


def _earlier(folder: Path, model: str | None) -> dict[str, Any]:
    """The folder's results.json, if it is of the same model."""
    path = folder / "results.json"
    document = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return document if document.get("model", {}).get("digest") == model else {}


def read(folder: Path) -> tuple[dict[str, Any], list[Row]]:
    """results.json and the rows of the files it names; BadInput where the folder holds no results."""
    path = folder / "results.json"
    if not path.is_file():
        inside = sorted(folder.glob("*/results.json")) if folder.is_dir() else []
        hint = f"; did you mean {inside[0].parent}?" if inside else "; write them with genteach evaluate"
        raise BadInput(f"{folder}: holds no results.json{hint}")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        rows = [row for name in document["files"] for row in _rows(folder / name)]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f"{path}: not the results of an evaluation ({type(error).__name__}: {error})"
        ) from error
    return document, rows


def _rows(path: Path) -> list[Row]:
    if not path.is_file():
        raise BadInput(f"{path}: named in results.json but missing; run genteach evaluate again")
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
