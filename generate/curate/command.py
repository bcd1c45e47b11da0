"""`genteach curate`: the sealed pairs of a run to a data set, or to a control arm beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import yaml

from ...progress import Progress, say, table
from ...run import (
    AccountingError,
    BadInput,
    Lock,
    read_manifest,
    sha256,
    versions,
    write_manifest,
    write_whole,
)
from ..pairs import read_pairs, read_rejected
from ..seeds import read_seeds
from .card import Contents, card
from .controls import write_control
from .deduplicate import Passages, duplicates, fingerprint
from .export import empty_folder, split_of, validation_documents, write_dropped, write_shards
from .screen import screen
from .unanswerable import BEYOND, SHARE, beyond_share

Pair = dict[str, Any]
Lost = dict[str, tuple[str, str]]  # by pair id: reason, detail
PACKAGES = ("numpy", "pyarrow", "xxhash")
WHO = ("kind", "server", "model", "root", "revision", "guided", "rules")  # of what is known of a teacher


def curate(run: Path, control: str | None = None, unanswerable: float = SHARE) -> None:
    """Write RUN/data from the run's rounds, or RUN/controls/CONTROL from RUN/data; the same input gives the same bytes.

    At most the share `unanswerable` of a skill's pairs say that their text does not state the answer.
    Raises BadInput for a run without pairs or with damaged ones, and for an unknown control.
    """
    rounds = sealed_rounds(run)
    with Lock(run):
        if control is None:
            _curate(run, rounds, unanswerable)
        else:
            _control(run, control)


def _control(run: Path, name: str) -> None:
    counts = write_control(run, name)
    table(f"Control: {name}", ["pairs", "number"], [[kind, str(count)] for kind, count in counts.items()])
    say(f"Written to {run / 'controls' / name}")


def _curate(run: Path, rounds: list[Path], unanswerable: float) -> None:
    lost, total = judge(run, rounds)
    lost |= {name: (BEYOND, "") for name in beyond_share(_kept(rounds, lost), unanswerable)}
    kept = total - len(lost)
    if not kept:
        raise BadInput(f"{run}: none of its {total} pairs is left ({_told(_reasons(lost))})")
    manifest = _export(run, rounds, lost)
    written = sum(file["rows"] for file in manifest["files"])
    if written != total:
        raise AccountingError(f"{run}: {total} pairs read, {written} kept or rejected; please report this")
    rows = [["kept", str(kept)], *([why, str(count)] for why, count in _reasons(lost).most_common())]
    table(f"Curated: {total} pairs", ["kept, or rejected by reason", "pairs"], rows)
    if silent := manifest["unanswerable"]:
        told = ", ".join(f"{skill} {count} of {manifest['skills'][skill]}" for skill, count in silent.items())
        say(f"Kept pairs that say that their text has no answer: {told}")
    say(f"Written to {run / 'data'}, with a card (README.md)")


def sealed_rounds(run: Path) -> list[Path]:
    """The run's finished rounds in order; BadInput when there is none."""
    rounds = sorted(path.parent for path in run.glob("rounds/*/manifest.json"))
    if not rounds:
        raise BadInput(f"{run}: holds no finished round of pairs; run genteach generate --out {run} first")
    return rounds


def judge(run: Path, rounds: list[Path]) -> tuple[Lost, int]:
    """What is to be dropped and why, and how many pairs there are: by text alone first, then duplicates."""
    lost: Lost = {}
    ids: set[str] = set()
    passages, held_out = Passages(), benchmark(run)
    for seed in read_seeds(run):
        passages.tell(seed.id, seed.text)
    for pair in _pairs(rounds):
        if pair["id"] in ids:
            raise AccountingError(f"{run}: pair {pair['id']} occurs twice; please report this")
        ids.add(pair["id"])
        if reason := screen(pair):
            lost[pair["id"]] = (reason, "")
        elif item := held_out.get(_asked(pair)):
            lost[pair["id"]] = ("asked in orca_bench", item)
        else:
            passages.add(pair)
    with Progress("compare", len(ids) - len(lost), "pairs") as progress:
        prints = []
        for pair in _pairs(rounds):
            if pair["id"] not in lost:
                prints.append(fingerprint(pair, passages))
                progress.advance()
    return lost | duplicates(prints), len(ids)


def benchmark(run: Path) -> dict[str, str]:
    """The items of the run's Orca-Bench, where it is built: what is asked, and the item's id.

    The documents are apart already; short questions (a sum, say) can still come out the same.
    """
    files = sorted((run / "orca_bench").glob("*.jsonl"))
    items = (orjson.loads(line) for file in files for line in file.read_bytes().splitlines())
    return {_asked(item): item["id"] for item in items}


def _asked(pair: Pair) -> str:
    """All that is said up to the first question: the same system message introduces many."""
    first = [message["role"] for message in pair["messages"]].index("user")
    return " ".join(" ".join(message["content"] for message in pair["messages"][: first + 1]).split())


def _pairs(rounds: list[Path]) -> Iterator[Pair]:
    for folder in rounds:
        yield from read_pairs(folder)


def _kept(rounds: list[Path], lost: Lost) -> Iterator[Pair]:
    return (pair for pair in _pairs(rounds) if pair["id"] not in lost)


def _export(run: Path, rounds: list[Path], lost: Lost) -> dict[str, Any]:
    """Shards, then the card, then the manifest."""
    part_of = split_of(validation_documents({pair["document"] for pair in _kept(rounds, lost)}))
    folder, contents = run / "data", Contents()
    empty_folder(folder)
    for pair in _kept(rounds, lost):
        contents.add(pair, part_of(pair))
    files: dict[str, int] = {}
    for part in sorted(contents.splits):
        files |= write_shards(folder, part, (pair for pair in _kept(rounds, lost) if part_of(pair) == part))
    files |= write_dropped(folder, _pairs(rounds), lost)
    rejected = Counter(f"{row['step']}: {row['reason']}" for each in rounds for row in read_rejected(each))
    made = _made_with(run, rounds)
    write_whole(folder / "README.md", card(run.resolve().name, contents, rejected, _reasons(lost), made))
    facts = {"kept": contents.splits.total(), "rejected": dict(sorted(_reasons(lost).items()))}
    return write_manifest(folder, files, **facts, **contents.counts(), made_with=made)


def _made_with(run: Path, rounds: list[Path]) -> dict[str, str]:
    """Versions and hashes by which the data set can be told from another."""
    recipe = run / "recipe.yaml"
    known = {"recipe": yaml.safe_load(recipe.read_text())["fingerprint"]} if recipe.is_file() else {}
    sealed = {f"round {each.name}": f"manifest sha256 {sha256(each / 'manifest.json')}" for each in rounds}
    identities = [identity for each in rounds for identity in read_manifest(each)["teachers"]]
    teachers = {", ".join(f"{key} {each[key]}" for key in WHO if key in each) for each in identities}
    return {**versions(*PACKAGES), **known, "teacher": "; ".join(sorted(teachers)), **sealed}


def _reasons(lost: Lost) -> Counter[str]:
    return Counter(reason for reason, _ in lost.values())


def _told(reasons: Counter[str]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
