"""Answers are read by named rules: the last explicit statement wins, and an article is no option."""

import time

import pytest
from genteach.evaluate.extract import extract
from genteach.evaluate.formula import same_formula
from genteach.evaluate.grade import correct, grade
from genteach.evaluate.item import Item, Reply

COLOURS = ("red bird", "blue bird", "green bird", "black bird")


def an_item(kind: str = "letter", gold: str = "B", options: tuple[str, ...] = COLOURS) -> Item:
    return Item("some_task", "1", "1", ({"role": "user", "content": "Which?"},), gold, kind, options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("reply", "rule", "value"),
    [
        ("Because of the sky, the answer is (B).", "stated", "B"),
        ("The answer is (A). No, wait. The correct answer is **C**.", "stated", "C"),
        ("The final answer is: B", "stated", "B"),
        ("Answer: B. blue bird", "stated", "B"),
        ("**Answer:** (B)", "stated", "B"),
        ("The correct option is option B", "stated", "B"),
        ("The best answer to this question is B because the sky is.", "stated", "B"),
        ("The answer is the blue bird.", "stated", "B"),
        ("The answers are hard to tell, but the answer is (A) and (C).", "stated", "A,C"),
        (r"So $\boxed{\text{(D)}}$", "in_a_box", "D"),
        ("(A) is wrong. (B) is the correct answer, as (C) is red.", "is_correct", "B"),
        ("Let me think.\n\nC", "lone_line", "C"),
        ("B", "lone_line", "B"),
        ("B) It is the blue one, unlike A.", "leading", "B"),
        ("(C) since it is so", "leading", "C"),
        ("Of (A), (B) and (C) much can be said.\nI would go for (D).", "bracketed", "D"),
        ("It must be the blue bird, I think.", "option_text", "B"),
        ("The answer is (B).\nA is the best known option", "stated", "B"),
        ("B is the best.", "is_correct", "B"),
    ],
)
def test_a_letter_is_read_by_the_rule_that_fits(reply: str, rule: str, value: str) -> None:
    found = extract(an_item(), reply)
    assert found is not None
    assert (found.rule, found.value) == (rule, value)


@pytest.mark.parametrize(
    "reply",
    [
        "A bird came by. I cannot say.",
        "The answer is A matter of taste",
        "The answer is not (B).",
        "C is the right to vote.",
        "Either (A) or (B).",
        "Look at (B): it is wrong.\nSo the answer is (None of the above).",
        "The answer is (Z).",
        "I think that no option fits.",
        "",
        "   \n",
    ],
)
def test_where_no_option_is_chosen_none_is_read(reply: str) -> None:
    assert extract(an_item(), reply) is None


def test_the_span_is_where_the_answer_stands() -> None:
    reply = "Long thought. The answer is (B). Goodbye."
    found = extract(an_item(), reply)
    assert found is not None
    assert reply[slice(*found.span)] == "answer is (B)"


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("She pays $16.00.", "16"),
        ("8,000 - 0 = 8,000", "8000"),
        ("#### 18", "18"),
        ("A: 18", "18"),
        ("The answer is 18 eggs, which is 3 more than 15.", "18"),
        ("The answer is 12.\nCorrection: the answer is 18.", "18"),
        (r"\boxed{3/4}, so 0.75 of 100", "0.75"),
        (r"\boxed{\frac{36}{2}}", "18"),
        (r"\boxed{8{,}000}", "8000"),
        ("It is 1.5e3", "1500"),
        ("so it is 3/4", "0.75"),
        ("The answer is 5 + 3 = 8.", "8"),
        ("The answer is 5 apples + 3 apples = $8.00", "8"),
        (r"The answer is 2 \times (3 + 1) = 2 * 4 = 8", "8"),
        ("The answer is 18 since 3*4=12", "18"),
        ("It fell by -2.5 degrees", "-2.5"),
    ],
)
def test_numbers_are_read_and_compared_by_value(reply: str, value: str) -> None:
    item = an_item("number", value)
    found = extract(item, reply)
    assert found is not None
    assert correct(item, found.value)


def test_words_sequences_and_formulas_have_rules_of_their_own() -> None:
    words = an_item("word", "Yes", ("Yes", "No"))
    for reply in (
        "Yes.",
        "No doubt about it: the answer is Yes",
        "Yes, as nobody said no",
        "**Answer: yes**",
    ):
        assert grade(words, Reply(reply))["score"] == 1, reply
    assert grade(words, Reply("Nobody noticed."))["status"] == "no_answer"
    validity = an_item("word", "valid", ("valid", "invalid"))
    assert grade(validity, Reply("The argument is not valid."))["status"] == "no_answer"
    assert grade(validity, Reply("That is not so. The argument is valid."))["score"] == 1
    listed = an_item("sequence", "ant bee cat", ())
    assert grade(listed, Reply("Sorted:\nant, bee, cat"))["score"] == 1
    assert grade(an_item("sequence", "] )", ()), Reply("So the answer is ] )."))["score"] == 1
    assert grade(an_item("math", r"\frac{3}{4}", ()), Reply(r"Hence $x = \boxed{\dfrac34}$."))["score"] == 1


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (r"\dfrac{1}{2}", "0.5"),
        ("(3, 4]", "(3,4]"),
        (r"x=5", "5"),
        (r"\sqrt3", r"\sqrt{3}"),
        (r"90^\circ", "90"),
    ],
)
def test_formulas_are_equal_however_they_are_written(a: str, b: str) -> None:
    assert same_formula(a, b)
    assert not same_formula(a, b + "1")


@pytest.mark.parametrize(
    ("reply", "finish", "status", "score"),
    [
        ("The answer is B.", "stop", "scored", 1),
        ("The answer is C.", "stop", "scored", 0),
        ("Well.", "stop", "no_answer", 0),
        ("(B) it is, and (B) again, and so on", "length", "truncated", 0),
        ("The answer is B. The answer is B. The ans", "length", "scored", 1),
        ("", "too_long", "too_long", 0),
        ("", "failed", "not_measured", None),
    ],
)
def test_a_row_says_what_became_of_the_item(reply: str, finish: str, status: str, score: int | None) -> None:
    row = grade(an_item(), Reply(reply, finish))
    assert (row["status"], row["score"]) == (status, score)


def test_a_gold_answer_in_words_matches_the_letter_of_its_option() -> None:
    assert correct(an_item(gold="green bird"), "C")
    assert not correct(an_item(gold="green bird"), "B")
    assert not correct(an_item(), "A,B")
    assert not correct(an_item(gold="C", options=("A", "B", "D", "C")), "D")


def test_worked_replies_of_our_own_pairs_end_with_their_answer() -> None:
    text = an_item("text", "the Nile", ())
    assert grade(text, Reply("It is long. The answer is the Nile."))["score"] == 1
    assert grade(text, Reply("Nile"))["score"] == 1
    edit = an_item("exact", "It was late.\nWe went home.", ())
    assert grade(edit, Reply("It was late.\nWe went home."))["score"] == 1
    assert grade(edit, Reply("It was late.\nwe went home."))["score"] == 0


def test_hostile_replies_cost_nothing() -> None:
    begun = time.monotonic()
    for kind in ("letter", "number", "word", "sequence", "math", "text"):
        for reply in (
            "answer " * 8_000,
            "(A" * 25_000,
            "*" * 50_000,
            "\\boxed{" * 7_000,
            "answer is " * 5_000,
            "1+" * 25_000,
            "answer is 1" + " + 1 x" * 200 + "answer is (1 " * 3_000,
        ):
            grade(an_item(kind), Reply(reply))
    assert time.monotonic() - begun < 20
