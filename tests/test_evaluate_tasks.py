"""The benchmarks' files and the hub's rows become the same items, and wrong input is named."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from genteach.config import load as read_config
from genteach.evaluate import tasks
from genteach.evaluate.command import evaluate, gather, write_items
from genteach.evaluate.item import Item, spread
from genteach.evaluate.recipe import EvaluateRecipe
from genteach.evaluate.tasks.families import READERS
from genteach.run import BadInput

DATA = os.environ.get("GENTEACH_DATA")
needs_data = pytest.mark.skipif(
    not DATA, reason="GENTEACH_DATA is not set: the benchmarks' files are not here"
)


def an_item(task: str, name: str) -> Item:
    return Item(task, name, name, ({"role": "user", "content": name},), "A", "letter")


def a_data_folder(folder: Path) -> Path:
    for name in ("gsm8k", "bbh/bbh", "mmlu/data/test", "agieval/v1"):
        (folder / name).mkdir(parents=True)
    row = {"question": "How many are 2 and 3?", "answer": "2+3=5\n#### 5"}
    (folder / "gsm8k/test.jsonl").write_text(json.dumps(row) + "\n")
    (folder / "mmlu/data/test/anatomy_test.csv").write_text('"Which\nbone?",None,NA,"a, b",d,A\n' * 2)
    example = {"input": "Which?\nOptions:\n(A) one\n(B) two", "target": "(B)"}
    (folder / "bbh/bbh/snarks.json").write_text(json.dumps({"canary": "x", "examples": [example]}))
    return folder


def test_local_files_are_read_as_their_authors_wrote_them(tmp_path: Path) -> None:
    data = a_data_folder(tmp_path)
    (item,), sources = tasks.load("gsm8k", data)
    assert (item.prompt, item.gold, item.kind) == ("How many are 2 and 3?", "5", "number")
    assert list(sources) == ["gsm8k/test.jsonl"]
    assert len(sources["gsm8k/test.jsonl"]) == 64
    (first, copy), _ = tasks.load("mmlu_zs_anatomy", data)
    assert first.options == ("None", "NA", "a, b", "d")
    assert first.prompt == "Which\nbone?\nA. None\nB. NA\nC. a, b\nD. d"
    assert copy.id == f"{first.id}-2"
    assert copy.cluster == first.cluster
    (item,), _ = tasks.load("bbh_zs_snarks", data)
    assert (item.options, item.gold) == (("one", "two"), "(B)")


def test_the_hubs_rows_give_the_same_items_as_the_files() -> None:
    file = {"question": "Q?", "choices": ["w", "x", "y", "z"], "answer": "C"}
    assert READERS["mmlu"]("t", [file], "letter") == READERS["mmlu"]("t", [file | {"answer": 2}], "letter")
    file = {
        "passage": "Once.",
        "question": "When?",
        "options": ["(A)then", "(B)now"],
        "label": "B",
        "answer": None,
    }
    query = "Once. Q: When? Answer Choices: (A)then (B)now\nA: Among A through B, the answer is"
    hub = {"query": query, "choices": ["(A)then", "(B)now"], "gold": [1]}
    assert READERS["agieval"]("t", [file], "letter") == READERS["agieval"]("t", [hub], "letter")
    file = {"passage": None, "question": "1+1?", "options": None, "label": None, "answer": "2"}
    hub = {"query": "Q: 1+1?\nA: The answer is", "answer": "2"}
    assert READERS["agieval"]("t", [file], "math") == READERS["agieval"]("t", [hub], "math")


@pytest.mark.parametrize(
    ("name", "hint"),
    [("gsm8", "'gsm8k'"), ("agieval_zs_aquarat", "'agieval_zs_aqua_rat'"), ("zzz", "agieval, bbh")],
)
def test_an_unknown_task_is_answered_with_the_nearest_name(name: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=hint):
        tasks.load(name, tmp_path)


def test_a_missing_or_wrong_file_is_named(tmp_path: Path) -> None:
    data = a_data_folder(tmp_path)
    with pytest.raises(BadInput, match=r"bbh/bbh/boolean_expressions.json: missing"):
        tasks.load("bbh", data)
    (data / "gsm8k/test.jsonl").write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(BadInput, match=r"gsm8k/test.jsonl: not the file of this benchmark"):
        tasks.load("gsm8k", data)
    (data / "gsm8k/test.jsonl").write_text('{"prompt": "1?", "reply": "2"}\n')
    with pytest.raises(BadInput, match=r"gsm8k/test.jsonl: not the rows of gsm8k .KeyError: 'question'"):
        tasks.load("gsm8k", data)
    (data / "mmlu/data/test/anatomy_test.csv").write_text("Which?,a,b,c,d,AB\n")
    with pytest.raises(BadInput, match=r"anatomy_test.csv: not the file"):
        tasks.load("mmlu_zs_anatomy", data)
    (data / "mmlu/data/test/anatomy_test.csv").write_text("question,a,b\n")
    with pytest.raises(BadInput, match=r"anatomy_test.csv: not the file"):
        tasks.load("mmlu_zs_anatomy", data)


def test_a_limit_of_nothing_and_no_tasks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="limit"):
        read_config(None, EvaluateRecipe, {"model": "m", "limit": 0})
    with pytest.raises(BadInput, match="none given"):
        gather(EvaluateRecipe(model="m"))


def test_a_limit_is_spread_over_the_tasks_and_a_larger_one_contains_it() -> None:
    items = [
        an_item(f"task {task}", f"{task}.{number}") for task in range(5) for number in range(20 * task + 3)
    ]
    few, more = spread(items, 12), spread(items, 40)
    assert sorted(Counter(item.task for item in few).values()) == [2, 2, 2, 3, 3]
    assert len(more) == 40
    assert {item.id for item in few} <= {item.id for item in more}
    assert spread(items[::-1], 12) == few[::-1]
    assert spread(items, 10_000) == items


def test_the_items_can_be_written_for_decontamination(tmp_path: Path) -> None:
    data = a_data_folder(tmp_path)
    recipe = read_config(
        None, EvaluateRecipe, {"model": "none", "tasks": "gsm8k, bbh_zs_snarks", "data": data}
    )
    assert write_items(recipe.model_copy(update={"out": tmp_path / "new" / "items.jsonl"})) == 2
    rows = [json.loads(line) for line in (tmp_path / "new" / "items.jsonl").read_text().splitlines()]
    assert [row["task"] for row in rows] == ["gsm8k_zs", "bbh_zs_snarks"]
    assert rows[0]["text"] == "How many are 2 and 3?"


def test_a_dry_run_downloads_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a dry run asked the network"))
    out = tmp_path / "out"
    evaluate(EvaluateRecipe(model="no-one/no-model", tasks=("mmlu",), out=out), dry_run=True)
    assert not out.exists()
    with pytest.raises(BadInput, match="no such folder"):
        evaluate(EvaluateRecipe(model=str(tmp_path / "none"), tasks=("mmlu",)), dry_run=True)
    with pytest.raises(BadInput, match="did you mean 'mmlu'"):
        evaluate(EvaluateRecipe(model="no-one/no-model", tasks=("mmlo",)), dry_run=True)


def test_results_of_a_server_are_named_after_its_model() -> None:
    assert EvaluateRecipe(model="http://127.0.0.1:8000/v1#name").folder == Path("results/name")
    assert EvaluateRecipe(model="http://127.0.0.1:8000/v1#org/name").folder == Path("results/name")


@needs_data
@pytest.mark.parametrize(
    ("name", "subtasks", "count"),
    [("agieval", 10, 3852), ("bbh", 27, 6511), ("gsm8k", 1, 1319), ("mmlu", 57, 14042)],
)
def test_the_real_benchmarks_are_whole(name: str, subtasks: int, count: int) -> None:
    items, sources = tasks.load(name, Path(str(DATA)))
    assert len(items) == count
    assert len({item.task for item in items}) == len(sources) == subtasks
    assert len({(item.task, item.id) for item in items}) == count
    assert all(item.gold and item.prompt for item in items)
    if name == "mmlu":
        assert sum("-" in item.id for item in items) == 27
    if name == "agieval":
        sat = [item for item in items if item.task.startswith("agieval_zs_sat_en")]
        assert len({item.cluster for item in items if item.task == "agieval_zs_lsat_rc"}) == 40
        assert len({item.cluster for item in sat}) == 44  # the questions without passage join their twins
