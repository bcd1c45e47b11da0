"""Published scores, re-derived from the published outputs that they were computed from."""

import ast
import csv
import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from genteach.evaluate import tasks
from genteach.evaluate.grade import grade
from genteach.evaluate.item import Item, Reply
from genteach.evaluate.results import summaries
from genteach.evaluate.tasks.families import READERS

DATA = Path(os.environ.get("GENTEACH_DATA", "not-set"))
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="GENTEACH_DATA is not set: the published outputs are not here"
)


def a_number(gold: str) -> Item:
    return Item("gsm8k_zs", "1", "1", ({"role": "user", "content": ""},), gold, "number")


@pytest.mark.parametrize(
    ("system", "published"),
    [
        ("6b_finetuning", 21.68),
        ("6b_verification", 39.04),
        ("175b_finetuning", 34.72),
        ("175b_verification", 56.25),
    ],
)
def test_gsm8k_solutions_of_its_authors(system: str, published: float) -> None:
    with gzip.open(DATA / "gsm8k/example_model_solutions.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    right = [
        grade(a_number(row["ground_truth"].rpartition("A:")[2].strip()), Reply(row[system]["solution"]))[
            "score"
        ]
        for row in rows
    ]
    assert right == [float(row[system]["is_correct"]) for row in rows]
    assert round(100 * sum(right) / len(right), 2) == published


@pytest.mark.parametrize(
    ("model", "published", "within"),
    [
        ("Mistral-Nemo-Instruct-2407", 82.79, 0.1),
        ("gpt-3.5-turbo-0125", 80.36, 0.1),
        ("Meta-Llama-3-8B-Instruct", 78.47, 0.1),
        ("Mixtral-8x7B-Instruct-v0.1", 70.13, 0.2),
        ("gemma-2-2b-it", 51.63, 0.1),
        ("Yi-1.5-9B-Chat", 76.42, 2.5),  # theirs refuses answers whose JSON does not parse
    ],
)
def test_gsm8k_zero_shot_answers(model: str, published: float, within: float) -> None:
    """ZeroEval's own rule parses JSON, ours reads any statement: not the same rule, nearly the same score."""
    golds = [item.gold for item in tasks.load("gsm8k", DATA)[0]]
    with gzip.open(
        DATA / f"gsm8k/model_outputs/zeroeval_zero_shot/{model}.jsonl.gz", "rt", encoding="utf-8"
    ) as file:
        rows = [json.loads(line) for line in file]
    right = [
        grade(
            a_number(golds[int(row["session_id"].rpartition("#")[2])]),
            Reply(row["output"][0].split("</s>")[0]),
        )["score"]
        for row in rows
    ]
    assert 100 * sum(right) / len(right) == pytest.approx(published, abs=within)


def codex_rows(task: str) -> Iterator[dict[str, Any]]:
    """The chain-of-thought outputs of code-davinci-002, graded; those without a conclusion were cut off."""
    stem = DATA / f"bbh/model_outputs/code-davinci-002-cot/{task}_few_shot_template_0-255000"
    with gzip.open(f"{stem}.json.gz", "rt", encoding="utf-8") as file:
        outputs = json.load(file)["outputs"]
    answer = tasks.benchmarks()["bbh"].subtasks[task] or "letter"
    for number, output in enumerate(outputs):
        question = output["input"].rpartition("\n\nQ: ")[2].rpartition("\nA: Let's")[0]
        (item,) = READERS["bbh"](f"bbh_zs_{task}", [{"input": question, "target": output["target"]}], answer)
        finish = "stop" if "answer is" in output["prediction"] else "length"
        yield grade(item, Reply(output["prediction"], finish)) | {"id": str(number)}


def test_bbh_of_codex_task_by_task() -> None:
    rows = []
    for task in tasks.benchmarks()["bbh"].subtasks:
        of_task = list(codex_rows(task))
        metrics = next((DATA / "bbh/model_outputs/code-davinci-002-cot").glob(f"{task}_*_eval_metrics.jsonl"))
        published = json.loads(metrics.read_text().splitlines()[-1])["accuracy"]
        assert 100 * sum(row["score"] for row in of_task) / len(of_task) == pytest.approx(
            published, abs=0.005
        ), task
        rows += of_task
    found = summaries(rows)["bbh"]
    assert round(100 * found["macro_23"], 1) == 73.9
    assert round(100 * found["macro"], 2) == 73.71


def test_mmlu_of_helm_macro_over_57_subjects() -> None:
    published = {"openai_gpt-4-0613": 82.42, "meta_llama-3-70b": 79.30, "writer_palmyra-x-v3": 78.64}
    published |= {"google_text-unicorn@001": 78.63, "mistralai_mixtral-8x22b": 77.74}
    means: dict[str, list[float]] = {model: [] for model in published}
    for path in sorted((DATA / "mmlu/model_outputs/helm_5shot").glob("*.csv")):
        items, _ = tasks.load(f"mmlu_zs_{path.stem}", DATA)
        by_question = {(_squeezed(item.prompt.partition("\nA. ")[0]), item.options): item for item in items}
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        keys = [
            (_squeezed(row["question"]), tuple(str(c).strip() for c in ast.literal_eval(row["choices"])))
            for row in rows
        ]
        by_options = {options: item for (_, options), item in by_question.items()}
        found = [by_question.get(key) or by_options[key[1]] for key in keys]
        for model, scores in means.items():
            right = [grade(item, Reply(row[model]))["score"] for item, row in zip(found, rows, strict=True)]
            scores.append(100 * sum(right) / len(right))
    assert {model: round(sum(scores) / 57, 2) for model, scores in means.items()} == published


def _squeezed(text: str) -> str:
    return "".join(text.split())
