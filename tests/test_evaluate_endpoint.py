"""A model and a judge behind an OpenAI-compatible server: whose failure is whose, and who judges what."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from genteach.config import load as read_config
from genteach.evaluate.command import evaluate
from genteach.evaluate.judge import read
from genteach.evaluate.recipe import EvaluateRecipe
from genteach.run import BadInput, write_manifest

from .servers import Complete, said, scripted

pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install genteach[evaluate]")


@contextmanager
def serving(complete: Complete) -> Iterator[str]:
    """The scripted server on a loop of its own, for code that runs a loop itself."""
    ready, stop, found = threading.Event(), asyncio.Event(), []

    async def serve() -> None:
        async with scripted(complete) as url:
            found.extend([url, asyncio.get_running_loop()])
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait(10)
    try:
        yield found[0]
    finally:
        found[1].call_soon_threadsafe(stop.set)
        thread.join(10)


async def student_and_judge(request: web.Request) -> web.StreamResponse:
    """The student says what the item asks for; the judge gives 8 to a reply with "good" in it, else 4."""
    prompt = (await request.json())["messages"][-1]["content"]
    if "reply of First" in prompt:
        first, second = re.search(
            r"reply of First\n(.*?)\n=+.*?Second\n(.*?)\n=+", prompt, re.DOTALL
        ).groups()  # type: ignore[union-attr]
        numbers = {
            name: 8 if "good" in reply else 4 for name, reply in (("first", first), ("second", second))
        }
        return said(f"I compared them.\n{json.dumps(numbers)}")
    if "too long" in prompt:
        return web.json_response({"error": {"message": "maximum context length is 10"}}, status=400)
    if "refuse" in prompt:
        return web.json_response({"error": {"message": "bad request"}}, status=400)
    if "think" in prompt:
        choice = {"message": {"content": None, "reasoning": "hm"}, "finish_reason": "length"}
        return web.json_response({"model": "m", "choices": [choice]})
    return said(prompt)


def a_bench(folder: Path, match: str, prompts: list[str]) -> Path:
    folder.mkdir()
    rows = [
        {
            "id": str(number),
            "skill": "talk",
            "messages": [{"role": "user", "content": prompt}],
            "reference": "a good reply" if match == "judge" else "The answer is 5.",
            "answer": None if match == "judge" else "5",
            "match": match,
            "document": str(number),
        }
        for number, prompt in enumerate(prompts)
    ]
    (folder / "talk.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    write_manifest(folder, {"talk.jsonl": len(rows)})
    return folder


def run(bench: Path, url: str, out: Path, **facts: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    given = {"model": f"{url}#some-model", "orca_bench": bench, "out": out, **facts}
    found = evaluate(read_config(None, EvaluateRecipe, given))
    return found, [
        json.loads(line) for path in out.glob("orca_bench*.jsonl") for line in path.read_text().splitlines()
    ]


def test_a_servers_refusal_is_ours_and_the_models_silence_is_the_models(tmp_path: Path) -> None:
    prompts = ["The answer is 5.", "The answer is 6.", "too long", "refuse", "think"]
    bench = a_bench(tmp_path / "bench", "number", prompts)
    with serving(student_and_judge) as url:
        found, rows = run(bench, url, tmp_path / "out")
    statuses = [row["status"] for row in rows]
    assert statuses == ["scored", "scored", "too_long", "not_measured", "truncated"]
    assert [row["score"] for row in rows] == [1, 0, 0, None, 0]
    assert found["model"]["weights_sha256"] is None
    kept = [json.loads(line)["id"] for line in (tmp_path / "out/replies.jsonl").read_text().splitlines()]
    assert sorted(kept) == ["0", "1", "2", "4"]  # what failed is asked again next time


def test_a_judge_reads_both_orders_and_the_score_is_a_ratio(tmp_path: Path) -> None:
    bench = a_bench(tmp_path / "bench", "judge", ["a good one", "a bad one", "think"])
    with serving(student_and_judge) as url:
        found, rows = run(bench, url, tmp_path / "out", judge={"url": url, "model": "some-model"})
    assert [(row["score"], row["teacher_score"], row["status"]) for row in rows] == [
        (8, 8, "scored"),
        (4, 8, "scored"),
        (0, 8, "no_answer"),
    ]
    judged = found["tasks"]["orca_bench_judged"]
    assert judged["scale"] == 10
    assert judged["score"] == pytest.approx(10 * 12 / 24)


@pytest.mark.parametrize(
    ("reply", "numbers"),
    [
        ('Fine.\n{"first": 7, "second": 3}', (7, 3)),
        ('{"first": 1, "second": 1} no: {"first": 9.5, "second": "10"}', (9.5, 10)),
        ('{"first": 11, "second": 3}', None),
        ('{"first": -1, "second": 3}', None),
        ("7 and 3", None),
        ("", None),
    ],
)
def test_a_judgement_is_two_numbers_or_none(reply: str, numbers: tuple[float, float] | None) -> None:
    assert read(reply) == numbers


def test_the_offline_teacher_cannot_judge(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="judge: .*the offline teacher cannot judge"):
        read_config(None, EvaluateRecipe, {"model": "m", "judge": "offline"})
