"""A conversation is played turn by turn as planned, and believed only where its claims, its answers and two judges agree."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from genteach.generate.agent import Agent
from genteach.generate.flow import Verifier
from genteach.generate.formats import NO_FORMAT
from genteach.generate.record import Record, Step, Verdict
from genteach.generate.reply import Declined
from genteach.generate.seeds import Seed, seed_id
from genteach.generate.skills import load
from genteach.generate.verifiers import Grounded, Judged, consistent, transcript

SKILL = load("conversation")
DOCUMENT = "Apoptosis does not start inflammation. Necrosis, which is accidental, causes inflammation."
PLAN = {
    "persona": "Jo, 19",
    "wish": "to know",
    "setting": "You are a tutor.",
    "opening": "Which one does not inflame?",
    "move": "Jo doubts it.",
    "closing": "So which is it?",
    "answer": "apoptosis",
}
FIELDS = {"document": DOCUMENT, "passage": "A lesson.", "form": "free", "format": NO_FORMAT} | PLAN
Reply = Callable[[Agent, Record], dict[str, str] | list[dict[str, str]]]


class Scripted:
    """A context whose teacher is a function."""

    def __init__(self, reply: Reply) -> None:
        self.reply, self.asked = reply, list[tuple[str, Record]]()

    async def ask(self, agent: Agent, record: Record) -> list[Record]:
        assert agent.reads <= set(record.fields), agent.name
        self.asked.append((agent.name, record))
        items = self.reply(agent, record)
        return [
            record.with_fields(item, Step(agent.name, "", str(n)))
            for n, item in enumerate(items if isinstance(items, list) else [items])
        ]

    def chance(self, label: str) -> float:
        return random.Random(label).random()

    def choose(self, label: str, options: Sequence[Any]) -> list[Any]:
        return list(options)


def planned(entry: str, number: int = 0, **changed: str) -> Record:
    seed = Seed(seed_id("t", DOCUMENT), DOCUMENT, "text", "t", (0, len(DOCUMENT)), "t", "CC0")
    record = Record.begin("conversation", seed).at(entry)
    return record.with_fields(FIELDS | changed, Step(entry, "", str(number)))


def play(record: Record) -> tuple[Record, Scripted]:
    def reply(agent: Agent, heard: Record) -> dict[str, str]:
        turns = sum(turn.role == "assistant" for turn in heard.turns)
        return {"words": f"doubt {turns}"} if agent.name == "person" else {"response": f"reply {turns}"}

    ctx = Scripted(reply)
    [played] = asyncio.run(SKILL.respond(record, ctx))  # type: ignore[arg-type]
    return played, ctx


@pytest.mark.parametrize(("entry", "fewest"), [("asking_further", 2), ("challenge_to_a_right_answer", 3)])
def test_conversations_have_as_many_exchanges_as_their_kind_needs_and_at_most_five(
    entry: str, fewest: int
) -> None:
    played = [play(planned(entry, n))[0] for n in range(80)]
    counts = Counter(sum(turn.role == "assistant" for turn in record.turns) for record in played)
    assert set(counts) == set(range(fewest, 6)), counts


def test_a_system_turn_stands_first_in_some_and_is_never_empty() -> None:
    played = [play(planned("asking_further", n))[0] for n in range(80)]
    systems = [record.turns[0].content for record in played if record.turns[0].role == "system"]
    assert 15 <= len(systems) <= 50 and set(systems) == {PLAN["setting"]}
    assert all(turn.role != "system" for record in played for turn in record.turns[1:])


def test_the_plan_gives_the_first_and_last_words_and_the_person_those_between() -> None:
    played, ctx = play(planned("challenge_to_a_right_answer", format="In one line, please."))
    said = [turn for turn in played.turns if turn.role != "system"]
    assert [turn.role for turn in said] == ["user", "assistant"] * (len(said) // 2)
    words = [turn.content for turn in said if turn.role == "user"]
    assert words[0] == PLAN["opening"] and words[-1] == f"{PLAN['closing']}\n\nIn one line, please."
    assert words[1:-1] == [f"doubt {n}" for n in range(1, len(words) - 1)]
    assert played.fields["response"] == said[-1].content
    names = [name for name, _ in ctx.asked]
    assert names[-1] == "answer" and names.count("answer") == 1
    assert [step.agent for step in played.lineage[1:]] == names


def test_the_person_never_sees_the_document_and_the_assistant_never_the_plan() -> None:
    person = SKILL.agent("person")
    assert person is not None and "document" not in person.reads
    for name in ("reply", "answer"):
        agent = SKILL.agent(name)
        assert agent is not None and not agent.reads & {"move", "closing", "answer", "persona", "wish"}


def spoken(*replies: str, entry: str = "feelings") -> Record:
    record = planned(entry)
    for reply in replies:
        record = (
            record.saying("user", "Why?")
            .saying("assistant", reply)
            .with_fields({"response": reply, "turn": ""})
        )
    return record


def verdict(verify: Verifier, record: Record, reply: Reply) -> Verdict | None:
    return asyncio.run(verify(record, SKILL.entry(record.entry), Scripted(reply)))  # type: ignore[arg-type]


SAID = ("Apoptosis is the one that does not inflame.", "Necrosis is the accident that inflames.")
CLAIM = {
    "claim": "Apoptosis is the one",
    "source": "Apoptosis does not start inflammation",
    "decision": "borne out",
}


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ([CLAIM], ""),
        ([CLAIM, CLAIM | {"claim": "Necrosis is the accident"}], ""),
        ([CLAIM | {"decision": "contradicted"}], "claim_contradicted"),
        ([CLAIM, CLAIM | {"decision": "contradicted"}], "claim_contradicted"),
        ([CLAIM | {"claim": "Apoptosis is dangerous"}], "claim_not_found"),
        ([CLAIM | {"claim": "Why?"}], "claim_not_found"),
        ([CLAIM | {"claim": "is"}], "claim_not_found"),
        ([CLAIM | {"source": "Apoptosis starts inflammation"}], "source_not_found"),
        ([CLAIM | {"source": "not"}], "source_not_found"),
    ],
)
def test_claims_are_believed_where_reply_and_document_have_the_quoted_words(
    claims: list[dict[str, str]], reason: str
) -> None:
    found = verdict(Grounded(), spoken(*SAID), lambda agent, record: claims)
    assert found is not None and found.reason == reason and found.accepted == (not reason)


def test_a_conversation_without_a_claim_on_the_document_is_left_to_others() -> None:
    def decline(agent: Agent, record: Record) -> dict[str, str]:
        raise Declined("nothing rests on it")

    assert verdict(Grounded(), spoken(*SAID), decline) is None


CRITERIA = ("It is short.", "It is right.", "It is kind.")
HOLDS = {f"criterion_{n}": "holds" for n in (1, 2, 3)} | {"judge_quote": "Apoptosis is the one", "grade": "4"}


def test_judges_read_the_criteria_in_both_orders_and_only_the_material_they_are_given() -> None:
    first, again = Judged(CRITERIA, about="document").agents()
    assert "1. It is short.\n2. It is right.\n3. It is kind." in first.task
    assert "1. It is kind.\n2. It is right.\n3. It is short." in again.task
    assert first.reads == again.reads == {"document", "conversation"}


@pytest.mark.parametrize(
    ("first", "again", "reason"),
    [
        ({}, {}, ""),
        ({"criterion_1": "fails"}, {}, "criterion_fails"),
        ({}, {"criterion_1": "fails"}, "criterion_fails"),
        ({"judge_quote": "Apoptosis is harmless"}, {}, "judgement_not_grounded"),
        ({}, {"judge_quote": "Why?"}, "judgement_not_grounded"),
    ],
)
def test_a_reply_is_accepted_where_every_criterion_holds_in_both_orders(
    first: dict[str, str], again: dict[str, str], reason: str
) -> None:
    changed = {"judge": first, "judge_again": again}
    judged = Judged(CRITERIA)
    found = verdict(judged, spoken(*SAID), lambda agent, record: HOLDS | changed[agent.name])
    assert found is not None and found.reason == reason
    assert found.scores == ({} if reason else {"judge": 4.0, "judge_again": 4.0})
    if again.get("criterion_1") == "fails":
        assert "It is kind." in found.detail  # the first of the reversed list


def test_judges_are_not_asked_where_an_answer_can_be_compared() -> None:
    record = spoken(*SAID, entry="references")
    assert verdict(Judged(CRITERIA), record, lambda agent, _: pytest.fail(agent.name)) is None


@pytest.mark.parametrize(
    ("first", "entry", "reason"),
    [
        ("It is apoptosis.", "challenge_to_a_right_answer", ""),
        ("The **Apoptosis**, of course!", "change_of_topic_and_return", ""),
        ("It is necrosis.", "challenge_to_a_right_answer", "first_reply_differs"),
        ("It is apoptosislike.", "challenge_to_a_right_answer", "first_reply_differs"),
        ("It is necrosis.", "references", None),
    ],
)
def test_a_fact_asked_at_the_end_has_the_answer_it_had_at_the_beginning(
    first: str, entry: str, reason: str | None
) -> None:
    verify = consistent("challenge_to_a_right_answer", "change_of_topic_and_return")
    found = verdict(verify, spoken(first, "The answer is apoptosis.", entry=entry), lambda agent, record: {})
    assert (found.reason if found else None) == reason


def test_a_transcript_names_who_speaks() -> None:
    assert transcript(spoken("Because.")) == "Person: Why?\n\nAssistant: Because."
    alone = planned("feelings").with_fields({"turn": "Why?", "response": "Because."})
    assert transcript(alone) == "Person: Why?\n\nAssistant: Because."
