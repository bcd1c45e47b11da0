"""The package maps the repository's folders, completely, and shadows nothing."""

import importlib.util
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ["generate", "train", "evaluate"]


def test_every_folder_of_code_is_listed_in_pyproject() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    present = {path.parent.relative_to(ROOT) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    assert sorted(listed) == sorted(
        {"genteach", *("genteach." + ".".join(folder.parts) for folder in present)}
    )


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_three_rooms_have_no_init_file(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


@pytest.mark.skipif(importlib.util.find_spec("lm_eval") is None, reason="needs the evaluate extra")
def test_hugging_faces_evaluate_is_not_shadowed() -> None:
    subprocess.run([sys.executable, "-c", "import evaluate; evaluate.load"], cwd=ROOT, check=True)


def test_constraints_cover_every_direct_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {
        line.split("==")[0].lower().replace("-", "_")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
    }
    wanted = project["dependencies"] + [
        d for name in ("documents", "train", "deepspeed") for d in project["optional-dependencies"][name]
    ]
    names = {
        requirement.split(">")[0].split("[")[0].split(" ")[0].lower().replace("-", "_")
        for requirement in wanted
    }
    assert names - pinned <= {"ninja"}
