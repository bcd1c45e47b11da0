"""Results are compared item by item; the page is one file, and no text of a model can do anything on it."""

import html.parser
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from genteach.evaluate import results
from genteach.evaluate.compare import CONSTANT, compare
from genteach.evaluate.grade import grade
from genteach.evaluate.item import Item, Reply
from genteach.run import BadInput

HOSTILE = '</pre></details><script>alert(1)</script><img src=x onerror="alert(2)"> \x1b[31m\u202e {{7*7}} &amp; The answer is '


def an_item(task: str, number: int) -> Item:
    gold = "5" if number % 3 == 0 else str(number)
    messages = ({"role": "user", "content": f"Question {number}? {HOSTILE}"},)
    return Item(f"orca_bench_{task}", f"{task}-{number}", f"document {number // 2}", messages, gold, "number")


def write_results(folder: Path, right: Callable[[int], bool], items: int = 60, **changed: Any) -> Path:
    """Results of two skills; `right(number)` says which items the model has right."""
    rows = [
        grade(item, Reply(HOSTILE + (item.gold if right(number) else "-1") + "."))
        for task in ("arithmetic", "reading")
        for number, item in enumerate(an_item(task, number) for number in range(items))
    ]
    folder.mkdir()
    results.write(folder, [row | changed for row in rows], {"model": {"path": HOSTILE}, "versions": {}})
    return folder


def test_the_table_says_who_is_better_at_what(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = write_results(tmp_path / "base", lambda n: n % 5 == 0)
    student = write_results(tmp_path / "student", lambda n: n % 10 != 0)
    bare = write_results(tmp_path / "bare", lambda n: n % 2 == 0)
    found = compare(base, student, [bare])
    whole, arithmetic, _ = found.lines
    assert whole.is_whole
    assert {name: round(each.value, 3) for name, each in arithmetic.scores.items()} == {
        "base": 0.2,
        "student": 0.9,
        "bare": 0.5,
        CONSTANT: 0.35,
    }
    assert arithmetic.against["base"].verdict == "better"
    assert arithmetic.against["base"].value == pytest.approx(0.7)
    assert arithmetic.weakest()[0] == "bare"
    out = capsys.readouterr().out
    assert "arithmetic" in out
    assert "+70.0 [" in out
    assert "\x1b" not in out


def test_equal_models_cannot_be_told_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = (write_results(tmp_path / name, lambda n: n % 2 == 0) for name in ("one", "two"))
    found = compare(one, two)
    assert {line.against["one"].verdict for line in found.lines} == {"cannot tell"}
    assert "cannot tell; this sample shows differences of" in capsys.readouterr().out


class Tags(html.parser.HTMLParser):
    """Every element and attribute of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in ("meta", "line", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line", "circle"):
            assert self.open.pop() == tag


def test_the_page_is_one_whole_file_that_runs_nothing(tmp_path: Path) -> None:
    base = write_results(tmp_path / "base", lambda n: n % 5 == 0)
    student = write_results(tmp_path / "student", lambda n: n % 10 != 0)
    path = tmp_path / "new folder" / "report.html"
    compare(base, student, html=path)
    text = path.read_text(encoding="utf-8")
    tags = Tags()
    tags.feed(text)
    assert not tags.open
    assert not tags.names & {"script", "img", "iframe", "link", "object", "form", "a", "base"}
    assert not {name for name in tags.attributes if name.startswith("on") or name in ("style", "src", "href")}
    assert "default-src 'none'; style-src 'sha256-" in text
    assert "&lt;script&gt;alert(1)" in text
    assert not re.search("[\x1b\u202e]", text)
    assert "http" not in text.replace("http-equiv", "")
    assert "Won 48" in text
    assert "read by rule “stated”" in text


def test_results_of_different_items_are_not_compared(tmp_path: Path) -> None:
    base = write_results(tmp_path / "base", lambda n: True)
    fewer = write_results(tmp_path / "fewer", lambda n: True, items=50)
    other = write_results(tmp_path / "other", lambda n: True, gold="9")
    with pytest.raises(
        BadInput, match=r"different items: 20 are in base alone, such as orca_bench_arithmetic/"
    ):
        compare(base, fewer)
    with pytest.raises(BadInput, match="graded against different answers"):
        compare(base, other)


def test_a_folder_without_results_is_refused_with_the_likely_one(tmp_path: Path) -> None:
    base = write_results(tmp_path / "base", lambda n: True)
    with pytest.raises(BadInput, match=r"holds no results.json; did you mean .*base\?"):
        compare(tmp_path, base)
    with pytest.raises(BadInput, match="holds no results.json; write them with"):
        compare(tmp_path / "nowhere", base)
    (base / "results.json").write_text("[]")
    with pytest.raises(BadInput, match="not the results of an evaluation"):
        compare(base, base)


def test_few_unmeasured_items_are_left_out_and_many_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = write_results(tmp_path / "base", lambda n: True, items=100)
    student = write_results(tmp_path / "student", lambda n: True, items=100)

    def forget(count: int) -> None:
        lines = [json.loads(line) for line in (student / "orca_bench.jsonl").read_text().splitlines()]
        for row in lines[:count]:
            row |= {"score": None, "status": "not_measured"}
        (student / "orca_bench.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))

    forget(2)
    found = compare(base, student)
    assert found.not_measured == {"orca_bench_arithmetic": 2}
    assert [len(line.keys) for line in found.lines] == [198, 98, 100]
    assert "orca_bench_arithmetic: 2 items not measured, left out on all sides" in capsys.readouterr().out
    forget(4)  # 4 % of a skill, but 2 % of the benchmark
    assert compare(base, student).not_measured == {"orca_bench_arithmetic": 4}
    forget(5)
    with pytest.raises(
        BadInput, match=r"orca_bench: 5 of 200 items were not measured in every arm, above 2%"
    ):
        compare(base, student)


def test_results_that_were_measured_in_different_ways_are_not_compared(tmp_path: Path) -> None:
    base = write_results(tmp_path / "base", lambda n: True)
    other = write_results(tmp_path / "other", lambda n: True, prompt="Say it.")
    with pytest.raises(
        BadInput, match="base and other were asked orca_bench_arithmetic/.* in different words"
    ):
        compare(base, other)
    student = write_results(tmp_path / "student", lambda n: True)
    path = student / "results.json"
    document = json.loads(path.read_text())
    document["tasks"]["orca_bench"]["max_new_tokens"] = 8
    path.write_text(json.dumps(document))
    with pytest.raises(BadInput, match="different ways .orca_bench: max_new_tokens: None and 8"):
        compare(base, student)
    path.write_text(json.dumps(document | {"protocol": {"cue": "step by step"}}))
    with pytest.raises(BadInput, match="different ways .protocol"):
        compare(base, student)


def test_the_most_frequent_answer_is_one_however_it_is_written(tmp_path: Path) -> None:
    golds = ["8,000", "8000", "8000.0", "7", "7"]
    rows = [
        grade(
            Item("gsm8k_zs", str(n), str(n), ({"role": "user", "content": "?"},), gold, "number"), Reply("1")
        )
        for n, gold in enumerate(golds)
    ]
    (tmp_path / "base").mkdir()
    results.write(tmp_path / "base", rows, {"model": {}, "versions": {}})
    (line,) = compare(tmp_path / "base", tmp_path / "base").lines
    assert line.scores[CONSTANT].value == pytest.approx(0.6)


def test_models_of_one_name_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    base = write_results(tmp_path / "a" / "model", lambda n: True)
    student = write_results(tmp_path / "b" / "model", lambda n: True)
    assert [arm.name for arm in compare(base, student).arms] == ["model (1)", "model (2)", CONSTANT]


def test_the_customary_means_are_all_given() -> None:
    def rows(task: str, right: int) -> list[dict[str, Any]]:
        facts = {"status": "scored", "kind": "letter", "finish_reason": "stop"}
        return [
            {"task": task, "id": str(n), "cluster": str(n), "score": float(n < right), **facts}
            for n in range(10)
        ]

    found = results.summaries(
        rows("agieval_zs_math", 2) + rows("agieval_zs_aqua_rat", 6) + rows("agieval_zs_gaokao_english", 10)
    )
    means = {name: round(found["agieval"][name], 3) for name in ("score", "macro", "macro_8", "macro_9")}
    assert means == {"score": 0.6, "macro": 0.6, "macro_8": 0.6, "macro_9": 0.4}
    sizes = [
        rows(f"bbh_zs_logical_deduction_{size}_objects", right) for size, right in (("three", 2), ("five", 4))
    ]
    found = results.summaries([*sizes[0], *sizes[1], *rows("bbh_zs_navigate", 9)])
    assert found["bbh"]["macro"] == pytest.approx(0.5)
    assert found["bbh"]["macro_23"] == pytest.approx(0.6)
