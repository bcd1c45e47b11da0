"""A real checkpoint is evaluated end to end: resumed, never cut short silently, never mixed up with another one."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from genteach.config import load as read_config
from genteach.evaluate.command import evaluate
from genteach.evaluate.compare import compare
from genteach.evaluate.recipe import EvaluateRecipe
from genteach.run import BadInput, write_manifest

from .servers import tiny_chat_checkpoint

pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install genteach[evaluate]")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_chat_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orca-Bench of two skills; one item is far longer than the checkpoint's context."""
    folder = tmp_path_factory.mktemp("orca_bench")
    for skill, match in (("arithmetic", "number"), ("stories", "judge")):
        rows = [
            {
                "id": f"{skill}-{number}",
                "skill": skill,
                "entry": "e",
                "messages": [
                    {"role": "user", "content": f"What is {number} and 1?" * (1 if number else 2000)}
                ],
                "reference": f"The answer is {number + 1}.",
                "answer": None if match == "judge" else str(number + 1),
                "match": match,
                "document": f"d{number}",
                "seed_id": "s",
            }
            for number in range(6)
        ]
        (folder / f"{skill}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_manifest(folder, {"arithmetic.jsonl": 6, "stories.jsonl": 6})
    return folder


def run(model: Path, bench: Path, out: Path, **facts: Any) -> dict[str, Any]:
    given = {
        "model": str(model),
        "orca_bench": bench,
        "out": out,
        "max_new_tokens": 8,
        "device": "cpu",
        **facts,
    }
    return evaluate(read_config(None, EvaluateRecipe, given))


def stored(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "replies.jsonl").read_text().splitlines()]


def test_every_item_is_answered_graded_and_counted(checkpoint: Path, bench: Path, tmp_path: Path) -> None:
    found = run(checkpoint, bench, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "orca_bench.jsonl").read_text().splitlines()]
    assert len(rows) == 6
    assert [row["status"] for row in rows if row["id"] == "arithmetic-0"] == ["too_long"]
    assert {row["finish_reason"] for row in rows} <= {"stop", "length", "too_long"}
    assert all(row["prompt_tokens"] > 0 and len(row["prompt_sha256"]) == 64 for row in rows)
    exact = found["tasks"]["orca_bench"]
    assert exact["n"] == 6
    assert exact["too_long"] == 1
    assert found["tasks"]["orca_bench_judged"]["not_measured"] == 6
    assert found["tasks"]["orca_bench_judged"]["score"] is None
    assert len(found["model"]["weights_sha256"]) == 64
    assert found["model"]["context"] == 4096
    assert {"lm-eval", "transformers", "torch"} <= found["versions"].keys()
    assert json.loads((tmp_path / "results.json").read_text()) == found


def test_a_second_run_asks_only_for_what_is_missing(checkpoint: Path, bench: Path, tmp_path: Path) -> None:
    run(checkpoint, bench, tmp_path)
    path = tmp_path / "replies.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    asked = {row["key"] for row in stored(tmp_path)}
    assert len(asked) == len(lines) == 12
    path.write_text("".join(lines[:7]) + '{"key": "torn')
    run(checkpoint, bench, tmp_path)
    assert path.read_text().startswith("".join(lines[:7]))
    assert [row["key"] for row in stored(tmp_path)[:7]] == [json.loads(line)["key"] for line in lines[:7]]
    assert {row["key"] for row in stored(tmp_path)} == asked
    whole = path.read_text()
    assert len(whole.splitlines()) == 12
    run(checkpoint, bench, tmp_path)
    assert path.read_text() == whole


def test_another_checkpoint_under_the_same_name_is_another_model(bench: Path, tmp_path: Path) -> None:
    import torch

    model, out = tmp_path / "model", tmp_path / "out"
    torch.manual_seed(1)
    first = run(tiny_chat_checkpoint(model), bench, out)
    torch.manual_seed(2)
    second = run(tiny_chat_checkpoint(model), bench, out)
    assert first["model"]["weights_sha256"] != second["model"]["weights_sha256"]
    assert len(stored(out)) == 24


def test_padding_does_not_change_the_replies(checkpoint: Path, bench: Path, tmp_path: Path) -> None:
    run(checkpoint, bench, tmp_path / "one", batch_size=1)
    run(checkpoint, bench, tmp_path / "many", batch_size=8)
    one, many = ({row["key"]: row["text"] for row in stored(tmp_path / name)} for name in ("one", "many"))
    assert (
        sum(one[key] == many[key] for key in one) >= 10
    )  # random weights come close to ties, and rounding breaks them


def test_a_benchmark_goes_through_lm_eval(
    checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gsm8k").mkdir()
    rows = [{"question": f"How many are {n} and 1?", "answer": f"#### {n + 1}"} for n in range(20)]
    (tmp_path / "gsm8k/test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = {"model": str(checkpoint), "tasks": "gsm8k", "data": tmp_path, "limit": 5, "max_new_tokens": 8}
    found = evaluate(read_config(None, EvaluateRecipe, {**given, "device": "cpu", "out": tmp_path / "out"}))
    assert found["tasks"]["gsm8k"]["n"] == 5
    assert list(found["data"]) == ["gsm8k/test.jsonl"]
    rows = [json.loads(line) for line in (tmp_path / "out/gsm8k.jsonl").read_text().splitlines()]
    assert [row["task"] for row in rows] == ["gsm8k_zs"] * 5
    assert rows[0]["prompt"].startswith("How many are")
    assert "95 % interval" in capsys.readouterr().out
    compare(tmp_path / "out", tmp_path / "out")


def test_a_later_benchmark_joins_the_earlier_ones_of_the_same_model(
    bench: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    model, data = tmp_path / "model", tmp_path / "gsm8k"
    data.mkdir()
    (data / "test.jsonl").write_text(json.dumps({"question": "1 and 1?", "answer": "#### 2"}) + "\n")
    out = tmp_path / "results" / "model"  # where results go by default
    torch.manual_seed(1)
    tiny_chat_checkpoint(model)
    given = {"model": str(model), "max_new_tokens": 8, "device": "cpu"}
    evaluate(read_config(None, EvaluateRecipe, {**given, "orca_bench": bench}))
    found = evaluate(read_config(None, EvaluateRecipe, {**given, "tasks": "gsm8k", "data": tmp_path}))
    assert list(found["tasks"]) == ["gsm8k", "orca_bench", "orca_bench_judged"]
    assert sorted(path.name for path in out.glob("*.jsonl") if path.name != "replies.jsonl") == found["files"]
    run(model, bench, tmp_path / "alone")
    compare(tmp_path / "alone", out)
    assert "gsm8k: not measured on every model, left out" in capsys.readouterr().out
    torch.manual_seed(2)
    tiny_chat_checkpoint(model)
    found = evaluate(read_config(None, EvaluateRecipe, {**given, "tasks": "gsm8k", "data": tmp_path}))
    assert list(found["tasks"]) == ["gsm8k"]


def test_what_is_not_a_model_is_refused_in_one_line(bench: Path, checkpoint: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / "no_weights").mkdir()
    (tmp_path / "no_weights/config.json").write_text("{}")
    for name, line in {
        "nowhere": "no such folder",
        "file": "not a model",
        "empty": "not a model",
        "no_weights": "no weights to load",
    }.items():
        with pytest.raises(BadInput, match=line) as caught:
            run(tmp_path / name, bench, tmp_path / "out")
        assert "\n" not in str(caught.value)
    broken = tmp_path / "broken"
    shutil.copytree(checkpoint, broken)
    (broken / "model.safetensors").write_bytes(b"torn")
    with pytest.raises(BadInput, match="does not load") as caught:
        run(broken, bench, tmp_path / "out")
    assert "\n" not in str(caught.value)
    with pytest.raises(BadInput, match="device: cuda:63: this machine has"):
        run(checkpoint, bench, tmp_path / "out", device="cuda:63")
    with pytest.raises(BadInput, match="did you mean"):
        run(checkpoint.parent, bench, tmp_path / "out")


def test_another_dtype_is_asked_again(checkpoint: Path, bench: Path, tmp_path: Path) -> None:
    for dtype in ("float32", "bfloat16"):
        run(checkpoint, bench, tmp_path, dtype=dtype)
    assert len(stored(tmp_path)) == 24


@pytest.mark.slow
@pytest.mark.skipif("GENTEACH_DATA" not in os.environ, reason="GENTEACH_DATA is not set")
def test_forty_items_of_every_benchmark_take_less_than_six_minutes(tmp_path: Path) -> None:
    model, out = tiny_chat_checkpoint(tmp_path / "model"), tmp_path / "out"
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"max_position_embeddings": 8192}))
    command = [
        str(Path(sys.executable).parent / "genteach"),
        "evaluate",
        "--model",
        str(model),
        "--limit",
        "40",
    ]
    command += ["--tasks", "gsm8k,mmlu,bbh,agieval", "--data", os.environ["GENTEACH_DATA"], "--out", str(out)]
    began = time.monotonic()
    subprocess.run(command, check=True, timeout=600, stdout=subprocess.DEVNULL)
    assert time.monotonic() - began < 360
    found = json.loads((out / "results.json").read_text())
    assert {name: each["n"] for name, each in found["tasks"].items()} == dict.fromkeys(found["tasks"], 40)
    assert found["files"] == ["agieval.jsonl", "bbh.jsonl", "gsm8k.jsonl", "mmlu.jsonl"]
    for name in found["files"]:
        rows = [json.loads(line) for line in (out / name).read_text().rstrip("\n").split("\n")]
        assert len({(row["task"], row["id"]) for row in rows}) == 40
        assert all(row["status"] != "not_measured" and row["reply"] is not None for row in rows)


def test_a_changed_bench_is_refused(checkpoint: Path, bench: Path, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text((bench / "manifest.json").read_text())
    (tmp_path / "arithmetic.jsonl").write_text("{}\n")
    with pytest.raises(BadInput, match=r"arithmetic.jsonl: sha256 is"):
        run(checkpoint, tmp_path, tmp_path / "out")
    write_manifest(tmp_path, {"arithmetic.jsonl": 1})
    with pytest.raises(BadInput, match=r"arithmetic.jsonl:1: not an Orca-Bench item"):
        run(checkpoint, tmp_path, tmp_path / "out")
