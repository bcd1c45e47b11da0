"""The dataset card: what the pairs are, who made them, what was turned away, ten of them to read."""

from __future__ import annotations

import heapq
import itertools
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import yaml

from ...progress import printable
from ..seeds.corpus import USER_SUPPLIED
from ..seeds.order import rank
from ..teacher.offline import NAME as OFFLINE
from .unanswerable import is_unanswerable

Pair = dict[str, Any]

SAMPLES = 10
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
LOADING = """```python
from datasets import load_dataset

pairs = load_dataset("parquet", data_files=%s)
```"""


@dataclass
class Contents:
    """What a data set holds, in counts, and the samples that its card shows."""

    splits: Counter[str] = field(default_factory=Counter)
    skills: Counter[str] = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)
    agents: Counter[str] = field(default_factory=Counter)
    teachers: Counter[str] = field(default_factory=Counter)
    verified_by: Counter[str] = field(default_factory=Counter)
    unanswerable: Counter[str] = field(default_factory=Counter)  # by skill
    licences: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    _drawn: dict[str, list[tuple[float, str, Pair]]] = field(default_factory=lambda: defaultdict(list))

    def add(self, pair: Pair, part: str) -> None:
        """Count one pair, and keep it while it is among the first of its skill by hash."""
        self.splits[part] += 1
        self.skills[pair["skill"]] += 1
        self.entries[f"{pair['skill']} / {pair['entry']}"] += 1
        self.agents.update({f"{pair['skill']} / {step['agent']}" for step in pair["lineage"]})
        self.teachers[pair["teacher"]] += 1
        self.verified_by[pair["verified_by"]] += 1
        if is_unanswerable(pair):
            self.unanswerable[pair["skill"]] += 1
        self.licences[pair["licence"]] += 1
        self.sources[pair["source"]] += 1
        kept = self._drawn[pair["skill"]]
        heapq.heappush(kept, (-rank(0, pair["id"]), pair["id"], pair))
        if len(kept) > SAMPLES:
            heapq.heappop(kept)

    def samples(self) -> list[Pair]:
        """Ten pairs, the skills in turn."""
        columns = [sorted(self._drawn[skill], reverse=True) for skill in sorted(self._drawn)]
        rows = itertools.zip_longest(*columns)
        return [each[2] for row in rows for each in row if each is not None][:SAMPLES]

    def counts(self) -> dict[str, dict[str, int]]:
        """The counts, for a manifest."""
        public = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        return {name: dict(sorted(counter.items())) for name, counter in public.items()}


def card(
    name: str,
    contents: Contents,
    generated: Counter[str],
    curated: Counter[str],
    facts: dict[str, Any],
) -> str:
    """The README.md of a data set; `generated` and `curated` say what each step turned away, by reason."""
    total = contents.splits.total()
    files = {part: f"{part}-*.parquet" for part in contents.splits}
    parts = [
        f"---\n{yaml.safe_dump(_header(name, contents, files), sort_keys=False, allow_unicode=True)}---",
        f"# {name}",
        f"{total} pairs of instruction and answer for teaching a language model, made from documents by generative "
        f"teaching (AgentInstruct, arXiv 2407.03502) with genteach. {_teacher(contents)}",
        LOADING % json.dumps(files),
        "`messages` is a typed list of turns. `answer` is the short final answer where there is one, and `match` says "
        "how to compare it; `document` and `span` say which characters of which document a pair came from, `lineage` "
        "which agents made it, `verified_by` why its answer is believed. Validation pairs are of documents of their own.",
        _table("Split", contents.splits, total),
        _table("Skill", contents.skills, total),
        _table("Skill / taxonomy entry", contents.entries, total),
        _table("Skill / agent that had a hand in it", contents.agents, total),
        _table("Verified by", contents.verified_by, total),
        _table("Says that its text has no answer (skill)", contents.unanswerable),
        _table("Licence of the document", contents.licences, total) + _licence_note(contents),
        _table("Source", contents.sources, total),
        _table("Turned away while generating (step: reason)", generated),
        _table("Turned away while curating (reason)", curated),
        "## Made with\n\n" + "\n".join(f"- {key}: {value}" for key, value in facts.items()),
        "## Ten samples",
        *(_sample(pair) for pair in contents.samples()),
    ]
    return "\n\n".join(parts) + "\n"


def _header(name: str, contents: Contents, files: dict[str, str]) -> dict[str, Any]:
    licences = sorted(contents.licences)
    known = len(licences) == 1 and not licences[0].startswith("LicenseRef-")
    total = contents.splits.total()
    return {
        "pretty_name": name,
        "license": licences[0].lower() if known else "other",
        **({} if known else {"license_name": " AND ".join(licences)}),
        "task_categories": ["text-generation"],
        "size_categories": [next((size for limit, size in SIZES if total < limit), "n>1M")],
        "tags": ["synthetic", "genteach"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": part, "path": path} for part, path in files.items()],
            }
        ],
    }


def _teacher(contents: Contents) -> str:
    """Who wrote the pairs, named for what it is."""
    names = sorted(contents.teachers)
    if names == [OFFLINE]:
        return (
            "**The teacher was the offline rule-based teacher (`"
            + OFFLINE
            + "`): a set of rules, not a language "
            "model.** Its pairs are correct and narrow; they show that the flow works and can teach a tiny student."
        )
    return "Teacher: " + ", ".join(f"`{name}` ({contents.teachers[name]} pairs)" for name in names) + "."


def _licence_note(contents: Contents) -> str:
    if USER_SUPPLIED not in contents.licences:
        return ""
    return (
        f"\n\n`{USER_SUPPLIED}`: the documents were given without a licence; find out what it allows before "
        "you pass the pairs on."
    )


def _table(title: str, counter: Counter[str], total: int | None = None) -> str:
    rows = [
        f"| {_cell(name)} | {count} |" + (f" {count / total:.1%} |" if total else "")
        for name, count in sorted(counter.items(), key=lambda item: (-item[1], item[0]))
    ]
    head = f"| {title} | pairs |" + (" share |" if total else "")
    rule = "|---|---:|" + ("---:|" if total else "")
    return "\n".join([head, rule, *(rows or ["| none | 0 |" + (" |" if total else "")])])


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", printable(text)).replace("|", "\\|").replace("<", "&lt;")


def _sample(pair: Pair) -> str:
    """A pair as it stands, behind a fence that nothing in it can close."""
    turns = "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in pair["messages"])
    text = printable(turns)
    fence = "`" * (max([2, *map(len, re.findall(r"`+", text))]) + 1)
    title = f"### {_cell(pair['skill'])} / {_cell(pair['entry'])}, `{pair['id']}`"
    about = f"{_cell(pair['document'])}, characters {pair['span'][0]}–{pair['span'][1]}; {_cell(pair['verified_by'])}"
    return f"{title}\n\n{about}\n\n{fence}text\n{text}\n{fence}"
