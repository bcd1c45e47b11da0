"""A reply is read strictly in both spellings: habits of chat models are survived, and nothing is silently wrong."""

import asyncio
import json
import time
from contextlib import suppress
from pathlib import Path

import pytest
from genteach.generate.agent import Agent
from genteach.generate.context import SeedContext, Tally
from genteach.generate.engine import item_id
from genteach.generate.flow import Rejected
from genteach.generate.journal import ItemName, Journal
from genteach.generate.record import Record
from genteach.generate.reply import FREE_TEXT, Declined, Form, Refused, Unreadable, decline, form
from genteach.generate.seeds import Seed
from genteach.generate.teacher import Guided, Reply, Request
from hypothesis import given
from hypothesis import strategies as st

from .toy import TOY

QUESTIONS = form(many=2, question="the question", answer="its answer")
ONE = form(question="the question", answer="its answer")
GRADED = form(choices={"judgement": ("holds", "fails")}, judgement="holds or fails")
GOOD = "<item>\n<question>Who?</question>\n<answer>Ada</answer>\n</item>"
ADA = {"question": "Who?", "answer": "Ada"}
IN_JSON = json.dumps({"unsuitable": "", "items": [ADA]})
REFUSAL = "I'm sorry, but I can't help with that request."


def test_tags_and_json_say_the_same() -> None:
    assert QUESTIONS.read(GOOD) == QUESTIONS.read(IN_JSON) == [ADA]


@pytest.mark.parametrize(
    "habit",
    [
        f"Sure! Here it is:\n{GOOD}",
        f"Here is the question you asked for:\n\n{GOOD}",
        f"```xml\n{GOOD}\n```",
        f"```\n{GOOD}\n```",
        f"Here you go:\n```html\n{GOOD}\n```\nShall I write more?",
        f"{GOOD}\nAnything else?",
        f"1. {GOOD}",
        f"**Question 1**\n\n{GOOD}\n\n---",
        f"<think>Who wrote it? <question>No</question></think>\n{GOOD}",
        f"<thinking>\nhm\n</thinking>{GOOD}",
        f"the opening tag was in the prompt</think>{GOOD}",
        GOOD.replace("<item>", '<item id="1">').replace("<answer>", "<answer type=“name”>"),
        GOOD.replace("item", "ITEM").replace("question", "Question"),
        GOOD.replace("<item>", "**<item>**").replace("<question>Who?</question>", "**<question>**Who?**</question>**"),
        GOOD.replace("<item>", "").replace("</item>", ""),
        GOOD + GOOD,
        f"{GOOD}\n<unsuitable></unsuitable>",
    ],
)  # fmt: skip
def test_what_is_around_the_items_is_passed_over(habit: str) -> None:
    assert QUESTIONS.read(habit) == [ADA]


@pytest.mark.parametrize(
    "habit",
    [
        f"```json\n{IN_JSON}\n```",
        f"Here is the JSON:\n{IN_JSON}",
        f"Here is the JSON with {{}}:\n```\n{IN_JSON}\n```\nI hope this helps!",
        f"<think>{{}}</think>{IN_JSON}",
        f"{IN_JSON} That is all.",
        IN_JSON.replace("Who?", "Who?\n"),
    ],
)
def test_what_is_around_the_json_is_passed_over(habit: str) -> None:
    assert QUESTIONS.read(habit) == [ADA]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("", "empty"),
        ("<think>only a thought</think>", "empty"),
        ("I would ask who did it.", "no <item>"),
        ("<item><question>Who?</question></item>", "0 <answer> tags"),
        ("<question>Who?</question>", "0 <answer> tags"),
        ("<item><question>Who?</question><answer> </answer></item>", "answer is empty"),
        ("<item><question>(the question)</question><answer>Ada</answer></item>", "words that describe it"),
        ("<item><question>a</question><question>b</question><answer>c</answer></item>", "2 <question> tags"),
        ("<item><question>Who?<answer>Ada</answer></item>", "<answer> stands inside of <question>"),
        ("<item><question>Who? <answer>Ada</answer></question><answer>Eve</answer></item>", "stands inside"),
        ("<item><question>Who?</question><answer>Ada", "<answer> is not closed"),
        ("<item><question>Who?</question><answer>Ada</answer>", "<item> is not closed"),
        (f"<item>{GOOD}</item>", "do not take turns"),
        (f"{GOOD}</item>", "do not take turns"),
        (f"<think>a thought that {GOOD}", "not closed"),
        (f"{GOOD}<think>but</think>", "thought"),
        (f"<think>a</think><think>b</think>{GOOD}", "thought"),
        (f"<unsuitable>too short</unsuitable>\n{GOOD}", "only one can be meant"),
        ("<unsuitable>too short", "<unsuitable> is not closed"),
        ('{"unsuitable": "", "items": []}', "0 items"),
        ('{"unsuitable": "", "items": [{"question": "Who?"}]}', "exactly the fields question, answer"),
        ('{"unsuitable": "", "items": [{"question": "Who?", "answer": 3}]}', "not text"),
        ('{"unsuitable": "", "items"', "not valid JSON"),
        (IN_JSON[:-20], "not valid JSON"),
        (f"```json\n{IN_JSON[:-3]}\n```", "not valid JSON"),
        (IN_JSON + "\n" + IN_JSON, "more than one JSON object"),
        (IN_JSON.replace('"items"', "“items”"), "not valid JSON"),
        (IN_JSON.replace('""', '"too short"'), "only one of them can be meant"),
        ('{"questions": []}', 'no list "items"'),
        ('{"items": [["Who?", "Ada"]]}', "exactly the fields"),
        ("{" * 50_000, "not valid JSON"),
    ],
)
def test_what_is_not_in_the_form_is_unreadable(reply: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why) as caught:
        QUESTIONS.read(reply)
    assert caught.value.reason == "unreadable_reply"


def test_of_more_items_than_were_asked_for_the_first_count_but_none_can_stand_for_the_only_one() -> None:
    others = [GOOD.replace("Ada", name) for name in ("Bob", "Eve")]
    many = "".join([GOOD, *others])
    assert [item["answer"] for item in QUESTIONS.read(many)] == ["Ada", "Bob"]
    assert [item["answer"] for item in QUESTIONS.read(json.dumps({"items": [ADA, ADA | {"answer": "Bob"}, ADA]}))] == [
        "Ada",
        "Bob",
    ]  # fmt: skip
    with pytest.raises(Unreadable, match="3 items; exactly one was asked for"):
        ONE.read(many)
    assert ONE.read(GOOD) == [ADA]


def test_items_that_count_themselves_lose_their_numbers_and_a_list_keeps_its_own() -> None:
    def asked(*questions: str) -> list[str]:
        items = [{"question": question, "answer": "Ada"} for question in questions]
        return [item["question"] for item in QUESTIONS.read(QUESTIONS.write(items))]

    assert asked("1. Who?", "2. Where?") == ["Who?", "Where?"]
    assert asked("**Question 1:** Who?", "**Question 2:** Where?") == ["Who?", "Where?"]
    assert asked("1. Peel it.\n2. Eat it.\nWhat comes first?") == [
        "1. Peel it.\n2. Eat it.\nWhat comes first?"
    ]
    assert asked("1. Who?", "Where?") == ["1. Who?", "Where?"]
    assert asked("1066?", "2 and 2?") == ["1066?", "2 and 2?"]


def test_bold_type_around_tags_goes_and_inside_of_them_stays() -> None:
    def asked(body: str) -> str:
        return form(question="q").read(f"<item>{body}</item>")[0]["question"]

    assert asked("**<question>** Who? **</question>**") == "Who?"
    assert asked("<question>**Who** is it?</question>") == "**Who** is it?"
    assert asked("**Q:**<question>**Who** is **it**</question>**A:**") == "**Who** is **it**"
    assert asked("**<question>**Who** is it?</question>") == "**Who** is it?"


@pytest.mark.parametrize(
    "reply",
    [
        decline("no people in it"),
        f"I read it with care.\n\n```\n{decline('no people in it')}\n```",
        f"<think>Hm.</think>{decline('no people in it')}",
        '{"unsuitable": "no people in it", "items": []}',
        '```json\n{"unsuitable": "no people in it", "items": []}\n```',
    ],
)
def test_a_decline_is_not_a_failure(reply: str) -> None:
    with pytest.raises(Declined, match="no people in it"):
        QUESTIONS.read(reply)


@pytest.mark.parametrize(
    "reply",
    [
        REFUSAL,
        "I’m sorry, but I cannot assist with writing about this.",
        "I can't create content that is based on this document.",
        "As an AI language model, I have no opinion on it.",
        "Unfortunately, I am unable to provide questions here.",
    ],
)
@pytest.mark.parametrize("of", [QUESTIONS, FREE_TEXT], ids=["items", "text"])
def test_a_refusal_is_told_from_a_slip(reply: str, of: Form) -> None:
    with pytest.raises(Refused) as caught:
        of.read(reply)
    assert caught.value.reason == "refused" and reply[:40] in str(caught.value)
    with pytest.raises(Refused):
        form(passage="the passage").read(f"<item><passage>{reply}</passage></item>")


@pytest.mark.parametrize(
    "reply",
    [
        "I can't help but smile when the tide comes in.",
        "I cannot provide a year, as the passage gives none. The answer is not stated in the passage.",
        "I'm sorry about the delay: the train was late.",
        f"{REFUSAL} {'Yet there is much to say. ' * 40}",
    ],
)
def test_a_text_that_only_sounds_like_a_refusal_is_taken(reply: str) -> None:
    assert FREE_TEXT.read(reply) == [{"text": reply.strip()}]


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (" an answer\n", "an answer"),
        ("<think>\nlong\n</think>\n\nThe tide turns.", "The tide turns."),
        ("Here is the edited text:\n\nThe tide turns.", "The tide turns."),
        ("Sure! Here's your text, in capitals:\nTHE TIDE", "THE TIDE"),
        ("**Here is the revised version:**\n\nThe tide turns.", "The tide turns."),
        ("Certainly!\n\nThe tide turns.", "The tide turns."),
        ("Certainly! The tide turns.", "The tide turns."),
        ("The tide turns.\n\nI hope this helps!", "The tide turns."),
        ("The tide turns.\n\nLet me know if you'd like any changes.", "The tide turns."),
        ("```text\nThe tide turns.\n```", "The tide turns."),
        ("Here is the text:\n```markdown\nThe tide *turns*.\n```\nFeel free to ask.", "The tide *turns*."),
        ("```python\nprint(1)\n```", "```python\nprint(1)\n```"),
        ('```json\n{"answer": 3}\n```', '```json\n{"answer": 3}\n```'),
        ("Sure,\nthe tide\nturns", "Sure,\nthe tide\nturns"),
        ("Here is a man: tall.\nHe waits.", "Here is a man: tall.\nHe waits."),
        ("Of course the tide turns.", "Of course the tide turns."),
        ("Let me know if you come.", "Let me know if you come."),
    ],
)
def test_a_text_is_taken_without_what_a_chat_model_says_around_it(reply: str, text: str) -> None:
    assert FREE_TEXT.read(reply) == [{"text": text}]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("  \n", "empty"),
        ("Here is the edited text. The tide turns.", "words about itself"),
        ("Sure, here's the revised paragraph: the tide turns.", "words about itself"),
        ("I have rewritten the paragraph for children.\n\nThe tide turns.", "words about itself"),
        ("<think>The tide turns", "thought"),
        ("The tide turns. <think>or not?</think> It does.", "thought"),
    ],
)
def test_a_text_that_cannot_be_told_from_the_talk_about_it_is_unreadable(reply: str, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        FREE_TEXT.read(reply)


@pytest.mark.parametrize("said", ["holds", "Holds.", "**holds**", '"Holds"', "`fails`", "“fails”."])
def test_a_choice_is_known_whatever_its_dress(said: str) -> None:
    [item] = GRADED.read(GRADED.write([{"judgement": said}]))
    assert item["judgement"] in ("holds", "fails") and item["judgement"] in said.lower()
    with pytest.raises(Unreadable, match="must be one of holds, fails"):
        GRADED.read(GRADED.write([{"judgement": f"not {said}"}]))


PASSAGES = {
    "english": "The tide turns twice a day, and the harbour empties.",
    "russian": "Прилив меняется дважды в день, и гавань пустеет.",
    "chinese": "潮水每天涨落两次，港口也随之变空，渔民们等待着。",
}


@pytest.mark.parametrize(
    ("passage", "reply", "is_right"),
    [
        (
            "english",
            "It turns two times – every day, “always”, and the harbour is then empty: λ ≈ 3 °C 🙂",
            True,
        ),
        ("english", PASSAGES["chinese"], False),
        ("english", PASSAGES["russian"], False),
        ("russian", PASSAGES["russian"], True),
        ("russian", PASSAGES["chinese"], False),
        ("chinese", PASSAGES["chinese"], True),
        ("chinese", "It turns twice a day.", True),  # what the prompt is written in
        ("english", "λ", True),
    ],
)
@pytest.mark.parametrize("of", [FREE_TEXT, form(text="the answer")], ids=["text", "tags"])
def test_a_reply_in_a_script_that_nobody_used_is_turned_down(
    passage: str, reply: str, is_right: bool, of: Form
) -> None:
    fields = {"passage": PASSAGES[passage]}
    spelled = of.write([{"text": reply}])
    assert Agent("translate", "A role.", "Task.", of, any_script=True).read(spelled, fields)
    agent = Agent("answer", "A role.", "Task.", of)
    if is_right:
        assert agent.read(spelled, fields) == [{"text": reply}]
    else:
        with pytest.raises(Unreadable, match="another language") as caught:
            agent.read(spelled, fields)
        assert caught.value.reason == "wrong_language"


class Saying:
    """A teacher with these replies, one after the other."""

    name, limit = "saying", 1
    guided: Guided = "none"

    def __init__(self, *replies: str) -> None:
        self.replies = list(replies)
        self.asked: list[Request] = []

    async def ask(self, request: Request) -> Reply:
        self.asked.append(request)
        return Reply(self.replies.pop(0), "stop", 1, 1, self.name)


def _ask(teacher: Saying, folder: Path) -> list[Record]:
    text = PASSAGES["english"]
    seed = Seed("0" * 32, text, "text", "tide", (0, len(text)), "tests", "CC0-1.0")
    journal = Journal(folder / "journal.sqlite")
    name = ItemName(item_id("toy", seed.id), "toy", seed.id)
    ctx = SeedContext(TOY, seed, name, 0, 0, teacher, journal, Tally())  # type: ignore[arg-type]
    record = Record.begin("toy", seed).with_fields({"passage": text})
    try:
        return asyncio.run(ctx.ask(Agent("ask", "A reader.", "Ask.", QUESTIONS), record))
    finally:
        journal.close()


@pytest.mark.parametrize(
    "slip", ["<item>", IN_JSON[:-9], "<think>", f"<item><question>{PASSAGES['chinese']}"]
)
def test_a_slip_is_repaired_once_with_the_complaint(slip: str, tmp_path: Path) -> None:
    teacher = Saying(slip, GOOD)
    assert [record.fields["answer"] for record in _ask(teacher, tmp_path)] == ["Ada"]
    assert teacher.asked[1].messages[-2]["content"] == slip
    assert "could not be used: " in teacher.asked[1].messages[-1]["content"]


CHINESE = QUESTIONS.write([{"question": PASSAGES["chinese"], "answer": PASSAGES["chinese"]}])


@pytest.mark.parametrize(
    ("replies", "reason"),
    [
        ([REFUSAL], "refused"),
        (["hm", "hm"], "unreadable_reply"),
        (["hm", REFUSAL], "refused"),
        ([CHINESE, CHINESE], "wrong_language"),
    ],
)
def test_what_stays_wrong_is_rejected_with_its_reason(
    replies: list[str], reason: str, tmp_path: Path
) -> None:
    teacher = Saying(*replies)
    with pytest.raises(Rejected) as caught:
        _ask(teacher, tmp_path)
    assert caught.value.reason == reason and not teacher.replies


def test_the_request_says_format_count_and_what_to_do_otherwise() -> None:
    for guided in (True, False):
        text = QUESTIONS.request(guided)
        assert "the question" in text
        assert "between 1 and 2" in text
        assert "unsuitable" in text


@given(st.lists(st.text("abc <>&\"'{}\n*", min_size=1).map(str.strip).filter(bool), min_size=2, max_size=2))
def test_what_is_written_is_read_back(texts: list[str]) -> None:
    item = {"question": texts[0], "answer": texts[1]}
    assert QUESTIONS.read(QUESTIONS.write([item])) == [item]


PIECES = ["<item>", "</item>", "<question>", "</question>", "<answer>", "</answer>", "<unsuitable>", "</unsuitable>",
          "<think>", "</think>", '{"items": [', '{"unsuitable": ""', "]}", '"', "```", "```json\n", "**", "\n", " ", "1. ",
          "Sure! ", "Here is the text:\n", "I'm sorry, ", "Who?", "é", "潮", "\x00", "<item ", "{"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_whatever_is_said_is_read_declined_or_unreadable(reply: str) -> None:
    for of in (QUESTIONS, ONE, FREE_TEXT):
        try:
            items = of.read(reply)
        except (Declined, Unreadable):
            continue
        assert 1 <= len(items) <= of.many
        assert all(set(item) == set(of.names or ["text"]) and all(item.values()) for item in items)


@pytest.mark.parametrize(
    "piece",
    [*PIECES, "<item" + " " * 50, "<item>" * 2 + "<question>", "{ ", GOOD, "sorry, ", "<think><think>",
     "Here is the text: ", "潮 ", "let me know if you "],
)  # fmt: skip
def test_reading_takes_time_in_proportion_to_the_reply(piece: str) -> None:
    def took(length: int) -> float:
        reply = piece * (length // len(piece))
        began = time.perf_counter()
        for of in (QUESTIONS, FREE_TEXT):
            with suppress(Declined, Unreadable):
                Agent("a", "r", "t", of).read(reply, {"passage": reply})
        return time.perf_counter() - began

    short = min(took(20_000) for _ in range(3))
    assert took(640_000) < 32 * 5 * short + 0.25
