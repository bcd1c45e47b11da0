"""Passages are exact spans of whole paragraphs and definitions, whatever the document."""

import ast
import time

import pytest
from genteach.generate.seeds.passages import cut, sentences
from hypothesis import given, settings
from hypothesis import strategies as st

prose = st.lists(
    st.one_of(
        st.text(alphabet="ab cd.éß漢 \u200b", max_size=120),
        st.sampled_from(
            ["\n\n", "\n", "# A heading\n\n", "```\nx = 1\n\ny\n```\n\n", "As:\n\n- one\n\n", ". "]
        ),
    ),
    max_size=60,
).map("".join)
sizes = st.tuples(st.integers(1, 60), st.integers(0, 200)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(prose, st.sampled_from(["text", "code"]), sizes)
@settings(max_examples=300, deadline=None)
def test_every_passage_is_a_span_of_the_wanted_size_in_order(
    text: str, kind: str, size: tuple[int, int]
) -> None:
    smallest, largest = size
    spans = cut(text, kind, smallest, largest).spans
    assert all(smallest <= end - start <= largest for start, end in spans)
    assert all(before[1] <= after[0] for before, after in zip(spans, spans[1:], strict=False))


@given(prose, st.sampled_from(["text", "code"]), sizes)
@settings(max_examples=300, deadline=None)
def test_no_passage_begins_or_ends_inside_a_word(text: str, kind: str, size: tuple[int, int]) -> None:
    for start, end in cut(text, kind, *size).spans:
        assert text[start:end].strip()
        assert start == 0 or text[start - 1].isspace() or text[start].isspace()
        assert end == len(text) or text[end].isspace()


@given(st.lists(st.text(alphabet="abc ,", min_size=20, max_size=80).filter(str.strip), max_size=30))
@settings(deadline=None)
def test_where_paragraphs_fit_only_whole_paragraphs_are_taken(paragraphs: list[str]) -> None:
    paragraphs = [" ".join(paragraph.split()) for paragraph in paragraphs]
    text = "\n\n".join(paragraphs)
    for start, end in cut(text, "text", 1, 200).spans:
        assert all(part in paragraphs for part in text[start:end].split("\n\n"))


def test_nothing_is_lost_where_everything_fits() -> None:
    text = "\n\n".join(f"Paragraph {number} says a little." for number in range(200))
    found = cut(text, "text", 100, 300)
    assert found.too_short == found.unbroken == 0
    assert "\n\n".join(text[start:end] for start, end in found.spans) == text


def test_a_heading_stays_with_what_follows() -> None:
    text = "\n\n".join(f"# Part {number}\n\n{'Some words here. ' * 5}".strip() for number in range(9))
    for start, end in cut(text, "text", 50, 200).spans:
        assert text[start:end].startswith("# Part")
        assert text[start:end].endswith("here.")


def test_a_long_paragraph_is_cut_at_sentence_ends_into_similar_parts() -> None:
    text = " ".join(f"Sentence number {number} is here, e.g. for Dr. Who." for number in range(20))
    spans = cut(text, "text", 100, 400).spans
    assert len(spans) > 1
    assert all(text[start:end].startswith("Sentence") and text[end - 1] == "." for start, end in spans)
    lengths = [end - start for start, end in spans]
    assert min(lengths) > max(lengths) / 2


def test_sentences_do_not_end_at_abbreviations_and_initials() -> None:
    text = 'Mr. Smith met J. Doe (see Fig. 3). "Was it 3.5 m?" he asked. It was, e.g. on Monday. 終わり。次。'
    found = [text[start:end] for start, end in sentences(text, 0, len(text))]
    expected = ["Mr. Smith met J. Doe (see Fig. 3).", '"Was it 3.5 m?" he asked.', "It was, e.g. on Monday."]
    assert found == [*expected, "終わり。", "次。"]


def test_a_remainder_joins_the_passage_before_it_or_is_counted() -> None:
    long = "word " * 30
    assert cut(f"{long.strip()}. Yes.\n\nShort.", "text", 50, 200).spans[-1][1] == len(long) + 14 - 1
    alone = cut("Short.", "text", 50, 200)
    assert (alone.spans, alone.too_short) == ([], 1)


def test_an_unbroken_run_is_left_out_and_counted() -> None:
    text = f"{'A good sentence stands here. ' * 5}\n\n{'x' * 5000}\n\n{'Another one follows it. ' * 5}"
    found = cut(text, "text", 50, 200)
    assert found.unbroken == 1
    assert len(found.spans) == 2


CODE = '''"""A module."""

import os


# What it is for.
@decorated(
    with_argument=1,
)
def first(a):
    """Say it.

    Twice.
    """
    return os.path.join(a)


class Big:
    """A class."""

    x = 1

    @property
    def second(self):
        return self.x

    async def third(self):
        for i in range(10):
            yield i
'''


@pytest.mark.parametrize("largest", [170, 400])
def test_code_is_cut_between_definitions_with_their_decorators_and_comments(largest: int) -> None:
    spans = cut(CODE, "code", 1, largest).spans
    passages = [CODE[start:end] for start, end in spans]
    first = next(passage for passage in passages if "def first" in passage)
    assert first.index("# What it is for.") < first.index("@decorated") < first.index("return os.path")
    second = next(passage for passage in passages if "def second" in passage)
    assert "@property" in second
    assert "return self.x" in second


def test_a_passage_of_python_keeps_its_indentation() -> None:
    for start, end in cut(CODE, "code", 1, 100).spans:
        assert CODE[start:end] == CODE[start:end].strip("\n")
        assert CODE[start - 1 : start] in ("", "\n")


def test_code_in_other_languages_is_cut_where_a_line_begins_at_the_margin() -> None:
    function = "int f%d(int a) {\n    int b = a;\n\n    return b;\n}"
    text = "\n\n".join(function % number for number in range(8))
    with pytest.raises(SyntaxError):
        ast.parse(text)
    for start, end in cut(text, "code", 1, 120).spans:
        assert text[start:end].startswith("int f")
        assert text[start:end].endswith("}")


@pytest.mark.parametrize(
    "text",
    ["a\n\n" * 99_999, " " * 999_999, "x:\n\n" * 99_999, "```\n\n" * 99_999, "(" * 99_999, "a. B" * 99_999],
    ids=["tiny paragraphs", "spaces", "colons", "fences", "brackets", "no space"],
)
@pytest.mark.parametrize("kind", ["text", "code"])
def test_hostile_documents_take_time_in_proportion_to_their_length(text: str, kind: str) -> None:
    began = time.monotonic()
    cut(text, kind, 150, 400)
    assert time.monotonic() - began < 10
