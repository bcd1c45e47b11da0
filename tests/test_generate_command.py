"""A run is resumed, updated and benchmarked without a reply, a pair or a document ending where it does not belong."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from genteach.generate.command import build_orca_bench, generate
from genteach.generate.journal import DONE, ItemName, Journal, Settled
from genteach.generate.orca_bench import draw
from genteach.generate.recipe import GenerateRecipe
from genteach.generate.seeds import Seed, read_seeds
from genteach.run import AccountingError, BadInput, EnvironmentFailure, settle_recipe

from .servers import fake_teacher

PYTHON = {"builtin": "python", "kind": "text", "min_chars": 150, "max_chars": 400}


def recipe(out: Path, **given: Any) -> GenerateRecipe:
    values = {"seeds": [PYTHON], "skills": "all", "limit": 3, "refine_rounds": 0, "held_out": 0.5}
    return GenerateRecipe.model_validate({"out": out, **values, **given})


def manifest(out: Path) -> dict[str, Any]:
    return json.loads((out / "rounds/0001/manifest.json").read_text())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A finished run."""
    generate(recipe(tmp_path / "run"))
    return tmp_path / "run"


def test_another_teacher_is_refused_and_with_update_no_reply_of_the_old_one_is_reused(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bought = manifest(out)["teacher_calls"]
    with fake_teacher(tmp_path / "ledger.jsonl") as url:
        with pytest.raises(BadInput, match="teacher.kind: 'offline' -> 'http'"):
            generate(recipe(out, teacher=url))
        generate(recipe(out, teacher=url), update=True)
    assert f"Teacher calls: {bought} made, 0 reused" in capsys.readouterr().out  # the prompts are the same
    assert manifest(out)["teachers"][0]["kind"] == "http"
    assert manifest(out)["teacher_calls"] == bought > 0
    generate(recipe(out, teacher=url))  # a finished run asks nothing, so that it needs no server


def test_a_kill_between_the_new_recipe_and_its_journal_is_harmless(out: Path) -> None:
    bought = manifest(out)["teacher_calls"]
    wider = recipe(out, entries_per_seed=5)
    settle_recipe(out, wider.decides(), (), True, "")  # all that the killed command came to
    generate(wider)
    assert manifest(out)["teacher_calls"] > bought
    whole = out.parent / "whole"
    generate(recipe(whole, entries_per_seed=5))
    assert manifest(out)["files"] == manifest(whole)["files"]


def test_code_that_was_edited_under_a_run_is_refused_readably(out: Path) -> None:
    path = out / "recipe.yaml"
    document = yaml.safe_load(path.read_text())
    document["recipe"]["code"] = "0123456789abcdef"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(BadInput, match=r"\(code: '0123456789abcdef' -> '[0-9a-f]{16}'\); .*--update"):
        generate(recipe(out))
    generate(recipe(out), update=True)


def test_companions_and_the_place_of_the_teacher_do_not_decide_the_output(tmp_path: Path) -> None:
    companion = {"dataset": "owner/name", "rows": 3, "licence": "MIT"}
    here, there = ({"url": f"http://{host}/v1", "model": "m"} for host in ("here", "there"))
    plain, mixed = (recipe(tmp_path, teacher=here), recipe(tmp_path, teacher=there, companions=[companion]))
    assert plain.decides() == mixed.decides()
    other_skills = recipe(tmp_path, teacher=here, skills="text_modification")
    assert plain.decides()["code"] != other_skills.decides()["code"]


def test_a_split_is_not_drawn_anew_under_its_benchmark(out: Path) -> None:
    build_orca_bench(out, 2, None)
    for given in ({"run_seed": 1}, {"held_out": 0.4}, {"seeds": [PYTHON | {"max_chars": 500}]}):
        with pytest.raises(BadInput, match=f"({next(iter(given))}: .*); remove the folder first"):
            generate(recipe(out, **given), update=True)
    generate(recipe(out, entries_per_seed=2), update=True)


def test_a_benchmark_that_was_begun_with_another_size_is_refused_by_its_own_advice(out: Path) -> None:
    folder = out / "orca_bench"
    folder.mkdir()
    settle_recipe(folder, recipe(out).decides() | {"per_skill": 5}, (), False, "")
    with pytest.raises(BadInput, match=r"per_skill: 5 -> 2.*remove the folder") as refused:
        build_orca_bench(out, 2, None)
    assert "--update" not in str(refused.value)


def test_a_run_without_held_out_documents_has_no_benchmark(tmp_path: Path) -> None:
    generate(recipe(tmp_path / "run", held_out=0))
    with pytest.raises(BadInput, match="no document was held out"):
        build_orca_bench(tmp_path / "run", 2, None)


def test_the_documents_take_turns_in_a_benchmark() -> None:
    seeds = [
        Seed(f"{name}{n}", "text", "text", name, (n, n + 1), "s", "CC0-1.0")
        for name in "abcde"
        for n in range(9)
    ]
    drawn = draw(seeds, 7, run_seed=0)
    assert len({seed.document for seed in drawn[:5]}) == 5
    assert [seed.id[1:] for seed in drawn] == ["0"] * 5 + ["1"] * 2
    assert draw(seeds, 7, run_seed=0) == drawn != draw(seeds, 7, run_seed=1)


def test_the_seeds_of_a_bare_python_are_of_the_kind_that_the_skills_take(tmp_path: Path) -> None:
    generate(recipe(tmp_path / "run", seeds=[{"builtin": "python"}], skills="reading_comprehension"))
    assert {seed.kind for seed in read_seeds(tmp_path / "run")} == {"text"}


def test_without_a_sandbox_the_skills_that_need_one_are_named_before_anybody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def not_here() -> None:
        raise EnvironmentFailure("no namespaces here")

    monkeypatch.setattr("genteach.generate.tools.sandbox.ready", not_here)
    with pytest.raises(EnvironmentFailure, match="no namespaces here; leave out fermi, which run programs"):
        generate(recipe(tmp_path / "run", skills="fermi,brain_teaser"))


def test_seeds_that_changed_under_a_run_buy_nothing(out: Path) -> None:
    async def settle_a_stranger() -> None:
        journal = Journal(out / "journal.sqlite")
        await journal.settle(Settled(ItemName("5" * 32, "toy", "seed"), DONE, pairs=({"id": "1"},)))
        journal.close()

    asyncio.run(settle_a_stranger())
    with pytest.raises(AccountingError, match="the seeds changed under the run"):
        generate(recipe(out))
