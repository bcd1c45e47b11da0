"""What the rules ask has one right answer, and the answer that they give is the right one: checked by other means."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest
from genteach.generate.reply import Declined
from genteach.generate.skills import load
from genteach.generate.skills.offline import _prose
from genteach.generate.skills.offline import open_domain_qa as problems
from genteach.generate.skills.offline import reading_comprehension as reading
from genteach.generate.skills.offline import text_modification as editing
from genteach.generate.tools.answers import arithmetic, equations, final_answer
from genteach.generate.verifiers import NOT_STATED

PASSAGE = """# Body fluids

A lymph node is one of the small, bean-shaped organs of the lymphatic system. In humans, 20 liters of plasma
are released each day. Of this, 17 liters are slowly reabsorbed by the vessels.

- The remaining fluid drains into the lymphatic vessels, which carry it back to the bloodstream.

Dr. Osler described the external swelling of the nodes. Swelling that lasts is called lymphedema.
Some 80 percent of it is water."""


def real_passages() -> list[str]:
    from pydoc_data.topics import topics

    cut = [topics[name][start : start + 700] for name in sorted(topics)[::4] for start in (300, 2000)]
    return [text for text in cut if len(text) == 700]


def ask(rules: dict[str, Any], agent: str, seed: int = 0, /, **fields: str) -> Any:
    return rules[agent](fields, Random(seed))


def items(rules: dict[str, Any], agent: str) -> list[tuple[str, dict[str, str]]]:
    """Everything that the rule of an entry writes about the passages of this file, with the passage."""
    found = []
    for number, passage in enumerate([PASSAGE, *real_passages()]):
        try:
            found += [(passage, item) for item in ask(rules, agent, number, passage=passage)]
        except Declined:
            continue
    assert found, agent
    return found


def test_sentences_are_those_that_can_be_shown_alone() -> None:
    text = "# Title\n\nHe saw Dr. Smith in the U.S. Navy.\nAll was well there. See (a) below.\n\nx = (1 +\n\nToo short."
    assert _prose.sentences(text) == ["He saw Dr. Smith in the U.S. Navy."]
    assert _prose.sentences(PASSAGE)[0].startswith("A lymph node is")
    assert len(_prose.sentences(PASSAGE)) == 7


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (
            reading.DEFINED.format("is", "a lymph node"),
            "one of the small, bean-shaped organs of the lymphatic system",
        ),
        (reading.GAP.format("Osler described the external", "of the nodes"), "swelling"),
        (reading.GAP.format("Osler described the internal", "of the nodes"), NOT_STATED),
        (reading.COUNT.format("lymphatic"), "2"),
        ("Which percentage does the passage give?", "80 percent"),
    ],
)
def test_a_question_is_answered_from_the_passage_alone(question: str, answer: str) -> None:
    assert final_answer(ask(reading.RULES, "answer", passage=PASSAGE, question=question)) == answer


def test_a_fact_is_asked_for_only_where_it_is_told_by_its_kind() -> None:
    with pytest.raises(Declined):
        ask(reading.RULES, "literal_comprehension", passage="Return the list of names, sorted by length.")
    [item] = ask(reading.RULES, "literal_comprehension", passage="It may well raise KeyError for names.")
    assert item["answer"] == "KeyError"


@pytest.mark.parametrize(
    ("rules", "agent", "fields"),
    [
        (reading.RULES, "answer", {"passage": PASSAGE, "question": "Why do nodes swell?"}),
        (reading.RULES, "answer", {"passage": PASSAGE, "question": reading.GAP.format("Dr. Osler", "the")}),
        (problems.RULES, "answer", {"question": "What is a spleen?"}),
        (problems.RULES, "answer", {"question": "What is 5 times 3, and 2 more?"}),
        (
            editing.RULES,
            "edit",
            {"text": "It drains.", "instruction": "Write the word flows in capital letters."},
        ),
        (editing.RULES, "edit", {"text": "It drains.", "instruction": "Translate the word drains."}),
    ],
)
def test_a_question_of_another_author_is_declined(
    rules: dict[str, Any], agent: str, fields: dict[str, str]
) -> None:
    with pytest.raises(Declined):
        ask(rules, agent, **fields)


def test_a_gap_is_filled_by_one_word_of_the_passage_only() -> None:
    for passage, item in items(reading.RULES, "vocabulary_and_language_use"):
        line = " ".join(passage.split())
        shown = item["question"].split("? ", 1)[1]
        fitting = {
            word for word in re.findall(r"\w+", line) if shown.replace("___", word).lower() in line.lower()
        }
        assert item["answer"] in fitting
        assert {word.lower() for word in fitting} == {item["answer"].lower()}


def test_a_thing_is_the_only_one_of_its_kind() -> None:
    for passage, item in items(reading.RULES, "literal_comprehension"):
        assert item["answer"] in " ".join(passage.split()) or "-" in item["answer"]
        if pattern := reading.THINGS.get(item["question"]):
            assert {found[0] for found in re.finditer(pattern, passage)} == {item["answer"]}


def test_a_count_is_the_number_of_occurrences() -> None:
    for passage, item in items(reading.RULES, "numerical_discrete_reasoning"):
        counted = re.search(r'the word "(\w+)"', item["question"])
        words = [word.lower() for word in re.findall(r"[\w'’-]+", passage)]
        assert counted and words.count(counted[1]) == int(item["answer"])


def test_an_unanswerable_child_has_lost_its_sentence_and_nothing_else() -> None:
    question = reading.GAP.format("Osler described the external", "of the nodes")
    evidence = "Osler described the external swelling of the nodes"
    edited = ask(
        reading.RULES,
        "edit_unanswerable",
        passage=PASSAGE,
        question=question,
        answer="swelling",
        evidence=evidence,
    )
    assert edited["answer"] == NOT_STATED
    assert edited["passage"] == PASSAGE.replace(
        "Dr. Osler described the external swelling of the nodes. ", ""
    )
    reply = ask(reading.RULES, "answer", passage=edited["passage"], question=question)
    assert final_answer(reply) == NOT_STATED


@pytest.mark.parametrize(
    ("instruction", "text", "edited"),
    [
        ('Replace the word drains with the gap "___".', "It drains.", "It ___."),
        ("Write the word drains in capital letters.", "It drains.", "It DRAINS."),
        ("Set the word drains in bold, with two asterisks on either side.", "It drains.", "It **drains**."),
        ("Mask the word drains with one # for each letter.", "It drains.", "It ######."),
        (
            "Write the word slowly in capital letters. Mask the word drains with one # for each letter.",
            "It slowly drains.",
            "It SLOWLY ######.",
        ),
    ],
)
def test_an_edit_is_carried_out_to_the_letter(instruction: str, text: str, edited: str) -> None:
    assert ask(editing.RULES, "edit", text=text, instruction=instruction) == edited


@pytest.mark.parametrize("entry", sorted(set(editing.RULES) - {"suggester", "exact_editor", "edit"}))
def test_each_task_changes_a_sentence_of_the_passage_in_one_way(entry: str) -> None:
    for passage, item in items(editing.RULES, entry):
        assert item["text"] in " ".join(passage.split())
        assert item["answer"] != item["text"]
        assert load("text_modification").entry(entry).match == "exact"


def test_the_words_are_numbered_up_to_the_one_that_is_kept() -> None:
    tasks = ask(
        editing.RULES,
        "text_removing",
        passage="Return the\nlist names, sorted, or give the whole list back.",
    )
    assert {task["text"] for task in tasks} <= {"Return the list names", "or give the whole list back"}
    for task in tasks:
        assert final_answer(ask(editing.RULES, "edit", **task)) == task["answer"]
    told = ask(editing.RULES, "edit", text="Return the list names", instruction=editing.KEEP.format(3))
    assert told == "1 Return 2 the 3 list. The answer is list."


def test_a_refined_task_restates_the_step_and_adds_one() -> None:
    task = {
        "text": "It slowly drains the swollen vessels.",
        "instruction": "Write the word slowly in capital letters.",
    }
    suggestions = ask(editing.RULES, "suggester", **task)
    assert len({suggestion["suggestion"] for suggestion in suggestions}) == 3
    for suggestion in suggestions:
        refined = ask(editing.RULES, "exact_editor", **task, **suggestion)
        assert refined["instruction"] == f"{task['instruction']} {suggestion['suggestion']}"
        assert refined["answer"].startswith("It SLOWLY ")
        assert refined["answer"] != "It SLOWLY drains the swollen vessels."


@pytest.mark.parametrize(
    "entry", sorted(set(problems.RULES) - {"suggest_complex_problem", "edit_complex_problem", "answer"})
)
def test_each_problem_is_solved_step_by_step(entry: str) -> None:
    for _, item in items(problems.RULES, entry):
        assert arithmetic(item["expression"]) == int(item["answer"]) >= 0
        _check_solution(item)
        suggestion = ask(problems.RULES, "suggest_complex_problem", **item)[0]
        _check_solution(ask(problems.RULES, "edit_complex_problem", **item, **suggestion))


def _check_solution(item: dict[str, str]) -> None:
    reply = ask(problems.RULES, "answer", question=item["question"])
    assert final_answer(reply) == item["answer"], item
    steps = equations(reply)
    assert steps and all(step.holds() for step in steps), reply


@pytest.mark.parametrize(
    ("question", "reply"),
    [
        (problems.TIMES.format(47, 6), "7*6=42, 4*6+4=28. The answer is 282."),
        (problems.SHARES.format(47, "cups", "cups", 6), "7*6=42, 4*6+4=28. The answer is 282."),
        (
            problems.CHANGES.format("9 cups", "grows by 4 and then shrinks by 5"),
            "9+4=13. 13-5=8. The answer is 8.",
        ),
        (
            problems.MORE.format(problems.TIMES.format(47, 6), 18),
            "7*6=42, 4*6+4=28. 282+18=300. The answer is 300.",
        ),
    ],
)
def test_arithmetic_is_worked_step_by_step(question: str, reply: str) -> None:
    assert ask(problems.RULES, "answer", question=question) == reply


@pytest.mark.parametrize("seed", range(50))
def test_columns_hold_for_numbers_of_any_length(seed: int) -> None:
    a, n = Random(seed).randrange(1, 10**6), Random(seed).randrange(2, 10)
    steps = problems.columns(a, n)
    assert all(step.holds() for step in equations(steps))
    # The units of the steps, read from the last to the first, spell the result.
    shown = [step.rpartition("=")[2] for step in steps.split(", ")]
    assert int(shown[-1] + "".join(digit[-1] for digit in reversed(shown[:-1]))) == a * n
