"""Options are read by letter or by words; a choice that hangs on the place, or on a slip of the author, is turned down."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from genteach.generate.agent import Agent
from genteach.generate.flow import Entry, Rejected
from genteach.generate.record import Record, Step, Verdict
from genteach.generate.reply import Declined
from genteach.generate.seeds import Seed
from genteach.generate.skills.offline import multiple_choice as gaps
from genteach.generate.steps.shuffle import Shuffled
from genteach.generate.tools.options import BadOptions, Lettered, chosen, lettered, read
from genteach.generate.verifiers import Permuted, chose, computed_option

SEED = Seed("0" * 32, "A text.", "text", "doc", (0, 7), "test", "CC0-1.0")
ANSWER = Agent("answer", "A teacher.", "Task: answer.", about="question", writes_text="response")
ENTRY = Entry("recall", ANSWER, "a fact", match="text")
ORGANS = ("the heart", "the liver", "the spleen", "the stomach")
QUESTION = str(Lettered("Which organ pumps the blood?", ORGANS))


def record(**fields: str) -> Record:
    given = {"question": QUESTION, "answer": "A", "response": "It pumps. The answer is A.", "form": "free"}
    return Record.begin("multiple_choice", SEED).with_fields({**given, **fields})


class Class:
    """A context in which `reply` says what is answered to a question, and everything asked is kept."""

    def __init__(self, reply: Callable[[Lettered], str | Exception]) -> None:
        self.reply, self.asked, self.rejected = reply, [], []

    async def ask(self, agent: Agent, record: Record) -> list[Record]:
        question = lettered(record.fields["question"])
        assert question is not None
        self.asked.append(question)
        said = self.reply(question)
        if isinstance(said, Exception):
            raise said
        return [record.with_fields({"response": said})]

    def choose(self, label: str, options: Sequence[Any]) -> list[Any]:
        return random.Random(label).sample(options, len(options))

    def reject(self, record: Record, step: str, reason: str, detail: str = "") -> None:
        self.rejected.append(reason)


def by_words(question: Lettered) -> str:
    return f"The answer is {'ABCD'[question.options.index('the heart')]}."


def verdict(verify: Any, record: Record, ctx: Class | None = None) -> Verdict | None:
    return asyncio.run(verify(record, ENTRY, ctx))


def reason(verify: Any, record: Record, ctx: Class | None = None) -> str:
    said = verdict(verify, record, ctx)
    assert said is not None and (said.accepted or said.detail)
    return said.reason


# --- reading ---


@pytest.mark.parametrize(
    "block",
    ["(A) one\n(B) two\n(C) three\n(D) four", "A. one\nB. two\nC. three\nD. four", "A) one\n\nB) two\n\nC) three\n\nD) four"]
    + ["**(A)** one\n**(B)** two\n**(C)** three\n**(D)** four", "(A) one\n(B)  two\n(C) three\n(D) four  \n"],
)  # fmt: skip
def test_options_are_read_in_the_spellings_of_models(block: str) -> None:
    assert read(f"A stem.\n\n{block}") == Lettered("A stem.", ("one", "two", "three", "four"))


def test_an_option_may_run_over_lines_and_statements_of_the_stem_are_none() -> None:
    found = read("I. a\nII. b\nWhich?\n(A) I only\n(B) II\n only\n(C) I and II\n(D) neither")
    assert found == Lettered("I. a\nII. b\nWhich?", ("I only", "II only", "I and II", "neither"))
    assert read("Which organ pumps the blood? (A) is one of its chambers.") is None


@pytest.mark.parametrize(
    "question",
    ["Q\n(A) a\n(B) b\n(C) c", "Q\n(A) a\n(C) c\n(B) b\n(D) d", "Q\n(A) a\n(B) b\n(D) d\n(E) e"]
    + ["Q\n(A) The heart.\n(B) heart\n(C) c\n(D) d", "Q\n(A) a\n(B) b\n(C) c\n(D) all of the above"]
    + ["Q\n(A) a\n(B) b\n(C) c\n(D) both (A) and (B)", "Q\n(A) a\n(B) b\n(C) c\n(D) A and C only"]
    + [
        "Q\n(A) a\n(B) b\n(C) c\n(D) d\n\nGive the letter.",
        "Q\n" + "\n".join(f"({x}) {x}x" for x in "ABCDEF"),
    ],
)
def test_what_cannot_be_answered_by_letter_in_any_order_is_refused(question: str) -> None:
    with pytest.raises(BadOptions):
        read(question)


@pytest.mark.parametrize(
    ("said", "place"),
    [("B", 1), ("(B)", 1), ("b.", 1), ("**B**", 1), ("Option B", 1), ("(B) the liver", 1), ("B) The liver.", 1)]
    + [("the liver", 1), ("Liver", 1), ("B: the liver", 1), ("E", None), ("(A) and (B)", None), ("A or B", None)]
    + [("B – the liver", 1), ("(B) (liver)", 1), ("B - the heart", None), ("(A) (B)", None), ("A – B", None)]
    + [("(B) the heart", None), ("a kidney", None), ("", None), ("B" * 5000, None)],
)  # fmt: skip
def test_a_choice_is_named_by_letter_by_words_or_by_both_if_they_agree(said: str, place: int | None) -> None:
    assert chosen(said, ORGANS) == place


def test_letters_that_belong_to_the_matter_name_no_option() -> None:
    events = "Which holds?\n(A) P(A) = P(B)\n(B) Events A and B are independent\n(C) An answer a child gives\n(D) D. melanogaster"
    found = read(events)
    assert found is not None
    assert [chosen(option, found.options) for option in found.options] == [0, 1, 2, 3]
    moved = found.reordered([3, 0, 1, 2])
    assert chosen("D. melanogaster", moved.options) == 0 and chosen("(B) P(A) = P(B)", moved.options) == 1


# --- against the author ---


@pytest.mark.parametrize(
    ("response", "form", "why"),
    [
        ("It pumps. The answer is A.", "free", ""),
        ("It pumps. The answer is (A) the heart.", "free", ""),
        ('{"answer": "A"}', "json", ""),
        ("The heart", "answer_only", ""),
        ("It filters. The answer is B.", "free", "answers_disagree"),
        ("The heart pumps.", "free", "no_option_chosen"),
        ("The answer is A or B.", "free", "no_option_chosen"),
    ],
)
def test_the_reply_chooses_what_the_author_meant(response: str, form: str, why: str) -> None:
    assert reason(chose, record(response=response, form=form)) == why


def test_a_question_without_options_is_compared_by_its_words() -> None:
    plain = record(question="Which organ?", answer="heart", response="The answer is the heart.")
    assert reason(chose, plain) == ""
    assert reason(chose, record(question="Q\n(A) a\n(B) b")) == "options_unreadable"


# --- other orders ---


def test_the_same_words_are_chosen_wherever_they_stand() -> None:
    ctx = Class(by_words)
    said = verdict(Permuted(ANSWER, orders=3), record(), ctx)
    assert said == Verdict(True, "permuted_options", vote_share=1.0)
    places = [
        question.options.index(option) for option in ORGANS for question in [read(QUESTION), *ctx.asked]
    ]  # type: ignore[union-attr]
    assert sorted(places) == sorted([0, 1, 2, 3] * 4), "every option stands at every letter once"


@pytest.mark.parametrize("letter", "ABCD")
def test_who_always_takes_one_letter_is_found_out(letter: str) -> None:
    biased = record(response=f"The answer is {letter}.")
    said = verdict(Permuted(ANSWER), biased, Class(lambda question: f"The answer is {letter}."))
    assert said is not None and (said.accepted, said.reason) == (False, "choice_follows_place")
    assert said.vote_share == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    "reply",
    [Declined("no"), Rejected("answer", "unreadable_reply"), "I cannot say.", "The answer is E.", "The answer is A and B."],
    ids=str,
)  # fmt: skip
def test_what_chooses_nothing_agrees_with_nobody(reply: str | Exception) -> None:
    said = verdict(Permuted(ANSWER), record(), Class(lambda question: reply))
    assert said is not None and said.reason == "choice_follows_place"


def test_two_of_three_orders_are_enough_and_the_share_is_told() -> None:
    replies = iter([by_words, lambda question: "No idea."])
    said = verdict(Permuted(ANSWER), record(), Class(lambda question: next(replies)(question)))
    assert said == Verdict(True, "permuted_options", vote_share=2 / 3)


def test_other_orders_are_not_asked_for_what_code_decides_or_has_no_options() -> None:
    ctx = Class(by_words)
    assert verdict(Permuted(ANSWER, decided=frozenset({"expression"})), record(expression="1+1"), ctx) is None
    assert verdict(Permuted(ANSWER), record(question="Which organ?"), ctx) is None
    assert not ctx.asked


# --- by an expression ---


def sum_of(*options: str, answer: str = "A", expression: str = "(125-50)*64/1000", response: str = "") -> str:
    question = str(Lettered("How many liters?", options))
    said = record(
        question=question,
        answer=answer,
        expression=expression,
        response=response or f"The answer is {answer}.",
    )
    return reason(computed_option, said)


def test_exactly_the_option_with_the_value_is_right() -> None:
    assert sum_of("4.8", "8", "3.2", "6") == ""
    assert sum_of("8", "4.8 liters", "3.2 liters", "6 liters", answer="B") == ""
    assert sum_of("3/4", "3/5", "4/3", "5/3", expression="3/4") == ""
    assert sum_of("8", "4.8", "3.2", "6") == "expression_disagrees"
    assert sum_of("8", "4.9", "3.2", "6") == "no_option_right"
    assert sum_of("4.8", "4.80 L", "3.2", "6") == "several_options_right"
    assert sum_of("8", "9", "3.2", "none of these", answer="D") == ""
    assert sum_of("4.8", "9", "3.2", "none of these", answer="D") == "expression_disagrees"


@pytest.mark.parametrize(
    "expression", ["__import__('os').getpid()", "9**9**9", "1/0", "(" * 200, "x", "4.8 = 4.8"]
)
def test_a_hostile_expression_has_no_value(expression: str) -> None:
    assert sum_of("4.8", "8", "3.2", "6", expression=expression) == "no_option_right"


@pytest.mark.parametrize("expression", ["4.8", "(4.8)", "-(-4.8)"])
def test_an_expression_that_only_repeats_its_value_is_no_second_path(expression: str) -> None:
    assert sum_of("4.8", "8", "3.2", "6", expression=expression) == "nothing_computed"


def test_a_wrong_step_of_the_reply_is_found() -> None:
    assert sum_of("4.8", "8", "3.2", "6", response="125 - 50 = 85. The answer is A.") == "wrong_step"


def test_there_is_nothing_to_compute_without_an_expression() -> None:
    assert verdict(computed_option, record()) is None


# --- the author's order ---


class Author(Class):
    def __init__(self, *items: dict[str, str]) -> None:
        super().__init__(by_words)
        self.items = items

    async def ask(self, agent: Agent, record: Record) -> list[Record]:
        return [record.with_fields(item) for item in self.items]


def test_options_answer_and_claims_move_together() -> None:
    claims = "(A) a at 1\n(B) b at 1\n(C) c at 1\n(D) d at 1"
    places = set()
    begun = Record.begin("skill", Seed("0" * 32, "t", "text", "doc", (0, 1), "test", "CC0-1.0"))
    for item in range(40):
        start = begun.with_fields({}, Step("transformed", "", str(item)))
        author = Author({"question": QUESTION, "answer": "(A)", "claims": claims})
        [drawn] = asyncio.run(Shuffled(ANSWER)(start, author))  # type: ignore[arg-type]
        place = "ABCD".index(drawn.fields["answer"])
        question, moved = read(drawn.fields["question"]), lettered(drawn.fields["claims"])
        assert question is not None and moved is not None
        assert question.options[place] == "the heart" and moved.options[place] == "a at 1"
        assert sorted(question.options) == sorted(ORGANS)
        places.add(place)
    assert places == {0, 1, 2, 3}


@pytest.mark.parametrize(
    "item",
    [{"question": "No options?", "answer": "A"}, {"question": QUESTION, "answer": "F"}]
    + [{"question": QUESTION, "answer": "A", "claims": "(A) a at 1\n(B) b at 1"}],
)
def test_one_question_that_cannot_be_read_is_rejected_by_itself(item: dict[str, str]) -> None:
    author = Author(item, {"question": QUESTION, "answer": "A"})
    drawn = asyncio.run(Shuffled(ANSWER)(Record.begin("skill", SEED), author))  # type: ignore[arg-type]
    assert len(drawn) == 1 and author.rejected == ["options_unreadable"]


# --- the offline rule ---


def test_a_gap_is_filled_by_the_one_word_that_has_its_letters() -> None:
    passage = (
        "Arteries carry the blood away from the heart. Veins return it through wide vessels. "
        "Capillaries exchange nutrients with every tissue of the body."
    )
    items = gaps.recall({"passage": passage}, random.Random(0))
    for item in items:
        question = read(item["question"])
        assert question is not None
        length, first = int(question.stem.split()[3]), question.stem.split('"')[1]
        fitting = [word for word in question.options if len(word) == length and word[0] == first]
        assert fitting == [question.options["ABCD".index(item["answer"])]]
        reply = gaps.answer({"question": item["question"]}, random.Random(0))
        assert item["evidence"] in reply and chosen(reply[-2:], question.options) == question.options.index(
            fitting[0]
        )
    assert len(items) == 3
    with pytest.raises(Declined):
        gaps.answer({"question": QUESTION}, random.Random(0))
