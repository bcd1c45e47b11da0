"""`genteach tokenize`: what is in the shards, that they do not depend on the machine, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from genteach.run import BadInput, read_manifest
from genteach.train import encode
from genteach.train.encode import tokenize
from genteach.train.model import load_tokenizer
from genteach.train.shards import IGNORED, Batch, Shards, Writer, smallest_dtype
from genteach.train.template import TAGS

from .train_material import make_material, passages, write_pairs, write_recipe


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_material(tmp_path_factory.mktemp("shards"))


def read_all(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_every_pair_is_read_back_as_the_template_wrote_it(material: Path) -> None:
    tokenize(material)
    shards = Shards(material.parent / "tokens")
    tokenizer = load_tokenizer(str(material.parent / "init"))
    rows = pq.read_table(material.parent / "data").to_pylist()
    assert len(shards) == len(rows)
    for number, row in enumerate(rows):
        ids, labels = shards.document(number)
        whole = tokenizer.apply_chat_template(
            row["messages"], chat_template=TAGS, return_dict=True, return_assistant_tokens_mask=True
        )
        assert ids.tolist() == whole["input_ids"]
        learned = np.where(np.array(whole["assistant_masks"]) > 0, ids, IGNORED)
        assert labels.tolist() == learned.tolist()


def test_each_document_has_its_provenance(material: Path) -> None:
    tokenize(material)
    shards = Shards(material.parent / "tokens")
    meta = pq.read_table(material.parent / "tokens" / "meta.parquet").to_pylist()
    assert [row["id"] for row in meta] == [f"pair-{number}" for number in range(120)]
    assert [row["tokens"] for row in meta] == shards.lengths().tolist()
    assert sum(row["learned"] for row in meta) == shards.facts["learned_tokens"]
    assert {row["skill"] for row in meta} == {"reading_comprehension"}


def test_the_number_of_processes_changes_no_byte(tmp_path: Path, material: Path) -> None:
    write_pairs(tmp_path / "data", 2_300)  # three batches
    recipe = write_recipe(tmp_path, model_name_or_path=str(material.parent / "init"))
    tokenize(recipe, {"tokens": tmp_path / "one"}, processes=1)
    tokenize(recipe, {"tokens": tmp_path / "two"}, processes=2)
    assert read_all(tmp_path / "one") == read_all(tmp_path / "two")


def test_the_same_data_is_not_encoded_twice_and_other_data_is(tmp_path: Path, material: Path) -> None:
    write_pairs(tmp_path / "data", 10)
    recipe = write_recipe(tmp_path, model_name_or_path=str(material.parent / "init"))
    first = tokenize(recipe)
    written = (tmp_path / "tokens/ids-00000.bin").stat().st_mtime_ns
    assert tokenize(recipe) == first
    assert (tmp_path / "tokens/ids-00000.bin").stat().st_mtime_ns == written
    write_pairs(tmp_path / "data", 11)
    assert tokenize(recipe)["documents"] == 11


def test_plain_text_is_learned_whole_and_held_out_passages_stay_out(tmp_path: Path, material: Path) -> None:
    facts = tokenize(
        material,
        {"data": [material.parent / "seeds.parquet"], "data_format": "text", "tokens": tmp_path / "base"},
    )
    assert facts["dropped"] == {"held out": len(passages()) // 10}
    assert facts["learned_tokens"] == facts["tokens"]
    ids, labels = Shards(tmp_path / "base").document(0)
    assert (ids == labels).all()


def test_a_shard_is_closed_at_its_limit_and_reading_crosses_it(tmp_path: Path) -> None:
    writer = Writer(tmp_path, "uint16", shard_tokens=10)
    for first in range(0, 60, 6):
        spans = np.array([[1, 3], [0, 2]], np.int32)
        ids = np.arange(first, first + 6, dtype=np.uint32)
        meta = {"id": ["a", "b"], "source": ["s", "s"], "skill": ["k", "k"]}
        writer.add(Batch(ids, np.array([4, 2]), spans, np.array([1, 1]), meta))
    writer.close()
    shards = Shards(tmp_path)
    assert sum(name["name"].startswith("ids-") for name in read_manifest(tmp_path)["files"]) == 5
    assert [shards.document(number)[0].tolist() for number in (0, 1, 19)] == [[0, 1, 2, 3], [4, 5], [58, 59]]
    assert shards.document(18)[1].tolist() == [IGNORED, 55, 56, IGNORED]
    row = shards.row(np.array([19, 0]))
    assert row["input_ids"].tolist() == [58, 59, 0, 1, 2, 3]
    assert row["seq_lengths"] == [2, 4]


def test_ids_take_two_bytes_while_they_can() -> None:
    assert (smallest_dtype(32_000), smallest_dtype(65_536), smallest_dtype(65_537)) == (
        "uint16",
        "uint16",
        "uint32",
    )


def write_rows(folder: Path, rows: list[dict[str, object]]) -> None:
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "train-00000.parquet")


def test_data_that_does_not_fit_is_refused_in_one_line(tmp_path: Path, material: Path) -> None:
    recipe = write_recipe(tmp_path, model_name_or_path=str(material.parent / "init"))
    data = tmp_path / "data"
    with pytest.raises(BadInput, match="data: .*no such file or folder"):
        tokenize(recipe)
    data.mkdir()
    with pytest.raises(BadInput, match=r"holds no \.parquet file"):
        tokenize(recipe)
    (data / "train-00000.parquet").write_text("text")
    with pytest.raises(BadInput, match="is not a Parquet file"):
        tokenize(recipe)
    write_rows(data, [{"id": "1", "source": "s", "text": "Hello."}])
    with pytest.raises(BadInput, match="no column 'skill', which data_format 'messages' needs"):
        tokenize(recipe)
    assert not (tmp_path / "tokens").exists()


def test_data_without_any_response_is_refused_with_the_counts(tmp_path: Path, material: Path) -> None:
    recipe = write_recipe(tmp_path, model_name_or_path=str(material.parent / "init"))
    questions = [{"role": "user", "content": "Who?"}]
    write_rows(tmp_path / "data", [{"id": "1", "source": "s", "skill": "k", "messages": questions}] * 3)
    with pytest.raises(BadInput, match="has anything to learn .3 without a response."):
        tokenize(recipe)


def test_a_folder_with_something_else_is_never_replaced(tmp_path: Path, material: Path) -> None:
    write_pairs(tmp_path / "data", 5)
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens/thesis.txt").write_text("the only copy")
    with pytest.raises(BadInput, match="something else than token shards"):
        tokenize(write_recipe(tmp_path, model_name_or_path=str(material.parent / "init")))


def test_a_torn_shard_is_named(tmp_path: Path, material: Path) -> None:
    tokenize(material, {"tokens": tmp_path / "tokens"})
    path = tmp_path / "tokens/ids-00000.bin"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(BadInput, match="ids-00000.bin is .* bytes, its offsets say"):
        Shards(tmp_path / "tokens")


def test_what_a_killed_run_left_is_cleared(tmp_path: Path, material: Path) -> None:
    leftover = tmp_path / ".tokens.partial"
    leftover.mkdir()
    (leftover / "ids-00000.bin").write_bytes(b"half")
    tokenize(material, {"tokens": tmp_path / "tokens"})
    assert not leftover.exists()
    assert json.loads((tmp_path / "tokens/manifest.json").read_text())["documents"] == 120


def test_workers_are_started_only_where_they_pay() -> None:
    assert encode.num_processes(None, 100) == 1
    assert encode.num_processes(3, 100) == 3
