"""The layers: which room may import what, read from the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"torch", "transformers", "trl", "peft", "accelerate", "deepspeed"}
SHARED = {"config", "run", "progress"}
OURS_ALLOWED = {
    "generate": SHARED | {"generate"},
    "train": SHARED | {"train"},
    "evaluate": SHARED | {"evaluate", "generate.teacher", "generate.tools"},
}


def imports(file: Path) -> set[str]:
    """Absolute dotted names of everything that the file imports, ours without the package's name."""
    found: set[str] = set()
    package = file.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(node.module or "")
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            prefix = "genteach." + ".".join([*base, *(node.module or "").split(".")]).strip(".")
            found |= {f"{prefix}.{alias.name}" for alias in node.names} if not node.module else {prefix}
    return found


FILES = sorted(file for room in OURS_ALLOWED for file in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_room_imports_only_what_its_layer_allows(file: Path) -> None:
    room = file.relative_to(ROOT).parts[0]
    ours = {
        name.removeprefix("genteach.").strip(".") for name in imports(file) if name.startswith("genteach")
    }
    strangers = {
        name
        for name in ours
        if not any(name == top or name.startswith(f"{top}.") for top in OURS_ALLOWED[room])
    }
    assert not strangers


@pytest.mark.parametrize(
    "file", sorted((ROOT / "generate").rglob("*.py")), ids=lambda file: str(file.relative_to(ROOT))
)
def test_generate_never_imports_torch(file: Path) -> None:
    assert not {name.split(".")[0] for name in imports(file)} & HEAVY


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_nothing_executes_data(file: Path) -> None:
    tree = ast.parse(file.read_text())
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"eval", "exec"}
    assert not {name.split(".")[0] for name in imports(file)} & {
        "pickle",
        "dill",
        "joblib",
        "marshal",
        "shelve",
    }
