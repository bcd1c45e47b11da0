"""A label is one of the set that the task defines, and what is quoted for it stands in the text."""

from __future__ import annotations

import asyncio
import re
from random import Random
from typing import Any

import pytest
from genteach.generate.flow import Entry, Verifier
from genteach.generate.record import Record, Step
from genteach.generate.reply import Declined
from genteach.generate.seeds import Seed
from genteach.generate.skills import load
from genteach.generate.skills.offline import text_classification as rules
from genteach.generate.verifiers import cited, excerpt_of, labelled
from genteach.generate.verifiers.labels import label_set

SKILL = load("text_classification")
TEXT = (
    "The review found that sleep and memory often go together, but it could not say which brings about which."
)
LABELS = (
    "causal: one thing brings about another\ncorrelational: two things go together\nnone: neither is said"
)
SEED = Seed("0" * 32, TEXT, "text", "doc", (0, len(TEXT)), "test", "CC0-1.0")


def finished(**fields: str) -> Record:
    """A classified text, with some of its fields otherwise."""
    reply = 'It says that they "often go together". The answer is correlational.'
    item = {"instruction": "Sort this.", "labels": LABELS, "text": TEXT, "answer": "correlational"}
    written = item | {"evidence": "often go together", "response": reply} | fields
    return Record.begin("text_classification", SEED).with_fields(written).at("causal_claim")


def reason(verify: Verifier, record: Record) -> str | None:
    """Why a verifier turns the record down, if it does."""
    entry: Entry = SKILL.entry(record.entry)
    verdict = asyncio.run(verify(record, entry, None))  # type: ignore[arg-type]
    assert verdict is None or verdict.accepted or verdict.detail
    return None if verdict is None or verdict.accepted else verdict.reason


def test_a_label_set_is_read_with_its_definitions() -> None:
    assert label_set("- Fact: it is so\n\nphysics > optics: light") == {
        "fact": "it is so",
        "physics > optics": "light",
    }


@pytest.mark.parametrize("lines", ["a: x", "a: x\nb", "a: x\nb:", "a: x\nA: y", "a, b: x\nc: y", ""])
def test_what_is_no_label_set_is_turned_down(lines: str) -> None:
    assert label_set(lines) is None
    assert reason(labelled, finished(labels=lines)) == "labels_unreadable"


def test_only_labels_of_the_set_are_let_through() -> None:
    assert reason(labelled, finished()) is None
    assert reason(labelled, finished(answer="Correlational, none")) is None
    assert reason(labelled, finished(answer="both")) == "label_not_in_set"
    assert reason(labelled, finished(response="The answer is correlation.")) == "label_not_in_set"
    assert reason(labelled, finished(response="The answer is causal, cause.")) == "label_not_in_set"
    assert reason(labelled, finished(response="They go together.")) == "no_final_answer"


def test_a_label_in_json_is_the_value_of_its_key() -> None:
    assert reason(labelled, finished(form="json", response='{"answer": "causal"}')) is None
    assert reason(labelled, finished(form="json", response='{"answer": "caused"}')) == "label_not_in_set"


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ('It says "could not say which".', False),
        ("It says “sleep and memory … go together”.", False),
        ('By "two things go together" it is that.', False),  # the definition
        ('Not "cause and effect" but this.', True),
        ('It says "sleep and memory always go together".', True),
        ('The word "always" is missing.', False),  # a word is a term, no quotation
    ],
)
def test_what_a_reply_puts_in_quotation_marks_stands_in_the_text_or_the_task(said: str, wrong: bool) -> None:
    record = finished(response=f"{said} The answer is correlational.")
    assert reason(cited, record) == ("quote_not_in_text" if wrong else None)


def test_json_is_not_read_as_quotations() -> None:
    assert (
        reason(cited, finished(form="json", response='{"answer": "causal", "why": "so it must be"}')) is None
    )


def test_deciding_words_that_are_nowhere_reject_the_item() -> None:
    assert reason(excerpt_of("text", "evidence"), finished(evidence="always go together")) == "text_not_found"


class Items:
    """A context whose teacher writes items with these labels."""

    def __init__(self, *labels: str) -> None:
        self.labels, self.rejected = labels, []

    async def ask(self, agent: Any, record: Record) -> list[Record]:
        return [
            record.with_fields({"answer": label}, Step(agent.name, "", str(n)))
            for n, label in enumerate(self.labels)
        ]

    def reject(self, record: Record, step: str, reason: str, detail: str = "") -> None:
        self.rejected.append((record.fields["answer"], step, reason))


def test_an_author_s_items_all_have_another_label() -> None:
    ctx, author = Items("causal", "none", "Causal"), SKILL.entry("causal_claim").agent
    items = asyncio.run(author(finished(), ctx))  # type: ignore[arg-type]
    assert [item.fields["answer"] for item in items] == ["causal", "none"]
    assert ctx.rejected == [("Causal", "causal_claim", "label_repeated")]


def real_passages() -> list[str]:
    from pydoc_data.topics import topics

    return [topics[name][:3000] for name in sorted(topics)]


@pytest.mark.parametrize("entry", [name for name, _, _ in rules.SETS])
def test_the_rules_label_by_a_word_of_one_definition_alone(entry: str) -> None:
    given = set()
    for passage in real_passages():
        try:
            items = rules.RULES[entry]({"passage": passage}, Random(1))
        except Declined:
            continue
        assert isinstance(items, list) and len({item["answer"] for item in items}) == len(items)
        for item in items:
            definitions = dict(line.split(": ", 1) for line in item["labels"].splitlines())
            words = {
                label: re.split(" or ", defined.removeprefix("the sentence has "))
                for label, defined in definitions.items()
            }
            text = f" {re.sub(r'[^a-z0-9_’]+', ' ', item['text'].lower())} "
            fitting = {label for label, cues in words.items() for cue in cues if f" {cue} " in text}
            assert fitting == {item["answer"]}
            assert rules.classify(item, Random(1)).endswith(f"The answer is {item['answer']}.")
            given.add(item["answer"])
    assert len(given) >= 2
