"""A reply is read strictly in both spellings; habits of chat models are allowed for, sloppiness is not."""

import json

import pytest
from genteach.generate.reply import FREE_TEXT, Declined, Unreadable, decline, form
from hypothesis import given
from hypothesis import strategies as st

QUESTIONS = form(many=2, question="the question", answer="its answer")
GOOD = "<item>\n<question>Who?</question>\n<answer>Ada</answer>\n</item>"


def test_tags_and_json_say_the_same() -> None:
    spelled = json.dumps({"unsuitable": "", "items": [{"question": "Who?", "answer": "Ada"}]})
    assert QUESTIONS.read(GOOD) == QUESTIONS.read(spelled) == [{"question": "Who?", "answer": "Ada"}]


@pytest.mark.parametrize(
    "habit", [f"Sure! Here it is:\n{GOOD}", f"```xml\n{GOOD}\n```", f"{GOOD}\nAnything else?"]
)
def test_chatter_around_the_items_is_allowed_for(habit: str) -> None:
    assert QUESTIONS.read(habit)[0]["answer"] == "Ada"


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("", "no <item>"),
        ("I would ask who did it.", "no <item>"),
        ("<item><question>Who?</question></item>", "0 <answer> tags"),
        ("<item><question>Who?</question><answer> </answer></item>", "answer is empty"),
        ("<item><question>a</question><question>b</question><answer>c</answer></item>", "2 <question> tags"),
        (GOOD * 3, "3 items; between 1 and 2"),
        ('{"unsuitable": "", "items": []}', "0 items"),
        ('{"unsuitable": "", "items": [{"question": "Who?"}]}', "exactly the fields question, answer"),
        ('{"unsuitable": "", "items": [{"question": "Who?", "answer": 3}]}', "not text"),
        ('{"unsuitable": "", "items"', "not valid JSON"),
        ('{"questions": []}', 'no list "items"'),
    ],
)
def test_what_is_not_in_the_form_is_unreadable(reply: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        QUESTIONS.read(reply)


@pytest.mark.parametrize(
    "reply", [decline("no people in it"), '{"unsuitable": "no people in it", "items": []}']
)
def test_a_decline_is_not_a_failure(reply: str) -> None:
    with pytest.raises(Declined, match="no people in it"):
        QUESTIONS.read(reply)


def test_free_text_is_taken_as_it_is() -> None:
    assert FREE_TEXT.read(" an answer\n") == [{"text": "an answer"}]
    with pytest.raises(Unreadable):
        FREE_TEXT.read("  \n")


def test_the_request_says_format_count_and_what_to_do_otherwise() -> None:
    for guided in (True, False):
        text = QUESTIONS.request(guided)
        assert "the question" in text
        assert "between 1 and 2" in text
        assert "unsuitable" in text


@given(st.lists(st.text("abc <>&\"'{}\n", min_size=1).map(str.strip).filter(bool), min_size=2, max_size=2))
def test_what_is_written_is_read_back(texts: list[str]) -> None:
    item = {"question": texts[0], "answer": texts[1]}
    assert QUESTIONS.read(QUESTIONS.write([item])) == [item]
