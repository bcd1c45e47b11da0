"""The tiny student: one initialisation for all arms, and a tokenizer that loses nothing."""

from pathlib import Path

import pytest
import yaml
from genteach.run import BadInput, read_manifest
from genteach.train.student import init_student, train_tokenizer, training_texts
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoTokenizer

from .train_material import SHAPE, passages, write_seeds

TOKENIZER = train_tokenizer(iter([text for _, text in passages()[:50]]), 500)


@settings(deadline=None, max_examples=200)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_decoding_gives_the_text_back(text: str) -> None:
    ids = TOKENIZER.encode(text, add_special_tokens=False)
    if not set(ids) & set(TOKENIZER.get_added_vocab().values()):
        assert TOKENIZER.decode(ids) == text


def test_numbers_are_digits_and_a_word_is_one_token_wherever_it_stands() -> None:
    assert TOKENIZER.tokenize("a 1234")[-4:] == ["1", "2", "3", "4"]
    inside, head, line = (TOKENIZER.tokenize(text) for text in ("to the end", "the end", "x\nthe end"))
    assert inside[1:] == head == line[-len(head) :]


def test_the_same_shape_and_seeds_give_the_same_student(tmp_path: Path) -> None:
    seeds, config = write_seeds(tmp_path / "seeds.parquet"), tmp_path / "student.yaml"
    config.write_text(yaml.safe_dump(SHAPE))
    one, two = (init_student(config, seeds, tmp_path / name) for name in ("one", "two"))
    names = {entry["name"]: entry["sha256"] for entry in read_manifest(one)["files"]}
    assert names == {entry["name"]: entry["sha256"] for entry in read_manifest(two)["files"]}
    assert init_student(config, seeds, one) == one
    model, tokenizer = AutoModelForCausalLM.from_pretrained(one), AutoTokenizer.from_pretrained(one)
    assert model.config.vocab_size == len(tokenizer) <= SHAPE["vocab_size"]
    assert model.config.max_position_embeddings == 1024
    config.write_text(yaml.safe_dump({**SHAPE, "seed": 1}))
    with pytest.raises(BadInput, match="holds a student of another shape, seed or tokenizer text"):
        init_student(config, seeds, one)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    seeds, config = write_seeds(tmp_path / "seeds.parquet"), tmp_path / "student.yaml"
    config.write_text(yaml.safe_dump(SHAPE))
    out = tmp_path / "mine"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(BadInput, match="is not empty and holds no student of ours"):
        init_student(config, seeds, out)
    assert [path.name for path in out.iterdir()] == ["notes.txt"]


def test_held_out_passages_do_not_shape_the_tokenizer(tmp_path: Path) -> None:
    texts = set(training_texts(write_seeds(tmp_path / "seeds.parquet")))
    held_out = {text for number, (_, text) in enumerate(passages()) if number % 10 == 0}
    assert not texts & held_out
    assert len(texts) + len(held_out) == len({text for _, text in passages()})


def test_without_seeds_there_is_one_clear_line(tmp_path: Path) -> None:
    config = tmp_path / "student.yaml"
    config.write_text(yaml.safe_dump(SHAPE))
    with pytest.raises(BadInput, match="no such file; it is the seeds.parquet"):
        init_student(config, tmp_path / "seeds.parquet", tmp_path / "init")
