"""The packing plan: every document once, no row too long, whole global batches, and the same plan every time."""

import time
from pathlib import Path

import numpy as np
import pytest
from genteach.run import BadInput
from genteach.train.pack import Plan, best_fit, make_plan, pack, read_plan, spread, write_plan
from genteach.train.shards import Shards
from hypothesis import given, settings
from hypothesis import strategies as st

from .train_material import make_material

lengths_of = st.lists(st.integers(1, 64), min_size=1, max_size=300).map(
    lambda found: np.array(found, np.int32)
)


@settings(deadline=None)
@given(lengths=lengths_of)
def test_no_row_is_too_long(lengths: np.ndarray) -> None:
    rows = best_fit(lengths, 64)
    assert np.bincount(rows, weights=lengths).max() <= 64
    assert set(rows) == set(range(rows.max() + 1))


@settings(deadline=None)
@given(lengths=lengths_of, batch=st.integers(1, 12), seed=st.integers(0, 5))
def test_every_document_that_fits_is_in_one_row_of_whole_batches(
    lengths: np.ndarray, batch: int, seed: int
) -> None:
    fitting = np.flatnonzero(lengths <= 48)
    if len(fitting) < batch:
        with pytest.raises(BadInput, match="fewer than one global batch"):
            make_plan(lengths, 48, batch, seed)
        return
    plan = make_plan(lengths, 48, batch, seed)
    assert len(set(plan.documents)) == len(plan.documents)
    assert set(plan.documents) <= set(fitting)
    assert len(fitting) - len(plan.documents) == plan.facts["left_over"] < batch
    assert len(plan) % batch == 0
    for number in range(len(plan)):
        row = plan.row(number)
        assert len(row) > 0
        assert lengths[row].sum() <= 48
    assert plan.facts["too_long"] == len(lengths) - len(fitting)


def test_only_what_cannot_be_split_is_left_over() -> None:
    assert make_plan(np.full(17, 40), 64, 4, 0).facts["left_over"] == 1
    assert make_plan(np.full(40, 16), 64, 4, 0).facts["left_over"] == 0


def test_rows_are_full_where_documents_are_many() -> None:
    lengths = np.clip(np.random.default_rng(0).lognormal(7, 0.7, 50_000), 1, 8192).astype(np.int32)
    plan = make_plan(lengths, 8192, 8, 0)
    assert plan.facts["fill"] > 0.995


def test_a_plan_is_made_from_lengths_and_seed_alone() -> None:
    lengths = np.random.default_rng(0).integers(1, 500, 1_000)
    same, again, other = (make_plan(lengths, 512, 8, seed) for seed in (0, 0, 1))
    assert (same.documents == again.documents).all()
    assert (same.starts == again.starts).all()
    assert not np.array_equal(same.documents, other.documents)


def test_rows_are_split_and_never_repeated_to_fill_the_last_batch() -> None:
    rows = best_fit(np.full(40, 16), 64)
    assert rows.max() + 1 == 10
    more = spread(rows, 8)
    assert sorted(np.bincount(more)) == [2] * 12 + [4] * 4


def test_three_hundred_thousand_documents_take_about_a_second() -> None:
    lengths = np.clip(np.random.default_rng(0).lognormal(7, 0.7, 300_000), 1, 8192).astype(np.int32)
    began = time.process_time()
    best_fit(lengths, 8192)
    assert time.process_time() - began < 3


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = make_material(tmp_path_factory.mktemp("pack"))
    from genteach.train.encode import tokenize

    tokenize(recipe)
    return recipe


def test_a_plan_on_disk_belongs_to_its_shards_and_its_recipe(material: Path) -> None:
    shards = Shards(material.parent / "tokens")
    (shards.folder / "plan.json").unlink(missing_ok=True)
    with pytest.raises(BadInput, match="has no plan; run `genteach pack`"):
        read_plan(shards, 256, 4)
    facts = pack(material)
    plan = read_plan(shards, 256, 4)
    assert plan.facts == facts
    assert len(plan) == facts["rows"]
    with pytest.raises(BadInput, match=r"max_length: 128, but .* was packed for 256"):
        read_plan(shards, 128, 4)
    with pytest.raises(BadInput, match=r"global_batch_size: 8, but .* was packed for 4"):
        read_plan(shards, 256, 8)
    shards.sha256 = "0" * 64
    with pytest.raises(BadInput, match="was made for other shards"):
        read_plan(shards, 256, 4)


def test_a_changed_plan_is_noticed(material: Path) -> None:
    pack(material)
    shards = Shards(material.parent / "tokens")
    path = shards.folder / "plan.npz"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(BadInput, match="is not the file that plan.json describes"):
        read_plan(shards, 256, 4)
    pack(material)


def test_documents_over_the_length_are_left_out_and_counted(material: Path) -> None:
    facts = pack(material, {"max_length": 140})
    lengths = Shards(material.parent / "tokens").lengths()
    assert facts["too_long"] == (lengths > 140).sum() > 0
    assert facts["documents"] + facts["too_long"] + facts["left_over"] == len(lengths)
    with pytest.raises(BadInput, match="max_length: 0 of 120 documents fit into 8 tokens"):
        pack(material, {"max_length": 8})
    pack(material)


def test_the_same_plan_has_the_same_hash(tmp_path: Path) -> None:
    plan = Plan(np.arange(6), np.array([0, 3, 6]), {})
    assert write_plan(tmp_path, plan, "x")["plan_sha256"] == write_plan(tmp_path, plan, "x")["plan_sha256"]
