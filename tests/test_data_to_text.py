"""What is told about data is held against them: every figure, and every value that had to be named."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from fractions import Fraction
from itertools import combinations
from random import Random

import pytest
from genteach.generate.flow import Verifier
from genteach.generate.record import Record
from genteach.generate.reply import Declined
from genteach.generate.seeds import Seed
from genteach.generate.skills import load
from genteach.generate.skills.offline import data_to_text as rules
from genteach.generate.tools.answers import arithmetic
from genteach.generate.tools.tables import MAX_CHARACTERS, Malformed, figures, table
from genteach.generate.verifiers import from_data, mentioned

CSV = """ward,patients 2024,"cost, USD",change %
North,84,"12,400.50",-3.5
South,120,31900,12
East,65,,0.8
West,48,8125,-17.2"""
MARKDOWN = """| Item | 2023 | 2024 |
|:---|---:|---:|
| Fees | $4,100 | $5,330 |
| Rent | -2,900 | -3,050 |
| **Result** | 1,200 | 2,280 |"""
JSON = '[{"name": "a", "mass kg": 12.5, "legs": 4}, {"name": "b", "mass kg": null, "legs": 6}]'
LOG = "2024-03-11 07:58 pump INFO flow 41 l/min\n2024-03-11 08:20 pump ALARM flow 17 l/min"
SKILL = load("data_to_text")


def finished(
    response: str, data: str = CSV, notation: str = "csv_table", entry: str = "report", **fields: str
) -> Record:
    seed = Seed("0" * 32, data, "text", "doc", (0, len(data)), "test", "CC0-1.0")
    written = {
        "passage": data,
        "transformation": notation,
        "instruction": "Report on the four wards.",
        "response": response,
    }
    return Record.begin("data_to_text", seed).with_fields(written | fields).at(entry)


def reason(verify: Verifier, record: Record) -> str | None:
    """Why a verifier turns the record down; "" where it accepts, None where it has nothing to say."""
    verdict = asyncio.run(verify(record, SKILL.entry(record.entry), None))  # type: ignore[arg-type]
    assert verdict is None or verdict.accepted or verdict.detail
    return verdict and verdict.reason


@pytest.mark.parametrize(
    ("text", "notation", "rows", "known"),
    [
        (CSV, "csv_table", 4, {2024, 84, Fraction("12400.5"), Fraction("3.5"), 31900}),
        (MARKDOWN, "financial_statement", 3, {2023, 4100, 2900, 2280}),
        (JSON, "json_records", 2, {Fraction("12.5"), 4, 6}),
        (LOG, "event_log", 2, {2024, 3, 11, 7, 58, 41, 17}),
    ],
)
def test_each_notation_is_read_with_all_its_figures(
    text: str, notation: str, rows: int, known: set[Fraction]
) -> None:
    data = table(text, notation)
    assert len(data.rows) == rows and known <= data.known


@pytest.mark.parametrize(
    ("text", "notation"),
    [
        (CSV + "\nNorth,1", "csv_table"),
        ("a,b\n1,2", "csv_table"),
        ('a,b\n1,"2\n3,4', "csv_table"),
        ("only one column\n1\n2", "csv_table"),
        (MARKDOWN.replace("|:---|---:|---:|\n", ""), "markdown_table"),
        (MARKDOWN + "\n| Tax | 3 |", "markdown_table"),
        ("There is no table.", "markdown_table"),
        (JSON[:-5], "json_records"),
        ('{"a": 1}', "json_records"),
        ("[1, 2]", "json_records"),
        ("[" * 50_000, "json_records"),
        ("", "timeline"),
        ("1 2\n" * MAX_CHARACTERS, "timeline"),
    ],
)
def test_what_is_no_data_is_turned_down(text: str, notation: str) -> None:
    with pytest.raises(Malformed):
        table(text, notation)
    assert reason(from_data, finished("Nothing of note.", text, notation)) == "data_malformed"


@pytest.mark.parametrize(
    "told",
    [
        "South has 120 patients and costs $31,900.",
        "In 2024 West fell by 17.2 %.",  # without its sign
        "All 4 wards together have 317 patients.",  # the sum of a column
        "That is 79.25 patients on average, or about 79.",  # its mean
        "North has 36 patients fewer than South.",  # a difference
        "South has 37.9 % of all patients.",  # a share of the column
        "South is 2.5 times as large as West.",  # a ratio
        "South spends 293 % more than West.",  # a change: (31,900 - 8,125) / 8,125
        "3 wards of 4, that is 75 %, report a cost.",  # a count, and the share of the rows
        "South costs about 31.9 thousand dollars.",
        "1. South\n2. West\n3. East\n4. North\n5) nothing else",  # numbers of a list
    ],
)
def test_a_figure_of_the_data_or_one_step_away_is_believed(told: str) -> None:
    assert reason(from_data, finished(told)) in ("", None)


@pytest.mark.parametrize(
    "told",
    [
        "South has 121 patients.",
        "All wards together have 318 patients.",
        "In 2023 South grew.",
        "West fell by 17.3 %.",
        "South has 38.1 % of all patients.",
        "South is 2.9 times as large as West.",
        "South is 293 patients larger than West.",  # true as per cent only
        "The 6 wards differ.",
        "South costs about 32.1 thousand dollars.",
        "North, South and East have 269 + 1 patients.",
    ],
)
def test_a_figure_that_is_neither_is_turned_down(told: str) -> None:
    assert reason(from_data, finished(told)) == "figure_not_from_data"


def test_of_wrong_figures_few_pass_by_chance() -> None:
    """Each figure of a right report, made wrong in a hundred ways: what passes is a small number by chance."""
    right = (
        "South has 120 patients, 37.9 % of the total of 317, and costs 31,900 dollars; West fell by 17.2 %."
    )
    assert reason(from_data, finished(right)) == ""
    draw, wrong, passed = Random(4), 0, 0
    for figure in figures(right):
        for _ in range(100):
            other = figure.value * Fraction(draw.randrange(20, 300), 100)
            shown = f"{float(other):.1f}" if figure.unit < 1 else str(round(other))
            if Fraction(shown) != figure.value:
                wrong += 1
                passed += reason(from_data, finished(right.replace(figure.written.strip(), shown, 1))) == ""
    assert wrong > 400 and passed / wrong < 0.1


def test_a_reply_without_figures_is_not_verified_by_them() -> None:
    assert reason(from_data, finished("South leads.")) is None


def test_the_steps_of_a_worked_answer_may_lead_further_and_those_of_a_report_not() -> None:
    worked = "84 + 120 + 65 = 269, 269 * 2 = 538. The answer is 538."
    asked = {"expression": "(84+120+65)*2", "answer": "538"}
    assert reason(from_data, finished(worked, entry="count", **asked)) == ""
    assert reason(from_data, finished(worked.replace("538", "540"), entry="count", **asked)) is not None
    assert reason(from_data, finished(worked)) == "figure_not_from_data"


def test_figures_that_the_assignment_gives_may_be_repeated() -> None:
    told = finished("No ward is above the limit of 500 patients.", instruction="The limit is 500.")
    assert reason(from_data, told) == ""


@pytest.mark.parametrize(
    ("values", "told", "why"),
    [
        ("120\nWest", "South has 120 patients, west fewer.", ""),
        ("31900", "South costs $31,900.", ""),
        ("-17.2", "It fell by 17.2 percent.", ""),
        ("120\nWest", "South has 120 patients.", "value_not_mentioned"),
        ("120", "South has 1200 patients.", "value_not_mentioned"),
        ("West", "The western ward is small.", "value_not_mentioned"),
        ("121", "South has 121 patients.", "value_not_in_data"),
        ("Centre", "Centre has none.", "value_not_in_data"),
        ("none", "South leads.", None),
    ],
)
def test_the_values_that_the_author_wants_are_in_the_data_and_in_the_reply(
    values: str, told: str, why: str | None
) -> None:
    assert reason(mentioned, finished(told, must_mention=values)) == why


def test_the_rules_count_and_reckon_rightly_on_real_text() -> None:
    from pydoc_data.topics import topics

    told: dict[str, list[set[str]]] = {}
    for name in sorted(topics)[::3]:
        document = topics[name][:2600]
        try:
            data = rules.RULES["csv_table"]({"document": document}, Random(1))["passage"]
        except Declined:
            continue
        rows = list(csv.DictReader(io.StringIO(data)))
        words = [word.lower() for word in re.findall(r"(?<![\w’'-])[A-Za-z]+(?![\w’'-])", document)]
        assert all(words.count(row["word"]) == int(row["times"]) for row in rows)
        for entry, (question, _, expression, answer) in rules.tasks(data).items():
            assert not expression or arithmetic(expression) == int(answer)
            reply = rules.RULES["write"]({"passage": data, "instruction": question}, Random(1))
            assert reply.endswith(f"The answer is {answer}.")
            told.setdefault(entry, []).append(set(re.findall(r"\w+", reply.lower())))
    assert set(told) == set(rules.RULES) - {"csv_table", "write"}
    for replies in told.values():  # some of these texts repeat others, and so do their tables
        pairs = list(combinations(replies, 2))
        alike = sum(2 * len(one & other) > max(len(one), len(other)) for one, other in pairs)
        assert alike <= len(pairs) / 50
