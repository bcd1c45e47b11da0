"""What reaches a terminal cannot drive it, and progress is readable by people and by machines."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from genteach.progress import Progress, printable, table


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("a\x1b[31mred\x1b[0m", "ared"),
        ("\x1b]52;c;cm0gLXJm\x07copy", "copy"),
        ("\x1b]0;title\x1b\\text", "text"),
        ("one\x07\x08\x00two", "onetwo"),
        ("\u202eevil\u2066", "evil"),
        ("tab\tand\nline", "tab\tand\nline"),
        ("\x9b31m", "31m"),
    ],
)
def test_control_sequences_are_taken_out(hostile: str, harmless: str) -> None:
    assert printable(hostile) == harmless


def test_progress_away_from_a_terminal_is_plain_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("generate", 10, "seeds") as progress:
        progress.advance(4, accepted=7)
    line = capsys.readouterr().out
    assert line.startswith("generate: 4 of 10 seeds in")
    assert "accepted 7" in line


def test_progress_for_machines_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("generate", None, "seeds", as_json=True) as progress:
        progress.advance(4, accepted=7)
    assert json.loads(capsys.readouterr().out) | {"seconds": 0} == {
        "step": "generate",
        "done": 4,
        "total": None,
        "seconds": 0,
        "accepted": 7,
    }


def test_markup_in_a_table_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    table("T", ["[red]name[/red]", "n"], [["[bold]x[/bold]", "1"]])
    assert "[bold]x[/bold]" in capsys.readouterr().out


def test_with_json_nothing_but_json_goes_to_stdout(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "genteach.cli",
        "generate",
        "--seeds",
        "python",
        "--limit",
        "2",
        "--json",
    ]
    ran = subprocess.run(
        [*command, "--out", str(tmp_path / "run")], capture_output=True, text=True, check=True
    )
    assert {"step", "done", "seconds"} <= json.loads(ran.stdout.splitlines()[-1]).keys()
    assert all(json.loads(line) for line in ran.stdout.splitlines())
    assert "Accepted pairs" in ran.stderr and "wall time" in ran.stderr
