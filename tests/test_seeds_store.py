"""seeds.parquet holds each text once, by document either for training or held out, the same on every machine."""

import json
import os
from pathlib import Path

import pytest
from genteach.generate.seeds import Corpus, SeedReport, read_seeds, seed_id, split, write_seeds
from genteach.run import BadInput, sha256


def folder_of(root: Path, documents: int, name: str = "docs", passages: int = 5) -> Path:
    """A folder of text files in which every paragraph is a passage of its own."""
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(documents):
        paragraphs = [
            f"Document {number} of {name}, paragraph {part}: {'words ' * 4}." for part in range(passages)
        ]
        (folder / f"{number:03}.txt").write_text("\n\n".join(paragraphs))
    return folder


def corpus(path: Path, **values: object) -> Corpus:
    return Corpus.model_validate({"path": path, "min_chars": 20, "max_chars": 70, **values})


def test_a_seed_is_named_by_its_source_and_text_and_points_into_its_document(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 3)
    write_seeds(tmp_path, [corpus(folder)], run_seed=1)
    seeds = [*read_seeds(tmp_path), *read_seeds(tmp_path, "held_out")]
    assert len(seeds) == 15
    for seed in seeds:
        document = (tmp_path / seed.document).read_text()
        assert document[seed.span[0] : seed.span[1]] == seed.text
        assert seed.id == seed_id("docs", seed.text)
        assert len(seed.id) == 32
        assert (seed.kind, seed.source, seed.licence) == ("text", "docs", "LicenseRef-user-supplied")


def test_no_document_is_on_both_sides(tmp_path: Path) -> None:
    report = write_seeds(tmp_path, [corpus(folder_of(tmp_path, 200))], run_seed=1, held_out=0.2)
    train = {seed.document for seed in read_seeds(tmp_path)}
    held_out = {seed.document for seed in read_seeds(tmp_path, "held_out")}
    assert not train & held_out
    assert report.documents == {"train": len(train), "held_out": len(held_out)}
    assert 25 <= len(held_out) <= 55
    assert all(split(name, 1, 0.2) == "held_out" for name in held_out)


@pytest.mark.parametrize("run_seed", range(5))
@pytest.mark.parametrize("documents", [2, 3, 9])
def test_a_small_corpus_has_a_document_on_each_side(tmp_path: Path, documents: int, run_seed: int) -> None:
    report = write_seeds(tmp_path, [corpus(folder_of(tmp_path, documents))], run_seed)
    assert report.train
    assert report.held_out


def test_a_lone_document_is_for_training(tmp_path: Path) -> None:
    report = write_seeds(tmp_path, [corpus(folder_of(tmp_path, 1))], run_seed=1, held_out=0.9)
    assert (report.train, report.held_out) == (5, 0)


def test_nothing_is_held_out_where_nothing_is_asked(tmp_path: Path) -> None:
    report = write_seeds(tmp_path, [corpus(folder_of(tmp_path, 9))], run_seed=1, held_out=0)
    assert (report.train, report.held_out) == (45, 0)


def test_the_limit_counts_training_seeds_and_still_leaves_a_benchmark(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 40)
    report = write_seeds(tmp_path, [corpus(folder)], run_seed=1, limit=7)
    assert report.train == 7 == len(list(read_seeds(tmp_path)))
    assert report.held_out


def test_the_same_request_gives_the_same_bytes_in_another_place(tmp_path: Path) -> None:
    for place in ("a", "b"):
        folder = folder_of(tmp_path / place, 30)
        write_seeds(tmp_path / place, [corpus(folder)], run_seed=1)
    assert sha256(tmp_path / "a/seeds.parquet") == sha256(tmp_path / "b/seeds.parquet")


def test_a_text_that_occurs_twice_is_kept_once(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 2)
    for number in range(50):
        (folder / f"copy{number}.txt").write_text((folder / "000.txt").read_text())
    report = write_seeds(tmp_path, [corpus(folder)], run_seed=1)
    assert (report.train + report.held_out, report.duplicates) == (10, 250)


def test_shares_decide_how_much_of_each_corpus_is_read(tmp_path: Path) -> None:
    corpora = [
        corpus(folder_of(tmp_path, 100, "many"), share=3),
        corpus(folder_of(tmp_path, 100, "few"), share=1),
    ]
    report = write_seeds(tmp_path, corpora, run_seed=1, limit=100)
    assert 2.5 < report.sources["many"] / report.sources["few"] < 3.5


def test_a_corpus_and_a_document_can_be_bounded(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 50, passages=9)
    report = write_seeds(tmp_path, [corpus(folder, per_document=2, limit=30)], run_seed=1)
    assert report.train + report.held_out == 30
    assert report.documents.total() == 15
    for document in {seed.document for seed in read_seeds(tmp_path)}:
        spans = [seed.span for seed in read_seeds(tmp_path) if seed.document == document]
        assert len(spans) == 2
        assert spans == sorted(spans)


def test_a_resumed_run_keeps_its_seeds_whatever_became_of_the_documents(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 9)
    first = write_seeds(tmp_path, [corpus(folder)], run_seed=1)
    before = sha256(tmp_path / "seeds.parquet")
    (folder / "000.txt").unlink()
    assert write_seeds(tmp_path, [corpus(folder)], run_seed=1) == first
    assert sha256(tmp_path / "seeds.parquet") == before
    assert write_seeds(tmp_path, [corpus(folder)], run_seed=2) != first


def test_seeds_that_were_not_finished_are_read_again(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 9)
    first = write_seeds(tmp_path, [corpus(folder)], run_seed=1)
    (tmp_path / "seeds.parquet").write_bytes(b"torn")
    assert write_seeds(tmp_path, [corpus(folder)], run_seed=1) == first
    assert len(list(read_seeds(tmp_path))) == first.train


def test_the_report_says_what_was_lost(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 5)
    (folder / "bad.txt").write_bytes(b"\x7fELF\0\0")
    (folder / "empty.md").write_bytes(b"")
    (folder / "table.txt").write_text("\n\n".join(map(str, range(100))))
    (folder / "short.txt").write_text("Too short.")
    report = write_seeds(tmp_path, [corpus(folder)], run_seed=1)
    assert report.skipped == {"binary": 1, "empty": 1}
    assert ("docs/bad.txt", "binary") in report.skipped_files
    assert report.passages_dropped["fragments"] > 0
    assert report.passages_dropped["too short"] == 1
    assert SeedReport.model_validate(json.loads((tmp_path / "seeds.json").read_text())["report"]) == report


def test_a_folder_without_a_seed_is_one_clear_line(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    with pytest.raises(BadInput, match="no seed in it: 0 documents read, 0 files or records skipped"):
        write_seeds(tmp_path, [corpus(folder)], run_seed=1)
    (folder / "a.txt").write_bytes(b"\x7fELF\0\0")
    (folder / "b.txt").write_text("Short.")
    with pytest.raises(BadInput) as caught:
        write_seeds(tmp_path, [corpus(folder)], run_seed=1)
    assert "1 documents read (20 to 70 characters are wanted; passages dropped: 1 too short)" in str(
        caught.value
    )
    assert "1 files or records skipped (1 binary)" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "seeds.parquet").exists()


def test_real_documents_become_passages(tmp_path: Path) -> None:
    data = os.environ.get("GENTEACH_DATA")
    if not data:
        pytest.skip("GENTEACH_DATA is not set")
    sizes = {"min_chars": 150, "max_chars": 400}
    corpora = [
        Corpus.model_validate({"path": Path(data) / "seeds" / name, **sizes})
        for name in ("folder", "openstax.jsonl.gz")
    ]
    report = write_seeds(tmp_path, corpora, run_seed=1)
    assert report.train > 15_000
    assert report.held_out > 500
    assert not report.skipped
    assert set(report.licences) == {"LicenseRef-user-supplied", "CC-BY-NC-SA-4.0"}
