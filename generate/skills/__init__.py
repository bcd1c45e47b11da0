"""The skills: one file each, found by listing the folder, so that a new one needs no line here."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from pathlib import Path

from ...run import BadInput
from ..flow import Skill

NAMES = tuple(sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py")))


def load(name: str) -> Skill:
    """The skill in the file `name`.py; raises BadInput, with the nearest right name, where there is none."""
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(NAMES)}"
        raise BadInput(f"no skill {name!r}; {hint}")
    return importlib.import_module(f".{name}", __name__).SKILL


def find(name: str) -> Skill:
    """The skill of this name, or in the file of this name; raises BadInput."""
    return load_file(Path(name)) if name.endswith(".py") else load(name)


def load_file(path: Path) -> Skill:
    """The skill in a file that lies elsewhere, such as one that is being written; raises BadInput.

    The file is a program and is run: what a model wrote comes here only as data in a file of ours.
    """
    spec = importlib.util.spec_from_file_location(f"genteach_skill_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise BadInput(f"{path}: no such skill file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    skill = getattr(module, "SKILL", None)
    if not isinstance(skill, Skill):
        raise BadInput(f"{path}: has no SKILL = Skill(...)")
    return skill
