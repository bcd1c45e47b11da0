"""Two or more evaluated models on the same items: who is better at what, and how sure that is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..generate.tools.answers import number as value_of
from ..generate.tools.answers import plain_text
from ..progress import say, table
from ..run import BadInput, make_folder, write_whole
from . import results
from .item import Row
from .orca_bench import JUDGED
from .statistics import Difference, Score, paired, score

MOST_NOT_MEASURED = 0.02
CONSTANT = "most frequent answer"
Key = tuple[str, str]


@dataclass(frozen=True)
class Arm:
    """One evaluated model, or a control: its rows by task and item."""

    name: str
    rows: dict[Key, Row]
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """A benchmark, or one task or skill of it: every arm's score, and the student against each of them."""

    name: str
    benchmark: str
    keys: list[Key]
    scores: dict[str, Score]
    against: dict[str, Difference]

    @property
    def is_whole(self) -> bool:
        """Whether this is a benchmark's own line rather than one of its tasks."""
        return self.name == self.benchmark

    def weakest(self) -> tuple[str, Difference]:
        """The arm that the student beats least surely."""
        return min(self.against.items(), key=lambda each: each[1].interval[0])


@dataclass(frozen=True)
class Comparison:
    """All that the table and the page show. arms: base, student, the others, and the constant-answer control."""

    base: str
    student: str
    arms: list[Arm]
    lines: list[Line]
    not_measured: dict[str, int]


def compare(base: Path, student: Path, others: Sequence[Path] = (), html: Path | None = None) -> Comparison:
    """Print `student` against `base` and `others` (folders of results) task by task, and write the page `html`.

    Raises BadInput where the folders hold results of different items or were measured in different ways, or more
    than 2 % of a benchmark was not measured.
    """
    comparison = pair([_arm(folder) for folder in (base, student, *others)])
    show(comparison)
    if html:
        from .report import page

        make_folder(html.parent)
        write_whole(html, page(comparison))
        say(f"Report: {html}")
    return comparison


def _arm(folder: Path) -> Arm:
    facts, rows = results.read(folder)
    return Arm(folder.resolve().name, {(row["task"], row["id"]): row for row in rows}, facts)


def pair(arms: list[Arm]) -> Comparison:
    """The second arm against the first and all others, on the items that every arm was measured on."""
    arms = _common(_named_apart(arms))
    for arm in arms[1:]:
        _same_items(arms[0], arm)
        _same_way(arms[0], arm)
    tasks: dict[str, list[Key]] = {}
    for key in arms[0].rows:
        tasks.setdefault(key[0], []).append(key)
    measured = {task: _measured(keys, arms) for task, keys in sorted(tasks.items())}
    _enough(tasks, measured, arms)
    not_measured = {
        task: len(tasks[task]) - len(keys) for task, keys in measured.items() if len(keys) < len(tasks[task])
    }
    arms.append(_constant(arms[0], [key for keys in measured.values() for key in keys]))
    lines = [_line(name, benchmark, keys, arms) for name, benchmark, keys in _groups(measured)]
    return Comparison(arms[0].name, arms[1].name, arms, lines, not_measured)


def _named_apart(arms: list[Arm]) -> list[Arm]:
    names = Counter(arm.name for arm in arms)
    return [
        Arm(arm.name if names[arm.name] == 1 else f"{arm.name} ({place})", arm.rows, arm.facts)
        for place, arm in enumerate(arms, 1)
    ]


def _common(arms: list[Arm]) -> list[Arm]:
    """The arms with the benchmarks that all of them were measured on."""
    held = [{results.benchmark_of(task) for task, _ in arm.rows} for arm in arms]
    common = set.intersection(*held)
    if not common:
        raise BadInput(
            f"{arms[0].name} and {arms[-1].name} hold results of different items: no benchmark is common to all"
        )
    for benchmark in sorted(set.union(*held) - common):
        say(f"{benchmark}: not measured on every model, left out")
    return [
        Arm(
            arm.name,
            {key: row for key, row in arm.rows.items() if results.benchmark_of(key[0]) in common},
            arm.facts,
        )
        for arm in arms
    ]


def _same_items(a: Arm, b: Arm) -> None:
    """Refuse to compare answers to different questions."""
    for one, other in ((a, b), (b, a)):
        if missing := [key for key in one.rows if key not in other.rows]:
            raise BadInput(
                f"{a.name} and {b.name} hold results of different items: {len(missing)} are in {one.name} alone, such as "
                f"{missing[0][0]}/{missing[0][1]}; evaluate both with the same tasks, data, orca_bench and limit"
            )
    for key, row in a.rows.items():
        if row["gold"] != b.rows[key]["gold"]:
            raise BadInput(
                f"{a.name} and {b.name} were graded against different answers of {key[0]}/{key[1]}"
            )
        if row["prompt"] != b.rows[key]["prompt"]:
            raise BadInput(f"{a.name} and {b.name} were asked {key[0]}/{key[1]} in different words")


def _same_way(a: Arm, b: Arm) -> None:
    """Refuse to compare replies of different lengths or protocols, or the numbers of different judges."""
    ways = [("protocol", a.facts.get("protocol"), b.facts.get("protocol"))]
    for benchmark in sorted({results.benchmark_of(task) for task, _ in a.rows}):
        one, other = (arm.facts.get("tasks", {}).get(benchmark, {}) for arm in (a, b))
        names = ("max_new_tokens", "judge") if benchmark.endswith(JUDGED) else ("max_new_tokens",)
        ways += [(f"{benchmark}: {name}", one.get(name), other.get(name)) for name in names]
    for name, one, other in ways:
        if one != other:
            raise BadInput(
                f"{a.name} and {b.name} were measured in different ways ({name}: {one!r} and {other!r}); "
                "evaluate both with the same recipe"
            )


def _measured(keys: list[Key], arms: list[Arm]) -> list[Key]:
    """The keys that have a score in every arm."""
    return [key for key in keys if all(arm.rows[key]["score"] is not None for arm in arms)]


def _enough(tasks: dict[str, list[Key]], measured: dict[str, list[Key]], arms: list[Arm]) -> None:
    """BadInput unless a benchmark was measured but for 2 %, or not at all (judged items without a judge)."""
    asked: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for task, keys in tasks.items():
        asked[results.benchmark_of(task)] += len(keys)
        held[results.benchmark_of(task)] += len(measured[task])
    scored = {
        results.benchmark_of(task)
        for a in arms
        for (task, _), row in a.rows.items()
        if row["score"] is not None
    }
    for name, count in asked.items():
        missing = count - held[name]
        if name in scored and missing > MOST_NOT_MEASURED * count:
            raise BadInput(
                f"{name}: {missing} of {count} items were not measured in every arm, above "
                f"{MOST_NOT_MEASURED:.0%}; run the same genteach evaluate again: it asks only for what is missing"
            )


def _constant(arm: Arm, keys: list[Key]) -> Arm:
    """A control that knows, for every task, the one answer that is right most often, and always gives it."""
    exact = [key for key in keys if arm.rows[key]["kind"] != "judge"]
    golds: dict[str, Counter[str]] = {}
    for key in exact:
        golds.setdefault(key[0], Counter())[_answer(arm.rows[key])] += 1
    best = {task: counter.most_common(1)[0][0] for task, counter in golds.items()}
    rows = {key: arm.rows[key] | {"score": float(_answer(arm.rows[key]) == best[key[0]])} for key in exact}
    return Arm(CONSTANT, rows)


def _answer(row: Row) -> str:
    """A row's gold answer in one form: "8,000" and "8000" are one answer where numbers are asked for."""
    value = value_of(row["gold"]) if row["kind"] in ("number", "math") else None
    return plain_text(row["gold"]) if value is None else str(value)


def _groups(measured: dict[str, list[Key]]) -> list[tuple[str, str, list[Key]]]:
    """Name, benchmark and keys of every line: each benchmark, followed by its tasks where it has several."""
    benchmarks: dict[str, dict[str, list[Key]]] = {}
    for task, keys in measured.items():
        if keys:
            benchmarks.setdefault(results.benchmark_of(task), {})[task] = keys
    found = []
    for benchmark, tasks in benchmarks.items():
        found.append((benchmark, benchmark, [key for keys in tasks.values() for key in keys]))
        if len(tasks) > 1 or benchmark.startswith("orca_bench"):
            found += [(task, benchmark, keys) for task, keys in tasks.items()]
    return found


def _line(name: str, benchmark: str, keys: list[Key], arms: list[Arm]) -> Line:
    rows = {arm.name: [arm.rows[key] for key in keys] for arm in arms if all(key in arm.rows for key in keys)}
    student = arms[1].name
    scores = {arm: found for arm, of_arm in rows.items() if (found := score(of_arm))}
    against = {arm: paired(of_arm, rows[student]) for arm, of_arm in rows.items() if arm != student}
    return Line(name, benchmark, keys, scores, against)


def show(comparison: Comparison) -> None:
    """The table for a terminal: whole benchmarks, and Orca-Bench skill by skill."""
    names = [comparison.base, *(arm.name for arm in comparison.arms[2:]), comparison.student]
    columns = [
        "task",
        "items",
        *names,
        f"{comparison.student} - {comparison.base}",
        "verdict",
        "smallest lead over any",
    ]
    lines = [line for line in comparison.lines if line.is_whole != line.benchmark.startswith("orca_bench")]
    table(
        "Comparison on the same items, 95 % intervals",
        columns,
        [_cells(line, names, comparison.base) for line in lines],
    )
    for task, count in comparison.not_measured.items():
        say(f"{task}: {count} items not measured, left out on all sides")
    for line in lines:
        difference = line.against[comparison.base]
        if difference.verdict == "cannot tell":
            say(
                f"{label(line)}: cannot tell; this sample shows differences of {number(difference.detectable, line)} or more"
            )


def _cells(line: Line, names: list[str], base: str) -> list[str]:
    shown = [number(line.scores[name].value, line) if name in line.scores else "-" for name in names]
    difference, (weakest, least) = line.against[base], line.weakest()
    lead = f"{least.interval[0] * _factor(line):+.1f} ({weakest})"
    return [label(line), str(len(line.keys)), *shown, interval(difference, line), difference.verdict, lead]


def label(line: Line) -> str:
    """A line's name for people."""
    short = (
        line.name.removeprefix(f"{line.benchmark}_").removeprefix("zs_") if not line.is_whole else line.name
    )
    return short.replace("_", " ")


def interval(difference: Difference, line: Line) -> str:
    """ "+12.3 [+8.0, +16.5]"."""
    value, low, high = (each * _factor(line) for each in (difference.value, *difference.interval))
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"


def number(value: float, line: Line) -> str:
    """A score as per cent, or as 0-10 where it is judged."""
    return f"{value * _factor(line):.1f}"


def _factor(line: Line) -> int:
    return 1 if any(each.scale == 10 for each in line.scores.values()) else 100
