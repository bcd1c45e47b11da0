"""Looking at servers and measuring them: a table of who answers, and the settings that give the most tokens."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from genteach.config import load
from genteach.generate.recipe import GenerateRecipe
from genteach.generate.seeds import Seed, read_seeds, write_seeds
from genteach.generate.teacher import Request
from genteach.generate.teacher.openings import Openings
from genteach.generate.teacher.status import status
from genteach.generate.teacher.tune import Speed, best_of, tune
from genteach.run import BadInput, EnvironmentFailure

SLOTS, LATENCY_MS = 8, 50
CORPUS = {"builtin": "python", "kind": "text", "min_chars": 150, "max_chars": 400}
FAKE = [sys.executable, "-m", "genteach.cli", "teacher", "fake", "--answers", "hash"]
FAKE += ["--slots", str(SLOTS), "--latency-ms", str(LATENCY_MS)]


@contextmanager
def fake_server() -> Iterator[str]:
    with subprocess.Popen(FAKE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield next(word for word in server.stdout.readline().split() if word.startswith("http"))
        finally:
            server.terminate()


def a_recipe(folder: Path, teacher: object) -> GenerateRecipe:
    given = {"out": folder / "run", "seeds": [CORPUS], "skills": "all", "teacher": teacher}
    return load(None, GenerateRecipe, given)


def some_seeds(folder: Path, recipe: GenerateRecipe, count: int) -> list[Seed]:
    write_seeds(folder, recipe.corpora(), run_seed=0, held_out=0.0, limit=count)
    return list(read_seeds(folder))


def the_settings_in(text: str) -> dict[str, object]:
    """The YAML at the end of what `tune` says."""
    return yaml.safe_load(text[text.index("teacher:") :])["teacher"]


def test_status_is_a_table_of_who_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with fake_server() as url:
        status([url])
        [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith(url)]
        assert "answers by hash" in line
        row = line.split()
        assert LATENCY_MS <= int(row[row.index("ms") - 1]) < 20 * LATENCY_MS
        with pytest.raises(
            EnvironmentFailure, match="1 of 2 cannot be asked: no teacher at http://127.0.0.1:1/v1"
        ):
            status([url, "http://127.0.0.1:1"])
    assert "no answer" in capsys.readouterr().out


def test_status_wants_the_key_that_it_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("A_KEY", raising=False)
    with pytest.raises(EnvironmentFailure, match="A_KEY is not set"):
        status(["http://127.0.0.1:1"], api_key_env="A_KEY")


def test_tune_finds_the_slots_of_a_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with fake_server() as url:
        tune(a_recipe(tmp_path, url), tmp_path, seconds=0.6)
    said = capsys.readouterr().out
    rows = {int(row[2]): row for row in map(str.split, said.splitlines()) if row[:2] == ["as", "given"]}
    assert list(rows)[:4] == [1, 8, 16, 32]
    assert len(rows) < 9  # it stopped where four times the requests gave nothing
    limit = SLOTS * 1000 / LATENCY_MS
    assert 0.5 * limit < float(rows[8][4]) < 1.05 * limit
    assert float(rows[32][5]) > 2 * float(rows[8][5])  # p50, in seconds: they wait for one another
    assert the_settings_in(said)["slots"] in (8, 16, 32)


def test_tune_launches_what_the_recipe_launches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    launch = {"server": "command", "command": [*FAKE, "--port", "{port}"], "replicas": 4, "grace": 5}
    tune(a_recipe(tmp_path, {"launch": launch}), tmp_path / "logs", seconds=0.3)
    assert [path.name for path in (tmp_path / "logs").iterdir()] == ["teacher-0.log"]
    assert the_settings_in(capsys.readouterr().out)["launch"] == {"options": []}


def test_tune_needs_a_server_that_answers(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="teacher: offline"):
        tune(a_recipe(tmp_path, "offline"), tmp_path)
    with pytest.raises(EnvironmentFailure, match="no teacher at"):
        tune(a_recipe(tmp_path, "http://127.0.0.1:1"), tmp_path)


def test_the_best_is_the_least_that_gives_nearly_the_most() -> None:
    def speed(level: int, tokens: float) -> Speed:
        return Speed("as given", level, tokens, 1.0, 1.0, 1.0, 0)

    assert best_of([speed(1, 10), speed(8, 96), speed(64, 100), speed(16, 90)]).level == 8


def test_no_prompt_comes_twice(tmp_path: Path) -> None:
    recipe = a_recipe(tmp_path, "offline")
    seeds = some_seeds(tmp_path, recipe, 3)
    openings = Openings([(skill, dials) for skill, _, dials in recipe.flows().values()], seeds, "none")

    async def draw(count: int) -> list[Request]:
        return [await openings.next() for _ in range(count)]

    requests = asyncio.run(draw(400))
    assert len({request.content for request in requests}) == 400
    assert {request.seed_id for request in requests} == {seed.id for seed in seeds}
    one = [
        request
        for request in requests
        if request.seed_id == seeds[0].id and request.skill == requests[0].skill
    ]
    first, second = (re.sub(r"(?s)end of document.*", "", r.messages[1]["content"]) for r in one[:2])
    assert first == second  # the agents that read one passage share its prefix


def test_openings_need_seeds(tmp_path: Path) -> None:
    flows = [(skill, dials) for skill, _, dials in a_recipe(tmp_path, "offline").flows().values()]
    with pytest.raises(BadInput, match="none of them asks anything"):
        asyncio.run(Openings(flows, [], "none").next())
