"""Rows of the benchmarks, as their authors' files or lm-eval's hub data sets have them, read as items of one form."""

import csv
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...run import BadInput
from ..item import Item, Kind, digest

Rows = list[dict[str, Any]]
Answer = str | list[str]
LETTERS = "ABCD"


def read_file(path: Path) -> Rows:
    """The rows of a .jsonl, a .json with an `examples` list, or MMLU's headerless .csv ("None" and "NA" stay text)."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            if path.suffix == ".csv":
                return [_mmlu_row(cells) for cells in csv.reader(file)]
            return (
                json.load(file)["examples"] if path.suffix == ".json" else [json.loads(line) for line in file]
            )
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{path}: not the file of this benchmark ({type(error).__name__}: {error})") from error


def _mmlu_row(cells: list[str]) -> dict[str, Any]:
    if len(cells) != 6 or cells[5] not in tuple(LETTERS):
        raise ValueError(f"expected question, four options and a letter, found {len(cells)} cells")
    return {"question": cells[0], "choices": cells[1:5], "answer": cells[5]}


def gsm8k(task: str, rows: Rows, answer: Answer) -> list[Item]:
    """The number behind the last #### is the answer."""
    return [
        _item(task, row["question"].strip(), row["answer"].rpartition("####")[2].strip(), answer)
        for row in rows
    ]


def mmlu(task: str, rows: Rows, answer: Answer) -> list[Item]:
    """Options lettered "A. ..." as the benchmark's authors print them; the hub numbers the answer from 0."""
    items = []
    for row in rows:
        options = [str(choice).strip() for choice in row["choices"]]
        listed = [f"{letter}. {option}" for letter, option in zip(LETTERS, options, strict=True)]
        gold = row["answer"] if isinstance(row["answer"], str) else LETTERS[row["answer"]]
        items.append(_item(task, "\n".join([row["question"].strip(), *listed]), gold, answer, options))
    return items


def bbh(task: str, rows: Rows, answer: Answer) -> list[Item]:
    """The options of a lettered question stand in its text."""
    items = []
    for row in rows:
        options = re.findall(r"^\([A-Z]\) *(.*)$", row["input"], re.MULTILINE) if answer == "letter" else []
        items.append(_item(task, row["input"].strip(), row["target"].strip(), answer, options))
    return items


_CUE = re.compile(r"\s*A: (?:Among A through [A-Z], )?[Tt]he answer is\s*$")


def agieval(task: str, rows: Rows, answer: Answer) -> list[Item]:
    """Passage, question, options. The hub's rows are prompts already: their cue to answer at once is taken off again."""
    items = []
    for row in rows:
        row = _from_query(row) if "query" in row else row
        listed = [option.strip() for option in row["options"] or ()]
        passage, question = (row["passage"] or "").strip(), row["question"].strip()
        gold = (row["label"] if answer == "letter" else row["answer"]).strip()
        options = [re.sub(r"^\([A-Z]\)\s*", "", option) for option in listed]
        prompt = (f"{passage}\n\n" if passage else "") + "\n".join([question, *listed])
        items.append(_item(task, prompt, gold, answer, options, passage or question))
    return items


def _from_query(row: dict[str, Any]) -> dict[str, Any]:
    text = _CUE.sub("", row["query"]).partition("Answer Choices:")[0]
    passage, _, question = text.rpartition("Q: ")
    label = LETTERS_ALL[row["gold"][0]] if row.get("gold") else None
    return {
        "passage": passage,
        "question": question,
        "options": row.get("choices"),
        "label": label,
        "answer": row.get("answer"),
    }


LETTERS_ALL = "ABCDEFGHIJ"


def _item(
    task: str, prompt: str, gold: str, answer: Answer, options: list[str] | None = None, cluster: str = ""
) -> Item:
    """An item named by its content, so that a file in another order holds the same items."""
    kind: Kind = "word" if isinstance(answer, list) else answer  # type: ignore[assignment]
    words = answer if isinstance(answer, list) else options or []
    name = digest(prompt, gold)[:16]
    cluster = digest(cluster)[:16] if cluster else name
    return Item(task, name, cluster, ({"role": "user", "content": prompt},), gold, kind, tuple(words))


def with_clusters(items: list[Item]) -> list[Item]:
    """Number exact duplicates apart within their cluster, and put AGIEval's SAT questions beside their twins without passage."""
    seen: dict[tuple[str, str], int] = {}
    passages = {_question(item): item.cluster for item in items if item.task == "agieval_zs_sat_en"}
    found = []
    for item in items:
        copy = seen[item.task, item.id] = seen.get((item.task, item.id), 0) + 1
        name = item.id if copy == 1 else f"{item.id}-{copy}"
        twin = (
            passages.get(_question(item), item.cluster)
            if item.task.startswith("agieval_zs_sat_en")
            else item.cluster
        )
        found.append(replace(item, id=name, cluster=twin))
    return found


def _question(item: Item) -> str:
    """The question and its options, without the passage."""
    return item.prompt.rpartition("\n\n")[2]


READERS: dict[str, Callable[[str, Rows, Answer], list[Item]]] = {
    "agieval": agieval,
    "bbh": bbh,
    "gsm8k": gsm8k,
    "mmlu": mmlu,
}
