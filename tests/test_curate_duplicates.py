"""Duplicates are found on what is asked and answered; questions about one passage are no duplicates."""

import random
from typing import Any

import pytest
from genteach.generate.curate.deduplicate import Passages, duplicates, fingerprint

WORDS = [
    f"{first}{second}" for first in "bdfgklmnprst" for second in ("ara", "elo", "imu", "ota", "uvi", "yne")
]


def text(key: object, words: int = 150) -> str:
    """Sentences of ten words that no other key has."""
    draw = random.Random(repr(key))
    return " ".join(" ".join(draw.choices(WORDS, k=10)).capitalize() + "." for _ in range(words // 10))


def pair(name: str, prompt: str, reply: str, seed: str = "s", answer: str | None = None) -> dict[str, Any]:
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}]
    return {"id": name, "seed_id": seed, "skill": "k", "messages": messages, "answer": answer}


def found(pairs: list[dict[str, Any]], seeds: dict[str, str] | None = None) -> dict[str, tuple[str, str]]:
    passages = Passages()
    for seed, told in (seeds or {}).items():
        passages.tell(seed, told)
    for each in pairs:
        passages.add(each)
    return duplicates(fingerprint(each, passages) for each in pairs)


def test_the_same_pair_again_is_an_exact_duplicate_whatever_its_spacing() -> None:
    again = pair("b", text(1).replace(" ", "  ") + "\n\n Why? ", " Because.", "other")
    assert found([again, pair("a", text(1) + " Why?", "Because.")]) == {"b": ("exact duplicate", "a")}


def test_a_pair_with_few_words_changed_is_a_near_duplicate() -> None:
    prompt, reply = text("prompt", 300), text("reply", 300)
    changed = reply.replace(reply.split()[40], "other", 1)
    pairs = [pair("a", prompt, reply, "s1"), pair("b", prompt.replace("Bara", "Other", 1), changed, "s2")]
    assert found(pairs) == {"b": ("near duplicate", "a")}


def test_the_smaller_id_stays_whatever_the_order() -> None:
    pairs = [pair(name, text(1), text(2), f"s{name}") for name in "dbca"]
    for _ in range(5):
        random.shuffle(pairs)
        assert found(pairs) == {name: ("exact duplicate", "a") for name in "bcd"}


@pytest.mark.parametrize("told", [True, False], ids=["seed text", "shared by the pairs"])
def test_several_questions_about_one_passage_are_no_duplicates(told: bool) -> None:
    passage = text("passage", 1000)
    pairs = [
        pair(f"p{number}", f"{passage}\n\n{text(number, 20)}", f"It says so. The answer is {number}.")
        for number in range(8)
    ]
    assert not found(pairs, {"s": passage} if told else None)


def test_several_edits_of_one_passage_are_no_duplicates() -> None:
    passage = text("passage", 600)
    words = sorted(set(passage.split()))[::9]
    pairs = [
        pair(word, f"Write {word} in capital letters.\n\n{passage}", passage.replace(word, word.upper()))
        for word in words
    ]
    assert not found(pairs, {"s": passage})


def test_one_question_about_two_passages_is_no_duplicate() -> None:
    question = "Which of the two statements is true, and which of them is false?"
    pairs = [
        pair(f"p{number}", f"{text(number)}\n\n{question}", "true, false", f"s{number}")
        for number in range(9)
    ]
    assert not found(pairs)


def test_a_question_in_other_words_about_one_passage_is_a_near_duplicate() -> None:
    passage, question, reply = text("passage", 500), text("question", 60), text("reply", 60)
    pairs = [
        pair("a", f"{passage}\n\n{question}", reply),
        pair("b", f"{passage}\n\n{question} Please.", reply),
        pair("c", f"{passage}\n\n{text('another', 60)}", text("other reply", 60)),
    ]
    assert found(pairs, {"s": passage}) == {"b": ("near duplicate", "a")}


def test_pairs_with_different_known_answers_are_no_duplicates() -> None:
    prompt, reply = text("prompt", 300), text("reply", 300)
    pairs = [
        pair(name, f"{prompt} {name}.", f"{reply} The answer is {answer}.", answer=answer)
        for name, answer in (("a", "12"), ("b", "13"), ("c", "12."))
    ]
    assert found(pairs) == {"c": ("near duplicate", "a")}
    unknown = [each | {"answer": None} for each in pairs]
    assert set(found(unknown)) == {"b", "c"}


def test_planted_near_duplicates_among_many_are_found_and_nothing_else() -> None:
    pairs = [pair(f"a{number:03}", text(number), text(-number - 1), f"s{number}") for number in range(200)]
    planted = {}
    for number in range(0, 200, 10):
        words = pairs[number]["messages"][0]["content"].split()
        words[75] = "changed"
        name = f"b{number:03}"
        pairs.append(pair(name, " ".join(words), pairs[number]["messages"][1]["content"], f"t{number}"))
        planted[name] = ("near duplicate", f"a{number:03}")
    assert found(pairs) == planted
