"""A right answer is believed for a reason that code can show; a wrong one is rejected with a reason that people can read."""

from __future__ import annotations

import asyncio

import pytest
from genteach.generate.agent import Agent
from genteach.generate.flow import Entry, Rejected, Verifier
from genteach.generate.record import Record, Verdict
from genteach.generate.reply import Declined
from genteach.generate.seeds import Seed
from genteach.generate.tools import constraints
from genteach.generate.verifiers import (
    NOT_STATED,
    Reviewed,
    agreed,
    checked,
    computed,
    excerpt_of,
    extractive,
    located,
    quoted,
    reviewer,
)
from genteach.generate.verifiers.evidence import stands

PASSAGE = "The heart has four chambers.\nIt beats about 70 times a\nminute, says “the manual”."
SEED = Seed("0" * 32, PASSAGE, "text", "doc", (0, len(PASSAGE)), "test", "CC0-1.0")
ASKER = Agent("asker", "A teacher.", "Ask.")


def record(**fields: str) -> Record:
    return Record.begin("skill", SEED).with_fields({"passage": PASSAGE, **fields})


def entry(match: str, name: str = "entry") -> Entry:
    return Entry(name, ASKER, "any question", match=match)  # type: ignore[arg-type]


class Reviews:
    """A context whose teacher gives one review, or raises."""

    def __init__(self, *said: str | Exception) -> None:
        self.said = said

    async def ask(self, agent: Agent, record: Record) -> list[Record]:
        if isinstance(self.said[0], Exception):
            raise self.said[0]
        return [record.with_fields(dict(zip(agent.form.names, map(str, self.said), strict=True)))]


def verdict(verify: Verifier, record: Record, entry: Entry, ctx: Reviews | None = None) -> Verdict | None:
    return asyncio.run(verify(record, entry, ctx))  # type: ignore[arg-type]


def reason(verify: Verifier, record: Record, entry: Entry, ctx: Reviews | None = None) -> str:
    said = verdict(verify, record, entry, ctx)
    assert said is not None and said.by and (said.accepted or said.detail), (
        "a rejection says why in a line for people"
    )
    return "" if said.accepted else said.reason


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("four chambers", True),
        ("70 times a minute", True),
        ('says "the manual"', True),
        ("Four chambers", False),
    ]
    + [("four rooms", False), ("chambers. It beats", True)],
)
def test_a_quotation_is_located_over_line_breaks_and_shapes_of_quotation_marks(
    quote: str, found: bool
) -> None:
    assert located(quote, PASSAGE) is found


@pytest.mark.parametrize(
    ("evidence", "why"),
    [
        ("The heart has four chambers.", ""),
        ('"The heart has four chambers."\n"about 70 times a minute"', ""),
        ("The heart has three chambers.", "evidence_not_found"),
        ("The heart has four chambers.\nIt rests at night.", "evidence_not_found"),
        ("heart", "evidence_not_found"),
        ('""', "evidence_not_found"),
    ],
)
def test_evidence_stands_in_the_passage_word_for_word(evidence: str, why: str) -> None:
    assert reason(quoted, record(evidence=evidence, answer="four"), entry("text")) == why


def test_what_is_not_stated_has_gone_from_the_passage() -> None:
    gone = record(evidence="The heart has three chambers.", answer=NOT_STATED)
    assert reason(quoted, gone, entry("text")) == ""
    for evidence in ("The heart has four chambers.", '"Nobody says this."\n"It beats about 70 times"'):
        kept = record(evidence=evidence, answer=NOT_STATED)
        assert reason(quoted, kept, entry("text")) == "evidence_remains"


@pytest.mark.parametrize(
    ("match", "answer", "response", "why"),
    [
        ("text", "four", "It says four. The answer is Four.", ""),
        ("text", "four", "It says four. The answer is three.", "answers_disagree"),
        ("text", "four", "It has four.", "no_final_answer"),
        ("number", "1,200", "600 + 600 = 1200. The answer is 1200 miles.", ""),
        ("number", "1200", "The answer is 1201.", "answers_disagree"),
        ("exact", "A b c.", "A  b c.\n", ""),
        ("exact", "A b c.", "a b c.", "answers_disagree"),
        ("number", NOT_STATED, f"The answer is {NOT_STATED}.", ""),
        ("number", NOT_STATED, "The answer is 4.", "answers_disagree"),
    ],
)
def test_the_reply_and_the_author_agree(match: str, answer: str, response: str, why: str) -> None:
    assert reason(agreed, record(answer=answer, response=response), entry(match)) == why


def test_agreement_has_nothing_to_say_of_what_is_judged() -> None:
    assert verdict(agreed, record(answer="four", response="five"), entry("judge")) is None


@pytest.mark.parametrize(
    ("expression", "answer", "response", "why"),
    [
        ("(3+4)*2", "14", "3 + 4 = 7, 7 * 2 = 14. The answer is 14.", ""),
        ("(3+4)*2", "15", "3 + 4 = 7, 7 * 2 = 15. The answer is 15.", "expression_disagrees"),
        ("(3+4)*2", "14", "3 + 4 = 8, 8 * 2 = 16, but the answer is 14.", "wrong_step"),
        ("10/3", "3.33", "10 / 3 = 3.33. The answer is 3.33.", ""),
        ("__import__('os').getpid()", "14", "The answer is 14.", "expression_disagrees"),
        ("9**9**9**9", "14", "The answer is 14.", "expression_disagrees"),
    ],
)
def test_a_problem_is_computed_and_each_step_holds(
    expression: str, answer: str, response: str, why: str
) -> None:
    problem = record(expression=expression, answer=answer, response=response)
    assert reason(computed, problem, entry("number")) == why


def test_an_expression_that_is_the_answer_once_more_says_nothing() -> None:
    problem = record(expression="14", answer="14", response="3 + 4 = 7. The answer is 14.")
    assert verdict(computed, problem, entry("number")) is None
    assert reason(computed, record(expression="15", answer="14", response=""), entry("number"))


def test_an_extractive_answer_is_words_of_the_evidence() -> None:
    verify = extractive("literal")
    right = record(evidence="The heart has four chambers.", answer="Four chambers")
    assert reason(verify, right, entry("text", "literal")) == ""
    wrong = record(evidence="The heart has four chambers.", answer="three")
    assert reason(verify, wrong, entry("text", "literal")) == "answer_not_in_evidence"
    assert verdict(verify, wrong, entry("text", "inference")) is None


def test_words_stand_only_where_they_are_whole() -> None:
    found = [("rat", "The rat's strategy"), ("16 km", "after 16\nkm."), ("(a)", "so (a)b")]
    assert all(stands(*each) for each in found)
    assert not any(stands(*each) for each in [("rat", "a strategy"), ("6 km", "16 km"), ("", "a")])


def test_an_excerpt_is_a_piece_of_the_passage() -> None:
    assert (
        reason(excerpt_of("passage"), record(text="It beats about 70 times a minute"), entry("exact")) == ""
    )
    assert reason(excerpt_of("passage"), record(text="It beats 80 times"), entry("exact")) == "text_not_found"


@pytest.mark.parametrize("mark", [" … ", "\n", "... "])
def test_several_pieces_may_be_copied_where_that_is_allowed(mark: str) -> None:
    two, in_pieces = f"four chambers{mark}It beats", excerpt_of("passage", in_pieces=True)
    assert reason(in_pieces, record(text=two), entry("text")) == ""
    assert reason(in_pieces, record(text=f"{two} 80 times"), entry("text")) == "text_not_found"
    assert reason(excerpt_of("passage"), record(text=two), entry("text")) == "text_not_found"


@pytest.mark.parametrize(
    ("checks", "why"),
    [
        ("none", None),
        ("max_words: 6\ncontains: brave heart", ""),
        ("max_words: 3", "constraint_broken"),
        ("rhymes: yes", "unknown_check"),
        ("max_words: many", "unknown_check"),
    ],
)
def test_the_checks_of_an_instruction_are_tested_against_the_reply(checks: str, why: str | None) -> None:
    reply = record(checks=checks, response="Be of brave heart.")
    said = verdict(checked, reply, entry("judge"))
    assert (said and said.reason) == why


REVIEWED = Reviewed(reviewer("Task: judge $response", "the words"))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("The heart has four chambers", "holds"), ""),
        (("heart", "holds"), "review_not_grounded"),
        (("The heart has nine chambers", "holds"), "review_not_grounded"),
        (("The heart has four chambers", "fails"), "reply_does_not_hold"),
        (("The heart has four chambers", "perhaps"), "reply_does_not_hold"),
        ((Declined("no reply"),), "reviewer_declined"),
        ((Rejected("reviewer", "unreadable_reply", "no <item>"),), "review_unreadable_reply"),
    ],
)
def test_a_review_counts_when_its_quotation_is_there(said: tuple[str | Exception, ...], why: str) -> None:
    assert reason(REVIEWED, record(response="Four."), entry("judge"), Reviews(*said)) == why


def test_a_problem_that_asks_for_a_rounded_answer_gets_one() -> None:
    facts = {"expression": "10/3", "answer": "3", "response": "10 / 3 = 3.33. The answer is 3."}
    exact = record(**facts, question="How many metres is each?")
    rounded = record(**facts, question="How many metres is each, rounded to the nearest metre?")
    assert reason(computed, exact, entry("number")) == "expression_disagrees"
    assert reason(computed, rounded, entry("number")) == ""
    assert reason(computed, rounded.with_fields({"answer": "4"}), entry("number")) == "expression_disagrees"


def test_a_reviewer_is_not_asked_what_code_can_tell() -> None:
    assert (
        verdict(REVIEWED, record(response="Four."), entry("text"), Reviews(AssertionError("asked"))) is None
    )


@pytest.mark.parametrize(
    ("check", "kept", "broken"),
    [
        ("equals: A cat.", "A cat.", "A  dog."),
        ("contains: cat", "My Cat.", "My category."),
        ("lacks: cat", "My category.", "My cat."),
        ("contains: [NAME]", "Dear [NAME]!", "Dear NAME!"),
        ("starts_with: Dear", "Dear Ann", "Oh dear"),
        ("ends_with: !", "Stop!", "Stop."),
        ("upper", "STOP 7!", "Stop"),
        ("lower", "stop 7!", "Stop"),
        ("words: 3", "it's well-known here", "one two"),
        ("max_words: 2", "one two", "one two three"),
        ("min_words: 2", "one two", "one"),
        ("max_characters: 5", " abcde ", "abcdef"),
        ("sentences: 2", "It rains. “So what?”", "It rains."),
        ("lines: 2", "a\n\nb", "a"),
        ("bullets: 2", "- a\n* b", "- a"),
        ("starts_each_sentence_with: a", "All is well. “And so?”", "All is well. So?"),
        ("starts_each_sentence_with: We", "We go. We stay.", "We go. Weeds stay."),
        ("starts_each_line_with: >", "> a\n> b", "> a\nb"),
        ("starts_each_word_with: b", "Big bad Bob", "Big mad Bob"),
        ("lacks_letter: e", "A cat", "A bEe"),
    ],
)
def test_each_constraint_of_the_vocabulary_tells_kept_from_broken(check: str, kept: str, broken: str) -> None:
    [parsed] = constraints.parse(check)
    assert str(parsed) == check
    assert parsed.holds(kept)
    assert not parsed.holds(broken)
    assert f"- {check.partition(':')[0]}" in constraints.vocabulary()


@pytest.mark.parametrize(
    "line", ["", "words", "words: -1", "upper: yes", "starts_each_word_with: ab", "lacks_letter: 7"]
)
def test_a_line_outside_the_vocabulary_is_refused(line: str) -> None:
    if not line:
        assert constraints.parse(line) == []
        return
    with pytest.raises(constraints.Unknown, match=line.partition(":")[0]):
        constraints.parse(line)


def test_hostile_checks_cost_nothing() -> None:
    with pytest.raises(constraints.Unknown, match="at most"):
        constraints.parse("upper\n" * 1000)
    [check] = constraints.parse(f"contains: {'(a+)+$' * 50}")
    assert not check.holds("a" * 50_000)


@pytest.mark.parametrize(
    ("check", "kept", "broken"),
    [
        ("lacks_words: sea, blue sky", "Seas and a sky of blue.", "A Blue Sky."),
        ("occurs: 2 sea", "Sea, O sea! Seaside.", "The sea."),
        ("occurs: 0 old man", "The man is old.", "The Old Man."),
        ("title", "# The Tide\n\nIt comes.", "The Tide\n\nIt comes."),
        ("title", "# The Tide\nIt comes.", "# The Tide\n"),
        ("paragraphs: 2", "# T\n\na\nb\n \nc", "# T\n\na\nb"),
        ("lines_per_stanza: 2", "# T\n\na\nb\n\n\nc\nd\n", "a\nb\n\nc"),
        ("lines_per_stanza: 2", "a\nb", ""),
        ("max_words_per_line: 2", "# A long title here\n\none two\nthree", "one two three"),
        ("max_words_per_sentence: 3", "It is cold. It snows.", "It snows. It is very cold."),
        ("each_line_has: sea", "# T\nThe sea\nO sea, gone", "The sea\nThe season"),
        ("each_line_has: sea", "sea", ""),
        ("ends_each_line_with: gain", "# T\nNo gain,\nAnd Gain!", "No gain\nregain"),
        ("ends_each_line_with: ?", "Who?\nWhy? ", "Who?\nMe."),
        ("ends_each_stanza_with: so they say", "a\nso they say.\n\nb\nSo they say!", "a\nso they say\n\nb"),
        ("acrostic: TIDE", "# Low\n\n“The\nice\nDid\neat", "The\nice\nate\nDid"),
        ("acrostic: TIDE", "The\nice\nDid\neat", "The\nice\nDid\neat\nus"),
        (
            "speeches: 3",
            "ANN: Go.\nBob (aside): No.\n\n**Ann:** At 9:30, go.",
            "ANN: Go.\nShe leaves at 9: late.",
        ),
        ("speakers: 2", "ANN: Go.\nBob: No.\nAnn: Go!", "ANN: Go.\nBob: No.\nCy: Oh."),
    ],
)
def test_each_constraint_on_creative_work_tells_kept_from_broken(check: str, kept: str, broken: str) -> None:
    [parsed] = constraints.parse(check)
    assert str(parsed) == check
    assert parsed.holds(kept)
    assert not parsed.holds(broken)
    assert f"- {check.partition(':')[0]}" in constraints.vocabulary()


@pytest.mark.parametrize(
    "line",
    ["occurs: sea", "occurs: 2", "title: The Tide", "acrostic: T", "acrostic: two words", "speakers: two"],
)
def test_a_constraint_on_creative_work_is_refused_where_it_is_written_wrongly(line: str) -> None:
    with pytest.raises(constraints.Unknown, match=f"^'{line.partition(':')[0]}"):
        constraints.parse(line)


def test_hostile_texts_cost_a_constraint_nothing() -> None:
    lines = [
        "title",
        "acrostic: AB",
        "speeches: 1",
        "ends_each_line_with: x",
        "paragraphs: 1",
        "occurs: 1 a a",
    ]
    for text in (
        "#" * 100_000,
        "A" * 100_000,
        "\n \t" * 50_000,
        "A (" * 50_000,
        "a: " * 50_000,
        "*A" * 50_000,
    ):
        for check in constraints.parse("\n".join(lines)):
            check.holds(text)
