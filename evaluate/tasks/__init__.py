"""The benchmarks: one YAML each says where its items lie, and how they are answered."""

import difflib
from pathlib import Path
from typing import Any

from ...config import Strict
from ...config import load as read_config
from ...run import BadInput, EnvironmentFailure, sha256
from ..item import Item
from .families import READERS, read_file, with_clusters

HERE = Path(__file__).parent
Answer = str | list[str] | None


class Benchmark(Strict):
    """One benchmark. `hub` and `file` may hold {subtask}; a subtask without an answer of its own has the benchmark's."""

    benchmark: str
    hub: dict[str, str]
    file: str
    answer: str
    subtasks: dict[str, Answer] = {}

    def tasks(self) -> dict[str, str]:
        """Our name of each subtask, and its name in files and on the hub."""
        if not self.subtasks:
            return {f"{self.benchmark}_zs": ""}
        return {f"{self.benchmark}_zs_{subtask.replace('-', '_')}": subtask for subtask in self.subtasks}


def benchmarks() -> dict[str, Benchmark]:
    """Every benchmark that has a YAML beside this file."""
    paths = [path for path in sorted(HERE.glob("*.yaml")) if path.stem != "zero_shot"]
    return {path.stem: read_config(path, Benchmark) for path in paths}


def load(name: str, data: Path | None) -> tuple[list[Item], dict[str, str]]:
    """The items of a benchmark or of one of its subtasks, and the sha256 of each file read.

    From the files under `data`, or else from the hub. Raises BadInput for an unknown name or a missing file.
    """
    benchmark, chosen = find(name)
    items: list[Item] = []
    sources: dict[str, str] = {}
    for task, subtask in chosen.items():
        rows, source = _rows(benchmark, subtask, data)
        answer = benchmark.subtasks.get(subtask) or benchmark.answer
        try:
            items += READERS[benchmark.benchmark](task, rows, answer)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"{', '.join(source)}: not the rows of {benchmark.benchmark} ({type(error).__name__}: {error})"
            ) from error
        sources |= source
    return with_clusters(items), sources


def find(name: str) -> tuple[Benchmark, dict[str, str]]:
    """The benchmark that `name` is or belongs to, and the chosen subtasks by our name; BadInput for an unknown one."""
    known = {task: (each, task) for each in benchmarks().values() for task in each.tasks()}
    wholes = {each.benchmark: each for each in benchmarks().values()}
    if name not in known and name not in wholes:
        near = difflib.get_close_matches(name, [*wholes, *known], n=1, cutoff=0.4)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise BadInput(f"tasks: {name!r} is unknown; {hint}benchmarks are {', '.join(wholes)}")
    benchmark = wholes.get(name) or known[name][0]
    return benchmark, benchmark.tasks() if name in wholes else {name: benchmark.tasks()[name]}


def _rows(
    benchmark: Benchmark, subtask: str, data: Path | None
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    if data is None:
        return _from_hub({key: value.format(subtask=subtask) for key, value in benchmark.hub.items()})
    path = data / benchmark.file.format(subtask=subtask)
    if not path.is_file():
        raise BadInput(
            f"{path}: missing; --data must hold {benchmark.file.format(subtask=subtask)}, or leave it out to use the hub"
        )
    return read_file(path), {str(path.relative_to(data)): sha256(path)}


def _from_hub(where: dict[str, str]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    import datasets

    name = "/".join(where.values())
    try:
        found: Any = datasets.load_dataset(where["path"], where.get("name"), split="test")
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0][:160]
        raise EnvironmentFailure(
            f"{name}: the hub does not give it ({reason}); --data DIR reads local files"
        ) from error
    return [dict(row) for row in found], {name: f"fingerprint {found._fingerprint}"}
