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
        (reading.GAP.format("Of this, 17 liters", "slowly reabsorbed by"), "are"),
        (reading.DIFFER.format("liters"), "3"),
        (reading.COUNT.format("lymphatic"), "2"),
        (reading.HOLDS.format("lasts"), '"Swelling that lasts is called lymphedema."'),
        (reading.GOES_ON.format("Swelling that lasts is"), "called lymphedema"),
        (reading.GOES_ON.format("Swelling that hurts is"), NOT_STATED),
        (reading.GAP.format("Of this, 18 liters", "slowly reabsorbed by"), NOT_STATED),
        (reading.DIFFER.format("gallons"), NOT_STATED),
    ],
)
def test_a_question_is_answered_from_the_passage_alone(question: str, answer: str) -> None:
    assert final_answer(ask(reading.RULES, "answer", passage=PASSAGE, question=question)) == answer


def test_a_brief_passage_is_asked_only_for_what_is_told_by_its_kind() -> None:
    with pytest.raises(Declined):
        ask(reading.RULES, "literal_comprehension", passage="Return the list of names, sorted by length.")
    [item] = ask(reading.RULES, "literal_comprehension", passage="It may well raise KeyError for names.")
    assert item["answer"] == "KeyError"


def test_a_question_of_another_author_is_declined() -> None:
    with pytest.raises(Declined):
        ask(reading.RULES, "answer", passage=PASSAGE, question="Why do nodes swell?")


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


def test_sentences_are_put_in_the_order_of_the_passage() -> None:
    for passage, item in items(reading.RULES, "sequencing_events"):
        line = " ".join(passage.split())
        shown = dict(re.findall(r"^([ABC])\. (.+)$", item["question"], re.MULTILINE))
        places = [line.index(shown[label]) for label in item["answer"].split(", ")]
        assert places == sorted(places) and len(places) == 3


def test_a_count_is_the_number_of_occurrences() -> None:
    for passage, item in items(reading.RULES, "numerical_discrete_reasoning"):
        if counted := re.search(r'the word "(\w+)"', item["question"]):
            words = [word.lower() for word in re.findall(r"\w+", passage)]
            assert words.count(counted[1]) == int(item["answer"])


def test_an_unanswerable_child_has_lost_its_sentence_and_nothing_else() -> None:
    question = reading.HOLDS.format("reabsorbed")
    evidence = "Of this, 17 liters are slowly reabsorbed by the vessels."
    edited = ask(
        reading.RULES,
        "edit_unanswerable",
        passage=PASSAGE,
        question=question,
        answer=evidence,
        evidence=evidence,
    )
    assert edited["answer"] == NOT_STATED
    assert "reabsorbed" not in edited["passage"]
    assert len(edited["passage"]) > len(PASSAGE) - len(evidence) - 3
    reply = ask(reading.RULES, "answer", passage=edited["passage"], question=question)
    assert final_answer(reply) == NOT_STATED


def test_a_changed_passage_gives_another_answer() -> None:
    evidence = "Dr. Osler described the external swelling of the nodes."
    fields = {"question": reading.HOLDS.format("described"), "answer": evidence, "evidence": evidence}
    edited = ask(reading.RULES, "edit_answer_changed", passage=PASSAGE, **fields)
    assert edited["evidence"] == evidence.replace("external", "internal")
    assert edited["evidence"] in edited["passage"]
    with pytest.raises(Declined):
        ask(
            reading.RULES,
            "edit_answer_changed",
            passage=PASSAGE,
            question="?",
            answer="spleen",
            evidence=evidence,
        )


@pytest.mark.parametrize(
    ("instruction", "text", "edited"),
    [
        ("Replace the word slowly with quickly.", "It slowly drains.", "It quickly drains."),
        ("Delete the word slowly.", "It drains slowly, always.", "It drains, always."),
        ("Write the word drains in capital letters.", "It drains.", "It DRAINS."),
        ("Write the whole text in small letters.", "It Drains.", "it drains."),
        ("Set the word drains in bold, with two asterisks on either side.", "It drains.", "It **drains**."),
        ("Mask the word drains with one # for each letter.", "It drains.", "It ######."),
        ("Mask every digit with #.", "In 1999 it was 20%.", "In #### it was ##%."),
        ('Write "%" for " percent".', "It is 20 percent.", "It is 20%."),
        (
            "Write the numbers from two to twelve in digits.",
            "Seven of twelve are often done.",
            "7 of 12 are often done.",
        ),
        (
            "Write numbers without a comma between thousands.",
            "12,000 of 1,234,567, or 3,5",
            "12000 of 1234567, or 3,5",
        ),
        (
            "1. Delete the word slowly.\n2. Mask the word drains with one # for each letter.",
            "It slowly drains.",
            "It ######.",
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


@pytest.mark.parametrize(
    ("entry", "instruction", "reply"),
    [
        (
            "text_obfuscation",
            editing.REPLACE_AT,
            "1 ### 2 the 3 list 4 names. The answer is ### the list names.",
        ),
        ("text_removing", editing.KEEP_AT, "1 Return. The answer is Return."),
    ],
)
def test_a_clause_of_a_brief_passage_is_edited_word_by_word(entry: str, instruction: str, reply: str) -> None:
    tasks = ask(editing.RULES, entry, passage="Return the\nlist names, sorted, or give the whole list back.")
    assert {task["text"] for task in tasks} <= {"Return the list names", "or give the whole list back"}
    for task in tasks:
        assert final_answer(ask(editing.RULES, "edit", **task)) == task["answer"]
    told = ask(editing.RULES, "edit", text="Return the list names", instruction=instruction.format(1))
    assert told == reply


def test_a_refined_task_restates_the_steps_and_adds_one() -> None:
    task = {"text": "It slowly drains the swollen vessels.", "instruction": "Delete the word slowly."}
    suggestions = ask(editing.RULES, "suggester", **task)
    assert len({suggestion["suggestion"] for suggestion in suggestions}) == 3
    for suggestion in suggestions:
        refined = ask(editing.RULES, "exact_editor", **task, **suggestion)
        assert refined["instruction"] == f"1. Delete the word slowly.\n2. {suggestion['suggestion']}"
        assert refined["answer"] not in (task["text"], "It drains the swollen vessels.")


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
        (problems.PLUS.format(47, 85), "7+5=12, 4+8+1=13. The answer is 132."),
        (problems.MINUS.format(42, 17), "12-7=5, 4-1-1=2. The answer is 25."),
        (problems.MINUS.format(100, 1), "10-1=9, 10-0-1=9, 1-0-1=0. The answer is 99."),
        (problems.TIMES.format(47, 6), "7*6=42, 4*6+4=28. The answer is 282."),
        (
            problems.STEPS.format(9, "cups", 4, 5, "cups"),
            "9 + 4 = 13, 13 - 5 = 8. The answer is 8.",
        ),
    ],
)
def test_arithmetic_is_worked_in_columns(question: str, reply: str) -> None:
    assert ask(problems.RULES, "answer", question=question) == reply


@pytest.mark.parametrize(
    ("a", "b"), [(Random(n).randrange(1, 10**6), Random(-n).randrange(1, 10**6)) for n in range(50)]
)
def test_columns_hold_for_numbers_of_any_length(a: int, b: int) -> None:
    a, b = max(a, b), min(a, b)
    for (steps, result), right in (
        (problems.added(a, b), a + b),
        (problems.taken(a, b), a - b),
        (problems.multiplied(a, 7), a * 7),
    ):
        assert result == right
        assert all(step.holds() for step in equations(steps))
        # The units of the steps, read from the last to the first, spell the result.
        shown = [step.rpartition("=")[2] for step in steps.split(", ")]
        assert int(shown[-1] + "".join(digit[-1] for digit in reversed(shown[:-1]))) == right
