"""A plan says what a run will ask, and the run then asks just that; planning asks nothing and changes nothing."""

import asyncio
import hashlib
import importlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from genteach.generate.agent import Agent
from genteach.generate.command import generate
from genteach.generate.context import Tally
from genteach.generate.engine import Engine, Shard, WorkItem, work_items
from genteach.generate.flow import Dials, Entry, Skill
from genteach.generate.journal import Journal
from genteach.generate.plan import plan, rehearse
from genteach.generate.plan.rehearse import Estimate, Stage
from genteach.generate.plan.report import Plan
from genteach.generate.plan.understudy import Understudy
from genteach.generate.reader import JournalReader
from genteach.generate.recipe import GenerateRecipe, SkillChoice
from genteach.generate.reply import form
from genteach.generate.teacher import Request
from genteach.generate.teacher.faculty import Faculty
from genteach.progress import Progress
from genteach.run import EnvironmentFailure

from .servers import fake_teacher
from .test_engine import TOY, Scripted, seeds

WHEN = Entry("when", Agent("when", "A reader.", "Ask when.", form(question="a question")), "when it was done")
SEEDS = 8
SKILLS = "text_modification,open_domain_qa"
EDITED = "Another task altogether."
PYTHON = {"builtin": "python", "kind": "text", "min_chars": 150, "max_chars": 400}


class Steady(Scripted):
    """Says the same whatever the prompt says: what an edit does not touch stays as it was."""

    script = Scripted.script | {"when": [{"question": "When?"}]}

    def _text(self, request: Request) -> str:
        if request.agent == "when":
            return WHEN.agent.form.write(self.script["when"])
        return super()._text(request)


class Moody(Steady):
    """Says something else to every other prompt: all that depends on an edit changes with it."""

    def _text(self, request: Request) -> str:
        mood = hashlib.sha256(request.content).hexdigest()[:6]
        return re.sub(r"(?=</(passage|question|suggestion)>)|(?<=^even)", f" {mood}", super()._text(request))


def items_of(skill: Skill, **dials: Any) -> Iterator[WorkItem]:
    return work_items(seeds(SEEDS), {"toy": (skill, SkillChoice(), Dials(**dials))})


def run(skill: Skill, teacher: Scripted, folder: Path, window: int | None = None, **dials: Any) -> Tally:
    """What `generate --update` does, once the recipe is settled."""

    async def go() -> Tally:
        journal = Journal(folder / "journal.sqlite")
        await journal.reopen()
        engine = Engine(Faculty([teacher], [1]), journal, run_seed=0, window=window)
        try:
            with Progress("test", None, "items", as_json=True) as progress:
                await engine.run(lambda: items_of(skill, **dials), progress)
        finally:
            journal.close()
        return engine.tally

    return asyncio.run(go())


def planned(skill: Skill, folder: Path, reopened: bool = True, **dials: Any) -> Estimate:
    with JournalReader(folder / "journal.sqlite") as journal:
        stage = Stage(journal, Faculty([Understudy("toy", "none")], [1]), run_seed=0, reopened=reopened)
        return asyncio.run(stage.rehearse(items_of(skill, **dials)))["toy"]


def edited(agent: Agent) -> Agent:
    return replace(agent, task=f"{EDITED} {agent.task}")


EDITS: dict[str, Callable[[], Skill]] = {
    "nothing": lambda: TOY,
    "respond": lambda: replace(TOY, respond=edited(TOY.respond)),
    "editor": lambda: replace(TOY, refine=[replace(TOY.refine[0], editor=edited(TOY.refine[0].editor))]),
    "transform": lambda: replace(TOY, transform=[edited(TOY.transform[0]), TOY.transform[1]]),
    "added": lambda: replace(TOY, instruct=[*TOY.instruct, WHEN]),
    "removed": lambda: replace(TOY, instruct=TOY.instruct[:1]),
}


@pytest.mark.parametrize("entries", [1, 3])
@pytest.mark.parametrize("teacher", [Steady, Moody])
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_buys_what_was_planned(
    tmp_path: Path, edit: str, teacher: type[Scripted], entries: int
) -> None:
    skill: Skill = EDITS[edit]()
    dials: dict[str, Any] = {"entries_per_seed": entries}
    run(TOY, teacher(), tmp_path, **dials)
    found = planned(skill, tmp_path, **dials)
    tally = run(skill, teacher(), tmp_path, **dials)
    calls = found.calls
    # Of the calls that read a new reply, a teacher that says the same again leaves all as they were.
    certain = calls.new - (calls.following if teacher is Steady else 0)
    near = (
        0.05 if edit == "added" and teacher is Moody else 0
    )  # what an unheard agent says can only be guessed
    assert certain == pytest.approx(tally.calls, rel=near)
    assert calls.new + calls.reused == tally.calls + tally.reused
    draws_as_before = edit == "removed" and entries == 3  # all that is left was drawn, and is drawn
    assert found.exact is (edit in ("nothing", "respond") or draws_as_before)


def test_an_edit_touches_what_reads_its_replies_and_nothing_else(tmp_path: Path) -> None:
    run(TOY, Steady(), tmp_path)

    def touched(edit: str) -> dict[str, set[str]]:
        agents = planned(EDITS[edit](), tmp_path).agents.items()
        kinds = ("changed", "following", "guessed")
        return {kind: {name for name, calls in agents if getattr(calls, kind)} for kind in kinds}

    downstream = {"who", "why", "suggest", "edit", "answer"}
    nothing: set[str] = set()
    assert touched("nothing") == {"changed": nothing, "following": nothing, "guessed": nothing}
    assert touched("respond") == {"changed": {"answer"}, "following": nothing, "guessed": nothing}
    assert touched("editor") == {"changed": {"edit"}, "following": {"answer"}, "guessed": nothing}
    assert touched("transform") == {"changed": {"shout"}, "following": downstream, "guessed": nothing}
    assert touched("added")["guessed"] == {"when", "suggest", "edit", "answer"}


def test_many_items_are_sampled_and_the_figures_scaled_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(TOY, Steady(), tmp_path)
    whole = planned(EDITS["respond"](), tmp_path)
    monkeypatch.setattr(rehearse, "MOST_BEGUN", SEEDS // 2)
    sampled = planned(EDITS["respond"](), tmp_path)
    assert (sampled.to_do, sampled.walked) == (SEEDS, SEEDS // 2)
    assert not sampled.exact
    assert sampled.calls.new == pytest.approx(whole.calls.new, rel=0.4)


def test_items_never_begun_are_taken_to_be_like_the_settled_ones(tmp_path: Path) -> None:
    broken = Steady()
    broken.after = {n: EnvironmentFailure("gone") for n in range(90, 400)}
    with pytest.raises(EnvironmentFailure):
        run(TOY, broken, tmp_path, window=2)
    found = planned(TOY, tmp_path, reopened=False)
    assert found.settled + found.to_do == SEEDS and found.settled > 0
    assert found.by_mean + found.walked == found.to_do
    tally = run(TOY, Steady(), tmp_path)
    assert found.calls.new == pytest.approx(tally.calls, rel=0.3)


# The command, on a real skill


def recipe(out: Path, **given: Any) -> GenerateRecipe:
    values = {"seeds": [PYTHON], "skills": SKILLS, "limit": 5, "refine_rounds": 1, "held_out": 0.2}
    return GenerateRecipe.model_validate({"out": out, **values, **given})


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished") / "run"
    generate(recipe(folder))
    return folder


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A finished run."""
    return shutil.copytree(finished, tmp_path / "run")


def everything(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def edit_skill(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[[Skill], Skill]) -> None:
    module = importlib.import_module(f"genteach.generate.skills.{name}")
    monkeypatch.setattr(module, "SKILL", change(module.SKILL))


SKILL_EDITS: dict[str, Callable[[Skill], Skill]] = {
    "respond": lambda skill: replace(skill, respond=edited(skill.respond)),
    "entry": lambda skill: replace(
        skill, instruct=[replace(each, agent=edited(each.agent)) for each in skill.instruct]
    ),
    "removed": lambda skill: replace(skill, instruct=skill.instruct[::2]),
}


@pytest.mark.parametrize("edit", SKILL_EDITS)
def test_an_update_of_a_real_skill_buys_what_was_planned(
    out: Path, edit: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_skill(monkeypatch, "text_modification", SKILL_EDITS[edit])
    before = everything(out)
    found = plan(recipe(out), update=True)
    assert everything(out) == before
    said = capsys.readouterr().out
    generate(recipe(out), update=True)
    made, reused = map(int, re.findall(r"(\d+) made, (\d+) reused", capsys.readouterr().out)[0])
    calls = found.calls
    near = 0.3 if edit == "removed" else 0  # other entries are drawn, and what comes of them is a guess
    assert calls.changed + calls.guessed == pytest.approx(made, rel=near)
    assert calls.reused + calls.following == pytest.approx(reused, rel=near)
    assert not found.estimates["open_domain_qa"].calls.new
    assert "text_modification: edit" in said and "open_domain_qa: " not in said


def test_a_finished_run_has_nothing_left_and_with_update_every_reply_is_known(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert plan(recipe(out)).calls.new == 0
    assert "Nothing is left to do" in capsys.readouterr().out
    found = plan(recipe(out), update=True)
    assert (found.calls.new, found.exact) == (0, True)
    assert found.calls.reused == json.loads((out / "rounds/0001/manifest.json").read_text())["teacher_calls"]
    assert "the run will ask nothing" in capsys.readouterr().out


def test_a_changed_recipe_is_planned_as_an_update_and_said(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = plan(recipe(out, refine_rounds=2, limit=7))
    said = capsys.readouterr().out
    assert "limit: 5 -> 7; refine_rounds: 1 -> 2; generate will want --update" in said
    assert found.calls.reused > 0 < found.calls.guessed
    assert "about" in said and "completion tokens/s" in said
    assert found.seconds and found.bytes


def test_another_teacher_reuses_nothing_and_its_speed_is_unknown(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = plan(recipe(out, teacher="http://127.0.0.1:1/v1"), update=True)
    bought = json.loads((out / "rounds/0001/manifest.json").read_text())["teacher_calls"]
    assert (found.calls.reused, found.calls.changed) == (0, bought)
    assert found.seconds is None
    said = capsys.readouterr().out
    assert "kind was 'offline' and is 'http'" in said and "teacher tune" in said


def test_a_run_that_was_never_begun_is_sketched_and_leaves_no_trace(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = plan(recipe(tmp_path / "runs" / "new"), as_json=True)
    assert not list(tmp_path.iterdir())
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert facts["new"] == round(found.calls.new) > 100
    assert "text_modification: edit" in facts["sketched"]
    assert (facts["exact"], facts["seconds"], facts["skills"]["open_domain_qa"]["settled"]) == (
        False,
        None,
        0,
    )


def test_a_lost_journal_is_planned_by_what_was_sealed(out: Path) -> None:
    def settled(**given: Any) -> int:
        return sum(each.settled for each in plan(recipe(out, **given)).estimates.values())

    assert settled() == 10
    (out / "journal.sqlite").unlink()
    assert settled() == 10 and settled(refine_rounds=0) == 0
    assert not (out / "journal.sqlite").exists()


def test_a_shard_is_planned_alone(tmp_path: Path) -> None:
    out, half = tmp_path / "run", Shard(0, 2)
    generate(recipe(out), shard=half, journal_dir=tmp_path / "disk")
    done = [
        plan(recipe(out), shard=half, journal_dir=folder) for folder in (tmp_path / "disk", tmp_path / "new")
    ]
    for found in done:
        assert found.calls.new == 0 and sum(each.settled for each in found.estimates.values()) > 0
    rest = plan(recipe(out), shard=Shard(1, 2), journal_dir=tmp_path / "disk")
    assert rest.calls.new > 0 and rest.sketched
    assert plan(recipe(out, refine_rounds=0), shard=half, journal_dir=tmp_path / "new").calls.reused == 0
    assert not (tmp_path / "new").exists()


def test_the_replies_of_a_server_are_known_by_the_form_that_it_enforces(tmp_path: Path) -> None:
    with fake_teacher(tmp_path / "ledger.jsonl") as url:
        generate(recipe(tmp_path / "run", teacher=url))
    found = plan(recipe(tmp_path / "run", teacher=url), update=True)
    assert found.calls.reused > 0 and found.exact and found.speed


def test_a_journal_that_is_none_is_refused(out: Path) -> None:
    (out / "journal.sqlite").write_bytes(b"no journal" * 1000)
    with pytest.raises(EnvironmentFailure, match="journal.sqlite: file is not a database"):
        plan(recipe(out))


def test_a_plan_can_be_made_while_a_run_writes(out: Path) -> None:
    async def planned_meanwhile() -> Plan:
        journal = Journal(out / "journal.sqlite")
        await journal.set_fact("speed", json.dumps({"completion_tokens_per_s": 7.0}))
        try:
            return await asyncio.to_thread(plan, recipe(out, refine_rounds=2))
        finally:
            journal.close()

    found = asyncio.run(planned_meanwhile())
    assert found.seconds == found.calls.completion_tokens / 7 > 0
