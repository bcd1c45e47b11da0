"""The index finds a seed by its words, leaves out the one that is walked, and takes any query for words."""

from __future__ import annotations

import asyncio
import sqlite3
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from genteach.generate.seeds import Seed
from genteach.generate.tools import search
from genteach.generate.tools.search import LONGEST_QUERY, SeedIndex
from hypothesis import given
from hypothesis import strategies as st

TEXTS = {
    "heart": "The heart has four chambers, and the valves between them keep the blood from flowing back.",
    "lung": "The lung takes oxygen into the blood; the heart drives the blood through it.",
    "cafe": "In the Café Ödön they weighed the crème brûlée of Dvořák: ninety-nine grams, snake_case and all.",
    "greek": "ΟΔΥΣΣΕΥΣ came home to Ithaca.",
    "moon": "The moon has no atmosphere AND NOT a drop of water, OR so they thought NEAR the turn of the century.",
}
SEEDS = [
    Seed(name, text, "text", f"book/{name}", (3, 3 + len(text)), "tests", "CC0-1.0")
    for name, text in TEXTS.items()
]
HOSTILE = [
    '"',
    '""" OR "',
    "'; DROP TABLE seeds; --",
    "text : heart",
    "{text id} : moon",
    "heart NEAR(",
    "NEAR(moon water, 2)",
    "heart*",
    "^heart",
    "-heart +lung",
    "OR NOT NEAR",
    "heart AND (",
    "a\0b heart\0",
    "\x1f\ud800 heart",
    "%s ? ?1 :name @x $y",
    "(" * 5000,
]


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeedIndex]:
    path = tmp_path_factory.mktemp("index") / "index.sqlite"
    SeedIndex.build(path, SEEDS)
    index = SeedIndex(path)
    yield index
    index.close()


def names(index: SeedIndex, query: str, count: int = 5, but: str = "") -> list[str]:
    return [seed.id for seed in asyncio.run(index.search(query, count, but))]


def test_a_seed_comes_back_whole(index: SeedIndex) -> None:
    assert asyncio.run(index.search("chambers", 1)) == [SEEDS[0]]


def test_the_best_fit_comes_first_and_no_more_than_were_asked_for(index: SeedIndex) -> None:
    assert names(index, "oxygen of blood, past valves?") == ["lung", "heart"]
    assert names(index, "valves, heart?") == ["heart", "lung"]
    assert names(index, "valves, heart?", 1) == ["heart"]
    assert names(index, "volcanoes of Iceland") == []


def test_the_seed_that_is_walked_is_left_out_and_its_own_words_crowd_out_no_others(index: SeedIndex) -> None:
    assert names(index, TEXTS["heart"], but="heart")[0] == "lung"
    assert "heart" not in names(index, TEXTS["heart"], but="heart")
    assert names(index, TEXTS["greek"], but="greek") == []


@pytest.mark.parametrize(
    "query", ["CAFÉ", "cafe", "Cafe\u0301", "Odon", "dvorak", "BRULEE", "snake", "snake_case"]
)
def test_case_accents_and_underscores_do_not_hide_a_word(index: SeedIndex, query: str) -> None:
    assert names(index, query) == ["cafe"]


def test_a_word_is_found_in_any_case_of_any_script(index: SeedIndex) -> None:
    assert names(index, "ΟΔΥΣΣΕΥΣ") == ["greek"]


@pytest.mark.parametrize("query", HOSTILE)
def test_operators_and_odd_characters_are_no_syntax(index: SeedIndex, query: str) -> None:
    found = names(index, query)
    assert ("heart" in found) == ("heart" in query)


@given(st.text())
def test_any_text_is_a_query(index: SeedIndex, query: str) -> None:
    names(index, query)


def test_a_very_long_query_is_read_as_far_as_it_may_be(index: SeedIndex) -> None:
    assert names(index, "x " * 1_000_000) == []
    padding = "y" * LONGEST_QUERY
    assert names(index, f"oxygen {padding}") == ["lung"]
    assert names(index, f"{padding} oxygen") == []


def test_the_index_made_again_finds_the_same_in_the_same_order(index: SeedIndex, tmp_path: Path) -> None:
    queries = [*TEXTS.values(), "the blood of the moon", "century oxygen home"]
    found = [names(index, query) for query in queries]
    for _ in range(2):
        SeedIndex.build(tmp_path / "again.sqlite", SEEDS)
        again = SeedIndex(tmp_path / "again.sqlite")
        assert [names(again, query) for query in queries] == found
        again.close()


def test_equal_fits_come_in_the_order_of_the_seeds(tmp_path: Path) -> None:
    twins = [Seed(name, "The twin text.", "text", name, (0, 14), "tests", "CC0-1.0") for name in "cab"]
    SeedIndex.build(tmp_path / "index.sqlite", twins)
    index = SeedIndex(tmp_path / "index.sqlite")
    assert names(index, "twin") == ["c", "a", "b"]
    index.close()


def test_words_that_many_seeds_have_are_left_out_before_they_cost_time(
    index: SeedIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert names(index, "the oxygen", but="lung") != []
    monkeypatch.setattr(search, "MOST_RANKED", 3)
    assert names(index, "the oxygen", but="heart") == ["lung"]
    assert names(index, "the") != [], "the rarest word is looked for, however common it is"


def test_many_searches_at_a_time_do_not_mix(index: SeedIndex) -> None:
    wanted = {"oxygen": ["lung"], "moon": ["moon"], "Ithaca": ["greek"], "valves": ["heart"]}
    with ThreadPoolExecutor(8) as pool:
        asked = [*wanted] * 50
        assert [*pool.map(lambda query: names(index, query), asked)] == [wanted[query] for query in asked]


def test_a_crash_while_it_is_made_leaves_no_index(tmp_path: Path) -> None:
    def seeds() -> Iterator[Seed]:
        yield SEEDS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        SeedIndex.build(tmp_path / "index.sqlite", seeds())
    assert not (tmp_path / "index.sqlite").exists()
    SeedIndex.build(tmp_path / "index.sqlite", SEEDS)
    index = SeedIndex(tmp_path / "index.sqlite")
    assert names(index, "valves") == ["heart"]
    index.close()


def test_an_index_is_read_and_never_written(index: SeedIndex) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        index._database.execute("DELETE FROM words")


def test_every_word_of_a_text_finds_it(tmp_path: Path) -> None:
    """The index and the query spell words alike: letters of many scripts, with and without their marks."""
    letters = [chr(code) for code in (*range(0xC0, 0x17F), *range(0x388, 0x3CF), *range(0x400, 0x460))]
    marked = [each for each in letters if unicodedata.decomposition(each) and len(each.upper()) == 1]
    words = [f"wa{letter}{letter.upper()}w" for letter in marked]
    seeds = [Seed(f"{n:04}", word, "text", word, (0, 4), "tests", "CC0-1.0") for n, word in enumerate(words)]
    SeedIndex.build(tmp_path / "index.sqlite", seeds)
    index = SeedIndex(tmp_path / "index.sqlite")
    lost = [seed.text for seed in seeds if seed.id not in names(index, seed.text, count=1000)]
    index.close()
    assert len(words) > 150 and lost == []
