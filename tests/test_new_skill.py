"""`genteach new-skill`: a teacher's draft is data, whatever it says; it is checked, sent back once, rendered and tried."""

from __future__ import annotations

import ast
import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import pytest
from genteach.generate.author.check import faults
from genteach.generate.author.command import new_skill
from genteach.generate.author.draft import Invalid, read, validate
from genteach.generate.author.render import render
from genteach.generate.flow import Skill
from genteach.generate.reply import form
from genteach.generate.seeds import Corpus, corpus_from
from genteach.generate.skills import load_file
from genteach.generate.teacher import TeacherSettings
from genteach.generate.teacher.fake import Call, FakeTeacher
from genteach.run import BadInput, Failure

from .drafts import draft

HOSTILE = (
    '"""\n\'\'\'\n") + __import__("os").system("touch PWNED") + ("\n\\" # {1/0} $document ${x} $$ %s \x00\x1b[2J\u202e'
    "\n# -*- coding: rot13 -*-\n</item> \\N{BULLET} "
)


def skill_of(drafted: dict[str, Any], folder: Path) -> Skill:
    path = folder / "drafted.py"
    path.write_text(render(validate(drafted)), encoding="utf-8")
    return load_file(path)


@pytest.mark.parametrize("sees", ["passage_and_instruction", "instruction"])
@pytest.mark.parametrize("verifiers", [["quoted", "agreed", "reviewed"], ["computed", "voted", "reviewed"]])
def test_a_sound_draft_becomes_a_sound_skill(sees: str, verifiers: list[str], tmp_path: Path) -> None:
    drafted = draft(student_sees=sees, verifiers=verifiers)
    skill = skill_of(drafted, tmp_path)
    assert not faults(skill)
    assert skill.name == drafted["name"] and skill.summary == drafted["summary"]
    assert [step.name for step in skill.transform] == [
        "identity",
        *(x["name"] for x in drafted["transformations"]),
    ]
    assert [(entry.name, entry.definition, entry.match) for entry in skill.instruct] == [
        (entry["name"], entry["definition"], entry["match"]) for entry in drafted["entries"]
    ]
    assert skill.instruct[3].after == {"lecture_passage", "identity"}
    assert len(skill.verify) == 1 + len(verifiers)
    assert ("$passage" in skill.turn) == (sees == "passage_and_instruction")


def test_the_text_of_a_hostile_draft_is_text_and_nothing_else(tmp_path: Path) -> None:
    pwned = tmp_path / "pwned"
    benign, hostile = draft(), _poisoned(draft(), HOSTILE.replace("PWNED", str(pwned)))
    skill = skill_of(hostile, tmp_path)
    assert not pwned.exists()
    assert _shape(render(validate(hostile))) == _shape(render(validate(benign)))
    assert skill.instruct[0].definition == hostile["entries"][0]["definition"]
    for agent in skill.agents():
        fields = {name: f"«{name}»" for name in agent.reads}
        assert agent.messages(fields, "0" * 12, guided=False)
        assert "x" not in agent.reads and ("document" not in agent.reads or agent.about == "document"), (
            agent.name
        )
    prompt = skill.instruct[0].agent.messages(
        dict.fromkeys(skill.instruct[0].agent.reads, "«»"), "0" * 12, False
    )  # type: ignore[attr-defined]
    assert hostile["entries"][0]["definition"] in prompt[-1]["content"]


def _poisoned(value: Any, evil: str, key: str = "") -> Any:
    """The draft with the hostile text at the end of everything that is prose."""
    if isinstance(value, dict):
        return {name: _poisoned(each, evil, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_poisoned(each, evil, key) for each in value]
    closed = {"name", "kinds", "match", "after", "goal", "entries", "student_sees", "forms", "verifiers"}
    return value if key in closed else f"{value} {evil}.".strip()


def _shape(source: str) -> str:
    """The syntax of a program without its strings."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"name": "../../etc/passwd"}, "name: String should match pattern"),
        ({"name": "x'); import os; ('"}, "name: String should match pattern"),
        ({"name": "fermi"}, "there is a skill 'fermi' already"),
        ({"summary": "\ud800 a lone surrogate"}, "summary: "),
        ({"summary": ["a list"]}, "summary: Input should be a valid string"),
        ({"entries": []}, "entries: Tuple should have at least 7 items"),
        ({"transformations": []}, "transformations: Tuple should have at least 4 items"),
        ({"forms": ["free", "json", "song"]}, "forms: song is none of "),
        ({"verifiers": ["trust_me"]}, "verifiers.0: Input should be "),
        ({"verifiers": ["quoted", "agreed"]}, "nobody judges the answers of find_the_claim"),
        ({"verifiers": ["quoted", "reviewed"]}, "nobody compares the answers"),
        ({"code": "print(1)"}, "code: Extra inputs are not permitted"),
        ({"writer": "Me"}, "writer: String should have at least 8 characters"),
    ],
)  # fmt: skip
def test_a_wrong_draft_is_named_by_its_field(changes: dict[str, Any], fault: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(json.dumps(draft(**changes)))
    assert any(fault in found for found in caught.value.faults), caught.value.faults


@pytest.mark.parametrize(
    "reply", ["{}", "", "no", "[]", "{" * 9999, json.dumps(draft())[:-20], "<think>hm", '"text"']
)
def test_what_is_no_draft_is_invalid(reply: str) -> None:
    with pytest.raises(Invalid):
        read(reply)


def test_a_draft_may_be_fenced_and_talked_about() -> None:
    reply = (
        f"<think>Let me see. {{}}</think>\nHere is the skill:\n```json\n{json.dumps(draft())}\n```\nEnjoy!"
    )
    assert read(reply) == validate(draft())


# --- from the specification to pairs ---

ITEMS = form(question="q", evidence="e", answer="a")


def _answers(drafts: Iterator[str], asked: list[Call]) -> Any:
    """A teacher that gives these drafts, and plays every agent of the skill that they describe."""

    def answer(call: Call) -> str:
        if call.is_canary:
            return "yes"
        asked.append(call)
        if call.agent == "draft":
            return next(drafts)
        if call.agent.startswith(("find_the_", "edit_")):
            quote = call.fields["passage"].splitlines()[0][:60].strip()
            return ITEMS.write([{"question": "Which words begin it?", "evidence": quote, "answer": quote}])
        if call.agent.endswith("_passage"):
            return f"<item><passage>{call.fields['document'][:900].strip()}</passage></item>"
        if call.agent == "answer":
            quote = call.fields["passage"].splitlines()[0][:60].strip()
            return f"It begins so. The answer is {quote}."
        return "<unsuitable>not here</unsuitable>"

    return answer


def _run(drafts: list[str], out: Path, corpus: Corpus | None = None) -> list[Call]:
    asked: list[Call] = []

    async def run() -> None:
        async with FakeTeacher(_answers(iter(drafts), asked), "scripted").serve() as url:
            settings = TeacherSettings(url=url)
            await asyncio.to_thread(new_skill, "Find explanations.", settings, out, corpus, 2)

    asyncio.run(run())
    return asked


def _documents(folder: Path) -> Corpus:
    path = folder / "documents.jsonl"
    texts = [topics[name][:2900] for name in ("formatstrings", "specialnames", "execmodel")]
    path.write_text("".join(json.dumps({"id": f"d{n}", "text": text}) + "\n" for n, text in enumerate(texts)))
    return corpus_from(str(path))


def test_a_specification_becomes_a_file_that_is_tried_on_seeds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = _run([json.dumps(draft())], tmp_path / "out", _documents(tmp_path))
    said = capsys.readouterr().out
    assert load_file(tmp_path / "out/explanation.py").name == "explanation"
    assert "explanation.py: 5 transformations, 8 entries, no fault found" in said
    assert "verified by quoted_evidence, agreed_answer" in said and "explanation: " in said
    [draft_call] = [call for call in asked if call.agent == "draft"]
    prompt = draft_call.body["messages"][-1]["content"]
    assert "Find explanations." in prompt and '"definition"' in prompt and "$schema" not in prompt


def test_a_wrong_draft_goes_back_once_with_its_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alike = draft()
    alike["entries"][1]["definition"] = alike["entries"][0]["definition"]
    asked = _run([json.dumps(alike), json.dumps(draft())], tmp_path)
    assert [call.agent for call in asked] == ["draft", "draft"]
    last = asked[1].body["messages"]
    assert last[-2] == {"role": "assistant", "content": json.dumps(alike)}
    assert "- entries find_the_claim and find_the_reason: their definitions share most" in last[-1]["content"]
    assert (tmp_path / "explanation.py").is_file() and "The draft goes back: " in capsys.readouterr().out


def test_a_draft_that_stays_wrong_leaves_no_file(tmp_path: Path) -> None:
    wrong = json.dumps(draft(entries=[]))
    with pytest.raises(Failure, match="stays wrong: entries: Tuple should have at least 7"):
        _run([wrong, wrong], tmp_path)
    assert not list(tmp_path.glob("*.py"))


def test_a_teacher_of_rules_cannot_draft(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="its rules cannot draft"):
        new_skill("Find explanations.", TeacherSettings.parse("offline"), tmp_path, None, 1)
