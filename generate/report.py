"""What `genteach generate` tells its user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..progress import say, table
from ..run import Accounting
from .effort import efforts, refinements
from .engine import Engine
from .flow import Skill
from .pairs import count_by
from .seeds import SeedReport
from .teacher import TeacherSettings


def say_seeds(report: SeedReport) -> None:
    """How many seeds, from what, under which licences, and what could not be used."""
    documents = report.documents
    say(
        f"Seeds: {report.train} for training from {documents['train']} documents, "
        f"{report.held_out} held out with their {documents['held_out']} documents; "
        f"kinds {_counts(report.kinds)}; licences {_counts(report.licences)}"
    )
    left = {**report.passages_dropped, **({"duplicate": report.duplicates} if report.duplicates else {})}
    if left:
        say(f"Passages left out: {_counts(left)}")
    if report.skipped:
        shown = "; ".join(f"{file} ({reason})" for file, reason in report.skipped_files[:3])
        say(f"Documents that could not be read: {_counts(report.skipped)}; {shown}")


def say_teachers(teachers: tuple[TeacherSettings, ...]) -> None:
    """Who answers; the offline teacher is named for what it is."""
    for teacher in teachers:
        _say_teacher(teacher)


def _say_teacher(teacher: TeacherSettings) -> None:
    if teacher.kind == "offline":
        say(
            "Teacher: the embedded offline teacher, a set of rules and not a language model: correct, and narrow.\n"
            "For a real one, add: --teacher http://127.0.0.1:8000/v1   (any OpenAI-compatible server)"
        )
    else:
        where = f"launched with {teacher.launch.server}" if teacher.launch else ", ".join(teacher.urls)
        say(f"Teacher: {where} {teacher.model or ''}")


def say_pairs(folder: Path, manifest: dict[str, Any]) -> None:
    """Pairs by skill, losses by reason, and the conservation law."""
    accepted, lost = count_by(folder)
    rows = [[skill, str(count)] for skill, count in sorted(accepted.items())]
    table("Accepted pairs", ["skill", "pairs"], [*rows, ["all", str(accepted.total())]])
    if lost:
        table(
            "Rejected", ["step: reason", "records"], [[why, str(count)] for why, count in lost.most_common()]
        )
    for how in ("rejected", "quarantined"):
        if manifest[how]:
            say(f"Work items {how}: {_counts(manifest[how])}")
    accounting = Accounting.of(manifest)
    say(f"{accounting}; {manifest['teacher_calls']} teacher calls, {manifest['repeated_calls']} repeated")


def say_refinements(run: Path, skills: Iterable[Skill]) -> None:
    """The refinements that do not pay, each by its editor: they are named, and never cut."""
    found = efforts(run)
    for skill in skills:
        for each in refinements(skill, found):
            if each.complaint:
                say(f"{skill.name}: the editor {each.refinement.editor.name} does not pay: {each.complaint}")


def say_effort(engine: Engine, teachers: list[dict[str, Any]]) -> None:
    """What this process asked of the teacher, beside what it found in the journal."""
    tally = engine.tally
    say(
        f"Teacher calls: {tally.calls} made, {tally.reused} reused; {tally.repairs} replies to repair,"
        f" {tally.declined.total()} declined; {tally.prompt_tokens} prompt"
        f" + {tally.completion_tokens} completion tokens in {engine.seconds:.0f} s"
    )
    for report in filter(None, teachers):
        _say_servers(report)


def _say_servers(report: dict[str, Any]) -> None:
    """What each server of a teacher did, what was sent again and why, and how much of the prompts was shared."""
    rows = [
        [
            server["url"],
            str(server["calls"]),
            f"{server['tokens_per_second']:.0f}",
            str(server["limit_reached"]),
            server.get("ejected") or str(server["ejections"]),
        ]
        for server in report["replicas"]
    ]
    table("Servers", ["server", "calls", "tokens/s", "most at once", "ejected"], rows)
    again = (
        f", sent again {report['repeated_sends']} ({_counts(report['retries'])})" if report["retries"] else ""
    )
    hits = (
        f"; found there by the servers {report['server_hit_rate']:.0%}" if "server_hit_rate" in report else ""
    )
    say(f"Prompt tokens that repeat a prefix of their server: {report['prefix_share']:.0%}{hits}{again}")


def _counts(counter: dict[str, int] | Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items(), key=lambda item: -item[1]))
