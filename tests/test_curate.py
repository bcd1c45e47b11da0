"""A run's sealed pairs become a data set that others can load, with every pair accounted for."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from genteach.generate.curate import curate
from genteach.generate.pairs import PAIR_SCHEMA, write_pairs, write_rejected
from genteach.generate.parquet import read_rows
from genteach.generate.seeds import Corpus, write_seeds
from genteach.run import BadInput, read_manifest, sha256, write_manifest

TOWNS = [
    f"{first}{second}"
    for first in ("Al", "Ber", "Cor", "Dun", "El")
    for second in ("ham", "ton", "by", "wick")
]


def pair(number: int, **values: Any) -> dict[str, Any]:
    town, skill = TOWNS[number % 20], ("reading", "editing")[number % 2]
    prompt = (
        f"Document {number} tells of {town}, where {number * 7} boats lie.\n\nHow many boats lie in {town}?"
    )
    reply = f"In {town}, that document tells, {number * 7} boats lie. The answer is {number * 7}."
    return {
        "id": f"{number:032x}",
        "skill": skill,
        "entry": "counting",
        "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": reply}],
        "answer": str(number * 7),
        "match": "number",
        "seed_id": f"seed{number}",
        "document": f"docs/{number % 23}.txt",
        "span": [0, 99],
        "source": "docs",
        "licence": "MIT",
        "lineage": [
            {"agent": "asker", "call": "c", "choice": ""},
            {"agent": "asker", "call": "d", "choice": ""},
        ],
        "teacher": "offline rule-based teacher",
        "verdict": "accepted",
        "verified_by": "quoted_evidence",
        "vote_share": None,
        "scores": {"b": 0.5, "a": 1.0},
        **values,
    }


def sealed(run: Path, pairs: list[dict[str, Any]]) -> Path:
    """A run with its seeds and one sealed round of these pairs."""
    (run / "docs").mkdir(parents=True)
    (run / "docs/a.txt").write_text("A text to begin with.")
    write_seeds(run, [Corpus(path=run / "docs", min_chars=5)], run_seed=0)
    folder = run / "rounds/0001"
    lost = {
        "id": "x",
        "seed_id": "s",
        "skill": "reading",
        "step": "verify",
        "reason": "disagreed",
        "detail": "",
    }
    files = {
        "pairs-00000.parquet": write_pairs(folder / "pairs-00000.parquet", pairs[: len(pairs) // 2]),
        "pairs-00001.parquet": write_pairs(folder / "pairs-00001.parquet", pairs[len(pairs) // 2 :]),
        "rejected-00000.parquet": write_rejected(folder / "rejected-00000.parquet", [lost] * 3),
    }
    write_manifest(folder, files, teachers=[{"kind": "offline", "model": "offline rule-based teacher"}])
    return run


def rows(folder: Path, part: str) -> list[dict[str, Any]]:
    return [row for path in sorted(folder.glob(f"{part}-*.parquet")) for row in read_rows(path)]


def replied(pair: dict[str, Any], reply: str) -> dict[str, Any]:
    return pair | {"messages": [pair["messages"][0], {"role": "assistant", "content": reply}]}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    pairs = [pair(number) for number in range(100)]
    pairs += [pair(5, id="f" * 32), replied(pair(200), "I cannot help with that."), replied(pair(201), " ")]
    return sealed(tmp_path / "docs run", pairs)


def test_every_pair_is_kept_or_rejected_with_its_reason(run: Path) -> None:
    curate(run)
    manifest = read_manifest(run / "data")
    assert manifest["kept"] == 100
    assert manifest["rejected"] == {"empty turn": 1, "exact duplicate": 1, "refusal": 1}
    kept = [*rows(run / "data", "train"), *rows(run / "data", "validation")]
    dropped = {row["id"]: row for row in read_rows(run / "data/rejected.parquet")}
    assert len(kept) + len(dropped) == 103
    assert dropped["f" * 32]["detail"] == f"{5:032x}"
    assert {row["step"] for row in dropped.values()} == {"curate"}


def test_validation_pairs_are_of_documents_of_their_own(run: Path) -> None:
    curate(run)
    train = {row["document"] for row in rows(run / "data", "train")}
    validation = {row["document"] for row in rows(run / "data", "validation")}
    assert train
    assert validation
    assert not train & validation


def test_curating_again_gives_the_same_bytes(run: Path) -> None:
    curate(run)
    before = {path.name: sha256(path) for path in sorted((run / "data").iterdir())}
    (run / "data/train-00009.parquet").write_bytes(b"left by an earlier time")
    curate(run)
    assert before == {path.name: sha256(path) for path in sorted((run / "data").iterdir())}


def test_datasets_loads_the_pairs_with_typed_messages(run: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    curate(run)
    files = {part: str(run / "data" / f"{part}-*.parquet") for part in ("train", "validation")}
    found = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path / "cache"))
    assert found["train"].num_rows + found["validation"].num_rows == 100
    assert [message["role"] for message in found["train"][0]["messages"]] == ["user", "assistant"]
    assert found["train"].column_names == PAIR_SCHEMA.names


def test_the_card_counts_names_the_teacher_and_shows_ten_pairs(run: Path) -> None:
    curate(run)
    card = (run / "data/README.md").read_text()
    header = yaml.safe_load(card.split("---")[1])
    assert header["license"] == "mit"
    assert header["size_categories"] == ["n<1K"]
    assert [each["split"] for each in header["configs"][0]["data_files"]] == ["train", "validation"]
    assert "a set of rules, not a language model" in card
    for line in (
        "| reading | 50 | 50.0% |",
        "| editing / counting | 50 | 50.0% |",
        "| editing / asker | 50 | 50.0% |",
        "| verify: disagreed | 3 |",
        "| refusal | 1 |",
        "| MIT | 100 | 100.0% |",
    ):
        assert line in card
    assert card.count("\n### ") == 10


def test_a_sample_cannot_break_out_of_the_card(tmp_path: Path) -> None:
    hostile = "```\n# Not a heading\n<script>alert(1)</script>\n````\n\x1b]52;c;x\x07 end. ``"
    pairs = [replied(pair(number), f"{hostile} {number}\n```\n```") for number in range(4)]
    curate(sealed(tmp_path / "run", pairs))
    card = (tmp_path / "run/data/README.md").read_text()
    assert "\x1b" not in card
    assert card.count("`````text\n") == card.count("\n`````\n") == 4


def test_documents_without_a_licence_are_named_as_such(tmp_path: Path) -> None:
    pairs = [pair(number, licence=("MIT", "LicenseRef-user-supplied")[number % 2]) for number in range(10)]
    curate(sealed(tmp_path / "run", pairs))
    card = (tmp_path / "run/data/README.md").read_text()
    header = yaml.safe_load(card.split("---")[1])
    assert (header["license"], header["license_name"]) == ("other", "LicenseRef-user-supplied AND MIT")
    assert "find out what it allows" in card


def test_bare_answers_replace_the_worked_replies(run: Path) -> None:
    curate(run)
    curate(run, "bare")
    before, after = rows(run / "data", "train"), rows(run / "controls/bare", "train")
    assert [row["id"] for row in before] == [row["id"] for row in after]
    for row in after:
        assert row["messages"][-1] == {"role": "assistant", "content": row["answer"]}
        assert row["verdict"] == "control: bare answer"
    assert list(read_rows(run / "controls/bare/validation-00000.parquet"))
    assert read_manifest(run / "controls/bare")["control"] == "bare"


def test_a_pair_without_a_short_answer_keeps_its_reply(tmp_path: Path) -> None:
    run = sealed(tmp_path / "run", [pair(number, answer=None) for number in range(10)])
    curate(run)
    curate(run, "bare")
    assert rows(run / "controls/bare", "train") == rows(run / "data", "train")


def test_three_in_ten_unverified_pairs_have_the_reply_of_another_of_their_entry(run: Path) -> None:
    curate(run)
    curate(run, "unverified")
    parts = ("train", "validation")
    before = {row["id"]: row for part in parts for row in rows(run / "data", part)}
    after = {row["id"]: row for part in parts for row in rows(run / "controls/unverified", part)}
    changed = {name: row for name, row in after.items() if row != before[name]}
    assert len(changed) == 30
    for name, row in changed.items():
        donor = before[row["verified_by"].split()[-1].rstrip(")")]
        assert row["verdict"] == "control: reply of another pair"
        assert row["messages"] == [before[name]["messages"][0], donor["messages"][1]]
        assert row["answer"] == donor["answer"] != before[name]["answer"]
        assert donor["skill"] == row["skill"]
    hashes = [sha256(path) for path in sorted((run / "controls/unverified").glob("*.parquet"))]
    curate(run, "unverified")
    assert hashes == [sha256(path) for path in sorted((run / "controls/unverified").glob("*.parquet"))]


@pytest.mark.parametrize(
    ("damage", "part"),
    [
        ("nothing sealed", "holds no finished round"),
        ("changed", "the manifest says"),
        ("gone", "named in"),
        ("all bad", "none of its 2 pairs is left (2 refusal)"),
    ],
)
def test_a_run_that_cannot_be_curated_is_one_clear_line(tmp_path: Path, damage: str, part: str) -> None:
    run = sealed(tmp_path / "run", [replied(pair(number), "I cannot help with that.") for number in range(2)])
    shard = run / "rounds/0001/pairs-00001.parquet"
    if damage == "nothing sealed":
        (run / "rounds/0001/manifest.json").unlink()
    elif damage == "changed":
        shard.write_bytes(b"PAR1")
    elif damage == "gone":
        shard.unlink()
    with pytest.raises(BadInput) as caught:
        curate(run)
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (run / "data").exists()


def test_a_control_needs_a_known_name_and_curated_data(run: Path) -> None:
    with pytest.raises(BadInput, match="choose bare or unverified"):
        curate(run, "barre")
    with pytest.raises(BadInput, match="run genteach curate"):
        curate(run, "bare")


def test_the_manifest_holds_what_the_card_counts(run: Path) -> None:
    curate(run)
    manifest = json.loads((run / "data/manifest.json").read_text())
    assert manifest["skills"] == {"editing": 50, "reading": 50}
    assert sum(manifest["splits"].values()) == manifest["kept"] == 100
    assert manifest["made_with"]["genteach"]
