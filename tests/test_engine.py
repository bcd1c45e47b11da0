"""The engine settles every item once, pays for no call twice, and accounts for all of them."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from genteach.generate.agent import Agent
from genteach.generate.context import Tally
from genteach.generate.engine import WHOLE, Engine, WorkItem, work_items
from genteach.generate.flow import Context, Dials, Entry, Refinement, Skill
from genteach.generate.journal import PAIR, REJECTED, Journal
from genteach.generate.merge import merge
from genteach.generate.parts import Parts
from genteach.generate.recipe import SkillChoice
from genteach.generate.record import Record, Verdict
from genteach.generate.reply import decline, form
from genteach.generate.seeds import Seed
from genteach.generate.snapshot import Snapshot
from genteach.generate.teacher import Draining, Guided, Reply, Request, Unanswerable
from genteach.generate.teacher.faculty import Faculty
from genteach.progress import Progress
from genteach.run import Accounting, EnvironmentFailure, Interrupted, stop_politely


async def not_odd(record: Record, entry: Entry, ctx: Context) -> Verdict | None:
    return Verdict("odd" not in record.fields["response"], "parity", reason="odd")


TOY = Skill(
    name="toy",
    summary="A question and its answer.",
    transform=[Agent("shout", "A crier.", "Say it loudly.", form(passage="loud text"), about="document"),
               Agent("poem", "A poet.", "Say it in verse.", form(passage="a poem"), about="document")],
    instruct=[Entry("who", Agent("who", "A reader.", "Ask who.", form(many=2, question="a question")),
                    "who did it", frozenset({"shout"}), "exact"),
              Entry("why", Agent("why", "A reader.", "Ask why.", form(question="a question")), "why it was done")],
    refine=[Refinement("harder",
                       Agent("suggest", "A critic.", "Improve $question", form(many=2, suggestion="an idea")),
                       Agent("edit", "An editor.", "Apply $suggestion to $question", form(question="a better one")))],
    respond=Agent("answer", "An expert.", "Answer: $turn", writes_text="response"),
    verify=[not_odd],
    turn="$passage\n\n$question",
)  # fmt: skip


class Scripted:
    """A teacher that answers each agent by a fixed script, and remembers what it was asked."""

    name, limit = "scripted", 4
    guided: Guided = "none"
    script = {
        "shout": [{"passage": "A LOUD TEXT"}],
        "who": [{"question": "Who?"}, {"question": "Who else?"}],
        "why": [{"question": "Why?"}],
        "suggest": [{"suggestion": "more"}, {"suggestion": "less"}],
        "edit": [{"question": "Who, really?"}],
    }

    def __init__(self, **replies: str) -> None:
        self.replies = replies
        self.asked: list[Request] = []
        self.after: dict[int, Exception] = {}
        self.draining = False

    async def start(self) -> dict[str, Any]:
        return {"kind": "scripted"}

    async def close(self) -> None: ...

    def report(self) -> dict[str, Any]:
        return {}

    def drain(self) -> None:
        self.draining = True

    async def ask(self, request: Request) -> Reply:
        if self.draining:
            raise Draining
        self.asked.append(request)
        if failure := self.after.get(len(self.asked)):
            raise failure
        await asyncio.sleep(0)
        return Reply(self._text(request), "stop", 10, 5, "scripted")

    def _text(self, request: Request) -> str:
        if request.agent in self.replies:
            return self.replies[request.agent]
        if request.agent == "poem":
            return decline("no verse in it")
        if request.agent == "answer":
            return "odd" if "else" in request.fields["turn"] else "even"
        agent = next(agent for agent in TOY.agents() if agent.name == request.agent)
        return agent.form.write(self.script[request.agent])


def seeds(count: int) -> list[Seed]:
    return [
        Seed(f"{n:032x}", f"text {n}", "text", f"doc{n}", (0, 6), "tests", "CC0-1.0") for n in range(count)
    ]


def items_of(count: int, dials: Dials = Dials(refine_rounds=0)) -> Iterator[WorkItem]:  # noqa: B008
    return work_items(seeds(count), {"toy": (TOY, SkillChoice(), dials)})


def run(
    teacher: Scripted,
    folder: Path,
    count: int = 8,
    tally: Tally | None = None,
    as_json: bool = True,
    **dials: Any,
) -> tuple[Accounting, Engine, Journal]:
    """One run of the command's shape; the journal comes back open for reading."""

    async def go() -> tuple[Accounting, Engine]:
        journal = Journal(folder / "journal.sqlite")
        engine = Engine(Faculty([teacher], [1]), journal, run_seed=0, window=4)
        engine.tally = tally or engine.tally
        wanted = replace(Dials(refine_rounds=0), **dials)
        try:
            with Progress("test", count, "items", as_json) as progress:
                return await engine.run(lambda: items_of(count, wanted), progress), engine
        finally:
            journal.close()

    return *asyncio.run(go()), Journal(folder / "journal.sqlite")


def outcomes(journal: Journal, kind: str) -> list[dict[str, Any]]:
    with Snapshot(journal.path) as staged:
        return list(staged.outcomes(kind))


def test_every_item_is_settled_and_a_second_run_asks_nothing(tmp_path: Path) -> None:
    teacher = Scripted()
    accounting, _, journal = run(teacher, tmp_path)
    assert (accounting.planned, accounting.done, accounting.pending) == (8, 8, 0)
    pairs = outcomes(journal, PAIR)
    assert len(pairs) == 16  # two questions each with an even answer; "Who else?" has an odd one
    assert [pair["id"] for pair in pairs] == sorted(pair["id"] for pair in pairs)
    assert pairs[0]["messages"][0]["content"].startswith("A LOUD TEXT\n\nWh")
    assert {row["reason"] for row in outcomes(journal, REJECTED)} == {"odd"}
    again = Scripted()
    run(again, tmp_path)
    assert again.asked == []


def test_a_declined_transformation_gives_its_place_to_the_next(tmp_path: Path) -> None:
    teacher = Scripted()
    _, engine, _ = run(teacher, tmp_path)
    assert 0 < engine.tally.declined["poem"] < 8


def test_refinement_keeps_the_parent_and_adds_its_children(tmp_path: Path) -> None:
    _, _, journal = run(Scripted(), tmp_path, count=1, refine_rounds=1, entries=frozenset({"why"}))
    turns = sorted(pair["messages"][0]["content"].rpartition("\n")[2] for pair in outcomes(journal, PAIR))
    assert turns == ["Who, really?", "Who, really?", "Why?"]


def test_an_unreadable_reply_gets_one_repair_and_is_then_rejected(tmp_path: Path) -> None:
    teacher = Scripted(who="gibberish")
    accounting, engine, journal = run(teacher, tmp_path, count=1, entries=frozenset({"who"}))
    assert [request.agent for request in teacher.asked].count("who") == 2
    assert "could not be used" in teacher.asked[-1].messages[-1]["content"]
    assert dict(accounting.rejected) == {"unreadable_reply": 1}
    assert engine.tally.repairs == 1


def test_an_unanswerable_prompt_quarantines_its_item_alone(tmp_path: Path) -> None:
    teacher = Scripted()
    teacher.after = {5: Unanswerable("context_too_long", "9000 tokens")}
    accounting, _, journal = run(teacher, tmp_path)
    assert dict(accounting.quarantined) == {"context_too_long": 1}
    assert accounting.done == 7


def test_a_fault_in_a_flow_quarantines_its_item_with_the_traceback(tmp_path: Path) -> None:
    teacher = Scripted()
    teacher.after = {3: KeyError("poison")}
    accounting, _, journal = run(teacher, tmp_path)
    assert dict(accounting.quarantined) == {"fault:KeyError": 1}
    [row] = [row for row in outcomes(journal, REJECTED) if row["step"] == "flow"]
    assert row["reason"] == "fault:KeyError" and "Traceback" in row["detail"]


def test_a_reply_of_a_thousand_open_brackets_is_unreadable_and_not_the_end(tmp_path: Path) -> None:
    teacher = Scripted(who='{"items": ' + "[" * 100_000)
    accounting, *_ = run(teacher, tmp_path, count=2, entries=frozenset({"who"}))
    assert dict(accounting.rejected) == {"unreadable_reply": 2}


def test_an_item_that_ends_without_a_pair_has_a_row_that_says_why(tmp_path: Path) -> None:
    accounting, engine, journal = run(Scripted(shout=decline("too quiet")), tmp_path, count=3)
    assert dict(accounting.rejected) == {"unsuitable": 3}
    rows = outcomes(journal, REJECTED)
    assert [(row["step"], row["reason"]) for row in rows] == [("transform", "unsuitable")] * 3
    assert len({row["id"] for row in rows}) == engine.tally.rejected == 3


def test_one_record_that_fails_at_two_steps_has_two_rows(tmp_path: Path) -> None:
    teacher = Scripted(suggest="gibberish", answer="odd")
    _, _, journal = run(teacher, tmp_path, count=1, refine_rounds=1, entries=frozenset({"why"}))
    assert {row["step"] for row in outcomes(journal, REJECTED)} == {"suggest", "verify"}


def test_no_request_is_sent_once_the_run_stops(tmp_path: Path) -> None:
    tally, teacher = Tally(), Scripted()
    real = teacher.ask

    async def ask(request: Request) -> Reply:
        tally.stopping = True
        reply = await real(request)
        teacher.drain()
        return reply

    teacher.ask = ask  # type: ignore[method-assign]
    with pytest.raises(Interrupted):
        run(teacher, tmp_path, tally=tally)
    assert 1 <= len(teacher.asked) <= 4  # those that were under way


def test_the_second_signal_ends_the_run_at_once_and_accounts_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher = Scripted()

    async def ask(request: Request) -> Reply:
        if not teacher.asked:
            for wait in (0.0, 0.05):
                asyncio.get_running_loop().call_later(wait, os.kill, os.getpid(), signal.SIGINT)
        teacher.asked.append(request)
        return await asyncio.sleep(60, Reply("", "stop", 0, 0, ""))

    teacher.ask = ask  # type: ignore[method-assign]
    began = time.monotonic()
    with pytest.raises(Interrupted, match="8 of 8 items pending"):
        run(teacher, tmp_path, as_json=False)
    assert time.monotonic() - began < 10
    said = capsys.readouterr().out
    assert "finishing the calls in flight; press again" in said
    assert "8 work items (skill x seed) = 0 done + 0 rejected + 0 quarantined + 8 pending" in said


def test_a_signal_before_the_run_stops_it_though_python_dropped_its_exception(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("genteach.run._signals", [])
    with pytest.raises(KeyboardInterrupt):
        stop_politely(2, None)
    teacher = Scripted()
    with pytest.raises(Interrupted, match="8 of 8 items pending"):
        run(teacher, tmp_path)
    assert not teacher.asked


def test_a_dead_teacher_stops_the_run_and_what_was_paid_for_stays(tmp_path: Path) -> None:
    teacher = Scripted()
    teacher.after = {n: EnvironmentFailure("gone") for n in range(12, 30)}
    with pytest.raises(EnvironmentFailure, match="gone"):
        run(teacher, tmp_path)
    healthy, whole = Scripted(), Scripted()
    accounting, *_ = run(healthy, tmp_path)
    assert accounting.done == 8
    (tmp_path / "whole").mkdir()
    run(whole, tmp_path / "whole")
    answered, in_flight = 11, 4
    assert 0 <= len(healthy.asked) - (len(whole.asked) - answered) <= in_flight


def test_stopping_drains_and_the_next_run_goes_on(tmp_path: Path) -> None:
    tally = Tally()
    teacher = Scripted()
    real = teacher.ask

    async def ask(request: Request) -> Reply:
        if len(teacher.asked) >= 10:
            tally.stopping = True
            teacher.drain()
        return await real(request)

    teacher.ask = ask  # type: ignore[method-assign]
    with pytest.raises(Interrupted, match="items pending; run the same command"):
        run(teacher, tmp_path, tally=tally)
    rest = Scripted()
    accounting, _, journal = run(rest, tmp_path)
    assert accounting.done == 8
    bought = [(request.key, request.seed_id, request.n) for request in (*teacher.asked, *rest.asked)]
    assert len(bought) == len(set(bought)) == journal.count_calls()  # nothing was bought twice


def test_the_same_journal_seals_to_the_same_bytes_whatever_the_window(tmp_path: Path) -> None:
    manifests = []
    for name, count in (("one", 8), ("two", 8)):
        (tmp_path / name).mkdir()
        if name == "two":
            with pytest.raises(EnvironmentFailure):
                broken = Scripted()
                broken.after = {n: EnvironmentFailure("gone") for n in range(17, 40)}
                run(broken, tmp_path / name)
        _, _, journal = run(Scripted(), tmp_path / name, count)
        parts = Parts(tmp_path / name, WHOLE, journal, "recipe", lambda: None)
        asyncio.run(parts.seal())
        journal.close()
        manifests.append(merge(tmp_path / name, "recipe", (item.id for item in items_of(8))))
    assert manifests[0] == manifests[1]


def test_agents_about_one_passage_share_every_byte_up_to_its_end(tmp_path: Path) -> None:
    teacher = Scripted()
    run(teacher, tmp_path, count=1, refine_rounds=1)
    about = [r.messages for r in teacher.asked if r.agent in ("who", "why", "suggest", "edit", "answer")]
    prefixes = {
        (system["content"], user["content"].split("[end of document")[0])
        for system, user in (m[:2] for m in about)
    }
    assert len(prefixes) == 1


def test_a_share_of_the_seeds_is_drawn_by_hash_and_is_the_same_every_time() -> None:
    flows = {"toy": (TOY, SkillChoice(share=0.3), Dials())}
    drawn = [item.id for item in work_items(seeds(1000), flows)]
    assert 240 < len(drawn) < 360
    assert drawn == [item.id for item in work_items(seeds(1000), flows)]
