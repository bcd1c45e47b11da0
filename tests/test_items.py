"""A list taken from a passage is believed where its values stand there and its author lists the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from genteach.generate.record import Record, Verdict
from genteach.generate.seeds import Seed
from genteach.generate.skills import load
from genteach.generate.tools.items import ItemField, Malformed, match, overlap, read, schema
from genteach.generate.verifiers.extraction import Extracted

PASSAGE = """In 1895 Wilhelm Röntgen saw the bones of his wife’s hand. Marie Curie, who coined the term radioactivity,
isolated radium in 1910 with André Debierne; the unit of 37 gigabecquerel was named in her honour. Lise Meitner
explained fission in 1939, four months after the experiment of Otto Hahn."""
SCHEMA = """who (copied): first and last name
year (copied): the year in four digits
field (one of: medicine | chemistry | physics): to which the text assigns it"""
ROWS = [
    ("Wilhelm Röntgen", "1895", "medicine"),
    ("Marie Curie", "1910", "chemistry"),
    ("Lise Meitner", "1939", "physics"),
]
NAMES: list[str] = ["who", "year", "field"]
ITEMS: list[dict[str, str]] = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
SEED = Seed("0" * 32, PASSAGE, "text", "doc", (0, len(PASSAGE)), "test", "CC0-1.0")


def written(items: list[dict[str, str]]) -> str:
    return json.dumps({"items": items}, ensure_ascii=False)


def judged(reply: str, answer: str = "", entry: str = "events", schema: str = SCHEMA) -> Verdict:
    """What the verifier says of a reply; "events" is an open kind, "named_entities" a closed one."""
    fields = {"passage": PASSAGE, "schema": schema, "answer": answer or written(ITEMS), "response": reply}
    record = Record.begin("text_extraction", SEED).with_fields(fields).at(entry)
    skill = load("text_extraction")
    [verify] = [verify for verify in skill.verify if isinstance(verify, Extracted)]
    verdict = asyncio.run(verify(record, skill.entry(entry), None))  # type: ignore[arg-type]
    assert verdict is not None and (verdict.accepted or verdict.detail)
    return verdict


TABLE = "\n".join(["| who | year | field |", "|---|---|---|", *(f"| {' | '.join(row)} |" for row in ROWS)])


@pytest.mark.parametrize(
    "reply",
    [
        written(ITEMS),
        f"```json\n{written(ITEMS)}\n```",
        f"Here is the list:\n\n{written(ITEMS)}\n\nTell me if you need more.",
        written(ITEMS[::-1]),
        TABLE,
        TABLE.replace("Marie Curie", "**Marie Curie**").replace("|---|", "|:-:|"),
        json.dumps({"items": [{**item, "year": int(item["year"])} for item in ITEMS]}),
    ],
)
def test_the_same_list_is_accepted_however_it_is_written(reply: str) -> None:
    verdict = judged(reply, entry="named_entities")
    assert (verdict.accepted, verdict.by, verdict.vote_share) == (True, "extracted_items", 1.0)


def corrupted() -> Iterator[tuple[str, str, str]]:
    """Every list with one fault of the kinds that readers make: what it is, the reply, the reason it is turned down."""
    for at, item in enumerate(ITEMS):
        rest = ITEMS[:at] + ITEMS[at + 1 :]
        yield "one is missing", written(rest), "lists_differ"
        yield "one is twice there", written([*ITEMS, item]), "lists_differ"
        yield "another year of the text", written([*rest, item | {"year": ROWS[at - 1][1]}]), "lists_differ"
        yield "another field", written([*rest, item | {"field": ROWS[at - 1][2]}]), "lists_differ"
        yield "shortened", written([*rest, item | {"who": item["who"].split()[1]}]), "lists_differ"
        yield "a digit", written([*rest, item | {"year": item["year"][:3] + "8"}]), "value_not_in_passage"
        yield "half a word", written([*rest, item | {"who": item["who"][1:]}]), "value_not_in_passage"
        yield "invented", written([*ITEMS, item | {"who": "Irène Joliot"}]), "value_not_in_passage"
        yield "swapped", written([*rest, item | {"field": item["year"]}]), "items_malformed"
        yield (
            "a key",
            written([*rest, {"name": item["who"]} | dict(list(item.items())[1:])]),
            "items_malformed",
        )
        yield "no key", written([*rest, {"who": item["who"]}]), "items_malformed"
    yield "nothing", written([]), "lists_differ"
    yield "another text", "I could not find any.", "items_malformed"
    yield "truncated", written(ITEMS)[:-20], "items_malformed"
    yield "a bare list", json.dumps(ITEMS), "items_malformed"
    yield "a ragged table", TABLE + "\n| Otto Hahn |", "items_malformed"


@pytest.mark.parametrize(("fault", "reply", "why"), list(corrupted()))
def test_a_list_with_one_fault_is_turned_down_for_it(fault: str, reply: str, why: str) -> None:
    assert judged(reply, entry="named_entities").reason == why, fault


def test_an_open_kind_allows_another_cut_of_a_span_and_one_item_of_four() -> None:
    longer = [dict(ITEMS[0], who="Röntgen saw"), *ITEMS[1:]]
    assert judged(written(longer), entry="named_entities").reason == "lists_differ"
    assert judged(written(longer)).accepted
    hahn = {"who": "Otto Hahn", "year": "", "field": "chemistry"}
    assert judged(written([*ITEMS, hahn])).vote_share == pytest.approx(6 / 7)
    assert judged(written(ITEMS), written([*ITEMS, hahn])).accepted
    assert judged(written([*ITEMS[:2], hahn])).reason == "lists_differ"
    assert judged(written(ITEMS[:2])).reason == "lists_differ"
    assert judged(written([*ITEMS, ITEMS[0]])).reason == "item_repeated"


def test_no_kind_is_so_open_that_two_lists_may_contradict_each_other() -> None:
    others = [{"who": who, "year": "", "field": "physics"} for who in ("Hahn", "radium", "fission")]
    one, other = ({"who": "André Debierne", "year": year, "field": "chemistry"} for year in ("1910", "1939"))
    wanted = written([*ITEMS, *others, one])
    assert judged(written([*ITEMS, *others]), wanted).accepted
    assert judged(written([*ITEMS, *others, other]), wanted).reason == "items_contradict"


def test_the_span_of_another_item_is_no_other_cut_of_this_one() -> None:
    fields = schema("a (copied): x\nb (copied): y")
    wanted = [{"a": "one", "b": "the unit of radium"}, {"a": "two", "b": "the unit of fission"}]
    swapped = [{"a": "one", "b": "the unit of fission"}, {"a": "two", "b": "the unit of radium"}]
    assert match(swapped, wanted, fields, 0.5).alike == 0
    assert match([{"a": "one", "b": "unit of radium"}], wanted, fields, 0.5).alike == 1


def test_an_author_who_lists_what_is_not_there_is_named() -> None:
    verdict = judged(written(ITEMS), written([ITEMS[0] | {"year": "1896"}, *ITEMS[1:]]))
    assert (verdict.reason, verdict.detail[:10]) == ("author_malformed", "the author")


def test_two_empty_lists_agree_and_an_empty_item_is_none() -> None:
    assert judged(written([]), written([])).accepted
    empty = {"who": "", "year": "", "field": "physics"}
    assert judged(written([*ITEMS, empty])).reason == "items_malformed"


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "who: a name",
        "who (found): a name",
        "year (normalised): YYYY",
        "who (copied): a name\nhow (one of: a): x",
        "a (copied): x\na (copied): y",
    ]
    + ["\n".join(f"f{n} (copied): x" for n in range(9))],
)
def test_what_is_no_schema_is_turned_down(lines: str) -> None:
    with pytest.raises(Malformed):
        schema(lines)


def test_a_schema_says_what_is_copied_and_which_values_there_are() -> None:
    lines = "- who (copied): a name\nhow (one of: a | b c): the way\nday (normalized to YYYY-MM-DD): when"
    assert schema(lines) == [
        ItemField("who", True),
        ItemField("how", False, ("a", "b c")),
        ItemField("day", False),
    ]


def test_null_and_an_empty_cell_are_the_same_absent_value() -> None:
    fields = schema("a (copied): x\nb (copied): y")
    assert read('{"items": [{"a": "x", "b": null}]}', fields) == read("| a | b |\n|---|---|\n| x | |", fields)
    assert read("| a | b |\n|---|---|\n| {x} | |", fields) == [{"a": "{x}", "b": ""}]


@pytest.mark.parametrize("value", ["[1]", '{"c": 1}', "true"])
def test_a_value_that_is_neither_text_nor_number_is_turned_down(value: str) -> None:
    with pytest.raises(Malformed):
        read(f'{{"items": [{{"a": {value}}}]}}', schema("a (copied): x"))


def test_spans_with_other_figures_have_nothing_in_common() -> None:
    assert overlap("about 5 mg of salt", "5 mg of salt") > 0.8
    assert overlap("5 mg of salt", "50 mg of salt") == 0
    fields = schema("a (copied): x")
    assert match([{"a": "5 mg of salt"}], [{"a": "50 mg of salt"}], fields, 0.5).f1 == 0


def test_hostile_json_is_turned_down_at_once() -> None:
    with pytest.raises(Malformed):
        read("{" * 100_000 + "}" * 100_000, schema("a (copied): x"))
