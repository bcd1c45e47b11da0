"""Why tells a pair's whole history and a seed's fate, from journal and shards, and from the shards alone."""

import asyncio
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from genteach.generate.agent import fence_for
from genteach.generate.command import generate
from genteach.generate.engine import WHOLE, item_id
from genteach.generate.journal import Journal
from genteach.generate.pairs import read_pairs, read_rejected, write_pairs
from genteach.generate.parts import Parts
from genteach.generate.recipe import GenerateRecipe
from genteach.generate.seeds import read_seeds
from genteach.generate.teacher import Request
from genteach.generate.why import why
from genteach.generate.why.family import Family, word_diff
from genteach.generate.why.lookup import Lookup, rows_between
from genteach.run import BadInput

from .test_engine import TOY, Scripted, run

PYTHON = {"builtin": "python", "kind": "text", "min_chars": 150, "max_chars": 400}
SKILLS = {"open_domain_qa": {}, "text_modification": {"entries": ["code_switching"], "share": 0.5}}
Row = dict[str, Any]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("finished") / "run"
    generate(GenerateRecipe.model_validate({"out": out, "seeds": [PYTHON], "skills": SKILLS, "limit": 5}))
    return out


@pytest.fixture
def out(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A finished run."""
    capsys.readouterr()
    return shutil.copytree(finished, tmp_path / "run")


def pairs(out: Path) -> list[Row]:
    return list(read_pairs(out / "rounds" / "0001"))


def edited(out: Path) -> Row:
    """A pair whose question was made from another one."""
    return next(pair for pair in pairs(out) if any("edit_" in step["agent"] for step in pair["lineage"]))


def told(out: Path, name: str, capsys: pytest.CaptureFixture[str], **given: Any) -> str:
    why(out, name, **given)
    return capsys.readouterr().out


def test_a_pair_has_a_family_tree(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = edited(out)
    said = told(out, pair["id"], capsys)
    lines = [line.strip() for line in said.splitlines()]
    first, last = pair["span"]
    assert lines[0] == f"Pair {pair['id']}: {pair['skill']}, {pair['entry']}"
    assert f"document: {pair['document']}, characters {first}–{last}, from python, PSF-2.0" in lines
    steps = [line.split(":")[0] for line in lines if line[:2] in ("1.", "2.", "3.", "4.", "5.")]
    expected = ["transformed", "instructed", "suggested (complex)", "edited (complex)", "answered"]
    assert [step.split(". ")[1] for step in steps] == expected
    for step in pair["lineage"]:
        assert step["agent"] in said and step["call"][:12] in said
    assert "tokens by offline rule-based teacher" in said
    assert "{+" in said.split("edited (complex)")[1].split("answered")[0]  # what the editor changed
    assert f"accepted: {pair['verified_by'].replace('+', ', ')}" in said


def test_the_beginning_of_an_id_is_enough_where_it_is_one_things(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = edited(out)
    assert told(out, pair["id"][:12], capsys).startswith(f"Pair {pair['id']}")
    twins = [pair | {"id": f"0123456789{end}" + "0" * 20} for end in ("aa", "bb")]
    write_pairs(out / "rounds/0001/pairs-00000.parquet", twins)
    with pytest.raises(
        BadInput, match=f"begins the ids of pair {twins[0]['id']}, pair {twins[1]['id']}; give more"
    ):
        why(out, "0123456789")


def test_a_text_is_shortened_unless_it_is_wanted_in_full(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair = edited(out)
    seed = next(seed for seed in read_seeds(out) if seed.id == pair["seed_id"])
    ending = seed.text.splitlines()[-1]
    assert ending not in told(out, pair["id"], capsys)
    assert ending in told(out, pair["id"], capsys, full=True)


def test_without_its_journal_a_pair_is_told_from_the_shards(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (out / "journal.sqlite").unlink()
    pair = edited(out)
    said = told(out, pair["id"], capsys)
    assert "The journal with the replies is not here" in said
    assert pair["lineage"][1]["call"][:12] in said and "assistant: " in said
    assert " tokens by " not in said


def test_a_journal_elsewhere_is_found_in_its_folder(
    out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = GenerateRecipe.model_validate(
        {"out": tmp_path / "far", "seeds": [PYTHON], "skills": SKILLS, "limit": 2}
    )
    generate(recipe, journal_dir=tmp_path / "disk")
    pair = pairs(tmp_path / "far")[0]["id"]
    assert "is not here" in told(tmp_path / "far", pair, capsys)
    assert "is not here" not in told(tmp_path / "far", pair, capsys, journal_dir=tmp_path / "disk")


def test_what_would_drive_a_terminal_is_taken_out(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = edited(out) | {"id": "f" * 32, "document": "a\x1b[31mb"}
    pair["messages"] = [
        {"role": "user", "content": "\x1b]0;title\x07?"},
        {"role": "assistant", "content": "\x9b1m!"},
    ]
    write_pairs(out / "rounds/0001/pairs-00000.parquet", [pair])
    said = told(out, "f" * 32, capsys, full=True)
    assert "ab, characters" in said and not set(said) & {"\x1b", "\x07", "\x9b"}


def test_a_seed_is_told_skill_by_skill_with_what_was_lost_where(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [lost, *_] = read_rejected(out / "rounds" / "0001")
    said = told(out, lost["seed_id"], capsys)
    made = [pair["id"] for pair in pairs(out) if pair["seed_id"] == lost["seed_id"]]
    assert made and all(f"pair {pair}" in said for pair in made)
    assert f"text_modification (work item {lost['id'].split('-')[0]}): rejected: unsuitable; 1 calls" in said
    assert f"lost {lost['id']} at instruct: unsuitable" in said
    assert (
        told(out, lost["id"], capsys) == said == told(out, item_id("open_domain_qa", lost["seed_id"]), capsys)
    )


def test_seeds_that_were_not_drawn_or_held_out_say_so(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saids = [told(out, seed.id, capsys) for seed in read_seeds(out)]
    assert any("text_modification: not given this seed (of text; its share is 0.5)" in said for said in saids)
    held_out = next(read_seeds(out, "held_out"))
    assert "no pair is made from it" in told(out, held_out.id, capsys)


def test_a_document_is_told_seed_by_seed_by_its_name_or_a_part_of_it(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = list(read_seeds(out))
    name = seeds[0].document
    said = told(out, name, capsys)
    assert said.startswith(f"Document {name}: ")
    assert all(seed.id in said for seed in seeds if seed.document == name)
    assert told(out, name[3:], capsys) == said
    with pytest.raises(BadInput, match="no pair, seed, work item or document of this run"):
        why(out, "no such thing")
    with pytest.raises(BadInput, match="is part of the names of"):
        why(out, "python/")
    with pytest.raises(BadInput, match="recipe.yaml: missing; name the folder of a run"):
        why(out / "rounds", name)


def test_rows_are_found_over_file_borders_and_only_there(tmp_path: Path, out: Path) -> None:
    pair, files = pairs(out)[0], []
    for number in range(7):
        files.append(tmp_path / f"{number}.parquet")
        write_pairs(files[-1], [pair | {"id": f"{number}{digit}"} for digit in "abcd"])
    write_pairs(tmp_path / "empty.parquet", [])

    def found(low: str, high: str) -> list[str]:
        return [row["id"] for row in rows_between(files, low, high)]

    assert found("3", "3~") == ["3a", "3b", "3c", "3d"]
    assert found("0a", "0a~") == ["0a"] and found("6d", "6d~") == ["6d"]
    assert found("2d", "4b") == ["2d", "3a", "3b", "3c", "3d", "4a"]
    assert found("7", "8") == found("3e", "3f") == rows_between([tmp_path / "empty.parquet"], "0", "9") == []


# On the toy skill


class Mumbling(Scripted):
    """Is not understood at first when it asks why."""

    def _text(self, request: Request) -> str:
        if request.agent == "why" and len(request.messages) == 2:
            return "hm"
        return super()._text(request)


def test_a_step_that_took_a_repair_is_marked(tmp_path: Path) -> None:
    accounting, _, journal = run(Mumbling(), tmp_path, count=4, entries=frozenset({"why"}))
    assert accounting.done == 4
    with Lookup(_with_recipe(tmp_path)) as found:
        pair = found.rows("pairs", "")[0]
        calls = found.calls(item_id("toy", pair["seed_id"]))
    family = Family(TOY, calls, fence_for(0, pair["seed_id"]), ["none"])
    deeds = list(family.deeds(pair["lineage"], f"text {int(pair['seed_id'], 16)}"))
    assert [(deed.agent, deed.repaired) for deed in deeds] == [
        ("shout", False),
        ("why", True),
        ("answer", False),
    ]
    assert deeds[1].fields == {"question": "Why?"} and "after a repair" in deeds[1].head()
    journal.close()


def test_what_was_said_of_an_item_last_is_what_stands(tmp_path: Path) -> None:
    run(Scripted(), tmp_path, count=3)
    item = item_id("toy", f"{1:032x}")

    async def seal_and_reopen() -> None:
        journal = Journal(tmp_path / "journal.sqlite")
        parts = Parts(tmp_path, WHOLE, journal, "recipe", lambda: None)
        await parts.open()
        await parts.seal()
        await journal.reopen_items({item: {"answer"}})
        journal.close()

    asyncio.run(seal_and_reopen())
    odd = Scripted(answer="odd")
    run(odd, tmp_path, count=3)
    with Lookup(_with_recipe(tmp_path)) as found:
        assert {pair["seed_id"][-1] for pair in found.rows("pairs", "")} == {"0", "2"}
        assert not found.rows_of("pairs", [f"{1:032x}"]) and found.rows_of("rejected", [f"{1:032x}"])
        assert [row["state"] for row in found.items(item)] == ["rejected"]


def _with_recipe(run: Path) -> Path:
    (run / "recipe.yaml").write_text(json.dumps({"fingerprint": "recipe"}))
    return run


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("the cat sat", "the dog sat", "the [-cat-]{+dog+} sat"),
        ("one two", "one two three", "one two {+three+}"),
        ("one two three", "two three", "[-one-] two three"),
        (
            " ".join(map(str, range(40))),
            " ".join(map(str, [*range(20), "x", *range(20, 40)])),
            "… 14 15 16 17 18 19 {+x+} 20 21 22 23 24 25 …",
        ),
    ],
)
def test_an_edit_is_shown_word_by_word(before: str, after: str, said: str) -> None:
    assert word_diff(before, after) == said
    assert "…" not in word_diff(before, after, full=True)
