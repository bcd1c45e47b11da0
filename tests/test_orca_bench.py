"""Orca-Bench from sealed pairs to scores: the sets, what falls short, and conversations scored on the teacher's history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from genteach.evaluate import orca_bench
from genteach.evaluate.item import Item, spread
from genteach.evaluate.results import by_task, summary
from genteach.evaluate.statistics import score
from genteach.generate.command import build_orca_bench, generate
from genteach.generate.orca_bench import freeze, sets, shortfalls
from genteach.generate.pairs import write_pairs
from genteach.generate.skills import NAMES
from genteach.run import BadInput, read_manifest, sha256, write_manifest

from .test_curate import pair
from .test_generate_command import recipe

SYSTEM = {"role": "system", "content": "You book boats. Calls: book(name), cancel(name)."}


def turns(*contents: str) -> list[dict[str, str]]:
    return [
        {"role": ("user", "assistant")[place % 2], "content": text} for place, text in enumerate(contents)
    ]


def a_talk(number: int, *contents: str, **values: Any) -> dict[str, Any]:
    """A conversation; it has no short answer unless one is given."""
    given = {"skill": "conversation", "answer": None, "match": "judge", "messages": turns(*contents)}
    return pair(number, **{**given, **values})


def sealed(folder: Path, pairs: list[dict[str, Any]]) -> Path:
    shard = folder / "rounds/0001/pairs-00000.parquet"
    write_manifest(shard.parent, {shard.name: write_pairs(shard, pairs)})
    return folder


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_there_is_a_set_for_each_skill_and_one_for_complex_questions() -> None:
    names = sets(NAMES, refine_rounds=1)
    assert set(names) == {*NAMES, "complex_open_domain_qa"} and len(names) == len(NAMES) + 1
    assert "complex_open_domain_qa" not in sets(NAMES, refine_rounds=0)
    assert sets(["text_modification"], refine_rounds=1) == ["text_modification"]


def test_what_an_editor_of_open_domain_qa_had_a_hand_in_is_complex(tmp_path: Path) -> None:
    def made_by(number: int, skill: str, *agents: str) -> dict[str, Any]:
        steps = [{"agent": agent, "call": "c", "choice": "0"} for agent in agents]
        return pair(number, skill=skill, lineage=steps)

    pairs = [
        made_by(1, "open_domain_qa", "identity", "when", "answer"),
        made_by(2, "open_domain_qa", "when", "suggest_complex_question", "edit_complex_question", "answer"),
        made_by(3, "open_domain_qa", "addition", "suggest_complex_problem", "edit_complex_problem", "answer"),
        made_by(4, "reading_comprehension", "evidence_selection", "edit_more_complex", "answer"),
    ]
    names = sets(["open_domain_qa", "reading_comprehension"], 1)
    counts = freeze(sealed(tmp_path, pairs), 10, names)
    assert counts == {"complex_open_domain_qa": 2, "open_domain_qa": 1, "reading_comprehension": 1}
    assert {row["id"][-1] for row in lines(tmp_path / "complex_open_domain_qa.jsonl")} == {"2", "3"}
    assert {row["skill"] for row in lines(tmp_path / "complex_open_domain_qa.jsonl")} == {
        "complex_open_domain_qa"
    }


def test_a_set_that_falls_short_is_named_and_every_file_is_hashed(tmp_path: Path) -> None:
    pairs = [pair(number, skill="fermi") for number in range(3)]
    pairs += [pair(number, skill="coding") for number in range(10, 12)]
    counts = freeze(sealed(tmp_path, pairs), 3, ["brain_teaser", "coding", "fermi"])
    manifest = read_manifest(tmp_path)
    assert manifest["wanted"] == 3
    assert manifest["items"] == counts == {"brain_teaser": 0, "coding": 2, "fermi": 3}
    assert manifest["shortfalls"] == shortfalls(counts, 3) == {"brain_teaser": "0 of 3", "coding": "2 of 3"}
    files = {file["name"]: file["sha256"] for file in manifest["files"]}
    assert files == {name: sha256(tmp_path / name) for name in ("coding.jsonl", "fermi.jsonl")}
    (tmp_path / "fermi.jsonl").write_text((tmp_path / "fermi.jsonl").read_text().replace("0", "1"))
    with pytest.raises(BadInput, match=r"fermi\.jsonl"):
        orca_bench.load(tmp_path)


def test_the_benchmark_of_a_run_names_the_sets_that_its_documents_do_not_fill(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    narrow = {"transform": ["identity"], "entries": ["addition"]}
    generate(recipe(out, skills={"open_domain_qa": narrow}, limit=6, refine_rounds=1))
    build_orca_bench(out, 50, None)
    manifest = read_manifest(out / "orca_bench")
    assert set(manifest["items"]) == {"open_domain_qa", "complex_open_domain_qa"}
    plain = manifest["items"]["open_domain_qa"]
    assert 0 < plain < 50
    assert f"open_domain_qa {plain} of 50" in capsys.readouterr().out
    asked = lines(out / "orca_bench/open_domain_qa.jsonl")
    assert len({row["id"] for row in asked}) == len(asked) == plain


def test_each_reply_of_a_conversation_is_asked_for_on_the_teachers_history(tmp_path: Path) -> None:
    talk = a_talk(1, "Hello?", "Good day.", "A boat?", "Booked.", "And the fee?", "5.")
    spoken = a_talk(2, "Book Al.", "book(Al)", "Done.", "The answer is Al.", skill="tool_use")
    spoken |= {"messages": [SYSTEM, *spoken["messages"]], "answer": "Al", "match": "text"}
    opened = a_talk(3, "How are you?", "Well.")
    opened["messages"] = [{"role": "assistant", "content": "Welcome!"}, *opened["messages"]]
    counts = freeze(sealed(tmp_path, [talk, spoken, opened]), 5, ["conversation", "tool_use"])
    assert counts == {"conversation": 2, "tool_use": 1}  # items, however many turns
    asked = [row for row in lines(tmp_path / "conversation.jsonl") if row["id"] == talk["id"]]
    assert [(row["turn"], row["turns"]) for row in asked] == [(1, 3), (2, 3), (3, 3)]
    for row in asked:
        place = 2 * row["turn"] - 1
        assert row["messages"] == talk["messages"][:place]
        assert row["reference"] == talk["messages"][place]["content"]
    called, answered = lines(tmp_path / "tool_use.jsonl")
    assert called["messages"] == [SYSTEM, *turns("Book Al.")]
    assert (called["match"], called["answer"]) == ("judge", None)
    assert (answered["match"], answered["answer"], answered["reference"]) == (
        "text",
        "Al",
        "The answer is Al.",
    )
    [greeted] = [row for row in lines(tmp_path / "conversation.jsonl") if row["id"] == opened["id"]]
    assert greeted["turns"] == 1 and greeted["messages"] == opened["messages"][:2]


def test_turns_are_loaded_as_items_of_one_conversation(tmp_path: Path) -> None:
    spoken = a_talk(2, "Book Al.", "book(Al)", "Done.", "The answer is Al.", skill="tool_use")
    spoken |= {"answer": "Al", "match": "text"}
    freeze(sealed(tmp_path, [spoken, pair(3, skill="fermi")]), 5, ["tool_use", "fermi"])
    items, files = orca_bench.load(tmp_path)
    assert files.keys() == {"orca_bench/fermi.jsonl", "orca_bench/tool_use.jsonl"}
    single, called, answered = items
    assert (single.task, single.id, single.whole, single.turn_of) == (
        "orca_bench_fermi",
        f"{3:032x}",
        f"{3:032x}",
        "",
    )
    assert (called.task, called.kind, called.gold) == ("orca_bench_tool_use_judged", "judge", "book(Al)")
    assert (answered.task, answered.kind, answered.gold) == ("orca_bench_tool_use", "text", "Al")
    assert called.whole == answered.whole == spoken["id"] and called.id != answered.id
    assert called.cluster == answered.cluster == spoken["document"]


def a_turn(talk: str, turn: int, task: str = "orca_bench_talk_judged") -> Item:
    return Item(task, f"{talk}#{turn}", talk, ({"role": "user", "content": "?"},), "!", "judge", turn_of=talk)


def a_row(item: Item, student: float | None, teacher: float = 8, **values: Any) -> dict[str, Any]:
    judged = {} if student is None else {"teacher_score": teacher}
    status = "scored" if student else "not_measured" if student is None else "no_answer"
    tokens = {"prompt_tokens": 10, "new_tokens": 2, "finish_reason": "stop"}
    return {
        "task": item.task, "id": item.id, "cluster": item.cluster, "score": student, "status": status,
        **tokens, **judged, **values,
    }  # fmt: skip


def test_a_long_conversation_weighs_no_more_than_a_short_one() -> None:
    long, brief = [a_turn("long", turn) for turn in range(1, 10)], [a_turn("brief", 1), a_turn("brief", 2)]
    rows = [a_row(item, 8) for item in long] + [a_row(item, 2) for item in brief]
    found = orca_bench.whole([*long, *brief], rows)
    assert [(row["id"], row["score"], row["teacher_score"], len(row["turns"])) for row in found] == [
        ("long", 8, 8, 9),
        ("brief", 2, 8, 2),
    ]
    assert found[0]["new_tokens"] == 18
    scored = score(found)
    assert scored is not None and scored.n == 2
    assert scored.value == pytest.approx(10 * (8 + 2) / 16)  # not 10 * 76 / 88
    assert summary(found)["n"] == 2


def test_a_conversation_of_equal_turns_is_one_observation_not_many() -> None:
    def interval(of: int) -> float:
        items = [a_turn(f"talk{number}", turn) for number in range(12) for turn in range(1, of + 1)]
        rows = [a_row(item, 8 if int(item.whole[4:]) % 2 else 2) for item in items]
        scored = score(orca_bench.whole(items, rows))
        assert scored is not None and scored.n == 12
        return scored.interval[1] - scored.interval[0]

    assert interval(of=20) == pytest.approx(interval(of=1))


def test_a_conversation_is_measured_if_all_its_turns_are() -> None:
    items = [a_turn("talk", turn) for turn in (1, 2)]
    for students, status, mean in (
        ((6, None), "not_measured", None),
        ((6, 0), "scored", 3),
        ((0, 0), "no_answer", 0),
    ):
        [row] = orca_bench.whole(
            items, [a_row(item, each) for item, each in zip(items, students, strict=True)]
        )
        assert (row["status"], row["score"]) == (status, mean), students


def test_a_limit_counts_conversations_and_takes_them_whole() -> None:
    items = [a_turn(f"talk{number}", turn) for number in range(8) for turn in (1, 2, 3)]
    few, more = spread(items, 3), spread(items, 5)
    assert len(few) == 9 and len(more) == 15
    assert {item.whole for item in few} < {item.whole for item in more}
    assert spread(items, 8) == items


def test_a_frozen_conversation_is_answered_turn_by_turn_and_judged_as_one_item(tmp_path: Path) -> None:
    pytest.importorskip("lm_eval", reason="lm-eval is not installed: pip install genteach[evaluate]")
    from .test_evaluate_endpoint import run, serving, student_and_judge

    pairs = [
        a_talk(1, "a good one", "a good reply", "a bad one", "a good reply"),
        a_talk(2, "a good thing", "a good reply"),
        a_talk(
            3, "Call it.", "a good call", "The answer is 5.", "The answer is 5.", answer="5", match="number"
        ),
    ]
    freeze(sealed(tmp_path / "bench", pairs), 5, ["conversation"])
    with serving(student_and_judge) as url:
        found, rows = run(
            tmp_path / "bench", url, tmp_path / "out", judge={"url": url, "model": "some-model"}
        )
    by_name = {(row["task"], row["id"][-1]): row for row in rows}
    assert len(rows) == 4
    first = by_name["orca_bench_conversation_judged", "1"]
    assert [turn["score"] for turn in first["turns"]] == [8, 4]
    assert (first["score"], first["teacher_score"]) == (6, 8)
    assert first["turns"][1]["prompt"] == "a good one\n\na good reply\n\na bad one"  # the teacher's reply
    assert by_name["orca_bench_conversation_judged", "3"]["score"] == 4
    assert by_name["orca_bench_conversation", "3"]["score"] == 1
    judged, exact = (found["tasks"][name] for name in ("orca_bench_judged", "orca_bench"))
    assert (judged["n"], exact["n"]) == (3, 1)
    assert judged["score"] == pytest.approx(10 * (6 + 8 + 4) / 24)
    assert set(by_task(rows)) == {"orca_bench_conversation", "orca_bench_conversation_judged"}
    kept = [json.loads(line)["id"] for line in (tmp_path / "out/replies.jsonl").read_text().splitlines()]
    assert len([name for name in kept if ":" not in name]) == 5  # a reply for each of the user's turns
