"""Retry opens just the items that a filter names, buys again just the replies at fault, and leaves all else as it was."""

import json
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from genteach.generate import command
from genteach.generate.command import generate
from genteach.generate.engine import Shard
from genteach.generate.flow import Dials, Skill
from genteach.generate.journal import Journal
from genteach.generate.pairs import read_pairs, read_rejected
from genteach.generate.recipe import GenerateRecipe, SkillChoice
from genteach.generate.retry import Where, retry
from genteach.generate.teacher import Reply, Request, Unanswerable
from genteach.generate.teacher.faculty import Faculty
from genteach.run import BadInput, EnvironmentFailure, sha256

from .servers import fake_teacher
from .test_engine import TOY, Scripted

PYTHON = {"builtin": "python", "kind": "text", "min_chars": 150, "max_chars": 400}
SEEDS = 20
Rows = list[dict[str, Any]]


class ToyRecipe(GenerateRecipe):
    """A recipe whose one skill is the toy."""

    def flows(self) -> dict[str, tuple[Skill, SkillChoice, Dials]]:
        return {"toy": (TOY, SkillChoice(), Dials(self.entries_per_seed, self.refine_rounds))}


def recipe(out: Path) -> ToyRecipe:
    documents = out.parent / "documents"
    documents.mkdir(exist_ok=True)
    for number in range(SEEDS):
        (documents / f"{number}.txt").write_text(f"This is the text with the number {number}.")
    corpus = {"path": documents, "licence": "CC0-1.0", "min_chars": 10, "max_chars": 100}
    given = {"seeds": [corpus], "skills": "open_domain_qa", "refine_rounds": 0, "held_out": 0}
    return ToyRecipe.model_validate({"out": out, "quarantine_limit": 1, **given})


class Flawed(Scripted):
    """Does one thing wrong about the seeds whose ids begin with one of the digits 0 to 7."""

    def __init__(self, flaw: str = "") -> None:
        super().__init__()
        self.flaw = flaw

    async def ask(self, request: Request) -> Reply:
        if self.flaw == "refused" and request.agent == "why" and request.seed_id < "8":
            self.asked.append(request)
            raise Unanswerable("http_400", "no")
        return await super().ask(request)

    def _text(self, request: Request) -> str:
        if request.seed_id < "8" and (request.agent, self.flaw) in (("why", "unreadable"), ("answer", "odd")):
            return "odd gibberish"
        return super()._text(request)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def teach(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make a teacher the one that every run opens; returns it."""

    def open_as(teacher: Scripted) -> Scripted:
        monkeypatch.setattr(command, "open_faculty", lambda *_: Faculty([teacher], [1]))
        return teacher

    return open_as


def rows(out: Path) -> tuple[Rows, Rows]:
    folder = out / "rounds" / "0001"
    return list(read_pairs(folder)), list(read_rejected(folder))


def of_others(pairs: Rows) -> Rows:
    """The pairs of the seeds about which nothing goes wrong."""
    return [pair for pair in pairs if pair["seed_id"] >= "8"]


def everything(folder: Path) -> dict[str, str]:
    return {str(path): sha256(path) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("flaw", "where", "again"),
    [
        ("unreadable", "reason=unreadable_reply skill=toy", {"why", "answer"}),
        ("odd", "step=verify,reason=o*", {"answer"}),
        ("refused", "reason=http_*", {"who", "why", "answer"}),
    ],
)
def test_what_went_wrong_is_asked_again_and_nothing_else(
    out: Path, teach: Any, flaw: str, where: str, again: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    teach(Flawed())
    generate(recipe(out.parent / "healthy"))
    teach(Flawed(flaw))
    generate(recipe(out))
    before, lost = rows(out)
    healthy = teach(Flawed())
    retry(out, where, recipe=recipe(out))
    after, _ = rows(out)
    assert {request.agent for request in healthy.asked} <= again
    assert {request.seed_id for request in healthy.asked} <= {row["seed_id"] for row in lost}
    assert of_others(after) == of_others(before)
    assert after == rows(out.parent / "healthy")[0] and len(after) > len(before)
    assert "Rejected rows that match" in (said := capsys.readouterr().out)
    assert "Retried " in said and "done" in said


def test_a_dry_run_shows_what_matches_and_changes_nothing(
    out: Path, teach: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    teach(Flawed("odd"))
    generate(recipe(out))
    capsys.readouterr()
    before = everything(out)
    retry(out, "reason=odd", recipe=recipe(out), dry_run=True)
    assert everything(out) == before
    _, lost = rows(out)
    count = Counter(row["reason"] for row in lost)["odd"]
    assert ["toy", "verify", "odd", str(count), str(SEEDS)] in map(
        str.split, capsys.readouterr().out.splitlines()
    )


def test_a_filter_that_fits_nothing_names_what_there_is(out: Path, teach: Any) -> None:
    teach(Flawed("unreadable"))
    generate(recipe(out))
    _, lost = rows(out)
    count = Counter(row["reason"] for row in lost)
    with pytest.raises(BadInput, match=rf"there are, reason: .*unreadable_reply {count['unreadable_reply']}"):
        retry(out, "reason=unreadible", recipe=recipe(out))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("reasons=odd", "did you mean reason=odd"),
        ("odd", "give KEY=VALUE, KEY one of skill, step, reason"),
        ("", "give KEY=VALUE"),
        ("step=", "did you mean step=VALUE"),
    ],
)
def test_a_filter_that_cannot_be_read_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        Where.parse(text)


def test_a_teacher_that_dies_in_a_retry_costs_nothing_when_it_is_repeated(
    out: Path, teach: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    teach(Flawed("unreadable"))
    generate(recipe(out))
    dying = teach(Flawed())
    dying.after = {n: EnvironmentFailure("gone") for n in range(9, 60)}
    with pytest.raises(EnvironmentFailure, match="gone"):
        retry(out, "step=why", recipe=recipe(out))
    rest = teach(Flawed())
    retry(out, "step=why", recipe=recipe(out))
    assert "of these items are open already" in capsys.readouterr().out
    bought = [(request.key, request.seed_id, request.n) for request in (*dying.asked[:8], *rest.asked)]
    assert len(set(bought)) == len(bought)
    assert not [row for row in rows(out)[1] if row["step"] == "why"]


def test_without_its_journal_an_item_is_bought_whole_and_the_others_stay(out: Path, teach: Any) -> None:
    teach(Flawed("odd"))
    generate(recipe(out))
    before, _ = rows(out)
    for path in out.glob("journal.sqlite*"):
        path.unlink()
    healthy = teach(Flawed())
    retry(out, "id=* reason=odd step=verify", recipe=recipe(out))
    after, _ = rows(out)
    assert of_others(after) == of_others(before) and len(after) > len(before)
    assert {request.agent for request in healthy.asked} >= {"shout", "why", "answer"}


def test_a_run_of_several_shards_says_where_to_retry(out: Path, teach: Any, tmp_path: Path) -> None:
    def share(number: int) -> dict[str, Any]:
        return {"shard": Shard(number, 2), "journal_dir": tmp_path / f"node{number}"}

    for number in (0, 1):
        teach(Flawed("odd"))
        generate(recipe(out), **share(number))
    with pytest.raises(BadInput, match=r"was made by 2 shards.*--shard I/2 \[--journal-dir DIR\]"):
        retry(out, "reason=odd", recipe=recipe(out))
    healthy = teach(Flawed())
    for number in (0, 1):
        retry(out, "reason=odd", recipe=recipe(out), **share(number))
    assert {request.agent for request in healthy.asked} == {"answer"}
    teach(Flawed())
    generate(recipe(tmp_path / "healthy"))
    manifest = command.merge(
        out, command.fingerprint(recipe(out).decides()), command.job_of(recipe(out)).planned()
    )
    assert manifest["pending"] == 0
    assert rows(out) == rows(tmp_path / "healthy")


def test_a_sharded_run_can_be_retried_as_a_whole_elsewhere(out: Path, teach: Any, tmp_path: Path) -> None:
    teach(Flawed("odd"))
    for number in (0, 1):
        generate(recipe(out), shard=Shard(number, 2), journal_dir=tmp_path / f"node{number}")
    teach(Flawed())
    retry(out, "reason=odd", recipe=recipe(out), shard=Shard(0, 1))
    generate(recipe(tmp_path / "healthy"))
    assert rows(out) == rows(tmp_path / "healthy")


def test_the_offline_teacher_says_the_same_again_to_the_byte(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {"seeds": [PYTHON], "skills": {"open_domain_qa": {"entries": ["fractions"]}}, "limit": 10}
    generate(GenerateRecipe.model_validate({"out": out, **values}))
    before = everything(out / "rounds")
    step = rows(out)[1][0]["step"]
    retry(out, f"step={step}")
    assert everything(out / "rounds") == before
    assert "asked the same, it says the same" in capsys.readouterr().out


def test_a_changed_recipe_is_not_retried_with_old_replies(out: Path, teach: Any) -> None:
    teach(Flawed("odd"))
    generate(recipe(out))
    other = recipe(out).model_copy(update={"entries_per_seed": 1})
    with pytest.raises(BadInput, match="entries_per_seed: 3 -> 1"):
        retry(out, "reason=odd", recipe=other)
    journal = Journal(out / "journal.sqlite")
    assert journal.count_settled() == SEEDS
    journal.close()


def test_a_server_is_named_again_and_asked_by_the_model_of_the_run(out: Path, tmp_path: Path) -> None:
    values = {"limit": 6, "skills": {"open_domain_qa": {"entries": ["fractions"]}}, "quarantine_limit": 1}
    with fake_teacher(tmp_path / "ledger.jsonl") as url:
        served = json.loads(urllib.request.urlopen(f"{url}/models").read())["data"][0]["id"]
        generate(
            GenerateRecipe.model_validate(
                {"out": out, "seeds": [PYTHON], "teacher": f"{url}#{served}", **values}
            )
        )
        before, asked = everything(out / "rounds"), calls_in(tmp_path / "ledger.jsonl")
        with pytest.raises(BadInput, match="its teacher was a server; say where it is: --teacher"):
            retry(out, "step=instruct")
        retry(out, "step=instruct", teacher=url)
    assert everything(out / "rounds") == before
    assert calls_in(tmp_path / "ledger.jsonl") > asked


def calls_in(ledger: Path) -> int:
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    return sum(line["event"] == "arrived" and bool(line["skill"]) for line in lines)
