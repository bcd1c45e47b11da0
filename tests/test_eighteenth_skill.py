"""One file dropped into the folder of skills is a skill: listed, checked, tried and generated from, with no other edit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from pydoc_data.topics import topics

import pytest
from genteach.generate.author.draft import validate
from genteach.generate.author.render import render
from genteach.generate.pairs import read_pairs

from .drafts import draft

ROOT = Path(__file__).parents[1]
PACKAGE = ("generate", "train", "evaluate", "cli.py", "config.py", "progress.py", "run.py")
RULES = '''\
"""Rules of the eighteenth skill, for its test."""

from random import Random

from genteach.generate.reply import Fields


def ask(fields: Fields, draw: Random) -> Fields:
    words = [word for word in fields["passage"].split() if len(word) > 12]
    quote = " ".join(fields["passage"].split()[:12])
    return {"question": f"How does it begin, before {draw.choice(words)}?", "evidence": quote, "answer": quote}


def answer(fields: Fields, draw: Random) -> str:
    return f"The answer is {' '.join(fields['passage'].split()[:12])}."


RULES = {"find_the_reason": ask, "answer": answer}
'''


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with one skill more; nothing else in it differs."""
    root = tmp_path_factory.mktemp("site") / "genteach"
    root.mkdir()
    for name in PACKAGE:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, root / name)
    (root / "generate/skills/explanation.py").write_text(render(validate(draft())))
    (root / "generate/skills/offline/explanation.py").write_text(RULES)
    return root


def run(copy: Path, *arguments: str) -> str:
    """What a Python prints that imports the copy."""
    ended = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(copy.parent)},
        cwd=copy,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def genteach(copy: Path, *arguments: str) -> str:
    """The copy's command; it must not be this checkout that answers."""
    code = (
        f"import genteach.cli as cli; assert cli.__file__.startswith({str(copy)!r}), cli.__file__; cli.main()"
    )
    return run(copy, "-c", code, *arguments)


def test_it_is_listed_with_its_entries(copy: Path) -> None:
    rows = [line.split() for line in genteach(copy, "skills").splitlines() if line.startswith("explanation ")]
    assert [row[:6] for row in rows] == [["explanation", "text", "5", "8", "17", "1"]]
    assert "find_the_reason (compared as text)" in genteach(copy, "skills", "explanation")


def test_it_is_tested_as_all_others_are(copy: Path) -> None:
    shutil.copytree(ROOT / "tests", copy / "tests", ignore=shutil.ignore_patterns("recorded", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    said = run(
        copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_skills.py", "-k", "explanation"
    )
    assert "5 passed" in said, said


def test_it_is_tried_and_generates_pairs(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name in ("formatstrings", "specialnames", "execmodel"):
        (tmp_path / "docs" / f"{name}.txt").write_text(topics[name][:2900])
    seeds = ("--seeds", str(tmp_path / "docs"), "--teacher", "offline")
    assert "verified by quoted_evidence, agreed_answer" in genteach(
        copy, "try", "explanation", *seeds, "--n", "2"
    )
    out = tmp_path / "run"
    genteach(copy, "generate", "--skills", "explanation", *seeds, "--out", str(out))
    pairs = list(read_pairs(out / "rounds/0001"))
    assert pairs and {pair["skill"] for pair in pairs} == {"explanation"}
    assert (
        "find_the_reason" in genteach(copy, "skills", "explanation", "--run", str(out)).split("Costs in ")[1]
    )
